package dev.sluice.transforms.theory;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.both;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.channel.StepLaw;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class KlBoundsTest {

  /** Doubles nearest to values of 60-digit arithmetic (Python, mpmath). */
  @Test
  void logSinhc() {
    double[][] values = {
      {0, 0},
      {1e-200, 0},
      {1e-8, 1.6666666666666667e-17},
      {1e-3, 1.6666666111111146e-7},
      {0.5, 0.041324854612918106},
      {1, 0.16143936157119562},
      {1.0000000001, 0.16143936160249917},
      {2, 0.5952201920542228},
      {20, 16.311120545886062},
      {1000, 992.3990975404579}
    };
    for (double[] value : values) {
      assertThat(KlBounds.logSinhc(value[0]), closeTo(value[1], value[1] * 0x1p-48));
      assertThat(KlBounds.logSinhc(-value[0]), is(KlBounds.logSinhc(value[0])));
    }
    assertThat(refusal(() -> KlBounds.logSinhc(Double.NaN)), containsString("got NaN"));
  }

  /**
   * The values that THEORY 3.4 quotes, to the digits it has, and others from 60-digit arithmetic.
   */
  @Test
  void h() {
    assertThat(KlBounds.h(0), is(1.0));
    assertThat(KlBounds.h(0.5), closeTo(0.852, 5e-4));
    assertThat(KlBounds.h(1), closeTo(0.736, 5e-4));
    assertThat(KlBounds.h(2.5569), closeTo(0.5, 5e-6));
    double[][] values = {
      {1e-300, 1},
      {1e-8, 0.9999999966666667},
      {0.3, 0.9070715707048415},
      {0.5000001, 0.8522452515784291},
      {1, 0.7357588823428847},
      {5, 0.3205390357599268},
      {1e200, 2e-200}
    };
    for (double[] value : values) {
      assertThat(KlBounds.h(value[0]), closeTo(value[1], value[1] * 0x1p-48));
    }
    assertThat(
        refusal(() -> KlBounds.h(-1)),
        containsString("range must be in [0, inf) logits, got -1.0"));
  }

  /** Node i's widths at its clip, largest first, as a law. */
  private static StepLaw law(double clip, double[] widths, double... shares) {
    return StepLaw.of(Arrays.stream(widths).map(w -> 2 * clip / w).toArray(), shares);
  }

  private static StepLaw one(double cells) {
    return StepLaw.of(new double[] {cells}, new double[] {1});
  }

  @Test
  void oneStepIsASpecialCaseOfMany() {
    double u = KlBounds.upper(3, 2);
    assertThat(u, closeTo(3 * Math.log(Math.sinh(1 / 3.0) * 3), 1e-14));
    double[] clips = {2, 5, 7};
    List<StepLaw> laws = List.of(one(2), one(5), one(7));
    assertThat(KlBounds.upper(laws, clips), closeTo(u, 1e-16));
    assertThat(KlBounds.meanStep(laws, clips), is(2.0));
    assertThat(KlBounds.variance(laws, clips), closeTo(4 / 36.0, 1e-16));
    assertThat(KlBounds.quadraticUpper(laws, clips), closeTo(4 / 72.0, 1e-16));
    List<StepLaw> split = List.of(one(2), law(5, new double[] {2, 2}, .3, .7), one(7));
    assertThat(KlBounds.upper(split, clips), closeTo(u, 1e-16));
    List<StepLaw> absent = List.of(law(2, new double[] {9, 2}, 0, 1), one(5), one(7));
    assertThat(KlBounds.upper(absent, clips), closeTo(u, 1e-16));
    assertThat(KlBounds.meanStep(absent, clips), is(2.0));
  }

  @Test
  void mixedWidths() {
    double[] clips = {3, 2};
    List<StepLaw> laws =
        List.of(law(3, new double[] {3, 2}, .75, .25), law(2, new double[] {2, 1.5}, .5, .5));
    double first = .25 * Math.sinh(.5) / .5 + .75 * Math.sinh(.75) / .75;
    double second = .5 * Math.sinh(.375) / .375 + .5 * Math.sinh(.5) / .5;
    assertThat(KlBounds.upper(laws, clips), closeTo(Math.log(first * second), 1e-15));
    assertThat(
        KlBounds.variance(laws, clips),
        closeTo((.25 * 4 + .75 * 9 + .5 * 2.25 + .5 * 4) / 48, 1e-16));
    assertThat(KlBounds.meanStep(laws, clips), is(2.5));
    assertThat(KlBounds.worstCase(2.5), is(.78125));
  }

  /** By the naive formula, at widths for which it is exact enough. */
  @Property(tries = 300)
  void upperIsTheLogOfTheMixture(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 5) int nodes,
      @ForAll @IntRange(min = 1, max = 9) int atoms) {
    SplittableRandom random = new SplittableRandom(seed);
    List<StepLaw> laws = new ArrayList<>();
    double[] clips = new double[nodes];
    double upper = 0;
    double variance = 0;
    double meanStep = 0;
    for (int i = 0; i < nodes; i++) {
      clips[i] = 1 + 9 * random.nextDouble();
      double[] widths = new double[atoms];
      double[] shares = new double[atoms];
      for (int a = 0; a < atoms; a++) {
        widths[a] = Math.exp(5 * random.nextDouble() - 1);
        shares[a] = 1 - random.nextDouble();
      }
      double sum = Arrays.stream(shares).sum();
      double mean = 0;
      for (int a = 0; a < atoms; a++) {
        shares[a] /= sum;
        double half = widths[a] / (2 * nodes);
        mean += shares[a] * Math.sinh(half) / half;
        variance += shares[a] * widths[a] * widths[a] / (12 * nodes * nodes);
      }
      upper += Math.log(mean);
      meanStep += Arrays.stream(widths).max().orElseThrow() / nodes;
      laws.add(law(clips[i], widths, shares));
    }
    assertThat(KlBounds.upper(laws, clips), closeTo(upper, 1e-13 * (1 + upper)));
    assertThat(KlBounds.variance(laws, clips), closeTo(variance, 1e-13 * variance));
    assertThat(KlBounds.meanStep(laws, clips), closeTo(meanStep, 1e-13 * meanStep));
  }

  /** Widths so small, or so large, that a naive formula gives 0, or overflows. */
  @Test
  void upperAtTheEdges() {
    double[] one = {1};
    assertThat(
        KlBounds.upper(List.of(law(1, new double[] {2e-9, 1e-9}, .5, .5)), one),
        closeTo(2.5e-18 / 24, 1e-32));
    assertThat(
        KlBounds.upper(List.of(law(1, new double[] {3e-9, 2e-9, 1e-9}, .25, .25, .5)), one),
        closeTo(3.75e-18 / 24, 1e-32));
    assertThat(
        KlBounds.upper(List.of(law(1, new double[] {4e4, 1e2}, .5, .5)), one),
        closeTo(2e4 - Math.log(4e4) + Math.log(.5), 1e-9));
    assertThat(
        KlBounds.upper(List.of(law(1, new double[] {4e4, 4e4 - 2, 1e2}, .25, .25, .5)), one),
        closeTo(2e4 - Math.log(4e4) + Math.log(.25 * (1 + Math.exp(-1) / (1 - 5e-5))), 1e-9));
    // A share far below rounding, of a width whose term is far above the others.
    assertThat(
        KlBounds.upper(List.of(law(1, new double[] {50, 2e-6}, 1e-18, 1)), one),
        closeTo(Math.log1p(1e-18 * (Math.sinh(25) / 25 - 1) + 4e-12 / 24), 1e-22));
    assertThat(
        KlBounds.upper(List.of(law(1, new double[] {100, 2e-6}, 1e-18, 1)), one),
        closeTo(Math.log1p(1e-18 * Math.sinh(50) / 50), 1e-12));
  }

  /** U ≤ ½σ² ≤ 4/3 of the worst case, whatever radices N ≥ 2 and N + 1 and clips. */
  @Property(tries = 500)
  void boundsAreOrdered(@ForAll long seed, @ForAll @IntRange(min = 1, max = 9) int nodes) {
    SplittableRandom random = new SplittableRandom(seed);
    List<StepLaw> laws = new ArrayList<>();
    double[] clips = new double[nodes];
    for (int i = 0; i < nodes; i++) {
      double[] cells = new double[random.nextBoolean() ? 2 : 7];
      double[] shares = new double[cells.length];
      double top = 1 + random.nextInt(random.nextBoolean() ? 3 : 300);
      // Two neighbours, or anything between a width and its half.
      for (int a = 0; a < cells.length; a++) {
        cells[a] = cells.length == 2 ? top + a : top * (1 + random.nextDouble());
        shares[a] = 1 - random.nextDouble();
      }
      double sum = Arrays.stream(shares).sum();
      clips[i] = Math.exp(8 * random.nextDouble() - 4);
      laws.add(StepLaw.of(cells, Arrays.stream(shares).map(s -> s / sum).toArray()));
    }
    double quadratic = KlBounds.quadraticUpper(laws, clips);
    double upper = KlBounds.upper(laws, clips);
    double mean = KlBounds.meanStep(laws, clips);
    assertThat(upper, lessThanOrEqualTo(quadratic * (1 + 1e-12)));
    assertThat(upper, lessThanOrEqualTo(KlBounds.worstCase(mean) / 3 * (1 + 1e-12)));
    double lower = KlBounds.lower(2 * quadratic, mean, 1);
    assertThat(lower, both(greaterThan(0.0)).and(lessThanOrEqualTo(upper)));
  }

  @Test
  void theQuadraticTermIsNoBoundForWidthsFurtherApart() {
    double[] clips = {.4};
    List<StepLaw> laws = List.of(StepLaw.of(new double[] {2, 8}, new double[] {.06, .94}));
    assertThat(KlBounds.upper(laws, clips), greaterThan(KlBounds.variance(laws, clips) / 2));
    assertThat(
        refusal(() -> KlBounds.quadraticUpper(laws, clips)),
        containsString(
            "smallest width of node 0 must be at least half of the largest, 0.4, got 0.1"));
    KlBounds.quadraticUpper(List.of(one(8)), clips);
    KlBounds.quadraticUpper(
        List.of(StepLaw.of(new double[] {1, 1.5, 2}, new double[] {.5, .25, .25})), clips);
  }

  /**
   * Claim of oneMinusSquaredNormFloor: the least over all 2^V vertices is what it finds, so the
   * least over the box.
   */
  @Property(tries = 400)
  void floorIsTheLeastOverAllVertices(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 9) int length,
      @ForAll @DoubleRange(min = 0, max = 5) double range) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] row = SoftmaxTest.normal(random, length, 4 * random.nextDouble());
    if (random.nextInt(4) == 0) {
      row[0] += 20;
    }
    double least = 1;
    double[] moved = new double[length];
    for (int vertex = 0; vertex < 1 << length; vertex++) {
      for (int v = 0; v < length; v++) {
        moved[v] = row[v] - ((vertex >> v) & 1) * range;
      }
      least = Math.min(least, Softmax.oneMinusSquaredNorm(moved, 0, length));
    }
    double floor = KlBounds.oneMinusSquaredNormFloor(row, 0, length, range, new double[length]);
    assertThat(floor, closeTo(least, 1e-11 * least));
    assertThat(floor, lessThanOrEqualTo(least));
    double simple = Math.exp(-2 * range) * Softmax.oneMinusSquaredNorm(row, 0, length);
    assertThat(floor, greaterThanOrEqualTo(simple * (1 - 1e-11)));
    for (int i = 0; i < 20; i++) {
      for (int v = 0; v < length; v++) {
        moved[v] = row[v] - range * random.nextDouble();
      }
      assertThat(Softmax.oneMinusSquaredNorm(moved, 0, length), greaterThanOrEqualTo(floor));
    }
  }

  /** Against every j, in the plain formula, where the candidates are few of many. */
  @Property(tries = 100)
  void floorIsTheLeastOverAllTopSets(
      @ForAll long seed, @ForAll @IntRange(min = 60, max = 700) int length) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] row = SoftmaxTest.normal(random, length, 6 * random.nextDouble());
    double range = 3 * random.nextDouble();
    double[] sorted = row.clone();
    Arrays.sort(sorted);
    double least = 1;
    for (int j = 0; j < length; j++) {
      sorted[length - 1 - j] += range;
      least = Math.min(least, Softmax.oneMinusSquaredNorm(sorted, 0, length));
    }
    double floor = KlBounds.oneMinusSquaredNormFloor(row, 0, length, range, new double[length]);
    assertThat(floor, closeTo(least, 1e-10 * least));
    assertThat(floor, lessThanOrEqualTo(least));
  }

  @Test
  void floorOfRowsAtTheEdges() {
    double[] scratch = new double[100];
    assertThat(KlBounds.oneMinusSquaredNormFloor(new double[] {7}, 0, 1, 1, scratch), is(0.0));
    assertThat(
        KlBounds.oneMinusSquaredNormFloor(new double[] {0, Double.NaN}, 0, 2, 1, scratch),
        is(Double.NaN));
    // Almost one-hot: 2a·q₂ with nothing lost.
    double tiny =
        KlBounds.oneMinusSquaredNormFloor(new double[] {0, Math.log(1e-30)}, 0, 2, 1, scratch);
    assertThat(tiny, closeTo(2e-30 * Math.exp(-1), 1e-41));
    // Flat, no range: 1 − 1/V.
    assertThat(
        KlBounds.oneMinusSquaredNormFloor(new double[100], 0, 100, 0, scratch),
        closeTo(.99, 1e-12));
    // Flat of 100, a = 1/4: the best top set has a fifth of the mass, (a² + (1 − a²)s)/(a + (1 −
    // a)s)² at s = 1/5 is 1.5625.
    assertThat(
        KlBounds.oneMinusSquaredNormFloor(new double[100], 0, 100, Math.log(4), scratch),
        closeTo(1 - .015625, 1e-12));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> KlBounds.oneMinusSquaredNormFloor(new double[4], 0, 4, 1, new double[3]));
  }

  @Test
  void deviation() {
    assertThat(
        KlBounds.deviation(.5, 3000, .01), closeTo(.5 * Math.sqrt(Math.log(200) / 6000), 1e-15));
    assertThat(
        refusal(() -> KlBounds.deviation(.5, 0, .01)),
        containsString("units must be at least 1, got 0"));
    assertThat(
        refusal(() -> KlBounds.deviation(.5, 1, 1)),
        containsString("delta must be in (0, 1), got 1.0"));
    assertThat(refusal(() -> KlBounds.deviation(-.5, 1, .1)), containsString("worst case must be"));
  }

  @Test
  void refusesNodesOutsideTheirDomain() {
    List<StepLaw> laws = List.of(one(1));
    for (double bad : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      double[] clips = {bad};
      String expected = "clip of node 0 must be in (0, inf) logits, got " + bad;
      assertThat(refusal(() -> KlBounds.upper(laws, clips)), containsString(expected));
      assertThat(refusal(() -> KlBounds.variance(laws, clips)), containsString(expected));
      assertThat(refusal(() -> KlBounds.meanStep(laws, clips)), containsString(expected));
      assertThat(refusal(() -> KlBounds.upper(1, bad)), containsString("step must be in (0, inf)"));
    }
    assertThat(
        refusal(() -> KlBounds.upper(List.of(), new double[0])),
        containsString("nodes must be at least 1"));
    assertThat(
        refusal(() -> KlBounds.variance(laws, new double[] {1, 1})),
        containsString("each node has one clip, got 1 laws and 2 clips"));
    assertThat(
        refusal(() -> KlBounds.upper(0, 1)), containsString("nodes must be at least 1, got 0"));
    assertThat(refusal(() -> KlBounds.lower(-1, 1, 1)), containsString("variance must be in"));
    assertThat(
        refusal(() -> KlBounds.lower(1, 1, 1.1)),
        containsString("1 - |p|^2 must be in [0, 1], got 1.1"));
    assertThat(KlBounds.lower(1, 1, 0), both(greaterThanOrEqualTo(0.0)).and(lessThan(1e-300)));
  }

  private static String refusal(Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }

  @Test
  void floorOfAFlatRowIsBelowEveryVertexAndNotFarBelow() {
    int length = 5000; // far more entries than are sorted
    double[] row = new double[length];
    for (int i = 0; i < length; i++) {
      row[i] = 1e-4 * (i % 7);
    }
    double range = 0.7;
    double floor = KlBounds.oneMinusSquaredNormFloor(row, 0, length, range, new double[length]);
    double least = 1;
    for (int top = 0; top <= length; top += 50) {
      double[] tilted = row.clone();
      for (int i = 0; i < top; i++) {
        tilted[i] += range;
      }
      least = Math.min(least, Softmax.oneMinusSquaredNorm(tilted, 0, length));
    }
    assertThat(floor, lessThanOrEqualTo(least));
    assertThat(floor, greaterThanOrEqualTo(least - 2 * Math.exp(range) / length));
  }
}
