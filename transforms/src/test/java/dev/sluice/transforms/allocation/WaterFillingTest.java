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

import java.util.Arrays;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** THEORY 11, item 6. Random instances come from a seed; nothing but rounding is tolerated. */
class WaterFillingTest {
  private static final double INF = Double.POSITIVE_INFINITY;

  /** A random instance: boxes, zero weights, equal bounds, infinite caps. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Instance(double[] weights, double[] floors, double[] caps, double total) {
    static Instance of(SplittableRandom random, int nodes) {
      double[] weights = new double[nodes];
      double[] floors = new double[nodes];
      double[] caps = new double[nodes];
      double least = 0;
      double most = 0;
      double spread = random.nextDouble() * 40;
      for (int i = 0; i < nodes; i++) {
        weights[i] =
            random.nextInt(12) == 0 ? 0 : Math.pow(2, spread * (random.nextDouble() - 0.5));
        floors[i] = random.nextInt(3) == 0 ? 0 : random.nextDouble() * 3;
        caps[i] =
            switch (random.nextInt(6)) {
              case 0 -> INF;
              case 1 -> floors[i];
              default -> floors[i] + random.nextDouble() * 6;
            };
        least += floors[i];
        most += Math.min(caps[i], floors[i] + 8);
      }
      double total = least * (1 + 1e-12) + random.nextDouble() * 1.1 * (most - least);
      return new Instance(weights, floors, caps, total);
    }

    double[] bits() {
      return WaterFilling.bits(weights, floors, caps, total);
    }
  }

  @Property(tries = 3000, seed = "271828")
  void isFeasibleOptimalAndWhatBisectionFinds(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 40) int nodes) {
    Instance in = Instance.of(new SplittableRandom(seed), nodes);
    double[] bits = in.bits();
    double level = WaterFilling.waterLevel(in.weights, in.floors, in.caps, in.total);
    double sum = 0;
    double reachable = 0;
    for (int i = 0; i < nodes; i++) {
      assertThat(bits[i], greaterThanOrEqualTo(in.floors[i]));
      assertThat(bits[i], lessThanOrEqualTo(in.caps[i]));
      sum += bits[i];
      reachable += in.weights[i] > 0 ? in.caps[i] : in.floors[i];
      double d = in.weights[i] * Math.pow(4, -bits[i]);
      if (bits[i] > in.floors[i]) {
        assertThat(d, greaterThanOrEqualTo(level * (1 - 1e-9)));
      }
      if (bits[i] < in.caps[i]) {
        assertThat(d, lessThanOrEqualTo(level * (1 + 1e-9)));
      }
    }
    assertThat(sum, lessThanOrEqualTo(in.total));
    assertThat(sum, closeTo(Math.min(in.total, reachable), 1e-9 * in.total));
    double[] reference = bisection(in);
    for (int i = 0; i < nodes; i++) {
      assertThat(bits[i], closeTo(reference[i], 1e-9 * (1 + in.total)));
    }
  }

  /** The level by 200 halvings, without breakpoints. */
  private static double[] bisection(Instance in) {
    double low = -400;
    double high = 400;
    double[] bits = new double[in.weights.length];
    for (int step = 0; step < 200; step++) {
      double middle = 0.5 * (low + high);
      double sum = 0;
      for (int i = 0; i < bits.length; i++) {
        double free = 0.5 * (Math.log(in.weights[i]) / Math.log(2) - middle);
        bits[i] =
            in.weights[i] == 0
                ? in.floors[i]
                : Math.min(in.caps[i], Math.max(in.floors[i], Math.min(free, 200)));
        sum += bits[i];
      }
      if (sum > in.total) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return bits;
  }

  @Property(tries = 500, seed = "314159")
  void nothingNearbyIsBetter(@ForAll long seed, @ForAll @IntRange(min = 2, max = 8) int nodes) {
    SplittableRandom random = new SplittableRandom(seed);
    Instance in = Instance.of(random, nodes);
    double[] bits = in.bits();
    double best = WaterFilling.distortion(in.weights, bits);
    for (int trial = 0; trial < 20; trial++) {
      double[] other = bits.clone();
      int from = random.nextInt(nodes);
      int to = (from + 1 + random.nextInt(nodes - 1)) % nodes;
      double moved =
          Math.min(
              random.nextDouble() * random.nextDouble(),
              Math.min(bits[from] - in.floors[from], in.caps[to] - bits[to]));
      other[from] -= moved;
      other[to] += moved;
      assertThat(
          WaterFilling.distortion(in.weights, other), greaterThanOrEqualTo(best * (1 - 1e-9)));
    }
  }

  @Property(tries = 500, seed = "161803")
  void isTheClosedFormWhereNoBoundBinds(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 30) int nodes) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] weights = random.doubles(nodes, 0.1, 10).toArray();
    double total = nodes * (5 + random.nextDouble());
    double[] bits = WaterFilling.bits(weights, new double[nodes], filled(nodes, INF), total);
    double[] closed = WaterFilling.unconstrained(weights, total);
    for (int i = 0; i < nodes; i++) {
      assertThat(bits[i], closeTo(closed[i], 1e-12 * total));
    }
    double level = WaterFilling.waterLevel(weights, total);
    assertThat(
        WaterFilling.waterLevel(weights, new double[nodes], filled(nodes, INF), total),
        closeTo(level, 1e-11 * level));
    assertThat(
        WaterFilling.distortion(weights, bits), closeTo(nodes * level, 1e-11 * nodes * level));
  }

  @Property(tries = 500, seed = "141421")
  void nodesMayBeRenumberedAndWeightsScaled(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 30) int nodes) {
    SplittableRandom random = new SplittableRandom(seed);
    Instance in = Instance.of(random, nodes);
    double[] bits = in.bits();
    int[] order = new int[nodes];
    for (int i = 0; i < nodes; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    Instance turned =
        new Instance(
            pick(in.weights, order), pick(in.floors, order), pick(in.caps, order), in.total);
    double[] turnedBits = turned.bits();
    double[] scaled = Arrays.stream(in.weights).map(w -> w * 7.3).toArray();
    double[] scaledBits = WaterFilling.bits(scaled, in.floors, in.caps, in.total);
    double[] doubled = Arrays.stream(in.weights).map(w -> Math.scalb(w, 301)).toArray();
    assertThat(WaterFilling.bits(doubled, in.floors, in.caps, in.total), equalTo(bits));
    for (int i = 0; i < nodes; i++) {
      assertThat(turnedBits[i], closeTo(bits[order[i]], 1e-11 * (1 + in.total)));
      assertThat(scaledBits[i], closeTo(bits[i], 1e-11 * (1 + in.total)));
    }
  }

  /** THEORY 5.3: V = 2, budgets (4, 3, 4) bits a probe at most, 7 in all. */
  @Test
  void whereBoundsOfBothKindsBindFixingViolatorsIsNotOptimal() {
    double[] weights = {1, 1.0 / 64, 1.0 / 16};
    double[] caps = {2, 1.5, 2};
    double[] bits = WaterFilling.bits(weights, new double[3], caps, 3.5);
    assertThat(bits[0], is(2.0));
    assertThat(bits[1], closeTo(0.25, 1e-12));
    assertThat(bits[2], closeTo(1.25, 1e-12));
    assertThat(WaterFilling.distortion(weights, bits), closeTo(0.0846, 5e-5));
    assertThat(WaterFilling.distortion(weights, new double[] {2, 0, 1.5}), closeTo(0.0859, 5e-5));
    double[] closed = WaterFilling.unconstrained(weights, 3.5);
    assertThat(closed[0], greaterThan(2.0));
    assertThat(closed[1], lessThan(0.0));
  }

  @Test
  void ends() {
    double[] none = {0};
    assertThat(WaterFilling.bits(new double[] {3}, none, new double[] {INF}, 5)[0], is(5.0));
    assertThat(WaterFilling.bits(new double[] {3}, none, new double[] {4}, 5)[0], is(4.0));
    assertThat(WaterFilling.waterLevel(new double[] {3}, none, new double[] {4}, 5), is(0.0));
    assertThat(WaterFilling.bits(new double[] {0}, none, new double[] {4}, 5)[0], is(0.0));
    assertThat(WaterFilling.bits(new double[] {3}, none, new double[] {INF}, 0)[0], is(0.0));
    double[] two = {0, 2};
    assertThat(
        WaterFilling.bits(two, new double[] {1, 1}, new double[] {9, 9}, 6),
        equalTo(new double[] {1, 5}));
    assertThat(
        WaterFilling.bits(two, new double[] {1, 1}, new double[] {9, 9}, 2),
        equalTo(new double[] {1, 1}));
    double[] extreme = {Double.MIN_VALUE, Double.MAX_VALUE};
    double[] bits = WaterFilling.bits(extreme, new double[2], filled(2, INF), 3000);
    assertThat(bits[0] + bits[1], closeTo(3000, 3e-6));
    assertThat(bits[1] - bits[0], closeTo((1024 + 1074) / 2.0, 1e-9));
  }

  @Test
  void refusals() {
    assertThat(
        refusal(new double[] {1, 1}, new double[] {1, 1}, new double[] {2, 2}, 1.5),
        containsString("the floors of 2 nodes sum to 2.0 bits"));
    assertThat(
        refusal(new double[] {1, -1}, new double[2], new double[2], 1),
        containsString("weight of node 1 must be in [0, inf) logits², got -1.0"));
    assertThat(
        refusal(new double[] {Double.NaN}, new double[1], new double[1], 1),
        containsString("got NaN"));
    assertThat(
        refusal(new double[] {1}, new double[] {2}, new double[] {1}, 9),
        containsString("cap of node 0 must be at least its floor of 2.0, got 1.0"));
    assertThat(
        refusal(new double[] {1}, new double[1], new double[1], INF), containsString("total"));
    assertThat(refusal(new double[0], new double[0], new double[0], 1), containsString("got 0"));
    assertThrows(
        IllegalArgumentException.class, () -> WaterFilling.unconstrained(new double[] {1, 0}, 3));
  }

  @Test
  void aHundredThousandNodesSpendTheirBudget() {
    int nodes = 100_000;
    SplittableRandom random = new SplittableRandom(5);
    double[] weights = new double[nodes];
    double[] floors = filled(nodes, 1);
    double[] caps = new double[nodes];
    for (int i = 0; i < nodes; i++) {
      weights[i] = Math.pow(2, 30 * random.nextDouble());
      caps[i] = 4 + 12 * random.nextDouble();
    }
    double[] bits = WaterFilling.bits(weights, floors, caps, 4.0 * nodes);
    double sum = Arrays.stream(bits).reduce(0, Double::sum);
    assertThat(sum, lessThanOrEqualTo(4.0 * nodes));
    assertThat(sum, closeTo(4.0 * nodes, 1e-9 * 4 * nodes));
  }

  /** THEORY 8.7: clips 8, 8, 2, 2, and the ratio at which uniform is twice the optimum. */
  @Test
  void whatTheOptimumGainsIsArithmeticOverGeometricMean() {
    for (double[] clips :
        new double[][] {{8, 8, 2, 2}, {2 + Math.sqrt(3), 2 + Math.sqrt(3), 1, 1}}) {
      double[] weights = Weighting.fromClips(clips);
      double[] bits = Policy.WATER_FILLING.bits(weights, new double[4], filled(4, INF), 16);
      double[] even = Policy.UNIFORM.bits(weights, new double[4], filled(4, INF), 16);
      assertThat(even, equalTo(filled(4, 4)));
      double ratio =
          WaterFilling.distortion(weights, even) / WaterFilling.distortion(weights, bits);
      assertThat(ratio, closeTo(clips[0] == 8 ? 2.125 : 2, 1e-12));
      assertThat(bits[0] - bits[2], closeTo(Math.log(clips[0] / clips[2]) / Math.log(2), 1e-12));
    }
  }

  private static String refusal(double[] weights, double[] floors, double[] caps, double total) {
    return assertThrows(
            IllegalArgumentException.class, () -> WaterFilling.bits(weights, floors, caps, total))
        .getMessage();
  }

  static double[] filled(int length, double value) {
    double[] array = new double[length];
    Arrays.fill(array, value);
    return array;
  }

  private static double[] pick(double[] values, int[] order) {
    return Arrays.stream(order).mapToDouble(i -> values[i]).toArray();
  }
}
