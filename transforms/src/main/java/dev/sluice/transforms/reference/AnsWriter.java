package dev.sluice.transforms.reference;

import java.math.BigInteger;
import java.util.Arrays;

/**
 * A range asymmetric numeral system with a state of 63 bits and words of 32 (Duda 2013,
 * arXiv:1311.2540): takes symbols from the last to the first. FORMAT 15.5. The state is the
 * caller's, who passes it and receives the next. Reusable; not thread-safe.
 */
final class AnsWriter {
  /** What the state is before the last symbol, and after the first has been read. */
  static final long LEAST = 1L << 31;

  /**
   * What a symbol, or bits, may add to the stream above their information, in units of 2^-16 bits:
   * below {@code log2(1 + 2^-15)}, as a state is at least 2^16 frequencies, or 2^15, where it takes
   * them.
   */
  static final int EXCESS = 3;

  /** No symbol that {@link #pack} makes: nothing is to be written. */
  static final long NOTHING = 0;

  /** No such symbol: what is to be written is in none. */
  static final long BEYOND = -1;

  /** By frequency, from 2 on: 2^(63 + s) over it, rounded up; unsigned. */
  private static final long[] RECIPROCALS = new long[LogisticModel.TOTAL];

  static {
    for (int frequency = 2; frequency < RECIPROCALS.length; frequency++) {
      int s = 32 - Integer.numberOfLeadingZeros(frequency - 1);
      BigInteger power = BigInteger.ONE.shiftLeft(63 + s);
      BigInteger up = BigInteger.valueOf(frequency - 1);
      RECIPROCALS[frequency] = power.add(up).divide(BigInteger.valueOf(frequency)).longValue();
    }
  }

  private int[] words = new int[1024];
  private int count;

  /**
   * Begins a stream.
   *
   * @return the first state
   */
  long open() {
    count = 0;
    return LEAST;
  }

  /**
   * Writes a symbol of a distribution over [0, 2^15).
   *
   * @param frequencies the frequency below it and, in the low 16 bits, its own, 1 .. 2^15 - 1
   */
  long symbol(long state, int frequencies) {
    long frequency = frequencies & 0xffff;
    if (state >= frequency << (63 - LogisticModel.BITS)) {
      state = push(state);
    }
    // In place of (quotient << 15) + state - quotient * frequency, one product.
    long rest = state + (frequencies >>> 16);
    return quotient(state, (int) frequency) * (LogisticModel.TOTAL - frequency) + rest;
  }

  /**
   * {@code state / frequency} by a product, which takes half the time of a division: with s the
   * least that has {@code frequency <= 2^s}, exact for any state below 2^63 (Granlund and
   * Montgomery, Division by invariant integers using multiplication, PLDI 1994, theorem 4.2).
   */
  static long quotient(long state, int frequency) {
    if (frequency == 1) {
      return state;
    }
    // The high half of an unsigned product from the signed one: reciprocals have the sign bit.
    long high = Math.multiplyHigh(state, RECIPROCALS[frequency]) + state;
    return high >>> (31 - Integer.numberOfLeadingZeros(frequency - 1));
  }

  /**
   * Writes bits as they are.
   *
   * @param count 0 .. 16
   */
  long bits(long state, int bits, int count) {
    if (state >>> (63 - count) != 0) {
      state = push(state);
    }
    return state << count | bits;
  }

  /**
   * A symbol and the bits that follow it, in one number.
   *
   * @param plain how many bits
   */
  static long pack(int frequencies, int bits, int plain) {
    return (frequencies & 0xffffffffL) << 21 | (long) plain << 16 | bits;
  }

  /** Writes these. */
  long packed(long state, long symbol) {
    long next = bits(state, (int) symbol & 0xffff, (int) (symbol >>> 16) & 31);
    return symbol(next, (int) (symbol >>> 21));
  }

  private long push(long state) {
    if (count == words.length) {
      words = Arrays.copyOf(words, 2 * count);
    }
    words[count++] = (int) state;
    return state >>> 32;
  }

  /** Length of the stream, bytes. */
  int bytes() {
    return 8 + 4 * count;
  }

  /** Writes the stream: the last state, then the words, last first. */
  void write(long state, byte[] into, int at) {
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
