package dev.sluice.transforms.allocation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.Quantizer;
import java.util.Arrays;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** THEORY 11, item 7; {@link WholeBits} and {@link Levels}. */
class WholeBitsTest {

  @Property(tries = 1500, seed = "271828")
  void greedyIsExhaustive(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 3) int nodes,
      @ForAll Distortion distortion) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] weights = new double[nodes];
    double[] silent = new double[nodes];
    int[] floors = new int[nodes];
    int[] caps = new int[nodes];
    int least = 0;
    for (int i = 0; i < nodes; i++) {
      weights[i] = random.nextInt(8) == 0 ? 0 : Math.pow(2, 8 * random.nextDouble());
      silent[i] = weights[i] * (17.0 / 9 + random.nextDouble());
      floors[i] = random.nextInt(3);
      caps[i] = floors[i] + random.nextInt(6 - floors[i]);
      least += floors[i];
    }
    int total = least + random.nextInt(5 * nodes + 2 - least);
    int[] bits = WholeBits.greedy(distortion, weights, silent, floors, caps, total);
    double best = Double.POSITIVE_INFINITY;
    int states = (int) Math.pow(6, nodes);
    for (int state = 0; state < states; state++) {
      int[] other = new int[nodes];
      int rest = state;
      boolean fits = true;
      for (int i = 0; i < nodes; i++, rest /= 6) {
        other[i] = rest % 6;
        fits &= other[i] >= floors[i] && other[i] <= caps[i];
      }
      if (fits && Arrays.stream(other).sum() <= total) {
        best = Math.min(best, cost(distortion, weights, silent, other));
      }
    }
    assertThat(Arrays.stream(bits).sum(), lessThanOrEqualTo(total));
    assertThat(cost(distortion, weights, silent, bits), closeTo(best, 1e-12 * best));
  }

  private static double cost(Distortion distortion, double[] weights, double[] silent, int[] bits) {
    double sum = 0;
    for (int i = 0; i < bits.length; i++) {
      double d = distortion == Distortion.SHRUNK ? Math.pow(2, bits[i]) - 1 : Math.pow(2, bits[i]);
      sum += bits[i] == 0 ? silent[i] : weights[i] / (d * d);
    }
    return sum;
  }

  @Test
  void theLowestIndexWinsTies() {
    int[] ones = {1, 1, 1};
    int[] caps = {16, 16, 16};
    double[] even = {5, 5, 5};
    for (Distortion distortion : Distortion.values()) {
      assertThat(WholeBits.greedy(distortion, even, ones, caps, 4), equalTo(new int[] {2, 1, 1}));
      assertThat(WholeBits.greedy(distortion, even, ones, caps, 8), equalTo(new int[] {3, 3, 2}));
      assertThat(
          WholeBits.greedy(distortion, even, ones, caps, 99), equalTo(new int[] {16, 16, 16}));
      assertThat(
          WholeBits.greedy(distortion, new double[] {0, 1, 0}, ones, caps, 9),
          equalTo(new int[] {1, 7, 1}));
    }
  }

  /** Option A's second bit takes off 8/9 where the model takes off 3/4: the splits differ. */
  @Test
  void theImplementedDistortionIsNotTheModel() {
    int[] floors = {1, 1};
    int[] caps = {16, 16};
    double[] weights = {5, 1};
    assertThat(
        WholeBits.greedy(Distortion.SHRUNK, weights, floors, caps, 4), equalTo(new int[] {2, 2}));
    assertThat(
        WholeBits.greedy(Distortion.MODEL, weights, floors, caps, 4), equalTo(new int[] {3, 1}));
  }

  @Test
  void refusals() {
    assertThat(
        refusal(() -> WholeBits.greedy(Distortion.MODEL, one(1), ints(0), ints(3), 2)),
        containsString("floor of node 0 must be in [1, 16] bits, got 0"));
    assertThat(
        refusal(() -> WholeBits.greedy(Distortion.SHRUNK, one(1), one(1), ints(0), ints(3), 2)),
        containsString("at 0 bits must be at least 1.888"));
    assertThat(
        refusal(() -> WholeBits.greedy(Distortion.SHRUNK, one(1), ints(3), ints(3), 2)),
        containsString("sum to 3 bits per coordinate, more than the total of 2"));
    assertThat(
        refusal(() -> WholeBits.greedy(Distortion.SHRUNK, one(1), ints(3), ints(17), 9)),
        containsString("cap of node 0"));
    assertThat(
        refusal(() -> Levels.greedy(Distortion.SHRUNK, one(1), ints(4), ints(4), 1.9)),
        containsString("take 2.0 bits per coordinate, more than the total of 1.9"));
    assertThat(refusal(() -> Levels.symbols(0.99)), containsString("[1, 16]"));
    assertThat(refusal(() -> Distortion.of("x")), containsString("shrunk, model; got 'x'"));
    // The published D(0) = w is within the model's reach.
    assertThat(WholeBits.greedy(Distortion.MODEL, one(1), one(1), ints(0), ints(3), 2)[0], is(2));
  }

  /**
   * At each budget of a plain greedy run without a look ahead, {@link Levels#greedy} finds that
   * run's state, and no other state within the budget is better (exhaustive, N ≤ 12).
   */
  @Property(tries = 60, seed = "314159")
  void ratioGreedyIsOptimalAtTheBudgetsItHits(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 3) int nodes,
      @ForAll Distortion distortion) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] weights = random.doubles(nodes, 1, 30).toArray();
    int[] floors = ints(nodes, 2);
    int[] caps = ints(nodes, 12);
    int[] state = floors.clone();
    for (int step = 0; step < 10 * nodes; step++) {
      double budget = Levels.bits(state);
      int[] found = Levels.greedy(distortion, weights, floors, caps, budget + 1e-9);
      assertThat(found, equalTo(state));
      double cost = levelCost(distortion, weights, state);
      int[] other = new int[nodes];
      for (int s = 0; s < Math.pow(11, nodes); s++) {
        int rest = s;
        for (int i = 0; i < nodes; i++, rest /= 11) {
          other[i] = 2 + rest % 11;
        }
        if (Levels.bits(other) <= budget + 1e-9) {
          assertThat(
              levelCost(distortion, weights, other), greaterThanOrEqualTo(cost * (1 - 1e-9)));
        }
      }
      int next = -1;
      double most = 0;
      for (int i = 0; i < nodes; i++) {
        if (state[i] < caps[i]) {
          double gain = weights[i] * (d(distortion, state[i]) - d(distortion, state[i] + 1));
          double rate = gain / (Math.log((state[i] + 1.0) / state[i]) / Math.log(2));
          if (rate > most) {
            most = rate;
            next = i;
          }
        }
      }
      if (next < 0) {
        break;
      }
      state[next]++;
    }
  }

  private static double levelCost(Distortion distortion, double[] weights, int[] symbols) {
    double sum = 0;
    for (int i = 0; i < symbols.length; i++) {
      sum += weights[i] * d(distortion, symbols[i]);
    }
    return sum;
  }

  private static double d(Distortion distortion, int n) {
    double m = distortion == Distortion.SHRUNK ? n - 1 : n;
    return 1 / (m * m);
  }

  /** Never above the budget, and no node can have one symbol more. */
  @Property(tries = 200, seed = "161803")
  void levelsUseTheBudgetUp(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 50) int nodes,
      @ForAll Distortion distortion) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] weights = new double[nodes];
    Arrays.setAll(weights, i -> Math.pow(2, 20 * random.nextDouble()));
    double total = nodes * (1 + 12 * random.nextDouble());
    int[] symbols = Levels.greedy(distortion, weights, ints(nodes, 2), ints(nodes, 65536), total);
    double used = Levels.bits(symbols);
    assertThat(used, lessThanOrEqualTo(total));
    for (int n : symbols) {
      if (n < 65536) {
        assertThat(used + Math.log1p(1.0 / n) / Math.log(2), greaterThanOrEqualTo(total - 1e-9));
      }
    }
    // No better than the continuous relaxation of its own convex distortion: the model's is known.
    if (distortion == Distortion.MODEL) {
      double[] bits =
          WaterFilling.bits(
              weights,
              WaterFillingTest.filled(nodes, 1),
              WaterFillingTest.filled(nodes, 16),
              total);
      double least = WaterFilling.distortion(weights, bits);
      assertThat(levelCost(distortion, weights, symbols), greaterThanOrEqualTo(least * (1 - 1e-9)));
    }
  }

  @Test
  void aHundredThousandNodesAreSplitInLevels() {
    int nodes = 100_000;
    SplittableRandom random = new SplittableRandom(5);
    double[] weights = new double[nodes];
    Arrays.setAll(weights, i -> Math.pow(2, 20 * random.nextDouble()));
    int[] symbols =
        Levels.greedy(Distortion.SHRUNK, weights, ints(nodes, 2), ints(nodes, 65536), 8.0 * nodes);
    assertThat(Levels.bits(symbols), lessThanOrEqualTo(8.0 * nodes));
    assertThat(Levels.bits(symbols), closeTo(8.0 * nodes, 1));
    int[] bits =
        WholeBits.greedy(Distortion.SHRUNK, weights, ints(nodes, 1), ints(nodes, 16), 8L * nodes);
    assertThat(Arrays.stream(bits).sum(), is(8 * nodes));
  }

  /** The share of N + 1 symbols is the block's own, up to its code's loss. */
  @ParameterizedTest
  @EnumSource(Distortion.class)
  void fractionalBitsCostWhatTheChannelRealises(Distortion distortion) {
    int vocabulary = 50_257;
    for (double b = 1; b <= 12; b += 0.1171875) {
      Quantizer quantizer =
          distortion == Distortion.SHRUNK ? Quantizer.DITHER : Quantizer.DITHER_PAPER;
      BlockShape shape =
          BlockShape.of(quantizer, false, vocabulary, 4, b, Levels.bitsPerProbe(b, vocabulary));
      double expected = 3 * shape.meanVariance(3) / 9;
      assertThat(distortion.ofBits(b), closeTo(expected, 2e-4 * expected));
      if (b > 1 && distortion == Distortion.SHRUNK && b % 1 != 0) {
        assertThat(Levels.symbols(b), is(shape.symbols()));
        double share = (double) shape.finer() / shape.coordinates();
        assertThat(Levels.finerShare(b), closeTo(share, 2e-5 * shape.symbols() * b + 1e-4));
      }
    }
    for (int q = 1; q <= 16; q++) {
      assertThat(Levels.symbols(q), is(1 << q));
      assertThat(Levels.finerShare(q), is(0.0));
      assertThat(distortion.ofBits(q), is(distortion.ofSymbols(1 << q)));
    }
    for (int n = 2; n <= 65536; n += 1 + n / 50) {
      assertThat(Levels.symbols(Levels.log2(n)), is(n));
    }
  }

  @Property(tries = 2000, seed = "141421")
  void aPlanComputesTheBitsItIsMeantTo(
      @ForAll @IntRange(min = 2, max = 200_000) int vocabulary, @ForAll long seed) {
    long bits = new SplittableRandom(seed).nextLong(16L * vocabulary + 1);
    double b = Levels.bitsPerCoordinate(bits, vocabulary);
    assertThat(Levels.bitsPerProbe(b, vocabulary), is(bits));
    assertThat((long) Math.floor(Math.nextDown(b) * vocabulary), lessThanOrEqualTo(bits));
  }

  @Test
  void aQuotientMayLoseABit() {
    assertThat((long) Math.floor((29 / 100.0) * 100), is(28L));
    assertThat(Levels.bitsPerProbe(Levels.bitsPerCoordinate(29, 100), 100), is(29L));
  }

  @Test
  void conversionNeverRoundsUp() {
    assertThat(
        Levels.implementable(new double[] {0, 0.999, 1, 3.7, 16, 20}),
        equalTo(new double[] {0, 0, 1, 3.7, 16, 16}));
    assertThrows(IllegalArgumentException.class, () -> Levels.implementable(one(-0.1)));
  }

  /** THEORY 5.4 (d): V = 3, 10 bits a probe, of which the floors take 9. */
  @Test
  void leftoverBitsGoToTheLargestDistortion() {
    double[] bits = {5.5 / 3, 2.75 / 3, 2.75 / 3, 0};
    assertThat(
        WholeBits.perProbe(new double[] {1, 5, 5, 9}, bits, 16, 3, 10),
        equalTo(new long[] {5, 3, 2, 0}));
    assertThat(
        WholeBits.perProbe(new double[] {1, 5, 5, 9}, bits, 16, 3, 99),
        equalTo(new long[] {6, 3, 3, 0}));
    assertThat(
        refusal(() -> WholeBits.perProbe(new double[] {1, 5, 5, 9}, bits, 16, 3, 8)),
        containsString("needs 9 bits per probe, more than the total of 8"));
  }

  private static String refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }

  private static double[] one(double value) {
    return new double[] {value};
  }

  private static int[] ints(int value) {
    return new int[] {value};
  }

  private static int[] ints(int length, int value) {
    int[] array = new int[length];
    Arrays.fill(array, value);
    return array;
  }
}
