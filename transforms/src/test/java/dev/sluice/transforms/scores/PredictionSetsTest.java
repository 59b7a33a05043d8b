package dev.sluice.transforms.scores;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.AnswerSet;
import dev.sluice.schemas.CandidateScore;
import dev.sluice.schemas.PredictionSet;
import dev.sluice.schemas.SwarmQuery;
import dev.sluice.transforms.scores.ScoreFixture.Row;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.testing.PAssert;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Create;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@link PredictionSets} and its kernel: exactly the candidates at most the threshold. */
class PredictionSetsTest {
  static final long NAT = 1L << 30;

  @TempDir Path root;
  private ScoreFixture fixture;

  @BeforeEach
  void scores() throws IOException {
    List<Row> rows = List.of(new Row("q", null, "a", 1, 2, 3, 4));
    fixture = ScoreFixture.in(root).node("n0", 40, 4, rows).node("n1", 40, 2, rows);
  }

  /** A query whose candidates have these sums of nats over so many nodes. */
  static SwarmQuery query(String name, String group, int answer, double[] sums, int... counts) {
    return SwarmQuery.newBuilder()
        .setQuery(name)
        .setGroup(group)
        .setNodes(2)
        .setOwner(-1)
        .setAnswer(answer)
        .setSums(IntStream.range(0, 4).mapToObj(y -> (long) (sums[y] * NAT)).toList())
        .setCounts(IntStream.range(0, 4).mapToObj(y -> counts[y]).toList())
        .build();
  }

  @Test
  void answersAreThoseAtMostTheThresholdLikeliestFirst() throws IOException {
    CalibratedThreshold threshold =
        ThresholdFixture.write(
            fixture.directory(),
            ThresholdFixture.row("0.05", 12, null),
            ThresholdFixture.row("0.1", 40, 3.0),
            ThresholdFixture.row("0.2", 40, 2.0),
            ThresholdFixture.row("0.5", 40, 0.5));
    SwarmQuery q = query("q", null, -1, new double[] {6, 2, 0, 4}, 2, 1, 0, 2); // 3, 2, inf, 2
    PredictionSet set = new AnswerSets(threshold).of(q);
    assertThat(set.getQuery(), is("q"));
    assertThat(set.getNodes(), is(2));
    assertThat(
        set.getSets().stream().map(AnswerSet::getAlpha).toList(),
        contains("0.05", "0.1", "0.2", "0.5"));
    assertThat(set.getSets().get(0).getAnswers(), contains("b", "d", "a", "c"));
    assertThat(set.getSets().get(0).getThreshold(), is(nullValue()));
    assertThat(
        "a score equal to the threshold is in",
        set.getSets().get(1).getAnswers(),
        contains("b", "d", "a"));
    assertThat(set.getSets().get(1).getThreshold(), is(3.0));
    assertThat(set.getSets().get(2).getAnswers(), contains("b", "d"));
    assertThat(set.getSets().get(3).getAnswers(), is(empty()));
    assertThat(
        set.getScores(),
        contains(
            new CandidateScore("a", 3.0, 2),
            new CandidateScore("b", 2.0, 1),
            new CandidateScore("c", null, 0),
            new CandidateScore("d", 2.0, 2)));
  }

  @Test
  void setsAreNestedAndExact() throws IOException {
    CalibratedThreshold threshold =
        ThresholdFixture.write(
            fixture.directory(),
            ThresholdFixture.row("g", "0.05", 40, 4.0),
            ThresholdFixture.row("g", "0.1", 40, 2.0),
            ThresholdFixture.row("g", "0.3", 40, 1.0));
    AnswerSets sets = new AnswerSets(threshold);
    Random random = new Random(11);
    for (int i = 0; i < 500; i++) {
      double[] sums = random.doubles(4, 0, 10).toArray();
      int[] counts = random.ints(4, 0, 3).toArray();
      SwarmQuery q = query("q" + i, i % 3 == 0 ? null : "g", -1, sums, counts);
      double[] scores = AnswerSets.scores(q);
      PredictionSet set = sets.of(q);
      List<String> larger = null;
      for (int a = 0; a < 3; a++) {
        double largest = threshold.threshold(q.getGroup(), a);
        List<String> expected = new ArrayList<>();
        for (int y = 0; y < 4; y++) {
          if (scores[y] <= largest) {
            expected.add(threshold.candidates().get(y));
          }
        }
        List<String> answers = set.getSets().get(a).getAnswers();
        assertThat(answers.stream().sorted().toList(), is(expected));
        if (larger != null) {
          assertThat("a prefix", answers, is(larger.subList(0, answers.size())));
        }
        larger = answers;
      }
    }
  }

  @Test
  void eachQueryHasItsSets() throws IOException {
    CalibratedThreshold threshold =
        ThresholdFixture.write(fixture.directory(), ThresholdFixture.row("0.1", 40, 2.0));
    SwarmQuery one = query("one", null, -1, new double[] {1, 2, 3, 4}, 1, 1, 1, 1);
    SwarmQuery two = query("two", "g", 2, new double[] {4, 3, 2, 1}, 1, 1, 1, 1);
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    PAssert.that(
            pipeline
                .apply(Create.of(one, two).withCoder(AvroCoder.of(SwarmQuery.class)))
                .apply(PredictionSets.of(threshold)))
        .containsInAnyOrder(new AnswerSets(threshold).of(one), new AnswerSets(threshold).of(two));
    pipeline.run().waitUntilFinish();
  }
}
