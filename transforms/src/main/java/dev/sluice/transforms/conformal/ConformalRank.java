package dev.sluice.transforms.conformal;

import java.util.Arrays;

/**
 * The rank of split conformal prediction, {@code k = n+1 - floor(alpha·(n+1)) =
 * ceil((1-alpha)·(n+1))}, in integers. THEORY 7.5.
 *
 * <p>The threshold is the k-th smallest of n calibration scores, ties counted as often as they
 * occur, and +infinity where k is n+1. Of exchangeable scores it covers {@code k/(n+1)} without
 * ties, at least 1-alpha always.
 */
public final class ConformalRank {
  private ConformalRank() {}

  /**
   * k, in {@code [1, n+1]}; above n there is no bound.
   *
   * @param n number of calibration scores, in [0, 2^62]
   */
  public static long of(Alpha alpha, long n) {
    if (n < 0 || n > 1L << 62) {
      throw new IllegalArgumentException("n must be in [0, 2^62], got " + n);
    }
    return n + 1 - alpha.floorTimes(n + 1);
  }

  /** Whether n scores bound a set: k is at most n. */
  public static boolean isFinite(Alpha alpha, long n) {
    return of(alpha, n) <= n;
  }

  /** The smallest n with a finite threshold, {@code ceil(1/alpha) - 1}. */
  public static long smallestFinite(Alpha alpha) {
    return (alpha.denominator() - 1) / alpha.numerator();
  }

  /** k/(n+1), the coverage of exchangeable scores without ties; 1 where k is n+1. */
  public static double coverage(Alpha alpha, long n) {
    return (double) of(alpha, n) / (n + 1);
  }

  /**
   * The k-th smallest score, or +infinity.
   *
   * @param scores not NaN, +infinity allowed; not changed
   */
  public static double threshold(Alpha alpha, double[] scores) {
    double[] sorted = scores.clone();
    Arrays.sort(sorted);
    checkNumbers(sorted);
    long k = of(alpha, sorted.length);
    return k > sorted.length ? Double.POSITIVE_INFINITY : sorted[(int) k - 1];
  }

  /** Sorting puts NaN last. */
  static void checkNumbers(double[] sorted) {
    if (sorted.length > 0 && Double.isNaN(sorted[sorted.length - 1])) {
      throw new IllegalArgumentException("calibration scores must be numbers, got NaN");
    }
  }
}
