package dev.sluice.transforms.comparison;

import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.format.FloatFormat;
import dev.sluice.transforms.export.TopTokens;
import dev.sluice.transforms.theory.Softmax;

/**
 * The k likeliest tokens of a row: ids of {@code ceil(log2 V)} bits each and log-probabilities as
 * binary16, and nothing else. What offline distillation stores of a teacher at its plainest, as
 * Megatron-LM's offline logits do; on the bias that comes with it see Anshumann et al., "Sparse
 * Logit Sampling", ACL 2025, arXiv:2503.16870. All V tokens need no ids.
 *
 * <p>Rows follow one another without padding. Not thread-safe.
 */
final class TopKPayload {
  private static final int VALUE_BITS = FloatFormat.BINARY16.bits();

  private final int vocabulary;
  private final TopTokens top;
  private final int idBits;
  private final double[] scratch;

  /**
   * For rows of V logits.
   *
   * @param k in [1, V]
   */
  TopKPayload(int k, int vocabulary) {
    this.vocabulary = vocabulary;
    this.top = new TopTokens(k, vocabulary);
    this.idBits = k == vocabulary ? 0 : idBits(vocabulary);
    this.scratch = new double[vocabulary];
  }

  /** ceil(log2 V). */
  static int idBits(int vocabulary) {
    return Integer.SIZE - Integer.numberOfLeadingZeros(vocabulary - 1);
  }

  /** The largest k whose rows are within some bits; 0 where there is none. */
  static int largest(double bitsPerRow, int vocabulary) {
    if (bitsPerRow >= (double) VALUE_BITS * vocabulary) {
      return vocabulary;
    }
    int k = (int) (bitsPerRow / (idBits(vocabulary) + VALUE_BITS));
    return Math.min(k, vocabulary - 1);
  }

  /** Bits of a row. */
  long bits() {
    return (long) k() * (idBits + VALUE_BITS);
  }

  /** k. */
  int k() {
    return top.size();
  }

  /**
   * Writes a row.
   *
   * @param row [V] finite logits
   */
  void write(double[] row, BitFields out) {
    double normaliser = Softmax.probabilities(row, 0, vocabulary, scratch);
    if (idBits == 0) {
      for (double logit : row) {
        out.write(FloatFormat.BINARY16.encode(logit - normaliser), VALUE_BITS);
      }
      return;
    }
    top.select(row);
    for (int i = 0; i < k(); i++) {
      out.write(top.id(i), idBits);
      out.write(FloatFormat.BINARY16.encode(row[top.id(i)] - normaliser), VALUE_BITS);
    }
  }

  /**
   * Reads a row.
   *
   * @param ids receives k tokens
   * @param logs receives their log-probabilities, nats
   */
  void read(BitFields in, int[] ids, double[] logs) {
    for (int i = 0; i < k(); i++) {
      ids[i] = idBits == 0 ? i : in.read(idBits);
      logs[i] = FloatFormat.BINARY16.decode(in.read(VALUE_BITS));
    }
  }
}
