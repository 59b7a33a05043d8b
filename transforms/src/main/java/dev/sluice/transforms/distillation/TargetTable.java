package dev.sluice.transforms.distillation;

import dev.sluice.transforms.theory.Softmax;
import java.util.Objects;

/**
 * A teacher's probabilities on m probes, and at once the best student that there is: among all
 * tables the mean over probes of KL(teacher‖student) is least, and 0, where the student is the
 * teacher itself, row by row softmax of the mean logits. That is direct logit averaging (THEORY
 * 7.1), and what any other student's fit is held against. (Probes are taken to be different: of one
 * context with two targets the best row is their mean, and the least is above 0.)
 *
 * <p>Rows are float32 probabilities; each row's entropy is that of the float64 ones it came from.
 */
public final class TargetTable {
  private final int vocabulary;
  private final float[][] rows;
  private final double[] negativeEntropies;
  private final double[] scratch;

  /**
   * A table without contents.
   *
   * @param probes m, at least 1
   * @param vocabulary V, at least 2
   */
  public TargetTable(int probes, int vocabulary) {
    if (probes < 1 || vocabulary < 2) {
      throw new IllegalArgumentException(
          "a table has at least 1 probe and 2 tokens, got " + probes + " and " + vocabulary);
    }
    this.vocabulary = vocabulary;
    this.rows = new float[probes][vocabulary];
    this.negativeEntropies = new double[probes];
    this.scratch = new double[vocabulary];
  }

  /** m. */
  public int probes() {
    return rows.length;
  }

  /** V. */
  public int vocabulary() {
    return vocabulary;
  }

  /**
   * Sets a row to the softmax of mean logits.
   *
   * @param logits V from {@code from} on, nats, finite
   */
  public void setLogits(int probe, float[] logits, int from) {
    Objects.checkFromIndexSize(from, vocabulary, logits.length);
    for (int v = 0; v < vocabulary; v++) {
      scratch[v] = logits[from + v];
    }
    Softmax.probabilities(scratch, 0, vocabulary, scratch);
    setProbabilities(probe, scratch);
  }

  /**
   * Sets a row.
   *
   * @param probabilities V, at least 0, with sum 1 but for rounding
   */
  public void setProbabilities(int probe, double[] probabilities) {
    float[] row = rows[probe];
    double sum = 0;
    for (int v = 0; v < vocabulary; v++) {
      double p = probabilities[v];
      row[v] = (float) p;
      sum += p > 0 ? p * StrictMath.log(p) : 0;
    }
    negativeEntropies[probe] = sum;
  }

  /** The student's row of a probe; a view, not to be changed. */
  float[] row(int probe) {
    return rows[probe];
  }

  /** Σ p log p of a probe, nats. */
  double negativeEntropy(int probe) {
    return negativeEntropies[probe];
  }

  /** The probability of a token after a probe's context, to float32. */
  public double probability(int probe, int token) {
    return rows[probe][token];
  }
}
