package dev.sluice.transforms.allocation;

import java.io.Serializable;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.util.Arrays;

/**
 * A sum of float64 numbers in 256-bit fixed point, two's complement, in units of 2^-128. A summand
 * is cut towards zero to that unit, which changes none of magnitude 2^-76 or more; the sums are
 * then exact, so their value and their four words do not depend on order or grouping.
 *
 * <p>Range: |sum| &lt; 2^127, for the caller to keep.
 */
final class ExactSum implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int WORDS = 4;
  private static final int POINT = 128;

  private final long[] words = new long[WORDS];

  /** Adds a finite number below 2^126 in magnitude. */
  void add(double value) {
    if (!(Math.abs(value) < 0x1p126)) {
      throw new IllegalArgumentException("summand must be below 2^126 in magnitude, got " + value);
    }
    int exponent = Math.getExponent(value);
    long fraction = Double.doubleToRawLongBits(value) & 0xfffffffffffffL;
    int shift;
    if (exponent < Double.MIN_EXPONENT) {
      return; // zero and what is far below the unit
    }
    fraction |= 1L << 52;
    shift = exponent - 52 + POINT;
    if (shift < 0) {
      fraction = shift <= -64 ? 0 : fraction >>> -shift;
      shift = 0;
    }
    int at = shift >>> 6;
    int by = shift & 63;
    long low = fraction << by;
    long high = by == 0 ? 0 : fraction >>> (64 - by);
    if (value > 0) {
      addWords(at, low, high);
    } else {
      subtractWords(at, low, high);
    }
  }

  private void addWords(int at, long low, long high) {
    long carry = 0;
    for (int i = at; i < WORDS; i++) {
      long term = i == at ? low : i == at + 1 ? high : 0;
      long partial = words[i] + term;
      long over = Long.compareUnsigned(partial, term) < 0 ? 1 : 0;
      words[i] = partial + carry;
      carry = over + (Long.compareUnsigned(words[i], partial) < 0 ? 1 : 0);
    }
  }

  private void subtractWords(int at, long low, long high) {
    long borrow = 0;
    for (int i = at; i < WORDS; i++) {
      long term = i == at ? low : i == at + 1 ? high : 0;
      long partial = words[i] - term;
      long under = Long.compareUnsigned(words[i], term) < 0 ? 1 : 0;
      words[i] = partial - borrow;
      borrow = under + (Long.compareUnsigned(partial, borrow) < 0 ? 1 : 0);
    }
  }

  /** Adds x², which float64 holds as a product and its rounding error. */
  void addSquare(double x) {
    double product = x * x;
    add(product);
    add(Math.fma(x, x, -product));
  }

  /** Adds another sum, which is not changed. */
  void add(ExactSum other) {
    long carry = 0;
    for (int i = 0; i < WORDS; i++) {
      long partial = words[i] + other.words[i];
      long over = Long.compareUnsigned(partial, words[i]) < 0 ? 1 : 0;
      words[i] = partial + carry;
      carry = over + (Long.compareUnsigned(words[i], partial) < 0 ? 1 : 0);
    }
  }

  /** The sum in units of 2^-128. */
  BigInteger units() {
    byte[] bytes = new byte[8 * WORDS];
    for (int i = 0; i < bytes.length; i++) {
      bytes[bytes.length - 1 - i] = (byte) (words[i >>> 3] >>> (8 * (i & 7)));
    }
    return new BigInteger(bytes);
  }

  /**
   * units·2^{-128·power}/divisor, to the nearest float64 but for a first rounding to 60 digits.
   *
   * @param divisor above 0
   */
  static double quotient(BigInteger units, int power, BigInteger divisor) {
    BigInteger scaled = divisor.shiftLeft(POINT * power);
    return new BigDecimal(units).divide(new BigDecimal(scaled), new MathContext(60)).doubleValue();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ExactSum that && Arrays.equals(words, that.words);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(words);
  }
}
