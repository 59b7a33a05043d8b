package dev.sluice.transforms.conformal;

import java.util.Arrays;
import java.util.List;

/**
 * The calibration rule that reproduces the published coverage, which falls short of 1-alpha at few
 * bits: for comparison only. THEORY 8.3, recovered from the published numbers.
 *
 * <p>A node sends the M = 2^B quantiles at levels j/(M+1), linear between order statistics; the hub
 * takes the value of rank {@code ceil((N+1)·(1-alpha)) + 1}, at most N, among all N = K·M. Values
 * are not quantised, so B is no number of bits on a wire.
 */
public final class PaperSummary {
  private PaperSummary() {}

  /**
   * A node's M values, ascending.
   *
   * @param scores at least one, none NaN; not changed
   * @param bits B, in [0, 20]
   */
  public static double[] of(double[] scores, int bits) {
    if (bits < 0 || bits > 20) {
      throw new IllegalArgumentException("bits must be in [0, 20], got " + bits);
    }
    if (scores.length < 1) {
      throw new IllegalArgumentException("a node must have at least 1 score, got none");
    }
    double[] sorted = scores.clone();
    Arrays.sort(sorted);
    ConformalRank.checkNumbers(sorted);
    double[] values = new double[1 << bits];
    int cells = values.length + 1;
    for (int j = 1; j < cells; j++) {
      long position = (long) j * (sorted.length - 1); // in units of 1/cells
      int below = (int) (position / cells);
      double share = (double) (position % cells) / cells;
      double low = sorted[below];
      values[j - 1] = share == 0 ? low : low + share * (sorted[below + 1] - low);
    }
    return values;
  }

  /** The hub's threshold. */
  public static double threshold(Alpha alpha, List<double[]> nodes) {
    double[] pooled = nodes.stream().flatMapToDouble(Arrays::stream).sorted().toArray();
    if (pooled.length == 0) {
      return Double.POSITIVE_INFINITY;
    }
    long rank = ConformalRank.of(alpha, pooled.length) + 1;
    return pooled[(int) Math.min(rank, pooled.length) - 1];
  }
}
