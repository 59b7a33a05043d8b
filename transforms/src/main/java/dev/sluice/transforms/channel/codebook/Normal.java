package dev.sluice.transforms.channel.codebook;

/** The standard normal law, the same bits on every platform. */
final class Normal {
  private static final double DENSITY_AT_0 = 1 / StrictMath.sqrt(2 * StrictMath.PI);

  /** Beyond this the tail is below 1e-18. */
  private static final double END = 8.75;

  private Normal() {}

  /** phi(x). */
  static double density(double x) {
    return DENSITY_AT_0 * StrictMath.exp(-x * x / 2);
  }

  /**
   * P(0 < X < x) for x at least 0, odd in x, within 1e-15: phi(x) (x + x^3/3 + x^5/15 + ...), a sum
   * of terms of one sign. Marsaglia, Evaluating the normal distribution, J. Stat. Software 11(4),
   * 2004.
   */
  static double fromZero(double x) {
    if (Math.abs(x) > END) {
      return x > 0 ? 0.5 : -0.5;
    }
    double sum = x;
    double term = x;
    for (int i = 3; Math.abs(term) > 1e-17 * Math.abs(sum); i += 2) {
      term *= x * x / i;
      sum += term;
    }
    return sum * density(x);
  }

  /** P(a < X < b). */
  static double between(double a, double b) {
    return fromZero(b) - fromZero(a);
  }
}
