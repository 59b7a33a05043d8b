package dev.sluice.runners;

import dev.sluice.schemas.ScoreRejectCount;
import dev.sluice.schemas.Threshold;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.recompute.Presence;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.scores.SwarmChannel;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeSet;

/** A look at a directory of scores and labels. */
final class CalibrationRecomputation extends Recomputation {
  CalibrationRecomputation(Path root, Pass pass) throws IOException {
    super(root, pass);
  }

  @Override
  void check() {
    // nobody signs scores
  }

  @Override
  String terms() {
    return policy.calibrationTerms();
  }

  @Override
  String document() {
    return "threshold.json";
  }

  @Override
  List<String> inputs() throws IOException {
    List<String> inputs = new ArrayList<>(files("scores"));
    inputs.addAll(files("labels"));
    return inputs;
  }

  @Override
  Instant begun() throws IOException {
    Instant first = Instant.MAX;
    for (String node : names(root.resolve("scores"))) {
      Path channel = channel(node);
      if (Files.exists(channel)) {
        Instant written = Files.getLastModifiedTime(channel).toInstant();
        first = written.isBefore(first) ? written : first;
      }
    }
    return first.equals(Instant.MAX) ? Instant.EPOCH : first;
  }

  /** Written last, by each node. */
  private Path channel(String node) {
    return root.resolve("scores").resolve(node).resolve("channel.json");
  }

  /** The nodes whose scores are wanted, by name. */
  private List<String> wanted() throws IOException {
    List<String> asked = policy.calibration().nodes();
    return asked == null
        ? SwarmChannel.present(new ScoreDirectory(root.toString()))
        : List.copyOf(new TreeSet<>(asked));
  }

  private List<String> scored() throws IOException {
    return wanted().stream().filter(node -> Files.exists(channel(node))).toList();
  }

  @Override
  Presence presence(Path attempt) throws IOException {
    List<String> missing = new ArrayList<>(wanted());
    missing.removeAll(scored());
    return new Presence(wanted().size(), missing, scored().size());
  }

  @Override
  SortedMap<String, SortedMap<String, Long>> rejected() {
    return Collections.emptySortedMap(); // known only once they are read, in the calibration
  }

  @Override
  int minNodes() throws IOException {
    Integer asked = policy.document().getMinNodes();
    return asked == null ? Math.max(1, wanted().size()) : asked;
  }

  @Override
  Made came(Path version) throws IOException {
    Path file = version.resolve("threshold.json");
    return came(
        PlainJson.read(
            Threshold.class, Threshold.getClassSchema(), Files.readAllBytes(file), "" + file));
  }

  private static Made came(Threshold threshold) {
    return new Made(
        threshold.getRejects().stream().mapToLong(ScoreRejectCount::getCount).sum(), "");
  }

  @Override
  Map<String, String> named(Path version) {
    return Map.of();
  }

  @Override
  Made make(Path attempt, Path outputs, Optional<Versions.Version> before)
      throws IOException, NoVersionException {
    try {
      return came(calibrate(attempt, outputs));
    } catch (IOException | RuntimeException e) {
      Optional<String> reason =
          Failures.cluster(e).isPresent() ? Optional.empty() : Failures.contents(e);
      if (reason.isPresent()) {
        throw new NoVersionException(reason.get());
      }
      throw e;
    }
  }

  private Threshold calibrate(Path attempt, Path outputs) throws IOException {
    ScoreDirectory directory = new ScoreDirectory(root.toString(), outputs.toString());
    SwarmChannel swarm = SwarmChannel.read(directory, scored());
    Calibration calibration = policy.calibration();
    calibration.check(swarm, message -> policy.usage("calibration", message));
    RunnerChoice runner =
        ScoreAttempt.settle(pass.choice(), swarm, new PrintWriter(Writer.nullWriter()));
    return calibration.run(swarm, runner, Progress.NONE, name(attempt) + "/aside");
  }
}
