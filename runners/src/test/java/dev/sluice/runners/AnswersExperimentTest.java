package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.lessThan;

import java.util.List;
import org.junit.jupiter.api.Test;

/** What bits of calibration cost in set size, at a tenth of the table's size. */
class AnswersExperimentTest {
  private static AnswersExperiment.Row row(
      List<AnswersExperiment.Row> rows, String rule, long bits) {
    return rows.stream()
        .filter(row -> row.rule().equals(rule) && row.bits() == bits)
        .findFirst()
        .orElseThrow();
  }

  /** Seed 1. Ratios are of sets of the same queries, so that they stray by some .001 only. */
  @Test
  void fewBitsCostLittleAndNeverCoverage() {
    List<AnswersExperiment.Row> rows = new AnswersExperiment(6, 3000, 1).run(3000);
    AnswersExperiment.Row pooled = rows.get(rows.size() - 1);
    for (AnswersExperiment.Row row : rows) {
      if (row.rule().equals("conservative")) {
        // The same queries, and a threshold that is never lower.
        assertThat(row.coverage(), greaterThan(pooled.coverage() - 1e-12));
        assertThat(row.ratio(), greaterThan(1 - 1e-12));
      }
    }
    assertThat(row(rows, "conservative", 256).ratio(), lessThan(1.02));
    assertThat(row(rows, "conservative", 64).ratio(), lessThan(1.02));
    // .675 as published; sd over repetitions .006, over 3000 queries .009.
    assertThat(
        row(rows, "published, B_cal 1", 64).coverage(), closeTo(0.675, 3 * 0.011 / Math.sqrt(6)));
  }

  @Test
  void alsoWithAHundredScoresASite() {
    List<AnswersExperiment.Row> rows = new AnswersExperiment(6, 3000, 1).run(100);
    assertThat(row(rows, "conservative", 256).ratio(), lessThan(1.02));
    assertThat(row(rows, "conservative", 64).ratio(), lessThan(1.06));
  }
}
