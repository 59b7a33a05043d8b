package dev.sluice.transforms.theory;

/**
 * What no code can do better: the squared error of a mean that is estimated from messages of so
 * many bits.
 *
 * <p><b>Regime.</b> K nodes hold X_i = θ + σ·N(0, I_d), independent given θ in R^d. Each sends one
 * message of at most B bits, a function of its own X_i and of randomness that all share; nobody
 * sees another's. The hub estimates θ. The bound is on E‖θ̂ − θ‖², over all of that and over θ's
 * prior.
 *
 * <p>A message M of B bits carries Fisher information about θ of trace Σ P(m)·|E(S|m)|², S = (X −
 * θ)/σ² the score. Along any direction S is N(0, 1/σ²), so that by Donsker and Varadhan's
 * inequality |E(S|m)|² ≤ (2/σ²)·KL(X|m ‖ X); the mean over m of this divergence is the information
 * of M about X, at most B ln 2 nats. Hence the trace is at most 2 ln 2·B/σ², and at most d/σ²,
 * which is what X has. (Barnes, Han and Özgür, Lower bounds for learning distributions under
 * communication constraints via Fisher information, JMLR 21, 2020.) Information of messages that
 * are independent given θ adds up, and by van Trees' inequality E‖θ̂ − θ‖² ≥ d²/(trace + J), J the
 * trace of the prior's own.
 *
 * <p>It says nothing of nodes that hold the same vector: with σ = 0 the bound is 0. Then only rate
 * and distortion of the vector itself limit what K·B bits can say; {@link #distortion} is that for
 * one node.
 */
public final class EstimationFloor {
  private static final double TRACE_OF_A_BIT = 2 * StrictMath.log(2);

  private EstimationFloor() {}

  /**
   * The least mean squared error, summed over coordinates. At least {@code dσ²/K} where the prior
   * says nothing.
   *
   * @param dimension d ≥ 1
   * @param variance σ² ≥ 0 of a coordinate of a node's vector about θ
   * @param nodes K ≥ 1
   * @param bits B ≥ 0 of a message
   * @param prior J ≥ 0, trace of the Fisher information of θ's prior: d/τ² where θ is N(0, τ²I), 0
   *     where nothing is known of it
   * @return in units of σ²; infinite where neither messages nor prior say anything
   */
  public static double meanSquaredError(
      int dimension, double variance, int nodes, double bits, double prior) {
    if (dimension < 1 || nodes < 1) {
      throw new IllegalArgumentException(
          "dimension and nodes must be at least 1, got " + dimension + " and " + nodes);
    }
    checkSign("variance", variance);
    checkSign("bits", bits);
    checkSign("prior", prior);
    if (variance == 0) {
      return 0;
    }
    double trace = nodes * Math.min(TRACE_OF_A_BIT * bits, dimension) / variance;
    return (double) dimension * dimension / (trace + prior);
  }

  /**
   * The least mean squared error of a coordinate of a Gaussian vector of variance 1 that one node
   * holds and describes in so many bits a coordinate, 4^-b: Shannon's distortion at that rate.
   *
   * @param bits a coordinate, b ≥ 0
   */
  public static double distortion(double bits) {
    checkSign("bits", bits);
    return StrictMath.pow(4, -bits);
  }

  private static void checkSign(String name, double value) {
    if (!(value >= 0 && value < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(name + " must be in [0, inf), got " + value);
    }
  }
}
