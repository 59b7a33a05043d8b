package dev.sluice.transforms.allocation;

/**
 * How far the second moments of a warm-up round may be from their means, for all nodes at once: the
 * half-widths of Lemma B.9, the sample sizes that follow, and whether they say anything. THEORY 6.3
 * and 6.4.
 *
 * <p>A node's estimate is the average over probes of Z = V⁻¹·Σ_v y², in [0, L'²], L' = L + Δ/2 the
 * largest magnitude of a reconstruction. What is independent are the probes: rounds over the same
 * probes draw fresh dither, but no fresh contexts, so that n_eff = m and not m·T₀ (the published
 * bound takes m·T₀, which holds when probes are drawn anew every round). Probes are taken to be
 * drawn independently, and a node's logits not to change within the warm-up.
 *
 * <p>What is bounded is E Z, the second moment of what is decoded; taking the known dither variance
 * off both sides leaves half-widths as they are.
 */
public final class MomentBound {
  private MomentBound() {}

  /** Whether the warm-up's rounds share their probes. */
  public enum Probes {
    /** Every round asks about the same m probes. */
    FIXED,
    /** Every round draws m probes of its own. */
    REDRAWN
  }

  /** What a relative error ε leaves of the promises. THEORY 6.4. */
  public enum Verdict {
    /** ε ≤ 1/2: all forms hold. */
    INFORMATIVE,
    /** 1/2 &lt; ε &lt; 1: 1 + 4ε is vacuous, (1 + ε)/(1 − ε) is finite. */
    LINEAR_VACUOUS,
    /** ε ≥ 1, or unknown: nothing is promised. The split may be fine; the certificate is empty. */
    VACUOUS;

    /**
     * The verdict on ε.
     *
     * @param epsilon ≥ 0, or NaN where unknown
     */
    public static Verdict of(double epsilon) {
      if (epsilon <= 0.5) {
        return INFORMATIVE;
      }
      return epsilon < 1 ? LINEAR_VACUOUS : VACUOUS;
    }
  }

  /**
   * Blocks that are independent: m if probes are fixed, m·T₀ if they are redrawn.
   *
   * @param probes m ≥ 1
   * @param rounds T₀ ≥ 1
   */
  public static long effectiveSamples(long probes, int rounds, Probes drawn) {
    if (probes < 1 || rounds < 1) {
      throw new IllegalArgumentException(
          "probes and rounds must be at least 1, got " + probes + " and " + rounds);
    }
    return drawn == Probes.FIXED ? probes : Math.multiplyExact(probes, (long) rounds);
  }

  /**
   * L'² = (L + Δ/2)², logits²: the largest y², and so the largest Z. Of mixed steps, Δ is the
   * coarser.
   *
   * @param clip L &gt; 0, logits
   * @param step Δ &gt; 0, logits
   */
  public static double range(double clip, double step) {
    if (!(clip > 0 && clip <= 0x1p19 && step > 0 && step <= 0x1p20)) {
      throw new IllegalArgumentException(
          "clip and step must be in (0, 2^19] and (0, 2^20] logits, got " + clip + " and " + step);
    }
    double most = clip + step / 2;
    return most * most;
  }

  /**
   * Hoeffding, known before the warm-up: with probability at least 1 − δ, all K estimates are
   * within L'²·√(log(2K/δ)/(2n)) of their means. Lemma B.9.
   *
   * @param range L'², logits², the largest over nodes
   * @param nodes K ≥ 1
   * @param samples n = {@link #effectiveSamples}, ≥ 1
   * @param delta δ in (0, 1)
   * @return logits²
   */
  public static double hoeffding(double range, int nodes, long samples, double delta) {
    checkRange(range);
    if (samples < 1) {
      throw new IllegalArgumentException("samples must be at least 1, got " + samples);
    }
    return range * Math.sqrt(logTerm(2, nodes, delta) / (2.0 * samples));
  }

  /**
   * Empirical Bernstein (Maurer and Pontil, COLT 2009, theorem 4, two-sided, over K nodes):
   * √(2V̂·log(4K/δ)/n) + 7L'²·log(4K/δ)/(3(n − 1)). The half-widths of all nodes hold at once with
   * probability at least 1 − δ.
   *
   * @param variance V̂ ≥ 0, logits⁴: the node's {@link SecondMoments.Moments#blockVariance}, each
   *     block being all that was sent for a probe, over all rounds if probes are fixed
   * @param range L'², logits², the node's
   * @param nodes K ≥ 1
   * @param samples n, blocks, ≥ 1; +inf is returned for 1
   * @param delta δ in (0, 1)
   * @return logits²
   */
  public static double empiricalBernstein(
      double variance, double range, int nodes, long samples, double delta) {
    checkRange(range);
    if (samples < 1) {
      throw new IllegalArgumentException("samples must be at least 1, got " + samples);
    }
    if (samples == 1) {
      logTerm(4, nodes, delta);
      return Double.POSITIVE_INFINITY;
    }
    if (!(variance >= 0 && variance < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("variance must be in [0, inf) logits⁴, got " + variance);
    }
    double log = logTerm(4, nodes, delta);
    return Math.sqrt(2 * variance * log / samples) + 7 * range * log / (3 * (samples - 1.0));
  }

  /**
   * ε = h/w_min, before the warm-up.
   *
   * @param halfWidth h ≥ 0, logits²
   * @param leastWeight w_min &gt; 0, logits²: a lower bound on every node's true weight, of the
   *     same kind as the estimate
   */
  public static double relative(double halfWidth, double leastWeight) {
    if (!(leastWeight > 0)) {
      throw new IllegalArgumentException("least weight must be above 0, got " + leastWeight);
    }
    return halfWidth / leastWeight;
  }

  /**
   * ε after the warm-up: |ŵ/w − 1| ≤ h/(ŵ − h) wherever |ŵ − w| ≤ h &lt; ŵ; +inf, so vacuous, where
   * h ≥ ŵ. The ε of a split is the largest over nodes.
   *
   * @param halfWidth h ≥ 0, logits²
   * @param estimate ŵ, logits²
   */
  public static double relativeToEstimate(double halfWidth, double estimate) {
    return halfWidth < estimate ? halfWidth / (estimate - halfWidth) : Double.POSITIVE_INFINITY;
  }

  /**
   * Samples for 1 + 4ε ≤ 1 + η by {@link #hoeffding}: 8(L'²/w_min)²·log(2K/δ)/η², and at least
   * 2(L'²/w_min)²·log(2K/δ), for ε ≤ 1/2.
   *
   * @param ratio L'²/w_min &gt; 0
   * @param nodes K ≥ 1
   * @param delta δ in (0, 1)
   * @param excess η &gt; 0
   */
  public static long samplesLinear(double ratio, int nodes, double delta, double excess) {
    checkSizes(ratio, excess);
    double unit = ratio * ratio * logTerm(2, nodes, delta);
    return (long) Math.ceil(unit * Math.max(2, 8 / (excess * excess)));
  }

  /**
   * Samples for a price of at most 1 + η by Specht's ratio, 0.64ε² ≤ η, and {@link #hoeffding}:
   * 0.32(L'²/w_min)²·log(2K/δ)/η, and at least 2(L'²/w_min)²·log(2K/δ), for ε ≤ 1/2. Of splits
   * without floors or caps that bind.
   *
   * @param ratio L'²/w_min &gt; 0
   * @param nodes K ≥ 1
   * @param delta δ in (0, 1)
   * @param excess η &gt; 0
   */
  public static long samplesSharp(double ratio, int nodes, double delta, double excess) {
    checkSizes(ratio, excess);
    double unit = ratio * ratio * logTerm(2, nodes, delta);
    return (long) Math.ceil(unit * Math.max(2, 0.32 / excess));
  }

  /**
   * Samples at which {@link #empiricalBernstein} is at most ε·w_min, if the variance is what is
   * supposed: the least n, by bisection.
   *
   * @param variance V̂ ≥ 0, logits⁴
   * @param range L'², logits²
   * @param nodes K ≥ 1
   * @param delta δ in (0, 1)
   * @param halfWidth ε·w_min &gt; 0, logits²
   * @return n, or Long.MAX_VALUE above 2^53
   */
  public static long samplesBernstein(
      double variance, double range, int nodes, double delta, double halfWidth) {
    if (!(halfWidth > 0)) {
      throw new IllegalArgumentException("half-width must be above 0, got " + halfWidth);
    }
    long low = 1;
    long high = 1L << 53;
    if (empiricalBernstein(variance, range, nodes, high, delta) > halfWidth) {
      return Long.MAX_VALUE;
    }
    while (high - low > 1) {
      long middle = (low + high) >>> 1;
      if (empiricalBernstein(variance, range, nodes, middle, delta) <= halfWidth) {
        high = middle;
      } else {
        low = middle;
      }
    }
    return high;
  }

  private static double logTerm(int sides, int nodes, double delta) {
    if (nodes < 1) {
      throw new IllegalArgumentException("nodes must be at least 1, got " + nodes);
    }
    if (!(delta > 0 && delta < 1)) {
      throw new IllegalArgumentException("delta must be in (0, 1), got " + delta);
    }
    return StrictMath.log((double) sides * nodes / delta);
  }

  private static void checkRange(double range) {
    if (!(range > 0 && range < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("range must be in (0, inf) logits², got " + range);
    }
  }

  private static void checkSizes(double ratio, double excess) {
    checkRange(ratio);
    if (!(excess > 0 && excess < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("excess must be in (0, inf), got " + excess);
    }
  }
}
