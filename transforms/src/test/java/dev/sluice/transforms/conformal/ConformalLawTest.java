package dev.sluice.transforms.conformal;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * THEORY 11, items 10 and 11: calibrated through the channel that test scores take, no cell of
 * score bits, calibration bits, nodes and scores covers less than 1-alpha.
 *
 * <p>For each channel, law and K, 3000 queries are scored by K nodes each, with dither of their
 * own: a bank of swarm scores of labels. A repetition draws n of them without replacement, deals
 * them to nodes, and covers the share of the rest that is at most the threshold, without noise of a
 * test set. Draws from a finite bank are exchangeable, so the mean coverage given the bank is at
 * least 1-alpha.
 *
 * <p>Seed 314159, 100 repetitions. A cell fails below 1-alpha less 5 standard errors, from the
 * repetitions' own spread: P(t with 99 degrees < -5) is 1.3e-6, for 2·6·3·3·7 = 756 cells 1e-3 in
 * all. Most cells cover far more.
 */
class ConformalLawTest {
  private static final Alpha TENTH = Alpha.of("0.1");
  private static final double RANGE = 8;
  private static final int BANK = 3000;
  private static final int REPETITIONS = 100;
  private static final int[] CALIBRATION_BITS = {1, 2, 4, 6, 8, 16};

  /** The last but one names 1 candidate of 16, so that labels are often in no list. */
  @ParameterizedTest(name = "{0} bits, list of {1}, {2} wanted")
  @CsvSource({"1, 1, 1", "2, 2, 2", "4, 4, 4", "8, 4, 4", "8, 16, 4", "16, 16, 4"})
  void noCellCoversLess(int bits, int list, int wanted) {
    ScoreBudget budget = ScoreBudget.of(bits, list, wanted);
    for (Law law : Law.values()) {
      for (int nodes : new int[] {1, 4, 16}) {
        Bank bank = bank(budget, law, nodes);
        for (int n : new int[] {20, 100, 1000}) {
          checkCells(bank, nodes, n, bits + " bits, " + law + ", K = " + nodes + ", n = " + n);
        }
      }
    }
  }

  private enum Law {
    CONTINUOUS,
    DISCRETE
  }

  /** Scores of labels and the largest finite one that the channel can make. */
  private record Bank(double[] labels, double maxScore, boolean everyLabelSent) {}

  private static Bank bank(ScoreBudget budget, Law law, int nodes) {
    SplittableRandom random = new SplittableRandom(314159);
    ScoreQuantizer[] channels = new ScoreQuantizer[nodes];
    for (int i = 0; i < nodes; i++) {
      channels[i] = ScoreQuantizer.of(314159, "n" + i, RANGE, OutOfRange.CLIP);
    }
    int list = budget.listSize();
    double[] common = new double[list];
    double[] scores = new double[list];
    double[] bank = new double[BANK];
    for (int query = 0; query < BANK; query++) {
      int label = random.nextInt(list);
      for (int y = 0; y < list; y++) {
        common[y] = y == label ? -1.5 * Math.log(1 - random.nextDouble()) : 6 * random.nextDouble();
      }
      SwarmScore swarm = new SwarmScore(list);
      for (ScoreQuantizer channel : channels) {
        for (int y = 0; y < list; y++) {
          double s = common[y] + random.nextDouble();
          scores[y] = law == Law.DISCRETE ? Math.floor(s) : s;
        }
        swarm.add(channel.reconstruct(budget, "q" + query, scores));
      }
      bank[query] = swarm.score(label);
    }
    return new Bank(bank, channels[0].maxReconstruction(budget), budget.sent() == list);
  }

  private static void checkCells(Bank bank, int nodes, int n, String cell) {
    int cells = CALIBRATION_BITS.length;
    CalibrationPlan[] plans = new CalibrationPlan[cells];
    CalibrationPlan.Shape[][] shapes = new CalibrationPlan.Shape[cells][2];
    int least = n / nodes;
    int most = (n + nodes - 1) / nodes;
    for (int c = 0; c < cells; c++) {
      plans[c] =
          CalibrationPlan.of(CALIBRATION_BITS[c], bank.maxScore, nodes, List.of(TENTH))
              .withScores(least, most);
      if (!plans[c].isSilent()) {
        shapes[c][0] = plans[c].shape(least);
        shapes[c][1] = plans[c].shape(most);
      }
    }
    SplittableRandom random = new SplittableRandom(n);
    double[] sum = new double[cells + 1];
    double[] squares = new double[cells + 1];
    double[] queries = bank.labels.clone();
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
      for (int i = 0; i < n; i++) {
        int j = i + random.nextInt(BANK - i);
        double drawn = queries[j];
        queries[j] = queries[i];
        queries[i] = drawn;
      }
      double[][] dealt = new double[nodes][];
      for (int i = 0, from = 0; i < nodes; i++) {
        int to = from + (i < n % nodes ? most : least);
        dealt[i] = Arrays.copyOfRange(queries, from, to);
        Arrays.sort(dealt[i]);
        from = to;
      }
      for (int c = 0; c <= cells; c++) {
        double threshold;
        if (c == cells) {
          threshold = ConformalRank.threshold(TENTH, Arrays.copyOf(queries, n));
        } else if (plans[c].isSilent()) {
          threshold = Double.POSITIVE_INFINITY;
        } else {
          List<CalibrationSummary> summaries = new ArrayList<>();
          for (double[] scores : dealt) {
            CalibrationPlan.Shape shape = shapes[c][scores.length == least ? 0 : 1];
            summaries.add(CalibrationSummary.of(plans[c], shape, scores));
          }
          threshold = PooledThreshold.of(summaries).at(TENTH);
        }
        int covered = 0;
        for (int i = n; i < BANK; i++) {
          covered += queries[i] <= threshold ? 1 : 0;
        }
        double rate = (double) covered / (BANK - n);
        sum[c] += rate;
        squares[c] += rate * rate;
      }
    }
    for (int c = 0; c <= cells; c++) {
      double mean = sum[c] / REPETITIONS;
      double variance = Math.max(0, squares[c] / REPETITIONS - mean * mean);
      double error = Math.sqrt(variance / (REPETITIONS - 1));
      String name = cell + ", " + (c == cells ? "pooled" : CALIBRATION_BITS[c] + " bits");
      assertThat(name, mean, greaterThanOrEqualTo(0.9 - 5 * error - 1e-12));
      if (c == cells && bank.everyLabelSent) {
        // Dither leaves hardly a tie, even of discrete scores.
        assertThat(name, mean, closeTo(ConformalRank.coverage(TENTH, n), 5 * error + 1e-3));
      }
      if (c < cells && CALIBRATION_BITS[c] == 1) {
        assertThat(name, mean, greaterThan(0.99));
      }
    }
  }
}
