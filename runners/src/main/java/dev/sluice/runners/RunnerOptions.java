package dev.sluice.runners;

import dev.sluice.runners.RunnerChoice.Engine;
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
      names = "--parallelism",
      paramLabel = "P",
      description =
          "Parts that run at once, 1 to 16. Default: the number of processors. Results do not"
              + " depend on it.")
  private Integer parallelism;

  /**
   * The runner asked for.
   *
   * @throws CommandLine.ParameterException if the options cannot be meant
   */
  RunnerChoice choice() {
    Engine engine;
    try {
      engine = Engine.valueOf(runner.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw usage("--runner: found '" + runner + "', expected auto, direct or flink");
    }
    RunnerChoice choice = parallel(RunnerChoice.of(engine), parallelism, this::usage);
    if (flinkMaster != null) {
      if (engine == Engine.DIRECT) {
        throw usage("--flinkMaster has no meaning with --runner direct");
      }
      if (!flinkMaster.matches("[^\\s:/]+:[0-9]{1,5}")) {
        throw usage("--flinkMaster: found '" + flinkMaster + "', expected host:port");
      }
      choice = choice.withFlinkMaster(flinkMaster);
    }
    return choice;
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
    if (parallelism < 1 || parallelism > RunnerChoice.MAX_PARALLELISM) {
      throw usage.apply(
          "--parallelism must be 1 to " + RunnerChoice.MAX_PARALLELISM + ", got " + parallelism);
    }
    return choice.withParallelism(parallelism);
  }

  private CommandLine.ParameterException usage(String message) {
    return new CommandLine.ParameterException(spec.commandLine(), message);
  }
}
