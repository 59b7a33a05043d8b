package dev.sluice.transforms.conformal;

import java.util.Arrays;

/**
 * Mean scores of a query's candidates over the nodes that scored them. THEORY 7.2.
 *
 * <p>Sums are of whole units of 2^-30 nats, so they are exact and have one value whatever the order
 * and grouping of nodes; the mean is {@code sum/K_y} in float64, and +infinity where K_y is 0.
 * Rounding is monotone: means in units below 2^53 compare as the exact ones or become equal.
 *
 * <p>Means over different nodes are not comparable on their face; K_y is beside them, and
 * calibration with the same budgets is what makes a threshold hold (THEORY 9.15).
 */
public final class SwarmScore {
  private final long[] sums;
  private final int[] nodes;

  /**
   * No node yet.
   *
   * @param listSize Y, at least 1
   */
  public SwarmScore(int listSize) {
    if (listSize < 1 || listSize > ScoreBudget.MAX_LIST) {
      throw new IllegalArgumentException(
          "a candidate list must have 1 to " + ScoreBudget.MAX_LIST + ", got " + listSize);
    }
    sums = new long[listSize];
    nodes = new int[listSize];
  }

  /** Adds one node's scores, each node once. */
  public void add(ScoreQuantizer.Scored scored) {
    int[] candidates = scored.candidates();
    for (int j = 0; j < candidates.length; j++) {
      sums[candidates[j]] = Math.addExact(sums[candidates[j]], scored.units()[j]);
      nodes[candidates[j]]++;
    }
  }

  /** Adds what another has added, of other nodes. The other is not changed. */
  public void add(SwarmScore other) {
    if (other.sums.length != sums.length) {
      throw new IllegalArgumentException(
          "a list of " + other.sums.length + " candidates, expected " + sums.length);
    }
    for (int y = 0; y < sums.length; y++) {
      sums[y] = Math.addExact(sums[y], other.sums[y]);
      nodes[y] += other.nodes[y];
    }
  }

  /** Y. */
  public int listSize() {
    return sums.length;
  }

  /** K_y, the nodes that scored a candidate. */
  public int nodes(int candidate) {
    return nodes[candidate];
  }

  /** The sum in units of 2^-30 nats. */
  public long sum(int candidate) {
    return sums[candidate];
  }

  /** The mean in nats, or +infinity. */
  public double score(int candidate) {
    return mean(sums[candidate], nodes[candidate]);
  }

  /**
   * The mean in nats, or +infinity.
   *
   * @param sum in units of 2^-30 nats
   * @param nodes in the sum
   */
  public static double mean(long sum, int nodes) {
    return nodes == 0 ? Double.POSITIVE_INFINITY : (double) sum / nodes * 0x1p-30;
  }

  /** All means, in nats. */
  public double[] scores() {
    double[] scores = new double[sums.length];
    Arrays.setAll(scores, this::score);
    return scores;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SwarmScore that
        && Arrays.equals(sums, that.sums)
        && Arrays.equals(nodes, that.nodes);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(sums) + Arrays.hashCode(nodes);
  }
}
