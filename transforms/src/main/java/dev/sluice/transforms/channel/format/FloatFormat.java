package dev.sluice.transforms.channel.format;

/**
 * A binary floating-point format: a sign, exponent bits and mantissa bits, the highest bit first,
 * with subnormals and signed zeros. A code is the low {@link #bits} bits of an int.
 *
 * <p>E4M3 and E5M2 are the OCP's (8-bit Floating Point Specification, OFP8, 1.0; E4M3 is "FN":
 * finite, with NaN at S.1111.111 alone); E3M2, E2M3 and E2M1 are the elements of the OCP's
 * Microscaling Formats (MX) 1.0 and have neither infinity nor NaN; BINARY16 is IEEE 754's, and
 * BFLOAT16 the upper half of a binary32.
 *
 * <p>Numbers are rounded to the nearest, ties to an even code, and saturate: what is beyond the
 * largest finite number becomes it, infinity included (OFP8's and MX's saturating conversion). NaN
 * stays NaN, without its sign or payload, and is refused by a format that has none. -0 stays -0.
 */
public enum FloatFormat {
  /** OCP FP8 E4M3: up to 448. */
  E4M3(4, 3, 7, Specials.NAN),
  /** OCP FP8 E5M2: up to 57344. */
  E5M2(5, 2, 15, Specials.IEEE),
  /** OCP MX FP6 E3M2: up to 28. */
  E3M2(3, 2, 3, Specials.NONE),
  /** OCP MX FP6 E2M3: up to 7.5. */
  E2M3(2, 3, 1, Specials.NONE),
  /** OCP MX FP4 E2M1: 0, 0.5, 1, 1.5, 2, 3, 4 and 6. */
  E2M1(2, 1, 1, Specials.NONE),
  /** IEEE 754 binary16: up to 65504. */
  BINARY16(5, 10, 15, Specials.IEEE),
  /** bfloat16: up to 255·2^120. */
  BFLOAT16(8, 7, 127, Specials.IEEE);

  /** What the largest exponent is for. */
  private enum Specials {
    /** Numbers. */
    NONE,
    /** Numbers, but for NaN at the largest mantissa. */
    NAN,
    /** Infinity at mantissa 0, NaN at all others. */
    IEEE
  }

  private final int exponentBits;
  private final int mantissaBits;
  private final int bias;
  private final Specials specials;
  private final int largest;
  private final double max;

  FloatFormat(int exponentBits, int mantissaBits, int bias, Specials specials) {
    this.exponentBits = exponentBits;
    this.mantissaBits = mantissaBits;
    this.bias = bias;
    this.specials = specials;
    int end = 1 << (exponentBits + mantissaBits);
    this.largest =
        switch (specials) {
          case NONE -> end - 1;
          case NAN -> end - 2;
          case IEEE -> end - (1 << mantissaBits) - 1;
        };
    this.max = decode(largest);
  }

  /** Bits of a code. */
  public int bits() {
    return 1 + exponentBits + mantissaBits;
  }

  /** The largest finite number. */
  public double max() {
    return max;
  }

  /**
   * The code of the nearest number.
   *
   * @throws IllegalArgumentException for NaN, if the format has none
   */
  public int encode(double value) {
    return Double.isNaN(value) ? notANumber() : signed(value, (int) Math.rint(units(value)));
  }

  /**
   * The code of one of the two numbers next to a value, whose mean over u is the value, within
   * {@link #max}.
   *
   * @param u uniform in (0, 1); a number of the format is itself whatever it is
   * @throws IllegalArgumentException for NaN, if the format has none
   */
  public int encode(double value, double u) {
    return Double.isNaN(value) ? notANumber() : signed(value, (int) (units(value) + u));
  }

  /** Exact; a NaN's sign is lost. */
  public double decode(int code) {
    int exponent = (code >>> mantissaBits) & ((1 << exponentBits) - 1);
    int fraction = code & ((1 << mantissaBits) - 1);
    int magnitude = exponent << mantissaBits | fraction;
    double value;
    if (magnitude > largest) {
      boolean infinite = specials == Specials.IEEE && fraction == 0;
      value = infinite ? Double.POSITIVE_INFINITY : Double.NaN;
    } else if (exponent == 0) {
      value = fraction * power(1 - bias - mantissaBits);
    } else {
      value = (fraction + (1 << mantissaBits)) * power(exponent - bias - mantissaBits);
    }
    return (code >>> (exponentBits + mantissaBits) & 1) == 0 ? value : -value;
  }

  /** A magnitude's code before it is rounded, but for the bits of its exponent. */
  private double units(double value) {
    double magnitude = Math.min(max, Math.abs(value));
    return magnitude * power(mantissaBits - exponent(magnitude));
  }

  /** 2^n, for what Math.scalb would take longer over. */
  private static double power(int n) {
    return Double.longBitsToDouble((long) (Double.MAX_EXPONENT + n) << 52);
  }

  /** Subnormals count in units of the least normal numbers' binade. */
  private int exponent(double magnitude) {
    return Math.max(1 - bias, Math.getExponent(magnitude));
  }

  /** A carry moves into the exponent by itself. */
  private int signed(double value, int units) {
    int binade = exponent(Math.min(max, Math.abs(value))) + bias - 1;
    int sign = (int) (Double.doubleToRawLongBits(value) >>> 63);
    return sign << (exponentBits + mantissaBits) | ((binade << mantissaBits) + units);
  }

  private int notANumber() {
    if (specials == Specials.NONE) {
      throw new IllegalArgumentException(this + " has no NaN");
    }
    return (1 << (exponentBits + mantissaBits))
        - (specials == Specials.NAN ? 1 : 1 << (mantissaBits - 1));
  }
}
