package dev.sluice.transforms.allocation;

import java.util.Arrays;

/**
 * What a split is predicted to cost, in nats of E KL(P̄*‖P̄), beside the two baselines at the same
 * total; and what it costs to split by estimated weights. THEORY 5.1 and 6.2.
 *
 * <p>The bandwidth term is ½σ² = 1/(24|A|²)·Σ_A Δ_i², A the nodes with bits, Δ_i² the mean over
 * coordinates of the squared step: an upper bound on the cost ((U), THEORY 3.3), and its leading
 * order but for a factor 1 − ‖P̄*‖². It is known before anything is sent.
 *
 * @param total Σ b_i, bits per coordinate
 * @param active |A|
 * @param implemented ½σ² with the steps of the quantiser 'dither' ({@link Distortion#SHRUNK})
 * @param published ½σ² with the steps 2L·2^−b ({@link Distortion#MODEL})
 * @param uniformImplemented as {@code implemented}, of {@link Policy#UNIFORM} over all K nodes,
 *     each in [1, 16]; NaN if the total is below K
 * @param uniformPublished as {@code published}, of {@link Policy#UNIFORM} in (0, 16]
 * @param inverseImplemented as {@code implemented}, of {@link Policy#INVERSE} by w = L²/3, each
 *     node in [1, 16]: the floor breaks the plateau. NaN if the total is below K
 * @param inversePublished as {@code published}, of {@link Policy#INVERSE} by w = L²/3 in (0, 16]
 */
public record SplitCertificate(
    double total,
    int active,
    double implemented,
    double published,
    double uniformImplemented,
    double uniformPublished,
    double inverseImplemented,
    double inversePublished) {

  /**
   * The certificate of a split.
   *
   * @param clips [K], L_i in (0, 2^19] logits
   * @param bits [K], bits per coordinate, each 0 or in [1, 16], at least one not 0
   */
  public static SplitCertificate of(double[] clips, double[] bits) {
    double implemented = bandwidthTerm(Distortion.SHRUNK, clips, bits);
    double published = bandwidthTerm(Distortion.MODEL, clips, bits);
    double total = 0;
    int active = 0;
    for (double b : bits) {
      total += b;
      active += b > 0 ? 1 : 0;
    }
    return new SplitCertificate(
        total,
        active,
        implemented,
        published,
        baseline(Policy.UNIFORM, Distortion.SHRUNK, clips, total),
        baseline(Policy.UNIFORM, Distortion.MODEL, clips, total),
        baseline(Policy.INVERSE, Distortion.SHRUNK, clips, total),
        baseline(Policy.INVERSE, Distortion.MODEL, clips, total));
  }

  private static double baseline(
      Policy policy, Distortion distortion, double[] clips, double total) {
    double floor = distortion == Distortion.SHRUNK ? 1 : 0;
    if (total < clips.length * floor) {
      return Double.NaN;
    }
    double[] floors = new double[clips.length];
    double[] caps = new double[clips.length];
    Arrays.fill(floors, floor);
    Arrays.fill(caps, Levels.MAX_BITS);
    return bandwidthTerm(
        distortion, clips, policy.bits(Weighting.fromClips(clips), floors, caps, total));
  }

  /**
   * ½σ² = 1/(2|A|²)·Σ_A (L_i²/3)·d(b_i), nats, A the nodes with bits; in ascending order.
   *
   * @param clips [K], L_i in (0, 2^19] logits
   * @param bits [K], each 0 or in the distortion's domain, at least one not 0
   */
  public static double bandwidthTerm(Distortion distortion, double[] clips, double[] bits) {
    if (clips.length != bits.length) {
      throw new IllegalArgumentException(
          "clips and bits must be of the same nodes, got " + clips.length + " and " + bits.length);
    }
    double[] weights = Weighting.fromClips(clips);
    double sum = 0;
    double active = 0;
    for (int i = 0; i < bits.length; i++) {
      if (bits[i] != 0) {
        sum += weights[i] * distortion.ofBits(bits[i]);
        active++;
      }
    }
    if (active == 0) {
      throw new IllegalArgumentException("a split must give bits to at least 1 node, got none");
    }
    return sum / (2 * active * active);
  }

  // ---- the price of estimated weights ----

  /**
   * AM/GM of w_i/ŵ_i, at least 1: exactly how much more Σ w_i·4^{−b_i} is at the optimum for ŵ than
   * at that for w, where no floor or cap binds at either. THEORY 6.2. With floors or caps it is
   * neither an upper nor a lower bound; {@link #lemma} is an upper bound always.
   *
   * @param weights w, [K], K ≥ 1, finite and &gt; 0
   * @param estimates ŵ, [K], finite and &gt; 0
   */
  public static double price(double[] weights, double[] estimates) {
    if (weights.length < 1 || weights.length != estimates.length) {
      throw new IllegalArgumentException(
          "weights and estimates must be of the same nodes, at least 1, got "
              + weights.length
              + " and "
              + estimates.length);
    }
    double logs = 0;
    double[] ratioLogs = new double[weights.length];
    for (int i = 0; i < weights.length; i++) {
      if (!(weights[i] > 0
          && weights[i] < Double.POSITIVE_INFINITY
          && estimates[i] > 0
          && estimates[i] < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "weight and estimate of node "
                + i
                + " must be in (0, inf), got "
                + weights[i]
                + " and "
                + estimates[i]);
      }
      ratioLogs[i] = StrictMath.log(weights[i]) - StrictMath.log(estimates[i]);
      logs += ratioLogs[i];
    }
    double mean = logs / weights.length;
    double sum = 0;
    for (double log : ratioLogs) {
      sum += StrictMath.expm1(log - mean);
    }
    return 1 + Math.max(0, sum / weights.length);
  }

  /**
   * Specht's ratio S(κ) = (κ − 1)·κ^{1/(κ−1)}/(e·ln κ): the largest AM/GM of numbers within a
   * factor κ of each other. Relative error below 2^-40. THEORY 6.2.
   *
   * @param spread κ ≥ 1, finite
   */
  public static double specht(double spread) {
    if (!(spread >= 1 && spread < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("spread must be in [1, inf), got " + spread);
    }
    double t = StrictMath.log(spread);
    if (t < 0.1) {
      // log((e^t − 1)/t) + t/(e^t − 1) − 1 = t²/8 − t⁴/576 + t⁶/25920 − ...
      double square = t * t;
      return StrictMath.exp(square * (1.0 / 8 - square * (1.0 / 576 - square / 25920)));
    }
    return StrictMath.exp(StrictMath.log((spread - 1) / t) + t / (spread - 1) - 1);
  }

  /**
   * S((1 + ε)/(1 − ε)): the most that {@link #price} can be when |ŵ_i/w_i − 1| ≤ ε for every node.
   * About 1 + ε²/2, and at most 1 + 0.64ε² for ε ≤ 1/2. +inf, so vacuous, for ε ≥ 1.
   *
   * @param epsilon ε ≥ 0
   */
  public static double sharp(double epsilon) {
    checkEpsilon(epsilon);
    return epsilon < 1 ? specht((1 + epsilon) / (1 - epsilon)) : Double.POSITIVE_INFINITY;
  }

  /**
   * Lemma B.8: (1 + ε)/(1 − ε), the most that Σ w_i·4^{−b_i} grows by when |ŵ_i/w_i − 1| ≤ ε for
   * every node, whatever the feasible set: floors, caps or whole bits. +inf, so vacuous, for ε ≥ 1.
   *
   * @param epsilon ε ≥ 0
   */
  public static double lemma(double epsilon) {
    checkEpsilon(epsilon);
    return epsilon < 1 ? (1 + epsilon) / (1 - epsilon) : Double.POSITIVE_INFINITY;
  }

  /**
   * 1 + 4ε, the published form of {@link #lemma}, which it bounds for ε ≤ 1/2; +inf, so vacuous,
   * above.
   *
   * @param epsilon ε ≥ 0
   */
  public static double linear(double epsilon) {
    checkEpsilon(epsilon);
    return epsilon <= 0.5 ? 1 + 4 * epsilon : Double.POSITIVE_INFINITY;
  }

  private static void checkEpsilon(double epsilon) {
    if (!(epsilon >= 0)) {
      throw new IllegalArgumentException("epsilon must be at least 0, got " + epsilon);
    }
  }
}
