package dev.sluice.transforms.channel;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Symbols to bits and back: the first {@code finer} of {@code n} symbols have radix N+1, the others
 * N. FORMAT 3.6.
 *
 * <p>A power of two alone is a bit field. Anything else passes through an accumulator {@code x =
 * x*N_j + d_j} whose bound {@code S = prod N_j} both ends know, so that where 32-bit words leave it
 * depends on the radices and never on the data. The schedule is kept as run lengths; the decoder's
 * inner loop has no branch and divides by multiplication.
 *
 * <p>Against the entropy {@code sum log2 N_j} the loss is below one bit for the tail and {@code
 * log2(1 + 2^-14)} for each word, since a word leaves at {@code S >= 2^46} and {@code ceil(S/2^32)
 * < S/2^32 + 1}: under 3e-6 of the length.
 *
 * <p>Immutable.
 */
public final class RadixCode {
  /** The largest radix: 2^16 levels and the one that {@link Quantizer#DITHER_PAPER} adds. */
  static final int MAX_RADIX = (1 << 16) + 1;

  /**
   * A word leaves the accumulator when its bound reaches this. Times MAX_RADIX it is below 2^63.
   */
  private static final long FULL = 1L << 46;

  private static final VarHandle INT_LE =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

  private final int radix;
  private final int finer;
  private final int count;
  private final int fieldBits;
  private final int words;
  private final int tailBits;
  private final long tailBound;
  private final Stretch fine;
  private final Stretch coarse;

  private RadixCode(int radix, int finer, int count) {
    this.radix = radix;
    this.finer = finer;
    this.count = count;
    this.fieldBits = isField(radix, finer) ? Integer.numberOfTrailingZeros(radix) : 0;
    if (fieldBits > 0) {
      words = 0;
      tailBits = 0;
      tailBound = 1;
      fine = null;
      coarse = null;
      return;
    }
    // Lengths of the runs in the encoder's order, each ended by a word or by the stretch's end.
    Bound bound = new Bound();
    coarse = new Stretch(radix, bound.runs(radix, count - finer));
    fine = new Stretch(radix + 1, bound.runs(radix + 1, finer));
    words = bound.words;
    tailBound = bound.states;
    tailBits = ceilLog2(bound.states);
  }

  /**
   * The code of a block.
   *
   * @param radix N, in [2, 65537]; N+1 too if finer is above 0
   * @param finer number of leading symbols with radix N+1, in [0, count]
   * @param count n, at least 0
   */
  public static RadixCode of(int radix, int finer, int count) {
    check(radix, finer, count);
    return new RadixCode(radix, finer, count);
  }

  /** The exact length in bits of every stream of this code, without building it. O(count). */
  public static long bits(int radix, int finer, int count) {
    check(radix, finer, count);
    if (isField(radix, finer)) {
      return (long) count * Integer.numberOfTrailingZeros(radix);
    }
    Bound bound = new Bound();
    bound.pass(radix, count - finer);
    bound.pass(radix + 1, finer);
    return 32L * bound.words + ceilLog2(bound.states);
  }

  /** Length of a stream in bits. */
  public long bits() {
    return fieldBits > 0 ? (long) count * fieldBits : 32L * words + tailBits;
  }

  /** Length of a stream in bytes, the last one's spare bits being 0. */
  public int bytes() {
    return (int) ((bits() + 7) >>> 3);
  }

  /** Whether symbol j is byte j of the stream. */
  boolean isBytes() {
    return fieldBits == 8;
  }

  /**
   * Writes the stream of {@code symbols[0 .. n)} to {@code out[at .. at + bytes())}, whose bytes
   * must be 0.
   *
   * @throws IllegalArgumentException if a symbol is outside its radix
   */
  public void encode(int[] symbols, byte[] out, int at) {
    checkSymbols(symbols);
    if (fieldBits > 0) {
      packFields(symbols, out, at);
      return;
    }
    int word = words;
    long x = 0;
    int j = count;
    for (Stretch stretch : new Stretch[] {coarse, fine}) {
      int n = stretch.radix;
      byte[] runs = stretch.runs;
      for (int run = runs.length - 1; run >= 0; run--) {
        for (int i = runs[run]; i > 0; i--) {
          x = x * n + symbols[--j];
        }
        if (run > 0) {
          INT_LE.set(out, at + 4 * --word, (int) x);
          x >>>= 32;
        }
      }
    }
    for (int i = at + 4 * words, left = tailBits; left > 0; left -= 8, x >>>= 8) {
      out[i++] = (byte) x;
    }
  }

  /**
   * Reads a stream from {@code in[at .. at + bytes())} into {@code symbols[0 .. n)}. The work does
   * not depend on the data. On failure the symbols are undefined.
   *
   * @throws BadCodesException if spare bits are set, the first state is not below its bound, or the
   *     last is not 0
   */
  public void decode(byte[] in, int at, int[] symbols) throws BadCodesException {
    checkSpareBits(in, at);
    if (fieldBits > 0) {
      unpackFields(in, at, symbols);
      return;
    }
    long x = 0;
    for (int i = at + bytes() - 1; i >= at + 4 * words; i--) {
      x = x << 8 | (in[i] & 0xff);
    }
    if (x >= tailBound) {
      throw new BadCodesException("first state " + x + ", expected below " + tailBound);
    }
    x = fine.decode(in, at, x, symbols, 0);
    x = coarse.decode(in, at + 4 * (fine.runs.length - 1), x, symbols, finer);
    if (x != 0) {
      throw new BadCodesException("last state " + x + ", expected 0: no stream of these radices");
    }
  }

  /**
   * Checks what {@link #decode} would, short of the symbols: that the bits after the last are 0.
   */
  void checkSpareBits(byte[] in, int at) throws BadCodesException {
    int used = (int) (bits() & 7);
    if (used != 0) {
      int spare = (in[at + bytes() - 1] & 0xff) >>> used;
      if (spare != 0) {
        throw new BadCodesException(
            "the last byte's " + (8 - used) + " spare bits are " + spare + ", expected 0");
      }
    }
  }

  private void checkSymbols(int[] symbols) {
    int worst = 0;
    for (int j = 0; j < finer; j++) {
      worst |= symbols[j] | (radix - symbols[j]);
    }
    for (int j = finer; j < count; j++) {
      worst |= symbols[j] | (radix - 1 - symbols[j]);
    }
    if (worst < 0) {
      for (int j = 0; j < count; j++) {
        int n = j < finer ? radix + 1 : radix;
        if (symbols[j] < 0 || symbols[j] >= n) {
          throw new IllegalArgumentException(
              "symbol " + j + " must be in [0, " + n + "), got " + symbols[j]);
        }
      }
    }
  }

  private void packFields(int[] symbols, byte[] out, int at) {
    if (fieldBits == 8) {
      for (int j = 0; j < count; j++) {
        out[at + j] = (byte) symbols[j];
      }
      return;
    }
    int q = fieldBits;
    int i = at;
    int whole = q < 8 ? count & -8 : 0;
    for (int j = 0; j < whole; j += 8) {
      // Eight fields are q bytes.
      long low =
          symbols[j] | symbols[j + 1] << q | symbols[j + 2] << 2 * q | symbols[j + 3] << 3 * q;
      long high =
          symbols[j + 4] | symbols[j + 5] << q | symbols[j + 6] << 2 * q | symbols[j + 7] << 3 * q;
      long held = low | high << 4 * q;
      for (int end = i + q; i < end; held >>>= 8) {
        out[i++] = (byte) held;
      }
    }
    long held = 0;
    int bits = 0;
    for (int j = whole; j < count; j++) {
      held |= (long) symbols[j] << bits;
      bits += fieldBits;
      while (bits >= 8) {
        out[i++] = (byte) held;
        held >>>= 8;
        bits -= 8;
      }
    }
    if (bits > 0) {
      out[i] = (byte) held;
    }
  }

  private void unpackFields(byte[] in, int at, int[] symbols) {
    int q = fieldBits;
    int mask = (1 << q) - 1;
    int end = at + bytes();
    // Four bytes from a field's first hold it, since q + 7 <= 23 bits; the last few are read byte
    // by byte.
    int whole = (int) Math.min(count, Math.max(0, ((bytes() - 4L) * 8) / q));
    for (int j = 0; j < whole; j++) {
      int bit = j * q;
      symbols[j] = ((int) INT_LE.get(in, at + (bit >>> 3)) >>> (bit & 7)) & mask;
    }
    for (int j = whole; j < count; j++) {
      int bit = j * q;
      int i = at + (bit >>> 3);
      int held = in[i] & 0xff;
      held |= i + 1 < end ? (in[i + 1] & 0xff) << 8 : 0;
      held |= i + 2 < end ? (in[i + 2] & 0xff) << 16 : 0;
      symbols[j] = (held >>> (bit & 7)) & mask;
    }
  }

  /** Symbols of one radix: runs.length - 1 words, each between two runs of symbols. */
  private static final class Stretch {
    final int radix;
    final byte[] runs;
    private final long multiplier;
    private final int shift;

    Stretch(int radix, byte[] runs) {
      this.radix = radix;
      this.runs = runs;
      // floor(x/N) = floor(x*m / 2^(62+l)), l = ceil(log2 N), m = ceil(2^(62+l)/N) < 2^63. Exact
      // while x*(m*N - 2^(62+l))
      // < 2^(62+l): x < 2^46*N and m*N - 2^(62+l) < N give 2^(46+2l), enough for l <= 16; N = 65537
      // has excess 32769 < 2^16.
      int log = ceilLog2(radix);
      this.shift = log - 2;
      this.multiplier =
          BigInteger.ONE
              .shiftLeft(62 + log)
              .add(BigInteger.valueOf(radix - 1))
              .divide(BigInteger.valueOf(radix))
              .longValueExact();
    }

    /**
     * Takes this stretch's symbols from x and the words at {@code in[at ..]}, the first to {@code
     * symbols[j]}.
     */
    long decode(byte[] in, int at, long x, int[] symbols, int j) throws BadCodesException {
      // Below this, x*2^32 + word is below 2^46*N: true of every valid stream, and what makes the
      // division exact.
      long bound = (long) radix << 14;
      int n = radix;
      long m = multiplier;
      int s = shift;
      for (int run = 0; run < runs.length; run++) {
        if (run > 0) {
          if (x >= bound) {
            throw new BadCodesException(
                "state " + x + " at symbol " + j + ", expected below " + bound);
          }
          x = x << 32 | ((int) INT_LE.get(in, at) & 0xffffffffL);
          at += 4;
        }
        int end = j + runs[run];
        if (n == 2) {
          for (; j < end; j++, x >>>= 1) {
            symbols[j] = (int) x & 1;
          }
        } else {
          for (; j < end; j++) {
            long quotient = Math.multiplyHigh(x, m) >> s;
            symbols[j] = (int) (x - quotient * n);
            x = quotient;
          }
        }
      }
      return x;
    }
  }

  /** The accumulator's bound S, and the words that have left, as symbols go by. */
  private static final class Bound {
    long states = 1;
    int words;

    void pass(int radix, int symbols) {
      long s = states;
      int w = words;
      for (int i = 0; i < symbols; i++) {
        s *= radix;
        if (s >= FULL) {
          s = (s + 0xffffffffL) >>> 32;
          w++;
        }
      }
      states = s;
      words = w;
    }

    /**
     * As pass; the symbols before, between and after the words, in the decoder's order. A run is
     * below 48 symbols.
     */
    byte[] runs(int radix, int symbols) {
      byte[] runs = new byte[16];
      int used = 0;
      int run = 0;
      for (int i = 0; i < symbols; i++) {
        states *= radix;
        run++;
        if (states >= FULL) {
          states = (states + 0xffffffffL) >>> 32;
          words++;
          if (used + 1 >= runs.length) {
            runs = Arrays.copyOf(runs, 2 * runs.length);
          }
          runs[used++] = (byte) run;
          run = 0;
        }
      }
      runs[used++] = (byte) run;
      byte[] reversed = new byte[used];
      for (int i = 0; i < used; i++) {
        reversed[i] = runs[used - 1 - i];
      }
      return reversed;
    }
  }

  private static boolean isField(int radix, int finer) {
    return finer == 0 && Integer.bitCount(radix) == 1;
  }

  private static int ceilLog2(long s) {
    return 64 - Long.numberOfLeadingZeros(s - 1);
  }

  private static void check(int radix, int finer, int count) {
    if (radix < 2 || radix > MAX_RADIX || (finer > 0 && radix >= MAX_RADIX)) {
      throw new IllegalArgumentException(
          "radix must be in [2, " + MAX_RADIX + "], got " + radix + " with " + finer + " finer");
    }
    if (finer < 0 || finer > count) {
      throw new IllegalArgumentException(
          "finer must be in [0, count = " + count + "], got " + finer);
    }
  }
}
