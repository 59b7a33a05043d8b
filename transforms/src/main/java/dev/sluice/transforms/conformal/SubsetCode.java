package dev.sluice.transforms.conformal;

import java.math.BigInteger;

/**
 * Subsets of {@code {0 .. u-1}} with k elements, numbered: {@code c_1 < ... < c_k} is number {@code
 * C(c_1, 1) + ... + C(c_k, k)}, in [0, C(u, k)). Knuth, TAOCP 4A, 7.2.1.3, Theorem L.
 *
 * <p>A monotone sequence {@code v_1 <= ... <= v_k} in [0, m) is the subset {@code v_j + j - 1} of
 * {@code {0 .. m+k-2}}.
 */
final class SubsetCode {
  private SubsetCode() {}

  /** C(u, k), 0 unless 0 <= k <= u. */
  static BigInteger count(int u, int k) {
    if (k < 0 || k > u) {
      return BigInteger.ZERO;
    }
    BigInteger c = BigInteger.ONE;
    for (int i = 1, few = Math.min(k, u - k); i <= few; i++) {
      c = c.multiply(BigInteger.valueOf(u - few + i)).divide(BigInteger.valueOf(i));
    }
    return c;
  }

  /** ceil(log2 C(u, k)): the bits of a number; 0 where there is one subset. */
  static int bits(int u, int k) {
    return count(u, k).subtract(BigInteger.ONE).bitLength();
  }

  /**
   * The number of a subset.
   *
   * @param subset strictly ascending, in [0, u)
   */
  static BigInteger number(int[] subset, int u) {
    BigInteger number = BigInteger.ZERO;
    int before = -1;
    for (int j = 0; j < subset.length; j++) {
      if (subset[j] <= before || subset[j] >= u) {
        throw new IllegalArgumentException(
            "element " + j + " must be in (" + before + ", " + u + "), got " + subset[j]);
      }
      before = subset[j];
      number = number.add(count(before, j + 1));
    }
    return number;
  }

  /**
   * The subset of a number, strictly ascending. O(k²·log u) small multiplications and divisions
   * where that is less than going through all u elements with one of each.
   *
   * @param number in [0, C(u, k))
   */
  static int[] subset(BigInteger number, int u, int k) {
    return 16L * k * k < u ? searched(number, u, k) : walked(number, u, k);
  }

  /** By bisection for the largest y with C(y, j) at most the rest. */
  static int[] searched(BigInteger number, int u, int k) {
    int[] subset = new int[k];
    BigInteger rest = number;
    int high = u;
    for (int j = k; j > 0; j--) {
      int low = j - 1;
      while (high - low > 1) {
        int middle = (low + high) >>> 1;
        if (count(middle, j).compareTo(rest) <= 0) {
          low = middle;
        } else {
          high = middle;
        }
      }
      subset[j - 1] = low;
      rest = rest.subtract(count(low, j));
      high = low;
    }
    return subset;
  }

  /** Through all elements from the last, with C(y, j) kept up to date. */
  static int[] walked(BigInteger number, int u, int k) {
    int[] subset = new int[k];
    BigInteger rest = number;
    int j = k;
    BigInteger c = count(u - 1, j); // C(y, j)
    for (int y = u - 1; j > 0; y--) {
      if (rest.compareTo(c) >= 0) {
        rest = rest.subtract(c);
        subset[j - 1] = y;
        c = y == 0 ? c : scaled(c, j, y); // C(y-1, j-1); y is 0 at the last element only
        j--;
      } else {
        c = scaled(c, y - j, y); // C(y-1, j)
      }
    }
    return subset;
  }

  private static BigInteger scaled(BigInteger c, int by, int over) {
    return c.multiply(BigInteger.valueOf(by)).divide(BigInteger.valueOf(over));
  }

  /** The low {@code bytes.length} bytes of a number, little-endian. */
  static void toBytes(BigInteger number, byte[] bytes) {
    byte[] high = number.toByteArray();
    for (int i = 0; i < bytes.length && i < high.length; i++) {
      bytes[i] = high[high.length - 1 - i];
    }
  }

  /** The number that bytes spell, little-endian. */
  static BigInteger ofBytes(byte[] bytes) {
    byte[] high = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      high[i] = bytes[bytes.length - 1 - i];
    }
    return new BigInteger(1, high);
  }
}
