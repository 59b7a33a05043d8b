package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.schemas.Predictions;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.scores.ScoreFixture;
import dev.sluice.transforms.scores.ScoreFixture.Row;
import dev.sluice.transforms.scores.ThresholdFixture;
import dev.sluice.transforms.storage.Storage;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PredictCommandTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  @TempDir Path directory;
  private Path round;
  private Path queries;

  @BeforeEach
  void score() throws IOException {
    round =
        Scored.calibrated(
            directory.resolve("cal"),
            ThresholdFixture.row("0.05", 12, null),
            ThresholdFixture.row("0.1", 40, 3.5),
            ThresholdFixture.row("0.2", 40, 2.0));
    queries = directory.resolve("test");
    Scored.nodes(queries, Scored.rows("q", 30, 20, null, 2));
  }

  private Cli.Result predict(String... more) {
    return predictFrom(queries, more);
  }

  private Cli.Result predictFrom(Path from, String... more) {
    return Scored.run("predict", round, from, more);
  }

  private static Predictions predictions(Path queries) throws IOException {
    return PlainJson.read(
        Predictions.class,
        Predictions.getClassSchema(),
        Files.readAllBytes(queries.resolve("sets/predictions.json")),
        "predictions.json");
  }

  @Test
  void answersTheQueriesAndAgainTheSame() throws IOException {
    Cli.Result result = predict();
    assertThat(result.toString(), result.code(), is(0));
    assertThat(
        result.out(),
        allOf(
            startsWith("30 queries, 4 candidates, 3 calibrated nodes; thresholds in nats"),
            containsString("0.05    infinite"),
            containsString("written to " + queries + "/sets: 1 file of sets")));
    assertThat(
        result.err(),
        allOf(
            containsString("direct runner"),
            containsString(
                "alpha 0.05: 12 calibration scores, at least 19 are needed; every set is all 4"
                    + " candidates")));
    Predictions done = predictions(queries);
    assertThat(done.getQueries(), is(30L));
    assertThat(done.getOverlapChecked(), is(true));
    assertThat(done.getMismatch().size(), is(0));
    assertThat(done.getSizes().get(0).getAnswers(), is(120L));
    assertThat(done.getSizes().get(0).getInfiniteThreshold(), is(30L));
    Map<String, String> first = Scored.results(queries);
    assertThat(first.keySet(), is(Set.of("sets/predictions.json", "sets/sets-00000.avro")));
    assertThat(predict("--parallelism", "1").code(), is(0));
    assertThat(Scored.results(queries), is(first));
  }

  @Test
  void jsonIsOneObjectForEachQueryAndNothingElse() throws IOException {
    Cli.Result result = predict("--json");
    assertThat(result.toString(), result.code(), is(0));
    String[] lines = result.out().split("\n", -1);
    assertThat(lines.length, is(31));
    assertThat(lines[30], is(""));
    String last = "";
    for (int i = 0; i < 30; i++) {
      JsonNode set = MAPPER.readTree(lines[i]);
      List<String> fields = new ArrayList<>();
      set.fieldNames().forEachRemaining(fields::add);
      assertThat(fields, contains("query", "group", "nodes", "sets", "scores"));
      assertThat(set.get("query").textValue().compareTo(last) > 0, is(true));
      last = set.get("query").textValue();
      assertThat(set.get("sets").get(0).get("threshold").isNull(), is(true));
      assertThat(set.get("sets").get(0).get("answers").size(), is(4));
      double threshold = set.get("sets").get(1).get("threshold").doubleValue();
      assertThat(threshold, is(3.5));
      long expected = 0;
      for (JsonNode score : set.get("scores")) {
        expected += score.get("score").doubleValue() <= threshold ? 1 : 0;
      }
      assertThat((long) set.get("sets").get(1).get("answers").size(), is(expected));
    }
  }

  @Test
  void withoutAThresholdOrScoresItSaysWhatToDo() throws IOException {
    Files.delete(round.resolve("threshold.json"));
    Cli.Result none = predict();
    assertThat(none.toString(), none.code(), is(3));
    assertThat(
        none.err(),
        allOf(containsString("threshold.json: no such file"), containsString("sluice calibrate")));
    score();
    Cli.Result empty = predictFrom(Files.createDirectories(directory.resolve("empty")));
    assertThat(empty.toString(), empty.code(), is(3));
    assertThat(empty.err(), containsString("no node has scored the queries; 'sluice score'"));
  }

  @Test
  void refusesAnotherChannelUnlessAllowed() throws IOException {
    Path other = directory.resolve("other");
    List<Row> rows = Scored.rows("q", 30, 0, null, 2);
    ScoreFixture.in(other).node("n0", 8, 4, rows).node("n1", 24, 4, rows).node("n9", 8, 4, rows);
    Cli.Result refused = predictFrom(other);
    assertThat(refused.toString(), refused.code(), is(3));
    assertThat(refused.out(), is(""));
    assertThat(
        refused.err(),
        allOf(
            containsString("left out, as not calibrated with: n9"),
            containsString("node 'n0': bitsPerQuery is 8, calibrated with 40"),
            containsString("node 'n2' has no scores, calibrated with it"),
            containsString("--allow-mismatch"),
            containsString("sluice calibrate")));
    assertThat(Scored.results(other), is(Map.of()));

    Cli.Result allowed = predictFrom(other, "--allow-mismatch");
    assertThat(allowed.toString(), allowed.code(), is(0));
    assertThat(allowed.err(), containsString("no bound applies to such a difference"));
    assertThat(
        predictions(other).getMismatch(),
        contains(
            "node 'n0': bitsPerQuery is 8, calibrated with 40",
            "node 'n2' has no scores, calibrated with it"));
  }

  @Test
  void theBoundOfOtherBitsHasANumber() throws IOException {
    List<Row> rows = Scored.rows("cal", 50, 40, null, 1);
    List<Row> asked = Scored.rows("q", 30, 0, null, 2);
    round = Files.createDirectories(directory.resolve("whole"));
    ThresholdFixture.write(
        ScoreFixture.in(round).node("n0", 40, 4, rows).directory(),
        ThresholdFixture.row("0.1", 40, 3.5));
    Path other = directory.resolve("other");
    ScoreFixture.in(other).node("n0", 20, 4, asked);
    // 10 bits a score are 1023 steps of 20 nats, 5 bits are 31
    double slack = (20 / 1023.0 + 20 / 31.0) / Math.sqrt(12);
    Cli.Result law = predictFrom(other, "--allow-mismatch");
    assertThat(law.toString(), law.code(), is(0));
    assertThat(
        law.err(),
        allOf(
            containsString(String.format("takes f_max * %.4g nats", slack)),
            containsString("--max-density F")));
    Cli.Result number = predictFrom(other, "--allow-mismatch", "--max-density", "0.5");
    assertThat(number.err(), containsString(String.format("%.4g at f_max = 0.5", slack / 2)));
    assertThat(
        predictFrom(other, "--allow-mismatch", "--max-density", "50").err(),
        containsString("1.000 at f_max = 50"));
  }

  @Test
  void otherCandidatesAreNeverAllowed() throws IOException {
    Path other = directory.resolve("other");
    List<Row> rows = Scored.rows("q", 30, 0, null, 2);
    new ScoreFixture(other, List.of("a", "b", "c", "e"), 20, "test")
        .node("n0", 40, 4, rows)
        .node("n1", 24, 4, rows)
        .node("n2", 16, 2, rows);
    Cli.Result result = predictFrom(other, "--allow-mismatch");
    assertThat(result.toString(), result.code(), is(3));
    assertThat(
        result.err(),
        allOf(
            containsString("candidate 4 is 'e', calibrated with 'd'"),
            containsString("another question"),
            not(containsString("or go on"))));
  }

  @Test
  void inItsOwnDirectoryTheUnlabelledQueriesAreAnswered() throws IOException {
    Cli.Result result = predictFrom(round.resolve("../cal"));
    assertThat(result.toString(), result.code(), is(0));
    assertThat(result.out(), startsWith("10 queries"));
    assertThat(
        result.err(), containsString("40 queries of this directory left out, as calibrated with"));
    Predictions done = predictions(round);
    assertThat(done.getRejects().get(0).getReason(), is("in-calibration"));
    assertThat(done.getRejects().get(0).getCount(), is(40L));

    Path link = Files.createSymbolicLink(directory.resolve("link"), round);
    Cli.Result linked = predictFrom(link);
    assertThat(linked.toString(), linked.code(), is(0));
  }

  @Test
  void queriesThatWereCalibratedWithAreRejected() throws IOException {
    List<Row> rows = new ArrayList<>(Scored.rows("q", 30, 0, null, 2));
    rows.addAll(Scored.rows("cal", 50, 0, null, 2));
    Path mixed = directory.resolve("mixed");
    Scored.nodes(mixed, rows);
    Cli.Result result = predictFrom(mixed);
    assertThat(result.toString(), result.code(), is(4));
    assertThat(
        result.err(),
        allOf(
            containsString("40 records rejected (40 in-calibration)"),
            containsString("score-rejects/predict.avro")));
    assertThat(predictions(mixed).getQueries(), is(40L));

    Storage.deleteTree(round.resolve("scores").toString());
    Cli.Result unchecked = predictFrom(mixed);
    assertThat(unchecked.toString(), unchecked.code(), is(0));
    assertThat(
        unchecked.err(),
        containsString("the calibration scores of n0, n1, n2 are not there as they were"));
    assertThat(predictions(mixed).getOverlapChecked(), is(false));
    assertThat(predictions(mixed).getQueries(), is(80L));
    assertThat(Files.exists(mixed.resolve("score-rejects/predict.avro")), is(false));
  }

  @Test
  void queriesThatLackNodesAreRejectedUnlessAllowed() throws IOException {
    List<Row> rows = Scored.rows("q", 30, 0, null, 2);
    Path partial = directory.resolve("partial");
    ScoreFixture.in(partial)
        .node("n0", 40, 4, rows)
        .node("n1", 24, 4, rows)
        .node("n2", 16, 2, rows.subList(0, 25));
    Cli.Result result = predictFrom(partial);
    assertThat(result.toString(), result.code(), is(4));
    assertThat(result.err(), containsString("5 records rejected (5 missing-nodes)"));
    assertThat(predictions(partial).getQueries(), is(25L));
    Cli.Result allowed = predictFrom(partial, "--allow-mismatch");
    assertThat(allowed.toString(), allowed.code(), is(0));
    assertThat(predictions(partial).getQueries(), is(30L));
    assertThat(
        predictions(partial).getMismatch(),
        contains("5 queries were answered by fewer than the 3 nodes that calibration asked for"));
  }

  @Test
  void withNoQueryLeftNothingIsWritten() throws IOException {
    Path same = directory.resolve("same");
    Scored.nodes(same, Scored.rows("cal", 30, 0, null, 2));
    Cli.Result result = predictFrom(same);
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.out(), is(""));
    assertThat(
        result.err(),
        allOf(
            containsString("no query is left to answer; rejected: 30 in-calibration"),
            containsString("score queries that the threshold was not calibrated with"),
            containsString("score-rejects/predict.avro")));
    assertThat(Scored.results(same).keySet(), is(Set.of("score-rejects/predict.avro")));
    Path none = directory.resolve("none");
    Scored.nodes(none, List.of());
    Cli.Result empty = predictFrom(none);
    assertThat(empty.toString(), empty.code(), is(3));
    assertThat(empty.err(), containsString("the nodes have scored no query"));
    assertThat(Scored.results(none), is(Map.of()));
  }

  @Test
  void groupsHaveTheirOwnThresholds() throws IOException {
    round =
        Scored.calibrated(
            directory.resolve("grouped"),
            ThresholdFixture.row("x", "0.1", 40, 3.5),
            ThresholdFixture.row("y", "0.1", 5, null));
    Path groups = directory.resolve("groups");
    Scored.nodes(groups, Scored.rows("q", 30, 0, new String[] {"x", "y", "z"}, 2));
    Cli.Result result = predictFrom(groups);
    assertThat(result.toString(), result.code(), is(0));
    assertThat(
        result.err(),
        containsString("alpha 0.1: 5 calibration scores, at least 9 are needed (group y)"));
    assertThat(result.out(), containsString("3.5000 to 3.5000 by group"));
    assertThat(predictions(groups).getSizes().get(0).getInfiniteThreshold(), is(20L));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--runner spark | --runner: found 'spark', expected auto, direct or flink",
        "--parallelism 17 | --parallelism must be 1 to 16, got 17",
        "--runner direct --flinkMaster h:1 | --flinkMaster has no meaning with --runner direct",
        "--flinkMaster h --runner flink | --flinkMaster: found 'h', expected host:port",
        "--max-density 1 | --max-density has no meaning without --allow-mismatch",
        "--allow-mismatch --max-density -1 | --max-density must be a number of at least 0",
        "--allow-mismatch --max-density NaN | --max-density must be a number of at least 0",
        "--round a* | --round",
        "--alpha 0.1 | Unknown options: '--alpha'",
      })
  void wrongOptions(String options, String message) {
    Cli.Result result = predict(options.split(" ", -1));
    assertThat(result.toString(), result.code(), is(2));
    assertThat(result.err(), containsString(message));
  }
}
