package dev.sluice.runners;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.Optional;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command line. */
@Command(
    name = "sluice",
    versionProvider = Sluice.Version.class,
    description = {
      "Federated distillation over narrow uplinks: sites send dither-quantised logits on public"
          + " probes, a hub averages them to a teacher and certifies how far its softmax can be"
          + " from that of the exact mean.",
      "",
      "A round is a directory:",
      "  hub    sluice plan --round r1 --id r1 --nodes a,b,c --probes 1000 --vocab 32000"
          + " --bits-per-coordinate 4",
      "  site   sluice encode --round r1 --node a --logits a.npy",
      "  hub    sluice aggregate --round r1",
      "  anyone sluice inspect r1",
      "",
      "Sites can answer queries together, by sets of answers with guaranteed coverage:",
      "  site   sluice score --round c1 --node a --scores scores.csv --candidates yes,no --bits 16",
      "  hub    sluice calibrate --round c1 --alpha 0.1 --bits-cal 64",
      "  site   sluice score --round t1 --node a --scores test.csv --candidates yes,no --bits 16",
      "  hub    sluice predict --round c1 --queries t1",
      ""
    },
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands%n",
    optionListHeading = "%nOptions%n",
    exitCodeListHeading = "%nExit codes%n",
    exitCodeList = {
      "0:done",
      "1:unexpected failure",
      "2:the command line is wrong",
      "3:input or files cannot be used, or the round is not complete",
      "4:done, and some of what came was rejected",
      "5:the Flink cluster could not do it: out of reach, lost, or without slots; run it again",
      "6:another recomputation is at work there (recompute)"
    },
    footer = {"", "SLUICE_JAVA_OPTS adds flags for Java, as -Xmx2g."},
    subcommands = {
      PlanCommand.class,
      EncodeCommand.class,
      AggregateCommand.class,
      AuditCommand.class,
      CurvesCommand.class,
      AllocateCommand.class,
      ScoreCommand.class,
      CalibrateCommand.class,
      PredictCommand.class,
      CoverageCommand.class,
      RecomputeCommand.class,
      BoundsCommand.class,
      ExportCommand.class,
      InspectCommand.class,
      ReportCommand.class,
      ReproduceCommand.class,
      QuickstartCommand.class,
      SimulateCommand.class,
      CompareCommand.class,
      BenchCommand.class,
      KeygenCommand.class,
      RevokeCommand.class
    })
public final class Sluice implements Runnable {
  @Spec private CommandSpec spec;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this and do nothing.")
  @SuppressWarnings("UnusedVariable") // picocli acts on it
  private boolean help;

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version and do nothing.")
  @SuppressWarnings("UnusedVariable") // picocli acts on it
  private boolean version;

  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "On failure show Java's stack trace as well.")
  private boolean stacktrace;

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "Log to stderr what Beam and Flink say of their progress.")
  private boolean verbose;

  private Sluice() {}

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] args) {
    int code = run(writer(System.out), writer(System.err), args);
    System.exit(code); // a runner may leave threads behind
  }

  private static PrintWriter writer(PrintStream stream) {
    return new PrintWriter(new OutputStreamWriter(stream, Charset.defaultCharset()), true);
  }

  /**
   * Runs one command in this process.
   *
   * @param out takes results
   * @param err takes everything else
   * @return the exit code
   */
  public static int run(PrintWriter out, PrintWriter err, String... args) {
    Sluice root = new Sluice();
    CommandLine line =
        new CommandLine(root)
            .setOut(out)
            .setErr(err)
            .setExpandAtFiles(false) // '@' is part of --nodes
            .setAbbreviatedOptionsAllowed(false)
            .setUsageHelpWidth(100)
            .setUsageHelpAutoWidth(true)
            .setParameterExceptionHandler(Sluice::wrongUsage)
            .setExecutionExceptionHandler((e, command, result) -> root.failed(e, err))
            .setExecutionStrategy(root::start);
    int code;
    try {
      code = line.execute(args);
    } catch (Error e) { // picocli passes on only exceptions
      code = root.failed(e, err);
    }
    out.flush();
    err.flush();
    return code;
  }

  @Override
  public void run() {
    throw new CommandLine.ParameterException(spec.commandLine(), "a command is missing");
  }

  private int start(CommandLine.ParseResult parsed) {
    if (verbose) {
      ((LoggerContext) LoggerFactory.getILoggerFactory())
          .getLoggerList()
          .forEach(
              logger -> {
                if (logger.getLevel() != null) {
                  logger.setLevel(Level.INFO);
                }
              });
    }
    return new CommandLine.RunLast().execute(parsed);
  }

  private static int wrongUsage(CommandLine.ParameterException e, String[] args) {
    CommandLine line = e.getCommandLine();
    line.getErr().println("sluice: " + e.getMessage());
    CommandLine.UnmatchedArgumentException.printSuggestions(e, line.getErr());
    line.getErr().println("Try '" + line.getCommandSpec().qualifiedName() + " --help'.");
    return ExitCodes.USAGE;
  }

  private int failed(Throwable e, PrintWriter err) {
    if (stacktrace) {
      e.printStackTrace(err);
    }
    Optional<String> cluster = Failures.cluster(e);
    if (cluster.isPresent()) {
      err.println("sluice: " + cluster.get());
      return ExitCodes.CLUSTER;
    }
    Optional<String> badInput = Failures.badInput(e);
    if (badInput.isPresent()) {
      err.println("sluice: " + badInput.get());
      return ExitCodes.BAD_INPUT;
    }
    err.println("sluice: unexpected failure: " + Failures.unexpected(e));
    if (!stacktrace) {
      err.println("--stacktrace shows where it came from.");
    }
    return ExitCodes.FAILED;
  }

  /** The version in the jar's manifest. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Sluice.class.getPackage().getImplementationVersion();
      return new String[] {
        "sluice " + (version == null ? "(not from a jar)" : version),
        "Java " + Runtime.version() + ", Beam " + beam()
      };
    }

    private static String beam() {
      return org.apache.beam.sdk.util.ReleaseInfo.getReleaseInfo().getVersion();
    }
  }
}
