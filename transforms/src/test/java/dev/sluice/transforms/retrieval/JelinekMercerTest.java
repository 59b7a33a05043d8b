package dev.sluice.transforms.retrieval;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JelinekMercerTest {
  /** A corpus of 9 words, 5 of them different: p(w|C) = (count + 1) / 15. */
  private static final JelinekMercer MODEL = JelinekMercer.of(0.5, 9, 5);

  @Test
  void isTheMeanOfTheSmoothedLogarithms() {
    // p = 0.5 * 2/4 + 0.5 * 4/15 and 0.5 * 0/4 + 0.5 * 1/15
    double expected = -(Math.log(0.25 + 2.0 / 15) + Math.log(0.5 / 15)) / 2;
    assertThat(MODEL.score(new long[] {3, 0}, new long[] {2, 0}, 4), closeTo(expected, 1e-15));
  }

  @Test
  void withNothingRetrievedOnlyTheCorpusSpeaks() {
    assertThat(MODEL.score(new long[] {3}, new long[] {0}, 0), closeTo(-Math.log(4.0 / 15), 1e-15));
    assertThat(
        JelinekMercer.of(0, 9, 5).score(new long[] {3}, new long[] {2}, 4),
        closeTo(-Math.log(4.0 / 15), 1e-15));
  }

  @Test
  void anEmptyCorpusIsUniformOnOneUnseenWord() {
    assertThat(JelinekMercer.of(0.5, 0, 0).score(new long[] {0}, new long[] {0}, 0), is(0.0));
  }

  @Test
  void aWordThatIsRetrievedIsLikelier() {
    double with = MODEL.score(new long[] {1}, new long[] {1}, 4);
    double without = MODEL.score(new long[] {1}, new long[] {0}, 4);
    assertThat(with, lessThan(without));
  }

  @Property
  void scoresAreWithinTheirBound(
      @ForAll @IntRange(max = 1000) int inCorpus,
      @ForAll @IntRange(max = 1000) int inRetrieved,
      @ForAll @IntRange(max = 999) int lambda) {
    JelinekMercer model = JelinekMercer.of(lambda / 1000.0, 1000, 77);
    double score = model.score(new long[] {inCorpus}, new long[] {inRetrieved}, 1000);
    assertThat(score, greaterThanOrEqualTo(0.0));
    assertThat(score, lessThanOrEqualTo(Math.log(1078 / (1 - lambda / 1000.0)) + 1e-12));
    assertThat(
        model.score(new long[] {inCorpus, inCorpus}, new long[] {inRetrieved, inRetrieved}, 1000),
        closeTo(score, 1e-12));
  }

  /** Every word is a word of the corpus or the one unseen: their probabilities sum to 1. */
  @Test
  void theModelIsADistribution() {
    long[] corpus = {4, 2, 1, 1, 1, 0};
    long[] retrieved = {2, 0, 1, 0, 1, 0};
    double sum = 0;
    for (int w = 0; w < corpus.length; w++) {
      sum += Math.exp(-MODEL.score(new long[] {corpus[w]}, new long[] {retrieved[w]}, 4));
    }
    assertThat(sum, closeTo(1, 1e-14));
  }

  /** The bits of a double, so that another order of summation or another logarithm shows. */
  @Test
  void isTheSameDoubleEverywhere() {
    double score =
        JelinekMercer.of(0.3, 1234567, 45678)
            .score(new long[] {17, 0, 4711, 1}, new long[] {3, 0, 19, 0}, 401);
    assertThat(score, greaterThan(5.0));
    assertThat(Double.doubleToLongBits(score), equalTo(Double.doubleToLongBits(GOLDEN)));
  }

  /** Python's math.log, added in the same order. */
  private static final double GOLDEN = 9.58179907784368;

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, 1, Double.NaN, Double.POSITIVE_INFINITY})
  void refusesOtherWeights(double lambda) {
    assertThat(
        assertThrows(IllegalArgumentException.class, () -> JelinekMercer.of(lambda, 1, 1))
            .getMessage(),
        is("lambda must be in [0, 1), got " + lambda));
  }

  @Test
  void refusesImpossibleCounts() {
    assertThrows(IllegalArgumentException.class, () -> JelinekMercer.of(0.5, 3, 4));
    assertThrows(IllegalArgumentException.class, () -> JelinekMercer.of(0.5, -1, 0));
    assertThrows(IllegalArgumentException.class, () -> MODEL.score(new long[0], new long[0], 4));
    assertThrows(
        IllegalArgumentException.class, () -> MODEL.score(new long[] {1}, new long[] {5}, 4));
    assertThrows(
        IllegalArgumentException.class, () -> MODEL.score(new long[] {10}, new long[] {1}, 4));
  }
}
