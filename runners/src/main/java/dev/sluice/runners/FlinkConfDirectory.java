package dev.sluice.runners;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Settings of a Flink inside this process, as the directory from which Beam lets Flink read them;
 * deleted on close, or when this process ends before. Nothing listens beyond the loopback
 * interface.
 */
final class FlinkConfDirectory implements AutoCloseable {
  /**
   * Flink divides a task slot's managed memory among all operators that sort or hash, and each
   * needs at least a few dozen segments; a graph with a branch for each of 32 nodes has about 70 of
   * them. Segments of 8 KiB suit claims of a few hundred bytes.
   */
  private static final int SEGMENT_KIB = 8;

  private static final int MANAGED_MIB_PER_SLOT = 64;
  private static final int NETWORK_MIB_AT_LEAST = 32;

  private final Path directory;
  private final Thread clearUp = new Thread(this::deleteAtExit, "sluice-flink-clear-up");

  private FlinkConfDirectory(Path directory) {
    this.directory = directory;
  }

  /** Writes the settings for a parallelism. */
  static FlinkConfDirectory create(int parallelism) throws IOException {
    Path directory = Files.createTempDirectory("sluice-flink-");
    FlinkConfDirectory conf = new FlinkConfDirectory(directory);
    Runtime.getRuntime().addShutdownHook(conf.clearUp);
    try {
      Files.write(
          directory.resolve("flink-conf.yaml"),
          settings(parallelism, directory),
          StandardCharsets.UTF_8);
      return conf;
    } catch (IOException e) {
      conf.close();
      throw e;
    }
  }

  private static List<String> settings(int parallelism, Path scratch) {
    // An all-to-all exchange needs 2 p (p + 1) buffers, and about 36 of them are open at once.
    int network = Math.max(NETWORK_MIB_AT_LEAST, parallelism * parallelism);
    return List.of(
        "rest.address: localhost",
        "rest.bind-address: localhost",
        "rest.port: 0",
        "rest.bind-port: 0",
        "jobmanager.rpc.address: localhost",
        "jobmanager.bind-host: localhost",
        "taskmanager.host: localhost",
        "taskmanager.bind-host: localhost",
        "taskmanager.numberOfTaskSlots: " + parallelism,
        "taskmanager.memory.segment-size: " + SEGMENT_KIB + "kb",
        "taskmanager.memory.managed.size: " + MANAGED_MIB_PER_SLOT * parallelism + "m",
        "taskmanager.network.memory.buffers-per-channel: 1",
        "taskmanager.memory.network.min: " + network + "m",
        "taskmanager.memory.network.max: " + network + "m",
        "io.tmp.dirs: " + scratch,
        "web.tmpdir: " + scratch,
        "web.submit.enable: false",
        "web.cancel.enable: false");
  }

  /** Path of the directory. */
  String path() {
    return directory.toString();
  }

  @Override
  public void close() throws IOException {
    delete();
    try {
      Runtime.getRuntime().removeShutdownHook(clearUp);
    } catch (IllegalStateException e) {
      // shutting down: the hook is running
    }
  }

  private void deleteAtExit() {
    for (int tries = 3; tries > 0; tries--) {
      try {
        delete();
        return;
      } catch (IOException | UncheckedIOException e) {
        // Flink is going down at the same time, and may write or delete here while it does.
      }
    }
  }

  private void delete() throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    try (Stream<Path> tree = Files.walk(directory)) {
      for (Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
