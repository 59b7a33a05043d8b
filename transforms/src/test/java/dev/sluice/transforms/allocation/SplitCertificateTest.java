package dev.sluice.transforms.allocation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.allocation.MomentBound.Probes;
import dev.sluice.transforms.allocation.MomentBound.Verdict;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.Quantizer;
import dev.sluice.transforms.channel.StepLaw;
import dev.sluice.transforms.theory.KlBounds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** {@link SplitCertificate}, {@link MomentBound} and {@link Policy}; THEORY 11, item 8. */
class SplitCertificateTest {
  private static final double INF = Double.POSITIVE_INFINITY;
  private static final double[] CLIPS = {8, 8, 2, 2};

  @Property(tries = 1000, seed = "271828")
  void splittingByEstimatesCostsArithmeticOverGeometricMean(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 20) int nodes) {
    SplittableRandom random = new SplittableRandom(seed);
    double epsilon = 0.9 * random.nextDouble();
    double[] weights = random.doubles(nodes, 0.5, 20).toArray();
    double[] estimates = weights.clone();
    for (int i = 0; i < nodes; i++) {
      estimates[i] *= 1 + epsilon * (2 * random.nextDouble() - 1);
    }
    double total = 10 * nodes;
    double ratio =
        WaterFilling.distortion(weights, WaterFilling.unconstrained(estimates, total))
            / WaterFilling.distortion(weights, WaterFilling.unconstrained(weights, total));
    double price = SplitCertificate.price(weights, estimates);
    assertThat(price, closeTo(ratio, 1e-9 * ratio));
    assertThat(price, greaterThanOrEqualTo(1.0));
    assertThat(price, lessThanOrEqualTo(SplitCertificate.sharp(epsilon) * (1 + 1e-12)));
    assertThat(
        SplitCertificate.sharp(epsilon),
        lessThanOrEqualTo(SplitCertificate.lemma(epsilon) * (1 + 1e-12)));
  }

  /** Lemma B.8 for boxes and for whole bits. */
  @Property(tries = 500, seed = "314159")
  void theLemmaHoldsForEveryFeasibleSet(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 12) int nodes) {
    SplittableRandom random = new SplittableRandom(seed);
    double epsilon = 0.9 * random.nextDouble();
    double[] weights = new double[nodes];
    Arrays.setAll(weights, i -> Math.pow(2, 16 * random.nextDouble()));
    double[] estimates = weights.clone();
    for (int i = 0; i < nodes; i++) {
      estimates[i] *= 1 + epsilon * (2 * random.nextDouble() - 1);
    }
    double[] floors = WaterFillingTest.filled(nodes, 1);
    double[] caps = random.doubles(nodes, 1, 9).toArray();
    double total = nodes * (1 + 4 * random.nextDouble());
    double most = SplitCertificate.lemma(epsilon) * (1 + 1e-9);
    double plugIn =
        WaterFilling.distortion(weights, WaterFilling.bits(estimates, floors, caps, total));
    double best = WaterFilling.distortion(weights, WaterFilling.bits(weights, floors, caps, total));
    assertThat(plugIn, lessThanOrEqualTo(most * best));
    int[] ones = new int[nodes];
    int[] tops = new int[nodes];
    Arrays.fill(ones, 1);
    Arrays.fill(tops, 9);
    long whole = (long) total;
    int[] byEstimates = WholeBits.greedy(Distortion.SHRUNK, estimates, ones, tops, whole);
    int[] byWeights = WholeBits.greedy(Distortion.SHRUNK, weights, ones, tops, whole);
    assertThat(cost(weights, byEstimates), lessThanOrEqualTo(most * cost(weights, byWeights)));
  }

  private static double cost(double[] weights, int[] bits) {
    double sum = 0;
    for (int i = 0; i < bits.length; i++) {
      sum += weights[i] * Distortion.SHRUNK.ofBits(bits[i]);
    }
    return sum;
  }

  /** Values from 40-digit arithmetic; the series meets the formula. */
  @Test
  void specht() {
    assertThat(SplitCertificate.specht(1), is(1.0));
    double[][] values = {
      {1.0001, 1.000000001249875},
      {1.05, 1.0002975944499295},
      {1.2, 1.0041618634161158},
      {3, 1.1599831710265487},
      {19, 2.6486058352705246}
    };
    for (double[] value : values) {
      assertThat(SplitCertificate.specht(value[0]), closeTo(value[1], 0x1p-48 * value[1]));
    }
    double e = Math.E;
    assertThat(SplitCertificate.specht(e), closeTo((e - 1) * Math.exp(1 / (e - 1) - 1), 1e-14));
    double seam = Math.exp(0.1);
    assertThat(
        SplitCertificate.specht(seam * (1 - 1e-9)),
        closeTo(SplitCertificate.specht(seam * (1 + 1e-9)), 1e-10));
    for (double epsilon = 0.01; epsilon <= 0.5; epsilon += 0.01) {
      double excess = SplitCertificate.sharp(epsilon) - 1;
      assertThat(excess, lessThanOrEqualTo(0.64 * epsilon * epsilon));
      assertThat(excess, greaterThanOrEqualTo(0.5 * epsilon * epsilon));
      assertThat(
          SplitCertificate.lemma(epsilon),
          lessThanOrEqualTo(SplitCertificate.linear(epsilon) * (1 + 1e-15)));
    }
    // THEORY 6.2: at ε = .1 the lemma's .22, the linear form's .40, sharp .005.
    assertThat(SplitCertificate.lemma(0.1), closeTo(1.2222, 5e-5));
    assertThat(SplitCertificate.linear(0.1), closeTo(1.4, 1e-12));
    assertThat(SplitCertificate.sharp(0.1), closeTo(1.005, 5e-5));
    assertThat(SplitCertificate.linear(0.51), is(INF));
    assertThat(SplitCertificate.lemma(1), is(INF));
    assertThat(SplitCertificate.sharp(1), is(INF));
  }

  @Test
  void theBandwidthTermIsThatOfTheSteps() {
    double[] bits = {5, 3.3, 0, 1};
    List<StepLaw> laws = new ArrayList<>();
    double[] clips = {8, 8, 2};
    double[] active = {5, 3.3, 1};
    for (int i = 0; i < 3; i++) {
      BlockShape shape =
          BlockShape.of(
              Quantizer.DITHER, false, 50_000, 4, 0, Levels.bitsPerProbe(active[i], 50_000));
      laws.add(shape.law());
    }
    double expected = KlBounds.quadraticUpper(laws, clips);
    SplitCertificate certificate = SplitCertificate.of(new double[] {8, 8, 100, 2}, bits);
    assertThat(certificate.implemented(), closeTo(expected, 1e-4 * expected));
    assertThat(certificate.active(), is(3));
    assertThat(certificate.total(), closeTo(9.3, 1e-12));
    double steps = 0;
    for (int i = 0; i < 3; i++) {
      double step = 2 * clips[i] * Math.pow(2, -active[i]);
      steps += step * step;
    }
    assertThat(certificate.published(), closeTo(steps / (24 * 9), 1e-12));
  }

  /** THEORY 8.7: uniform at 4 bits for clip 4 and K = 4 is 2.604e-3. */
  @Test
  void quotedValues() {
    double[] bits = WaterFillingTest.filled(4, 4);
    double[] clips = WaterFillingTest.filled(4, 4);
    SplitCertificate certificate = SplitCertificate.of(clips, bits);
    assertThat(certificate.published(), closeTo(2.604e-3, 5e-7));
    assertThat(certificate.uniformPublished(), is(certificate.published()));
    assertThat(certificate.inversePublished(), closeTo(certificate.published(), 1e-15));
    assertThat(certificate.implemented(), closeTo(1.13777777777 * certificate.published(), 1e-12));
    double[] weights = Weighting.fromClips(CLIPS);
    double[] best = WaterFilling.bits(weights, new double[4], WaterFillingTest.filled(4, 16), 12);
    for (int i = 0; i < 4; i++) {
      assertThat(best[i], closeTo(i < 2 ? 4 : 2, 1e-12));
    }
    certificate = SplitCertificate.of(CLIPS, new double[] {4, 4, 2, 2});
    assertThat(certificate.uniformPublished() / certificate.published(), closeTo(2.125, 1e-12));
    assertThat(certificate.inversePublished(), greaterThan(10 * certificate.published()));
    assertThat(certificate.uniformImplemented(), greaterThan(certificate.implemented()));
    assertThat(
        SplitCertificate.of(CLIPS, new double[] {3, 0, 0, 0}).uniformImplemented(), is(Double.NaN));
    assertThat(
        assertThrows(
                IllegalArgumentException.class, () -> SplitCertificate.of(CLIPS, new double[4]))
            .getMessage(),
        containsString("at least 1 node, got none"));
    assertThrows(
        IllegalArgumentException.class,
        () -> SplitCertificate.of(CLIPS, new double[] {0.5, 1, 1, 1}));
  }

  /** THEORY 5.5: from 1 to 6 bits the optimum falls by 4^5, I2 likewise, I1 by little over 2. */
  @Test
  void inversePlateaus() {
    double[] weights = Weighting.fromClips(CLIPS);
    double[] at = new double[7];
    for (int b = 1; b <= 6; b++) {
      double[] bits = split(Policy.INVERSE, weights, 4.0 * b);
      assertThat(bits[0], closeTo(4.0 * b / 34, 1e-12));
      assertThat(bits[3], closeTo(4.0 * b * 16 / 34, 1e-12));
      at[b] = WaterFilling.distortion(weights, bits);
    }
    assertThat(at[1] / at[6], closeTo(Math.pow(4, 20.0 / 34), 0.15));
    double optimum = WaterFilling.distortion(weights, split(Policy.WATER_FILLING, weights, 24));
    assertThat(at[6] / optimum, greaterThan(100.0));
    // I2 where nothing is cut off: a constant behind, mean(w²)/w̄_g².
    double tilt = WaterFilling.distortion(weights, split(Policy.INVERSE_TILT, weights, 24));
    double meanSquare = (weights[0] * weights[0] + weights[2] * weights[2]) / 2;
    assertThat(tilt / optimum, closeTo(meanSquare / (weights[0] * weights[2]), 1e-9));
    // Cut off at 0 and rescaled: 1 − ½·log2(w/w̄_g) is 0 and 2 at a mean of 1.
    assertThat(split(Policy.INVERSE_TILT, weights, 2)[2], closeTo(1, 1e-12));
    assertThat(split(Policy.INVERSE_TILT, weights, 2)[0], is(0.0));
  }

  private static double[] split(Policy policy, double[] weights, double total) {
    int nodes = weights.length;
    return policy.bits(weights, new double[nodes], WaterFillingTest.filled(nodes, INF), total);
  }

  @Property(tries = 1000, seed = "161803")
  void everyPolicyKeepsItsBoundsAndUsesTheTotal(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 30) int nodes, @ForAll Policy policy) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] weights = new double[nodes];
    Arrays.setAll(weights, i -> Math.pow(2, 16 * random.nextDouble()));
    double[] floors = random.doubles(nodes, 0, 2).toArray();
    double[] caps = new double[nodes];
    Arrays.setAll(caps, i -> random.nextInt(5) == 0 ? INF : floors[i] + 9 * random.nextDouble());
    double least = Arrays.stream(floors).sum();
    double total = least * (1 + 1e-12) + nodes * 8 * random.nextDouble();
    double most = Arrays.stream(caps).sum();
    double[] bits = policy.bits(weights, floors, caps, total);
    double sum = 0;
    for (int i = 0; i < nodes; i++) {
      assertThat(bits[i], greaterThanOrEqualTo(floors[i]));
      assertThat(bits[i], lessThanOrEqualTo(caps[i]));
      sum += bits[i];
    }
    assertThat(sum, lessThanOrEqualTo(total));
    if (policy != Policy.INVERSE_TILT) {
      // A tilt's shares may be 0 where caps are not reached.
      assertThat(sum, closeTo(Math.min(total, most), 1e-9 * total));
    }
    double best =
        WaterFilling.distortion(weights, Policy.WATER_FILLING.bits(weights, floors, caps, total));
    assertThat(WaterFilling.distortion(weights, bits), greaterThanOrEqualTo(best * (1 - 1e-9)));
  }

  @Test
  void labels() {
    for (Policy policy : Policy.values()) {
      assertThat(Policy.of(policy.label()), is(policy));
    }
    for (Weighting weighting : Weighting.values()) {
      assertThat(Weighting.of(weighting.label()), is(weighting));
    }
    for (Distortion distortion : Distortion.values()) {
      assertThat(Distortion.of(distortion.label()), is(distortion));
    }
    assertThat(Policy.of("water-filling"), is(Policy.WATER_FILLING));
    assertThat(
        assertThrows(IllegalArgumentException.class, () -> Policy.of("best")).getMessage(),
        containsString("water-filling, uniform, inverse, inverse-tilt; got 'best'"));
    assertThrows(IllegalArgumentException.class, () -> Weighting.of(""));
    assertThrows(
        IllegalArgumentException.class, () -> split(Policy.INVERSE, new double[] {1, 0}, 3));
    assertThat(
        Weighting.fromSecondMoments(new double[] {-1, 0.5}, 1e-6),
        equalTo(new double[] {1e-6, 0.5}));
    assertThrows(
        IllegalArgumentException.class, () -> Weighting.fromSecondMoments(new double[1], 0));
  }

  // ---- how well second moments are known ----

  /** THEORY 6.4's example: K = 4, δ = .05, b₀ = 4, uniform logits: L'²/w = 3(1 + 1/16)². */
  @Test
  void sampleSizes() {
    double ratio = 3 * (1 + 1 / 16.0) * (1 + 1 / 16.0);
    assertThat(ratio, closeTo(3.39, 5e-3));
    assertThat((double) MomentBound.samplesLinear(ratio, 4, 0.05, 0.1), closeTo(46_570, 5));
    assertThat(MomentBound.samplesSharp(ratio, 4, 0.05, 0.1), is(187L));
    assertThat((double) MomentBound.samplesLinear(ratio, 4, 0.05, 0.01), closeTo(4.66e6, 5e3));
    assertThat(MomentBound.samplesSharp(ratio, 4, 0.05, 0.01), is(1863L));
    // At the size found the promise holds, at one less it does not.
    long n = MomentBound.samplesLinear(ratio, 4, 0.05, 0.1);
    assertThat(4 * MomentBound.hoeffding(ratio, 4, n, 0.05), lessThanOrEqualTo(0.1));
    assertThat(4 * MomentBound.hoeffding(ratio, 4, n - 1, 0.05), greaterThan(0.1));
    // Beyond η = 2 (sharp .16) it is ε ≤ 1/2 that asks for samples.
    assertThat(
        MomentBound.samplesLinear(ratio, 4, 0.05, 9),
        is(MomentBound.samplesSharp(ratio, 4, 0.05, 9)));
    // Language models: a clip of 20 for a second moment of 1 says nothing below 4e5 probes.
    long lower = 400_000;
    double epsilon = MomentBound.relative(MomentBound.hoeffding(400, 4, lower, 0.05), 1);
    assertThat(Verdict.of(epsilon), is(Verdict.VACUOUS));
    // log(4·4/.05) = log 320.
    assertThat(
        MomentBound.empiricalBernstein(0.04, 4, 4, 101, 0.05), closeTo(0.6059707615624, 1e-12));
    long b = MomentBound.samplesBernstein(0.04, 4, 4, 0.05, 0.1);
    assertThat(MomentBound.empiricalBernstein(0.04, 4, 4, b, 0.05), lessThanOrEqualTo(0.1));
    assertThat(MomentBound.empiricalBernstein(0.04, 4, 4, b - 1, 0.05), greaterThan(0.1));
    assertThat(MomentBound.samplesBernstein(1e300, 4, 4, 0.05, 1e-9), is(Long.MAX_VALUE));
  }

  @Test
  void verdicts() {
    assertThat(Verdict.of(0.5), is(Verdict.INFORMATIVE));
    assertThat(Verdict.of(0.501), is(Verdict.LINEAR_VACUOUS));
    assertThat(Verdict.of(1), is(Verdict.VACUOUS));
    assertThat(Verdict.of(Double.NaN), is(Verdict.VACUOUS));
    // The sample sizes at which 6.4 has the two change.
    double unit = 100 * Math.log(2 * 4 / 0.05);
    long half = (long) Math.ceil(2 * unit);
    long whole = (long) Math.floor(unit / 2);
    assertThat(Verdict.of(MomentBound.hoeffding(10, 4, half, 0.05)), is(Verdict.INFORMATIVE));
    assertThat(
        Verdict.of(MomentBound.hoeffding(10, 4, half - 1, 0.05)), is(Verdict.LINEAR_VACUOUS));
    assertThat(Verdict.of(MomentBound.hoeffding(10, 4, whole, 0.05)), is(Verdict.VACUOUS));
    assertThat(MomentBound.relativeToEstimate(1, 5), is(0.25));
    assertThat(MomentBound.relativeToEstimate(5, 5), is(INF));
    assertThat(MomentBound.relativeToEstimate(1, -2), is(INF));
    assertThat(MomentBound.empiricalBernstein(0, 4, 4, 1, 0.05), is(INF));
  }

  @Test
  void fixedProbesCountOnce() {
    assertThat(MomentBound.effectiveSamples(50, 16, Probes.FIXED), is(50L));
    assertThat(MomentBound.effectiveSamples(50, 16, Probes.REDRAWN), is(800L));
    assertThat(MomentBound.range(8, 1), is(72.25));
    assertThrows(
        IllegalArgumentException.class, () -> MomentBound.effectiveSamples(0, 1, Probes.FIXED));
  }

  /**
   * Two-point contexts, 100 of them: Z is 0 or 1 with probability 1/2, and the half-widths at δ =
   * .05, K = 1 hold in 2000 warm-ups at seed 57721. A half-width that just held would miss 100 with
   * sd 9.7; at most 145 is 4.6 sd, a false alarm below 1e-5.
   */
  @Test
  void halfWidthsHold() {
    SplittableRandom random = new SplittableRandom(57721);
    int missedHoeffding = 0;
    int missedBernstein = 0;
    int missedAsPublished = 0;
    for (int trial = 0; trial < 2000; trial++) {
      SecondMoments moments = new SecondMoments();
      for (int l = 0; l < 100; l++) {
        moments.add(new double[] {random.nextBoolean() ? 1 : 0}, 0, 1, 0, 0, 0);
      }
      SecondMoments.Moments found = moments.result();
      double off = Math.abs(found.rawSecondMoment() - 0.5);
      missedHoeffding += off > MomentBound.hoeffding(1, 1, 100, 0.05) ? 1 : 0;
      missedBernstein +=
          off > MomentBound.empiricalBernstein(found.blockVariance(), 1, 1, 100, 0.05) ? 1 : 0;
      long asPublished = MomentBound.effectiveSamples(100, 64, Probes.REDRAWN);
      missedAsPublished += off > MomentBound.hoeffding(1, 1, asPublished, 0.05) ? 1 : 0;
    }
    assertThat(missedHoeffding, lessThan(146));
    assertThat(missedBernstein, lessThan(146));
    // THEORY 6.3: at T₀ = 64 rounds over the same contexts, m·T₀ misses in some .77.
    assertThat(missedAsPublished / 2000.0, closeTo(0.77, 0.1));
  }
}
