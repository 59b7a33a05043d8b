package dev.sluice.transforms.channel.codebook;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The scalar quantiser of least mean squared error for one coordinate of a uniformly random unit
 * vector of d dimensions, times sqrt(d): density proportional to {@code (1 - x^2/d)^((d-3)/2)} on
 * [-sqrt(d), sqrt(d)], variance 1, near to N(0, 1) for large d.
 *
 * <p>Each level is the mean of its cell and each boundary midway between two levels. These
 * conditions are solved by Newton's method, whose Jacobian is tridiagonal, a step that would put
 * levels out of order being one of Lloyd's instead. For d at least 3 the density is log-concave and
 * the solution the only one (Fleischer, 1964). Levels within 1e-10.
 *
 * <p>Lloyd, Least squares quantization in PCM, IEEE Trans. IT 28(2), 1982; Max, 1960; the density
 * as in Zandieh, Daliri, Hadian and Mirrokni, TurboQuant, arXiv 2504.19874.
 */
public final class SphereLloydMax {
  /** The most levels. */
  public static final int MAX_LEVELS = 256;

  private static final int MAX_STEPS = 20_000;

  private static final Map<Long, SphereLloydMax> CACHE = new ConcurrentHashMap<>();

  private final double[] levels;
  private final double mse;

  private SphereLloydMax(double[] levels, double mse) {
    this.levels = levels;
    this.mse = mse;
  }

  /**
   * The quantiser of so many levels in d dimensions; kept once computed.
   *
   * @param levels in [2, 256]
   * @param dimension d, at least 1
   */
  public static SphereLloydMax of(int levels, int dimension) {
    if (levels < 2 || levels > MAX_LEVELS) {
      throw new IllegalArgumentException(
          "levels must be in [2, " + MAX_LEVELS + "], got " + levels);
    }
    if (dimension < 1) {
      throw new IllegalArgumentException("dimension must be at least 1, got " + dimension);
    }
    return CACHE.computeIfAbsent((long) dimension << 16 | levels, key -> solve(levels, dimension));
  }

  /** Its levels in increasing order, symmetric about 0. */
  public double[] levels() {
    return levels.clone();
  }

  /** Mean squared error, the coordinate's variance being 1. */
  public double mse() {
    return mse;
  }

  private static SphereLloydMax solve(int n, int dimension) {
    double[] levels = new double[n];
    if (dimension == 1) {
      // The coordinate is -1 or 1.
      for (int i = 0; i < n; i++) {
        levels[i] = (2.0 * i - (n - 1)) / (n - 1);
      }
      return new SphereLloydMax(levels, 0);
    }
    Marginal law = new Marginal(dimension);
    // About where the outermost levels are: the spacing of the others evens out fast.
    double reach = Math.min(law.end, 0.8 + 0.7 * StrictMath.log(n));
    for (int i = 0; i < n; i++) {
      levels[i] = reach * (2.0 * i + 1 - n) / n;
    }
    Cells cells = new Cells(n);
    for (int step = 0; step < MAX_STEPS; step++) {
      cells.of(law, levels);
      double[] next = cells.newton(levels);
      if (step < 8 || !ordered(next, law.end)) {
        next = cells.mean.clone();
      }
      double moved = 0;
      for (int i = 0; i < n; i++) {
        double symmetric = (next[i] - next[n - 1 - i]) / 2;
        moved = Math.max(moved, Math.abs(symmetric - levels[i]));
        cells.next[i] = symmetric;
      }
      System.arraycopy(cells.next, 0, levels, 0, n);
      if (moved < 1e-12) {
        break;
      }
    }
    cells.of(law, levels);
    double explained = 0;
    for (int i = 0; i < n; i++) {
      explained += cells.mass[i] * levels[i] * (2 * cells.mean[i] - levels[i]);
    }
    return new SphereLloydMax(levels, 1 - explained);
  }

  private static boolean ordered(double[] levels, double end) {
    boolean ordered = levels[0] > -end && levels[levels.length - 1] < end;
    for (int i = 1; i < levels.length; i++) {
      ordered &= levels[i] > levels[i - 1];
    }
    return ordered;
  }

  /** What Lloyd's conditions need of each cell. */
  private static final class Cells {
    final double[] mass;
    final double[] mean;
    final double[] next;

    /** Of cell i: d mean / d lower end, and d mean / d upper end. */
    private final double[] byLower;

    private final double[] byUpper;

    Cells(int n) {
      mass = new double[n];
      mean = new double[n];
      next = new double[n];
      byLower = new double[n];
      byUpper = new double[n];
    }

    void of(Marginal law, double[] levels) {
      int n = levels.length;
      double a = -law.end;
      for (int i = 0; i < n; i++) {
        double b = i == n - 1 ? law.end : (levels[i] + levels[i + 1]) / 2;
        mass[i] = law.mass(a, b);
        mean[i] = (law.partialMean(b) - law.partialMean(a)) / mass[i];
        byLower[i] = i == 0 ? 0 : law.density(a) * (mean[i] - a) / mass[i];
        byUpper[i] = i == n - 1 ? 0 : law.density(b) * (b - mean[i]) / mass[i];
        a = b;
      }
    }

    /** Solves (I - J) move = mean - level, J the derivative of the means by the levels. */
    double[] newton(double[] levels) {
      int n = levels.length;
      double[] upper = new double[n];
      double[] move = new double[n];
      for (int i = 0; i < n; i++) {
        double below = -byLower[i] / 2;
        double above = -byUpper[i] / 2;
        double diagonal = 1 + below + above;
        double right = mean[i] - levels[i];
        if (i > 0) {
          diagonal -= below * upper[i - 1];
          right -= below * move[i - 1];
        }
        upper[i] = above / diagonal;
        move[i] = right / diagonal;
      }
      for (int i = n - 2; i >= 0; i--) {
        move[i] -= upper[i] * move[i + 1];
      }
      for (int i = 0; i < n; i++) {
        move[i] += levels[i];
      }
      return move;
    }
  }

  /** The law of the coordinate, d at least 2. */
  private static final class Marginal {
    /** Panels of an integral are at most this wide, in standard deviations. */
    private static final double PANEL = 0.125;

    /** Nodes and weights of Gauss and Legendre's rule of five points. */
    private static final double[] NODES = new double[5];

    private static final double[] WEIGHTS = new double[5];

    static {
      double root = 2 * StrictMath.sqrt(10.0 / 7);
      double near = StrictMath.sqrt(5 - root) / 3;
      double far = StrictMath.sqrt(5 + root) / 3;
      double nearWeight = (322 + 13 * StrictMath.sqrt(70)) / 900;
      double farWeight = (322 - 13 * StrictMath.sqrt(70)) / 900;
      double[] nodes = {-far, -near, 0, near, far};
      double[] weights = {farWeight, nearWeight, 128.0 / 225, nearWeight, farWeight};
      System.arraycopy(nodes, 0, NODES, 0, 5);
      System.arraycopy(weights, 0, WEIGHTS, 0, 5);
    }

    /** The end of the support, or where less than 1e-30 lies beyond. */
    final double end;

    private final int dimension;
    private final double root;
    private final double constant;

    Marginal(int dimension) {
      this.dimension = dimension;
      this.root = StrictMath.sqrt(dimension);
      this.end = Math.min(root, 12);
      this.constant = 1 / integral(-end, end);
    }

    double density(double x) {
      return constant * power(x * x / dimension, (dimension - 3) / 2.0);
    }

    /** An antiderivative of x times the density. */
    double partialMean(double x) {
      double scale = constant * dimension / (dimension - 1.0);
      return -scale * power(x * x / dimension, (dimension - 1) / 2.0);
    }

    double mass(double a, double b) {
      return constant * integral(a, b);
    }

    /** By x = sqrt(d) sin t, which leaves sqrt(d) cos^(d-2) t: smooth at the ends for every d. */
    private double integral(double a, double b) {
      double from = StrictMath.asin(Math.max(-1, a / root));
      double to = StrictMath.asin(Math.min(1, b / root));
      int panels = 1 + (int) ((to - from) * root / PANEL);
      double half = (to - from) / panels / 2;
      double sum = 0;
      for (int panel = 0; panel < panels; panel++) {
        double middle = from + (2 * panel + 1) * half;
        for (int i = 0; i < NODES.length; i++) {
          double sine = StrictMath.sin(middle + half * NODES[i]);
          sum += WEIGHTS[i] * power(sine * sine, (dimension - 2) / 2.0);
        }
      }
      return sum * half * root;
    }

    /** (1 - y)^exponent. */
    private static double power(double y, double exponent) {
      return StrictMath.exp(exponent * StrictMath.log1p(-Math.min(y, 1)));
    }
  }
}
