package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;

import dev.sluice.schemas.Audit;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodeCurve;
import dev.sluice.schemas.RateCurves;
import dev.sluice.schemas.RatePoint;
import dev.sluice.schemas.RateSplit;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rate curves of a round whose nodes are unlike, and what a split by them is worth. */
@Tag("long")
class CurvesCommandTest {
  private static final int PROBES = 64;
  private static final int VOCABULARY = 512;
  private static final double[] SPREADS = {.3, 1, 4};

  @TempDir static Path directory;
  private static Path warmUp;

  @BeforeAll
  static void warmUp() throws IOException {
    npy("base", base());
    for (int node = 0; node < SPREADS.length; node++) {
      SplittableRandom random = new SplittableRandom(10 + node);
      float[] logits = base();
      for (int c = 0; c < logits.length; c++) {
        logits[c] += (float) (SPREADS[node] * (2 * random.nextDouble() - 1));
      }
      npy("n" + node, logits);
    }
    warmUp = round("warm-up", "3000");
  }

  private static float[] base() {
    SplittableRandom random = new SplittableRandom(1);
    float[] logits = new float[PROBES * VOCABULARY];
    for (int c = 0; c < logits.length; c++) {
      logits[c] = (float) (3 * Math.log(random.nextDouble() + 1e-4));
    }
    return logits;
  }

  private static void npy(String name, float... logits) throws IOException {
    String shape = "(" + PROBES + ", " + VOCABULARY + ")";
    Site.npy(directory.resolve(name + ".npy"), "'<f4'", "False", shape, logits);
  }

  private static Path round(String id, String bits) {
    Path round = directory.resolve(id);
    String base = directory.resolve("base.npy").toString();
    ProbeLogits.run(
        "plan",
        "--round",
        round.toString(),
        "--id",
        id,
        "--nodes",
        "n0,n1,n2",
        "--channel",
        "reference",
        "--reference",
        base,
        "--bits-per-probe",
        bits);
    for (int node = 0; node < SPREADS.length; node++) {
      Site.send(round, "n" + node, directory.resolve("n" + node + ".npy"));
    }
    ProbeLogits.run("aggregate", "--round", round.toString());
    return round;
  }

  private static double kl(Path round) throws IOException {
    List<String> args = new ArrayList<>(List.of("audit", "--json", "--round", round.toString()));
    for (int node = 0; node < SPREADS.length; node++) {
      args.addAll(List.of("--logits", "n" + node + "=" + directory.resolve("n" + node + ".npy")));
    }
    return PlainJson.read(
            Audit.class,
            Audit.getClassSchema(),
            ProbeLogits.run(args.toArray(new String[0])).getBytes(StandardCharsets.UTF_8),
            "audit")
        .getKl();
  }

  private static RateCurves curves(String... more) throws IOException {
    List<String> args = new ArrayList<>(List.of("curves", "--round", warmUp.toString(), "--json"));
    args.addAll(List.of(more));
    return PlainJson.read(
        RateCurves.class,
        RateCurves.getClassSchema(),
        ProbeLogits.run(args.toArray(new String[0])).getBytes(StandardCharsets.UTF_8),
        "curves");
  }

  @Test
  void aSplitAtEqualSlopeIsBetterByWhatTheCurvesPredict() throws Exception {
    RateSplit split = curves("--total-bits-per-probe", "3600").getSplit();
    long spent = split.getBitsPerProbe().stream().mapToLong(Long::longValue).sum();
    assertThat(spent, allOf(lessThanOrEqualTo(3600L), greaterThan(3590L)));
    String bits =
        IntStream.range(0, 3)
            .mapToObj(node -> "n" + node + "=" + split.getBitsPerProbe().get(node))
            .collect(Collectors.joining(","));
    double uniform = kl(round("uniform", "1200"));
    double divided = kl(round("divided", bits));
    assertThat(divided, lessThan(uniform));
    double predicted = split.getUniform() / split.getPredicted();
    assertThat(uniform / divided, closeTo(predicted, .25 * predicted));
  }

  @Test
  void curvesEndAtTheCodesThatTheyAreMeasuredOn() throws Exception {
    List<NodeCurve> nodes = curves().getNodes();
    List<NodeAccount> sent = RoundRunner.manifest(new RoundDirectory(warmUp.toString())).getNodes();
    for (int node = 0; node < nodes.size(); node++) {
      List<RatePoint> points = nodes.get(node).getPoints();
      for (int i = 1; i < points.size(); i++) {
        assertThat(
            points.get(i).getBitsPerProbe(),
            greaterThan(.99 * points.get(i - 1).getBitsPerProbe()));
      }
      double bits = points.get(points.size() - 1).getBitsPerProbe();
      double payload = sent.get(node).getPayloadBitsPerProbe();
      assertThat(bits, closeTo(payload, .1 * payload));
    }
  }

  @Test
  void theyAreTheSameFromEveryRunner() throws Exception {
    RateCurves direct = curves("--runner", "direct", "--parallelism", "1");
    assertThat(curves("--runner", "direct", "--parallelism", "2"), is(direct));
    assertThat(curves("--runner", "flink", "--parallelism", "2"), is(direct));
  }

  @Test
  void peopleGetATableAndWhatPlanTakes() {
    String text =
        ProbeLogits.run("curves", "--round", warmUp.toString(), "--total-bits-per-probe", "3600");
    assertThat(
        text, allOf(containsString("--bits-per-probe n0="), containsString("at equal slope")));
    assertThat(text, not(containsString("NaN")));
  }

  @Test
  void whatCannotBeDividedIsRefused() throws Exception {
    String at = warmUp.toString();
    Cli.Result little = Cli.run("curves", "--round", at, "--total-bits-per-probe", "10");
    assertThat(little.toString(), little.code(), is(2));
    Cli.Result none = Cli.run("curves", "--round", at, "--total-bits-per-probe", "NaN");
    assertThat(none.toString(), none.code(), is(2));
    Cli.Result much = Cli.run("curves", "--round", at, "--total-bits-per-probe", "90000");
    assertThat(much.toString(), much.code(), is(0));
    assertThat(much.err(), containsString("the curves end at"));
    Path other = Site.sent(Files.createDirectories(directory.resolve("other")), "a", "b");
    ProbeLogits.run("aggregate", "--round", other.toString());
    Cli.Result clipped = Cli.run("curves", "--round", other.toString());
    assertThat(clipped.toString(), clipped.code(), is(3));
    assertThat(clipped.err(), containsString("sluice allocate"));
  }
}
