package dev.sluice.transforms.comparison;

import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.format.FloatFormat;
import dev.sluice.transforms.comparison.RankPolynomial.Term;
import dev.sluice.transforms.export.TopTokens;
import dev.sluice.transforms.theory.Softmax;
import java.util.Arrays;
import java.util.List;

/**
 * A row as DistillKit stores a teacher's: the k likeliest tokens in falling order; the first few
 * log-probabilities as bfloat16, the others as a function of their place, fitted by least squares,
 * with quantised residuals where wanted; ids in {@code ceil(log2 V)} bits each, which are 17 for
 * the 128,256 tokens of Llama 3.
 *
 * <p>Source: github.com/arcee-ai/DistillKit, {@code distillkit/compression}: {@code config.py}
 * (DistributionQuantizationConfig), {@code monotonic_logprobs.py}, {@code bitpack.py}; the settings
 * are its README's "recommended" and "budget pick", and those that these make natural at other
 * budgets. Its deltas and its error diffusion are off, as it recommends, and places run over [0, 1]
 * ({@code normalize_t}). Fitted here in float64, where it uses float32.
 *
 * <p>A row is a whole number of bytes. Not thread-safe.
 */
final class DistillKitPayload {
  private static final int EXACT_BYTES = 2;
  private static final int TERM_BYTES = 4;
  private static final int SCALE_BYTES = 2;

  /**
   * A configuration, but for k.
   *
   * @param name for people
   * @param exact how many log-probabilities are stored as bfloat16; all k where it is more
   * @param terms of the fit, whose coefficients are float32
   * @param residualBits of each residual, 0 for none; their scale is a binary16 number
   */
  record Configuration(String name, int exact, List<Term> terms, int residualBits) {
    /** Bytes of a row of k tokens. */
    long bytes(int k, int vocabulary) {
      long ids = BitFields.bytes((long) k * TopKPayload.idBits(vocabulary));
      int fitted = k - Math.min(k, exact);
      if (fitted == 0) {
        return ids + (long) k * EXACT_BYTES;
      }
      long residuals =
          residualBits == 0 ? 0 : SCALE_BYTES + BitFields.bytes((long) fitted * residualBits);
      return ids + (long) exact * EXACT_BYTES + (long) terms.size() * TERM_BYTES + residuals;
    }

    /**
     * The largest k, at most V, whose rows are within some bits; 0 where there is none, or where it
     * is not enough for anything to be fitted.
     */
    int largest(double bitsPerRow, int vocabulary) {
      int fits = 0;
      int most = vocabulary;
      while (fits < most) {
        int middle = (fits + most + 1) >>> 1;
        if (8.0 * bytes(middle, vocabulary) <= bitsPerRow) {
          fits = middle;
        } else {
          most = middle - 1;
        }
      }
      return exact == ALL || fits - exact >= Math.max(1, terms.size()) ? fits : 0;
    }
  }

  /** Of {@link Configuration#exact}: nothing is fitted. */
  private static final int ALL = Integer.MAX_VALUE;

  private static final List<Term> RECOMMENDED_TERMS =
      List.of(Term.ONE, Term.LINEAR, Term.SQUARE, Term.CUBE, Term.FOURTH, Term.ROOT);

  /** All that are tried. */
  static final List<Configuration> CONFIGURATIONS =
      List.of(
          new Configuration("exact", ALL, List.of(), 0),
          new Configuration("recommended", 16, RECOMMENDED_TERMS, 0),
          new Configuration("budget pick", 1, List.of(Term.ONE, Term.LINEAR, Term.ROOT), 0),
          new Configuration("recommended, 4-bit residuals", 16, RECOMMENDED_TERMS, 4),
          new Configuration("recommended, 8-bit residuals", 16, RECOMMENDED_TERMS, 8),
          new Configuration("8-bit log-probabilities", 1, List.of(), 8));

  private final Configuration configuration;
  private final int vocabulary;
  private final int idBits;
  private final int exact;
  private final TopTokens top;
  private final RankPolynomial polynomial;
  private final double[] coefficients;
  private final double[] values;
  private final double[] scratch;

  /**
   * For rows of V logits.
   *
   * @param k at least 1; at most V
   */
  DistillKitPayload(Configuration configuration, int k, int vocabulary) {
    this.configuration = configuration;
    this.vocabulary = vocabulary;
    this.idBits = TopKPayload.idBits(vocabulary);
    this.exact = Math.min(k, configuration.exact());
    this.top = new TopTokens(k, vocabulary);
    this.polynomial =
        new RankPolynomial(
            k == exact ? 0 : k - exact,
            k == exact ? new Term[0] : configuration.terms().toArray(Term[]::new));
    this.coefficients = new double[configuration.terms().size()];
    this.values = new double[k];
    this.scratch = new double[vocabulary];
  }

  /** k. */
  int k() {
    return top.size();
  }

  /** Bytes of a row. */
  int bytes() {
    return (int) configuration.bytes(k(), vocabulary);
  }

  /**
   * Writes a row.
   *
   * @param row [V] finite logits
   * @param out receives {@link #bytes} bytes from {@code at} on, where it has zeros
   */
  void write(double[] row, byte[] out, int at) {
    top.select(row);
    double normaliser = Softmax.probabilities(row, 0, vocabulary, scratch);
    for (int i = 0; i < k(); i++) {
      values[i] = row[top.id(i)] - normaliser;
    }
    int next = at;
    for (int i = 0; i < exact; i++, next += EXACT_BYTES) {
      little(out, next, EXACT_BYTES, FloatFormat.BFLOAT16.encode((float) values[i]));
    }
    if (exact < k()) {
      polynomial.fit(values, exact, coefficients);
      for (int j = 0; j < configuration.terms().size(); j++, next += TERM_BYTES) {
        float term = (float) coefficients[j];
        little(out, next, TERM_BYTES, Float.floatToIntBits(term));
        coefficients[j] = term;
      }
      if (configuration.residualBits() > 0) {
        next = writeResiduals(out, next);
      }
    }
    BitFields ids = new BitFields(out, 8L * next);
    for (int i = 0; i < k(); i++) {
      ids.write(top.id(i), idBits);
    }
  }

  /** Symmetric about 0, by the largest: {@code quantize_naive}. */
  private int writeResiduals(byte[] out, int at) {
    int bits = configuration.residualBits();
    double largest = 0;
    for (int i = exact; i < k(); i++) {
      values[i] -= polynomial.at(i - exact, coefficients);
      largest = Math.max(largest, Math.abs(values[i]));
    }
    int half = 1 << (bits - 1);
    int scale = Math.max(1, FloatFormat.BINARY16.encode(largest / half));
    little(out, at, SCALE_BYTES, scale);
    BitFields residuals = new BitFields(out, 8L * (at + SCALE_BYTES));
    for (int i = exact; i < k(); i++) {
      double q = Math.rint(values[i] / FloatFormat.BINARY16.decode(scale));
      residuals.write((int) Math.max(-half, Math.min(half - 1, q)) + half, bits);
    }
    return at + SCALE_BYTES + (int) BitFields.bytes((long) (k() - exact) * bits);
  }

  /**
   * Reads a row.
   *
   * @param ids receives k tokens
   * @param logs receives their log-probabilities, nats
   */
  void read(byte[] in, int at, int[] ids, double[] logs) {
    int next = at;
    for (int i = 0; i < exact; i++, next += EXACT_BYTES) {
      logs[i] = FloatFormat.BFLOAT16.decode(little(in, next, EXACT_BYTES));
    }
    Arrays.fill(logs, exact, k(), 0);
    if (exact < k()) {
      for (int j = 0; j < configuration.terms().size(); j++, next += TERM_BYTES) {
        coefficients[j] = Float.intBitsToFloat(little(in, next, TERM_BYTES));
      }
      int bits = configuration.residualBits();
      if (bits > 0) {
        double scale = FloatFormat.BINARY16.decode(little(in, next, SCALE_BYTES));
        next += SCALE_BYTES;
        BitFields residuals = new BitFields(in, 8L * next);
        for (int i = exact; i < k(); i++) {
          logs[i] = (residuals.read(bits) - (1 << (bits - 1))) * scale;
        }
        next += (int) BitFields.bytes((long) (k() - exact) * bits);
      }
      for (int i = exact; i < k(); i++) {
        logs[i] += polynomial.at(i - exact, coefficients);
      }
    }
    BitFields fields = new BitFields(in, 8L * next);
    for (int i = 0; i < k(); i++) {
      ids[i] = fields.read(idBits);
    }
  }

  private static void little(byte[] out, int at, int bytes, int value) {
    for (int i = 0; i < bytes; i++) {
      out[at + i] = (byte) (value >>> 8 * i);
    }
  }

  private static int little(byte[] in, int at, int bytes) {
    int value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (in[at + i] & 0xff) << 8 * i;
    }
    return value;
  }
}
