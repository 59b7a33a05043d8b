package dev.sluice.transforms.channel.codebook;

/**
 * The uniform quantiser of least mean squared error for N(0, 1): {@code levels} points a step
 * apart, symmetric about 0 (with a point at 0 if their number is odd), each for what is nearest to
 * it, the outermost two for all beyond.
 *
 * <p>Max, Quantizing for minimum distortion, IRE Trans. IT 6, 1960.
 */
public final class OptimalUniform {
  private static final int MAX_LEVELS = 1 << 16;

  private OptimalUniform() {}

  /**
   * The step, within 1e-13.
   *
   * @param levels in [2, 65536]
   */
  public static double step(int levels) {
    if (levels < 2 || levels > MAX_LEVELS) {
      throw new IllegalArgumentException(
          "levels must be in [2, " + MAX_LEVELS + "], got " + levels);
    }
    double low = 0;
    double high = 4;
    while (high - low > 1e-13) {
      double middle = (low + high) / 2;
      if (slope(levels, middle) < 0) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return (low + high) / 2;
  }

  /** Mean squared error at a step. */
  public static double mse(int levels, double step) {
    double[] moments = moments(levels, step);
    return 1 - 2 * step * moments[0] + step * step * moments[1];
  }

  /** Half the derivative of the mean squared error: -E xu + step E u^2, point u*step for x. */
  private static double slope(int levels, double step) {
    double[] moments = moments(levels, step);
    return step * moments[1] - moments[0];
  }

  /** E xu and E u^2. */
  private static double[] moments(int levels, double step) {
    double xu = 0;
    double uu = 0;
    double point = (levels & 1) == 0 ? 0.5 : 0;
    int right = (levels + 1) / 2;
    for (int i = 0; i < right; i++, point++) {
      double a = Math.max(0, (point - 0.5) * step);
      boolean last = i == right - 1;
      double b = (point + 0.5) * step;
      xu += point * (Normal.density(a) - (last ? 0 : Normal.density(b)));
      uu += point * point * ((last ? 0.5 : Normal.fromZero(b)) - Normal.fromZero(a));
    }
    return new double[] {2 * xu, 2 * uu};
  }
}
