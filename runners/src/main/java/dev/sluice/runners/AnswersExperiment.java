package dev.sluice.runners;

import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.CalibrationPlan;
import dev.sluice.transforms.conformal.CalibrationSummary;
import dev.sluice.transforms.conformal.ConformalRank;
import dev.sluice.transforms.conformal.Coverage;
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
import java.util.function.ToDoubleFunction;

/**
 * What the bits of calibration summaries cost in set size: conservative summaries at so many bits
 * of a node, the published rule at what its values take on a wire, and the exact quantile of the
 * pooled scores, on the same draws. THEORY 8.3: four nodes, alpha .1, n scores a node, 20 000 test
 * queries, 20 repetitions.
 *
 * <p>Where the published setting is not known: eight candidates, whose logits are twice a standard
 * normal common to the nodes and a node's own noise of variance 1; the true answer is drawn from
 * the softmax of the common logits; scores are clipped to 20 nats, 32 bits for a query's eight.
 */
final class AnswersExperiment {
  static final int NODES = 4;
  static final int CANDIDATES = 8;
  static final int QUERY_BITS = 32;
  static final double MAX_SCORE = 20;
  static final Alpha ALPHA = Alpha.of("0.1");

  private static final int[] BITS = {16, 32, 64, 128, 256, 512, 1024};
  private static final int[] PAPER_BITS = {1, 2, 4, 6, 8};
  private static final int FLOAT_BITS = 32;
  private static final double NOISE = 0.25; // of logits that are doubled: variance 1
  private static final double SCALE = 2;

  private final int repetitions;
  private final int testQueries;
  private final long seed;

  /** An experiment; 20 repetitions and 20 000 test queries are the published size. */
  AnswersExperiment(int repetitions, int testQueries, long seed) {
    this.repetitions = repetitions;
    this.testQueries = testQueries;
    this.seed = seed;
  }

  /**
   * How one rule fared.
   *
   * @param bits real bits of a node's summary
   * @param coverage mean over repetitions, with standard error
   * @param setSize mean over repetitions, with standard error
   * @param ratio of the set size to that of the pooled quantile of the same draw
   */
  record Row(
      String rule,
      long bits,
      double coverage,
      double coverageError,
      double setSize,
      double setSizeError,
      double ratio) {}

  private record Rule(String name, long bits, ToDoubleFunction<List<double[]>> threshold) {}

  private static List<Rule> rules(double largest) {
    List<Rule> rules = new ArrayList<>();
    for (int bits : BITS) {
      rules.add(
          new Rule(
              "conservative",
              bits,
              nodes -> {
                List<CalibrationSummary> summaries = new ArrayList<>();
                for (double[] scores : nodes) {
                  CalibrationPlan plan =
                      CalibrationPlan.of(bits, largest, NODES, List.of(ALPHA))
                          .withScores(scores.length, scores.length);
                  summaries.add(CalibrationSummary.of(plan, scores));
                }
                return PooledThreshold.of(summaries).at(ALPHA);
              }));
    }
    for (int bits : PAPER_BITS) {
      rules.add(
          new Rule(
              "published, B_cal " + bits,
              (long) FLOAT_BITS << bits,
              nodes ->
                  PaperSummary.threshold(
                      ALPHA, nodes.stream().map(n -> PaperSummary.of(n, bits)).toList())));
    }
    return rules;
  }

  /**
   * Runs it.
   *
   * @param scoresPerNode n_cal
   * @return a row for each rule, and last the pooled quantile's
   */
  List<Row> run(int scoresPerNode) {
    ScoreBudget budget = ScoreBudget.of(QUERY_BITS, CANDIDATES, CANDIDATES);
    ScoreQuantizer[] channels = new ScoreQuantizer[NODES];
    for (int node = 0; node < NODES; node++) {
      channels[node] = ScoreQuantizer.of(seed, "n" + node, MAX_SCORE, OutOfRange.CLIP);
    }
    List<Rule> rules = rules(channels[0].maxReconstruction(budget));
    rules.add(
        new Rule(
            "pooled, exact",
            (long) Double.SIZE * scoresPerNode,
            nodes ->
                ConformalRank.threshold(
                    ALPHA, nodes.stream().flatMapToDouble(Arrays::stream).toArray())));
    double[][] coverage = new double[rules.size()][repetitions];
    double[][] size = new double[rules.size()][repetitions];
    for (int repetition = 0; repetition < repetitions; repetition++) {
      Draw draw = new Draw(channels, budget, repetition);
      List<double[]> nodes = new ArrayList<>();
      for (int node = 0; node < NODES; node++) {
        double[] scores = new double[scoresPerNode];
        for (int i = 0; i < scoresPerNode; i++) {
          scores[i] = draw.next()[draw.truth()];
        }
        nodes.add(scores);
      }
      double[] thresholds =
          rules.stream().mapToDouble(rule -> rule.threshold.applyAsDouble(nodes)).toArray();
      Coverage[] fared = new Coverage[rules.size()];
      Arrays.setAll(fared, r -> new Coverage());
      for (int i = 0; i < testQueries; i++) {
        double[] scores = draw.next();
        for (int r = 0; r < fared.length; r++) {
          fared[r].add(scores, thresholds[r], draw.truth());
        }
      }
      for (int r = 0; r < fared.length; r++) {
        coverage[r][repetition] = fared[r].rate();
        size[r][repetition] = fared[r].meanSize();
      }
    }
    List<Row> rows = new ArrayList<>();
    double[] pooled = size[rules.size() - 1];
    for (int r = 0; r < rules.size(); r++) {
      rows.add(
          new Row(
              rules.get(r).name,
              rules.get(r).bits,
              mean(coverage[r]),
              error(coverage[r]),
              mean(size[r]),
              error(size[r]),
              mean(size[r]) / mean(pooled)));
    }
    return rows;
  }

  private static double mean(double[] values) {
    return Arrays.stream(values).sum() / values.length;
  }

  private static double error(double[] values) {
    double mean = mean(values);
    double sum = Arrays.stream(values).map(v -> (v - mean) * (v - mean)).sum();
    return Math.sqrt(sum / (values.length - 1) / values.length);
  }

  /** Queries of one repetition, one after the other, as the swarm scores them. */
  private final class Draw {
    private final ScoreQuantizer[] channels;
    private final ScoreBudget budget;
    private final int repetition;
    private final SharedRowSites.Rows common;
    private final SharedRowSites.Rows[] own = new SharedRowSites.Rows[NODES];
    private final double[] row = new double[CANDIDATES];
    private long queries;
    private int truth;

    Draw(ScoreQuantizer[] channels, ScoreBudget budget, int repetition) {
      this.channels = channels;
      this.budget = budget;
      this.repetition = repetition;
      long of = Dither.mix(seed + repetition);
      common = SharedRowSites.of(CANDIDATES, 8, 0, of).rows(0);
      for (int node = 0; node < NODES; node++) {
        own[node] = SharedRowSites.of(CANDIDATES, 8, NOISE, of).rows(node);
      }
    }

    /** [Y] nats. */
    double[] next() {
      String query = repetition + "/" + queries++;
      common.next(row);
      truth = draw(scores(row));
      SwarmScore swarm = new SwarmScore(CANDIDATES);
      for (int node = 0; node < NODES; node++) {
        own[node].next(row);
        swarm.add(channels[node].reconstruct(budget, query, scores(row)));
      }
      return swarm.scores();
    }

    /** The true answer of the last query. */
    int truth() {
      return truth;
    }

    private double[] scores(double[] logits) {
      double sum = 0;
      for (double logit : logits) {
        sum += StrictMath.exp(SCALE * logit);
      }
      double[] scores = new double[logits.length];
      for (int y = 0; y < scores.length; y++) {
        scores[y] = StrictMath.log(sum) - SCALE * logits[y];
      }
      return scores;
    }

    private int draw(double[] scores) {
      int[] word = new int[1];
      Dither.fill(Dither.mix(seed ^ ((long) repetition << 40)), 1, queries, 0, 1, word, 0);
      double left = (Integer.toUnsignedLong(word[0]) + 0.5) * 0x1p-32;
      int y = 0;
      while (y < scores.length - 1 && (left -= StrictMath.exp(-scores[y])) >= 0) {
        y++;
      }
      return y;
    }
  }
}
