package dev.sluice.transforms.reproduction;

import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.ReproductionCell;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.CalibrationPlan;
import dev.sluice.transforms.conformal.CalibrationSummary;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.PaperSummary;
import dev.sluice.transforms.conformal.PooledThreshold;
import dev.sluice.transforms.conformal.ScoreBudget;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.conformal.SwarmScore;
import dev.sluice.transforms.synthetic.SharedRowSites;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * E2: coverage at α = .1 of 20 000 test queries, four nodes with n_cal calibration scores each, one
 * parameter varied at a time from (n_cal, B_i, B_cal) = (3000, 8, 8). THEORY 8.3 and 7.6.
 *
 * <p>The true answer's score at node i is 4 + z + z_i nats, z and z_i normal of variances 1 and
 * 1/4, cut to [0, 8], sent through the score channel at B_i bits a query and averaged over the
 * nodes, for calibration and test alike. Coverage does not depend on that law: the swarm's scores
 * are exchangeable and, through the dither, without ties.
 *
 * <p>Rules: 'paper' is {@link PaperSummary}, 2^B_cal values of a node. 'conservative' is {@link
 * PooledThreshold} with the bits that those values take as float32, 32·2^B_cal, and 8192 at most,
 * which the rule hardly profits from exceeding; n_i is known.
 */
final class CoverageSweeps implements Study {
  private static final int NODES = 4;
  private static final int TEST_QUERIES = 20_000;
  private static final double MAX_SCORE = 8;
  private static final double NODE_VARIANCE = 0.25;
  private static final Alpha ALPHA = Alpha.of("0.1");
  private static final int FLOAT_BITS = 32;
  private static final int MOST_BITS = 8192;

  /** Bits of a score at most; more change nothing. */
  private static final int CAP = 16;

  private static final int SCORES = 3000;
  private static final int QUERY_BITS = 8;
  private static final int SUMMARY_BITS = 8;

  private static final int PUBLISHED_SEEDS = 20;
  private static final PublishedValues PUBLISHED = PublishedValues.of("e2");

  /**
   * What shares its scores.
   *
   * @param scores n_cal of a node
   * @param queryBits B_i
   * @param summaryBits every B_cal that is asked of them
   */
  record Setting(int scores, int queryBits, List<Integer> summaryBits) {}

  private static final List<Setting> SETTINGS = settingsOf(PUBLISHED.rows());

  private static List<Setting> settingsOf(List<PublishedValues.Row> rows) {
    List<Setting> settings = new ArrayList<>();
    for (PublishedValues.Row row : rows) {
      int scores = of(row, "n_cal", SCORES);
      int queryBits = of(row, "B_i", QUERY_BITS);
      int summaryBits = of(row, "B_cal", SUMMARY_BITS);
      Setting shared = null;
      for (Setting setting : settings) {
        if (setting.scores == scores && setting.queryBits == queryBits) {
          shared = setting;
        }
      }
      if (shared == null) {
        shared = new Setting(scores, queryBits, new ArrayList<>());
        settings.add(shared);
      }
      if (!shared.summaryBits.contains(summaryBits)) {
        shared.summaryBits.add(summaryBits);
      }
    }
    return List.copyOf(settings);
  }

  private static int of(PublishedValues.Row row, String axis, int otherwise) {
    return row.axis().equals(axis) ? (int) row.value() : otherwise;
  }

  @Override
  public int settings() {
    return SETTINGS.size();
  }

  /** Coverage by 'paper' and by 'conservative' for each B_cal of the setting. */
  @Override
  public double[] run(int setting, long seed) {
    return run(SETTINGS.get(setting), TEST_QUERIES, seed);
  }

  static double[] run(Setting setting, int testQueries, long seed) {
    int calibration = NODES * setting.scores;
    ScoreBudget budget = ScoreBudget.of(setting.queryBits, 1, 1);
    double[] scores = swarmScores(calibration + testQueries, budget, seed);
    List<double[]> nodes = new ArrayList<>();
    for (int i = 0; i < NODES; i++) {
      nodes.add(Arrays.copyOfRange(scores, i * setting.scores, (i + 1) * setting.scores));
    }
    double largest = channel(seed, 0).maxReconstruction(budget);
    double[] coverage = new double[2 * setting.summaryBits.size()];
    for (int j = 0; j < setting.summaryBits.size(); j++) {
      int bits = setting.summaryBits.get(j);
      double paper =
          PaperSummary.threshold(
              ALPHA, nodes.stream().map(node -> PaperSummary.of(node, bits)).toList());
      CalibrationPlan plan =
          CalibrationPlan.of(
                  Math.min(MOST_BITS, FLOAT_BITS << bits), largest, NODES, List.of(ALPHA))
              .withScores(setting.scores, setting.scores);
      double conservative =
          PooledThreshold.of(nodes.stream().map(node -> CalibrationSummary.of(plan, node)).toList())
              .at(ALPHA);
      coverage[2 * j] = covered(scores, calibration, paper);
      coverage[2 * j + 1] = covered(scores, calibration, conservative);
    }
    return coverage;
  }

  private static double covered(double[] scores, int from, double threshold) {
    int covered = 0;
    for (int q = from; q < scores.length; q++) {
      covered += scores[q] <= threshold ? 1 : 0;
    }
    return (double) covered / (scores.length - from);
  }

  /** True answers' scores as the swarm averages them, nats. */
  private static double[] swarmScores(int queries, ScoreBudget budget, long seed) {
    SharedRowSites sites = SharedRowSites.of(queries, MAX_SCORE / 2, NODE_VARIANCE, seed);
    double[][] said = new double[NODES][queries];
    ScoreQuantizer[] channels = new ScoreQuantizer[NODES];
    for (int i = 0; i < NODES; i++) {
      sites.rows(i).next(said[i]);
      channels[i] = channel(seed, i);
    }
    double[] scores = new double[queries];
    double[] one = new double[1];
    for (int q = 0; q < queries; q++) {
      String query = "q" + q;
      SwarmScore swarm = new SwarmScore(1);
      for (int i = 0; i < NODES; i++) {
        one[0] = MAX_SCORE / 2 + said[i][q];
        swarm.add(channels[i].reconstruct(budget, query, one));
      }
      scores[q] = swarm.score(0);
    }
    return scores;
  }

  private static ScoreQuantizer channel(long seed, int node) {
    return ScoreQuantizer.of(seed, "n" + node, MAX_SCORE, OutOfRange.CLIP);
  }

  @Override
  public Reproduction.Builder table(double[][][] results) {
    List<ReproductionCell> cells = new ArrayList<>();
    List<List<Integer>> runs = new ArrayList<>();
    for (PublishedValues.Row row : PUBLISHED.rows()) {
      int scores = of(row, "n_cal", SCORES);
      int queryBits = of(row, "B_i", QUERY_BITS);
      List<Integer> run = List.of(scores, Math.min(queryBits, CAP), of(row, "B_cal", SUMMARY_BITS));
      if (!runs.contains(run)) {
        runs.add(run);
      }
      for (int s = 0; s < SETTINGS.size(); s++) {
        Setting setting = SETTINGS.get(s);
        if (setting.scores == scores && setting.queryBits == queryBits) {
          int at = 2 * setting.summaryBits.indexOf(of(row, "B_cal", SUMMARY_BITS));
          ReproductionCell paper = Cells.of(row, Cells.quantity(results[s], at), PUBLISHED_SEEDS);
          paper.setPredicted(row.predicted().orElse(null));
          paper.setSetting(runs.indexOf(run));
          cells.add(paper);
          ReproductionCell conservative =
              Cells.of(
                  PUBLISHED.at(row.axis(), row.value(), "conservative"),
                  Cells.quantity(results[s], at + 1),
                  PUBLISHED_SEEDS);
          conservative.setLower(1 - ALPHA.toDouble());
          conservative.setSetting(runs.indexOf(run));
          cells.add(conservative);
        }
      }
    }
    return Reproduction.newBuilder()
        .setTitle("E2: coverage of prediction sets calibrated from few bits, alpha = 0.1, K = 4")
        .setSource(
            "Published values: the companion paper (THEORY 8.3); n_cal is of each node. The"
                + " paper's rule is recovered from them, a fit. What is predicted is the paper's"
                + " lower bound. The one value printed for B_cal of 8 and more is compared at 8."
                + " A score is capped at 16 bits: B_i = 32 is B_i = 16. 'conservative' is the rule that keeps 1 - alpha for any bits,"
                + " with as many as the paper's 2^B_cal values take as float32, 8192 at most."
                + " Scores are made up: normal, through the score channel at B_i bits, on which"
                + " coverage does not depend. References are an independent implementation's.")
        .setQuantity("share of 20000 test queries whose true answer is in the set")
        .setUnit("fraction")
        .setPublishedSeeds(PUBLISHED_SEEDS)
        .setCells(cells);
  }
}
