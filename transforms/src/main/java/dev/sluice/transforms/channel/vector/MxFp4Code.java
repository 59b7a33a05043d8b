package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.format.E8M0;
import dev.sluice.transforms.channel.format.FloatFormat;
import java.util.Optional;

/**
 * MXFP4 of the OCP's Microscaling Formats 1.0: blocks of 32 E2M1 numbers with a shared power of
 * two, {@link E8M0#shared}; the last block may be shorter. Each block is its scale and then its
 * elements; the specification leaves the layout open.
 */
final class MxFp4Code extends FieldCode {
  private static final FloatFormat ELEMENT = FloatFormat.E2M1;
  private static final int BLOCK = 32;

  /** Exponent of the largest number, 6. */
  private static final int EMAX = 2;

  static final VectorQuantizer QUANTIZER =
      new WholeBitCodes(
          "mxfp4",
          "MXFP4: E2M1 in blocks of 32 with a shared power of two",
          new Declaration(
              Declaration.Bias.BIASED,
              Optional.empty(),
              "8 bits for every 32 coordinates: a power of two",
              "none",
              "OCP Microscaling Formats (MX) Specification 1.0, 2023"),
          ELEMENT.bits(),
          ELEMENT.bits(),
          (bits, dimension) -> new MxFp4Code(dimension));

  private MxFp4Code(int dimension) {
    super(
        dimension,
        (long) dimension * ELEMENT.bits() + E8M0.BITS * ((dimension + BLOCK - 1L) / BLOCK),
        "blocks of " + BLOCK);
  }

  @Override
  void write(float[] x, int from, long key, BitFields out) {
    for (int at = 0; at < dimension(); at += BLOCK) {
      int count = Math.min(BLOCK, dimension() - at);
      int shared = E8M0.shared(magnitude(x, from + at, count), EMAX);
      double scale = E8M0.decode(shared);
      out.write(shared, E8M0.BITS);
      for (int i = 0; i < count; i++) {
        out.write(ELEMENT.encode(x[from + at + i] / scale), ELEMENT.bits());
      }
    }
  }

  @Override
  void read(BitFields in, long key, float[] out, int to) throws BadCodesException {
    for (int at = 0; at < dimension(); at += BLOCK) {
      int count = Math.min(BLOCK, dimension() - at);
      double scale = E8M0.decode(in.read(E8M0.BITS));
      for (int i = 0; i < count; i++) {
        out[to + at + i] = (float) (ELEMENT.decode(in.read(ELEMENT.bits())) * scale);
      }
    }
  }
}
