package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.ChannelNode;
import dev.sluice.schemas.GroupThreshold;
import dev.sluice.schemas.ScoreRejectCount;
import dev.sluice.schemas.Threshold;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.ConformalRank;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.SwarmScore;
import dev.sluice.transforms.scores.NodeChannel;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.scores.ScoreFixture;
import dev.sluice.transforms.scores.ScoreFixture.Row;
import dev.sluice.transforms.scores.SwarmChannel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code sluice calibrate}: thresholds that are never below those of the pooled scores. */
@Tag("long")
class CalibrateCommandTest {
  @TempDir Path root;

  /** Queries q0 .. q(n-1) at three nodes; node i mod 3 knows the truth of query i. */
  private static void write(Path root, int n, boolean groups, boolean backwards)
      throws IOException {
    ScoreFixture fixture = ScoreFixture.in(root);
    int[] bits = {24, 10, 40};
    for (int node = 0; node < 3; node++) {
      List<Row> rows = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        SplittableRandom random = new SplittableRandom(1000L * i + node);
        double[] scores = random.doubles(4, 0, 20).toArray();
        String truth = i % 3 == node ? "abcd".substring(i % 4, i % 4 + 1) : null;
        rows.add(new Row("q" + i, groups ? (i % 5 == 0 ? "rare" : "often") : null, truth, scores));
      }
      if (backwards) {
        Collections.reverse(rows);
      }
      fixture.node("n" + node, bits[node], 4, rows);
    }
  }

  /** The scores that count, by group, from the kernels alone. */
  private static Map<String, List<Double>> trueScores(Path root, int n) throws IOException {
    SwarmChannel swarm =
        SwarmChannel.read(new ScoreDirectory(root.toString()), List.of("n0", "n1", "n2"));
    Map<String, List<Double>> scores = new TreeMap<>();
    for (int i = 0; i < n; i++) {
      SwarmScore mean = new SwarmScore(4);
      for (int node = 0; node < 3; node++) {
        NodeChannel channel = swarm.nodes().get(node);
        double[] raw = new SplittableRandom(1000L * i + node).doubles(4, 0, 20).toArray();
        mean.add(channel.quantizer(OutOfRange.REFUSE).reconstruct(channel.budget(), "q" + i, raw));
      }
      scores
          .computeIfAbsent(i % 5 == 0 ? "rare" : "often", g -> new ArrayList<>())
          .add(mean.score(i % 4));
    }
    return scores;
  }

  private static Threshold threshold(Path root) throws IOException {
    Path file = root.resolve("threshold.json");
    return PlainJson.read(
        Threshold.class, Threshold.getClassSchema(), Files.readAllBytes(file), file.toString());
  }

  private static Cli.Result sluice(Object... words) {
    return Cli.run(Arrays.stream(words).map(Object::toString).toArray(String[]::new));
  }

  private static double[] array(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }

  @ParameterizedTest
  @CsvSource({"8", "40", "300"})
  void thresholdsAreNotBelowThePooledOnes(int bits) throws IOException {
    write(root, 120, false, false);
    Cli.Result cli =
        sluice("calibrate", "--round", root, "--alpha", "0.2,0.05,0.1", "--bits-cal", bits);
    assertThat(cli.err(), cli.code(), is(0));
    List<Double> all = new ArrayList<>();
    trueScores(root, 120).values().forEach(all::addAll);
    Threshold threshold = threshold(root);
    assertThat(threshold.getCalibrated(), is(120L));
    assertThat(
        threshold.getThresholds().stream().map(GroupThreshold::getAlpha).toList(),
        is(List.of("0.05", "0.1", "0.2")));
    for (GroupThreshold row : threshold.getThresholds()) {
      double exact = ConformalRank.threshold(Alpha.of(row.getAlpha()), array(all));
      assertThat(row.getGroup(), is(nullValue()));
      assertThat(row.getScores(), is(120L));
      if (row.getThreshold() != null) {
        assertThat(row.getThreshold(), greaterThanOrEqualTo(exact));
        assertThat(row.getCertified(), greaterThanOrEqualTo(row.getRank()));
      } else {
        assertThat(row.getWhy(), is("too-few-bits"));
      }
    }
    if (bits == 300) {
      double exact = ConformalRank.threshold(Alpha.of("0.1"), array(all));
      assertThat(threshold.getThresholds().get(1).getThreshold(), lessThanOrEqualTo(exact + 0.5));
    }
    for (ChannelNode node : threshold.getNodes()) {
      assertThat(node.getOwned(), is(40L));
      assertThat(node.getSummaryBits(), lessThanOrEqualTo((long) bits));
    }
  }

  @Test
  void eachGroupHasItsOwnThresholdAndItsOwnN() throws IOException {
    write(root, 60, true, false);
    Cli.Result cli =
        sluice(
            "calibrate",
            "--round",
            root,
            "--alpha",
            "0.05,0.2",
            "--bits-cal",
            "400",
            "--group-by",
            "group");
    assertThat(cli.err(), cli.code(), is(0));
    Map<String, List<Double>> scores = trueScores(root, 60);
    List<GroupThreshold> rows = threshold(root).getThresholds();
    assertThat(
        rows.stream().map(row -> row.getGroup() + row.getAlpha() + "/" + row.getScores()).toList(),
        is(List.of("often0.05/48", "often0.2/48", "rare0.05/12", "rare0.2/12")));
    for (GroupThreshold row : rows) {
      double exact =
          ConformalRank.threshold(Alpha.of(row.getAlpha()), array(scores.get(row.getGroup())));
      if (row.getThreshold() != null) {
        assertThat(row.getThreshold(), greaterThanOrEqualTo(exact));
      }
    }
    assertThat(rows.get(2).getWhy(), is("too-few-scores"));
    assertThat(
        cli.out(),
        containsString(
            "alpha 0.05, group rare: 12 calibration scores, at least 19 are needed; every set is"
                + " all 4 candidates"));
    for (ChannelNode node : threshold(root).getNodes()) {
      assertThat(node.getSummaryBits(), lessThanOrEqualTo(400L));
    }
  }

  /** Same scores in another order, on other runners: the same bytes. */
  @ParameterizedTest
  @CsvSource({"conservative, 60", "kll, 6000", "paper, 4"})
  void theSameBytesOnAnyRunner(String method, String bits) throws IOException {
    Path other = root.resolve("other");
    Path here = root.resolve("here");
    write(here, 90, true, false);
    write(other, 90, true, true);
    List<Map<String, byte[]>> results = new ArrayList<>();
    for (String[] how :
        new String[][] {{"direct", "1"}, {"direct", "2"}, {"flink", "1"}, {"flink", "2"}}) {
      Path round = how[1].equals("1") ? here : other;
      Cli.Result cli =
          sluice(
              "calibrate",
              "--round",
              round,
              "--alpha",
              "0.1",
              "--bits-cal",
              bits,
              "--method",
              method,
              "--group-by",
              "group",
              "--runner",
              how[0],
              "--parallelism",
              how[1]);
      assertThat(cli.err(), cli.code(), is(0));
      results.add(files(round));
    }
    for (Map<String, byte[]> result : results) {
      assertThat(result.keySet(), equalTo(results.get(0).keySet()));
      result.forEach((name, bytes) -> assertThat(name, bytes, equalTo(results.get(0).get(name))));
    }
  }

  /** Summaries, and the threshold without the digests of what the rows' order changes. */
  private static Map<String, byte[]> files(Path round) throws IOException {
    Map<String, byte[]> files = new TreeMap<>();
    try (Stream<Path> summaries = Files.list(round.resolve("summaries"))) {
      for (Path file : summaries.toList()) {
        files.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    Threshold threshold = threshold(round);
    threshold.getNodes().forEach(node -> node.setChannelDigest(""));
    files.put("threshold.json", PlainJson.write(threshold));
    return files;
  }

  @Test
  void whatDoesNotCountIsCounted() throws IOException {
    write(root, 30, false, false);
    ScoreFixture.in(root)
        .node(
            "n1",
            10,
            4,
            List.of(new Row("q1", null, "b", 1, 2, 3, 4), new Row("q2", null, null, 1, 2, 3, 4)));
    Cli.Result cli = sluice("calibrate", "--round", root, "--alpha", "0.5", "--bits-cal", "64");
    assertThat(cli.code(), is(4));
    Threshold threshold = threshold(root);
    assertThat(threshold.getQueries(), is(2L));
    assertThat(threshold.getCalibrated(), is(2L));
    assertThat(threshold.getRejects(), is(List.of(new ScoreRejectCount("missing-nodes", 28L))));
    assertThat(cli.err(), containsString("28 missing-nodes"));
    assertThat(Files.exists(root.resolve("score-rejects/calibrate.avro")), is(true));
  }

  @Test
  void nothingToCalibrateWithLeavesAnEarlierThreshold() throws IOException {
    write(root, 30, false, false);
    assertThat(
        sluice("calibrate", "--round", root, "--alpha", "0.1", "--bits-cal", "64").code(), is(0));
    byte[] before = Files.readAllBytes(root.resolve("threshold.json"));
    for (int node = 0; node < 3; node++) {
      try (Stream<Path> labels = Files.list(root.resolve("labels/n" + node))) {
        for (Path file : labels.toList()) {
          Files.delete(file);
        }
      }
    }
    Cli.Result cli = sluice("calibrate", "--round", root, "--alpha", "0.1", "--bits-cal", "64");
    assertThat(cli.code(), is(3));
    assertThat(
        cli.err(),
        allOf(containsString("nothing to calibrate with"), containsString("30 no-label")));
    assertThat(Files.readAllBytes(root.resolve("threshold.json")), equalTo(before));
    try (Stream<Path> left = Files.list(root)) {
      assertThat(
          left.map(p -> p.getFileName().toString()).filter(n -> n.startsWith(".")).toList(),
          is(List.of()));
    }
  }

  @Test
  void nodesThatScoredOtherCandidates() throws IOException {
    write(root, 10, false, false);
    new ScoreFixture(root, List.of("a", "b", "x"), 20, "test")
        .node("n9", 24, 3, List.of(new Row("q1", null, null, 1, 2, 3)));
    Cli.Result cli = sluice("calibrate", "--round", root, "--alpha", "0.5", "--bits-cal", "64");
    assertThat(cli.code(), is(3));
    assertThat(
        cli.err(),
        allOf(
            containsString("disagree: candidates: found [a, b, c, d] and [a, b, x]"),
            not(containsString("Exception"))));
    assertThat(
        sluice(
                "calibrate",
                "--round",
                root,
                "--alpha",
                "0.5",
                "--bits-cal",
                "64",
                "--nodes",
                "n0,n1,n2")
            .code(),
        is(0));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--alpha 0 --bits-cal 8 | --alpha: alpha must be in (0, 1)",
        "--alpha 1.5 --bits-cal 8 | --alpha: alpha must be in (0, 1)",
        "--alpha x --bits-cal 8 | --alpha: alpha must be a decimal",
        "--alpha 0.1,0.10 --bits-cal 8 | --alpha: 0.10 is there twice",
        "--alpha 0.1 --bits-cal -1 | --bits-cal must be 0 to 65536 with --method conservative, got -1",
        "--alpha 0.1 --bits-cal 21 --method paper | --bits-cal must be 0 to 20 with --method paper, got 21",
        "--alpha 0.1 --bits-cal 8 --method best | --method: found 'best'",
        "--alpha 0.1 --bits-cal 8 --group-by topic | --group-by must be 'group'",
        "--alpha 0.1 --bits-cal 8 --min-cell 0 | --min-cell must be at least 1",
        "--alpha 0.1 --bits-cal 8 --delta 1 | --delta must be in (0, 1)",
        "--alpha 0.1 --bits-cal 8 --max-density NaN | --max-density must be a number from 0",
        "--alpha 0.1 --bits-cal 8 --runner spark | --runner: found 'spark'"
      })
  void optionsThatCannotBeMeant(String options, String message) {
    List<Object> arguments = new ArrayList<>(List.of("calibrate", "--round", root));
    arguments.addAll(List.of(options.strip().split(" ")));
    Cli.Result cli = sluice(arguments.toArray());
    assertThat(cli.code(), is(2));
    assertThat(cli.err(), containsString(message.strip()));
  }

  @Test
  void aDirectoryWithoutScores() {
    Cli.Result cli = sluice("calibrate", "--round", root, "--alpha", "0.5", "--bits-cal", "64");
    assertThat(cli.code(), is(3));
    assertThat(cli.err(), containsString("found scores of 0 nodes"));
  }

  @Test
  void thePublishedSlack() throws IOException {
    write(root, 30, false, false);
    Cli.Result cli =
        sluice(
            "calibrate",
            "--round",
            root,
            "--alpha",
            "0.1",
            "--bits-cal",
            "64",
            "--max-density",
            "0.5",
            "--mean-kl",
            "0.02");
    assertThat(cli.err(), cli.code(), is(0));
    GroupThreshold row = threshold(root).getThresholds().get(0);
    double raw =
        1
            - 0.1
            - 1.0 / 31
            - 0.5
                * (row.getSlack().getFederated()
                    + row.getSlack().getChannel()
                    + row.getSlack().getTraining());
    assertThat(row.getSlack().getLowerBound(), org.hamcrest.Matchers.closeTo(raw, 1e-12));
    assertThat(row.getSlack().getTraining(), org.hamcrest.Matchers.closeTo(0.22, 1e-12));
    assertThat(cli.out(), containsString("alpha 0.1: the published bound is"));
  }
}
