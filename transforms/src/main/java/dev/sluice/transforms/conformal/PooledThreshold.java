package dev.sluice.transforms.conformal;

import java.util.Arrays;
import java.util.List;

/**
 * The hub's threshold from nodes' summaries, never below the one of the pooled scores: coverage is
 * at least 1-alpha whatever the bits. THEORY 7.6.
 *
 * <pre>
 * certified(t) = sum over nodes of max{R_j : value_j <= t}, at most the scores <= t
 * threshold    = smallest reported value with certified(t) >= k, k of n = sum n_i; else +infinity
 * </pre>
 *
 * <p>Proof: R_j scores of the node are at most value_j, so at least certified(t) pooled scores are
 * at most t, and k of them at the threshold.
 *
 * <p>Immutable.
 */
public final class PooledThreshold {
  private final long scores;
  private final boolean silent;
  private final double[] values; // finite, ascending
  private final long[] certified; // at each value

  private PooledThreshold(long scores, boolean silent, double[] values, long[] certified) {
    this.scores = scores;
    this.silent = silent;
    this.values = values;
    this.certified = certified;
  }

  private record Step(double value, int ranks) {}

  /**
   * The thresholds of all nodes that hold calibration scores, each node once; the order does not
   * matter. A node left out is as one that has no scores: its scores must then be no part of what
   * is to be exchangeable.
   */
  public static PooledThreshold of(List<CalibrationSummary> nodes) {
    long scores = 0;
    boolean silent = false;
    int points = 0;
    for (CalibrationSummary node : nodes) {
      silent |= node.plan().isSilent();
      scores += node.scores();
      points += node.points();
    }
    Step[] steps = new Step[points];
    int used = 0;
    for (CalibrationSummary node : nodes) {
      for (int j = 0; j < node.points() && node.value(j) < Double.POSITIVE_INFINITY; j++) {
        steps[used++] = new Step(node.value(j), node.rank(j) - (j == 0 ? 0 : node.rank(j - 1)));
      }
    }
    Arrays.sort(steps, 0, used, (a, b) -> Double.compare(a.value, b.value));
    double[] values = new double[used];
    long[] certified = new long[used];
    long count = 0;
    for (int s = 0; s < used; s++) {
      count += steps[s].ranks;
      values[s] = steps[s].value;
      certified[s] = count;
    }
    return new PooledThreshold(scores, silent, values, certified);
  }

  /**
   * The threshold at an alpha, in nats, or +infinity. Any alpha may be asked; the plan's windows
   * are about its own.
   */
  public double at(Alpha alpha) {
    if (silent) {
      return Double.POSITIVE_INFINITY;
    }
    long k = ConformalRank.of(alpha, scores);
    for (int s = 0; s < values.length; s++) {
      if (certified[s] >= k) {
        return values[s];
      }
    }
    return Double.POSITIVE_INFINITY;
  }

  /** How many pooled scores are known to be at most t. */
  public long certified(double t) {
    long count = 0;
    for (int s = 0; s < values.length && values[s] <= t; s++) {
      count = certified[s];
    }
    return count;
  }

  /** n, the pooled scores; not known and too small if a node is silent. */
  public long scores() {
    return scores;
  }
}
