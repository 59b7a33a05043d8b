package dev.sluice.transforms.reproduction;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.ReproductionCell;
import dev.sluice.transforms.report.ReproductionPage;
import dev.sluice.transforms.reproduction.CoverageSweeps.Setting;
import java.util.List;
import org.junit.jupiter.api.Test;

class ExperimentTest {
  private static double[][][] measured(Experiment experiment, int seeds) {
    double[][][] results = new double[experiment.settings()][seeds][];
    for (int setting = 0; setting < results.length; setting++) {
      for (int r = 0; r < seeds; r++) {
        results[setting][r] = experiment.run(setting, r);
      }
    }
    return results;
  }

  /** Made-up results: quantity q of repetition r is (q + 1)/10·(1 + r/100). */
  private static double[][][] madeUp(Experiment experiment, int quantities) {
    double[][][] results = new double[experiment.settings()][3][quantities];
    for (double[][] repetitions : results) {
      for (int r = 0; r < repetitions.length; r++) {
        for (int q = 0; q < quantities; q++) {
          repetitions[r][q] = 0.1 * (q + 1) * (1 + r / 100.0);
        }
      }
    }
    return results;
  }

  private static ReproductionCell cell(
      Reproduction document, String axis, double value, String channel) {
    return document.getCells().stream()
        .filter(c -> c.getAxis().equals(axis))
        .filter(c -> c.getValue() == value && c.getChannel().equals(channel))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void e1SetsMidriseBesideWhatWasPublishedAndNothingElse() {
    Reproduction document = Experiment.E1.reproduction(7, madeUp(Experiment.E1, 5));
    assertThat(document.getExperiment(), is("e1"));
    assertThat(document.getSeed(), is(7L));
    assertThat(document.getSeeds(), is(3));
    assertThat(document.getPublishedSeeds(), is(40));
    assertThat(document.getCells().size(), is(4 * 36));
    for (ReproductionCell cell : document.getCells()) {
      boolean published = cell.getChannel().equals("midrise");
      assertThat(cell.toString(), cell.getPublished() != null, is(published));
      assertThat(cell.toString(), cell.getZ() != null, is(published));
      assertThat(cell.getSeeds(), is(3));
    }
    ReproductionCell midrise = cell(document, "n_bits", 4, "midrise");
    assertThat(midrise.getPublished(), is(.3855));
    assertThat(midrise.getOurs(), closeTo(.101, 1e-12));
    ReproductionCell excess = cell(document, "n_bits, excess", 4, "dither - none");
    assertThat(excess.getOurs(), closeTo(-.101, 1e-12));
    assertThat(excess.getUpper(), closeTo(.0651, 5e-4)); // THEORY 8.1: (L²/6K)4^-b
    assertThat(excess.getLower(), lessThan(excess.getUpper()));
    assertThat(excess.getBoundBase(), is(nullValue()));
    ReproductionCell dither = cell(document, "n_bits", 4, "dither");
    assertThat(dither.getBoundBase(), closeTo(.303, 1e-12)); // 'none'
    assertThat(dither.getUpper(), closeTo(.303 + excess.getUpper(), 1e-12));
    List<ReproductionCell> published =
        document.getCells().stream().filter(c -> c.getPublished() != null).toList();
    assertThat(published.size(), is(36));
    assertThat(ReproductionPage.settings(published), is(32L));
  }

  @Test
  void driftIsBoundedByItsOwnNodesWithoutDrift() {
    double[][][] results = madeUp(Experiment.E1_5, 5);
    results[0][0][0] = 0.4; // K = 2 without drift
    results[0][1][0] = 0.5;
    results[0][2][0] = 0.6;
    Reproduction document = Experiment.E1_5.reproduction(0, results);
    assertThat(document.getCells().size(), is(2 * 21 + 7 + 1));
    assertThat(cell(document, "drift at K=2", 1, "midrise").getUpper(), closeTo(.5 + .505, 1e-12));
    assertThat(
        cell(document, "drift at K=4", 1, "midrise").getUpper(), closeTo(.101 + .505, 1e-12));
    assertThat(cell(document, "drift at K=4", 0, "midrise").getUpper(), is(nullValue()));
    assertThat(cell(document, "drift", 1, "drift term").getPublished(), is(.492));
    assertThat(
        cell(document, "drift, mean over K", 0, "midrise").getOurs(),
        closeTo((.5 + .101 + .101) / 3, 1e-12));
    long published = document.getCells().stream().filter(c -> c.getPublished() != null).count();
    assertThat(published, is(6L));
  }

  /**
   * THEORY 8.3 and 7.6: the paper's rule covers .675, .887 and .900 at 1, 4 and 8 bits, the other
   * at least .9 at any. One draw of n_cal = 300 has sd .0106, and its 4000 test queries add .0047:
   * .0116/√10 and 4 of these for ten seeds. False alarm 6e-5 each.
   */
  @Test
  void coverageByBothRules() {
    Setting setting = new Setting(300, 4, List.of(1, 4, 8));
    double[] mean = new double[6];
    for (int seed = 0; seed < 10; seed++) {
      double[] coverage = CoverageSweeps.run(setting, 4000, seed);
      for (int q = 0; q < mean.length; q++) {
        mean[q] += coverage[q] / 10;
      }
    }
    double slack = 4 * .0116 / Math.sqrt(10);
    double[] paper = {.675, .8877, .899};
    for (int j = 0; j < 3; j++) {
      assertThat(mean[2 * j], closeTo(paper[j], slack));
      assertThat(mean[2 * j + 1], greaterThan(.9 - slack));
    }
  }

  @Test
  void everyCellOfE2IsThereForBothRules() {
    int settings = Experiment.E2.settings();
    assertThat(settings, is(10)); // what is at (3000, 8, 8) is shared
    Reproduction document = Experiment.E2.reproduction(0, madeUp(Experiment.E2, 18));
    assertThat(document.getCells().size(), is(2 * 20));
    for (ReproductionCell cell : document.getCells()) {
      if (cell.getChannel().equals("conservative")) {
        assertThat(cell.getLower(), is(.9));
        assertThat(cell.getPublished(), is(nullValue()));
      }
    }
    ReproductionCell one = cell(document, "B_cal", 1, "paper");
    assertThat(one.getPublished(), is(.674));
    assertThat(one.getLower(), is(nullValue()));
    assertThat(one.getPredicted(), is(-.973));
    List<ReproductionCell> published =
        document.getCells().stream().filter(c -> c.getPublished() != null).toList();
    assertThat(published.size(), is(10)); // '8 and more' once
    assertThat(ReproductionPage.settings(published), is(9L)); // n_cal = 3000 is B_cal = 8
    assertThat(
        cell(document, "B_i", 32, "paper").getSetting(),
        is(cell(document, "B_i", 16, "paper").getSetting()));
    // B_cal = 8 comes first, where the other sweeps meet; then 1.
    assertThat(one.getOurs(), closeTo(3 * .101, 1e-12));
    assertThat(cell(document, "B_cal", 8, "paper").getOurs(), closeTo(.101, 1e-12));
  }

  /**
   * A mean square of n = 60 000 means of at least four uniform errors has a relative sd of at most
   * √(2/n); two seeds, 5 sd: false alarm 6e-7 for each of 88 exact figures. THEORY's, rounded to
   * two digits: 5 %; the safe range of nodes that spread is that of the largest of 240 000
   * deviations, 10 %.
   */
  @Test
  void refinementIsAsPredicted() {
    Reproduction document =
        Experiment.REFINEMENT.reproduction(0, measured(Experiment.REFINEMENT, 2));
    assertThat(document.getCells().size(), is(4 * 4 * 6));
    for (ReproductionCell cell : document.getCells()) {
      boolean exact =
          !cell.getChannel().equals("broadcast-residual")
              || cell.getAxis().contains("identical")
              || cell.getValue() == 1;
      double tolerance = exact ? 5 * Math.sqrt(2.0 / 120_000) : .05;
      assertThat(
          cell.toString(),
          cell.getOurs(),
          closeTo(cell.getReference(), tolerance * cell.getReference()));
      assertThat(cell.toString(), cell.getOurs(), greaterThan(cell.getPredicted()));
      assertThat(cell.getLower(), is(nullValue()));
    }
    for (PublishedValues.Row row : PublishedValues.of("refinement").rows()) {
      double printed = row.reference().orElseThrow();
      double tolerance = row.channel().endsWith("safe") ? .15 : .05;
      assertThat(
          row.toString(),
          cell(document, row.axis(), row.value(), row.channel()).getOurs(),
          closeTo(printed, tolerance * printed));
    }
  }

  /**
   * (L) and (U) of THEORY 3.3 and 3.4, for the excess within 5 standard errors. The references have
   * another common row, whose 1 − ‖p‖² is within a few percent: 6 %.
   */
  @Test
  void allocationIsBetweenItsBounds() {
    Reproduction document =
        Experiment.ALLOCATION.reproduction(0, measured(Experiment.ALLOCATION, 4));
    for (ReproductionCell cell : document.getCells()) {
      double slack = 5 * cell.getOursSd() / Math.sqrt(cell.getSeeds());
      if (cell.getLower() != null) {
        assertThat(cell.toString(), cell.getOurs(), greaterThanOrEqualTo(cell.getLower() - slack));
        assertThat(cell.toString(), cell.getOurs(), lessThanOrEqualTo(cell.getUpper() + slack));
      }
      if (cell.getReference() != null && cell.getReference() > .01) {
        assertThat(
            cell.toString(),
            cell.getOurs(),
            closeTo(cell.getReference(), .06 * cell.getReference()));
      }
      assertThat(cell.getPublished(), is(nullValue()));
    }
    for (int mean = 1; mean <= 6; mean++) {
      double optimal = cell(document, "mean b, excess", mean, "optimal").getOurs();
      double uniform = cell(document, "mean b, excess", mean, "uniform").getOurs();
      // AM/GM of the weights, 2.125, as far as KL is quadratic.
      assertThat("mean b " + mean, uniform / optimal, closeTo(2.1, .1));
      for (String inverse : new String[] {"inverse", "inverse-tilt"}) {
        assertThat(cell(document, "mean b, excess", mean, inverse).getOurs(), greaterThan(uniform));
      }
    }
  }

  @Test
  void aRepetitionIsAFunctionOfItsSeed() {
    for (Experiment experiment : Experiment.values()) {
      int last = experiment == Experiment.E1 ? 9 : experiment.settings() - 1;
      double[] once = experiment.run(last, 11);
      assertThat(experiment.label(), experiment.run(last, 11), equalTo(once));
      assertThat(experiment.label(), experiment.run(last, 12), not(equalTo(once)));
    }
  }
}
