package dev.sluice.transforms.comparison;

import dev.sluice.transforms.channel.Centring;

/** Numbers in 16 bits: IEEE 754 binary16, and bfloat16, the upper half of a binary32. */
final class ShortFloats {
  private static final double LARGEST_HALF = 65504;

  private ShortFloats() {}

  /**
   * The nearest binary16 number, ties to even.
   *
   * @param value finite; beyond ±65504 the largest number is taken
   */
  static short half(double value) {
    double magnitude = Math.min(LARGEST_HALF, Math.abs(value));
    // Subnormals, and all of [2^-14, 2^-13), count in units of 2^-24; a carry moves into the
    // exponent by itself.
    int exponent = Math.max(-14, Math.getExponent(magnitude));
    int units = (int) Math.rint(Math.scalb(magnitude, 10 - exponent));
    int bits = ((exponent + 14) << 10) + units;
    return (short) (value < 0 ? bits | 0x8000 : bits);
  }

  /** The value of a binary16 number; exact. */
  static double ofHalf(short bits) {
    return Centring.clipOf(bits);
  }

  /**
   * The nearest bfloat16 number to the nearest float32, ties to even.
   *
   * @param value finite as a float32
   */
  static short brain(double value) {
    int bits = Float.floatToIntBits((float) value);
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  /** The value of a bfloat16 number; exact. */
  static double ofBrain(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }
}
