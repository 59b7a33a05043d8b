package dev.sluice.transforms.reference;

/**
 * What a site says that its unsent coordinates cost: those of the class after the last that it
 * sends, and all others. FORMAT 15.6. Other nodes may send the first, so the bound on it is worse,
 * and it is said apart. Costs are in nats, rounded up to a sixth of an octave.
 */
final class Unsent {
  /** How many costs there are. */
  static final int SLOTS = 2;

  private static final int BIAS = 208;
  private static final int BYTES = 256;
  private static final int AN_OCTAVE = 6;
  private static final double INVERSE_E = Exp.of(-1);

  private Unsent() {}

  /** The slot of a class, where a class is the last sent. */
  static int slot(int h, int last) {
    return h == last + 1 ? 0 : 1;
  }

  /**
   * What a logit that is d above its correction adds to the divergence, at most, where p is its
   * probability under the reference, and w is p e^d: {@code p(1 + (d - 1)e^d)} from -1 on, and
   * below, where that is not convex, its tangent, which is above it there and below it elsewhere.
   */
  static double cost(double p, double w, double d) {
    double above = p + (d - 1) * w;
    double below = p * (1 - (d + 3) * INVERSE_E);
    return 0.5 * (above + below + Math.abs(above - below)); // their larger
  }

  /**
   * The byte of a mean cost, 0 .. 255: 0 for none, and 255 says that it is too large to be said. A
   * cost below 0 is rounding's, of one that is next to nothing.
   */
  static int byteOf(double cost) {
    if (cost == 0) {
      return 0;
    }
    if (!(cost < Double.MAX_VALUE)) {
      return BYTES - 1;
    }
    double log = StrictMath.log(Math.max(cost, Double.MIN_NORMAL)) / StrictMath.log(2);
    return (int) Math.max(1, Math.min(BYTES - 1, Math.ceil(AN_OCTAVE * log) + BIAS));
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
