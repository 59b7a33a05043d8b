package dev.sluice.transforms.simulation;

import dev.sluice.schemas.SimulatedAnswers;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.CalibrationPlan;
import dev.sluice.transforms.conformal.CalibrationSummary;
import dev.sluice.transforms.conformal.Coverage;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.PooledThreshold;
import dev.sluice.transforms.conformal.ScoreBudget;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.conformal.SwarmScore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.commons.statistics.distribution.BetaDistribution;

/**
 * A student behind the conformal path: the chain of Corollary 6.8 (THEORY 7.4, 8.6). A node's score
 * of a candidate is −log of its share of what the node's model, the student fine-tuned by the
 * node's own counts, gives to all candidates of the question. Scores go through the score channel,
 * are averaged, and calibrated through that same channel by conservative summaries of each node's
 * part of the calibration questions (THEORY 7.2, 7.6, 7.7).
 */
final class Questioned {
  /** Bits of a question's scores, of each node: half a byte a candidate. */
  static final int SCORE_BITS = 32;

  /** Bits of a node's calibration summary. */
  static final int CALIBRATION_BITS = 256;

  /** Questions at most; a third of them calibrates. */
  static final int MOST = 6000;

  /** Scores above are clipped, nats: a share of 1 in 3000. */
  private static final double MAX_SCORE = 8;

  private static final Alpha ALPHA = Alpha.of("0.1");
  private static final double TAIL = 0.025;

  private Questioned() {}

  /** What the nodes make of the candidates. */
  interface Scorer {
    /** Writes −log share of each candidate, nats, for each of the K nodes. */
    void score(ClozeQuestions.Question question, double[][] scores);
  }

  /**
   * Asks all questions: the first third calibrates, the others test.
   *
   * @param bits of the student's training, null where unquantised
   * @param perplexity of the student
   */
  static SimulatedAnswers ask(
      List<ClozeQuestions.Question> questions,
      int nodes,
      long seed,
      Double bits,
      double perplexity,
      Scorer scorer) {
    int candidates = ClozeQuestions.CANDIDATES;
    ScoreBudget budget = ScoreBudget.of(SCORE_BITS, candidates, candidates);
    ScoreQuantizer[] channels = new ScoreQuantizer[nodes];
    for (int node = 0; node < nodes; node++) {
      channels[node] = ScoreQuantizer.of(seed, "n" + node, MAX_SCORE, OutOfRange.CLIP);
    }
    double[][] said = new double[questions.size()][];
    double[][] scores = new double[nodes][candidates];
    for (int q = 0; q < said.length; q++) {
      scorer.score(questions.get(q), scores);
      SwarmScore swarm = new SwarmScore(candidates);
      for (int node = 0; node < nodes; node++) {
        swarm.add(channels[node].reconstruct(budget, "q" + q, scores[node]));
      }
      said[q] = swarm.scores();
    }
    int calibration = said.length / 3;
    double threshold =
        threshold(questions, said, calibration, nodes, channels[0].maxReconstruction(budget));
    Coverage coverage = new Coverage();
    double[] sizes = new double[said.length - calibration];
    int right = 0;
    for (int q = calibration; q < said.length; q++) {
      int truth = questions.get(q).truth();
      long members = coverage.members();
      coverage.add(said[q], threshold, truth);
      sizes[q - calibration] = coverage.members() - members;
      right += likeliest(said[q]) == truth ? 1 : 0;
    }
    long tested = coverage.queries();
    return SimulatedAnswers.newBuilder()
        .setBits(bits)
        .setPerplexity(perplexity)
        .setAlpha(ALPHA.toDouble())
        .setScoreBits(SCORE_BITS)
        .setCalibrationBits(CALIBRATION_BITS)
        .setCalibration(calibration)
        .setQueries((int) tested)
        .setCandidates(candidates)
        .setCoverage(coverage.rate())
        .setLow(low(coverage.covered(), tested))
        .setHigh(sixDigits(1 - low(tested - coverage.covered(), tested)))
        .setSetSize(coverage.meanSize())
        .setSetSizeError(Deviation.of(sizes).standardError())
        .setAccuracy((double) right / tested)
        .build();
  }

  /** Node i holds the true answers of calibration questions i, i + K, ... */
  private static double threshold(
      List<ClozeQuestions.Question> questions,
      double[][] said,
      int calibration,
      int nodes,
      double largest) {
    List<CalibrationSummary> summaries = new ArrayList<>();
    for (int node = 0; node < nodes; node++) {
      double[] own = new double[(calibration - node + nodes - 1) / nodes];
      for (int i = 0; i < own.length; i++) {
        int q = node + i * nodes;
        own[i] = said[q][questions.get(q).truth()];
      }
      CalibrationPlan plan =
          CalibrationPlan.of(CALIBRATION_BITS, largest, nodes, List.of(ALPHA))
              .withScores(own.length, own.length);
      summaries.add(CalibrationSummary.of(plan, own));
    }
    return PooledThreshold.of(summaries).at(ALPHA);
  }

  private static int likeliest(double[] scores) {
    int best = 0;
    for (int y = 1; y < scores.length; y++) {
      best = scores[y] < scores[best] ? y : best;
    }
    return best;
  }

  /**
   * The lower end of the Clopper-Pearson interval, the 2.5 % quantile of Beta(k, n − k + 1), to six
   * digits: beyond them the library's functions may differ from one JVM to another. Clopper and
   * Pearson, Biometrika 26, 1934.
   */
  static double low(long hits, long trials) {
    if (hits == 0) {
      return 0;
    }
    double low = BetaDistribution.of(hits, trials - hits + 1.0).inverseCumulativeProbability(TAIL);
    return sixDigits(low);
  }

  private static double sixDigits(double x) {
    return Math.rint(x * 1e6) / 1e6;
  }

  /** −log of each weight's share, nats. */
  static void shares(double[] weights, double[] scores) {
    double sum = Arrays.stream(weights).sum();
    for (int y = 0; y < weights.length; y++) {
      scores[y] = -StrictMath.log(weights[y] / sum);
    }
  }
}
