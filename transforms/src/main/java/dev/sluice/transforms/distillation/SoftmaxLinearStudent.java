package dev.sluice.transforms.distillation;

import dev.sluice.transforms.theory.Softmax;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * A softmax-linear model: P(·|x) = softmax(base + Σ_{f in x} w_f), with sparse features f that are
 * in a context or not, and a row w_f of V weights each. A feature that was in no probe has no row,
 * and adds nothing; at first there are none, and the model is the base.
 *
 * <p>Rows are float32, sums float64 in the order of the features, exp is ours: the same bits on
 * every JVM. It is written here because the JVM's libraries for such models (Tribuo, ojAlgo, EJML)
 * hold every weight as a float64 in dense matrices, twice for AdaGrad, at V times features beyond
 * the memory there is, and take {@code Math.exp}, which Java leaves each JVM to round.
 *
 * <p>Fitting changes it; any number of threads may read it between fits.
 */
public final class SoftmaxLinearStudent {
  private final float[] base;
  private final Map<Integer, float[]> rows = new HashMap<>();

  private SoftmaxLinearStudent(float[] base) {
    this.base = base;
  }

  /**
   * The student without any feature.
   *
   * @param base V ≥ 2 logits, nats, finite; not kept
   */
  public static SoftmaxLinearStudent on(double[] base) {
    if (base.length < 2) {
      throw new IllegalArgumentException("a student has at least 2 tokens, got " + base.length);
    }
    float[] narrow = new float[base.length];
    for (int v = 0; v < base.length; v++) {
      if (!Double.isFinite(base[v])) {
        throw new IllegalArgumentException(
            "base logit of token " + v + " must be finite, got " + base[v]);
      }
      narrow[v] = (float) base[v];
    }
    return new SoftmaxLinearStudent(narrow);
  }

  /** V. */
  public int vocabulary() {
    return base.length;
  }

  /** Features with weights. */
  public int features() {
    return rows.size();
  }

  /** Weight of a token at a feature, logits; 0 where the feature has none. */
  public double weight(int feature, int token) {
    Objects.checkIndex(token, base.length);
    float[] row = rows.get(feature);
    return row == null ? 0 : row[token];
  }

  /** Weights of a feature, to be changed in place; null where it has none. */
  float[] row(int feature) {
    return rows.get(feature);
  }

  /** Gives a feature weights of 0 where it has none. */
  void add(int feature) {
    rows.computeIfAbsent(feature, absent -> new float[base.length]);
  }

  /**
   * Writes base + Σ w_f.
   *
   * @param features of the context, each once
   * @param logits receives V, nats
   */
  public void logits(int[] features, double[] logits) {
    for (int v = 0; v < base.length; v++) {
      logits[v] = base[v];
    }
    for (int feature : features) {
      float[] row = rows.get(feature);
      if (row != null) {
        for (int v = 0; v < row.length; v++) {
          logits[v] += row[v];
        }
      }
    }
  }

  /**
   * The prediction after a context, as logarithms and as probabilities.
   *
   * @param logProbabilities receives V, nats
   * @param probabilities receives V; another array
   */
  public void predict(int[] features, double[] logProbabilities, double[] probabilities) {
    logits(features, logProbabilities);
    double logZ = Softmax.probabilities(logProbabilities, 0, base.length, probabilities);
    for (int v = 0; v < base.length; v++) {
      logProbabilities[v] -= logZ;
    }
  }
}
