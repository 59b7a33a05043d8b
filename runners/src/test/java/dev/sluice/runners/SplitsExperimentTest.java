package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import dev.sluice.runners.SplitsExperiment.Measured;
import dev.sluice.runners.SplitsExperiment.Row;
import dev.sluice.schemas.Audit;
import dev.sluice.schemas.NodeAudit;
import dev.sluice.schemas.Predicted;
import dev.sluice.transforms.channel.Quantizer;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * 2, 3 and 4 bits on average, clip levels 8, 8, 2, 2, 2048 probes, seed 1: two warm-ups and twenty
 * rounds, run once for all tests.
 */
class SplitsExperimentTest {
  @TempDir static Path directory;

  private static final StringWriter PRINTED = new StringWriter();
  private static List<SplitsReport.Table> tables;

  @BeforeAll
  static void run() throws IOException {
    tables =
        SplitsReport.to(new PrintWriter(PRINTED))
            .withProbes(2048)
            .withBudgets(2, 3, 4)
            .withClipRatios(4.0)
            .print(directory.toString(), 1);
  }

  private static SplitsReport.Table published() {
    return tables.get(0);
  }

  private static SplitsReport.Table shrunk() {
    return tables.get(1);
  }

  @Test
  void publishedSplitsAreThePublishedOnes() {
    assertThat(published().quantizer(), is(Quantizer.DITHER_PAPER));
    assertThat(published().meansRatio(), closeTo(2.125, 1e-12));
    for (Row row : published().rows()) {
      double mean = row.meanBits();
      List<Double> optimum = List.of(mean + 1, mean + 1, mean - 1, mean - 1);
      assertThat(row.waterFilling().bits(), equalTo(optimum));
      assertThat(row.uniform().bits(), equalTo(List.of(mean, mean, mean, mean)));
      assertThat(row.inverse().bits(), equalTo(List.of(1.0, 1.0, 2 * mean - 1, 2 * mean - 1)));
      assertThat(row.predictedRatio(), closeTo(2.125, 1e-9));
    }
  }

  /**
   * THEORY 5.2. Three standard errors at each of three budgets: about one seed in 40 fails, and
   * this one is fixed. At 65536 probes and seed 100 the ratio is 2.130 ± 0.0025 at 4 bits, but
   * 2.114 ± 0.0024 at 2, where steps of 4 logits make KL less than quadratic: 0.5 % that 2048
   * probes, with their 0.7 %, do not show. The bounds know of it.
   */
  @Test
  void measuredRatioIsThatOfTheMeans() {
    for (Row row : published().rows()) {
      double deviation = row.ratioStandardError();
      assertThat(deviation / row.ratio(), lessThan(0.01));
      assertThat(row.toString(), row.ratio(), closeTo(2.125, 3 * deviation));
      assertThat(row.toString(), row.ratio(), closeTo(row.boundsRatio(), 3 * deviation));
    }
  }

  @Test
  void waterFillingIsBestAndWithinItsPrediction() {
    for (SplitsReport.Table table : tables) {
      for (Row row : table.rows()) {
        Measured best = row.waterFilling();
        String where = table.quantizer() + " " + row;
        double slack = 3 * Math.hypot(best.standardError(), row.uniform().standardError());
        assertThat(where, best.kl(), lessThan(row.uniform().kl() - slack));
        assertThat(where, row.uniform().kl(), lessThan(row.inverse().kl()));
        assertThat(
            where,
            best.kl(),
            lessThanOrEqualTo(best.predicted().getThisSplit() + 3 * best.standardError()));
      }
    }
  }

  /** Two bits more take 16 off the others; the wide sites' floor keeps the inverse split up. */
  @Test
  void inverseSplitsStandStill() {
    for (SplitsReport.Table table : tables) {
      Row least = table.rows().get(0);
      Row most = table.rows().get(2);
      assertThat(least.inverse().kl() / most.inverse().kl(), lessThan(1.2));
      assertThat(least.waterFilling().kl() / most.waterFilling().kl(), greaterThan(14.0));
      assertThat(least.uniform().kl() / most.uniform().kl(), greaterThan(14.0));
    }
  }

  @Test
  void wholeSymbolsMakeSplitsLessUnevenWithinTheBudget() {
    assertThat(shrunk().quantizer(), is(Quantizer.DITHER));
    for (Row row : shrunk().rows()) {
      List<Double> bits = row.waterFilling().bits();
      double sum = bits.stream().mapToDouble(Double::doubleValue).sum();
      assertThat(sum, lessThanOrEqualTo(4.0 * row.meanBits()));
      assertThat(sum, greaterThan(4.0 * row.meanBits() - 0.1));
      assertThat(bits.get(0) - bits.get(2), lessThan(2.0));
      assertThat(row.predictedRatio(), lessThan(2.125));
      for (NodeAudit node : row.waterFilling().audit().getNodes()) {
        assertThat(
            node.getPayloadBitsPerProbe(), lessThanOrEqualTo((double) node.getBitsPerProbe()));
      }
    }
  }

  @Test
  void nothingIsClipped() {
    for (SplitsReport.Table table : tables) {
      assertThat(table.clipped(), is(false));
    }
    assertThat(PRINTED.toString(), containsString("Nothing was clipped in any of these rounds."));
  }

  /** ½σ² over the two in the mean is (1/8)·2·(64/3)/16 = 1/3; over four, fictitious, half of it. */
  @Test
  void silentSitesAreNoNoiseButMissing() throws IOException {
    Measured silent = published().partial().get(0);
    assertThat(silent.bits(), equalTo(List.of(2.0, 2.0, 0.0, 0.0)));
    assertThat(silent.predicted().getThisSplit(), closeTo(1 / 3.0, 1e-9));
    assertThat(silent.kl(), greaterThan(0.28));
    RoundDirectory round =
        new RoundDirectory(directory.resolve("ratio-4.00.dither-paper/1-silent").toString());
    PlannedRound plan = RoundRunner.plan(round);
    assertThat(plan.plan().getClip().getLevels(), equalTo(List.of(8.0, 8.0, 2.0, 2.0)));
    assertThat(plan.speakingNodes(), is(2));
  }

  @Test
  void rowsArePrinted() {
    assertThat(PRINTED.toString(), containsString("   3  4,4,2,2               1,1,5,5  "));
    assertThat(PRINTED.toString(), containsString("AM/GM of L^2/3 is 2.125. Option C"));
    assertThat(PRINTED.toString(), containsString("The published 2,2,0,0 counts"));
  }

  /** 2 ± 1 % over 1 ± 1 %: 2 ± 2·√2 %. */
  @Test
  void standardErrorOfARatioIsByTheDeltaMethod() {
    Row row = new Row(3, measured(1, 0.01), measured(2, 0.02), measured(8, 1));
    assertThat(row.ratio(), is(2.0));
    assertThat(row.ratioStandardError(), closeTo(0.02 * Math.sqrt(2), 1e-12));
    assertThat(row.inverseRatio(), is(8.0));
  }

  private static Measured measured(double kl, double standardError) {
    Audit audit =
        Audit.newBuilder()
            .setRound("r")
            .setManifestDigest("00")
            .setProbes(9)
            .setKl(kl)
            .setKlStandardError(standardError)
            .setWorstCase(0.0)
            .setClipKl(0)
            .setMse(0)
            .setBias(0)
            .setNodes(List.of())
            .build();
    return new Measured(List.of(), new Predicted(1.0, 1.0, 1.0), audit);
  }
}
