package dev.sluice.transforms.allocation;

import java.util.Arrays;
import java.util.List;

/**
 * The bits of a refinement: what a round's further digits are worth, node by node. A node whose
 * error has the variance D now has D/N² after a digit of N symbols (THEORY 4.2, R3), so bits go
 * where the variance that is left is largest: water-filling once more, with the nodes' residual
 * variances as weights. A node that gets none keeps its D and stays in the mean; that is the
 * difference from a first round, whose silent nodes are out of it.
 *
 * @param bits [K], bits per coordinate, each 0 or at least 1
 * @param predicted ½σ² after these digits, nats: 1/(2n²)·Σ_i D_i·d(b_i) over the n nodes that have
 *     sent something
 * @param uniform the same of equal bits for those nodes; null where that is below 1 or above a cap
 * @param inverse the same of bits in inverse proportion to D; null where it is not within 1 and the
 *     caps
 */
public record ResidualSplit(double[] bits, double predicted, Double uniform, Double inverse) {
  /** What a plan calls these weights, beside the labels of {@link Weighting}. */
  public static final String WEIGHTS = "residual";

  /**
   * Divides a budget by {@link FractionalBits#digits}.
   *
   * @param names [K], for messages
   * @param residuals [K], D_i ≥ 0, logits²; 0 for a node that has sent nothing
   * @param caps [K], bits per coordinate, 0 or in [1, 16]
   * @param total sum of bits per coordinate, at least 1
   * @throws IllegalArgumentException outside these ranges, or if no node has a residual
   */
  public static ResidualSplit of(
      List<String> names, double[] residuals, double[] caps, double total) {
    int nodes = residuals.length;
    if (!(total >= 1 && total < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "total must be at least 1 bit per coordinate, the least that a node can send, got "
              + total);
    }
    int active = 0;
    for (int i = 0; i < nodes; i++) {
      if (!(residuals[i] >= 0 && residuals[i] < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "residual variance of node '"
                + names.get(i)
                + "' must be in [0, inf) logits², got "
                + residuals[i]);
      }
      active += residuals[i] > 0 ? 1 : 0;
    }
    if (active == 0) {
      throw new IllegalArgumentException("no node has an error left to refine");
    }
    double[] room = caps.clone();
    for (int i = 0; i < nodes; i++) {
      room[i] = residuals[i] > 0 && caps[i] >= 1 ? caps[i] : 0;
    }
    double[] bits = FractionalBits.digits(residuals, new double[nodes], room, total);
    double scale = 1 / (2.0 * active * active);
    return new ResidualSplit(
        bits,
        scale * FractionalBits.digitDistortion(residuals, bits),
        baseline(Policy.UNIFORM, residuals, room, active, total),
        baseline(Policy.INVERSE, residuals, room, active, total));
  }

  /** Of the nodes that have sent something, each with at least 1 bit. */
  private static Double baseline(
      Policy policy, double[] residuals, double[] room, int active, double total) {
    double[] weights = new double[active];
    double[] caps = new double[active];
    int at = 0;
    for (int i = 0; i < residuals.length; i++) {
      if (residuals[i] > 0) {
        weights[at] = residuals[i];
        caps[at++] = room[i];
      }
    }
    double[] floors = new double[active];
    Arrays.fill(floors, 1);
    if (total < active || Arrays.stream(caps).anyMatch(cap -> cap < 1)) {
      return null;
    }
    double[] bits = policy.bits(weights, floors, caps, total);
    return FractionalBits.digitDistortion(weights, bits) / (2.0 * active * active);
  }
}
