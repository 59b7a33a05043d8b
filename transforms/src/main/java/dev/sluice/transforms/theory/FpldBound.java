package dev.sluice.transforms.theory;

import dev.sluice.transforms.allocation.WaterFilling;
import dev.sluice.transforms.allocation.Weighting;
import java.util.Arrays;

/**
 * The published bounds on federated distillation, term by term, as they are printed: steps of
 * 2L·2^−b, which 2^b symbols cannot have (THEORY 2.2). {@link KlBounds} has the bounds of the
 * quantisers as they are. THEORY 3.4, 3.5, 4.1, 4.4, 5.1 and 7.1.
 *
 * <p>P1 is arXiv:2605.09986v2, P2 arXiv:2605.29642v1. Both number their theorems alike; a name here
 * says which is meant. Arrays of clips and bits are indexed by node, K ≥ 1 of each: clips L_i in
 * (0, 2^19] logits, bits b_i = B_i/V per coordinate, finite. They are only read. Divergences are in
 * nats. What the papers leave open (c₁, c₂, C_rem) is an argument.
 */
public final class FpldBound {
  /**
   * The R at which {@link KlBounds#h} is 1/2, logits: up to a mean step of this, (L) is at least
   * the published lower bound, so that it may stand for the assumption (SE'). THEORY 3.4.
   */
  public static final double SMALL_ERROR = 2.5569290855221475;

  private FpldBound() {}

  // ---- the statistical terms of Theorem 3.1 of P2, which is Theorem 4.1 of P1 ----

  /**
   * c₁·d/(K·n): what K·n samples leave open of d parameters.
   *
   * @param c1 Θ(1/λ_min(I(θ*))), at least 0
   * @param dimension d ≥ 1
   * @param nodes K ≥ 1
   * @param samples n ≥ 1 of each node
   */
  public static double samples(double c1, double dimension, double nodes, double samples) {
    checkLeast("c1", c1, 0);
    checkLeast("dimension", dimension, 1);
    checkLeast("nodes", nodes, 1);
    checkLeast("samples", samples, 1);
    return c1 * dimension / (nodes * samples);
  }

  /**
   * c₂·ρ·√(V·log(V/δ)/m): what m probes leave open of the student.
   *
   * @param c2 at least 0; depends on L
   * @param density ρ ≥ 1, of the contexts against the probes
   * @param vocabulary V ≥ 2
   * @param probes m ≥ 1
   * @param delta δ in (0, 1)
   */
  public static double probes(
      double c2, double density, double vocabulary, double probes, double delta) {
    checkLeast("c2", c2, 0);
    checkLeast("density", density, 1);
    checkLeast("vocabulary", vocabulary, 2);
    checkLeast("probes", probes, 1);
    if (!(delta > 0 && delta < 1)) {
      throw new IllegalArgumentException("delta must be in (0, 1), got " + delta);
    }
    return c2 * density * Math.sqrt(vocabulary * StrictMath.log(vocabulary / delta) / probes);
  }

  /**
   * ½·λ_max·ε_opt, nats: what a mean squared distance of ε_opt between parameters costs to leading
   * order. The papers add ε_opt itself to a divergence (THEORY 9.13), which is right where the
   * largest eigenvalue of the Fisher information is at most 2.
   *
   * @param largestEigenvalue λ_max(I(θ*)) ≥ 0
   * @param distance ε_opt ≥ 0
   */
  public static double optimisation(double largestEigenvalue, double distance) {
    checkLeast("largest eigenvalue", largestEigenvalue, 0);
    checkLeast("distance", distance, 0);
    return 0.5 * largestEigenvalue * distance;
  }

  // ---- the bandwidth term ----

  /** σ² = K⁻²·Σ_i (L_i²/3)·4^{−b_i}, logits²: the variance of the mean's error under the model. */
  public static double variance(double[] clips, double[] bits) {
    double nodes = clips.length;
    return WaterFilling.distortion(Weighting.fromClips(clips), bits) / (nodes * nodes);
  }

  /**
   * ½σ², Theorem 5.4 of P2. With one clip and one budget c₃·K⁻¹·4^−b, c₃ = L²/6: Theorem 3.1 of P2,
   * Theorem 4.1 of P1.
   */
  public static double bandwidth(double[] clips, double[] bits) {
    return variance(clips, bits) / 2;
  }

  /**
   * (A) of P1: (V/2)·½σ², so (L²/12)·(V/K)·4^−b with one clip and one budget; the bandwidth term of
   * P1's first version too (THEORY 9.16). By ‖H‖ ≤ ½ and E‖ξ̄‖², without independence over
   * coordinates, of which ½σ² has no need either (THEORY 9.10).
   *
   * @param vocabulary V ≥ 2
   */
  public static double euclidean(double[] clips, double[] bits, int vocabulary) {
    checkLeast("vocabulary", vocabulary, 2);
    return vocabulary / 2.0 * bandwidth(clips, bits);
  }

  /**
   * (B) of P1, without symmetry of the errors: ½σ² + (1/6)·K⁻³·Σ_i L_i·(L_i²/3)·2^{−3b_i} +
   * C_rem·σ⁴. The middle term is |E μ₃|/6 by |κ₃(ξ_i)| ≤ L_i·2^{−b_i}·E ξ_i² and Σ p(1 − p)|1 − 2p|
   * ≤ 1; of a uniform error it is 0.
   *
   * @param remainder C_rem ≥ 0, which the paper leaves open
   */
  public static double withoutSymmetry(double[] clips, double[] bits, double remainder) {
    checkLeast("remainder", remainder, 0);
    double variance = variance(clips, bits);
    double[] weights = Weighting.fromClips(clips);
    double cubes = 0;
    for (int i = 0; i < clips.length; i++) {
      cubes += clips[i] * weights[i] * StrictMath.pow(2, -3 * bits[i]);
    }
    double nodes = clips.length;
    return variance / 2 + cubes / (6 * nodes * nodes * nodes) + remainder * variance * variance;
  }

  /**
   * (1/8)·K⁻²·Σ_i Δ_i²: an upper bound for errors of mean 0 within ±Δ_i/2, independent over nodes,
   * of any law (Hoeffding's lemma in place of sinh(a)/a). Three times ½σ². THEORY 3.5.
   *
   * @param steps Δ_i ≥ 0, logits, each node's largest
   */
  public static double anyLaw(double[] steps) {
    checkLeast("nodes", steps.length, 1);
    double sum = 0;
    for (double step : steps) {
      checkLeast("step", step, 0);
      sum += step * step;
    }
    double nodes = steps.length;
    return sum / (8 * nodes * nodes);
  }

  /**
   * Theorem 4.2 of P2: E KL(P̄*‖P̄) ≥ ½·η₀·½σ², so c₋·K⁻¹·4^−b, c₋ = η₀L²/12, with one clip and one
   * budget. Under (ND), E[1 − ‖P̄*‖²] ≥ η₀, and (SE'), which {@link #SMALL_ERROR} replaces. A bound
   * on this construction and not on every channel (THEORY 9.14).
   *
   * @param concentration η₀ in [0, 1]
   */
  public static double fixedLower(double[] clips, double[] bits, double concentration) {
    if (!(concentration >= 0 && concentration <= 1)) {
      throw new IllegalArgumentException("concentration must be in [0, 1], got " + concentration);
    }
    return 0.5 * concentration * bandwidth(clips, bits);
  }

  /** Δ̄ = K⁻¹·Σ_i 2L_i·2^{−b_i}, logits, under the model. */
  public static double meanStep(double[] clips, double[] bits) {
    Weighting.fromClips(clips); // checks them
    double sum = 0;
    for (int i = 0; i < clips.length; i++) {
      sum += 2 * clips[i] * StrictMath.pow(2, -bits[i]);
    }
    return sum / clips.length;
  }

  /**
   * Bits after T rounds that each send b_i of the same logits and keep all: T·b_i. With them {@link
   * #bandwidth} is (4.3) of P2, c₃·K⁻¹·4^{−Tb}, and {@link #fixedLower} its lower bound.
   *
   * @param rounds T ≥ 1
   */
  public static double[] afterRounds(double[] bits, int rounds) {
    checkLeast("rounds", rounds, 1);
    return Arrays.stream(bits).map(b -> rounds * b).toArray();
  }

  // ---- drift ----

  /**
   * Corollary 4.4 of P1: K⁻¹·Σ_i KL(P*‖P_i), added to Theorem 4.1 where the nodes' distributions
   * differ.
   *
   * @param divergences KL(P*‖P_i) of each node, at least 0
   */
  public static double drift(double... divergences) {
    checkLeast("nodes", divergences.length, 1);
    double sum = 0;
    for (double divergence : divergences) {
      checkLeast("divergence", divergence, 0);
      sum += divergence;
    }
    return sum / divergences.length;
  }

  /**
   * The step of the T-th residual where a node refines its own reconstruction and its logits move
   * by at most δ between rounds: Δ_1 = 2L/(N − 1), Δ_t = (Δ_{t−1} + 2δ)/(N − 1). It falls to 2δ/(N
   * − 2) and no further; for N = 2 it grows. THEORY 4.4.
   *
   * @param clip L &gt; 0, logits
   * @param symbols N ≥ 2
   * @param move δ ≥ 0, logits, in the sup norm
   * @param rounds T ≥ 1
   */
  public static double driftingStep(double clip, double symbols, double move, int rounds) {
    checkLeast("symbols", symbols, 2);
    checkLeast("move", move, 0);
    checkLeast("rounds", rounds, 1);
    if (!(clip > 0 && clip < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("clip must be in (0, inf) logits, got " + clip);
    }
    double step = 2 * clip / (symbols - 1);
    for (int t = 2; t <= rounds; t++) {
      step = (step + 2 * move) / (symbols - 1);
    }
    return step;
  }

  // ---- what nothing costs ----

  /**
   * 1 − 1/V: the largest tr H(p) = 1 − ‖p‖², of the uniform p. P1's Lemma 4.3 says 1, attained by a
   * one-hot p, of which it is 0 (THEORY 9.9).
   *
   * @param vocabulary V ≥ 2
   */
  public static double trace(int vocabulary) {
    checkLeast("vocabulary", vocabulary, 2);
    return 1 - 1.0 / vocabulary;
  }

  /**
   * KL(P̄*‖uniform) ≤ min(log V, L̄²/2), L̄ the mean clip: what a hub has that hears nothing, by
   * Hoeffding's lemma on logits within ±L̄. An upper bound above it is vacuous.
   *
   * @param vocabulary V ≥ 2
   */
  public static double uninformed(double[] clips, int vocabulary) {
    checkLeast("vocabulary", vocabulary, 2);
    Weighting.fromClips(clips);
    double mean = sum(clips) / clips.length;
    return Math.min(StrictMath.log(vocabulary), mean * mean / 2);
  }

  /** In ascending order; a stream's sum compensates, and not the same in every JDK. */
  private static double sum(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum;
  }

  private static void checkLeast(String what, double value, double least) {
    if (!(value >= least && value < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(what + " must be in [" + least + ", inf), got " + value);
    }
  }
}
