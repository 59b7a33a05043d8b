package dev.sluice.transforms.allocation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BlockDecoder;
import dev.sluice.transforms.channel.BlockEncoder;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.Quantizer;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SecondMomentsTest {

  /** Magnitudes from 2^-40 to 2^20: float64 sums of these depend on their order. */
  @Property(tries = 500, seed = "271828")
  void orderAndGroupingDoNotMatter(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 40) int probes) {
    SplittableRandom random = new SplittableRandom(seed);
    int width = 1 + random.nextInt(9);
    List<double[]> rows = new ArrayList<>();
    for (int l = 0; l < probes; l++) {
      double scale = Math.pow(2, 60 * random.nextDouble() - 40);
      rows.add(random.doubles(width, -scale, scale).toArray());
    }
    SecondMoments whole = new SecondMoments();
    for (double[] row : rows) {
      add(whole, row);
    }
    List<double[]> turned = new ArrayList<>(rows);
    for (int l = probes - 1; l > 0; l--) {
      java.util.Collections.swap(turned, l, random.nextInt(l + 1));
    }
    List<SecondMoments> parts = new ArrayList<>();
    for (double[] row : turned) {
      if (parts.isEmpty() || random.nextInt(3) == 0) {
        parts.add(new SecondMoments());
      }
      add(parts.get(parts.size() - 1), row);
    }
    parts.add(new SecondMoments());
    while (parts.size() > 1) {
      SecondMoments part = parts.remove(random.nextInt(parts.size()));
      parts.get(random.nextInt(parts.size())).merge(part);
    }
    assertThat(parts.get(0), equalTo(whole));
    assertThat(parts.get(0).hashCode(), is(whole.hashCode()));
    assertThat(parts.get(0).result(), equalTo(whole.result()));
  }

  private static void add(SecondMoments moments, double[] row) {
    moments.add(row, 0, row.length, Math.abs(row[0]) * 1e-3, row.length > 3 ? 1 : 0, 2);
  }

  /** Against BigDecimal, which is exact. */
  @Property(tries = 500, seed = "314159")
  void sumsAreExact(@ForAll long seed, @ForAll @IntRange(min = 1, max = 60) int terms) {
    SplittableRandom random = new SplittableRandom(seed);
    ExactSum sum = new ExactSum();
    BigDecimal expected = BigDecimal.ZERO;
    for (int i = 0; i < terms; i++) {
      double x = (random.nextDouble() - 0.5) * Math.pow(2, 150 * random.nextDouble() - 70);
      x = Math.abs(x) < 0x1p-76 ? 0 : x;
      sum.add(x);
      expected = expected.add(new BigDecimal(x));
      double y = Math.rint((random.nextDouble() - 0.5) * 0x1p40) * 0x1p-30;
      sum.addSquare(y);
      expected = expected.add(new BigDecimal(y).multiply(new BigDecimal(y)));
    }
    BigDecimal units = expected.multiply(new BigDecimal(BigInteger.ONE.shiftLeft(128)));
    assertThat(sum.units(), equalTo(units.toBigIntegerExact()));
    assertThat(ExactSum.quotient(sum.units(), 1, BigInteger.ONE), is(expected.doubleValue()));
  }

  @Test
  void whatIsFarBelowTheUnitIsCut() {
    ExactSum sum = new ExactSum();
    sum.add(0x1p-129);
    sum.add(-0x1p-129);
    sum.add(-0x1.8p-127);
    sum.add(Double.MIN_VALUE);
    sum.add(-0.0);
    assertThat(sum.units(), equalTo(BigInteger.valueOf(-3)));
    assertThrows(IllegalArgumentException.class, () -> sum.add(Double.NaN));
    assertThrows(IllegalArgumentException.class, () -> sum.add(0x1p126));
  }

  @Test
  void values() {
    SecondMoments moments = new SecondMoments();
    moments.add(new double[] {9, 1, 2, 3, 9}, 1, 4, 0.5, 1, 0);
    moments.add(new double[] {-1, 0, 1}, 0, 3, 0.25, 0, 2);
    SecondMoments.Moments found = moments.result();
    assertThat(found.probes(), is(2L));
    assertThat(found.coordinates(), is(3));
    assertThat(found.rawSecondMoment(), closeTo(8.0 / 3, 1e-15));
    assertThat(found.ditherVariance(), is(0.375));
    assertThat(found.secondMoment(), closeTo(8.0 / 3 - 0.375, 1e-15));
    assertThat(found.mean(), is(1.0));
    assertThat(found.min(), is(-1.0));
    assertThat(found.max(), is(3.0));
    assertThat(found.clipped(), is(1L));
    assertThat(found.masked(), is(2L));
    // (14/3 − 2/3)²/2
    assertThat(found.blockVariance(), closeTo(8, 1e-14));
  }

  /** 1e6 + small: the textbook formula in float64 would have no digit left. */
  @Test
  void theVarianceDoesNotCancel() {
    SecondMoments moments = new SecondMoments();
    double mean = 0;
    double[] z = new double[1000];
    for (int l = 0; l < 1000; l++) {
      double y = 1000 + 1e-9 * (l % 7);
      moments.add(new double[] {y}, 0, 1, 0, 0, 0);
      z[l] = y * y;
      mean += (z[l] - 1e6) / 1000;
    }
    double variance = 0;
    for (double value : z) {
      variance += (value - 1e6 - mean) * (value - 1e6 - mean) / 999;
    }
    assertThat(moments.result().blockVariance(), closeTo(variance, 1e-6 * variance));
    assertThat(variance, greaterThan(1e-12));
  }

  @Test
  void refusalsChangeNothing() {
    SecondMoments moments = new SecondMoments();
    assertThrows(IllegalStateException.class, moments::result);
    moments.add(new double[] {1, 2}, 0, 2, 0, 0, 0);
    SecondMoments.Moments before = moments.result();
    assertThat(before.blockVariance(), is(Double.NaN));
    assertThat(
        refusal(() -> moments.add(new double[] {1}, 0, 1, 0, 0, 0)),
        containsString("those of the others, 2, got 1"));
    assertThat(
        refusal(() -> moments.add(new double[] {1, Double.NaN}, 0, 2, 0, 0, 0)),
        containsString("got [NaN, NaN]"));
    refusal(() -> moments.add(new double[] {1, 0x1.0001p20}, 0, 2, 0, 0, 0));
    refusal(() -> moments.add(new double[] {1, 2}, 0, 2, -1, 0, 0));
    refusal(() -> moments.add(new double[] {1, 2}, 0, 2, 0, -1, 0));
    refusal(() -> moments.add(new double[] {1, 2}, 1, 1, 0, 0, 0));
    SecondMoments other = new SecondMoments();
    other.add(new double[] {5}, 0, 1, 0, 0, 0);
    refusal(() -> moments.merge(other));
    assertThat(moments.result(), equalTo(before));
    assertThat(moments, not(equalTo(other)));
    SecondMoments largest = new SecondMoments();
    for (int i = 0; i < 5; i++) {
      largest.add(new double[] {0x1p20, -0x1p20}, 0, 2, 0, 0, 0);
    }
    assertThat(largest.result().rawSecondMoment(), is(0x1p40));
    assertThat(largest.result().blockVariance(), is(0.0));
  }

  /**
   * THEORY 11, item 9, through the channel: E ŵ − Δ²/12 = mean of x². Given x, the n errors are
   * independent and uniform on ±Δ_v/2, so Var Σ y² = Σ (4x²Δ²/12 + Δ⁴/180). Five sd: false alarm
   * 6e-7 for each of five cases; seed 'moments'. That the raw moment is off by more than that shows
   * that the test sees the dither.
   */
  @ParameterizedTest
  @CsvSource({"1, 4", "1.7, 4", "2, 4", "3.3, 2.5", "5, 40"})
  void debiasedMomentsAreUnbiased(double bits, double clip) throws BadCodesException {
    int vocabulary = 509;
    int probes = 60;
    int blocks = 20;
    BlockShape shape =
        BlockShape.of(
            Quantizer.DITHER,
            false,
            vocabulary,
            probes,
            bits,
            Levels.bitsPerProbe(bits, vocabulary));
    int n = shape.coordinates();
    ChannelKey key = ChannelKey.of(314159, "moments", "node");
    SplittableRandom random = new SplittableRandom(9);
    double[] clips = WaterFillingTest.filled(probes, clip);
    SecondMoments moments = new SecondMoments();
    double truth = 0;
    double variance = 0;
    for (int block = 0; block < blocks; block++) {
      double[] x = random.doubles(n, -0.6 * clip, 0.6 * clip).toArray();
      byte[] codes =
          BlockEncoder.encode(shape, Quantizer.DITHER, key, block, (long) block * probes, x, clips)
              .codes();
      double[] y = new double[n];
      BlockDecoder.decode(
          shape,
          Quantizer.DITHER,
          key,
          block,
          (long) block * probes,
          clip,
          codes,
          y,
          new double[probes]);
      int start = key.start(0, block, n);
      double[] dither = new double[probes];
      for (int c = 0; c < n; c++) {
        double step = shape.step(clip, Math.floorMod(c - start, n) < shape.finer());
        double square = step * step;
        truth += x[c] * x[c];
        variance += 4 * x[c] * x[c] * square / 12 + square * square / 180;
        dither[c / vocabulary] += square / 12 / vocabulary;
      }
      for (int l = 0; l < probes; l++) {
        moments.add(y, l * vocabulary, (l + 1) * vocabulary, dither[l], 0, 0);
      }
    }
    double count = (double) n * blocks;
    SecondMoments.Moments found = moments.result();
    double tolerance = 5 * Math.sqrt(variance) / count;
    assertThat(found.ditherVariance(), closeTo(shape.meanVariance(clip), 1e-12 * clip * clip));
    assertThat(found.secondMoment(), closeTo(truth / count, tolerance));
    assertThat(Math.abs(found.rawSecondMoment() - truth / count), greaterThan(tolerance));
  }

  /**
   * THEORY 6.3: rounds over fixed contexts do not reduce the variance between contexts. Rows of all
   * rounds of a probe are one block, so that V̂/m is the variance of ŵ: 400 warm-ups of m = 50, T₀
   * = 16, seed 1618. Their spread has a relative sd of 1/√(2·400) = 3.5 %; 20 % is over 5 sd.
   */
  @Test
  void theBlockVarianceIsThatOfTheEstimate() {
    SplittableRandom random = new SplittableRandom(1618);
    int trials = 400;
    double[] estimates = new double[trials];
    double claimed = 0;
    for (int trial = 0; trial < trials; trial++) {
      SecondMoments moments = new SecondMoments();
      for (int l = 0; l < 50; l++) {
        double scale = random.nextBoolean() ? 0.5 : 1.5;
        double[] rows = new double[16 * 8];
        Arrays.setAll(rows, c -> scale + random.nextDouble() - 0.5);
        moments.add(rows, 0, rows.length, 1.0 / 12, 0, 0);
      }
      estimates[trial] = moments.result().rawSecondMoment();
      claimed += moments.result().blockVariance() / 50 / trials;
    }
    double mean = Arrays.stream(estimates).average().orElseThrow();
    double spread = Arrays.stream(estimates).map(e -> (e - mean) * (e - mean)).sum() / (trials - 1);
    assertThat(Math.sqrt(spread / claimed), closeTo(1, 0.2));
  }

  private static String refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }
}
