package dev.sluice.transforms.export;

import dev.sluice.transforms.theory.Softmax;
import java.util.Arrays;

/**
 * The k likeliest tokens of a row of logits, and the mass of the others. Holds the last row's
 * answer; not thread-safe.
 */
public final class TopTokens {
  private final long[] keys;
  private final int[] ids;
  private final float[] logprobs;
  private double tailMass;

  /**
   * For rows of V logits.
   *
   * @param k at least 1; V where it is more
   * @param vocabulary V ≥ 1
   */
  public TopTokens(int k, int vocabulary) {
    if (k < 1 || vocabulary < 1) {
      throw new IllegalArgumentException(
          "k and vocabulary must be at least 1, got " + k + " and " + vocabulary);
    }
    int kept = Math.min(k, vocabulary);
    keys = new long[kept];
    ids = new int[kept];
    logprobs = new float[kept];
  }

  /**
   * Takes a row. Tokens are by logit, largest first, equal ones by id. A log-probability is the
   * float32 next to logit − log Σ exp; the tail is Σ exp(logit − log Σ exp) over the tokens that
   * are left, ascending, and not 1 less the others: it has all its digits where next to nothing is
   * left.
   *
   * @param row [V], finite float32 numbers
   */
  public void read(double[] row) {
    select(row);
    long least = keys[0];
    double normaliser = Softmax.logSumExp(row, 0, row.length);
    tailMass = 0;
    for (int v = 0; v < row.length; v++) {
      if (key((float) row[v], v) < least) {
        tailMass += StrictMath.exp(row[v] - normaliser);
      }
    }
    for (int i = 0; i < keys.length; i++) {
      logprobs[i] = (float) (row[ids[i]] - normaliser);
    }
  }

  /**
   * Takes the tokens of a row as {@link #read} does, without what they are worth.
   *
   * @param row [V], finite; logits that are one as float32 are equal
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

  /** Orders by logit, and equal ones by falling id; -0 is 0. */
  private static long key(float logit, int id) {
    int bits = Float.floatToIntBits(logit + 0.0f);
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

  /** Tokens kept of a row: min(k, V). */
  public int size() {
    return ids.length;
  }

  /** The token in place i, the likeliest at 0. */
  public int id(int i) {
    return ids[i];
  }

  /** Its log-probability, nats. */
  public float logprob(int i) {
    return logprobs[i];
  }

  /** The probability of all tokens that are not kept; 0 where all are. */
  public double tailMass() {
    return tailMass;
  }
}
