package dev.sluice.transforms.comparison;

/**
 * Least squares by a few functions of the place t = 0 .. n−1, taken to [0, 1]. The functions are
 * made orthonormal once (Gram and Schmidt, twice for rounding), so that a fit is a few inner
 * products. Sums run in ascending order.
 */
final class RankPolynomial {
  private final int points;
  private final double[][] functions; // [terms][points]
  private final double[][] basis; // orthonormal, [terms][points]
  private final double[][] upper; // functions[j] = sum of upper[i][j] basis[i], i <= j

  /** A function of t in [0, 1]. */
  enum Term {
    ONE,
    LINEAR,
    SQUARE,
    CUBE,
    FOURTH,
    ROOT;

    double at(double t) {
      return switch (this) {
        case ONE -> 1;
        case LINEAR -> t;
        case SQUARE -> t * t;
        case CUBE -> t * t * t;
        case FOURTH -> t * t * t * t;
        case ROOT -> Math.sqrt(t);
      };
    }
  }

  /**
   * Over some points.
   *
   * @param points n, at least as many as there are terms
   * @param terms linearly independent on the points
   */
  RankPolynomial(int points, Term... terms) {
    this.points = points;
    this.functions = new double[terms.length][points];
    this.basis = new double[terms.length][];
    this.upper = new double[terms.length][terms.length];
    for (int j = 0; j < terms.length; j++) {
      for (int t = 0; t < points; t++) {
        functions[j][t] = terms[j].at((double) t / Math.max(1, points - 1));
      }
      basis[j] = functions[j].clone();
      for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < j; i++) {
          double along = dot(basis[i], basis[j], 0);
          upper[i][j] += along;
          for (int t = 0; t < points; t++) {
            basis[j][t] -= along * basis[i][t];
          }
        }
      }
      upper[j][j] = Math.sqrt(dot(basis[j], basis[j], 0));
      for (int t = 0; t < points; t++) {
        basis[j][t] /= upper[j][j];
      }
    }
  }

  private double dot(double[] a, double[] b, int from) {
    double sum = 0;
    for (int t = 0; t < points; t++) {
      sum += a[t] * b[from + t];
    }
    return sum;
  }

  /**
   * Fits.
   *
   * @param values n values from {@code from} on
   * @param coefficients receives one for each term
   */
  void fit(double[] values, int from, double[] coefficients) {
    for (int i = 0; i < basis.length; i++) {
      coefficients[i] = dot(basis[i], values, from);
    }
    for (int i = basis.length - 1; i >= 0; i--) {
      for (int j = i + 1; j < basis.length; j++) {
        coefficients[i] -= upper[i][j] * coefficients[j];
      }
      coefficients[i] /= upper[i][i];
    }
  }

  /** The fitted function at a place. */
  double at(int t, double[] coefficients) {
    double sum = 0;
    for (int j = 0; j < functions.length; j++) {
      sum += coefficients[j] * functions[j][t];
    }
    return sum;
  }
}
