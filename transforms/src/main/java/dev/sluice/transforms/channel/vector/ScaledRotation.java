package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.rotation.MomentCheck;
import dev.sluice.transforms.channel.rotation.Rotation;

/**
 * A vector scaled to a mean square of 1 and rotated, the way back, and the 32 bits that tell it:
 * the number of rounds in the first two, and a scale, a positive float32 less its sign and its
 * mantissa's last bit, in 30. 0 is the vector of zeros. Holds scratch: not thread-safe.
 */
final class ScaledRotation {
  /** Bits of rounds and scale. */
  static final int SIDE_BITS = 32;

  private static final int SCALE_BITS = 30;

  private final int dimension;
  private final double root;
  private final float largest;
  private final Rotation rotation;
  private final float[] rotated;
  private double deviation;
  private int rounds;

  /**
   * Of d coordinates.
   *
   * @param reach the most that a decoded vector's norm can be, over scale and sqrt(d)
   */
  ScaledRotation(int dimension, double reach) {
    this.dimension = dimension;
    this.root = StrictMath.sqrt(dimension);
    // A little less, for rounding in the rotation.
    this.largest = (float) (Float.MAX_VALUE / (reach * root) * (1 - 1e-3));
    this.rotation = Rotation.of(dimension);
    this.rotated = new float[dimension];
  }

  /**
   * Scales and rotates {@code x[from .. from + d)}.
   *
   * @return whether there is anything: false for a vector of zeros
   * @throws IllegalArgumentException if a coordinate is not finite
   */
  boolean load(float[] x, int from, long key) {
    MomentCheck check = MomentCheck.of(x, from, rotation);
    double energy = check.energy();
    if (!(energy < Double.POSITIVE_INFINITY)) {
      throw FieldCode.notFinite(x, from);
    }
    deviation = Math.sqrt(energy) / root;
    if (energy == 0) {
      return false;
    }
    for (int i = 0; i < dimension; i++) {
      rotated[i] = (float) (x[from + i] / deviation);
    }
    rounds = check.rounds();
    rotation.forward(rotated, 0, key, rounds);
    return true;
  }

  /** What {@link #load} left: mean square 1. */
  float[] rotated() {
    return rotated;
  }

  /** Root mean square of the coordinates that were loaded. */
  double deviation() {
    return deviation;
  }

  /**
   * The word of a scale, the least at or above it that a word can tell.
   *
   * @param scale above 0
   * @throws IllegalArgumentException if decoding could overflow
   */
  int wordAbove(double scale) {
    float near = (float) scale;
    int bits = Float.floatToRawIntBits(near < scale ? Math.nextUp(near) : near);
    return word((bits + 1) >>> 1, scale);
  }

  /** The word of about a scale, 0 for a scale that is next to nothing. */
  int wordNear(double scale) {
    return word((Float.floatToRawIntBits((float) Math.max(0, scale)) + 1) >>> 1, scale);
  }

  private int word(int scaleBits, double scale) {
    if (!(scaleOf(scaleBits) <= largest)) {
      throw new IllegalArgumentException("the scale must be at most " + largest + ", got " + scale);
    }
    return scaleBits == 0 ? 0 : rounds << SCALE_BITS | scaleBits;
  }

  /** The scale that a word tells. */
  static float scaleOf(int word) {
    return Float.intBitsToFloat((word & (1 << SCALE_BITS) - 1) << 1);
  }

  /**
   * Checks a word other than 0.
   *
   * @throws BadCodesException if {@link #word} makes no such word
   */
  void check(int word) throws BadCodesException {
    int told = word >>> SCALE_BITS;
    float scale = scaleOf(word);
    if (told < 1 || told > Rotation.MAX_ROUNDS || !(scale > 0 && scale <= largest)) {
      throw new BadCodesException(
          told
              + " rounds and a scale of "
              + scale
              + ", expected 1 to "
              + Rotation.MAX_ROUNDS
              + " and a scale above 0 and at most "
              + largest);
    }
  }

  /** Rotates {@code out[to .. to + d)} back and scales it, by a word that was checked. */
  void unload(int word, long key, float[] out, int to) {
    rotation.inverse(out, to, key, word >>> SCALE_BITS);
    float scale = scaleOf(word);
    for (int i = to; i < to + dimension; i++) {
      out[i] *= scale;
    }
  }
}
