package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import java.util.Optional;

/**
 * Stochastic rounding to 2^b even levels from the vector's least coordinate to its largest: to one
 * of the two next levels, so that the mean is the coordinate. The draws are the sender's alone.
 * Least and largest as float32, then d fields.
 */
final class StochasticCode extends FieldCode {
  private static final int MAX_BITS = 8;

  static final VectorQuantizer QUANTIZER =
      new WholeBitCodes(
          "stochastic",
          "Stochastic rounding to 2^b even levels between the least and the largest coordinate",
          new Declaration(
              Declaration.Bias.NONE,
              Optional.of(
                  "given the vector, independent coordinates of variance (x − l)·(h − x) between"
                      + " levels l and h, at most (max − min)^2/(4·(2^b − 1)^2)"),
              "64 bits a vector: least and largest coordinate",
              "none",
              "Suresh, Yu, Kumar and McMahan, \"Distributed Mean Estimation with Limited"
                  + " Communication\", ICML 2017, arXiv:1611.00429"),
          1,
          MAX_BITS,
          StochasticCode::new);

  private final int width;
  private final int last;

  private StochasticCode(int width, int dimension) {
    super(dimension, 2L * Float.SIZE + (long) dimension * width, (1 << width) + " levels");
    this.width = width;
    this.last = (1 << width) - 1;
  }

  @Override
  void write(float[] x, int from, long key, BitFields out) {
    float min = x[from];
    float max = x[from];
    for (int i = 1; i < dimension(); i++) {
      min = Math.min(min, x[from + i]);
      max = Math.max(max, x[from + i]);
    }
    writeFloat(min, out);
    writeFloat(max, out);
    double step = ((double) max - min) / last;
    long draws = stream(key, 0, dimension());
    for (int i = 0; i < dimension(); i++) {
      int level = step == 0 ? 0 : (int) ((x[from + i] - (double) min) / step + uniform(draws, i));
      out.write(Math.min(level, last), width);
    }
  }

  @Override
  void read(BitFields in, long key, float[] out, int to) throws BadCodesException {
    double min = readFloat(in, "least coordinate", -Float.MAX_VALUE);
    double max = readFloat(in, "largest coordinate", (float) min);
    for (int i = 0; i < dimension(); i++) {
      out[to + i] = (float) (min + (max - min) * in.read(width) / last);
    }
  }
}
