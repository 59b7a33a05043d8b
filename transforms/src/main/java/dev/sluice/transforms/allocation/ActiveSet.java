package dev.sluice.transforms.allocation;

import java.util.Arrays;

/**
 * Which nodes a round asks at all. A node without bits sends nothing: it is no source of noise, but
 * missing from the mean. THEORY 5.6.
 *
 * <p>For every n in 1..K, the n nodes of least weight are a candidate A, their bits being {@link
 * WaterFilling}'s under a common floor and cap; the one with the least
 *
 * <pre>  τ²/(2n)·(1 − ‖p‖²) + 1/(2n²)·Σ_{i∈A} w_i·4^{−b_i}      nats</pre>
 *
 * is chosen, the largest n among equals. The first term is what a mean of n nodes differs by from
 * the mean of many, τ² being the variance of a logit between nodes; the second bounds what the
 * channel costs ((U), in the model of THEORY 5.1).
 *
 * <p>Under a common floor and cap no other set does better: Σ w_i·4^{−b_i} at its minimum does not
 * decrease when one weight of the set is exchanged for a larger one.
 *
 * <p><b>τ² = 0</b> says that all nodes have the same logits, so that one of them is as good as the
 * mean. Then only the channel's noise speaks for averaging, and it falls by 4 with every bit that
 * one node gains, but by 2 only when nodes are doubled: the choice is one node, or few. It is a
 * statement about the nodes, not a default.
 *
 * <p>This is the choice in the model. For the quantiser as built, whose one bit leaves w and not
 * w/4, {@link PlugInSplit} compares the same sets on {@link Distortion#SHRUNK}.
 *
 * <p>Immutable.
 */
public final class ActiveSet {
  private final int[] nodes;
  private final double[] bits;
  private final double[] costs;

  private ActiveSet(int[] nodes, double[] bits, double[] costs) {
    this.nodes = nodes;
    this.bits = bits;
    this.costs = costs;
  }

  /**
   * Chooses. O(K log K): nodes are sorted by weight, and as n grows the water level only rises, so
   * that one pass over the sorted nodes serves all candidates.
   *
   * @param weights [K], K ≥ 1, logits², finite, ≥ 0; only read
   * @param total sum of bits per coordinate, finite, at least the floor
   * @param floor least bits of an active node, &gt; 0: 1 for quantisers that need two symbols
   * @param cap most bits of a node, in [floor, 64]
   * @param spread τ² ≥ 0, logits², finite
   * @param oneMinusSquaredNorm 1 − ‖p‖², in [0, 1], of a typical teacher row; 1 is the safe choice
   */
  public static ActiveSet choose(
      double[] weights,
      double total,
      double floor,
      double cap,
      double spread,
      double oneMinusSquaredNorm) {
    int all = weights.length;
    if (all < 1) {
      throw new IllegalArgumentException("nodes must be at least 1, got 0");
    }
    for (int i = 0; i < all; i++) {
      WholeBits.checkWeight(weights[i], i);
    }
    if (!(floor > 0 && cap >= floor && cap <= 64)) {
      throw new IllegalArgumentException(
          "floor and cap must have 0 < floor <= cap <= 64 bits, got " + floor + " and " + cap);
    }
    if (!(total >= floor && total < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "total must be in [" + floor + ", inf) bits, the floor of one node, got " + total);
    }
    if (!(spread >= 0 && spread < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("spread must be in [0, inf) logits², got " + spread);
    }
    if (!(oneMinusSquaredNorm >= 0 && oneMinusSquaredNorm <= 1)) {
      throw new IllegalArgumentException("1 - |p|^2 must be in [0, 1], got " + oneMinusSquaredNorm);
    }
    int[] order = byWeight(weights);
    double[] sums = leastDistortions(weights, order, total, floor, cap);
    double[] costs = new double[sums.length];
    int best = 0;
    for (int n = 1; n <= sums.length; n++) {
      double m = n;
      costs[n - 1] = spread / (2 * m) * oneMinusSquaredNorm + sums[n - 1] / (2 * m * m);
      if (costs[n - 1] <= costs[best]) {
        best = n - 1;
      }
    }
    int[] nodes = Arrays.copyOf(order, best + 1);
    Arrays.sort(nodes);
    double[] chosen = new double[nodes.length];
    double[] floors = new double[nodes.length];
    double[] caps = new double[nodes.length];
    for (int j = 0; j < nodes.length; j++) {
      chosen[j] = weights[nodes[j]];
    }
    Arrays.fill(floors, floor);
    Arrays.fill(caps, cap);
    double[] split = WaterFilling.bits(chosen, floors, caps, total);
    double[] bits = new double[all];
    for (int j = 0; j < nodes.length; j++) {
      bits[nodes[j]] = split[j];
    }
    return new ActiveSet(nodes, bits, costs);
  }

  /** Indices by weight, ascending, then by index. */
  static int[] byWeight(double[] weights) {
    Integer[] boxed = new Integer[weights.length];
    Arrays.setAll(boxed, i -> i);
    Arrays.sort(boxed, (a, b) -> Double.compare(weights[a], weights[b]));
    int[] order = new int[weights.length];
    Arrays.setAll(order, i -> boxed[i]);
    return order;
  }

  /**
   * The minimum of Σ w_i·4^{−b_i} over the first n of the order, n = 1, 2, ... as far as the floors
   * fit. Sorted nodes [0, p) are at the floor, [p, q) between, [q, n) at the cap; p, q and the
   * level do not decrease as n grows.
   */
  private static double[] leastDistortions(
      double[] weights, int[] order, double total, double floor, double cap) {
    int all = order.length;
    double atFloor = StrictMath.pow(2, -2 * floor);
    double atCap = StrictMath.pow(2, -2 * cap);
    double[] sorted = new double[all];
    double[] logs = new double[all];
    double[] weightSums = new double[all + 1];
    double[] logSums = new double[all + 1];
    int zeros = 0;
    for (int j = 0; j < all; j++) {
      sorted[j] = weights[order[j]];
      weightSums[j + 1] = weightSums[j] + sorted[j];
      if (sorted[j] == 0) {
        zeros++;
        continue;
      }
      logs[j] = WaterFilling.log2(sorted[j], 0);
      logSums[j + 1] = logSums[j] + logs[j];
    }
    double[] least = new double[all];
    int p = zeros;
    int q = zeros;
    int n = 1;
    for (; n <= all; n++) {
      if (n * floor > total) {
        break;
      }
      if (n <= zeros) {
        continue;
      }
      // Up from the last level, past the breakpoints at which more than the total is still used.
      while (true) {
        double leaves = p < q ? logs[p] - 2 * floor : Double.POSITIVE_INFINITY;
        double enters = q < n ? logs[q] - 2 * cap : Double.POSITIVE_INFINITY;
        double next = Math.min(leaves, enters);
        if (next == Double.POSITIVE_INFINITY) {
          break;
        }
        double used =
            floor * p + cap * (n - q) + 0.5 * ((logSums[q] - logSums[p]) - next * (q - p));
        if (used <= total) {
          break;
        }
        if (enters <= leaves) {
          q++;
        } else {
          p++;
        }
      }
      double sum = weightSums[p] * atFloor + (weightSums[n] - weightSums[q]) * atCap;
      if (q > p) {
        double between = total - floor * p - cap * (n - q);
        double level = ((logSums[q] - logSums[p]) - 2 * between) / (q - p);
        sum += (q - p) * StrictMath.pow(2, level);
      }
      least[n - 1] = sum;
    }
    return Arrays.copyOf(least, n - 1);
  }

  /** The active nodes' indices, ascending; a copy. */
  public int[] nodes() {
    return nodes.clone();
  }

  /** [K] bits per coordinate, 0 for a node that is not active; a copy. */
  public double[] bits() {
    return bits.clone();
  }

  /**
   * The cost of every candidate, nats: [n − 1] of the n nodes of least weight, for every n whose
   * floors fit the total; a copy.
   */
  public double[] costs() {
    return costs.clone();
  }

  /** The cost of the chosen set, nats. */
  public double cost() {
    return costs[nodes.length - 1];
  }
}
