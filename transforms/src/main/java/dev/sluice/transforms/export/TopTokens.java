package dev.sluice.transforms.export;

import dev.sluice.transforms.channel.Largest;
import dev.sluice.transforms.theory.Softmax;

/**
 * The k likeliest tokens of a row of logits, and the mass of the others. Holds the last row's
 * answer; not thread-safe.
 */
public final class TopTokens {
  private final Largest largest;
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
    largest = new Largest(k, vocabulary);
    logprobs = new float[largest.size()];
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
    double normaliser = Softmax.logSumExp(row, 0, row.length);
    tailMass = 0;
    for (int v = 0; v < row.length; v++) {
      if (!largest.holds(row[v], v)) {
        tailMass += StrictMath.exp(row[v] - normaliser);
      }
    }
    for (int i = 0; i < logprobs.length; i++) {
      logprobs[i] = (float) (row[largest.id(i)] - normaliser);
    }
  }

  /**
   * Takes the tokens of a row as {@link #read} does, without what they are worth.
   *
   * @param row [V], finite; logits that are one as float32 are equal
   */
  public void select(double[] row) {
    largest.select(row);
  }

  /** Tokens kept of a row: min(k, V). */
  public int size() {
    return largest.size();
  }

  /** The token in place i, the likeliest at 0. */
  public int id(int i) {
    return largest.id(i);
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
