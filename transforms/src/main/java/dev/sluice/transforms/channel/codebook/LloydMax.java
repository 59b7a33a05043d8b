package dev.sluice.transforms.channel.codebook;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The scalar quantiser of least mean squared error for N(0, 1). Each level is the mean of its cell
 * and each boundary midway between two levels; as the density is log-concave, one set of levels
 * alone does that (Fleischer, 1964). Found by Newton's method from Panter and Dite's companding
 * density, whose levels are the quantiles of N(0, 3). Levels within 1e-11.
 *
 * <p>Lloyd, Least squares quantization in PCM, IEEE Trans. IT 28(2), 1982; Max, Quantizing for
 * minimum distortion, IRE Trans. IT 6(1), 1960; Panter and Dite, Proc. IRE 39(1), 1951.
 */
public final class LloydMax {
  /** The most levels. */
  public static final int MAX_LEVELS = 256;

  /** Newton's method needs seven at most; more would mean an error here. */
  private static final int MAX_STEPS = 50;

  private static final Map<Integer, LloydMax> KEPT = new ConcurrentHashMap<>();

  private final double[] levels;
  private final double mse;

  private LloydMax(double[] levels, double mse) {
    this.levels = levels;
    this.mse = mse;
  }

  /**
   * The quantiser of so many levels; kept once computed.
   *
   * @param levels in [2, 256]
   */
  public static LloydMax gaussian(int levels) {
    if (levels < 2 || levels > MAX_LEVELS) {
      throw new IllegalArgumentException(
          "levels must be in [2, " + MAX_LEVELS + "], got " + levels);
    }
    return KEPT.computeIfAbsent(levels, LloydMax::solve);
  }

  /** Its levels in increasing order, symmetric about 0. */
  public double[] levels() {
    return levels.clone();
  }

  /** Mean squared error. */
  public double mse() {
    return mse;
  }

  private static LloydMax solve(int n) {
    double[] levels = new double[n];
    for (int i = 0; i < n; i++) {
      levels[i] = Math.sqrt(3) * quantile((i + 0.5) / n);
    }
    double[] mass = new double[n];
    double[] upper = new double[n];
    double[] move = new double[n];
    double moved = Double.POSITIVE_INFINITY;
    for (int step = 0; moved > 1e-10; step++) {
      if (step == MAX_STEPS) {
        throw new IllegalStateException("no convergence for " + n + " levels");
      }
      // Solves (I - J) move = mean - level, J the tridiagonal derivative of the means by the
      // levels.
      double a = Double.NEGATIVE_INFINITY;
      double densityA = 0;
      for (int i = 0; i < n; i++) {
        double b = i == n - 1 ? Double.POSITIVE_INFINITY : (levels[i] + levels[i + 1]) / 2;
        double densityB = i == n - 1 ? 0 : Normal.density(b);
        mass[i] = mass(a, b);
        double mean = (densityA - densityB) / mass[i];
        double below = i == 0 ? 0 : -densityA * (mean - a) / mass[i] / 2;
        double above = i == n - 1 ? 0 : -densityB * (b - mean) / mass[i] / 2;
        double diagonal = 1 + below + above;
        double right = mean - levels[i];
        if (i > 0) {
          diagonal -= below * upper[i - 1];
          right -= below * move[i - 1];
        }
        upper[i] = above / diagonal;
        move[i] = right / diagonal;
        a = b;
        densityA = densityB;
      }
      for (int i = n - 2; i >= 0; i--) {
        move[i] -= upper[i] * move[i + 1];
      }
      moved = 0;
      for (int i = 0; i < n; i++) {
        levels[i] += move[i];
        moved = Math.max(moved, Math.abs(move[i]));
      }
      for (int i = 0; i < n / 2; i++) {
        double level = (levels[n - 1 - i] - levels[i]) / 2;
        levels[i] = -level;
        levels[n - 1 - i] = level;
      }
      levels[n / 2] = n % 2 == 1 ? 0 : levels[n / 2];
    }
    // Of levels that are their cells' means: E (X - Q)^2 = 1 - E Q^2.
    double explained = 0;
    for (int i = 0; i < n; i++) {
      explained += mass[i] * levels[i] * levels[i];
    }
    return new LloydMax(levels, 1 - explained);
  }

  /** P(a < X < b), to a relative error of about 1e-13 in the tails too. */
  private static double mass(double a, double b) {
    if (a > 0) {
      return mass(-b, -a);
    }
    return b < -2 ? below(b) - below(a) : Normal.between(a, b);
  }

  /** P(X < x) for x below -2: Laplace's continued fraction for Mills' ratio. */
  private static double below(double x) {
    double ratio = -x;
    for (int i = 80; i > 0; i--) {
      ratio = -x + i / ratio;
    }
    return Normal.density(x) / ratio;
  }

  /** The x that X is below with probability p, roughly. */
  private static double quantile(double p) {
    double low = -5;
    double high = 5;
    while (high - low > 1e-6) {
      double middle = (low + high) / 2;
      if (0.5 + Normal.fromZero(middle) < p) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return (low + high) / 2;
  }
}
