package dev.sluice.transforms.aggregation;

import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.Quantizer;
import dev.sluice.transforms.theory.KlBounds;
import dev.sluice.transforms.theory.Softmax;

/**
 * Adds up, probe by probe, the bounds of THEORY 3.3 and 3.4 for an average over the nodes seated at
 * one block. Not thread-safe.
 */
final class BlockCertificate {
  private final Quantizer quantizer;
  private final int nodes;
  private final BlockShape[] shapes;
  private final double[][] clips;
  private final double[] coarse;
  private final double[] fine;
  private final double[] fineShare;

  private double upper;
  private double lower;
  private double worstCase;
  private double variance;

  /**
   * For a block over some nodes.
   *
   * @param shapes one for each node
   * @param clips one row for each node: the clip of each probe, logits
   */
  BlockCertificate(Quantizer quantizer, BlockShape[] shapes, double[][] clips) {
    this.quantizer = quantizer;
    this.nodes = shapes.length;
    this.shapes = shapes;
    this.clips = clips;
    this.coarse = new double[nodes];
    this.fine = new double[nodes];
    this.fineShare = new double[nodes];
    for (int i = 0; i < nodes; i++) {
      fineShare[i] = (double) shapes[i].finer() / shapes[i].coordinates();
    }
  }

  /**
   * Adds one probe.
   *
   * @param teacher holds the probe's decoded logits at {@code from .. from + vocabulary}
   */
  void add(int probe, float[] teacher, int from, int vocabulary) {
    double meanStep = 0;
    double sumVariance = 0;
    for (int i = 0; i < nodes; i++) {
      double clip = clips[i][probe];
      coarse[i] = shapes[i].step(clip, false);
      fine[i] = shapes[i].step(clip, true);
      meanStep += coarse[i];
      sumVariance += shapes[i].meanVariance(clip);
    }
    meanStep /= nodes;
    worstCase += KlBounds.worstCase(meanStep);
    if (!quantizer.isDithered()) {
      return;
    }
    double meanVariance = sumVariance / ((double) nodes * nodes);
    variance += meanVariance;
    upper += KlBounds.upper(coarse, fine, fineShare);
    lower +=
        KlBounds.lowerFromTeacher(
            meanStep,
            meanVariance,
            Softmax.oneMinusSquaredNorm(teacher, from, from + vocabulary));
  }

  double upper() {
    return upper;
  }

  double lower() {
    return lower;
  }

  double worstCase() {
    return worstCase;
  }

  double variance() {
    return variance;
  }
}
