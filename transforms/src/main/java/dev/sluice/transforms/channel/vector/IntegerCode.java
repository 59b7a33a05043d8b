package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.channel.format.FloatFormat;
import dev.sluice.transforms.channel.rotation.Rotation;
import java.util.Optional;

/**
 * Signed integers of b bits in groups of 128, from {@code −(2^(b−1) − 1)} to {@code 2^(b−1) − 1},
 * times a binary16 scale that takes the group's largest magnitude to the largest integer; nearest,
 * ties to even. A power of two of the vector, then for each group its scale and its integers in
 * two's complement; the last group may be shorter.
 *
 * <p>Rotated, a group first goes through one round of {@link Rotation} with signs of its own: a
 * Hadamard matrix of order 128, and for a last shorter group whatever that class has for its
 * length, without padding. An outlier is spread over all of its group.
 */
final class IntegerCode extends FieldCode {
  private static final FloatFormat SCALE = FloatFormat.BINARY16;
  private static final int GROUP = 128;
  private static final int MIN_BITS = 2;
  private static final int MAX_BITS = 8;
  private static final int INT4 = 4;

  private static final String SIDE_INFORMATION =
      "16 bits for every "
          + GROUP
          + " coordinates: a binary16 scale; 8 bits a vector: a power of"
          + " two";

  /** As weights are sent: no rotation. */
  static final VectorQuantizer INT4_PLAIN = family("int4", INT4, INT4, Before.NONE);

  /** The same after the rotation. */
  static final VectorQuantizer INT4_HADAMARD = family("int4-hadamard", INT4, INT4, Before.HADAMARD);

  /** At any whole number of bits. */
  static final VectorQuantizer INT_HADAMARD =
      family("int-hadamard", MIN_BITS, MAX_BITS, Before.HADAMARD);

  private enum Before {
    NONE,
    HADAMARD
  }

  private final Before before;
  private final int width;
  private final int largest;
  private final Rotation whole;
  private final Rotation rest;
  private final float[] group = new float[GROUP];

  private IntegerCode(Before before, int width, int dimension) {
    super(
        dimension,
        BinaryScale.BITS
            + (long) dimension * width
            + SCALE.bits() * ((dimension + GROUP - 1L) / GROUP),
        "groups of " + GROUP + ", integers to ±" + ((1 << (width - 1)) - 1));
    this.before = before;
    this.width = width;
    this.largest = (1 << (width - 1)) - 1;
    this.whole = Rotation.of(GROUP);
    this.rest = Rotation.of(Math.max(1, dimension % GROUP));
  }

  private static VectorQuantizer family(String name, int least, int most, Before before) {
    String bits = least == most ? "INT" + least : "b-bit integers";
    return new WholeBitCodes(
        name,
        bits
            + " in groups of "
            + GROUP
            + " with a binary16 scale each"
            + (before == Before.HADAMARD ? ", after a random-sign Hadamard transform of each" : ""),
        new Declaration(
            Declaration.Bias.BIASED,
            Optional.empty(),
            SIDE_INFORMATION,
            "none",
            before == Before.HADAMARD
                ? "Ashkboos et al., \"QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs\", NeurIPS"
                    + " 2024, arXiv:2404.00456 (here by blocks)"
                : "Frantar et al., \"GPTQ\", ICLR 2023, arXiv:2210.17323 (its round-to-nearest"
                    + " baseline, symmetric)"),
        least,
        most,
        (width, dimension) -> new IntegerCode(before, width, dimension));
  }

  @Override
  void write(float[] x, int from, long key, BitFields out) {
    int code = BinaryScale.of(magnitude(x, from, dimension()));
    double vectorScale = BinaryScale.factor(code);
    out.write(code, BinaryScale.BITS);
    long rotations = stream(key, 0, dimension());
    for (int at = 0; at < dimension(); at += GROUP) {
      int count = Math.min(GROUP, dimension() - at);
      for (int i = 0; i < count; i++) {
        group[i] = (float) (x[from + at + i] / vectorScale);
      }
      if (before == Before.HADAMARD) {
        rotation(count).forward(group, 0, Dither.word(rotations, at), 1);
      }
      int scaleCode = SCALE.encode(magnitude(group, 0, count) / (double) largest);
      double scale = SCALE.decode(scaleCode);
      out.write(scaleCode, SCALE.bits());
      for (int i = 0; i < count; i++) {
        double integer = scale == 0 ? 0 : Math.rint(group[i] / scale);
        out.write((int) Math.max(-largest, Math.min(largest, integer)), width);
      }
    }
  }

  @Override
  void read(BitFields in, long key, float[] out, int to) throws BadCodesException {
    double vectorScale = BinaryScale.factor(in.read(BinaryScale.BITS));
    long rotations = stream(key, 0, dimension());
    for (int at = 0; at < dimension(); at += GROUP) {
      int count = Math.min(GROUP, dimension() - at);
      double scale = SCALE.decode(in.read(SCALE.bits()));
      if (!(scale >= 0 && scale <= SCALE.max())) {
        throw new BadCodesException(
            "scale " + scale + " of the group at " + at + ", expected [0, " + SCALE.max() + "]");
      }
      for (int i = 0; i < count; i++) {
        int integer = in.read(width) << (Integer.SIZE - width) >> (Integer.SIZE - width);
        if (integer < -largest) {
          throw new BadCodesException(
              "coordinate " + (at + i) + " is " + integer + ", expected at least " + -largest);
        }
        group[i] = (float) (integer * scale);
      }
      if (before == Before.HADAMARD) {
        rotation(count).inverse(group, 0, Dither.word(rotations, at), 1);
      }
      for (int i = 0; i < count; i++) {
        out[to + at + i] = nearest(group[i] * vectorScale);
      }
    }
  }

  private Rotation rotation(int count) {
    return count == GROUP ? whole : rest;
  }
}
