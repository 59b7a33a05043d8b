package dev.sluice.transforms.scores;

import dev.sluice.schemas.AnswerSet;
import dev.sluice.schemas.CandidateScore;
import dev.sluice.schemas.PredictionSet;
import dev.sluice.schemas.SwarmQuery;
import dev.sluice.transforms.conformal.SwarmScore;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The answers that a threshold leaves of a query: {@code {y : score(y) <= threshold(group, alpha)}}
 * for every alpha. FORMAT.md 10.6.
 */
final class AnswerSets {
  private final CalibratedThreshold threshold;

  AnswerSets(CalibratedThreshold threshold) {
    this.threshold = threshold;
  }

  /** The means of a query's scores by candidate, nats; +infinity where no node scored one. */
  static double[] scores(SwarmQuery query) {
    return IntStream.range(0, query.getSums().size())
        .mapToDouble(y -> SwarmScore.mean(query.getSums().get(y), query.getCounts().get(y)))
        .toArray();
  }

  /** The sets of a query, likeliest answer first, the candidates' order among equal scores. */
  PredictionSet of(SwarmQuery query) {
    double[] scores = scores(query);
    List<String> candidates = threshold.candidates();
    List<Integer> order =
        IntStream.range(0, scores.length)
            .boxed()
            .sorted(Comparator.comparingDouble(y -> scores[y])) // stable
            .toList();
    List<AnswerSet> sets = new ArrayList<>();
    for (int a = 0; a < threshold.alphas().size(); a++) {
      double largest = threshold.threshold(query.getGroup(), a);
      List<String> answers = new ArrayList<>();
      for (int y : order) {
        if (!(scores[y] <= largest)) {
          break;
        }
        answers.add(candidates.get(y));
      }
      sets.add(
          new AnswerSet(
              threshold.alphas().get(a), Double.isInfinite(largest) ? null : largest, answers));
    }
    List<CandidateScore> all = new ArrayList<>();
    for (int y = 0; y < scores.length; y++) {
      all.add(
          new CandidateScore(
              candidates.get(y),
              Double.isInfinite(scores[y]) ? null : scores[y],
              query.getCounts().get(y)));
    }
    return new PredictionSet(query.getQuery(), query.getGroup(), query.getNodes(), sets, all);
  }
}
