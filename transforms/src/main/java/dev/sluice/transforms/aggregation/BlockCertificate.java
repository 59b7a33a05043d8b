package dev.sluice.transforms.aggregation;

import dev.sluice.transforms.channel.StepLaw;
import dev.sluice.transforms.theory.KlBounds;
import java.util.List;

/**
 * Adds up, probe by probe, the bounds of THEORY 3.3 and 3.4 for an average over the nodes seated at
 * one block. Not thread-safe.
 */
final class BlockCertificate {
  private final boolean errorLaw;
  private final int trim;
  private final List<StepLaw> laws;
  private final double[][] clips;
  private final double[] probeClips;

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
   * @param errorLaw whether the average's error has a law; else only the worst case is certified
   * @param trim nodes left out at either end of each coordinate
   * @param laws one for each node
   * @param clips one row for each node: the clip of each probe, logits
   */
  BlockCertificate(boolean errorLaw, int trim, List<StepLaw> laws, double[][] clips) {
    this.errorLaw = errorLaw;
    this.trim = trim;
    this.laws = List.copyOf(laws);
    this.clips = clips;
    this.probeClips = new double[clips.length];
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
    if (errorLaw) {
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
    for (int i = 0; i < clips.length; i++) {
      probeClips[i] = clips[i][probe];
    }
    probeMeanStep = KlBounds.meanStep(laws, probeClips, trim);
    if (errorLaw) {
      probeVariance = KlBounds.variance(laws, probeClips);
      probeUpper = KlBounds.upper(laws, probeClips);
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

  /** Sum over probes of (mean step)²/8, nats; trimmed, of the largest steps. */
  double worstCase() {
    return worstCase;
  }

  /** Sum over probes of the mean variance of the teacher's error, logits². */
  double variance() {
    return variance;
  }
}
