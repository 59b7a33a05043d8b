package dev.sluice.runners;

import java.util.Optional;

/**
 * Which Beam runner a round runs on.
 *
 * @param engine the runner, or AUTO to let the size of the round decide
 * @param flinkMaster host:port of a Flink cluster; empty for one inside this process
 * @param parallelism how many parts run at once, at least 1
 */
public record RunnerChoice(Engine engine, Optional<String> flinkMaster, int parallelism) {
  /** A Beam runner. */
  public enum Engine {
    AUTO,
    DIRECT,
    FLINK
  }

  /** Beyond this an exchange's buffers no longer fit a small process. */
  public static final int MAX_PARALLELISM = 16;

  public RunnerChoice {
    if (parallelism < 1 || parallelism > MAX_PARALLELISM) {
      throw new IllegalArgumentException(
          "parallelism must be in [1, " + MAX_PARALLELISM + "], got " + parallelism);
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
        Math.min(MAX_PARALLELISM, Runtime.getRuntime().availableProcessors()));
  }

  /** A Flink cluster, host:port. */
  public RunnerChoice withFlinkMaster(String hostAndPort) {
    return new RunnerChoice(Engine.FLINK, Optional.of(hostAndPort), parallelism);
  }

  /** How many parts run at once. */
  public RunnerChoice withParallelism(int parts) {
    return new RunnerChoice(engine, flinkMaster, parts);
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
