package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import java.util.Optional;

/**
 * QSGD with fields of fixed length in place of Elias codes: the Euclidean norm, and of every
 * coordinate its sign and its magnitude rounded stochastically to one of {@code s = 2^(b−1) − 1}
 * parts of the norm, or 0. The draws are the sender's alone.
 */
final class QsgdCode extends FieldCode {
  private static final int MIN_BITS = 2;
  private static final int MAX_BITS = 8;

  static final VectorQuantizer QUANTIZER =
      new WholeBitCodes(
          "qsgd",
          "QSGD in fields: norm, signs, and magnitudes rounded stochastically to 2^(b−1) − 1 parts"
              + " of it",
          new Declaration(
              Declaration.Bias.NONE,
              Optional.of(
                  "given the vector, independent coordinates; the sum of their variances is at most"
                      + " min(d/s^2, √d/s)·‖x‖^2, s = 2^(b−1) − 1"),
              "32 bits a vector: its norm",
              "none",
              "Alistarh, Grubic, Li, Tomioka and Vojnović, \"QSGD\", NeurIPS 2017,"
                  + " arXiv:1610.02132"),
          MIN_BITS,
          MAX_BITS,
          QsgdCode::new);

  private final int width;
  private final int parts;

  private QsgdCode(int width, int dimension) {
    super(
        dimension,
        Float.SIZE + (long) dimension * width,
        ((1 << (width - 1)) - 1) + " parts of the norm");
    this.width = width;
    this.parts = (1 << (width - 1)) - 1;
  }

  @Override
  void write(float[] x, int from, long key, BitFields out) {
    double square = 0;
    for (int i = 0; i < dimension(); i++) {
      square += (double) x[from + i] * x[from + i];
    }
    // Not below the norm, lest a coordinate be more than all of it.
    double exact = Math.sqrt(square);
    float norm = (float) exact;
    norm = norm < exact ? Math.nextUp(norm) : norm;
    if (norm == Float.POSITIVE_INFINITY) {
      throw new IllegalArgumentException("the norm must be a float32 number, got " + exact);
    }
    writeFloat(norm, out);
    long draws = stream(key, 0, dimension());
    for (int i = 0; i < dimension(); i++) {
      double part = norm == 0 ? 0 : Math.abs(x[from + i]) / (double) norm * parts;
      int level = Math.min((int) (part + uniform(draws, i)), parts);
      out.write(x[from + i] < 0 ? 1 : 0, 1);
      out.write(level, width - 1);
    }
  }

  @Override
  void read(BitFields in, long key, float[] out, int to) throws BadCodesException {
    double norm = readFloat(in, "norm", 0);
    for (int i = 0; i < dimension(); i++) {
      boolean negative = in.read(1) == 1;
      float magnitude = (float) (norm * in.read(width - 1) / parts);
      out[to + i] = negative ? -magnitude : magnitude;
    }
  }
}
