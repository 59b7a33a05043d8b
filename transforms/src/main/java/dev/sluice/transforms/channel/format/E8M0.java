package dev.sluice.transforms.channel.format;

/**
 * The scale of a block in OCP Microscaling Formats (MX) 1.0: {@code 2^(code − 127)} in 8 bits,
 * without sign, zero or infinity; 255 is NaN.
 */
public final class E8M0 {
  /** Bits of a code. */
  public static final int BITS = 8;

  private static final int BIAS = 127;
  private static final int NAN = 255;

  private E8M0() {}

  /**
   * The shared scale that MX 1.0, 6.3, gives a block: {@code 2^(floor(log2 amax) − emax)}, the
   * exponent held within [−127, 127].
   *
   * @param amax largest magnitude of the block, finite; 0 takes the least scale
   * @param emax exponent of the element format's largest number: 2 for E2M1
   * @return a code
   */
  public static int shared(double amax, int emax) {
    return Math.max(-BIAS, Math.min(BIAS, Math.getExponent(amax) - emax)) + BIAS;
  }

  /** Exact. */
  public static double decode(int code) {
    return code == NAN ? Double.NaN : Math.scalb(1.0, code - BIAS);
  }
}
