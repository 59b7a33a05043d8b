package dev.sluice.transforms.theory;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.allocation.SplitCertificate;
import dev.sluice.transforms.allocation.WaterFilling;
import dev.sluice.transforms.allocation.Weighting;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.SlackTerms;
import java.util.Arrays;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** {@link FpldBound} and {@link CoverageBound}. */
class FpldBoundTest {
  private static double[] all(int nodes, double value) {
    double[] values = new double[nodes];
    Arrays.fill(values, value);
    return values;
  }

  /** THEORY 8.1: the excess that the published setting (K = 4, L = 20) predicts, by bits. */
  @Test
  void theBandwidthTermOfThePublishedSetting() {
    double[] printed = {1.0417, .2604, .0651, .0163, .0041, .0010, .0003};
    for (int b = 2; b <= 8; b++) {
      assertThat(
          FpldBound.bandwidth(all(4, 20), all(4, b)), closeTo(printed[b - 2], 0.5e-4 + 1e-9));
    }
    assertThat(FpldBound.bandwidth(all(1, 40), all(1, 1e-12)), closeTo(267, 0.5)); // c3 at clip 40
  }

  @Property(tries = 200, seed = "271828")
  void termsAgreeWithEachOther(
      @ForAll @IntRange(min = 1, max = 9) int nodes,
      @ForAll @IntRange(min = 2, max = 16) int bits,
      @ForAll @IntRange(min = 1, max = 40) int clip) {
    double[] clips = all(nodes, clip);
    double[] b = all(nodes, bits);
    double term = FpldBound.bandwidth(clips, b);
    double c3 = clip * clip / 6.0;
    assertThat(term, closeTo(c3 / nodes * Math.pow(4, -bits), 1e-12 * term));
    double step = 2 * clip * Math.pow(2, -bits);
    assertThat(KlBounds.upper(nodes, step), lessThanOrEqualTo(term * (1 + 1e-12)));
    assertThat(FpldBound.euclidean(clips, b, 50), closeTo(25 * term, 1e-12 * term));
    assertThat(FpldBound.anyLaw(all(nodes, step)), closeTo(3 * term, 1e-12 * term));
    double eta = 0.7;
    assertThat(FpldBound.fixedLower(clips, b, eta), closeTo(eta / 2 * term, 1e-12 * term));
    if (FpldBound.meanStep(clips, b) <= FpldBound.SMALL_ERROR) {
      assertThat(
          FpldBound.fixedLower(clips, b, eta),
          lessThanOrEqualTo(KlBounds.lower(2 * term, step, eta) * (1 + 1e-12)));
    }
    assertThat(
        FpldBound.bandwidth(clips, FpldBound.afterRounds(b, 3)),
        closeTo(c3 / nodes * Math.pow(4, -3 * bits), 1e-12 * term));
    double cubic = clip * (clip * clip / 3.0) * Math.pow(8, -bits) / (6.0 * nodes * nodes);
    double variance = 2 * term;
    assertThat(
        FpldBound.withoutSymmetry(clips, b, 0.3),
        closeTo(term + cubic + 0.3 * variance * variance, 1e-12 * (term + cubic)));
  }

  @Test
  void theLowerBoundsMeetWhereTheErrorIsAsLargeAsItMayBe() {
    assertThat(KlBounds.h(FpldBound.SMALL_ERROR), closeTo(0.5, 1e-15));
    double bits = Math.log(2 * 8 / FpldBound.SMALL_ERROR) / Math.log(2);
    double variance = FpldBound.variance(all(3, 8), all(3, bits));
    assertThat(
        KlBounds.lower(variance, FpldBound.SMALL_ERROR, 0.4),
        closeTo(FpldBound.fixedLower(all(3, 8), all(3, bits), 0.4), 1e-12));
  }

  @Property(tries = 300, seed = "314159")
  void theBestSplitIsBestByArithmeticOverGeometricMean(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 12) int nodes) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] clips = random.doubles(nodes, 1, 20).toArray();
    double total = 6 * nodes;
    double[] weights = Weighting.fromClips(clips);
    double best = FpldBound.bandwidth(clips, WaterFilling.unconstrained(weights, total));
    double uniform = FpldBound.bandwidth(clips, all(nodes, 6));
    assertThat(best, closeTo(WaterFilling.waterLevel(weights, total) / (2 * nodes), 1e-9 * best));
    assertThat(best, lessThanOrEqualTo(uniform * (1 + 1e-12)));
    double price = SplitCertificate.price(weights, all(nodes, 1));
    assertThat(uniform / best, closeTo(price, 1e-9 * price));
  }

  /** THEORY 8.7: two wide and two narrow clips, ratio 4. */
  @Test
  void theGainOfTheFigure() {
    assertThat(
        SplitCertificate.price(
            Weighting.fromClips(new double[] {8, 8, 2, 2}), new double[] {1, 1, 1, 1}),
        closeTo(2.125, 1e-12));
  }

  @Test
  void statisticalTermsFallWithTheirSamples() {
    assertThat(FpldBound.samples(2, 65536, 4, 3000), closeTo(2 * 65536 / 12000.0, 1e-12));
    assertThat(
        FpldBound.probes(0.5, 2, 256, 3000, 0.05),
        closeTo(Math.sqrt(256 * Math.log(256 / 0.05) / 3000), 1e-12));
    assertThat(
        FpldBound.probes(1, 1, 256, 6000, 0.05), lessThan(FpldBound.probes(1, 1, 256, 3000, 0.05)));
    assertThat(FpldBound.optimisation(2, 0.3), equalTo(0.3));
    assertThat(FpldBound.drift(0.1, 0.3), closeTo(0.2, 1e-15));
    assertThrows(IllegalArgumentException.class, () -> FpldBound.samples(-1, 1, 1, 1));
    assertThrows(IllegalArgumentException.class, () -> FpldBound.probes(1, 1, 2, 1, 1));
    assertThrows(IllegalArgumentException.class, () -> FpldBound.bandwidth(all(1, 0), all(1, 2)));
  }

  /** THEORY 4.4. */
  @Test
  void movingLogitsLeaveAFloor() {
    double floor = 2 * 0.1 / (5 - 2);
    assertThat(FpldBound.driftingStep(4, 5, 0.1, 60), closeTo(floor, 1e-12));
    assertThat(FpldBound.driftingStep(4, 5, 0.1, 3), greaterThan(floor));
    assertThat(FpldBound.driftingStep(4, 5, 0, 3), closeTo(8.0 / 64, 1e-15));
    assertThat(FpldBound.driftingStep(4, 2, 0.1, 11), closeTo(8 + 10 * 0.2, 1e-12));
  }

  /** THEORY 9.9: 0 at one-hot, 1 − 1/V at uniform. */
  @Test
  void theTraceIsLargestAtUniform() {
    double[] uniform = new double[7];
    assertThat(FpldBound.trace(7), closeTo(Softmax.oneMinusSquaredNorm(uniform, 0, 7), 1e-15));
    uniform[2] = 900;
    assertThat(Softmax.oneMinusSquaredNorm(uniform, 0, 7), equalTo(0.0));
  }

  /** No logits within ±L are further from uniform than is said. */
  @Property(tries = 300, seed = "161803")
  void hearingNothingCostsNoMore(
      @ForAll long seed, @ForAll @IntRange(min = 2, max = 30) int vocabulary) {
    SplittableRandom random = new SplittableRandom(seed);
    double clip = 6 * random.nextDouble() + 0.01;
    double[] row = new double[vocabulary];
    for (int v = 0; v < vocabulary; v++) {
      row[v] = random.nextBoolean() ? clip : -clip;
    }
    double kl = Softmax.kl(row, 0, new double[vocabulary], 0, vocabulary);
    assertThat(
        kl, lessThanOrEqualTo(FpldBound.uninformed(new double[] {clip}, vocabulary) + 1e-12));
  }

  /** THEORY 8.3: three constants under which all five published lower bounds come out. */
  @Test
  void thePublishedCoverageBoundsAreConsistent() {
    Alpha alpha = Alpha.of("0.1");
    long scores = 12_000;
    double spread = 0.026 - 1.0 / (scores + 1);
    double concentration = Math.log(2 / 0.05) / (scores * spread * spread);
    double[][] printed = {{1, 8, .322}, {8, 8, .493}, {32, 8, .564}, {8, 1, -.973}, {8, 16, .760}};
    for (double[] cell : printed) {
      double channel = .289 * Math.pow(2, -cell[0] / 4);
      double[] variances = all(4, 4 * channel * channel);
      SlackTerms slack =
          SlackTerms.NONE
              .withFederated(1, 0.05, concentration, scores, 2.28 * Math.exp(-cell[1] / 4))
              .withChannel(1, variances);
      assertThat(slack.rawLowerBound(alpha, scores), closeTo(cell[2], 0.0016));
      assertThat(slack.lowerBound(alpha, scores), closeTo(Math.max(0, cell[2]), 0.0016));
      assertThat(
          CoverageBound.setSize(10, alpha, scores, slack),
          closeTo(10 * (0.9 + 1.0 / (scores + 1) + slack.federated() + slack.channel()), 1e-12));
    }
  }

  /** Corollary 6.8's slack, and what its square root does at a small divergence. */
  @Test
  void theSlackOfTraining() {
    SlackTerms slack = SlackTerms.NONE.withTraining(2, 0.02);
    assertThat(slack.training(), closeTo(2 * (0.02 + 0.2), 1e-12));
    assertThat(CoverageBound.quantile(2, 0.1), closeTo(0.2, 1e-15));
    assertThat(CoverageBound.sameChannel(Alpha.of("0.1"), 9), equalTo(0.9));
    assertThat(CoverageBound.scoreVariance(6, 2), closeTo(36.0 / 12 / 9, 1e-12));
  }
}
