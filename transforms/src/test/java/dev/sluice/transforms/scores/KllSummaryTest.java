package dev.sluice.transforms.scores;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;

import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.CalibrationPlan;
import dev.sluice.transforms.conformal.ConformalRank;
import dev.sluice.transforms.conformal.SymbolCounts;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** {@link KllSummary}: sketches within their bits, and thresholds that are seldom too low. */
class KllSummaryTest {
  private static final Alpha TENTH = Alpha.of("0.1");
  private static final double RANGE = 20;
  private static final int NODES = 4;
  private static final int SCORES = 2000;

  private static CalibrationPlan plan(int bits) {
    return CalibrationPlan.of(bits, RANGE, NODES, List.of(TENTH)).withScores(SCORES, SCORES);
  }

  private static byte[] sketch(int bits, String node, double[] scores) {
    CalibrationPlan plan = plan(bits);
    SymbolCounts symbols = new SymbolCounts();
    for (double score : scores) {
      symbols.add(plan.symbolAbove(score, CalibrationPlan.MAX_LEVELS));
    }
    return KllSummary.of(plan, node, "", symbols);
  }

  /**
   * Seed 271828, 60 draws of four nodes at 20 000 bits. By the library, a draw's threshold is below
   * the pooled one with probability at most .01; more than 5 of 60 then have probability 3e-5.
   */
  @Test
  void thresholdsAreSeldomBelowThePooledOnes() {
    SplittableRandom random = new SplittableRandom(271828);
    int below = 0;
    double excess = 0;
    for (int draw = 0; draw < 60; draw++) {
      List<byte[]> sketches = new ArrayList<>();
      double[] all = new double[NODES * SCORES];
      for (int node = 0; node < NODES; node++) {
        double[] scores = random.doubles(SCORES, 0, RANGE).toArray();
        System.arraycopy(scores, 0, all, node * SCORES, SCORES);
        sketches.add(sketch(20_000, draw + "-" + node, scores));
      }
      double threshold =
          KllSummary.threshold(TENTH, KllSummary.parameter(20_000, SCORES), sketches, all.length);
      double exact = ConformalRank.threshold(TENTH, all);
      below += threshold < exact ? 1 : 0;
      excess += (threshold - exact) / RANGE / 60;
    }
    assertThat(below, lessThanOrEqualTo(5));
    // The rank asked for is a few per cent above the exact one, and no more.
    assertThat(excess, greaterThan(0.0));
    assertThat(excess, lessThan(0.06));
  }

  @Test
  void sketchesFitTheirBitsAndAreTheSameAgain() {
    double[] scores = new SplittableRandom(1).doubles(SCORES, 0, RANGE).toArray();
    for (int bits : new int[] {6000, 20_000, 65_536}) {
      byte[] sketch = sketch(bits, "n0", scores);
      assertThat(8 * sketch.length, lessThanOrEqualTo(bits));
      assertThat(sketch.length, greaterThan(0));
      assertThat(sketch(bits, "n0", scores), equalTo(sketch));
    }
    assertThat(sketch(6000, "n1", scores), not(equalTo(sketch(6000, "n0", scores))));
  }

  @Test
  void whatTheBitsDoNotPayForIsInfinite() {
    double[] scores = new SplittableRandom(1).doubles(SCORES, 0, RANGE).toArray();
    byte[] none = sketch(1000, "n0", scores);
    assertThat(none.length, is(0));
    assertThat(
        KllSummary.threshold(TENTH, 8, List.of(none, sketch(9000, "n1", scores)), 2 * SCORES),
        is(Double.POSITIVE_INFINITY));
    assertThat(
        KllSummary.threshold(Alpha.of("0.0001"), 8, List.of(sketch(9000, "n1", scores)), SCORES),
        is(Double.POSITIVE_INFINITY));
  }
}
