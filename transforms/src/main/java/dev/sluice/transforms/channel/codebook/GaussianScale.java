package dev.sluice.transforms.channel.codebook;

/**
 * The scale of a symmetric set of levels, each for what is nearest to it, that has the least mean
 * squared error for N(0, 1): what {@link OptimalUniform} is for even levels, for any.
 */
public final class GaussianScale {
  private static final int POINTS = 64;
  private static final double FARTHEST = 8;
  private static final int HALVINGS = 60;

  private GaussianScale() {}

  /**
   * The best of {@value #POINTS} scales, made exact by bisection of the error's derivative.
   *
   * @param levels those that are not negative, ascending, at least one above 0
   */
  public static double of(double[] levels) {
    double spacing = FARTHEST / levels[levels.length - 1] / POINTS;
    double best = spacing;
    double least = Double.POSITIVE_INFINITY;
    for (int i = 1; i <= POINTS; i++) {
      Moments moments = Moments.of(levels, i * spacing);
      double error = i * spacing * (i * spacing * moments.square - 2 * moments.product);
      if (error < least) {
        least = error;
        best = i * spacing;
      }
    }
    double low = best - spacing;
    double high = best + spacing;
    for (int i = 0; i < HALVINGS; i++) {
      double middle = (low + high) / 2;
      Moments moments = Moments.of(levels, middle);
      if (middle * moments.square < moments.product) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return (low + high) / 2;
  }

  /**
   * Of the level g that is nearest to x/scale, over x > 0. The error is 1 + 2·scale·(scale·square −
   * 2·product), and as cells meet where it is the same from both, its derivative is that at fixed
   * cells.
   *
   * @param product E[x·g]
   * @param square E[g^2]
   */
  private record Moments(double product, double square) {
    static Moments of(double[] levels, double scale) {
      double product = 0;
      double square = 0;
      for (int j = 0; j < levels.length; j++) {
        boolean last = j == levels.length - 1;
        double from = j == 0 ? 0 : scale * (levels[j - 1] + levels[j]) / 2;
        double to = last ? Double.POSITIVE_INFINITY : scale * (levels[j] + levels[j + 1]) / 2;
        product += levels[j] * (Normal.density(from) - Normal.density(to));
        square += levels[j] * levels[j] * Normal.between(from, to);
      }
      return new Moments(product, square);
    }
  }
}
