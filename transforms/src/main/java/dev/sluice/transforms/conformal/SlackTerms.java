package dev.sluice.transforms.conformal;

/**
 * What the published bound takes from 1-alpha, {@code 1 - alpha - 1/(n+1) - Delta_FL - Delta_RAG -
 * Delta_train}, as functions of the scores' density bound f_max, which is not known in practice.
 * THEORY 7.4: Theorem 5.5 and Corollary 6.8.
 *
 * <p>Calibration through the same channel needs none of these terms (THEORY 7.7); they are for
 * comparison, and for scores calibrated at other budgets.
 *
 * @param federated Delta_FL
 * @param channel Delta_RAG
 * @param training Delta_train
 */
public record SlackTerms(double federated, double channel, double training) {
  /** No slack. */
  public static final SlackTerms NONE = new SlackTerms(0, 0, 0);

  /**
   * The constant c of the concentration of an empirical quantile, by Dvoretzky, Kiefer, Wolfowitz.
   */
  public static final double DKW = 2;

  public SlackTerms {
    checkTerm("federated", federated);
    checkTerm("channel", channel);
    checkTerm("training", training);
  }

  /**
   * With {@code Delta_FL = f_max·(sqrt(ln(2/delta)/(c·n)) + phi)}.
   *
   * @param maxDensity f_max, per nat
   * @param delta the bound fails for calibration sets of this probability, in (0, 1)
   * @param concentration c, above 0; {@link #DKW}
   * @param scores n_cal, at least 1
   * @param phi the summary's error of the quantile, in nats
   */
  public SlackTerms withFederated(
      double maxDensity, double delta, double concentration, long scores, double phi) {
    if (!(delta > 0 && delta < 1)) {
      throw new IllegalArgumentException("delta must be in (0, 1), got " + delta);
    }
    if (!(concentration > 0) || scores < 1) {
      throw new IllegalArgumentException(
          "concentration must be above 0 and scores at least 1, got "
              + concentration
              + " and "
              + scores);
    }
    checkTerm("maxDensity", maxDensity);
    checkTerm("phi", phi);
    double spread = Math.sqrt(Math.log(2 / delta) / (concentration * scores));
    return new SlackTerms(maxDensity * (spread + phi), channel, training);
  }

  /**
   * With {@code Delta_RAG = f_max·sqrt(sum v_i)/K}.
   *
   * @param maxDensity f_max, per nat
   * @param variances v_i of each node's score error in nats², step²/12; at least one
   */
  public SlackTerms withChannel(double maxDensity, double... variances) {
    checkTerm("maxDensity", maxDensity);
    if (variances.length == 0) {
      throw new IllegalArgumentException("variances must name at least one node, got none");
    }
    double sum = 0;
    for (double variance : variances) {
      checkTerm("variance", variance);
      sum += variance;
    }
    return new SlackTerms(federated, maxDensity * (Math.sqrt(sum) / variances.length), training);
  }

  /**
   * With {@code Delta_train = f_max·(KL + sqrt(2·KL))}.
   *
   * @param maxDensity f_max, per nat
   * @param meanKl E KL(P*||P) in nats, or a bound on it
   */
  public SlackTerms withTraining(double maxDensity, double meanKl) {
    checkTerm("maxDensity", maxDensity);
    checkTerm("meanKl", meanKl);
    return new SlackTerms(federated, channel, maxDensity * (meanKl + Math.sqrt(2 * meanKl)));
  }

  /** The bound on coverage as it is, below 0 where it says nothing. */
  public double rawLowerBound(Alpha alpha, long scores) {
    return 1 - alpha.toDouble() - 1.0 / (scores + 1) - federated - channel - training;
  }

  /** The bound to show, at least 0. */
  public double lowerBound(Alpha alpha, long scores) {
    return Math.max(0, rawLowerBound(alpha, scores));
  }

  private static void checkTerm(String name, double value) {
    if (!(value >= 0)) {
      throw new IllegalArgumentException(name + " must be at least 0, got " + value);
    }
  }
}
