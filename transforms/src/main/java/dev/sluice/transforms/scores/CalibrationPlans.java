package dev.sluice.transforms.scores;

import dev.sluice.schemas.CalibrationTerms;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.CalibrationPlan;
import java.util.List;

/** What the terms of a calibration come to for one node and group. FORMAT.md 10.3. */
final class CalibrationPlans {
  private CalibrationPlans() {}

  /** The alphas, ascending. */
  static List<Alpha> alphas(CalibrationTerms terms) {
    return terms.getAlphas().stream().map(Alpha::of).sorted().toList();
  }

  /**
   * A plan.
   *
   * @param bits the group's share of B_cal
   * @param scores n_i, which both ends know
   */
  static CalibrationPlan of(CalibrationTerms terms, int bits, long scores) {
    int n = Math.toIntExact(scores);
    return CalibrationPlan.of(bits, terms.getMaxScore(), terms.getNodes(), alphas(terms))
        .withScores(n, n)
        .withMinCell(terms.getMinCell())
        .withMaxLevels(terms.getMaxLevels())
        .withDensity(terms.getDensity());
  }

  /**
   * A group's share of a node's bits: even, the first groups by name one more.
   *
   * @param groups of the node, at least 1
   * @param index of the group among them, by name
   */
  static int share(CalibrationTerms terms, int groups, int index) {
    if (SummaryMethod.of(terms.getMethod()) == SummaryMethod.PAPER) {
      return terms.getBitsCal(); // its B counts no bits
    }
    return terms.getBitsCal() / groups + (index < terms.getBitsCal() % groups ? 1 : 0);
  }
}
