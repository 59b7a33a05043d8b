package dev.sluice.transforms.allocation;

/**
 * Splits in whole bits: per coordinate, on the distortion of the quantiser as built, or per probe.
 * THEORY 5.4 (a), (b) and (d).
 */
public final class WholeBits {
  private WholeBits() {}

  /**
   * Whole bits per coordinate that minimise Σ_i w_i·d(b_i), Σ b_i ≤ total, floor_i ≤ b_i ≤ cap_i:
   * each bit in turn goes where it gains most, the lowest index winning ties, and nowhere once no
   * bit gains anything.
   *
   * <p>Optimal because every node's gains w·(d(b) − d(b + 1)) decrease in b (exchange argument).
   * For {@link Distortion#SHRUNK}: 8/9 of w for the second bit, 40/441 for the third.
   *
   * <p>O((K + total) log K).
   *
   * @param weights [K], K ≥ 1, logits², finite, ≥ 0
   * @param floors [K], in [1, 16]: a node without bits sends nothing, so it has no w·d(0), and is
   *     to be left out of the split and of the mean
   * @param caps [K], in [floor, 16]
   * @param total sum of bits per coordinate
   * @throws IllegalArgumentException outside these ranges, or if the floors exceed the total
   */
  public static int[] greedy(
      Distortion distortion, double[] weights, int[] floors, int[] caps, long total) {
    return greedy(distortion, weights, null, floors, caps, total);
  }

  /**
   * As {@link #greedy(Distortion, double[], int[], int[], long)}, with no bits at all as a choice
   * that costs what the caller says.
   *
   * @param silent [K], logits²: a node's distortion at 0 bits. At least w(2d(1) − d(2)), so that
   *     gains decrease: 7/16 of w for {@link Distortion#MODEL} (w itself is the published formula)
   *     but 17/9 for {@link Distortion#SHRUNK}, where greedy may miss the optimum below it. Only
   *     read where the floor is 0; null where none is
   * @param floors [K], in [0, 16]
   */
  public static int[] greedy(
      Distortion distortion,
      double[] weights,
      double[] silent,
      int[] floors,
      int[] caps,
      long total) {
    int nodes = check(distortion, weights, silent, floors, caps);
    long left = total;
    int[] bits = new int[nodes];
    double[] gains = new double[nodes];
    int[] order = new int[nodes];
    int open = 0;
    for (int i = 0; i < nodes; i++) {
      bits[i] = floors[i];
      left -= bits[i];
      if (bits[i] < caps[i]) {
        gains[i] = gain(distortion, weights[i], silent, i, bits[i]);
        order[open++] = i;
      }
    }
    if (left < 0) {
      throw new IllegalArgumentException(
          "the floors of "
              + nodes
              + " nodes sum to "
              + (total - left)
              + " bits per coordinate, more than the total of "
              + total);
    }
    GainHeap heap = new GainHeap(gains, order, open);
    while (left > 0 && !heap.isEmpty()) {
      int i = heap.first();
      if (!(gains[i] > 0)) {
        break;
      }
      bits[i]++;
      left--;
      if (bits[i] < caps[i]) {
        gains[i] = gain(distortion, weights[i], silent, i, bits[i]);
        heap.sink();
      } else {
        heap.remove();
      }
    }
    return bits;
  }

  private static double gain(
      Distortion distortion, double weight, double[] silent, int node, int bits) {
    double after = distortion.ofSymbols(1 << (bits + 1));
    return bits == 0
        ? silent[node] - weight * after
        : weight * (distortion.ofSymbols(1 << bits) - after);
  }

  /**
   * A split in whole bits per probe: ⌊b_i·V⌋, and what the floors leave of the total goes one bit
   * to a node, largest w_i·4^{−b_i} first, lowest index first among equals.
   *
   * @param weights [K], K ≥ 1, logits², finite, ≥ 0
   * @param bits [K], bits per coordinate, in [0, 16]; a node of 0 stays there
   * @param cap most bits per coordinate
   * @param vocabulary V ≥ 2
   * @param total in bits per probe over all nodes, at least Σ⌊b_i·V⌋
   * @return [K], bits per probe
   */
  public static long[] perProbe(
      double[] weights, double[] bits, double cap, int vocabulary, long total) {
    int nodes = weights.length;
    if (nodes < 1 || bits.length != nodes) {
      throw new IllegalArgumentException(
          "weights and bits must be of the same nodes, at least 1, got "
              + nodes
              + " and "
              + bits.length);
    }
    long[] whole = new long[nodes];
    double[] distortions = new double[nodes];
    int[] order = new int[nodes];
    int open = 0;
    long left = total;
    long most = Levels.bitsPerProbe(cap, vocabulary);
    for (int i = 0; i < nodes; i++) {
      checkWeight(weights[i], i);
      whole[i] = Levels.bitsPerProbe(bits[i], vocabulary);
      left -= whole[i];
      distortions[i] = weights[i] * StrictMath.pow(2, -2 * bits[i]);
      if (whole[i] > 0 && whole[i] < most && weights[i] > 0) {
        order[open++] = i;
      }
    }
    if (left < 0) {
      throw new IllegalArgumentException(
          "the split needs " + (total - left) + " bits per probe, more than the total of " + total);
    }
    GainHeap heap = new GainHeap(distortions, order, open);
    for (; left > 0 && !heap.isEmpty(); left--) {
      whole[heap.first()]++;
      heap.remove();
    }
    return whole;
  }

  static void checkWeight(double weight, int node) {
    if (!(weight >= 0 && weight < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "weight of node " + node + " must be in [0, inf) logits², got " + weight);
    }
  }

  private static int check(
      Distortion distortion, double[] weights, double[] silent, int[] floors, int[] caps) {
    int nodes = weights.length;
    WaterFilling.checkSizes(nodes, floors.length, caps.length);
    int least = silent == null ? 1 : 0;
    double steepness = 2 * distortion.ofSymbols(2) - distortion.ofSymbols(4);
    for (int i = 0; i < nodes; i++) {
      checkWeight(weights[i], i);
      if (floors[i] < least || floors[i] > Levels.MAX_BITS) {
        throw new IllegalArgumentException(
            "floor of node "
                + i
                + " must be in ["
                + least
                + ", "
                + Levels.MAX_BITS
                + "] bits, got "
                + floors[i]);
      }
      if (caps[i] < floors[i] || caps[i] > Levels.MAX_BITS) {
        throw new IllegalArgumentException(
            "cap of node "
                + i
                + " must be in ["
                + floors[i]
                + ", "
                + Levels.MAX_BITS
                + "] bits, got "
                + caps[i]);
      }
      if (floors[i] == 0
          && !(silent[i] >= steepness * weights[i] && silent[i] < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "distortion of node "
                + i
                + " at 0 bits must be at least "
                + steepness * weights[i]
                + " logits² for greedy to be optimal, got "
                + silent[i]);
      }
    }
    return nodes;
  }
}
