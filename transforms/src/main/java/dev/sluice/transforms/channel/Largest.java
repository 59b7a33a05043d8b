package dev.sluice.transforms.channel;

import java.util.Arrays;

/** The k largest of n numbers, by a heap. Holds the last answer; not thread-safe. */
public final class Largest {
  private final long[] keys;
  private final int[] ids;

  /**
   * For rows of n numbers.
   *
   * @param k at least 1; n where it is more
   * @param numbers n ≥ 1
   */
  public Largest(int k, int numbers) {
    if (k < 1 || numbers < 1) {
      throw new IllegalArgumentException(
          "k and the numbers must be at least 1, got " + k + " and " + numbers);
    }
    keys = new long[Math.min(k, numbers)];
    ids = new int[keys.length];
  }

  /**
   * Takes a row: largest first, equal ones by id.
   *
   * @param row [n], finite; numbers that are one as float32 are equal
   */
  public void select(double[] row) {
    int kept = keys.length;
    for (int v = 0; v < kept; v++) {
      keys[v] = key((float) row[v], v);
    }
    for (int at = kept / 2 - 1; at >= 0; at--) {
      siftDown(at);
    }
    for (int v = kept; v < row.length; v++) {
      long key = key((float) row[v], v);
      if (key > keys[0]) {
        keys[0] = key;
        siftDown(0);
      }
    }
    Arrays.sort(keys);
    for (int i = 0; i < kept; i++) {
      ids[i] = Integer.MAX_VALUE - (int) keys[kept - 1 - i];
    }
  }

  /** Orders by number, and equal ones by falling id; -0 is 0. */
  private static long key(float number, int id) {
    int bits = Float.floatToIntBits(number + 0.0f);
    int ordered = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
    return ((long) ordered << 32) | (Integer.MAX_VALUE - id);
  }

  /** The least key is at 0. */
  private void siftDown(int from) {
    long key = keys[from];
    int at = from;
    while (2 * at + 1 < keys.length) {
      int child = 2 * at + 1;
      if (child + 1 < keys.length && keys[child + 1] < keys[child]) {
        child++;
      }
      if (key <= keys[child]) {
        break;
      }
      keys[at] = keys[child];
      at = child;
    }
    keys[at] = key;
  }

  /** Numbers kept of a row: min(k, n). */
  public int size() {
    return ids.length;
  }

  /** The id in place i, the largest number's at 0. */
  public int id(int i) {
    return ids[i];
  }

  /** Whether a number of the row that was taken is among the largest. */
  public boolean holds(double number, int id) {
    return key((float) number, id) >= keys[0];
  }
}
