package dev.sluice.pipelines;

import dev.sluice.transforms.scores.CommitPredictions;
import dev.sluice.transforms.scores.PredictionSets;
import dev.sluice.transforms.scores.ServedSwarm;
import dev.sluice.transforms.scores.SwarmChannel;
import dev.sluice.transforms.scores.WritePredictionSets;
import dev.sluice.transforms.scores.WriteScoreRejects;
import java.util.List;
import java.util.Optional;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.values.PCollectionTuple;

/**
 * Answers queries by a calibrated threshold. The nodes' scores are averaged query by query, each
 * mean held against the threshold, the sets written aside in sorted parts, and committed by their
 * summary.
 */
public final class PredictQueries {
  private PredictQueries() {}

  /**
   * Adds the answers to a pipeline.
   *
   * @param calibrated the swarm whose labelled queries are not answered; empty where it is gone
   * @param attempt a name that no other attempt in the directory of the queries uses
   */
  public static void build(
      Pipeline pipeline, ServedSwarm served, Optional<SwarmChannel> calibrated, String attempt) {
    String aside = served.directory().aside(attempt);
    Swarm swarm = Swarm.read(pipeline, served.queries(), List.of(), calibrated, served.minNodes());
    PCollectionTuple.of(
            CommitPredictions.PARTS,
            swarm
                .queries()
                .apply("PredictionSets", PredictionSets.of(served.threshold()))
                .apply("WritePredictionSets", WritePredictionSets.into(served, aside)))
        .and(
            CommitPredictions.REJECTS,
            swarm.rejected().apply("WriteRejects", WriteScoreRejects.into(aside)))
        .apply("CommitPredictions", CommitPredictions.of(served, aside));
  }
}
