package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.Dither;

/** A code of bit fields, as long for every vector. */
abstract class FieldCode implements VectorCode {
  private final int dimension;
  private final long bits;
  private final String setting;

  /**
   * A code.
   *
   * @param dimension d, at least 1
   * @param bits of every vector
   */
  FieldCode(int dimension, long bits, String setting) {
    this.dimension = checkDimension(dimension);
    this.bits = bits;
    this.setting = setting;
  }

  static int checkDimension(int dimension) {
    if (dimension < 1) {
      throw new IllegalArgumentException("dimension must be at least 1, got " + dimension);
    }
    return dimension;
  }

  /** Writes {@link #bits} bits of finite coordinates. */
  abstract void write(float[] x, int from, long key, BitFields out);

  /** Reads as many; what is not finite is refused afterwards. */
  abstract void read(BitFields in, long key, float[] out, int to) throws BadCodesException;

  @Override
  public final int dimension() {
    return dimension;
  }

  @Override
  public final String setting() {
    return setting;
  }

  @Override
  public final long bits() {
    return bits;
  }

  @Override
  public final long encode(float[] x, int from, long key, byte[] out, int at) {
    magnitude(x, from, dimension);
    write(x, from, key, new BitFields(out, 8L * at));
    return bits;
  }

  @Override
  public final long decode(byte[] in, int at, long key, float[] out, int to)
      throws BadCodesException {
    read(new BitFields(in, 8L * at), key, out, to);
    checkDecoded(out, to, dimension);
    return bits;
  }

  /**
   * The largest magnitude of some coordinates.
   *
   * @throws IllegalArgumentException if one is not finite
   */
  static float magnitude(float[] x, int from, int count) {
    float largest = 0;
    for (int i = 0; i < count; i++) {
      float magnitude = Math.abs(x[from + i]);
      if (!(magnitude <= Float.MAX_VALUE)) {
        throw notFinite(x, from);
      }
      largest = Math.max(largest, magnitude);
    }
    return largest;
  }

  /** Names the first coordinate that is not finite, of which there is one. */
  static IllegalArgumentException notFinite(float[] x, int from) {
    int i = 0;
    while (Float.isFinite(x[from + i])) {
      i++;
    }
    return new IllegalArgumentException("coordinate " + i + " must be finite, got " + x[from + i]);
  }

  /**
   * Refuses a vector whose largest magnitude is above a limit, naming the first such coordinate.
   */
  static void checkAtMost(double limit, float[] x, int from, int count) {
    for (int i = 0; i < count; i++) {
      if (Math.abs(x[from + i]) > limit) {
        throw new IllegalArgumentException(
            "coordinate " + i + " must be at most " + limit + " in magnitude, got " + x[from + i]);
      }
    }
  }

  static void checkDecoded(float[] y, int from, int count) throws BadCodesException {
    for (int i = 0; i < count; i++) {
      if (!Float.isFinite(y[from + i])) {
        throw new BadCodesException(
            "coordinate " + i + " is " + y[from + i] + ", expected a finite float32 number");
      }
    }
  }

  /** The nearest float32 number, the largest one for what is beyond. */
  static float nearest(double value) {
    return (float) Math.max(-Float.MAX_VALUE, Math.min(Float.MAX_VALUE, value));
  }

  /** Reads a scale, offset or norm. */
  static float readFloat(BitFields in, String name, float least) throws BadCodesException {
    float value = Float.intBitsToFloat(in.read(Float.SIZE));
    if (!(value >= least && value <= Float.MAX_VALUE)) {
      throw new BadCodesException(
          name + " " + value + ", expected [" + least + ", " + Float.MAX_VALUE + "]");
    }
    return value;
  }

  static void writeFloat(float value, BitFields out) {
    out.write(Float.floatToRawIntBits(value), Float.SIZE);
  }

  /**
   * One of a vector's streams of words, each of d numbers: {@link Dither}'s, from a key of its own
   * so that keys in any pattern lead to streams without one.
   */
  static long stream(long key, int index, int dimension) {
    return Dither.row(Dither.mix(key), dimension, index);
  }

  /** Number i of a stream, uniform in (0, 1). */
  static double uniform(long stream, int i) {
    return Dither.offset(Dither.numerator(stream, i));
  }
}
