package dev.sluice.transforms.allocation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class ActiveSetTest {

  /** Every subset of nodes, each with its own water-filling. */
  @Property(tries = 300, seed = "271828")
  void noSetIsBetter(@ForAll long seed, @ForAll @IntRange(min = 1, max = 7) int nodes) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] weights = new double[nodes];
    Arrays.setAll(
        weights, i -> random.nextInt(6) == 0 ? 0 : Math.pow(2, 12 * random.nextDouble() - 6));
    double floor = random.nextBoolean() ? 1 : 0.5 + random.nextDouble();
    double cap = floor + 6 * random.nextDouble();
    double total = floor + random.nextDouble() * 4 * nodes;
    double spread = random.nextInt(4) == 0 ? 0 : Math.pow(2, 8 * random.nextDouble() - 6);
    double norm = random.nextDouble();
    ActiveSet set = ActiveSet.choose(weights, total, floor, cap, spread, norm);
    double best = Double.POSITIVE_INFINITY;
    for (int mask = 1; mask < 1 << nodes; mask++) {
      int size = Integer.bitCount(mask);
      if (size * floor <= total) {
        best = Math.min(best, cost(weights, mask, total, floor, cap, spread, norm));
      }
    }
    assertThat(set.cost(), closeTo(best, 1e-9 * best + 1e-300));
    int chosen = 0;
    for (int i : set.nodes()) {
      chosen |= 1 << i;
    }
    double own = cost(weights, chosen, total, floor, cap, spread, norm);
    assertThat(own, closeTo(set.cost(), 1e-9 * own + 1e-300));
    double used = 0;
    for (int i = 0; i < nodes; i++) {
      double b = set.bits()[i];
      assertThat(b > 0, is((chosen >> i & 1) == 1));
      assertThat(b == 0 || (b >= floor && b <= cap), is(true));
      used += b;
    }
    assertThat(used, lessThanOrEqualTo(total));
  }

  private static double cost(
      double[] weights,
      int mask,
      double total,
      double floor,
      double cap,
      double spread,
      double norm) {
    double[] chosen =
        java.util.stream.IntStream.range(0, weights.length)
            .filter(i -> (mask >> i & 1) == 1)
            .mapToDouble(i -> weights[i])
            .toArray();
    int n = chosen.length;
    double[] bits =
        WaterFilling.bits(
            chosen, WaterFillingTest.filled(n, floor), WaterFillingTest.filled(n, cap), total);
    return spread / (2.0 * n) * norm + WaterFilling.distortion(chosen, bits) / (2.0 * n * n);
  }

  @Property(tries = 50, seed = "314159")
  void onePassOverSortedNodesIsEveryWaterFilling(
      @ForAll long seed, @ForAll @IntRange(min = 8, max = 200) int nodes) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] weights = new double[nodes];
    Arrays.setAll(weights, i -> Math.pow(2, 30 * random.nextDouble() - 15));
    double total = nodes * (0.3 + 8 * random.nextDouble());
    double[] costs = ActiveSet.choose(weights, total, 1, 16, 0, 1).costs();
    assertThat(costs.length, is((int) Math.min(nodes, Math.floor(total))));
    double[] sorted = weights.clone();
    Arrays.sort(sorted);
    for (int n = 1; n <= costs.length; n++) {
      double[] first = Arrays.copyOf(sorted, n);
      double[] bits =
          WaterFilling.bits(
              first, WaterFillingTest.filled(n, 1), WaterFillingTest.filled(n, 16), total);
      double expected = WaterFilling.distortion(first, bits) / (2.0 * n * n);
      assertThat(costs[n - 1], closeTo(expected, 1e-9 * expected));
    }
  }

  @Test
  void withoutSpreadOneNodeIsAsGoodAsTheMean() {
    double[] even = WaterFillingTest.filled(6, 2);
    ActiveSet alone = ActiveSet.choose(even, 12, 1, 16, 0, 1);
    assertThat(alone.nodes(), equalTo(new int[] {0}));
    assertThat(alone.bits(), equalTo(new double[] {12, 0, 0, 0, 0, 0}));
    ActiveSet all = ActiveSet.choose(even, 12, 1, 16, 1, 1);
    assertThat(all.nodes().length, is(6));
    // What does not differ is not dropped.
    assertThat(ActiveSet.choose(new double[4], 9, 1, 16, 0, 1).nodes().length, is(4));
  }

  /** 5 bits buy 5 nodes at most; a wide node is not worth its bit. */
  @Test
  void nodesAreDroppedNotDrowned() {
    double[] weights = {1000, 0.1, 0.1, 0.1, 0.1, 0.1};
    ActiveSet set = ActiveSet.choose(weights, 10, 1, 16, 0.5, 1);
    assertThat(set.nodes(), equalTo(new int[] {1, 2, 3, 4, 5}));
    assertThat(set.bits()[0], is(0.0));
    assertThrows(
        IllegalArgumentException.class, () -> ActiveSet.choose(weights, 0.9, 1, 16, 0.5, 1));
    assertThrows(IllegalArgumentException.class, () -> ActiveSet.choose(weights, 9, 0, 16, 0.5, 1));
    assertThrows(IllegalArgumentException.class, () -> ActiveSet.choose(weights, 9, 1, 16, -1, 1));
  }

  @Test
  void aHundredThousandNodes() {
    double[] weights = new SplittableRandom(3).doubles(100_000, 0.1, 30).toArray();
    ActiveSet set = ActiveSet.choose(weights, 300_000, 1, 16, 0.5, 0.9);
    assertThat(set.costs().length, is(100_000));
  }
}
