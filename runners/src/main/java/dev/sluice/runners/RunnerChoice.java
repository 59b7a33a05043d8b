package dev.sluice.runners;

import java.time.Duration;
import java.util.Optional;

/**
 * Which Beam runner a round runs on.
 *
 * @param engine the runner, or AUTO to let the size of the round decide
 * @param flinkMaster host:port of a Flink cluster; empty for one inside this process
 * @param parallelism how many parts run at once, at least 1
 * @param flinkWait for how long a job on a cluster may go without a running task
 */
public record RunnerChoice(
    Engine engine, Optional<String> flinkMaster, int parallelism, Duration flinkWait) {
  /** A Beam runner. */
  public enum Engine {
    AUTO,
    DIRECT,
    FLINK
  }

  /** In this process; beyond it an exchange's buffers no longer fit. */
  public static final int MAX_PARALLELISM = 16;

  /** On a cluster, whose network memory is its own affair. */
  public static final int MAX_CLUSTER_PARALLELISM = 1024;

  /** Time enough for a lost task manager to be replaced. */
  public static final Duration FLINK_WAIT = Duration.ofMinutes(5);

  public RunnerChoice {
    int most = flinkMaster.isPresent() ? MAX_CLUSTER_PARALLELISM : MAX_PARALLELISM;
    if (parallelism < 1 || parallelism > most) {
      throw new IllegalArgumentException(
          "parallelism must be in [1, " + most + "], got " + parallelism);
    }
    if (flinkMaster.isPresent() && engine != Engine.FLINK) {
      throw new IllegalArgumentException(
          "a Flink master (" + flinkMaster.get() + ") needs the Flink runner, got " + engine);
    }
  }

  /** Direct for a small round, Flink for a large one; as parallel as the machine. */
  public static RunnerChoice auto() {
    return of(Engine.AUTO);
  }

  /** Beam's direct runner. */
  public static RunnerChoice direct() {
    return of(Engine.DIRECT);
  }

  /** Flink inside this process. */
  public static RunnerChoice flink() {
    return of(Engine.FLINK);
  }

  /** A runner in this process, as parallel as the machine. */
  public static RunnerChoice of(Engine engine) {
    return new RunnerChoice(
        engine,
        Optional.empty(),
        Math.min(MAX_PARALLELISM, Runtime.getRuntime().availableProcessors()),
        FLINK_WAIT);
  }

  /** A Flink cluster, host:port. */
  public RunnerChoice withFlinkMaster(String hostAndPort) {
    return new RunnerChoice(Engine.FLINK, Optional.of(hostAndPort), parallelism, flinkWait);
  }

  /** For how long a job on a cluster may go without a running task. */
  public RunnerChoice withFlinkWait(Duration wait) {
    return new RunnerChoice(engine, flinkMaster, parallelism, wait);
  }

  /** How many parts run at once. */
  public RunnerChoice withParallelism(int parts) {
    return new RunnerChoice(engine, flinkMaster, parts, flinkWait);
  }

  /** For people. */
  public String label() {
    return switch (engine) {
      case DIRECT -> "direct runner";
      case FLINK -> flinkMaster.map(master -> "Flink at " + master).orElse("embedded Flink");
      case AUTO -> "auto";
    };
  }
}
