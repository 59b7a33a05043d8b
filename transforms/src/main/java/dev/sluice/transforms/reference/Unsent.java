package dev.sluice.transforms.reference;

/**
 * What a site says that its unsent coordinates cost: those of the class after the last that it
 * sends, and all others. FORMAT 15.6. Other nodes may send the first, so the bound on it is worse,
 * and it is said apart. Costs are in nats, rounded up to an eighth of an octave.
 */
final class Unsent {
  /** How many costs there are. */
  static final int SLOTS = 2;

  private static final int BIAS = 192;
  private static final int BYTES = 256;
  private static final int AN_OCTAVE = 8;
  private static final double SMALL = 1e-3;

  private Unsent() {}

  /** The slot of a class, where a class is the last sent. */
  static int slot(int h, int last) {
    return h == last + 1 ? 0 : 1;
  }

  /**
   * What a logit that is d above its correction adds to the divergence, at most, in units of the
   * probability that the correction gives it: {@code 1 + (d - 1)e^d} from -1 on, and below, where
   * that is not convex, its tangent. d²/2 near 0.
   */
  static double cost(double d) {
    if (d < -1) {
      return 1 - (d + 3) * Exp.of(-1);
    }
    return Math.abs(d) < SMALL ? d * d * (0.5 + d / 3 + d * d / 8) : 1 + (d - 1) * Exp.of(d);
  }

  /** The byte of a mean cost, 0 .. 255; 255 says that it is too large to be said. */
  static int byteOf(double cost) {
    if (cost == 0) {
      return 0;
    }
    double eighths = Math.ceil(AN_OCTAVE * StrictMath.log(cost) / StrictMath.log(2));
    return cost < Double.MAX_VALUE
        ? (int) Math.max(1, Math.min(BYTES - 1, eighths + BIAS))
        : BYTES - 1;
  }

  /** The cost of a byte, nats. */
  static double of(int value) {
    if (value == 0) {
      return 0;
    }
    return value == BYTES - 1
        ? Double.POSITIVE_INFINITY
        : StrictMath.pow(2, (double) (value - BIAS) / AN_OCTAVE);
  }
}
