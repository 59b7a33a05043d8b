package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.schemas.CoverageReport;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.scores.ScoreFixture;
import dev.sluice.transforms.scores.ScoreFixture.Row;
import dev.sluice.transforms.scores.ThresholdFixture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CoverageCommandTest {
  @TempDir Path directory;
  private Path round;
  private Path queries;

  @BeforeEach
  void score() throws IOException {
    round =
        Scored.calibrated(
            directory.resolve("cal"),
            ThresholdFixture.row("0.05", 12, null),
            ThresholdFixture.row("0.1", 40, 2.5),
            ThresholdFixture.row("0.2", 40, 1.25));
    queries = directory.resolve("test");
    Scored.nodes(queries, Scored.rows("q", 120, 100, null, 2));
  }

  private Cli.Result coverage(String... more) {
    return coverageOf(queries, more);
  }

  private Cli.Result coverageOf(Path from, String... more) {
    return Scored.run("coverage", round, from, more);
  }

  private static CoverageReport report(Path queries) throws IOException {
    return PlainJson.read(
        CoverageReport.class,
        CoverageReport.getClassSchema(),
        Files.readAllBytes(queries.resolve("coverage.json")),
        "coverage.json");
  }

  @Test
  void measuresAndSaysWhatTheIntervalIs() throws IOException {
    Cli.Result result = coverage();
    assertThat(result.toString(), result.code(), is(0));
    assertThat(
        result.out(),
        allOf(
            containsString("not counted: 20 without a known true answer"),
            containsString("by the number of nodes that scored the true answer"),
            containsString("Wilson's, about 95 %"),
            containsString("average over calibration sets"),
            containsString("Beta(37, 4)"),
            not(containsString("by group")),
            containsString("written to " + queries + "/coverage.json")));
    assertThat(
        result.err(), containsString("alpha 0.05: 12 calibration scores, at least 19 are needed"));
    CoverageReport report = report(queries);
    assertThat(report.getUnlabelled(), is(20L));
    assertThat(report.getAlphas().get(0).getAll().getCovered(), is(100L));
    assertThat(report.getAlphas().get(1).getAll().getN(), is(100L));
    Map<String, String> first = Scored.results(queries);
    assertThat(first.keySet(), is(Set.of("coverage.json")));
    assertThat(coverage("--parallelism", "1").code(), is(0));
    assertThat(Scored.results(queries), is(first));
  }

  /** What predict puts into the sets is what coverage counts. */
  @Test
  void agreesWithTheSetsThemselves() throws IOException {
    Cli.Result sets = Scored.run("predict", round, queries, "--json");
    assertThat(sets.toString(), sets.code(), is(0));
    ObjectMapper mapper = new ObjectMapper();
    int[] covered = new int[3];
    int[] members = new int[3];
    for (String line : sets.out().strip().split("\n", -1)) {
      JsonNode set = mapper.readTree(line);
      int i = Integer.parseInt(set.get("query").textValue().substring(1));
      for (int a = 0; i < 100 && a < 3; a++) {
        for (JsonNode answer : set.get("sets").get(a).get("answers")) {
          members[a]++;
          covered[a] += answer.textValue().equals(Scored.CANDIDATES.get(i % 4)) ? 1 : 0;
        }
      }
    }
    Cli.Result result = coverage("--json");
    assertThat(result.toString(), result.code(), is(0));
    JsonNode alphas = mapper.readTree(result.out());
    assertThat(result.out(), startsWith("["));
    assertThat(alphas.size(), is(3));
    for (int a = 0; a < 3; a++) {
      JsonNode alpha = alphas.get(a);
      assertThat(alpha.get("alpha").isNumber(), is(true));
      assertThat(alpha.get("alpha").doubleValue(), is(new double[] {0.05, 0.1, 0.2}[a]));
      assertThat(alpha.get("n").intValue(), is(100));
      assertThat(alpha.get("covered").intValue(), is(covered[a]));
      assertThat(alpha.get("coverage").doubleValue(), is(covered[a] / 100.0));
      assertThat(alpha.get("meanSetSize").doubleValue(), is(members[a] / 100.0));
      assertThat(alpha.get("infiniteThreshold").isBoolean(), is(true));
      assertThat(alpha.get("infiniteThreshold").booleanValue(), is(a == 0));
      assertThat(alpha.get("infiniteThresholdQueries").intValue(), is(a == 0 ? 100 : 0));
      assertThat(alpha.get("low").doubleValue() <= covered[a] / 100.0, is(true));
      assertThat(alpha.get("high").doubleValue() >= covered[a] / 100.0, is(true));
      assertThat(alpha.get("groups").get(0).get("infiniteThreshold").isBoolean(), is(true));
      assertThat(alpha.get("nodeCounts").get(0).get("n").isNumber(), is(true));
    }
  }

  /** From scores to coverage with thresholds that were calibrated, by every method. */
  @Test
  void theWholeWay() throws IOException {
    for (String how :
        List.of("conservative --bits-cal 400", "paper --bits-cal 6", "kll --bits-cal 9000")) {
      List<String> args =
          new ArrayList<>(
              List.of("calibrate", "--round", round.toString(), "--alpha", "1e-2,.1,0.20"));
      args.add("--method");
      args.addAll(List.of(how.split(" ", -1)));
      Cli.Result calibrated = Cli.run(args.toArray(new String[0]));
      assertThat(calibrated.toString(), calibrated.code(), is(0));
      Cli.Result result = coverage();
      assertThat(result.toString(), result.code(), is(0));
      assertThat(report(queries).getAlphas().size(), is(3));
      if (how.startsWith("conservative")) {
        // 100 test queries of the calibration's law; a finite threshold at .1 and .2 alone.
        assertThat(
            result.err(),
            containsString("alpha 1e-2: 40 calibration scores, at least 99 are needed"));
        assertThat(report(queries).getAlphas().get(0).getAll().getInfiniteThreshold(), is(100L));
        assertThat(report(queries).getAlphas().get(1).getAll().getInfiniteThreshold(), is(0L));
      }
    }
  }

  @Test
  void groupsAreShownWhereThereAreAny() throws IOException {
    round =
        Scored.calibrated(
            directory.resolve("grouped"),
            ThresholdFixture.row("x", "0.1", 40, 2.5),
            ThresholdFixture.row("y", "0.1", 5, null));
    Path groups = directory.resolve("groups");
    Scored.nodes(groups, Scored.rows("q", 30, 30, new String[] {"x", "y", "z"}, 2));
    Cli.Result result = coverageOf(groups);
    assertThat(result.toString(), result.code(), is(0));
    assertThat(
        result.out(), allOf(containsString("alpha 0.1, by group"), not(containsString("Beta"))));
    assertThat(report(groups).getAlphas().get(0).getGroups().size(), is(3));
    assertThat(
        report(groups).getAlphas().get(0).getGroups().get(2).getInfiniteThreshold(), is(10L));
  }

  @Test
  void withoutTruthThereIsNothingToMeasure() throws IOException {
    Path unlabelled = directory.resolve("unlabelled");
    Scored.nodes(unlabelled, Scored.rows("q", 30, 0, null, 2));
    Cli.Result result = coverageOf(unlabelled);
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.out(), is(""));
    assertThat(
        result.err(),
        containsString("no query with a known true answer is left to measure on (30 without)"));
    assertThat(Scored.results(unlabelled), is(Map.of()));
    Cli.Result calibration = coverageOf(round);
    assertThat(calibration.toString(), calibration.code(), is(3));
    assertThat(calibration.err(), containsString("not calibrated with"));
  }

  @Test
  void calibratedQueriesAndMismatchesAreSaid() throws IOException {
    List<Row> rows = new ArrayList<>(Scored.rows("q", 30, 30, null, 2));
    rows.addAll(Scored.rows("cal", 10, 10, null, 2));
    Path other = directory.resolve("other");
    ScoreFixture.in(other).node("n0", 40, 4, rows).node("n1", 24, 4, rows);
    Cli.Result refused = coverageOf(other);
    assertThat(refused.toString(), refused.code(), is(3));
    Cli.Result result = coverageOf(other, "--allow-mismatch");
    assertThat(result.toString(), result.code(), is(4));
    assertThat(
        result.out(), allOf(containsString("which this is not"), not(containsString("Beta"))));
    assertThat(result.err(), containsString("10 records rejected (10 in-calibration)"));
    assertThat(report(other).getMismatch().size(), is(1));
    assertThat(report(other).getAlphas().get(0).getAll().getN(), is(30L));
  }

  @Test
  void theRangeIsThatOfTheOrderStatistic() {
    // Beta(1, 1) is uniform; Beta(n, 1) has cdf x^n.
    assertThat(CoverageCommand.range(1, 1)[0], is(closeTo(0.025, 1e-12)));
    assertThat(CoverageCommand.range(19, 19)[0], is(closeTo(Math.pow(0.025, 1 / 19.0), 1e-12)));
    assertThat(CoverageCommand.range(19, 19)[1], is(closeTo(Math.pow(0.975, 1 / 19.0), 1e-12)));
  }
}
