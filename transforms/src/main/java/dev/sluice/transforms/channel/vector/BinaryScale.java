package dev.sluice.transforms.channel.vector;

/**
 * A power of two in 8 bits, 2^-128 to 2^127, that takes a vector's largest magnitude to [1, 2):
 * exact both ways, so that a code whose own numbers have a narrow range sends vectors of any size.
 * Below 2^-128 magnitudes stay below 1.
 */
final class BinaryScale {
  /** Bits of a scale. */
  static final int BITS = 8;

  private static final int BIAS = 128;

  private BinaryScale() {}

  /** The scale's 8 bits for a largest magnitude. */
  static int of(float magnitude) {
    return Math.max(-BIAS, Math.getExponent((double) magnitude)) + BIAS;
  }

  /** The power of two. */
  static double factor(int code) {
    return Math.scalb(1.0, code - BIAS);
  }
}
