package dev.sluice.transforms.reference;

/** What the coordinates that are not sent cost at most. FORMAT 15.6. */
final class Certificate {
  private Certificate() {}

  /**
   * A convex majorant of {@code 1 + (d - 1)e^d}, which is what a logit that is d from its
   * correction adds to the divergence, in units of its probability under the correction; d²/2 near
   * 0, and below -1 the tangent.
   */
  static double cost(double d) {
    if (d < -1) {
      return 1 - (2 + (d + 1)) * Exp.of(-1);
    }
    if (Math.abs(d) < 1e-3) {
      return d * d * (0.5 + d / 3);
    }
    return 1 + (d - 1) * Exp.of(d);
  }
}
