package dev.sluice.pipelines;

import dev.sluice.transforms.scores.CommitCoverage;
import dev.sluice.transforms.scores.MeasureCoverage;
import dev.sluice.transforms.scores.ServedSwarm;
import dev.sluice.transforms.scores.SwarmChannel;
import dev.sluice.transforms.scores.WriteScoreRejects;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.values.PCollectionTuple;

/**
 * Measures a calibrated threshold on queries whose true answers are known. The nodes' scores are
 * averaged query by query and joined with their labels, sets are counted where they are, and the
 * counts committed as a report.
 */
public final class CoverageOfQueries {
  private CoverageOfQueries() {}

  /**
   * Adds the measurement to a pipeline.
   *
   * @param calibrated the swarm whose labelled queries are not measured on; empty where it is gone
   * @param attempt a name that no other attempt in the directory of the queries uses
   */
  public static void build(
      Pipeline pipeline, ServedSwarm served, Optional<SwarmChannel> calibrated, String attempt) {
    String aside = served.directory().aside(attempt);
    Swarm swarm =
        Swarm.read(
            pipeline,
            served.queries(),
            IntStream.range(0, served.queries().nodes().size()).boxed().toList(),
            calibrated,
            served.minNodes());
    PCollectionTuple.of(
            CommitCoverage.CELLS,
            swarm.queries().apply("MeasureCoverage", MeasureCoverage.of(served)))
        .and(
            CommitCoverage.REJECTS,
            swarm.rejected().apply("WriteRejects", WriteScoreRejects.into(aside)))
        .apply("CommitCoverage", CommitCoverage.of(served, aside));
  }
}
