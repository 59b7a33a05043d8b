package dev.sluice.transforms.allocation;

/**
 * The split of a budget in fractional bits that minimises Σ_i w_i·d(b_i) on the distortion as it is
 * realised: between log2 N and log2(N + 1) bits a block mixes coordinates of N and of N + 1
 * symbols, so that d is piecewise linear in b. THEORY 2.5 and 5.4 (c).
 *
 * <p><b>Solution.</b> On the segment from log2 N to log2(N + 1) a bit gains w·[d(N) − d(N + 1)]/
 * log2((N + 1)/N), a constant that decreases in N. Every node takes its segments with gains above a
 * threshold, the one at which the budget runs out; what is then left goes to the segments with
 * exactly that gain, the lowest index first, the last of them in part.
 *
 * <p><b>Proof.</b> The segments of all nodes, cut at floors and caps, are the items of a continuous
 * knapsack: length in bits, gain per bit, any part of an item may be taken. Taking items by falling
 * gain per bit maximises the gain (an exchange of a little of one for as much of another of smaller
 * gain per bit never helps), and as a node's gains decrease in N, that order takes its segments
 * from the bottom up, as bits are spent. So the knapsack's optimum is a split, and none is better.
 * ∎
 *
 * <p>The threshold is found by bisection over float64 numbers, at most 63 steps, in each of which
 * only nodes are looked at that it still moves: O(K) a step at most, O(K) memory. Weights are taken
 * relative to the largest one's binary exponent, so that weights times a power of two give the same
 * bits to the last digit; one more than 2^1920 below the largest counts as that.
 *
 * <p><b>Arguments.</b> {@code weights} (logits², finite, ≥ 0), {@code floors} and {@code caps}
 * (bits per coordinate, floor ≤ cap ≤ 16), all [K] with K ≥ 1 and only read; {@code total}, finite,
 * the sum over nodes of bits per coordinate. A node of weight 0 stays at its floor.
 */
public final class FractionalBits {
  private static final int SCALE = 960;

  private FractionalBits() {}

  /**
   * The optimal split among nodes that all send.
   *
   * @param distortion {@link Distortion#SHRUNK}; or {@link Distortion#MODEL}, taken as 1/N² at
   *     whole N and mixed between, which lies above 4^−b there
   * @param floors [K], each in [1, 16]
   * @param caps [K], each in [floor, 16]
   * @return [K] bits per coordinate: every b_i within its bounds, and their sum, added up in
   *     ascending order in float64, at most {@code total}; it falls short by rounding alone, unless
   *     caps or zero weights leave budget unused
   * @throws IllegalArgumentException outside these ranges, or if the floors exceed the total
   */
  public static double[] bits(
      Distortion distortion, double[] weights, double[] floors, double[] caps, double total) {
    WaterFilling.check(weights, floors, caps, total);
    for (int i = 0; i < weights.length; i++) {
      checkBits("floor", floors[i], i);
      checkBits("cap", caps[i], i);
    }
    return fill(Levels.rates(distortion), weights, floors, caps, total);
  }

  /**
   * A split among nodes whose next digits are asked for: the distortion is w/N², w the variance of
   * what is known so far. A node without bits keeps its w, and loses nothing by it; one with bits
   * has at least 1, as a plane has at least two symbols, so that the first bit, which gains ¾ w, is
   * all or nothing.
   *
   * <p>First that is ignored. If then no node has a part of a first bit, the split is optimal, by
   * the proof above. Else there is one such node, c, of which the budget paid the share s &lt; 1:
   * either c and all nodes without bits do without, or c has its bit and all others without bits do
   * without, whichever is better, the former if they are equal; the rest is the optimal split among
   * the nodes with bits.
   *
   * <p>Σ w_i·d(b_i) is then at most ¾·s·w_c above the optimum: the relaxed optimum is not above the
   * optimum, and without c's share, before those bits are given to others, it is ¾·s·w_c higher.
   *
   * @param floors [K], each 0 or in [1, 16]
   * @param caps [K], each 0 or in [max(1, floor), 16]
   * @return [K] bits per coordinate, each 0 or at least 1; otherwise as {@link #bits}
   * @throws IllegalArgumentException outside these ranges, or if the floors exceed the total
   */
  public static double[] digits(double[] weights, double[] floors, double[] caps, double total) {
    int nodes = WaterFilling.check(weights, floors, caps, total);
    for (int i = 0; i < nodes; i++) {
      if (floors[i] != 0) {
        checkBits("floor", floors[i], i);
      }
      if (caps[i] != 0) {
        checkBits("cap", caps[i], i);
      }
    }
    double[] rates = Levels.rates(Distortion.MODEL);
    double[] relaxed = fill(rates, weights, floors, caps, total);
    int partial = -1;
    for (int i = 0; i < nodes; i++) {
      if (relaxed[i] > 0 && relaxed[i] < 1) {
        partial = i;
      }
    }
    if (partial < 0) {
      return relaxed;
    }
    double[] least = new double[nodes];
    double[] most = new double[nodes];
    double atFloors = 0;
    for (int i = 0; i < nodes; i++) {
      least[i] = relaxed[i] >= 1 ? Math.max(1, floors[i]) : 0;
      most[i] = relaxed[i] >= 1 ? caps[i] : 0;
      atFloors += i == partial ? 1 : least[i];
    }
    double[] without = fill(rates, weights, least, most, total);
    if (!(atFloors <= total)) {
      return without;
    }
    least[partial] = 1;
    most[partial] = caps[partial];
    double[] with = fill(rates, weights, least, most, total);
    return digitDistortion(weights, with) < digitDistortion(weights, without) ? with : without;
  }

  /**
   * Variance / w after b more bits per coordinate in digits: 1/N², mixed. 1 for b = 0.
   *
   * @param bits b, 0 or in [1, 16]
   */
  public static double ofDigits(double bits) {
    return bits == 0 ? 1 : Distortion.MODEL.mixed(bits);
  }

  /** Σ w_i·{@link #ofDigits}(b_i), logits², in ascending order: what {@link #digits} minimises. */
  public static double digitDistortion(double[] weights, double[] bits) {
    if (weights.length != bits.length) {
      throw new IllegalArgumentException(
          "weights and bits must be of the same nodes, got "
              + weights.length
              + " and "
              + bits.length);
    }
    double sum = 0;
    for (int i = 0; i < bits.length; i++) {
      sum += weights[i] * ofDigits(bits[i]);
    }
    return sum;
  }

  private static void checkBits(String bound, double bits, int node) {
    if (!(bits >= 1 && bits <= Levels.MAX_BITS)) {
      throw new IllegalArgumentException(
          bound
              + " of node "
              + node
              + " must be in [1, "
              + Levels.MAX_BITS
              + "] bits per coordinate, got "
              + bits);
    }
  }

  /** The knapsack. Floors and caps are in [0, 16]; a floor below 1 begins at one symbol. */
  private static double[] fill(
      double[] rates, double[] weights, double[] floors, double[] caps, double total) {
    int nodes = weights.length;
    double atFloors = sum(floors);
    if (!(atFloors <= total)) {
      throw new IllegalArgumentException(
          "the floors of "
              + nodes
              + " nodes sum to "
              + atFloors
              + " bits per coordinate, more than the total of "
              + total);
    }
    double[] logs = Levels.logs();
    // A threshold gives every node its symbols, and they its bits, cut to its bounds. Open nodes
    // are
    // those whose symbols differ between the last threshold that fitted and the last that did not.
    double[] scaled = new double[nodes];
    double[] bits = new double[nodes];
    int[] fitting = new int[nodes];
    int[] exceeding = new int[nodes];
    int[] symbols = new int[nodes];
    int[] open = new int[nodes];
    int count = 0;
    double most = 0;
    double least = Double.MAX_VALUE;
    int shift = SCALE - WaterFilling.exponent(WaterFilling.max(weights));
    for (int i = 0; i < nodes; i++) {
      bits[i] = floors[i];
      if (weights[i] > 0) {
        fitting[i] = symbolsAt(floors[i], logs);
        int atCap = symbolsAt(caps[i], logs);
        exceeding[i] = logs[atCap] < caps[i] ? atCap + 1 : atCap;
        bits[i] = caps[i];
        if (exceeding[i] > fitting[i]) {
          scaled[i] = Math.max(Math.scalb(1.0, -SCALE), Math.scalb(weights[i], shift));
          most = Math.max(most, scaled[i] * rates[fitting[i]]);
          least = Math.min(least, scaled[i] * rates[exceeding[i] - 1]);
          open[count++] = i;
        }
      }
    }
    if (sum(bits) <= total) {
      return bits;
    }

    // The least threshold that fits, among positive float64 numbers, which order as their bits do.
    long fits = Double.doubleToRawLongBits(Math.nextUp(most));
    long exceeds = Double.doubleToRawLongBits(least);
    while (fits - exceeds > 1) {
      long middle = (fits + exceeds) >>> 1;
      double threshold = Double.longBitsToDouble(middle);
      for (int j = 0; j < count; j++) {
        int i = open[j];
        symbols[i] = firstBelow(rates, scaled[i], threshold, fitting[i], exceeding[i]);
        bits[i] = cut(logs[symbols[i]], floors[i], caps[i]);
      }
      boolean fitted = sum(bits) <= total;
      if (fitted) {
        fits = middle;
      } else {
        exceeds = middle;
      }
      int[] narrowed = fitted ? fitting : exceeding;
      int still = 0;
      for (int j = 0; j < count; j++) {
        int i = open[j];
        narrowed[i] = symbols[i];
        if (fitting[i] < exceeding[i]) {
          open[still++] = i;
        }
      }
      count = still;
    }

    // What is between the two has one gain per bit: as many nodes as fit take all of it.
    int full = 0;
    for (int none = count; none - full > 1; ) {
      int middle = (full + none) >>> 1;
      set(open, 0, middle, logs, exceeding, floors, caps, bits);
      set(open, middle, count, logs, fitting, floors, caps, bits);
      if (sum(bits) <= total) {
        full = middle;
      } else {
        none = middle;
      }
    }
    set(open, 0, full, logs, exceeding, floors, caps, bits);
    set(open, full, count, logs, fitting, floors, caps, bits);
    if (full < count) {
      takePart(bits, open[full], logs, exceeding, floors, caps, total);
    }
    return bits;
  }

  /** The least N in [low, high] whose gain per bit is below the threshold, or high. */
  private static int firstBelow(
      double[] rates, double weight, double threshold, int low, int high) {
    int from = low;
    int to = high;
    while (from < to) {
      int middle = (from + to) >>> 1;
      if (weight * rates[middle] >= threshold) {
        from = middle + 1;
      } else {
        to = middle;
      }
    }
    return from;
  }

  /** One node takes what is left, to the last digit that float64's sum allows. */
  private static void takePart(
      double[] bits,
      int node,
      double[] logs,
      int[] exceeding,
      double[] floors,
      double[] caps,
      double total) {
    double least = bits[node];
    double most = cut(logs[exceeding[node]], floors[node], caps[node]);
    double tried = Math.min(most, least + Math.max(0, total - sum(bits)));
    bits[node] = tried;
    double excess = sum(bits) - total;
    for (double lower = 0; excess > 0 && tried > least; ) {
      lower = Math.max(2 * lower, excess);
      tried = Math.max(least, Math.min(tried - lower, Math.nextDown(tried)));
      bits[node] = tried;
      excess = sum(bits) - total;
    }
  }

  private static void set(
      int[] open,
      int from,
      int to,
      double[] logs,
      int[] symbols,
      double[] floors,
      double[] caps,
      double[] bits) {
    for (int j = from; j < to; j++) {
      int i = open[j];
      bits[i] = cut(logs[symbols[i]], floors[i], caps[i]);
    }
  }

  /** N = ⌊2^b⌋, 1 below one bit. */
  private static int symbolsAt(double bits, double[] logs) {
    if (bits < 1) {
      return 1;
    }
    int symbols = (int) bits == bits ? 1 << (int) bits : (int) Math.pow(2, bits);
    while (symbols < Levels.MAX_SYMBOLS && logs[symbols + 1] <= bits) {
      symbols++;
    }
    while (logs[symbols] > bits) {
      symbols--;
    }
    return symbols;
  }

  private static double cut(double bits, double floor, double cap) {
    return Math.min(cap, Math.max(floor, bits));
  }

  /** In ascending order; does not decrease when a summand grows. */
  private static double sum(double[] bits) {
    double sum = 0;
    for (double b : bits) {
      sum += b;
    }
    return sum;
  }
}
