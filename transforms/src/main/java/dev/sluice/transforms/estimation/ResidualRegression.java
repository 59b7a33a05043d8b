package dev.sluice.transforms.estimation;

import java.util.Arrays;

/**
 * A node's residuals as a linear function of its probes' features: ridge regression, a row of
 * residuals at a time, V coordinates by F features in memory.
 */
final class ResidualRegression {
  /** In units of a feature's mean square: about so many probes are worth the prior. */
  private static final double RIDGE = 10;

  private final int vocabulary;
  private final double[][] gram; // F × F
  private final double[][] weights; // F × V; sums until solved
  private long rows;

  ResidualRegression(int features, int vocabulary) {
    this.vocabulary = vocabulary;
    this.gram = new double[features][features];
    this.weights = new double[features][vocabulary];
    for (int f = 0; f < features; f++) {
      gram[f][f] = RIDGE;
    }
  }

  /** Whether there are probes enough to learn from. */
  static boolean canLearn(long probes, int features) {
    return probes >= 4L * features;
  }

  /** Adds a row of residuals. */
  void add(double[] features, double[] residuals, int from) {
    rows++;
    for (int f = 0; f < features.length; f++) {
      for (int g = 0; g < features.length; g++) {
        gram[f][g] += features[f] * features[g];
      }
      double feature = features[f];
      double[] sums = weights[f];
      for (int v = 0; v < vocabulary; v++) {
        sums[v] += feature * residuals[from + v];
      }
    }
  }

  /** Solves the normal equations in place, by Cholesky's factors. */
  void solve() {
    int n = gram.length;
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = gram[i][j];
        for (int k = 0; k < j; k++) {
          sum -= gram[i][k] * gram[j][k];
        }
        gram[i][j] = i == j ? Math.sqrt(sum) : sum / gram[j][j];
      }
    }
    for (int i = 0; i < n; i++) { // forwards
      for (int k = 0; k < i; k++) {
        subtract(weights[i], weights[k], gram[i][k]);
      }
      divide(weights[i], gram[i][i]);
    }
    for (int i = n - 1; i >= 0; i--) { // and back
      for (int k = i + 1; k < n; k++) {
        subtract(weights[i], weights[k], gram[k][i]);
      }
      divide(weights[i], gram[i][i]);
    }
  }

  private static void subtract(double[] from, double[] row, double factor) {
    for (int v = 0; v < from.length; v++) {
      from[v] -= factor * row[v];
    }
  }

  private static void divide(double[] row, double by) {
    for (int v = 0; v < row.length; v++) {
      row[v] /= by;
    }
  }

  /**
   * What the features predict; after {@link #solve}.
   *
   * @param into V from {@code at} on
   */
  void predict(double[] features, double[] into, int at) {
    Arrays.fill(into, at, at + vocabulary, 0);
    for (int f = 0; f < features.length; f++) {
      double feature = features[f];
      double[] own = weights[f];
      for (int v = 0; v < vocabulary; v++) {
        into[at + v] += feature * own[v];
      }
    }
  }

  /** By how much squared residuals fall short of those of probes that were not learnt from. */
  double shortfall() {
    return (double) rows / (rows - gram.length);
  }
}
