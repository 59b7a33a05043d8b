package dev.sluice.transforms.theory;

import dev.sluice.transforms.allocation.Distortion;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.ConformalRank;
import dev.sluice.transforms.conformal.SlackTerms;

/**
 * The published bounds on answer sets, of which {@link SlackTerms} has the slacks: Theorem 5.5,
 * Lemma 5.6, Corollaries 5.7 and 6.8 of P1 (arXiv:2605.09986v2). They hold for scores that were
 * calibrated without the channel; calibration through it needs none of their slacks ({@link
 * #sameChannel}). THEORY 7.4, 7.7.
 */
public final class CoverageBound {
  private CoverageBound() {}

  /**
   * k/(n + 1) ≥ 1 − α: the coverage of scores that went through the same channel as their
   * calibration, exact without ties and a lower bound with them. THEORY 7.5, 7.7.
   *
   * @param scores n ≥ 0
   */
  public static double sameChannel(Alpha alpha, long scores) {
    return ConformalRank.coverage(alpha, scores);
  }

  /**
   * Lemma 5.6 of P1: |F(q̂) − F(q*)| ≤ f_max·|q̂ − q*|, a probability, at most 1 of itself.
   *
   * @param maxDensity f_max ≥ 0, per nat
   * @param error |q̂ − q*| ≥ 0, nats
   */
  public static double quantile(double maxDensity, double error) {
    if (!(maxDensity >= 0) || !(error >= 0)) {
      throw new IllegalArgumentException(
          "density and error must be at least 0, got " + maxDensity + " and " + error);
    }
    return maxDensity * error;
  }

  /**
   * Corollary 5.7 of P1: E|C| ≤ |Y|·(1 − α + 1/(n + 1) + Δ_FL + Δ_RAG), candidates, which says
   * nothing from |Y| on. Needs that wrong answers score no lower than right ones (B6) and that
   * there are no ties (THEORY 9.15).
   *
   * @param candidates |Y| ≥ 1
   * @param scores n ≥ 0
   */
  public static double setSize(long candidates, Alpha alpha, long scores, SlackTerms slack) {
    if (candidates < 1 || scores < 0) {
      throw new IllegalArgumentException(
          "candidates must be at least 1 and scores at least 0, got "
              + candidates
              + " and "
              + scores);
    }
    return candidates
        * (1 - alpha.toDouble() + 1.0 / (scores + 1) + slack.federated() + slack.channel());
  }

  /**
   * v(B), nats²: the variance of one score's error on [0, S], step²/12 with the steps of {@link
   * Distortion#SHRUNK}.
   *
   * @param range S &gt; 0, nats
   * @param bits per score, in [1, 16]: B_i less the candidates' identities, over the candidates
   */
  public static double scoreVariance(double range, double bits) {
    if (!(range > 0 && range < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("score range must be in (0, inf) nats, got " + range);
    }
    return range * range / 12 * Distortion.SHRUNK.ofBits(bits);
  }
}
