package dev.sluice.transforms.allocation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** Random instances come from a seed; nothing but rounding is tolerated. */
class FractionalBitsTest {

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Instance(
      Distortion distortion, double[] weights, double[] floors, double[] caps, double total) {
    /** Floors and caps at and between knots, equal ones, weights of zero, ties. */
    static Instance of(SplittableRandom random, Distortion distortion, int nodes, double most) {
      double[] weights = new double[nodes];
      double[] floors = new double[nodes];
      double[] caps = new double[nodes];
      double spread = 30 * random.nextDouble();
      for (int i = 0; i < nodes; i++) {
        weights[i] =
            switch (random.nextInt(8)) {
              case 0 -> 0;
              case 1 -> 1;
              default -> Math.pow(2, spread * (random.nextDouble() - 0.5));
            };
        floors[i] = random.nextInt(3) == 0 ? 1 : 1 + (most - 1) / 3 * random.nextDouble();
        caps[i] =
            switch (random.nextInt(6)) {
              case 0 -> most;
              case 1 -> floors[i];
              case 2 -> Math.max(floors[i], Math.rint(most / 2));
              default -> floors[i] + (most - floors[i]) * random.nextDouble();
            };
      }
      double least = sum(floors);
      double total = least * (1 + 1e-12) + random.nextDouble() * 1.1 * (sum(caps) - least);
      return new Instance(distortion, weights, floors, caps, total);
    }

    double[] bits() {
      return FractionalBits.bits(distortion, weights, floors, caps, total);
    }

    double cost(double[] bits) {
      double sum = 0;
      for (int i = 0; i < bits.length; i++) {
        sum += weights[i] * d(distortion, bits[i]);
      }
      return sum;
    }
  }

  /** The mixture, from the knots alone. */
  private static double d(Distortion distortion, double bits) {
    int n = 1;
    while (n < 65536 && Math.log(n + 1) <= bits * Math.log(2) + 1e-13) {
      n++;
    }
    double shift = distortion == Distortion.SHRUNK ? 1 : 0;
    double coarse = 1 / ((n - shift) * (n - shift));
    double fine = 1 / ((n + 1 - shift) * (n + 1 - shift));
    double share = (bits - Math.log(n) / Math.log(2)) / (Math.log1p(1.0 / n) / Math.log(2));
    return coarse + Math.max(0, share) * (fine - coarse);
  }

  private static double sum(double[] bits) {
    double sum = 0;
    for (double b : bits) {
      sum += b;
    }
    return sum;
  }

  /**
   * The optimality conditions: a bit that a node could still take gains no more than one that
   * another could give back.
   */
  @Property(tries = 1500, seed = "271828")
  void isFeasibleAndNoBitIsBetterElsewhere(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 40) int nodes,
      @ForAll Distortion distortion) {
    SplittableRandom random = new SplittableRandom(seed);
    Instance in = Instance.of(random, distortion, nodes, random.nextBoolean() ? 5 : 16);
    double[] bits = in.bits();
    double reachable = 0;
    double taken = Double.POSITIVE_INFINITY;
    double open = 0;
    for (int i = 0; i < nodes; i++) {
      assertThat(bits[i], greaterThanOrEqualTo(in.floors[i]));
      assertThat(bits[i], lessThanOrEqualTo(in.caps[i]));
      reachable += in.weights[i] > 0 ? in.caps[i] : in.floors[i];
      if (in.weights[i] == 0) {
        assertThat(bits[i], is(in.floors[i]));
        continue;
      }
      double[] rates = Levels.rates(distortion);
      if (bits[i] > in.floors[i] + 1e-9) {
        taken = Math.min(taken, in.weights[i] * rates[Levels.symbols(bits[i] - 1e-9)]);
      }
      if (bits[i] < in.caps[i] - 1e-9) {
        open = Math.max(open, in.weights[i] * rates[Levels.symbols(bits[i] + 1e-9)]);
      }
    }
    assertThat(sum(bits), lessThanOrEqualTo(in.total));
    assertThat(sum(bits), closeTo(Math.min(in.total, reachable), 1e-12 * in.total));
    assertThat(open, lessThanOrEqualTo(taken * (1 + 1e-9)));
  }

  /**
   * All splits of which all nodes but one are at a knot, a floor or a cap: the vertices of the
   * linear programme, one of which is optimal.
   */
  @Property(tries = 250, seed = "314159")
  void noVertexIsBetter(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 3) int nodes,
      @ForAll Distortion distortion) {
    Instance in = Instance.of(new SplittableRandom(seed), distortion, nodes, 3.2);
    double[][] stops = new double[nodes][];
    for (int i = 0; i < nodes; i++) {
      stops[i] = stops(in.floors[i], in.caps[i]);
    }
    double best = Double.POSITIVE_INFINITY;
    for (int free = 0; free < nodes; free++) {
      best = Math.min(best, leastWithFree(in, stops, free, 0, new double[nodes]));
    }
    double found = in.cost(in.bits());
    assertThat(found, closeTo(best, 1e-9 * best));
  }

  private static double leastWithFree(
      Instance in, double[][] stops, int free, int node, double[] bits) {
    if (node == bits.length) {
      bits[free] = 0;
      double left = in.total - sum(bits);
      bits[free] = Math.min(in.caps[free], left);
      return left < in.floors[free] ? Double.POSITIVE_INFINITY : in.cost(bits);
    }
    if (node == free) {
      return leastWithFree(in, stops, free, node + 1, bits);
    }
    double best = Double.POSITIVE_INFINITY;
    for (double stop : stops[node]) {
      bits[node] = stop;
      best = Math.min(best, leastWithFree(in, stops, free, node + 1, bits));
    }
    return best;
  }

  private static double[] stops(double floor, double cap) {
    double[] stops = new double[66];
    int count = 0;
    stops[count++] = floor;
    stops[count++] = cap;
    for (int n = 2; n <= 64; n++) {
      double knot = Math.log(n) / Math.log(2);
      if (knot > floor && knot < cap) {
        stops[count++] = knot;
      }
    }
    return Arrays.copyOf(stops, count);
  }

  @Property(tries = 400, seed = "161803")
  void nodesMayBeRenumberedAndWeightsScaled(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 30) int nodes,
      @ForAll Distortion distortion) {
    SplittableRandom random = new SplittableRandom(seed);
    Instance in = Instance.of(random, distortion, nodes, 16);
    for (int i = 0; i < nodes; i++) {
      in.weights[i] *= 1 + 1e-3 * random.nextDouble(); // no ties
    }
    double[] bits = in.bits();
    double[] doubled = Arrays.stream(in.weights).map(w -> Math.scalb(w, -201)).toArray();
    assertThat(
        FractionalBits.bits(distortion, doubled, in.floors, in.caps, in.total), equalTo(bits));
    int[] order = new int[nodes];
    for (int i = 0; i < nodes; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    double[] turned =
        FractionalBits.bits(
            distortion,
            pick(in.weights, order),
            pick(in.floors, order),
            pick(in.caps, order),
            in.total);
    for (int i = 0; i < nodes; i++) {
      assertThat(turned[i], closeTo(bits[order[i]], 1e-11 * in.total));
    }
  }

  @Property(tries = 300, seed = "141421")
  void moreBitsTakeFromNoNode(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 20) int nodes,
      @ForAll Distortion distortion) {
    SplittableRandom random = new SplittableRandom(seed);
    Instance in = Instance.of(random, distortion, nodes, 16);
    double[] bits = in.bits();
    double more = in.total + random.nextDouble() * random.nextDouble() * nodes;
    double[] larger = FractionalBits.bits(distortion, in.weights, in.floors, in.caps, more);
    for (int i = 0; i < nodes; i++) {
      assertThat(larger[i], greaterThanOrEqualTo(bits[i] - 1e-12 * more));
    }
    assertThat(in.cost(larger), lessThanOrEqualTo(in.cost(bits) * (1 + 1e-12)));
    // Whole numbers of symbols, and whole bits, are splits among others.
    int[] twos = new int[nodes];
    int[] ones = new int[nodes];
    int[] symbolCaps = new int[nodes];
    int[] sixteens = new int[nodes];
    Arrays.fill(twos, 2);
    Arrays.fill(ones, 1);
    Arrays.fill(symbolCaps, Levels.MAX_SYMBOLS);
    Arrays.fill(sixteens, 16);
    double free =
        in.cost(
            FractionalBits.bits(
                distortion,
                in.weights,
                WaterFillingTest.filled(nodes, 1),
                WaterFillingTest.filled(nodes, 16),
                in.total));
    int[] symbols = Levels.greedy(distortion, in.weights, twos, symbolCaps, in.total);
    int[] whole = WholeBits.greedy(distortion, in.weights, ones, sixteens, (long) in.total);
    double atSymbols = 0;
    double atWhole = 0;
    for (int i = 0; i < nodes; i++) {
      atSymbols += in.weights[i] * distortion.ofSymbols(symbols[i]);
      atWhole += in.weights[i] * distortion.ofSymbols(1 << whole[i]);
    }
    assertThat(free, lessThanOrEqualTo(atSymbols * (1 + 1e-12)));
    assertThat(free, lessThanOrEqualTo(atWhole * (1 + 1e-12)));
  }

  private static double[] pick(double[] values, int[] order) {
    return Arrays.stream(order).mapToDouble(i -> values[i]).toArray();
  }

  @Test
  void ends() {
    double[] one = {1};
    double[] sixteen = {16};
    for (Distortion distortion : Distortion.values()) {
      for (double total : new double[] {1, 1.3, 2, Math.nextDown(3.0), 7.77, 16}) {
        assertThat(
            FractionalBits.bits(distortion, new double[] {3}, one, sixteen, total)[0], is(total));
      }
      assertThat(FractionalBits.bits(distortion, new double[] {3}, one, sixteen, 99)[0], is(16.0));
      assertThat(FractionalBits.bits(distortion, new double[] {0}, one, sixteen, 99)[0], is(1.0));
      assertThat(
          FractionalBits.bits(
              distortion, new double[] {0, 2}, new double[] {1, 1}, new double[] {9, 9}, 2.0),
          equalTo(new double[] {1, 1}));
      // The smallest and the largest weight that there are.
      double[] bits =
          FractionalBits.bits(
              distortion,
              new double[] {Double.MIN_VALUE, Double.MAX_VALUE},
              new double[] {1, 1},
              new double[] {16, 16},
              20);
      assertThat(bits, equalTo(new double[] {4, 16}));
    }
    // d of the mixture is the distortion's own.
    for (double b = 1; b < 9; b += 0.01) {
      assertThat(
          d(Distortion.SHRUNK, b),
          closeTo(Distortion.SHRUNK.ofBits(b), 1e-9 * d(Distortion.SHRUNK, b)));
      assertThat(d(Distortion.MODEL, b), closeTo(FractionalBits.ofDigits(b), 1e-9));
    }
  }

  /** Equal weights: symbol by symbol, the lowest index first, the last one in part. */
  @Test
  void theLowestIndexTakesWhatIsLeft() {
    double knot = Levels.log2(3);
    double[] bits =
        FractionalBits.bits(
            Distortion.SHRUNK,
            new double[] {5, 5, 5},
            WaterFillingTest.filled(3, 1),
            WaterFillingTest.filled(3, 16),
            1 + 2 * knot - 0.25);
    assertThat(bits[0], is(knot));
    assertThat(bits[1], closeTo(knot - 0.25, 1e-15));
    assertThat(bits[2], is(1.0));
  }

  @Test
  void refusals() {
    double[] w = {1, 1};
    assertThat(
        refusal(w, new double[] {1, 0.5}, new double[] {2, 2}, 9),
        containsString("floor of node 1 must be in [1, 16] bits per coordinate, got 0.5"));
    assertThat(
        refusal(w, new double[] {1, 1}, new double[] {2, 16.5}, 9),
        containsString("cap of node 1 must be in [1, 16] bits per coordinate, got 16.5"));
    assertThat(
        refusal(w, new double[] {1, 3}, new double[] {2, 2}, 9),
        containsString("cap of node 1 must be at least its floor of 3.0, got 2.0"));
    assertThat(
        refusal(w, new double[] {1, 1}, new double[] {2, 2}, 1.5),
        containsString("sum to 2.0 bits per coordinate, more than the total of 1.5"));
    assertThat(refusal(new double[] {1, Double.NaN}, w, w, 2), containsString("weight of node 1"));
    assertThrows(
        IllegalArgumentException.class,
        () -> FractionalBits.digits(w, new double[2], new double[] {0.5, 2}, 2));
  }

  private static String refusal(double[] weights, double[] floors, double[] caps, double total) {
    return assertThrows(
            IllegalArgumentException.class,
            () -> FractionalBits.bits(Distortion.SHRUNK, weights, floors, caps, total))
        .getMessage();
  }

  /**
   * Every set of nodes that might have bits, each split optimally: digits are less than 3/4 of a
   * weight above the best.
   */
  @Property(tries = 500, seed = "173205")
  void digitsAreNearTheBestSet(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int nodes) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] weights = new double[nodes];
    double[] floors = new double[nodes];
    double[] caps = new double[nodes];
    double spread = 12 * random.nextDouble();
    for (int i = 0; i < nodes; i++) {
      weights[i] = random.nextInt(8) == 0 ? 0 : Math.pow(2, spread * random.nextDouble());
      floors[i] = random.nextInt(5) == 0 ? 1 + random.nextDouble() : 0;
      caps[i] =
          switch (random.nextInt(5)) {
            case 0 -> floors[i];
            case 1 -> 16;
            default -> Math.max(1, floors[i]) + 4 * random.nextDouble();
          };
    }
    double total = sum(floors) * (1 + 1e-12) + 3 * nodes * random.nextDouble();
    double[] bits = FractionalBits.digits(weights, floors, caps, total);
    double heaviestWithout = 0;
    for (int i = 0; i < nodes; i++) {
      assertThat(bits[i] == 0 || bits[i] >= 1, is(true));
      assertThat(bits[i], greaterThanOrEqualTo(floors[i]));
      assertThat(bits[i], lessThanOrEqualTo(caps[i]));
      heaviestWithout = Math.max(heaviestWithout, weights[i]);
    }
    assertThat(sum(bits), lessThanOrEqualTo(total));
    double found = FractionalBits.digitDistortion(weights, bits);
    double best = Double.POSITIVE_INFINITY;
    for (int mask = 0; mask < 1 << nodes; mask++) {
      double[] least = new double[nodes];
      double[] most = new double[nodes];
      boolean possible = true;
      for (int i = 0; i < nodes; i++) {
        boolean speaks = (mask >> i & 1) == 1;
        possible &= speaks ? caps[i] >= 1 : floors[i] == 0;
        least[i] = speaks ? Math.max(1, floors[i]) : 0;
        most[i] = speaks ? caps[i] : 0;
      }
      if (possible && sum(least) <= total) {
        // No first bit is in question, so this is the knapsack.
        best =
            Math.min(
                best,
                FractionalBits.digitDistortion(
                    weights, FractionalBits.digits(weights, least, most, total)));
      }
    }
    assertThat(found, greaterThanOrEqualTo(best * (1 - 1e-12)));
    assertThat(found, lessThanOrEqualTo(best + 0.75 * heaviestWithout));
  }

  @Test
  void aFirstDigitIsAllOrNothing() {
    double[] none = new double[3];
    double[] caps = {16, 16, 16};
    // 2.9 bits: two first bits, and 0.9 that no third can have.
    double[] bits = FractionalBits.digits(new double[] {4, 3.9, 3.8}, none, caps, 2.9);
    assertThat(bits[2], is(0.0));
    assertThat(bits[0] + bits[1], closeTo(2.9, 1e-12));
    // The wide node's bits are worth less than the other's first: it is the part that is given up.
    bits = FractionalBits.digits(new double[] {4, 3.9, 0}, none, caps, 1.9);
    assertThat(bits, equalTo(new double[] {1.9, 0, 0}));
    bits = FractionalBits.digits(new double[] {4, 3.9, 0}, none, caps, 2);
    assertThat(bits, equalTo(new double[] {1, 1, 0}));
    assertThat(FractionalBits.digits(new double[] {4, 3.9, 0}, none, caps, 0.9), equalTo(none));
    // The part is rounded up where that is better: 0.1 bits of the wide node's third symbol for 0.1
    // of the narrow one's first bit.
    bits = FractionalBits.digits(new double[] {100, 10}, new double[2], new double[] {16, 16}, 2.9);
    assertThat(bits[0], closeTo(1.9, 1e-12));
    assertThat(bits[1], is(1.0));
    assertThat(FractionalBits.ofDigits(0), is(1.0));
    assertThat(FractionalBits.ofDigits(1), is(0.25));
    assertThat(FractionalBits.ofDigits(4), is(1 / 256.0));
  }

  @Test
  void aHundredThousandNodes() {
    int nodes = 100_000;
    SplittableRandom random = new SplittableRandom(5);
    double[] weights = new double[nodes];
    Arrays.setAll(weights, i -> Math.pow(2, 20 * random.nextDouble()));
    double[] ones = WaterFillingTest.filled(nodes, 1);
    double[] caps = WaterFillingTest.filled(nodes, 16);
    for (double[] w : new double[][] {weights, ones}) {
      double[] bits = FractionalBits.bits(Distortion.SHRUNK, w, ones, caps, 8.3 * nodes);
      assertThat(sum(bits), lessThanOrEqualTo(8.3 * nodes));
      assertThat(sum(bits), closeTo(8.3 * nodes, 1e-6));
    }
  }
}
