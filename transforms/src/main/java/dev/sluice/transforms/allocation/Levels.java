package dev.sluice.transforms.allocation;

/**
 * Fractional bits as they are realised: whole numbers of symbols, mixed. A plan's b is 0, for a
 * node that is silent, or in [1, 16]; a block then has N or N + 1 symbols for a coordinate. THEORY
 * 2.5 and 5.4 (c); FORMAT 3.4.
 */
public final class Levels {
  /** The largest number of bits per coordinate that a plan takes. */
  public static final int MAX_BITS = 16;

  /** The largest radix that a budget buys. */
  public static final int MAX_SYMBOLS = 1 << MAX_BITS;

  private static final double LN2 = StrictMath.log(2);

  private Levels() {}

  /** Gains per bit at weight 1, computed once: see {@link #perBit}. One symbol is MODEL's alone. */
  private static final class Rates {
    static final double[] SHRUNK = table(Distortion.SHRUNK, 2);
    static final double[] MODEL = table(Distortion.MODEL, 1);

    private static double[] table(Distortion distortion, int least) {
      double[] rates = new double[MAX_SYMBOLS];
      for (int n = least; n < MAX_SYMBOLS; n++) {
        rates[n] = perBit(distortion, n);
      }
      return rates;
    }
  }

  /** log2 N by N, computed once. */
  private static final class Logs {
    static final double[] LOG2 = new double[MAX_SYMBOLS + 1];

    static {
      for (int n = 1; n <= MAX_SYMBOLS; n++) {
        LOG2[n] = log2(n);
      }
    }
  }

  /** {@link #log2} by N up to 65536; only read. */
  static double[] logs() {
    return Logs.LOG2;
  }

  /** {@link #perBit} by N below 65536, from 2 on, and from 1 for MODEL; only read. */
  static double[] rates(Distortion distortion) {
    return distortion == Distortion.SHRUNK ? Rates.SHRUNK : Rates.MODEL;
  }

  /**
   * [d(N) − d(N + 1)]/log2((N + 1)/N), the gain per bit of one more symbol, decreasing in N. The
   * difference of the reciprocal squares of m and m + 1 is (2m + 1)/(m(m + 1))², without
   * cancellation.
   */
  private static double perBit(Distortion distortion, int symbols) {
    double m = distortion == Distortion.SHRUNK ? symbols - 1 : symbols;
    double product = m * (m + 1);
    return (2 * m + 1) / (product * product) * LN2 / StrictMath.log1p(1.0 / symbols);
  }

  /** log2 N, exact for powers of two. */
  static double log2(int symbols) {
    int exponent = 31 - Integer.numberOfLeadingZeros(symbols);
    return exponent + StrictMath.log(Math.scalb((double) symbols, -exponent)) / LN2;
  }

  /**
   * N = ⌊2^b⌋: what all coordinates have at least. A b that is log2 N to the last digit gives N.
   *
   * @param bits b, in [1, 16]
   */
  public static int symbols(double bits) {
    if (!(bits >= 1 && bits <= MAX_BITS)) {
      throw new IllegalArgumentException(
          "bits per coordinate must be in [1, " + MAX_BITS + "], got " + bits);
    }
    int symbols = (int) StrictMath.pow(2, bits);
    while (symbols < MAX_SYMBOLS && log2(symbols + 1) <= bits) {
      symbols++;
    }
    while (log2(symbols) > bits) {
      symbols--;
    }
    return symbols;
  }

  /**
   * The share f of coordinates with N + 1 symbols, in [0, 1): (1 − f)·log2 N + f·log2(N + 1) = b. A
   * block has n1 = f·n of them, up to its code's loss (FORMAT 3.4).
   *
   * @param bits b, in [1, 16]
   */
  public static double finerShare(double bits) {
    int symbols = symbols(bits);
    double above = bits - log2(symbols);
    return above <= 0
        ? 0
        : Math.min(Math.nextDown(1.0), above * LN2 / StrictMath.log1p(1.0 / symbols));
  }

  /**
   * Whole numbers of symbols by gain per bit: each node in turn gets a symbol more where [w·d(N) −
   * w·d(N + 1)]/log2((N + 1)/N) is largest, the lowest index winning ties; a node whose next symbol
   * does not fit any more is done.
   *
   * <p>Minimises Σ w_i·d(N_i) for every budget that it uses up before the first such node, as the
   * gains per bit decrease in N; otherwise it is within that one symbol's gain of the minimum. The
   * last few K are taken one by one from a heap, all before them by a threshold on the gain per
   * bit. O(K log K).
   *
   * @param weights [K], K ≥ 1, logits², finite, ≥ 0; a node of weight 0 stays at its floor
   * @param floors [K], symbols, in [2, 65536]
   * @param caps [K], symbols, in [floor, 65536]
   * @param total in bits per coordinate over all nodes, finite
   * @return [K] symbols; Σ log2 N_i, added up in ascending order in float64, is at most the total
   * @throws IllegalArgumentException outside these ranges, or if the floors exceed the total
   */
  public static int[] greedy(
      Distortion distortion, double[] weights, int[] floors, int[] caps, double total) {
    int nodes = check(weights, floors, caps, total);
    double atFloors = bits(floors);
    if (!(atFloors <= total)) {
      throw new IllegalArgumentException(
          "the floors of "
              + nodes
              + " nodes take "
              + atFloors
              + " bits per coordinate, more than the total of "
              + total);
    }
    double[] rates = rates(distortion);
    int[] symbols = floors.clone();
    int[] trial = new int[nodes];
    // A threshold's state takes all gains at or above it: a state of the greedy order, if it fits.
    double most = WaterFilling.max(weights);
    double low = -200;
    double high = 2;
    long least = 0;
    for (int step = 0; step < 60 && most > 0; step++) {
      double middle = 0.5 * (low + high);
      double threshold = Math.max(Double.MIN_VALUE, most * StrictMath.pow(2, middle));
      long ahead = 0;
      for (int i = 0; i < nodes; i++) {
        trial[i] = firstBelow(rates, weights[i], threshold, floors[i], caps[i]);
        ahead += trial[i];
      }
      if (bits(trial) <= total) {
        high = middle;
        least = ahead;
        System.arraycopy(trial, 0, symbols, 0, nodes);
      } else {
        low = middle;
        if (least > 0 && ahead - least <= nodes) {
          break;
        }
      }
    }

    double used = bits(symbols);
    double[] gains = new double[nodes];
    int[] order = new int[nodes];
    int open = 0;
    for (int i = 0; i < nodes; i++) {
      gains[i] = symbols[i] < caps[i] ? weights[i] * rates[symbols[i]] : 0;
      if (gains[i] > 0) {
        order[open++] = i;
      }
    }
    GainHeap heap = new GainHeap(gains, order, open);
    // The running sum is off by its rounding; what is let through is checked in the end.
    double fits = total + 1e-12 * Math.abs(total);
    while (!heap.isEmpty()) {
      int i = heap.first();
      double price = StrictMath.log1p(1.0 / symbols[i]) / LN2;
      if (used + price > fits) {
        heap.remove();
        continue;
      }
      used += price;
      symbols[i]++;
      gains[i] = symbols[i] < caps[i] ? weights[i] * rates[symbols[i]] : 0;
      if (gains[i] > 0) {
        heap.sink();
      } else {
        heap.remove();
      }
    }
    while (bits(symbols) > total) {
      symbols[cheapest(rates, weights, symbols, floors)]--;
    }
    return symbols;
  }

  /** The node that loses least per bit by a symbol less; there is one, as the floors fit. */
  private static int cheapest(double[] rates, double[] weights, int[] symbols, int[] floors) {
    int cheapest = -1;
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < symbols.length; i++) {
      if (symbols[i] > floors[i] && weights[i] * rates[symbols[i] - 1] < least) {
        least = weights[i] * rates[symbols[i] - 1];
        cheapest = i;
      }
    }
    return cheapest;
  }

  /** The least N in [floor, cap] whose gain per bit is below the threshold, or cap. */
  private static int firstBelow(
      double[] rates, double weight, double threshold, int floor, int cap) {
    int low = floor;
    int high = cap;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (weight * rates[middle] >= threshold) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Σ log2 N_i, bits, in ascending order. */
  public static double bits(int[] symbols) {
    double sum = 0;
    for (int n : symbols) {
      sum += log2(n);
    }
    return sum;
  }

  /**
   * A continuous split as a plan takes it: b below 1 is 0, b above 16 is 16, and nothing is rounded
   * up. What that frees is not given to other nodes: a split that is to use it takes 1 and 16 as
   * its floors and caps, over nodes that {@link ActiveSet} chooses.
   *
   * @param bits [K], bits per coordinate, ≥ 0
   */
  public static double[] implementable(double[] bits) {
    double[] plan = new double[bits.length];
    for (int i = 0; i < bits.length; i++) {
      if (!(bits[i] >= 0)) {
        throw new IllegalArgumentException(
            "bits per coordinate of node " + i + " must be at least 0, got " + bits[i]);
      }
      plan[i] = bits[i] < 1 ? 0 : Math.min(MAX_BITS, bits[i]);
    }
    return plan;
  }

  /**
   * ⌊b·V⌋ in float64, as a plan computes it.
   *
   * @param bits b, in [0, 16]
   * @param vocabulary V, at least 2
   */
  public static long bitsPerProbe(double bits, int vocabulary) {
    checkVocabulary(vocabulary);
    if (!(bits >= 0 && bits <= MAX_BITS)) {
      throw new IllegalArgumentException(
          "bits per coordinate must be in [0, " + MAX_BITS + "], got " + bits);
    }
    return (long) Math.floor(bits * vocabulary);
  }

  /**
   * The least b, of B/V rounded to float64 and the next above, for which a plan computes B. The
   * quotient alone may lose a bit: ⌊(29/100.0)·100⌋ = 28.
   *
   * @param bitsPerProbe B, in [0, 16·V]
   * @param vocabulary V, at least 2
   */
  public static double bitsPerCoordinate(long bitsPerProbe, int vocabulary) {
    checkVocabulary(vocabulary);
    if (bitsPerProbe < 0 || bitsPerProbe > (long) MAX_BITS * vocabulary) {
      throw new IllegalArgumentException(
          "bits per probe must be in [0, "
              + (long) MAX_BITS * vocabulary
              + "], got "
              + bitsPerProbe);
    }
    double bits = (double) bitsPerProbe / vocabulary;
    return Math.floor(bits * vocabulary) < bitsPerProbe ? Math.nextUp(bits) : bits;
  }

  private static void checkVocabulary(int vocabulary) {
    if (vocabulary < 2) {
      throw new IllegalArgumentException("vocabulary must be at least 2, got " + vocabulary);
    }
  }

  private static int check(double[] weights, int[] floors, int[] caps, double total) {
    int nodes = weights.length;
    WaterFilling.checkSizes(nodes, floors.length, caps.length);
    if (!Double.isFinite(total)) {
      throw new IllegalArgumentException("total must be finite, got " + total);
    }
    for (int i = 0; i < nodes; i++) {
      WholeBits.checkWeight(weights[i], i);
      if (floors[i] < 2 || caps[i] < floors[i] || caps[i] > MAX_SYMBOLS) {
        throw new IllegalArgumentException(
            "symbols of node "
                + i
                + " must have 2 <= floor <= cap <= "
                + MAX_SYMBOLS
                + ", got ["
                + floors[i]
                + ", "
                + caps[i]
                + "]");
      }
    }
    return nodes;
  }
}
