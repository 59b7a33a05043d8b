package dev.sluice.transforms.report;

import java.math.BigDecimal;
import org.apache.commons.statistics.distribution.HypergeometricDistribution;

/** The law of coverage over calibration and test queries together. THEORY 7.2. */
final class MarginalCoverage {
  private MarginalCoverage() {}

  /**
   * The chance that at most so many of N test queries score no more than the k-th smallest of n
   * calibration scores, k = n + 1 − ⌊alpha·(n + 1)⌋, all n + N exchangeable and without ties.
   * Coverage given calibration is Beta(k, n + 1 − k), the count Beta–Binomial; it is at most c just
   * if k of the k + c smallest scores are of the calibration, which is hypergeometric. A threshold
   * above that score covers no less: the chance is then an upper bound.
   *
   * @param covered in [0, tests]
   * @param alpha in (0, 1)
   */
  static double atMost(long covered, int tests, int calibration, BigDecimal alpha) {
    int rank = calibration + 1 - alpha.multiply(BigDecimal.valueOf(calibration + 1L)).intValue();
    if (covered >= tests || rank > calibration) {
      return 1;
    }
    return HypergeometricDistribution.of(calibration + tests, calibration, rank + (int) covered)
        .survivalProbability(rank - 1);
  }
}
