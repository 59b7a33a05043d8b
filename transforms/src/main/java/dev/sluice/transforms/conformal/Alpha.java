package dev.sluice.transforms.conformal;

import java.math.BigDecimal;
import java.math.BigInteger;

/**
 * A miscoverage level in (0, 1) as a fraction in lowest terms: ranks are integers, and a product of
 * float64 numbers is wrong by one for some of them (0.18·150).
 *
 * @param numerator at least 1
 * @param denominator above the numerator, at most 10^9
 */
public record Alpha(long numerator, long denominator) implements Comparable<Alpha> {
  /** The largest denominator: nine decimals, and a product of two fits 63 bits. */
  public static final long MAX_DENOMINATOR = 1_000_000_000;

  public Alpha {
    if (numerator < 1 || denominator <= numerator) {
      throw new IllegalArgumentException(
          "alpha must be in (0, 1), got " + numerator + "/" + denominator);
    }
    long divisor =
        BigInteger.valueOf(numerator).gcd(BigInteger.valueOf(denominator)).longValueExact();
    numerator /= divisor;
    denominator /= divisor;
    if (denominator > MAX_DENOMINATOR) {
      throw new IllegalArgumentException(
          "alpha's denominator must be at most 10^9, got " + numerator + "/" + denominator);
    }
  }

  /**
   * The value of a decimal such as "0.1", exactly.
   *
   * @throws IllegalArgumentException unless it is a decimal in (0, 1) with at most nine places
   */
  public static Alpha of(String decimal) {
    BigDecimal value;
    try {
      value = new BigDecimal(decimal).stripTrailingZeros();
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("alpha must be a decimal in (0, 1), got " + decimal, e);
    }
    if (value.signum() <= 0 || value.compareTo(BigDecimal.ONE) >= 0 || value.scale() > 9) {
      throw new IllegalArgumentException(
          "alpha must be in (0, 1) with at most nine decimals, got " + decimal);
    }
    return new Alpha(value.unscaledValue().longValueExact(), (long) Math.pow(10, value.scale()));
  }

  /** floor(alpha·m), exact, for m at least 0. */
  long floorTimes(long m) {
    return numerator * (m / denominator) + numerator * (m % denominator) / denominator;
  }

  /** The nearest float64. */
  public double toDouble() {
    return (double) numerator / denominator;
  }

  @Override
  public int compareTo(Alpha other) {
    return Long.compare(numerator * other.denominator, other.numerator * denominator);
  }

  @Override
  public String toString() {
    return numerator + "/" + denominator;
  }
}
