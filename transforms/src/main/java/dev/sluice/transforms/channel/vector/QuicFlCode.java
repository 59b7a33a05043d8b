package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.channel.codebook.QuicTable;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;

/**
 * QUIC-FL: the vector rotated, each coordinate sent by an unbiased scalar code with shared
 * randomness, {@link QuicTable}, and the few coordinates beyond its reach T exactly. Ben Basat,
 * Vargaftik, Portnoy, Einziger, Ben-Itzhak and Mitzenmacher, arXiv 2205.13341.
 *
 * <p><b>Coordinates beyond T.</b> At most so many as are usual, and no more than a twentieth of a
 * bit a coordinate pays for: where more are beyond, the scale is raised until no more are. That
 * costs error, not bias, and bounds the code's length. What the scale is rounded to, up, is what
 * coordinates are divided by: nothing of its rounding is left in the mean.
 *
 * <p>The code: 32 bits as in {@link ScaledRotation}; the number of coordinates beyond T, in as many
 * bits as their bound needs; b bits a coordinate, 0 for those; then of each of those, in order, its
 * index in ceil(log2 d) bits and its value in units of the scale, a float32.
 */
final class QuicFlCode implements VectorCode {
  /** The family. */
  static final VectorQuantizer FAMILY =
      new IntegerRates(
          "quic-fl",
          "QUIC-FL: a rotation and an unbiased scalar code with shared randomness",
          new Declaration(
              Declaration.Bias.NONE,
              Optional.of(
                  "vNMSE is near to the scalar code's, for every vector under a uniform rotation:"
                      + " 1.54, 0.226, 0.0454, 0.0102, 0.0024, 0.0006 at 1 to 6 bits"),
              "norm and rounds of the rotation: 32 bits; the coordinates beyond 3.4 deviations"
                  + " exactly, with their indices: at most 1/20 bit a coordinate",
              "none",
              "Ben Basat, Vargaftik, Portnoy, Einziger, Ben-Itzhak and Mitzenmacher, QUIC-FL, arXiv"
                  + " 2205.13341"),
          QuicTable.MAX_BITS,
          Integer.MAX_VALUE,
          false,
          QuicFlCode::size,
          QuicFlCode::new);

  /** One coordinate in so many of N(0, 1) is beyond T. */
  private static final int USUAL = 1484;

  /** Coordinates that pay for one bit of those beyond T. */
  private static final int COORDINATES_PER_BIT = 20;

  /** Place of the key's word from which draws start: those below are the rotation's. */
  private static final int DRAWS = 10;

  private final int bits;
  private final int dimension;
  private final QuicTable table;
  private final ScaledRotation vector;
  private final int most;
  private final int indexBits;
  private final float largest;

  QuicFlCode(int bits, int dimension) {
    this.bits = bits;
    this.dimension = dimension;
    this.table = QuicTable.of(bits);
    this.most = mostBeyond(dimension);
    this.indexBits = indexBits(dimension);
    this.largest = (float) (StrictMath.sqrt(dimension) * (1 + 1e-3));
    double reach = 0;
    for (int h = 0; h < table.sharedValues(); h++) {
      for (int x = 0; x < 1 << bits; x++) {
        reach = Math.max(reach, Math.abs(table.value(h, x)));
      }
    }
    this.vector = new ScaledRotation(dimension, reach + Math.sqrt(most) * (1 + 1e-3));
  }

  private static int indexBits(int dimension) {
    return Integer.SIZE - Integer.numberOfLeadingZeros(dimension - 1);
  }

  private static int mostBeyond(int dimension) {
    int usual = (dimension + USUAL - 1) / USUAL;
    return Math.min(usual, dimension / COORDINATES_PER_BIT / (Float.SIZE + indexBits(dimension)));
  }

  private static int countBits(int most) {
    return Integer.SIZE - Integer.numberOfLeadingZeros(most);
  }

  private static long size(int bits, int dimension) {
    int most = mostBeyond(dimension);
    return ScaledRotation.SIDE_BITS
        + countBits(most)
        + (long) bits * dimension
        + (long) most * (indexBits(dimension) + Float.SIZE);
  }

  @Override
  public int dimension() {
    return dimension;
  }

  @Override
  public String setting() {
    return (1 << bits)
        + " symbols, "
        + table.sharedValues()
        + " shared values, up to "
        + most
        + " coordinates exactly";
  }

  @Override
  public long bits() {
    return size(bits, dimension);
  }

  private long used(int beyond) {
    return bits() - (long) (most - beyond) * (indexBits + Float.SIZE);
  }

  @Override
  public long encode(float[] x, int from, long key, byte[] out, int at) {
    if (!vector.load(x, from, key)) {
      return used(0);
    }
    float[] rotated = vector.rotated();
    double deviation = vector.deviation();
    int word = vector.wordAbove(deviation * Math.max(1, widening(rotated)));
    double ratio = deviation / ScaledRotation.scaleOf(word);
    int beyond = 0;
    for (float z : rotated) {
      beyond += isBeyond(z * ratio) ? 1 : 0;
    }
    BitFields fields = new BitFields(out, 8L * at);
    fields.write(word, ScaledRotation.SIDE_BITS);
    fields.write(beyond, countBits(most));
    long draws = draws(key);
    for (int i = 0; i < dimension; i++) {
      draws += Dither.GAMMA;
      long draw = Dither.mix(draws);
      double z = rotated[i] * ratio;
      // The low bits are shared; the high ones are the sender's own.
      double own = (draw >>> 11) * 0x1p-53;
      fields.write(isBeyond(z) ? 0 : table.symbol(z, shared(draw), own), bits);
    }
    for (int i = 0; i < dimension && beyond > 0; i++) {
      double z = rotated[i] * ratio;
      if (isBeyond(z)) {
        fields.write(i, indexBits);
        fields.write(Float.floatToRawIntBits((float) z), Float.SIZE);
      }
    }
    return used(beyond);
  }

  private boolean isBeyond(double z) {
    return Math.abs(z) > table.reach();
  }

  /** How much the scale is raised, where above 1, for no more than the most beyond T. */
  private double widening(float[] rotated) {
    float[] magnitudes = new float[dimension];
    int beyond = 0;
    for (float z : rotated) {
      float magnitude = Math.abs(z);
      if (magnitude > table.reach()) {
        magnitudes[beyond++] = magnitude;
      }
    }
    if (beyond <= most) {
      return 1;
    }
    Arrays.sort(magnitudes, 0, beyond);
    return magnitudes[beyond - 1 - most] / table.reach() * (1 + 1e-12);
  }

  @Override
  public long decode(byte[] in, int at, long key, float[] out, int to) throws BadCodesException {
    Objects.checkFromIndexSize(to, dimension, out.length);
    BitFields fields = new BitFields(in, 8L * at);
    int word = fields.read(ScaledRotation.SIDE_BITS);
    if (word == 0) {
      Arrays.fill(out, to, to + dimension, 0);
      return used(0);
    }
    vector.check(word);
    int beyond = fields.read(countBits(most));
    if (beyond > most) {
      throw new BadCodesException(beyond + " coordinates exactly, expected at most " + most);
    }
    long draws = draws(key);
    for (int i = 0; i < dimension; i++) {
      draws += Dither.GAMMA;
      out[to + i] = table.value(shared(Dither.mix(draws)), fields.read(bits));
    }
    int last = -1;
    for (int i = 0; i < beyond; i++) {
      int index = fields.read(indexBits);
      float value = Float.intBitsToFloat(fields.read(Float.SIZE));
      if (index <= last || index >= dimension || !(Math.abs(value) <= largest)) {
        throw new BadCodesException(
            "coordinate "
                + index
                + " of "
                + value
                + " after coordinate "
                + last
                + ", expected one below "
                + dimension
                + " of at most "
                + largest);
      }
      out[to + index] = value;
      last = index;
    }
    vector.unload(word, key, out, to);
    return used(beyond);
  }

  private int shared(long draw) {
    return (int) draw & (table.sharedValues() - 1);
  }

  private static long draws(long key) {
    return Dither.word(key, DRAWS);
  }
}
