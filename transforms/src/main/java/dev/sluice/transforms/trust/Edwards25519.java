package dev.sluice.transforms.trust;

import java.math.BigInteger;

/**
 * The curve of Ed25519, −x² + y² = 1 + d·x²·y² over the field of p = 2^255 − 19 elements: which y
 * are of a point, and of which one. For public keys alone: nothing here takes constant time. RFC
 * 8032 5.1.
 */
final class Edwards25519 {
  /** p. */
  static final BigInteger P = BigInteger.ONE.shiftLeft(255).subtract(BigInteger.valueOf(19));

  /** d = −121665 / 121666. */
  static final BigInteger D =
      BigInteger.valueOf(-121665).multiply(BigInteger.valueOf(121666).modInverse(P)).mod(P);

  private static final BigInteger HALF = P.shiftRight(1); // (p − 1) / 2

  private Edwards25519() {}

  /**
   * Whether a point has this y, in [0, p): x² = (y² − 1) / (d·y² + 1) is a square, by Euler's
   * criterion. The divisor is never 0, as −1/d is no square.
   */
  static boolean isOfAPoint(BigInteger y) {
    BigInteger square = y.multiply(y).mod(P);
    BigInteger product =
        square.subtract(BigInteger.ONE).multiply(D.multiply(square).add(BigInteger.ONE)).mod(P);
    return product.signum() == 0 || product.modPow(HALF, P).equals(BigInteger.ONE);
  }

  /**
   * Whether the points with this y have an order that divides 8: then signatures that verify can be
   * made without the private key. Orders 1 and 2 are y = ±1, order 4 is y = 0; doubling a point of
   * order 8 gives y = 0, which is x² = −y² and with the curve d·y⁴ + 2·y² = 1.
   */
  static boolean hasSmallOrder(BigInteger y) {
    BigInteger square = y.multiply(y).mod(P);
    BigInteger eighth =
        D.multiply(square).add(BigInteger.TWO).multiply(square).subtract(BigInteger.ONE).mod(P);
    return square.signum() == 0 || square.equals(BigInteger.ONE) || eighth.signum() == 0;
  }
}
