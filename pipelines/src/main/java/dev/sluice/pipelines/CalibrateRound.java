package dev.sluice.pipelines;

import dev.sluice.schemas.CalibrationTerms;
import dev.sluice.schemas.GroupThreshold;
import dev.sluice.schemas.NodeSummary;
import dev.sluice.schemas.ScoreReject;
import dev.sluice.transforms.scores.CommitThreshold;
import dev.sluice.transforms.scores.ConformalQuantile;
import dev.sluice.transforms.scores.SummarizeScores;
import dev.sluice.transforms.scores.SwarmChannel;
import dev.sluice.transforms.scores.WriteScoreRejects;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.transforms.Sum;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;

/**
 * Thresholds for a swarm's scores: the nodes' packets are averaged by query, as those of test
 * queries will be; each owner's scores of true answers are summarised in its bits; the hub pools
 * the summaries.
 */
public final class CalibrateRound {
  private CalibrateRound() {}

  /**
   * Adds a calibration to a pipeline.
   *
   * @param minNodes fewest nodes that answered a query that counts
   * @param aside where to write before it is whole
   */
  public static void build(
      Pipeline pipeline,
      SwarmChannel swarm,
      CalibrationTerms terms,
      int minNodes,
      ConformalQuantile.SlackInputs slack,
      String aside) {
    Swarm said =
        Swarm.read(
            pipeline,
            swarm,
            IntStream.range(0, swarm.nodes().size()).boxed().toList(),
            Optional.empty(),
            minNodes);
    PCollectionTuple summarized =
        said.queries().apply("SummarizeScores", SummarizeScores.of(swarm, terms));
    PCollection<NodeSummary> summaries = summarized.get(SummarizeScores.SUMMARIES);
    PCollection<GroupThreshold> thresholds =
        summaries.apply("ConformalQuantile", ConformalQuantile.of(terms, slack));
    PCollection<ScoreReject> rejected =
        PCollectionList.of(said.rejected())
            .and(summarized.get(SummarizeScores.REJECTED))
            .apply("AllRejected", Flatten.pCollections());
    PCollectionTuple.of(CommitThreshold.THRESHOLDS, thresholds)
        .and(CommitThreshold.SUMMARIES, summaries)
        .and(
            CommitThreshold.QUERIES,
            summarized.get(SummarizeScores.QUERIES).apply("CountQueries", Sum.longsGlobally()))
        .and(CommitThreshold.REJECTS, rejected.apply("WriteRejects", WriteScoreRejects.into(aside)))
        .apply("CommitThreshold", CommitThreshold.of(swarm, terms, minNodes, slack.delta(), aside));
  }
}
