package dev.sluice.transforms.distillation;

import dev.sluice.transforms.theory.Softmax;
import java.util.Arrays;

/** How a hub makes one teacher of its nodes' predictions on a probe, and what it is compared to. */
public enum Aggregation {
  /** Softmax of the mean of what the channel delivered: Algorithm 1 (THEORY 7.1). */
  FPLD("fpld"),

  /**
   * Softmax of the mean logits, as if nothing had to be sent: what the channel costs is held
   * against it.
   */
  NONE("none"),

  /**
   * The mean of the nodes' probabilities, not quantised. Lin, Kong, Stich and Jaggi, Ensemble
   * distillation for robust model fusion in federated learning, NeurIPS 2020.
   */
  FEDDF("feddf");

  private final String label;

  Aggregation(String label) {
    this.label = label;
  }

  /** The name that documents use. */
  public String label() {
    return label;
  }

  /** Whether the nodes' logits go through the channel. */
  public boolean isQuantised() {
    return this == FPLD;
  }

  /**
   * The teacher's probabilities of one probe: for FEDDF the mean of the K softmaxes, else the
   * softmax of the mean of the K rows. Nodes are added in order.
   *
   * @param logits K rows of V, nats, finite; a row's shift does not matter
   * @param target receives V probabilities; none of the rows
   */
  public void target(double[][] logits, double[] target) {
    int vocabulary = target.length;
    Arrays.fill(target, 0);
    if (this == FEDDF) {
      double[] own = new double[vocabulary];
      for (double[] row : logits) {
        Softmax.probabilities(row, 0, vocabulary, own);
        for (int v = 0; v < vocabulary; v++) {
          target[v] += own[v];
        }
      }
      for (int v = 0; v < vocabulary; v++) {
        target[v] /= logits.length;
      }
      return;
    }
    for (double[] row : logits) {
      for (int v = 0; v < vocabulary; v++) {
        target[v] += row[v];
      }
    }
    for (int v = 0; v < vocabulary; v++) {
      target[v] /= logits.length;
    }
    Softmax.probabilities(target, 0, vocabulary, target);
  }
}
