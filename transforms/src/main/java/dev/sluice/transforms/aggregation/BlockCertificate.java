package dev.sluice.transforms.aggregation;

import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.theory.KlBounds;

/**
 * Adds up, probe by probe, the bounds of THEORY 3.3 and 3.4 for an average over the nodes seated at
 * one block. Not thread-safe.
 */
final class BlockCertificate {
  private final boolean dithered;
  private final BlockShape[] shapes;
  private final double[][] clips;
  private final double[] coarse;
  private final double[] fine;
  private final double[] fineShare;

  private double probeMeanStep;
  private double probeVariance;
  private double probeUpper;

  private double upper;
  private double lower;
  private double worstCase;
  private double variance;

  /**
   * For a block over some nodes.
   *
   * @param dithered whether errors follow the uniform law; else only the worst case is certified
   * @param shapes one for each node
   * @param clips one row for each node: the clip of each probe, logits
   */
  BlockCertificate(boolean dithered, BlockShape[] shapes, double[][] clips) {
    this.dithered = dithered;
    this.shapes = shapes;
    this.clips = clips;
    this.coarse = new double[shapes.length];
    this.fine = new double[shapes.length];
    this.fineShare = new double[shapes.length];
    for (int i = 0; i < shapes.length; i++) {
      fineShare[i] = (double) shapes[i].finer() / shapes[i].coordinates();
    }
  }

  /**
   * Adds one probe, in order from 0.
   *
   * @param teacher holds the probe's decoded logits at {@code from .. from + vocabulary}
   * @param scratch length vocabulary at least
   */
  void add(int probe, float[] teacher, int from, int vocabulary, double[] scratch) {
    if (probe == 0 || clipsChange(probe)) {
      bounds(probe);
    }
    worstCase += KlBounds.worstCase(probeMeanStep);
    if (dithered) {
      upper += probeUpper;
      variance += probeVariance;
      lower +=
          KlBounds.lowerFromTeacher(
              probeVariance, probeMeanStep, teacher, from, from + vocabulary, scratch);
    }
  }

  private boolean clipsChange(int probe) {
    for (double[] clip : clips) {
      if (clip[probe] != clip[probe - 1]) {
        return true;
      }
    }
    return false;
  }

  private void bounds(int probe) {
    int nodes = shapes.length;
    for (int i = 0; i < nodes; i++) {
      coarse[i] = shapes[i].step(clips[i][probe], false);
      fine[i] = shapes[i].step(clips[i][probe], true);
    }
    probeMeanStep = KlBounds.meanStep(coarse, fine, fineShare, 0, nodes);
    if (dithered) {
      probeVariance = KlBounds.variance(coarse, fine, fineShare, 0, nodes);
      probeUpper = KlBounds.upper(coarse, fine, fineShare, 0, nodes);
    }
  }

  /** Sum over probes of (U), nats. */
  double upper() {
    return upper;
  }

  /** Sum over probes of (L) as the teacher alone implies it, nats. */
  double lower() {
    return lower;
  }

  /** Sum over probes of (mean step)²/8, nats. */
  double worstCase() {
    return worstCase;
  }

  /** Sum over probes of the mean variance of the teacher's error, logits². */
  double variance() {
    return variance;
  }
}
