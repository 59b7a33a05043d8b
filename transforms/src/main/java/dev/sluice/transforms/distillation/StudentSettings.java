package dev.sluice.transforms.distillation;

import java.io.Serializable;

/**
 * How a student is fitted: mini-batch AdaGrad (Duchi, Hazan and Singer, JMLR 12, 2011).
 *
 * @param epochs passes over the probes, at least 1
 * @param batch probes of a step, at least 1
 * @param learningRate step of a weight whose gradients so far have root sum of squares 1, logits;
 *     above 0
 * @param l2 penalty {@code l2/2·w²} of the weights that a step touches; at least 0
 * @param floor ε: what is added to that root, above 0. It keeps weights of tokens that hardly occur
 *     from moving as fast as the others
 */
public record StudentSettings(int epochs, int batch, double learningRate, double l2, double floor)
    implements Serializable {
  public StudentSettings {
    if (epochs < 1 || batch < 1) {
      throw new IllegalArgumentException(
          "epochs and batch must be at least 1, got " + epochs + " and " + batch);
    }
    if (!(learningRate > 0 && learningRate < Double.POSITIVE_INFINITY)
        || !(l2 >= 0 && l2 < Double.POSITIVE_INFINITY)
        || !(floor > 0 && floor < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "learning rate and floor must be above 0 and l2 at least 0, all finite; got "
              + learningRate
              + ", "
              + floor
              + " and "
              + l2);
    }
  }
}
