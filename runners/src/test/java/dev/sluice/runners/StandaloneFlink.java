package dev.sluice.runners;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * A Flink session cluster of several processes on this machine's loopback interface: a job manager
 * and task managers of two slots each, from the jars in target/flink/lib, as docs/OPERATIONS.md has
 * it. What they say is kept in target/flink/NAME.
 */
final class StandaloneFlink implements AutoCloseable {
  static final int SLOTS = 2;
  private static final long PATIENCE_SECONDS = 120;

  /** Flags for processes that do not live long. */
  static final List<String> QUICK = List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");

  private final Path home = Path.of(System.getProperty("sluice.flink"));
  private final Path directory;
  private final int restPort;
  private final Process jobManager;
  private final List<Process> taskManagers = new ArrayList<>();
  private final Thread onExit = new Thread(this::killAll);

  private StandaloneFlink(String name, List<String> settings) throws IOException {
    directory = home.resolve(name);
    Attempt.delete(directory.toString());
    Path conf = Files.createDirectories(directory.resolve("conf"));
    Files.createDirectories(directory.resolve("tmp"));
    int rpcPort = freePort();
    restPort = freePort();
    List<String> lines = new ArrayList<>();
    lines.add("jobmanager.rpc.address: localhost");
    lines.add("jobmanager.rpc.port: " + rpcPort);
    lines.add("jobmanager.bind-host: localhost");
    lines.add("rest.address: localhost");
    lines.add("rest.bind-address: localhost");
    lines.add("rest.port: " + restPort);
    lines.add("blob.server.port: " + freePort());
    lines.add("taskmanager.host: localhost");
    lines.add("taskmanager.bind-host: localhost");
    lines.add("cluster.evenly-spread-out-slots: true");
    lines.add("taskmanager.numberOfTaskSlots: " + SLOTS);
    lines.add("taskmanager.cpu.cores: 1.0");
    lines.add("taskmanager.memory.framework.heap.size: 128m");
    lines.add("taskmanager.memory.framework.off-heap.size: 128m");
    lines.add("taskmanager.memory.task.heap.size: 384m");
    lines.add("taskmanager.memory.task.off-heap.size: 0m");
    lines.add("taskmanager.memory.managed.size: 256m");
    lines.add("taskmanager.memory.network.min: 64m");
    lines.add("taskmanager.memory.network.max: 64m");
    lines.add("taskmanager.memory.jvm-metaspace.size: 256m");
    lines.add("taskmanager.memory.jvm-overhead.min: 192m");
    lines.add("taskmanager.memory.jvm-overhead.max: 192m");
    // Claims are small: an exchange that is written out needs no 16 MiB to sort them in.
    lines.add("taskmanager.network.sort-shuffle.min-buffers: 64");
    lines.add("heartbeat.interval: 2000");
    lines.add("heartbeat.timeout: 20000");
    lines.add("io.tmp.dirs: " + directory.resolve("tmp"));
    lines.addAll(settings);
    Files.write(conf.resolve("flink-conf.yaml"), lines);
    Files.writeString(
        directory.resolve("logback.xml"),
        "<configuration><appender name='OUT' class='ch.qos.logback.core.ConsoleAppender'><encoder>"
            + "<pattern>%d{HH:mm:ss.SSS} %level %logger{0}: %msg%n</pattern></encoder></appender>"
            + "<root level='INFO'><appender-ref ref='OUT'/></root></configuration>");
    Runtime.getRuntime().addShutdownHook(onExit);
    jobManager =
        java(
            "jobmanager",
            List.of("-Xmx512m"),
            "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
            List.of("--executionMode", "cluster"));
  }

  /**
   * Starts a cluster and waits until it is whole.
   *
   * @param settings further lines of flink-conf.yaml
   */
  static StandaloneFlink start(String name, int taskManagers, String... settings)
      throws IOException {
    StandaloneFlink flink = new StandaloneFlink(name, List.of(settings));
    try {
      for (int i = 0; i < taskManagers; i++) {
        flink.startTaskManager();
      }
      flink.awaitSlots(taskManagers * SLOTS);
      return flink;
    } catch (IOException | RuntimeException e) {
      flink.close();
      throw e;
    }
  }

  /** host:port of the REST interface. */
  String master() {
    return "localhost:" + restPort;
  }

  /** Where the processes keep what they say. */
  Path directory() {
    return directory;
  }

  /** The cluster as the command line sees it. */
  FlinkCluster rest() {
    return FlinkCluster.at(master());
  }

  /**
   * Starts one more task manager, and does not wait for it.
   *
   * @param settings as -Dkey=value
   */
  Process startTaskManager(String... settings) throws IOException {
    Process process =
        java(
            "taskmanager-" + taskManagers.size(),
            List.of("-Xmx512m", "-XX:MaxDirectMemorySize=192m", "-XX:MaxMetaspaceSize=256m"),
            "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
            List.of(settings));
    taskManagers.add(process);
    return process;
  }

  /** Task managers that were started and have not ended, in order. */
  List<Process> living() {
    return taskManagers.stream().filter(Process::isAlive).toList();
  }

  /** Ends a task manager as a machine that loses power does. */
  static void kill(Process process) {
    process.destroyForcibly(); // SIGKILL
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Waits until so many slots are registered. */
  void awaitSlots(int slots) {
    await(slots + " slots", () -> slots() == slots);
  }

  private int slots() {
    try {
      return rest().slots();
    } catch (ClusterException e) {
      if (!jobManager.isAlive()) {
        throw e;
      }
      return -1; // still starting
    }
  }

  /** Waits for something to come true. */
  static void await(String what, BooleanSupplier condition) {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - until > 0) {
        throw new IllegalStateException("waited " + PATIENCE_SECONDS + " s in vain for " + what);
      }
      try {
        Thread.sleep(100);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }
  }

  private Process java(String name, List<String> flags, String main, List<String> args)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(flags);
    command.addAll(QUICK);
    command.add("-Djava.io.tmpdir=" + directory.resolve("tmp"));
    command.add("-Dlogback.configurationFile=" + directory.resolve("logback.xml"));
    command.addAll(List.of("-cp", home.resolve("lib") + "/*", main));
    command.addAll(List.of("--configDir", directory.resolve("conf").toString()));
    command.addAll(args);
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve(name + ".log").toFile());
    builder.environment().put("FLINK_PLUGINS_DIR", home.resolve("plugins").toString());
    return builder.start();
  }

  static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** What the processes said, for a failed test. */
  String logs() {
    StringBuilder logs = new StringBuilder();
    try (var files = Files.list(directory)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".log")).sorted().toList()) {
        String text = Files.readString(file, StandardCharsets.UTF_8);
        logs.append("== ").append(file).append('\n');
        logs.append(text, Math.max(0, text.length() - 4000), text.length());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return logs.toString();
  }

  private void killAll() {
    taskManagers.forEach(Process::destroyForcibly);
    if (jobManager != null) {
      jobManager.destroyForcibly();
    }
  }

  @Override
  public void close() throws IOException {
    killAll();
    try {
      jobManager.waitFor();
      for (Process process : taskManagers) {
        process.waitFor();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    Attempt.removeHook(onExit);
    Attempt.delete(directory.resolve("tmp").toString());
  }
}
