package dev.sluice.runners;

import dev.sluice.schemas.ChannelNode;
import dev.sluice.schemas.GroupThreshold;
import dev.sluice.schemas.ScoreRejectCount;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.scores.CalibratedThreshold;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.scores.ScoreReason;
import dev.sluice.transforms.scores.ServedSwarm;
import dev.sluice.transforms.scores.SwarmChannel;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificRecord;
import org.apache.beam.sdk.Pipeline;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What the commands have in common that hold queries against a calibrated threshold. */
abstract class ServingCommand extends SluiceCommand {
  private static final int LINES_SHOWN = 20;

  @Option(
      names = "--round",
      required = true,
      paramLabel = "DIR",
      description = "Directory that was calibrated: threshold.json, and scores/ if still there.")
  private String round;

  @Option(
      names = "--queries",
      required = true,
      paramLabel = "DIR",
      description = "Directory of the queries' scores, by the same nodes: scores/NODE/.")
  private String queries;

  @Option(
      names = "--allow-mismatch",
      description =
          "Go on where the queries' channel is not the calibrated one, and where not all nodes"
              + " answered a query. Nothing then promises any coverage.")
  private boolean allowMismatch;

  @Option(
      names = "--max-density",
      paramLabel = "F",
      description =
          "A bound on the density of unquantised scores about the threshold, per nat, to put a"
              + " number on what the published bound loses by a mismatch. Needs --allow-mismatch.")
  private Double maxDensity;

  @Mixin private RunnerOptions runner;

  /**
   * Queries ready to be answered.
   *
   * @param calibrated the scores that were calibrated with, as far as they are there
   * @param same whether the queries lie in the directory that was calibrated
   */
  record Served(ServedSwarm swarm, Optional<SwarmChannel> calibrated, boolean same) {}

  /** Reads and checks all that is known before a pipeline runs, and says what is worth saying. */
  final Served served() throws IOException {
    if (maxDensity != null && !(maxDensity >= 0 && maxDensity < Double.POSITIVE_INFINITY)) {
      throw usage("--max-density must be a number of at least 0, got " + maxDensity);
    }
    if (maxDensity != null && !allowMismatch) {
      throw usage("--max-density has no meaning without --allow-mismatch");
    }
    runner.choice();
    ScoreDirectory calibration = directory("--round", round);
    ScoreDirectory asked = directory("--queries", queries);
    boolean same = isSame(calibration, asked);
    if (same) {
      calibration = new ScoreDirectory(asked.root(), calibration.outputs()); // under one name
    }
    CalibratedThreshold threshold = CalibratedThreshold.read(calibration);
    SwarmChannel swarm = queries(threshold, asked);
    List<String> mismatch = threshold.mismatches(swarm);
    if (!mismatch.isEmpty()) {
      mismatched(threshold, swarm, mismatch);
    }
    if (swarm.mostQueries() == 0) {
      throw new BadInputException(asked.scores() + ": the nodes have scored no query");
    }
    boundless(threshold);
    reportAttempts(new RoundDirectory(asked.root()));
    Optional<SwarmChannel> calibrated = calibrated(threshold, calibration);
    return new Served(
        new ServedSwarm(
            threshold,
            swarm,
            new ArrayList<>(mismatch),
            isWhole(threshold, calibrated, calibration),
            allowMismatch ? 1 : threshold.document().getMinNodes()),
        calibrated,
        same);
  }

  private ScoreDirectory directory(String option, String typed) throws IOException {
    try {
      RoundDirectory directory = Versions.resolve(Locations.of(typed));
      return new ScoreDirectory(directory.root(), directory.outputs());
    } catch (IllegalArgumentException e) {
      throw usage(option + ": " + e.getMessage());
    }
  }

  private static boolean isSame(ScoreDirectory one, ScoreDirectory other) throws IOException {
    if (one.equals(other) || !Storage.isLocal(one.root()) || !Storage.isLocal(other.root())) {
      return one.equals(other);
    }
    Path first = Path.of(one.root());
    Path second = Path.of(other.root());
    return Files.exists(first) && Files.exists(second) && Files.isSameFile(first, second);
  }

  /** The channels of those calibrated nodes that have scored the queries. */
  private SwarmChannel queries(CalibratedThreshold threshold, ScoreDirectory asked)
      throws IOException {
    List<String> present = scored(asked, SwarmChannel.present(asked));
    if (present.isEmpty()) {
      throw new BadInputException(
          asked.scores() + ": no node has scored the queries; 'sluice score' writes scores there");
    }
    List<String> strangers = new ArrayList<>(present);
    strangers.removeAll(threshold.nodes());
    List<String> known = new ArrayList<>(present);
    known.removeAll(strangers);
    if (known.isEmpty()) {
      throw new BadInputException(
          asked.scores()
              + ": found scores of "
              + names(strangers)
              + ", expected those of "
              + names(threshold.nodes())
              + ", which were calibrated with");
    }
    if (!strangers.isEmpty()) {
      err().println("sluice: left out, as not calibrated with: " + names(strangers));
    }
    return SwarmChannel.read(asked, known);
  }

  private static List<String> scored(ScoreDirectory directory, List<String> nodes)
      throws IOException {
    List<String> scored = new ArrayList<>();
    for (String node : nodes) {
      if (Storage.find(directory.channel(node)).isPresent()) {
        scored.add(node);
      }
    }
    return scored;
  }

  private void mismatched(CalibratedThreshold threshold, SwarmChannel swarm, List<String> mismatch)
      throws IOException {
    StringBuilder text = new StringBuilder();
    mismatch.stream().limit(LINES_SHOWN).forEach(m -> text.append("\n  " + Texts.printable(m)));
    if (mismatch.size() > LINES_SHOWN) {
      text.append("\n  ... and " + (mismatch.size() - LINES_SHOWN) + " more");
    }
    if (!threshold.hasCandidatesOf(swarm)) {
      throw new BadInputException(
          "the queries are not what was calibrated:"
              + text
              + "\n  other candidates are another question: score these queries with the calibrated"
              + " ones, or calibrate anew");
    }
    if (!allowMismatch) {
      throw new BadInputException(
          "the queries' channel is not the calibrated one, and the threshold promises nothing for"
              + " it:"
              + text
              + "\n  run 'sluice calibrate' on scores of this channel, score the queries as was"
              + " calibrated, or go on without a promise: --allow-mismatch");
    }
    err()
        .println("sluice: going on, though the queries' channel is not the calibrated one:" + text);
    err().println("  " + slack(threshold.channelSlack(swarm)));
    err().flush();
  }

  private String slack(OptionalDouble perDensity) {
    if (perDensity.isEmpty()) {
      return "no bound applies to such a difference: the published one needs the same nodes, scorer"
          + " and range, every node to score every candidate, and nothing clipped";
    }
    String law =
        String.format(
            Locale.ROOT,
            "if errors are small, the published Delta_RAG, of both channels, takes f_max * %.4g"
                + " nats from 1 - alpha, f_max bounding the density of unquantised scores about the"
                + " threshold, per nat",
            perDensity.getAsDouble());
    return maxDensity == null
        ? law + "; --max-density F puts a number on it"
        : law
            + String.format(
                Locale.ROOT,
                ": %.4g at f_max = %s",
                Math.min(1, maxDensity * perDensity.getAsDouble()),
                Texts.number(maxDensity));
  }

  /** Where every candidate is in every set, and why. */
  private void boundless(CalibratedThreshold threshold) {
    String all = "; every set is all " + Texts.count(threshold.candidates().size(), "candidate");
    List<String> lines = new ArrayList<>();
    for (GroupThreshold row : threshold.document().getThresholds()) {
      if (row.getThreshold() == null) {
        String group = row.getGroup() == null ? "" : " (group " + row.getGroup() + ")";
        lines.add("alpha " + row.getAlpha() + ": " + CalibrateCommand.why(row) + group + all);
      }
    }
    lines.stream().limit(LINES_SHOWN).forEach(line -> err().println(Texts.printable(line)));
    if (lines.size() > LINES_SHOWN) {
      err().println("... and " + (lines.size() - LINES_SHOWN) + " more without a bound");
    }
  }

  private static Optional<SwarmChannel> calibrated(
      CalibratedThreshold threshold, ScoreDirectory calibration) throws IOException {
    List<String> there = scored(calibration, threshold.nodes());
    return there.isEmpty() ? Optional.empty() : Optional.of(SwarmChannel.read(calibration, there));
  }

  /** Whether the scores that were calibrated with are there as they were. */
  private boolean isWhole(
      CalibratedThreshold threshold,
      Optional<SwarmChannel> calibrated,
      ScoreDirectory calibration) {
    List<String> gone = new ArrayList<>();
    for (ChannelNode node : threshold.document().getNodes()) {
      if (calibrated.stream()
          .flatMap(swarm -> swarm.nodes().stream())
          .noneMatch(
              now ->
                  now.name().equals(node.getName())
                      && now.digestHex().equals(node.getChannelDigest()))) {
        gone.add(node.getName());
      }
    }
    if (!gone.isEmpty()) {
      err()
          .println(
              "sluice: "
                  + calibration.scores()
                  + ": the calibration scores of "
                  + names(gone)
                  + " are not there as they were; only what is there is compared with these"
                  + " queries");
    }
    return gone.isEmpty();
  }

  /** Adds a step over served queries to a pipeline; the text is the attempt's name. */
  interface Step {
    void build(
        Pipeline pipeline, ServedSwarm served, Optional<SwarmChannel> calibrated, String attempt);
  }

  /**
   * Runs a step to its end on the runner asked for, and says which that is.
   *
   * @param what the step
   * @param document where it commits what it came to, for messages
   * @return what it came to
   */
  final <T extends SpecificRecord> T attempt(
      String what, Served served, Step step, Class<T> type, String document) throws IOException {
    ServedSwarm swarm = served.swarm();
    byte[] outcome =
        new ScoreAttempt(what, swarm.queries(), swarm.directory())
            .run(
                ScoreAttempt.settle(runner.choice(), swarm.queries(), err()),
                progress(),
                (pipeline, attempt) -> step.build(pipeline, swarm, served.calibrated(), attempt),
                aside -> Storage.read(ServedSwarm.outcome(aside), PlainJson.MAX_BYTES));
    return PlainJson.read(type, SpecificData.get().getSchema(type), outcome, document);
  }

  /**
   * Says what was rejected.
   *
   * @param file where the rejects are
   * @return the exit code
   */
  final int rejected(List<ScoreRejectCount> rejects, Served served, String file) {
    long count = 0;
    for (ScoreRejectCount reason : rejects) {
      if (served.same() && isInCalibration(reason)) {
        err()
            .println(
                "sluice: "
                    + Texts.queries(reason.getCount())
                    + " of this directory left out, as calibrated with");
      } else {
        count += reason.getCount();
      }
    }
    if (count == 0) {
      return ExitCodes.OK;
    }
    err()
        .println(
            "sluice: "
                + Texts.count(count, "record")
                + " rejected ("
                + reasons(rejects)
                + "), with details in "
                + file);
    return ExitCodes.DONE_WITH_REJECTS;
  }

  /** Where nothing is left to be done. */
  final BadInputException nothingLeft(
      String what, List<ScoreRejectCount> rejects, Served served, String file) throws IOException {
    boolean all = rejects.size() == 1 && isInCalibration(rejects.get(0));
    return new BadInputException(
        served.swarm().directory().root()
            + ": "
            + what
            + (rejects.isEmpty() ? "" : "; rejected: " + reasons(rejects))
            + (all ? "; score queries that the threshold was not calibrated with" : "")
            + (!rejects.isEmpty() && Storage.find(file).isPresent() ? "; see " + file : ""));
  }

  private static boolean isInCalibration(ScoreRejectCount reason) {
    return reason.getReason().equals(ScoreReason.IN_CALIBRATION.label());
  }

  private static String reasons(List<ScoreRejectCount> rejects) {
    return String.join(
        ", ", rejects.stream().map(r -> r.getCount() + " " + r.getReason()).toList());
  }
}
