package dev.sluice.transforms.reference;

import java.util.Arrays;

/**
 * A range asymmetric numeral system with a state of 63 bits and words of 32 (Duda 2013,
 * arXiv:1311.2540): takes symbols from the last to the first. FORMAT 15.5. Reusable; not
 * thread-safe.
 */
final class AnsWriter {
  /** What the state is before the last symbol, and after the first has been read. */
  static final long LEAST = 1L << 31;

  private int[] words = new int[1024];
  private int count;
  private long state = LEAST;

  /** Forgets everything. */
  void reset() {
    count = 0;
    state = LEAST;
  }

  /**
   * Writes a symbol of a distribution over [0, 2^15).
   *
   * @param start frequency below it
   * @param frequency its own, 1 .. 2^15 - 1
   */
  void symbol(int start, int frequency) {
    if (state >= (long) frequency << (63 - LogisticModel.BITS)) {
      push();
    }
    state = (state / frequency << LogisticModel.BITS) + state % frequency + start;
  }

  /**
   * Writes bits as they are.
   *
   * @param count 0 .. 16
   */
  void bits(int bits, int count) {
    if (state >>> (63 - count) != 0) {
      push();
    }
    state = state << count | bits;
  }

  private void push() {
    if (count == words.length) {
      words = Arrays.copyOf(words, 2 * count);
    }
    words[count++] = (int) state;
    state >>>= 32;
  }

  /** Length of the stream, bytes. */
  int bytes() {
    return 8 + 4 * count;
  }

  /** Writes the stream: the state, then the words, last first. */
  void write(byte[] into, int at) {
    for (int i = 0; i < 8; i++) {
      into[at + i] = (byte) (state >>> 8 * i);
    }
    for (int w = count - 1, j = at + 8; w >= 0; w--, j += 4) {
      into[j] = (byte) words[w];
      into[j + 1] = (byte) (words[w] >>> 8);
      into[j + 2] = (byte) (words[w] >>> 16);
      into[j + 3] = (byte) (words[w] >>> 24);
    }
  }
}
