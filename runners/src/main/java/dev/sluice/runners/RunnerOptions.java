package dev.sluice.runners;

import dev.sluice.runners.RunnerChoice.Engine;
import java.time.Duration;
import java.util.Locale;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The options by which a command is told its Beam runner. */
final class RunnerOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--runner",
      paramLabel = "auto|direct|flink",
      defaultValue = "auto",
      description =
          "Beam runner. direct: starts fast, one process. flink: embedded, or a cluster with"
              + " --flinkMaster. auto: direct for small work (64 MiB of codes, 100000 score packets),"
              + " else flink."
              + " Default: ${DEFAULT-VALUE}.")
  private String runner;

  @Option(
      names = "--flinkMaster",
      paramLabel = "HOST:PORT",
      description =
          "REST address of a Flink 1.19 cluster, which must see the round directory under the same"
              + " path. Default: Flink inside this process, listening on loopback only.")
  private String flinkMaster;

  @Option(
      names = "--flinkWait",
      paramLabel = "SECONDS",
      description =
          "With --flinkMaster: for how long the job may go without a running task, as when no slot"
              + " is free, before it is cancelled. Default: 300.")
  private Integer flinkWait;

  @Option(
      names = "--parallelism",
      paramLabel = "P",
      description =
          "Parts that run at once, 1 to 16; on a cluster to 1024. Default: the number of"
              + " processors, on a cluster of its task slots. Results do not depend on it.")
  private Integer parallelism;

  /**
   * The runner asked for.
   *
   * @throws CommandLine.ParameterException if the options cannot be meant
   * @throws ClusterException if a cluster was asked for and none answers
   */
  RunnerChoice choice() {
    Engine engine;
    try {
      engine = Engine.valueOf(runner.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw usage("--runner: found '" + runner + "', expected auto, direct or flink");
    }
    if (flinkMaster == null) {
      if (flinkWait != null) {
        throw usage("--flinkWait has no meaning without --flinkMaster");
      }
      return parallel(RunnerChoice.of(engine), parallelism, this::usage);
    }
    if (engine == Engine.DIRECT) {
      throw usage("--flinkMaster has no meaning with --runner direct");
    }
    if (flinkMaster.startsWith("[")) {
      throw usage(
          "--flinkMaster: found '"
              + flinkMaster
              + "': Flink's application mode is not supported; send to a session cluster, host:port");
    }
    if (!flinkMaster.matches("[^\\s:/]+:[0-9]{1,5}")) {
      throw usage("--flinkMaster: found '" + flinkMaster + "', expected host:port");
    }
    if (flinkWait != null && flinkWait < 1) {
      throw usage("--flinkWait must be 1 or more seconds, got " + flinkWait);
    }
    RunnerChoice choice = RunnerChoice.of(engine).withFlinkMaster(flinkMaster);
    if (flinkWait != null) {
      choice = choice.withFlinkWait(Duration.ofSeconds(flinkWait));
    }
    if (parallelism != null) {
      return parallel(choice, parallelism, this::usage);
    }
    int slots = FlinkCluster.at(flinkMaster).slots();
    return slots == 0 // it starts task managers when they are asked for
        ? choice
        : choice.withParallelism(Math.min(slots, RunnerChoice.MAX_CLUSTER_PARALLELISM));
  }

  /**
   * A runner with the parallelism asked for.
   *
   * @param parallelism as on the command line, null where it was not given
   * @param usage refuses the command line
   */
  static RunnerChoice parallel(
      RunnerChoice choice,
      Integer parallelism,
      Function<String, CommandLine.ParameterException> usage) {
    if (parallelism == null) {
      return choice;
    }
    int most =
        choice.flinkMaster().isPresent()
            ? RunnerChoice.MAX_CLUSTER_PARALLELISM
            : RunnerChoice.MAX_PARALLELISM;
    if (parallelism < 1 || parallelism > most) {
      throw usage.apply("--parallelism must be 1 to " + most + ", got " + parallelism);
    }
    return choice.withParallelism(parallelism);
  }

  private CommandLine.ParameterException usage(String message) {
    return new CommandLine.ParameterException(spec.commandLine(), message);
  }
}
