package dev.sluice.runners;

import dev.sluice.runners.Recomputation.Result;
import dev.sluice.runners.Recomputation.State;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code sluice recompute}. */
@Command(
    name = "recompute",
    description = {
      "Look at every round in a directory, and make those anew whose plan, uplinks or policy have"
          + " changed: teacher, moments, allocation, page; and thresholds of directories of"
          + " scores.",
      "",
      "A round that is as it was costs no work. Of one that is not, only the uplink files that are"
          + " new are read, and only the shards averaged whose blocks are others. What comes out is"
          + " a further version, ROUND/versions/0002, beside the one before; ROUND/current.json"
          + " names the one that the other commands use. The versions of a round are the same bytes"
          + " as those of a run from scratch.",
      "",
      "What a round shall have is said by policy.json in the directory of rounds, and by one in the"
          + " round over it: minNodes, deadline, moments, allocation, calibration, keep"
          + " (schemas/FORMAT.md 14.2). One line on stdout says what was done; what happened to a"
          + " round is on stderr."
    },
    footerHeading = "%nExit codes%n",
    footer = {
      "  0   nothing failed; rounds may wait for nodes",
      "  1   something unexpected in a round; the others were looked at",
      "  3   a round cannot be used, or is past its deadline without nodes enough",
      "  4   done, and some of what came was rejected, also in a round that waits for nodes; or",
      "      there could be no allocation",
      "  5   the Flink cluster cannot be reached, or gave a round up for no fault of its own; the",
      "      next run tries again",
      "  6   another recomputation is at work there; nothing was done",
      "",
      "Examples:",
      "  sluice recompute --root rounds",
      "  sluice recompute --root rounds --deadline 36h --min-nodes 3 --keep 5",
      "  sluice recompute --root rounds --watch --every 60s"
    })
final class RecomputeCommand extends SluiceCommand {
  /** How long an interrupted pass has to clear up. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  @Option(
      names = "--root",
      required = true,
      paramLabel = "DIR",
      description =
          "Directory of rounds, each a directory in it; on this machine, or mounted. It must have"
              + " file locks, as local filesystems and NFS from version 4 have.")
  private String root;

  @Option(names = "--once", description = "Look once, and end. The default.")
  private boolean once;

  @Option(
      names = "--watch",
      description = "Look again and again, until SIGTERM or SIGINT. The lock is held throughout.")
  private boolean watch;

  @Option(
      names = "--every",
      paramLabel = "TIME",
      description =
          "With --watch: from the end of one look to the next; 90s, 15m, 1h. Default: 60s.")
  private String every;

  @Option(
      names = "--settle",
      paramLabel = "TIME",
      description =
          "How old a changed round's files must be: a site may still be writing. What comes half is"
              + " rejected, and makes another version once it is whole. Default: 0s; with --watch,"
              + " which looks often enough to meet it, 10s.")
  private String settle;

  @Option(
      names = "--min-nodes",
      paramLabel = "K",
      description = "Fewest nodes over which a block is averaged. Default: all with bits.")
  private Integer minNodes;

  @Option(
      names = "--deadline",
      paramLabel = "TIME",
      description =
          "Until then a round waits for all its nodes, and from then on for --min-nodes: an"
              + " instant, as 2026-01-31T18:00:00Z, or a duration since plan.json was written, as"
              + " 36h. What comes later makes another version. Default: it waits for --min-nodes"
              + " only.")
  private String deadline;

  @Option(
      names = "--moments",
      description = "Take moments of every round, and draw report/full.html with them.")
  private boolean moments;

  @Option(
      names = "--keep",
      paramLabel = "N",
      description = "Delete versions but the newest N and the current one. Default: none.")
  private Integer keep;

  @Option(
      names = "--verify",
      description =
          "Read every file and compare its digest, instead of trusting sizes and times of those"
              + " that were read before.")
  private boolean verify;

  @Option(
      names = "--full",
      description =
          "Make every round from scratch, with nothing from earlier versions, also where its files"
              + " are as they were: there is a further version where the bytes come out others.")
  private boolean full;

  @Option(
      names = "--metrics",
      paramLabel = "FILE",
      description =
          "After each look, write figures there as text for Prometheus (node_exporter's textfile"
              + " collector).")
  private String metrics;

  @Mixin private HubKeyOption hub;

  @Mixin private RunnerOptions runner;

  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile boolean stopping;

  @Override
  public Integer call() throws IOException {
    if (once && watch) {
      throw usage("--once and --watch exclude each other");
    }
    if (every != null && !watch) {
      throw usage("--every has no meaning without --watch");
    }
    if (verify && full) {
      throw usage("--verify and --full exclude each other");
    }
    Duration pause = duration("--every", every, Duration.ofSeconds(60));
    Duration age = duration("--settle", settle, Duration.ofSeconds(watch ? 10 : 0));
    RoundPolicy.Layers options = options();
    long begun = System.nanoTime();
    try {
      Path directory = directory();
      try (RootLock lock = RootLock.take(directory, Clock.systemUTC().instant())) {
        if (watch) {
          return watched(lock, directory, options, age, pause);
        }
        return look(lock, directory, options, age, begun);
      }
    } catch (RootLock.HeldException e) {
      err().println("sluice: " + e.getMessage());
      out().println("recompute: nothing done, another is at work");
      return ExitCodes.LOCKED;
    } catch (IOException | RuntimeException e) {
      if (!(e instanceof ParameterException)) {
        failed(e, begun);
      }
      throw e;
    }
  }

  private Duration duration(String option, String text, Duration otherwise) {
    if (text == null) {
      return otherwise;
    }
    try {
      return Durations.of(text);
    } catch (DateTimeException e) {
      throw usage(option + ": found '" + text + "', expected a duration as 90s, 15m or 36h");
    }
  }

  /** What the command line says, under no document; checked, as a document would be. */
  private RoundPolicy.Layers options() throws IOException {
    RoundPolicy.Layers layers =
        RoundPolicy.Layers.none()
            .with("minNodes", minNodes)
            .with("deadline", deadline)
            .with("keep", keep)
            .with("moments", moments ? Boolean.TRUE : null);
    try {
      layers.policy();
    } catch (BadInputException e) {
      throw usage(e.getMessage());
    }
    return layers;
  }

  private Path directory() throws IOException {
    String path = Locations.of(root);
    if (!Storage.isLocal(path)) {
      throw usage(
          "--root: found '" + root + "', expected a directory of this machine's filesystem");
    }
    Path directory = Path.of(path);
    if (!Files.isDirectory(directory)) {
      throw new BadInputException(
          path + (Files.exists(directory) ? ": no directory" : ": no such directory"));
    }
    if (Files.exists(directory.resolve("plan.json"))) {
      throw new BadInputException(
          path + ": is a round itself; --root is the directory that rounds are in");
    }
    return directory;
  }

  /** Looks until it is told to end. */
  private int watched(
      RootLock lock, Path directory, RoundPolicy.Layers options, Duration age, Duration pause) {
    Thread worker = Thread.currentThread();
    Thread stop =
        new Thread(
            () -> {
              stopping = true;
              worker.interrupt();
              try {
                if (!ended.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                  return; // what is left is cleared up by the next
                }
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "sluice-recompute-stop");
    Runtime.getRuntime().addShutdownHook(stop);
    try {
      while (!stopping) {
        long begun = System.nanoTime();
        try {
          look(lock, directory, options, age, begun);
        } catch (IOException | RuntimeException e) {
          if (!stopping) {
            err().println("sluice: " + reason(e));
            err().flush();
            failed(e, begun);
          }
        }
        try {
          Thread.sleep(pause.toMillis());
        } catch (InterruptedException e) {
          break;
        }
      }
      return ExitCodes.OK;
    } finally {
      ended.countDown();
      Attempt.removeHook(stop);
    }
  }

  /** One pass. */
  private int look(
      RootLock lock, Path directory, RoundPolicy.Layers options, Duration age, long begun)
      throws IOException {
    RoundPolicy.Layers layers = RoundPolicy.Layers.none().over(directory).with(options);
    Recomputation.Trust trust =
        verify
            ? Recomputation.Trust.NO_TIMES
            : full ? Recomputation.Trust.NO_CACHE : Recomputation.Trust.ALL;
    Recomputation.Pass pass =
        new Recomputation.Pass(
            layers, runner.choice(), Clock.systemUTC(), lock.touch(), age, trust, hub);
    RecomputeSummary summary = new RecomputeSummary();
    new RecomputeRoot(directory, pass, () -> stopping, this::trace)
        .run(
            (round, result, nanos) -> {
              String name = round.getFileName().toString();
              summary.add(name, result);
              tell(name, result, nanos);
            });
    if (stopping) {
      summary.stop();
    }
    if (summary.count() == 0 && !stopping) {
      err()
          .println(
              "sluice: "
                  + directory
                  + ": no rounds in it: a round is a directory with plan.json, or with scores,"
                  + " labels and a policy that says how to calibrate");
    }
    end(summary, begun);
    return summary.exitCode();
  }

  /** Says in a line, and for Prometheus, what a look came to. */
  private void end(RecomputeSummary summary, long begun) throws IOException {
    double seconds = (System.nanoTime() - begun) / 1e9;
    out().println(summary.line(seconds));
    out().flush();
    if (metrics != null) {
      Storage.replace(
          Locations.of(metrics),
          RecomputeMetrics.text(summary, seconds, Clock.systemUTC().instant())
              .getBytes(StandardCharsets.UTF_8));
    }
  }

  /** The same of a look that failed as a whole. */
  private void failed(Exception failure, long begun) {
    try {
      end(RecomputeSummary.failed(reason(failure)), begun);
    } catch (IOException e) {
      err().println("sluice: " + reason(e)); // what failed before is the one to be told by code
      err().flush();
    }
  }

  private static String reason(Exception failure) {
    return Failures.cluster(failure)
        .or(() -> Failures.badInput(failure))
        .orElseGet(() -> Failures.unexpected(failure));
  }

  private void trace(Throwable failure) {
    if (wasGiven("--stacktrace")) {
      failure.printStackTrace(err());
    }
  }

  private void tell(String round, Result result, long nanos) {
    if (result.state() == State.UNCHANGED && !wasGiven("--verbose")) {
      return;
    }
    boolean told = EnumSet.of(State.WAITING, State.OVERDUE).contains(result.state());
    err()
        .println(
            Texts.printable(
                "sluice: "
                    + round
                    + ": "
                    + result.state().label()
                    + (result.detail().isEmpty() ? "" : ", " + result.detail())
                    + (result.rejects() == 0 || told
                        ? ""
                        : "; " + Texts.count(result.rejects(), "record") + " rejected")
                    + String.format(Locale.ROOT, "; %.1f s", nanos / 1e9)));
    err().flush();
  }
}
