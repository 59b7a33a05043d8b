package dev.sluice.transforms.scores;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.transforms.scores.ScoreFixture.Row;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.beam.sdk.util.SerializableUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CalibratedThresholdTest {
  private static final List<Row> ROWS = List.of(new Row("q", null, "a", 1, 2, 3, 4));

  @TempDir Path root;

  private ScoreDirectory calibrated() throws IOException {
    return ScoreFixture.in(Files.createDirectories(root.resolve("cal")))
        .node("n0", 40, 4, ROWS)
        .node("n1", 32, 4, ROWS)
        .directory();
  }

  private CalibratedThreshold threshold() throws IOException {
    return ThresholdFixture.write(
        calibrated(),
        ThresholdFixture.row("0.05", 12, null),
        ThresholdFixture.row("0.1", 12, 3.5),
        ThresholdFixture.row("0.2", 12, 2.25));
  }

  @Test
  void thresholdsAreByAlpha() throws IOException {
    CalibratedThreshold threshold = threshold();
    assertThat(threshold.alphas(), contains("0.05", "0.1", "0.2"));
    assertThat(threshold.nodes(), contains("n0", "n1"));
    assertThat(threshold.threshold(null, "0.05"), is(Double.POSITIVE_INFINITY));
    assertThat(threshold.threshold(null, "0.10"), is(3.5));
    assertThat("groups are not looked at", threshold.threshold("x", "0.2"), is(2.25));
    assertThat(threshold.digestHex(), is(ScoreFixture.sha256(Path.of(calibrated().threshold()))));
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> threshold.threshold(null, "0.3"));
    assertThat(e.getMessage(), containsString("0.05, 0.1, 0.2"));
  }

  @Test
  void aGroupThatWasNotCalibratedHasNoBound() throws IOException {
    CalibratedThreshold threshold =
        ThresholdFixture.write(
            calibrated(),
            ThresholdFixture.row("x", "0.1", 12, 3.5),
            ThresholdFixture.row("y", "0.1", 5, null));
    assertThat(threshold.threshold("x", "0.1"), is(3.5));
    assertThat(threshold.threshold("y", "0.1"), is(Double.POSITIVE_INFINITY));
    assertThat(threshold.threshold("z", "0.1"), is(Double.POSITIVE_INFINITY));
    assertThat(threshold.threshold(null, "0.1"), is(Double.POSITIVE_INFINITY));
  }

  @Test
  void serialisesAsItsBytes() throws IOException {
    CalibratedThreshold threshold = threshold();
    CalibratedThreshold copy = SerializableUtils.clone(threshold);
    assertThat(copy.digestHex(), is(threshold.digestHex()));
    assertThat(copy.document(), is(threshold.document()));
    assertThat(copy.threshold(null, 1), is(3.5));
  }

  @Test
  void withoutAThresholdItSaysWhatToDo() throws IOException {
    ScoreDirectory directory = calibrated();
    IOException e = assertThrows(IOException.class, () -> CalibratedThreshold.read(directory));
    assertThat(
        e.getMessage(),
        allOf(containsString("threshold.json: no such file"), containsString("sluice calibrate")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "/format | 'x' | format: found x, expected sluice-threshold-1",
        "/candidates | [] | candidates: found 0 names, expected 1 to 4096",
        "/candidates | ['a','a','c','d'] | candidates: found 'a' twice",
        "/maxScore | 0 | maxScore: found 0.0, expected 2^-8 to 2^20 nats",
        "/scorer | '' | scorer: found a name that is empty",
        "/nodes | [] | nodes: found 0 nodes, expected 1 to 4096",
        "/nodes/0/name | '../n' | nodes[0].name: found ../n",
        "/nodes/0/name | 'n1' | nodes[1].name: found n1, expected names in ascending order",
        "/nodes/0/name | 'n2' | nodes[1].name: found n1, expected names in ascending order",
        "/nodes/1/bitsPerQuery | 0 | nodes[1].bitsPerQuery: found 0",
        "/nodes/1/bitsPerQuery | 2 | nodes[1]: budget of 2 bits names and scores not one",
        "/nodes/1/top | 5 | nodes[1]: candidates wanted must be in [1, 4], got 5",
        "/nodes/1/channelDigest | 'AB' | nodes[1].channelDigest: found AB, expected 64",
        "/nodes/1/queries | -1 | nodes[1].queries: found -1",
        "/nodes/1/owned | -1 | nodes[1].owned: found -1",
        "/nodes/1/summaryBits | -1 | nodes[1].summaryBits: found -1",
        "/terms/method | 'best' | terms.method: found best, expected conservative, paper or kll",
        "/terms/alphas | [] | terms.alphas: found none, expected at least one",
        "/terms/alphas/0 | '1e-10' | terms.alphas[0]: found 1e-10, expected a decimal in (0, 1)",
        "/terms/alphas/0 | '0.0' | terms.alphas[0]: found 0.0, expected a decimal in (0, 1)",
        "/terms/alphas/0 | '0.10' | terms.alphas[1]: found 0.1, expected ascending values",
        "/delta | 1 | delta: found 1.0, expected a number in (0, 1)",
        "/calibrated | 100001 | calibrated: found 100001, expected 0 to queries, 100000",
        "/thresholds | [] | thresholds: found none, expected one for every alpha",
        "/thresholds/0/group | 'x' | thresholds[0].group: found x, expected null",
        "/thresholds/0/alpha | '0.3' | thresholds[0].alpha: found 0.3, expected one of terms",
        "/thresholds/0/alpha | '1.5' | thresholds[0].alpha: found 1.5, expected a decimal",
        "/thresholds/1/rank | 11 | thresholds[1].rank: found 11, expected 12 of 12 scores",
        "/thresholds/1/scores | -1 | thresholds[1].scores: found -1",
        "/thresholds/1/scores | 100001 | thresholds[1].scores: found 100001, expected at most",
        "/thresholds/1/certified | -1 | thresholds[1].certified: found -1",
        "/thresholds/1/certified | 3 | thresholds[1].certified: found 3, expected at least rank",
        "/thresholds/1/threshold | 1e9 | thresholds[1].threshold: found 1.0E9, expected a number",
        "/minNodes | 0 | minNodes: found 0, expected 1 to",
        "/thresholds/1/coverage | 1.5 | thresholds[1].coverage: found 1.5",
        "/thresholds/1/threshold | -0.5 | thresholds[1].threshold: found -0.5, expected a number",
        "/thresholds/1/threshold | null | thresholds[1].why: found null, expected one of [min-cell",
        "/thresholds/1/why | 'too-few-bits' | thresholds[1].why: found too-few-bits, expected null",
        "/thresholds/0/why | 'tired' | thresholds[0].why: found tired, expected one of [min-cell",
        "/thresholds/1/extra | 1 | field 'thresholds[1].extra': found an unknown field",
      })
  void refusesWhatNoCalibrationWrites(String pointer, String value, String message)
      throws IOException {
    threshold();
    Path file = Path.of(calibrated().threshold());
    ObjectMapper mapper = new ObjectMapper();
    JsonNode tree = mapper.readTree(file.toFile());
    int slash = pointer.lastIndexOf('/');
    JsonNode parent = slash == 0 ? tree : tree.at(pointer.substring(0, slash));
    JsonNode node = mapper.readTree(value.replace('\'', '"'));
    String last = pointer.substring(slash + 1);
    if (parent instanceof ObjectNode object) {
      object.set(last, node);
    } else {
      ((com.fasterxml.jackson.databind.node.ArrayNode) parent).set(Integer.parseInt(last), node);
    }
    mapper.writeValue(file.toFile(), tree);
    IOException e =
        assertThrows(
            IOException.class,
            () -> CalibratedThreshold.read(new ScoreDirectory(root.resolve("cal").toString())));
    assertThat(e.getMessage(), containsString(message));
    assertThat(e.getMessage(), containsString("threshold.json"));
  }

  @Test
  void everyGroupAndAlphaOnce() throws IOException {
    ScoreDirectory directory = calibrated();
    IOException twice =
        assertThrows(
            IOException.class,
            () ->
                ThresholdFixture.write(
                    directory,
                    ThresholdFixture.row("x", "0.1", 12, 3.5),
                    ThresholdFixture.row("x", "0.1", 12, 3.5)));
    assertThat(
        twice.getMessage(),
        containsString("thresholds[1].alpha: found 0.1 again for group x, expected every group"));
    IOException missing =
        assertThrows(
            IOException.class,
            () ->
                ThresholdFixture.write(
                    directory,
                    ThresholdFixture.row("x", "0.1", 12, 3.5),
                    ThresholdFixture.row("x", "0.2", 12, 3.0),
                    ThresholdFixture.row("y", "0.2", 12, 3.0)));
    assertThat(
        missing.getMessage(), containsString("thresholds: found none of group y at alpha 0.1"));
  }

  private SwarmChannel swarm(ScoreFixture fixture) throws IOException {
    return SwarmChannel.read(fixture.directory(), SwarmChannel.present(fixture.directory()));
  }

  @Test
  void theSameChannelWithOtherQueriesFits() throws IOException {
    CalibratedThreshold threshold = threshold();
    SwarmChannel same =
        swarm(
            ScoreFixture.in(root.resolve("test"))
                .node("n0", 40, 4, List.of(new Row("other", "g", null, 4, 3, 2, 1)))
                .node("n1", 32, 4, List.of(new Row("other", "g", null, 4, 3, 2, 1))));
    assertThat(threshold.mismatches(same), is(empty()));
  }

  @Test
  void everyDifferenceIsASentence() throws IOException {
    CalibratedThreshold threshold = threshold();
    SwarmChannel other =
        swarm(
            new ScoreFixture(root.resolve("test"), List.of("a", "b", "x", "d"), 10, "new")
                .node("n0", 39, 3, ROWS)
                .node("n2", 32, 4, ROWS));
    assertThat(
        threshold.mismatches(other),
        contains(
            "candidate 3 is 'x', calibrated with 'c'",
            "maxScore is 10.0, calibrated with 20.0",
            "scorer is 'new', calibrated with 'test'",
            "node 'n0': bitsPerQuery is 39, calibrated with 40",
            "node 'n0': top is 3, calibrated with 4",
            "node 'n1' has no scores, calibrated with it",
            "node 'n2' was not calibrated with"));
    assertThat(threshold.hasCandidatesOf(other), is(false));
    assertThat(threshold.channelSlack(other).isPresent(), is(false));
  }

  @Test
  void orderOfCandidatesMatters() throws IOException {
    CalibratedThreshold threshold = threshold();
    SwarmChannel other =
        swarm(
            new ScoreFixture(root.resolve("test"), List.of("b", "a", "c", "d"), 20, "test")
                .node("n0", 40, 4, ROWS)
                .node("n1", 32, 4, ROWS));
    assertThat(threshold.mismatches(other), contains("candidate 1 is 'b', calibrated with 'a'"));
    SwarmChannel fewer =
        swarm(
            new ScoreFixture(root.resolve("fewer"), List.of("a", "b", "c"), 20, "test")
                .node("n0", 40, 3, List.of(new Row("q", null, null, 1, 2, 3)))
                .node("n1", 32, 3, List.of(new Row("q", null, null, 1, 2, 3))));
    assertThat(threshold.mismatches(fewer).get(0), is("there are 3 candidates, calibrated with 4"));
  }

  @Test
  void thePublishedSlackOfOtherBits() throws IOException {
    CalibratedThreshold threshold = threshold();
    SwarmChannel coarse =
        swarm(ScoreFixture.in(root.resolve("test")).node("n0", 8, 4, ROWS).node("n1", 8, 4, ROWS));
    // 2 bits a score: 4 symbols on 3 steps, variance (20/3)^2/12; 10 bits: 1023 steps; 8: 255.
    double test = Math.sqrt(2 * (20 / 3.0) * (20 / 3.0) / 12) / 2;
    double cal =
        Math.sqrt((20 / 1023.0) * (20 / 1023.0) / 12 + (20 / 255.0) * (20 / 255.0) / 12) / 2;
    assertThat(threshold.channelSlack(coarse).getAsDouble(), is(closeTo(test + cal, 1e-12)));
    SwarmChannel partial =
        swarm(ScoreFixture.in(root.resolve("part")).node("n0", 8, 2, ROWS).node("n1", 8, 4, ROWS));
    assertThat(threshold.channelSlack(partial).isPresent(), is(false));
    SwarmChannel alone = swarm(ScoreFixture.in(root.resolve("one")).node("n0", 40, 4, ROWS));
    assertThat(threshold.channelSlack(alone).isPresent(), is(false));
  }
}
