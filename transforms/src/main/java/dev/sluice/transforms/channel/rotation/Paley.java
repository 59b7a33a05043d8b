package dev.sluice.transforms.channel.rotation;

/**
 * Paley's Hadamard matrices, entries +-1 and rows orthogonal, from the squares modulo a prime. R.
 * E. A. C. Paley, On orthogonal matrices, J. Math. Phys. 12, 1933.
 */
final class Paley {
  private Paley() {}

  /**
   * The matrix of order 12, 20 or 28, row by row: of the first kind, I + S with S skew, for 12 and
   * 20; of the second, S tensor [1 1; 1 -1] + I tensor [1 -1; -1 -1] with S symmetric, for 28.
   */
  static float[] matrix(int order) {
    if (order < 28) {
      float[] s = conference(order - 1);
      for (int i = 0; i < order; i++) {
        s[i * order + i] = 1;
      }
      return s;
    }
    int half = order / 2;
    float[] s = conference(half - 1);
    float[] m = new float[order * order];
    for (int i = 0; i < half; i++) {
      for (int j = 0; j < half; j++) {
        float entry = s[i * half + j];
        float one = i == j ? 1 : 0;
        m[2 * i * order + 2 * j] = entry + one;
        m[2 * i * order + 2 * j + 1] = entry - one;
        m[(2 * i + 1) * order + 2 * j] = entry - one;
        m[(2 * i + 1) * order + 2 * j + 1] = -entry - one;
      }
    }
    return m;
  }

  /** S = [0 1; +-1 Q] of order p + 1, Q_ij the quadratic character of i - j modulo p. */
  private static float[] conference(int p) {
    boolean[] square = new boolean[p];
    for (int i = 1; i < p; i++) {
      square[i * i % p] = true;
    }
    int order = p + 1;
    float[] s = new float[order * order];
    for (int i = 1; i < order; i++) {
      s[i] = 1;
      s[i * order] = p % 4 == 3 ? -1 : 1;
      for (int j = 1; j < order; j++) {
        if (i != j) {
          s[i * order + j] = square[Math.floorMod(i - j, p)] ? 1 : -1;
        }
      }
    }
    return s;
  }
}
