package dev.sluice.transforms.theory;

import java.util.Objects;

/**
 * Softmax of a row of logits: its normaliser, its divergence from another, its concentration.
 * THEORY 3.1.
 *
 * <p>Rows are ranges of caller-owned arrays and are only read. Logits and results are in nats. An
 * entry of -inf has mass zero. A row that is empty, holds a NaN or +inf, or has only -inf, has no
 * softmax: the result is NaN. Sums run in ascending order and exp is StrictMath's, so a result is
 * the same on every JVM. Nothing is allocated.
 */
public final class Softmax {
  /**
   * Above this exponent a probability ratio is handled as a logarithm; e^500 is far from overflow.
   */
  private static final double LARGE_EXPONENT = 500;

  /** Relative error of {@link #quickExp}, with room for rounding. */
  static final double QUICK_EXP_ERROR = 1e-9;

  private static final double LOG2_E = 1.4426950408889634; // 1/ln 2 to float64
  private static final double LN_2 = 0.6931471805599453; // to float64: 700·2^-53 is no error here
  private static final double ROUND = 0x1.8p52; // added to a number, rounds it to an integer

  private Softmax() {}

  /** log Σ e^{row[v]}; relative error of the sum below (length + 2)·2^-52. */
  public static double logSumExp(double[] row, int from, int to) {
    Objects.checkFromToIndex(from, to, row.length);
    return logSumExp(row, null, from, to - from);
  }

  /** As {@link #logSumExp(double[], int, int)}. */
  public static double logSumExp(float[] row, int from, int to) {
    Objects.checkFromToIndex(from, to, row.length);
    return logSumExp(null, row, from, to - from);
  }

  /**
   * 1 − ‖p‖², the trace of diag(p) − ppᵀ, for p = softmax(row); within [0, 1 − 1/length]. With e_v
   * = exp(row[v] − max) and R, Q the sums of e and e² over all entries but one largest, it is (2R +
   * R² − Q)/(1 + R)²: nothing cancels, so it is accurate to some ulps when p is almost one-hot too.
   */
  public static double oneMinusSquaredNorm(double[] row, int from, int to) {
    Objects.checkFromToIndex(from, to, row.length);
    return oneMinusSquaredNorm(row, null, from, to - from);
  }

  /** As {@link #oneMinusSquaredNorm(double[], int, int)}. */
  public static double oneMinusSquaredNorm(float[] row, int from, int to) {
    Objects.checkFromToIndex(from, to, row.length);
    return oneMinusSquaredNorm(null, row, from, to - from);
  }

  /**
   * KL(p‖q) for p = softmax(a[aFrom ..]) and q = softmax(b[bFrom ..]), {@code length} entries each.
   *
   * <p>With η = b − a, any c, and δ = η − c, identity (I1) reads KL = log E_p e^δ − E_p δ. For c =
   * pᵀη the last term is zero and KL = log(1 + E_p φ(δ)), φ(δ) = e^δ − 1 − δ ≥ 0: a sum of positive
   * terms, where log Z(b) − log Z(a) − pᵀη would lose all digits at KL ~ 1e-16·|logit|. The
   * rounding of c enters in second order. Relative error about (length + 10)·2^-52 for exact η; a
   * KL of 1e-9 is as accurate as one of 1.
   *
   * @return at least 0; +inf where b is -inf and a is not
   */
  public static double kl(double[] a, int aFrom, double[] b, int bFrom, int length) {
    Objects.checkFromIndexSize(aFrom, length, a.length);
    Objects.checkFromIndexSize(bFrom, length, b.length);
    return kl(a, null, aFrom, b, null, bFrom, length);
  }

  /** As {@link #kl(double[], int, double[], int, int)}. */
  public static double kl(double[] a, int aFrom, float[] b, int bFrom, int length) {
    Objects.checkFromIndexSize(aFrom, length, a.length);
    Objects.checkFromIndexSize(bFrom, length, b.length);
    return kl(a, null, aFrom, null, b, bFrom, length);
  }

  /** As {@link #kl(double[], int, double[], int, int)}. */
  public static double kl(float[] a, int aFrom, double[] b, int bFrom, int length) {
    Objects.checkFromIndexSize(aFrom, length, a.length);
    Objects.checkFromIndexSize(bFrom, length, b.length);
    return kl(null, a, aFrom, b, null, bFrom, length);
  }

  /** As {@link #kl(double[], int, double[], int, int)}. */
  public static double kl(float[] a, int aFrom, float[] b, int bFrom, int length) {
    Objects.checkFromIndexSize(aFrom, length, a.length);
    Objects.checkFromIndexSize(bFrom, length, b.length);
    return kl(null, a, aFrom, null, b, bFrom, length);
  }

  /**
   * softmax(row), each probability within 3e-9 of itself, by {@link #quickExp}.
   *
   * @param row finite
   * @param probabilities receives {@code to - from}; may be the row where from is 0
   * @return log Σ e^{row[v]} to 3e-9, nats
   */
  public static double probabilities(double[] row, int from, int to, double[] probabilities) {
    Objects.checkFromToIndex(from, to, row.length);
    int length = to - from;
    double max = Double.NEGATIVE_INFINITY;
    for (int i = from; i < to; i++) {
      max = row[i] > max ? row[i] : max;
    }
    for (int v = 0; v < length; v++) {
      probabilities[v] = quickExp(row[from + v] - max);
    }
    double sum = 0;
    for (int v = 0; v < length; v++) {
      sum += probabilities[v];
    }
    double scale = 1 / sum;
    for (int v = 0; v < length; v++) {
      probabilities[v] *= scale;
    }
    return max + StrictMath.log(sum);
  }

  /** Entry i of the one of the two that is there. */
  private static double at(double[] wide, float[] narrow, int i) {
    return wide != null ? wide[i] : narrow[i];
  }

  /**
   * e^x for x ≤ 0 within {@link #QUICK_EXP_ERROR} of itself, 0 below −700; the same bits on every
   * machine, at a fifth of the price of StrictMath. x = k·ln 2 + r with |r| ≤ ln 2/2, and e^r by
   * its Taylor series to r^8: the remainder is below (ln 2/2)^9/9!·1.05 = 2.1e-10.
   */
  static double quickExp(double x) {
    if (!(x >= -700)) {
      return x < -700 ? 0 : Double.NaN;
    }
    double shifted = x * LOG2_E + ROUND;
    double r = x - (shifted - ROUND) * LN_2;
    double series = 1.0 / 40320;
    series = series * r + 1.0 / 5040;
    series = series * r + 1.0 / 720;
    series = series * r + 1.0 / 120;
    series = series * r + 1.0 / 24;
    series = series * r + 1.0 / 6;
    series = series * r + 0.5;
    series = series * r + 1;
    series = series * r + 1;
    // The low bits of shifted are k; 2^k is an exponent field of k + 1023.
    return series * Double.longBitsToDouble((Double.doubleToRawLongBits(shifted) + 1023) << 52);
  }

  /**
   * {@code out[v] = quickExp(row[from + v] - max)} for v below length; max is the row's largest.
   */
  static void quickExps(float[] row, int from, int length, double max, double[] out) {
    // Widening in a loop of its own: on x86 it waits for what its register held before, which here
    // is nothing slow.
    for (int v = 0; v < length; v++) {
      out[v] = row[from + v] - max;
    }
    for (int v = 0; v < length; v++) {
      out[v] = quickExp(out[v]);
    }
  }

  /** Index of the first largest entry, or -1 where there is no softmax. */
  static int argMax(double[] wide, float[] narrow, int from, int length) {
    int largest = -1;
    double max = Double.NEGATIVE_INFINITY;
    for (int i = from; i < from + length; i++) {
      double x = at(wide, narrow, i);
      if (Double.isNaN(x)) {
        return -1;
      }
      if (x > max) {
        max = x;
        largest = i;
      }
    }
    return max < Double.POSITIVE_INFINITY ? largest : -1;
  }

  private static double logSumExp(double[] wide, float[] narrow, int from, int length) {
    int largest = argMax(wide, narrow, from, length);
    if (largest < 0) {
      return Double.NaN;
    }
    double max = at(wide, narrow, largest);
    double rest = 0;
    for (int i = from; i < from + length; i++) {
      if (i != largest) {
        rest += StrictMath.exp(at(wide, narrow, i) - max);
      }
    }
    return max + StrictMath.log1p(rest);
  }

  private static double oneMinusSquaredNorm(double[] wide, float[] narrow, int from, int length) {
    int largest = argMax(wide, narrow, from, length);
    if (largest < 0) {
      return Double.NaN;
    }
    double max = at(wide, narrow, largest);
    double rest = 0;
    double squares = 0;
    for (int i = from; i < from + length; i++) {
      if (i != largest) {
        double e = StrictMath.exp(at(wide, narrow, i) - max);
        rest += e;
        squares += e * e;
      }
    }
    double sum = 1 + rest;
    return (2 * rest + (rest * rest - squares)) / (sum * sum);
  }

  private static double kl(
      double[] aWide,
      float[] aNarrow,
      int aFrom,
      double[] bWide,
      float[] bNarrow,
      int bFrom,
      int length) {
    double logZ = logSumExp(aWide, aNarrow, aFrom, length);
    if (Double.isNaN(logZ) || argMax(bWide, bNarrow, bFrom, length) < 0) {
      return Double.NaN;
    }
    double mean = 0;
    for (int v = 0; v < length; v++) {
      double a = at(aWide, aNarrow, aFrom + v);
      double b = at(bWide, bNarrow, bFrom + v);
      if (a > Double.NEGATIVE_INFINITY) {
        if (b == Double.NEGATIVE_INFINITY) {
          return Double.POSITIVE_INFINITY;
        }
        mean += StrictMath.exp(a - logZ) * (b - a);
      }
    }
    double sum = 0;
    for (int v = 0; v < length; v++) {
      double a = at(aWide, aNarrow, aFrom + v);
      double b = at(bWide, bNarrow, bFrom + v);
      double logP = a - logZ;
      // log(p·e^δ), finite where p is 0 or underflows and e^δ makes up for it.
      double logTilted = (b - logZ) - mean;
      if (logTilted > LARGE_EXPONENT) {
        return logSumExp(bWide, bNarrow, bFrom, length) - logZ - mean;
      }
      double delta = (b - a) - mean;
      if (a == Double.NEGATIVE_INFINITY) {
        sum += StrictMath.exp(logTilted);
      } else if (delta <= 1) {
        sum += StrictMath.exp(logP) * expm1MinusArgument(delta);
      } else {
        sum += StrictMath.exp(logTilted) - StrictMath.exp(logP) * (1 + delta);
      }
    }
    return StrictMath.log1p(sum);
  }

  /**
   * φ(x) = e^x − 1 − x ≥ 0 for x below 709, relative error below 2^-49. Up to |x| = 1/2 it is
   * x²/2·Σ 2·x^j/(j + 2)!, j ≤ 14, whose first neglected term is below 2^-60.
   */
  static double expm1MinusArgument(double x) {
    if (Math.abs(x) > 0.5) {
      return StrictMath.expm1(x) - x;
    }
    double series = 1;
    for (int j = 16; j >= 3; j--) {
      series = 1 + series * x / j;
    }
    return 0.5 * x * x * series;
  }
}
