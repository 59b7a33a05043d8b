package dev.sluice.transforms.conformal;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@link Coverage}, {@link SlackTerms} and {@link PaperSummary}. */
class CoverageTest {
  private static final double INFINITE = Double.POSITIVE_INFINITY;
  private static final Alpha TENTH = Alpha.of("0.1");

  @Test
  void counts() {
    Coverage coverage = new Coverage();
    coverage.add(new double[] {1, 2, 3, INFINITE}, 2, 1);
    coverage.add(new double[] {1, 2, 3, INFINITE}, 1, 3);
    coverage.add(new double[] {1, 2, 3, INFINITE}, 0.5, 0);
    Coverage other = new Coverage();
    other.add(new double[] {1, 2, 3, INFINITE}, INFINITE, 3);
    coverage.add(other);
    assertThat(coverage.queries(), is(4L));
    assertThat(coverage.covered(), is(2L));
    assertThat(coverage.rate(), is(0.5));
    assertThat(coverage.meanSize(), is(7 / 4.0));
    assertThat(coverage.singletons(), is(1L));
    assertThat(coverage.empty(), is(1L));
    assertThat(coverage.infinite(), is(1L));
    assertThat(coverage.wilson(0.95), equalTo(Coverage.wilson(2, 4, 0.95)));
    assertThat(refusal(() -> coverage.add(new double[1], Double.NaN, 0)), containsString("NaN"));
    assertThat(
        refusal(() -> coverage.add(new double[] {Double.NaN}, 1, 0)),
        containsString("candidate 0"));
    assertThat(coverage.queries(), is(4L));
  }

  @ParameterizedTest
  @CsvSource({
    "0.95, 1.959963984540054",
    "0.99, 2.5758293035489004",
    "0.6826894921370859, 1",
    "0.9999994266968563, 5",
    "0.5, 0.6744897501960817",
  })
  void normalDeviates(double confidence, double z) {
    assertThat(Coverage.normalDeviate(confidence), closeTo(z, 1e-9));
  }

  /** 0.0552 and 0.1744 are Newcombe's, Statistics in Medicine 17, 1998, method 3, for 10/100. */
  @Test
  void wilson() {
    Coverage.Interval tenth = Coverage.wilson(10, 100, 0.95);
    assertThat(tenth.low(), closeTo(0.0552, 5e-5));
    assertThat(tenth.high(), closeTo(0.1744, 5e-5));
    // z²/(n + z²) at no hit.
    double z = 1.959963984540054;
    assertThat(Coverage.wilson(0, 10, 0.95).low(), is(0.0));
    assertThat(Coverage.wilson(0, 10, 0.95).high(), closeTo(z * z / (10 + z * z), 1e-12));
    assertThat(Coverage.wilson(10, 10, 0.95).low(), closeTo(10 / (10 + z * z), 1e-12));
    assertThat(Coverage.wilson(10, 10, 0.95).high(), is(1.0));
    assertThat(Coverage.wilson(0, 0, 0.95), equalTo(new Coverage.Interval(0, 1)));
    // The ends solve |p - hits/n| = z·sqrt(p(1-p)/n).
    for (int hits = 1; hits < 50; hits++) {
      Coverage.Interval interval = Coverage.wilson(hits, 50, 0.99);
      for (double p : new double[] {interval.low(), interval.high()}) {
        assertThat(
            Math.abs(p - hits / 50.0),
            closeTo(Coverage.normalDeviate(0.99) * Math.sqrt(p * (1 - p) / 50), 1e-12));
      }
    }
    assertThat(refusal(() -> Coverage.wilson(3, 2, 0.95)), containsString("got 3"));
    assertThat(refusal(() -> Coverage.wilson(1, 2, 1)), containsString("confidence"));
  }

  @Test
  void slack() {
    SlackTerms terms =
        SlackTerms.NONE
            .withFederated(2, 0.1, SlackTerms.DKW, 100, 0.01)
            .withChannel(3, 0.04, 0.04, 0.04, 0.04)
            .withTraining(0.5, 0.02);
    assertThat(terms.federated(), closeTo(2 * Math.sqrt(Math.log(20) / 200) + 0.02, 1e-15));
    assertThat(terms.channel(), closeTo(3 * 0.1, 1e-15));
    assertThat(terms.training(), closeTo(0.5 * (0.02 + 0.2), 1e-15));
    double raw = 0.9 - 1 / 101.0 - terms.federated() - terms.channel() - terms.training();
    assertThat(terms.rawLowerBound(TENTH, 100), closeTo(raw, 1e-15));
    assertThat(terms.lowerBound(TENTH, 100), closeTo(raw, 1e-15));
    SlackTerms vacuous = terms.withTraining(100, 1);
    assertThat(vacuous.rawLowerBound(TENTH, 100) < -200, is(true));
    assertThat(vacuous.lowerBound(TENTH, 100), is(0.0));
    assertThat(SlackTerms.NONE.rawLowerBound(TENTH, 9), closeTo(0.8, 1e-15));
    // Unknown densities may be infinite, and the bound then says nothing.
    assertThat(SlackTerms.NONE.withChannel(INFINITE, 1).lowerBound(TENTH, 9), is(0.0));
    assertThat(refusal(() -> terms.withChannel(1)), containsString("at least one"));
    assertThat(refusal(() -> terms.withTraining(1, -1)), containsString("meanKl"));
    assertThat(refusal(() -> terms.withFederated(1, 0, 2, 9, 0)), containsString("delta"));
    assertThat(
        refusal(() -> terms.withFederated(1, 0.1, 2, 0, 0)), containsString("got 2.0 and 0"));
  }

  /**
   * THEORY 8.3, K = 4, 3000 scores a node, uniform: coverage given the threshold is the threshold.
   * Within 3 standard errors of the difference, the documented means being of 60 repetitions with
   * this rule's own spread and printed to 5e-5, or 5e-4 where only three digits are. Seed 314159.
   */
  @ParameterizedTest
  @CsvSource({
    "1, 0.6750, 0.00005, 150",
    "2, 0.8070, 0.00005, 150",
    "4, 0.8877, 0.00005, 150",
    "6, 0.9024, 0.00005, 150",
    "8, 0.900, 0.0005, 60",
    "16, 0.900, 0.0005, 4"
  })
  void thePublishedRule(int bits, double documented, double rounding, int sets) {
    SplittableRandom random = new SplittableRandom(314159);
    double sum = 0;
    double squares = 0;
    for (int set = 0; set < sets; set++) {
      List<double[]> nodes = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        nodes.add(PaperSummary.of(random.doubles(3000).toArray(), bits));
      }
      double coverage = PaperSummary.threshold(TENTH, nodes);
      sum += coverage;
      squares += coverage * coverage;
    }
    double mean = sum / sets;
    double variance = (squares / sets - mean * mean) * sets / (sets - 1);
    double error = Math.sqrt(variance / sets + variance / 60);
    assertThat(mean, closeTo(documented, 3 * error + rounding));
  }

  @Test
  void quantilesAreLinear() {
    double[] scores = {4, 0, 2, 1, 8};
    assertThat(PaperSummary.of(scores, 0), equalTo(new double[] {2}));
    assertThat(PaperSummary.of(scores, 1), equalTo(new double[] {1 + 1 / 3.0, 2 + 2 * (2 / 3.0)}));
    assertThat(PaperSummary.of(new double[] {3}, 2), equalTo(new double[] {3, 3, 3, 3}));
    assertThat(PaperSummary.threshold(TENTH, List.of()), is(INFINITE));
    // Rank ceil(0.5·5) + 1 = 4 of 4, and 3 + 1 of 5; at one tenth the largest.
    Alpha half = Alpha.of("0.5");
    assertThat(
        PaperSummary.threshold(half, List.of(new double[] {4, 1}, new double[] {2, 3})), is(4.0));
    assertThat(
        PaperSummary.threshold(half, List.of(new double[] {4, 1, 5}, new double[] {2, 3})),
        is(4.0));
    assertThat(PaperSummary.threshold(TENTH, List.of(new double[] {4, 1, 5})), is(5.0));
    assertThat(
        refusal(() -> PaperSummary.of(new double[0], 1)), containsString("at least 1 score"));
    assertThat(refusal(() -> PaperSummary.of(scores, 21)), containsString("got 21"));
  }

  /** What it is for: at few bits the published rule falls short, and the summary does not. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void thePublishedRuleFallsShort(int bits) {
    SplittableRandom random = new SplittableRandom(2718);
    CalibrationPlan plan = CalibrationPlan.of(bits, 1, 4, List.of(TENTH)).withScores(3000, 3000);
    double published = 0;
    double conservative = 0;
    for (int set = 0; set < 50; set++) {
      List<double[]> quantiles = new ArrayList<>();
      List<CalibrationSummary> summaries = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        double[] scores = random.doubles(3000).toArray();
        quantiles.add(PaperSummary.of(scores, bits));
        summaries.add(CalibrationSummary.of(plan, scores));
      }
      published += PaperSummary.threshold(TENTH, quantiles) / 50;
      conservative += Math.min(1, PooledThreshold.of(summaries).at(TENTH)) / 50;
    }
    assertThat(published < 0.89, is(true));
    assertThat(conservative > 0.9, is(true));
  }

  private static String refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }
}
