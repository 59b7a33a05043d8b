package dev.sluice.transforms.reproduction;

import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.synthetic.BigramSites;
import dev.sluice.transforms.theory.Softmax;
import java.util.Arrays;

/**
 * How far the mean of bigram sites' logits is from the truth, through three channels on the same
 * draws. THEORY 8.1, 8.2 and 2.2.
 *
 * <p>Channels, L = 20 and Δ = 2L/2^b, logits not centred:
 *
 * <ul>
 *   <li>midrise, the published one as recovered: x̃ = −L + (⌊(x + L)/Δ⌋ + ½)Δ, no dither;
 *   <li>dither: x̃ = −L + (⌊(x + L)/Δ + o⌋ + ½ − o)Δ with 2^b + 1 symbols and o of its own for each
 *       (node, probe, token): the error is uniform on ±Δ/2, variance (L²/3)4^−b as published;
 *   <li>none: x̃ = x.
 * </ul>
 *
 * <p>No logit is clipped: log q̂ &gt; −20 for up to 10^8 pairs a node. Midrise and none are
 * computed once for each context that is asked about, and counted as often as it is.
 */
final class BigramDivergence {
  /** L, logits. */
  static final double CLIP = 20;

  private static final double SMOOTHING = 0.5;

  private BigramDivergence() {}

  /**
   * A setting.
   *
   * @param nodes K
   * @param samplesPerNode n
   * @param probes m
   * @param bits b, 1 to 16
   * @param vocabulary V
   * @param drift deviation of a node's truth, logits
   */
  record Setting(
      int nodes, int samplesPerNode, int probes, int bits, int vocabulary, double drift) {
    /** Δ, logits. */
    double step() {
      return Math.scalb(2 * CLIP, -bits);
    }
  }

  /**
   * Means over the probes, nats.
   *
   * @param midrise KL(P*‖P̂)
   * @param dither KL(P*‖P̄)
   * @param none KL(P*‖P̄*)
   * @param oneMinusSquaredNorm 1 − ‖P̄*‖²
   * @param driftTerm mean over nodes of KL(P*‖P_i)
   */
  record Result(
      double midrise, double dither, double none, double oneMinusSquaredNorm, double driftTerm) {
    double[] toArray() {
      return new double[] {midrise, dither, none, oneMinusSquaredNorm, driftTerm};
    }
  }

  /** One repetition. */
  static Result of(Setting setting, long seed) {
    int nodes = setting.nodes();
    int v = setting.vocabulary();
    BigramSites sites =
        BigramSites.of(v, nodes, setting.samplesPerNode(), setting.probes(), SMOOTHING, seed)
            .withDrift(setting.drift());
    BigramSites.Site[] site = new BigramSites.Site[nodes];
    long[] keys = new long[nodes];
    for (int i = 0; i < nodes; i++) {
      site[i] = sites.site(i);
      keys[i] = ChannelKey.of(seed, "bigram", "n" + i).dither();
    }
    int[] probes = sites.probes();
    int[][] asked = probesByContext(probes, v);
    double step = setting.step();
    double[] truth = new double[v];
    double[] probabilities = new double[v];
    double[] own = new double[v];
    double[] steps = new double[nodes * v]; // (x + L)/Δ
    double[] mean = new double[v];
    double[] rounded = new double[v];
    int[] dither = new int[v];
    double midriseSum = 0;
    double ditherSum = 0;
    double noneSum = 0;
    double normSum = 0;
    double driftSum = 0;
    for (int x = 0; x < v; x++) {
      if (asked[x].length == 0) {
        continue;
      }
      sites.truth(x, truth, 0);
      double negentropy = 0;
      for (int y = 0; y < v; y++) {
        probabilities[y] = StrictMath.exp(truth[y]);
        negentropy += probabilities[y] * truth[y];
      }
      Arrays.fill(mean, 0);
      Arrays.fill(rounded, 0);
      double drifted = 0;
      for (int i = 0; i < nodes; i++) {
        site[i].logits(x, own, 0);
        for (int y = 0; y < v; y++) {
          double t = (own[y] + CLIP) / step;
          steps[i * v + y] = t;
          mean[y] += own[y] / nodes;
          rounded[y] += Math.floor(t) + 0.5;
        }
        if (setting.drift() > 0) {
          site[i].truth(x, own, 0);
          drifted += Softmax.kl(truth, 0, own, 0, v);
        }
      }
      int times = asked[x].length;
      noneSum += times * divergence(negentropy, probabilities, mean);
      normSum += times * Softmax.oneMinusSquaredNorm(mean, 0, v);
      midriseSum += times * divergence(negentropy, probabilities, toLogits(rounded, nodes, step));
      driftSum += times * (drifted / nodes);
      for (int probe : asked[x]) {
        Arrays.fill(rounded, 0);
        for (int i = 0; i < nodes; i++) {
          Dither.fill(keys[i], v, probe, 0, v, dither, 0);
          int at = i * v;
          for (int y = 0; y < v; y++) {
            double offset = ((dither[y] & 0xffffffffL) + 0.5) * 0x1p-32;
            rounded[y] += Math.floor(steps[at + y] + offset) + 0.5 - offset;
          }
        }
        ditherSum += divergence(negentropy, probabilities, toLogits(rounded, nodes, step));
      }
    }
    double m = probes.length;
    return new Result(midriseSum / m, ditherSum / m, noneSum / m, normSum / m, driftSum / m);
  }

  /** The probes that ask about each context, ascending. */
  private static int[][] probesByContext(int[] probes, int contexts) {
    int[] count = new int[contexts];
    for (int x : probes) {
      count[x]++;
    }
    int[][] asked = new int[contexts][];
    for (int x = 0; x < contexts; x++) {
      asked[x] = new int[count[x]];
    }
    for (int l = probes.length - 1; l >= 0; l--) {
      asked[probes[l]][--count[probes[l]]] = l;
    }
    return asked;
  }

  /** Sums over nodes, in steps above −L, to means in logits; in place. */
  private static double[] toLogits(double[] sums, int nodes, double step) {
    for (int y = 0; y < sums.length; y++) {
      sums[y] = sums[y] / nodes * step - CLIP;
    }
    return sums;
  }

  /** Σp·log p − pᵀℓ + log Σe^ℓ; absolute error some 1e-15·max|ℓ|. */
  private static double divergence(double negentropy, double[] probabilities, double[] logits) {
    double expected = 0;
    for (int y = 0; y < logits.length; y++) {
      expected += probabilities[y] * logits[y];
    }
    return negentropy - expected + Softmax.logSumExp(logits, 0, logits.length);
  }
}
