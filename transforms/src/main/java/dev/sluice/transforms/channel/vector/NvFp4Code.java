package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.format.FloatFormat;
import java.util.Optional;

/**
 * NVFP4: blocks of 16 E2M1 numbers with an E4M3 scale, and one float32 scale of the vector that
 * takes its largest magnitude to {@code 6·448}; the last block may be shorter. The vector's scale,
 * then each block's and its elements.
 *
 * <p>A block's scale is the E4M3 number nearest to its largest magnitude over 6, over the vector's
 * scale; elements are what is nearest once both scales as they are sent are divided out. Quotients
 * are binary64's. A block whose scale is 0 is zeros.
 */
final class NvFp4Code extends FieldCode {
  private static final FloatFormat ELEMENT = FloatFormat.E2M1;
  private static final FloatFormat SCALE = FloatFormat.E4M3;
  private static final int BLOCK = 16;

  static final VectorQuantizer QUANTIZER =
      new WholeBitCodes(
          "nvfp4",
          "NVFP4: E2M1 in blocks of 16 with an E4M3 scale each and a float32 scale of the vector",
          new Declaration(
              Declaration.Bias.BIASED,
              Optional.empty(),
              "8 bits for every 16 coordinates: an E4M3 scale; 32 bits a vector: its scale",
              "none",
              "NVIDIA, \"Pretraining Large Language Models with NVFP4\", arXiv:2509.25149"),
          ELEMENT.bits(),
          ELEMENT.bits(),
          (bits, dimension) -> new NvFp4Code(dimension));

  private NvFp4Code(int dimension) {
    super(
        dimension,
        Float.SIZE
            + (long) dimension * ELEMENT.bits()
            + SCALE.bits() * ((dimension + BLOCK - 1L) / BLOCK),
        "blocks of " + BLOCK);
  }

  @Override
  void write(float[] x, int from, long key, BitFields out) {
    double peak = magnitude(x, from, dimension()) / (ELEMENT.max() * SCALE.max());
    float whole = peak == 0 ? 0 : Math.max(Float.MIN_VALUE, (float) peak);
    writeFloat(whole, out);
    for (int at = 0; at < dimension(); at += BLOCK) {
      int count = Math.min(BLOCK, dimension() - at);
      int code =
          whole == 0 ? 0 : SCALE.encode(magnitude(x, from + at, count) / ELEMENT.max() / whole);
      double scale = whole * SCALE.decode(code);
      out.write(code, SCALE.bits());
      for (int i = 0; i < count; i++) {
        out.write(scale == 0 ? 0 : ELEMENT.encode(x[from + at + i] / scale), ELEMENT.bits());
      }
    }
  }

  @Override
  void read(BitFields in, long key, float[] out, int to) throws BadCodesException {
    float whole = readFloat(in, "scale", 0);
    for (int at = 0; at < dimension(); at += BLOCK) {
      int count = Math.min(BLOCK, dimension() - at);
      int code = in.read(SCALE.bits());
      double scale = SCALE.decode(code);
      if (code >>> (SCALE.bits() - 1) != 0 || Double.isNaN(scale)) {
        throw new BadCodesException(
            "scale of the block at " + at + " has code " + code + ", expected at most 126");
      }
      for (int i = 0; i < count; i++) {
        out[to + at + i] = nearest(ELEMENT.decode(in.read(ELEMENT.bits())) * scale * whole);
      }
    }
  }
}
