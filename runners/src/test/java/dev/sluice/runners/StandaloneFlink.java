package dev.sluice.runners;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A Flink session cluster of several processes on this machine's loopback interface: a job manager
 * and task managers of two slots each, from the jars in target/flink/lib and the settings in
 * standalone/config.yaml, but for ports and places. What they say is kept in target/flink/NAME.
 */
final class StandaloneFlink implements AutoCloseable {
  static final int SLOTS = 2;
  private static final long PATIENCE_SECONDS = 120;

  /** Flags for processes that do not live long. */
  static final List<String> QUICK = List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");

  private final Path home = Path.of(System.getProperty("sluice.flink"));
  private final Path directory;
  private final List<String> flags;
  private final int restPort;
  private final Process jobManager;
  private final List<Process> taskManagers = new ArrayList<>();
  private final Thread onExit = new Thread(this::killAll);

  private StandaloneFlink(String name, List<String> flags) throws IOException {
    this.flags = flags;
    directory = home.resolve(name);
    Attempt.delete(directory.toString());
    Path conf = Files.createDirectories(directory.resolve("conf"));
    Files.createDirectories(directory.resolve("tmp"));
    restPort = freePort();
    int metrics = freePort();
    Map<String, String> config = new TreeMap<>();
    for (String line : Files.readAllLines(Path.of("standalone", "config.yaml"))) {
      String[] setting = line.split(": ", 2);
      if (setting.length == 2 && !line.startsWith("#")) {
        config.put(setting[0], setting[1]);
      }
    }
    config.put("jobmanager.rpc.port", "" + freePort());
    config.put("rest.port", "" + restPort);
    config.put("blob.server.port", "" + freePort());
    config.put("metrics.reporter.rounds.port", metrics + "-" + (metrics + 30));
    config.put("io.tmp.dirs", directory.resolve("tmp").toString());
    List<String> lines = new ArrayList<>();
    config.forEach((key, value) -> lines.add(key + ": " + value));
    Files.write(conf.resolve("config.yaml"), lines);
    Files.writeString(
        directory.resolve("logback.xml"),
        "<configuration><appender name='OUT' class='ch.qos.logback.core.ConsoleAppender'><encoder>"
            + "<pattern>%d{HH:mm:ss.SSS} %level %logger{0}: %msg%n</pattern></encoder></appender>"
            + "<root level='INFO'><appender-ref ref='OUT'/></root></configuration>");
    Files.copy(
        Path.of(System.getProperty("sluice.jar")).resolveSibling("sluice-flink-metrics.jar"),
        home.resolve("plugins/metrics-prometheus/sluice-flink-metrics.jar"),
        StandardCopyOption.REPLACE_EXISTING);
    Runtime.getRuntime().addShutdownHook(onExit);
    jobManager =
        java(
            "jobmanager",
            List.of("-Xmx512m"),
            "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
            List.of("--executionMode", "cluster"));
  }

  /** Starts a cluster and waits until it is whole. */
  static StandaloneFlink start(String name, int taskManagers) throws IOException {
    return start(name, taskManagers, QUICK);
  }

  /** The same with flags of one's own for Java. */
  static StandaloneFlink start(String name, int taskManagers, List<String> flags)
      throws IOException {
    StandaloneFlink flink = new StandaloneFlink(name, flags);
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

  /** Where the task managers serve their metrics. */
  List<String> metricsAddresses() throws IOException {
    List<String> addresses = new ArrayList<>();
    for (int i = 0; i < taskManagers.size(); i++) {
      if (taskManagers.get(i).isAlive()) {
        String log = Files.readString(directory.resolve("taskmanager-" + i + ".log"));
        Matcher address = Pattern.compile("Serving metrics of rounds on (\\S+)").matcher(log);
        if (address.find()) {
          addresses.add(address.group(1));
        }
      }
    }
    return addresses;
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

  long jobManagerPid() {
    return jobManager.pid();
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

  private Process java(String name, List<String> memory, String main, List<String> args)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(memory);
    command.addAll(flags);
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
