package dev.sluice.transforms.bounds;

import dev.sluice.transforms.theory.FpldBound;
import java.math.BigDecimal;
import java.util.Locale;

/**
 * What a bound may need to be told besides the round itself. Constants that the papers leave open
 * are among these; none has a value of its own.
 */
public enum Input {
  ROUNDS("T", Range.COUNT, "rounds of the same budget, of logits that stay as they are"),
  SAMPLES("n", Range.COUNT, "training samples of each node"),
  DIMENSION("d", Range.COUNT, "parameters of the student; direct logits have V"),
  DELTA("DELTA", Range.FRACTION, "probability with which a bound may fail"),
  C1(
      "C1",
      Range.NOT_NEGATIVE,
      "c1 of Theorem 3.1, of the order of 1/lambda_min of the Fisher"
          + " information; the papers leave it open"),
  C2(
      "C2",
      Range.NOT_NEGATIVE,
      "c2 of Theorem 3.1, which depends on the clip; the papers leave it" + " open"),
  C_REM(
      "C",
      Range.NOT_NEGATIVE,
      "constant of the remainder of fourth order, in nats/logits^4; the" + " papers leave it open"),
  RHO(
      "RHO",
      Range.AT_LEAST_ONE,
      "largest density of contexts against probes; 1 where they are" + " drawn alike"),
  EPS_OPT(
      "E",
      Range.NOT_NEGATIVE,
      "how far local training is from its optimum: mean squared" + " distance of parameters"),
  LAMBDA_MAX(
      "L",
      Range.NOT_NEGATIVE,
      "largest eigenvalue of the Fisher information, by which" + " --eps-opt becomes nats"),
  EPS_FIT("E", Range.NOT_NEGATIVE, "how far the student is from the best fit, nats"),
  ETA0(
      "ETA",
      Range.TRACE,
      "lower bound on the mean of 1 - |P|^2, P the exact mean's softmax; 1 -" + " max P will do"),
  DRIFT_KL("KL", Range.NOT_NEGATIVE, "mean over nodes of KL(truth || node's distribution), nats"),
  DRIFT_LOGITS("D", Range.NOT_NEGATIVE, "most that a node's logits move between rounds, logits"),
  SPREAD(
      "S",
      Range.NOT_NEGATIVE,
      "largest distance of a node's logit from the nodes' mean," + " logits"),
  W_MIN("W", Range.POSITIVE, "lower bound on every node's second moment of logits, logits^2"),
  BLOCK_VARIANCE(
      "V", Range.NOT_NEGATIVE, "variance over probes of a node's second moment," + " logits^4"),
  WARM_UP("T0", Range.COUNT, "warm-up rounds"),
  EXCESS("ETA", Range.POSITIVE, "how much worse than the best split is allowed, as 0.1"),
  ALPHA("A", Range.MISCOVERAGE, "miscoverage asked for"),
  N_CAL("n", Range.COUNT, "calibration scores of the swarm, all together"),
  F_MAX(
      "F",
      Range.NOT_NEGATIVE,
      "largest density of the scores near the threshold, per nat;"
          + " nobody knows it in practice"),
  CONCENTRATION("c", Range.POSITIVE, "c of assumption B4; 2 by Dvoretzky, Kiefer and Wolfowitz"),
  PHI("PHI", Range.NOT_NEGATIVE, "error of the calibration summary's quantile, nats"),
  SCORE_BITS("B", Range.SCORE_BITS, "bits per score, without the candidates' identities"),
  SCORE_RANGE("S", Range.POSITIVE, "largest score, nats"),
  CANDIDATES("Y", Range.COUNT, "answers to choose from"),
  QUANTILE_ERROR("Q", Range.NOT_NEGATIVE, "distance of the threshold from the true quantile, nats"),
  MEAN_KL("KL", Range.NOT_NEGATIVE, "KL(truth || student), nats: measured, or a bound on it");

  private enum Range {
    COUNT("a whole number, at least 1"),
    FRACTION("above 0 and below 1"),
    MISCOVERAGE("above 0 and below 1, with at most nine decimals"),
    TRACE("0 to 1 - 1/V, the most that 1 - |P|^2 can be"),
    NOT_NEGATIVE("a number, 0 or more"),
    AT_LEAST_ONE("a number, 1 or more"),
    POSITIVE("a number above 0"),
    SCORE_BITS("1 to 16");

    private final String words;

    Range(String words) {
      this.words = words;
    }

    boolean holds(double value, int vocabulary) {
      return Double.isFinite(value)
          && switch (this) {
            case COUNT -> value >= 1 && value == Math.rint(value) && value <= 0x1p53;
            case FRACTION -> value > 0 && value < 1;
            case MISCOVERAGE -> value > 0 && value < 1 && BigDecimal.valueOf(value).scale() <= 9;
            case TRACE -> value >= 0 && value <= FpldBound.trace(vocabulary);
            case NOT_NEGATIVE -> value >= 0;
            case AT_LEAST_ONE -> value >= 1;
            case POSITIVE -> value > 0;
            case SCORE_BITS -> value >= 1 && value <= 16;
          };
    }
  }

  private final String label;
  private final Range range;
  private final String meaning;

  Input(String label, Range range, String meaning) {
    this.label = label;
    this.range = range;
    this.meaning = meaning;
  }

  /** The option that says it, as '--f-max'. */
  public String option() {
    return "--" + name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** What stands for its value. */
  public String label() {
    return label;
  }

  /** What it is, with its unit. */
  public String meaning() {
    return meaning;
  }

  /**
   * Which values it may have, in words.
   *
   * @param vocabulary V ≥ 2
   */
  public String range(int vocabulary) {
    return range == Range.TRACE
        ? range.words + " (V = " + vocabulary + ": " + FpldBound.trace(vocabulary) + ")"
        : range.words;
  }

  /**
   * Whether it may have this value.
   *
   * @param vocabulary V ≥ 2
   */
  public boolean allows(double value, int vocabulary) {
    return range.holds(value, vocabulary);
  }
}
