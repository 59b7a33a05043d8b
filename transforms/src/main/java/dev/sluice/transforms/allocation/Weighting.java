package dev.sluice.transforms.allocation;

import java.util.Arrays;
import java.util.stream.Collectors;

/** What a node's weight in a split is. THEORY 5.8. */
public enum Weighting {
  /**
   * w = L²/3, L the node's clip level: by it the channel's error scales, and the hub knows it, so
   * nothing is estimated.
   */
  CLIP("clip"),
  /**
   * The second moment of the node's logits, estimated in a warm-up round ({@link SecondMoments}):
   * the adaptive rule as published. The channel's error does not depend on it; the split is the
   * same as by {@link #CLIP} only if the ratio of the two is the same for all nodes, and otherwise
   * costs {@link SplitCertificate#price}.
   */
  SECOND_MOMENT("second-moment");

  private final String label;

  Weighting(String label) {
    this.label = label;
  }

  /** Its name. */
  public String label() {
    return label;
  }

  /**
   * The weighting with this label.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static Weighting of(String label) {
    for (Weighting weighting : values()) {
      if (weighting.label.equals(label)) {
        return weighting;
      }
    }
    throw new IllegalArgumentException(
        "weights must be one of "
            + Arrays.stream(values()).map(Weighting::label).collect(Collectors.joining(", "))
            + "; got '"
            + label
            + "'");
  }

  /**
   * w_i = L_i²/3, logits².
   *
   * @param clips [K], L_i in (0, 2^19] logits
   */
  public static double[] fromClips(double[] clips) {
    double[] weights = new double[clips.length];
    for (int i = 0; i < clips.length; i++) {
      if (!(clips[i] > 0 && clips[i] <= 0x1p19)) {
        throw new IllegalArgumentException(
            "clip level of node " + i + " must be in (0, 2^19] logits, got " + clips[i]);
      }
      weights[i] = clips[i] * clips[i] / 3;
    }
    return weights;
  }

  /**
   * max(estimate, least): a debiased estimate may come out at or below 0, where a node's logits are
   * small beside a step.
   *
   * @param estimates [K], logits², finite
   * @param least &gt; 0, logits²
   */
  public static double[] fromSecondMoments(double[] estimates, double least) {
    if (!(least > 0 && least < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("least weight must be in (0, inf) logits², got " + least);
    }
    double[] weights = new double[estimates.length];
    for (int i = 0; i < estimates.length; i++) {
      if (!Double.isFinite(estimates[i])) {
        throw new IllegalArgumentException(
            "second moment of node " + i + " must be finite, got " + estimates[i]);
      }
      weights[i] = Math.max(least, estimates[i]);
    }
    return weights;
  }
}
