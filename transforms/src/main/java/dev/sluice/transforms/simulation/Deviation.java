package dev.sluice.transforms.simulation;

/**
 * A mean and its standard error, of values taken to be independent.
 *
 * @param standardError sample standard deviation over √n; 0 for one value
 */
record Deviation(double mean, double standardError) {
  /** Of n ≥ 1 values, added in order. */
  static Deviation of(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    double mean = sum / values.length;
    double squares = 0;
    for (double value : values) {
      squares += (value - mean) * (value - mean);
    }
    double n = values.length;
    return new Deviation(mean, n < 2 ? 0 : Math.sqrt(squares / (n - 1) / n));
  }
}
