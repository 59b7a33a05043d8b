package dev.sluice.pipelines;

import dev.sluice.transforms.estimation.EstimateNodes;
import dev.sluice.transforms.estimation.ProbeFeatures;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.uplink.ReadUplink;
import org.apache.beam.sdk.Pipeline;

/**
 * What the hub knows of each node after a round of the reference channel: the uplinks are read once
 * more, and each node's logits estimated from its codes and from what its probes are like.
 */
public final class EstimateRound {
  private EstimateRound() {}

  /**
   * Adds the estimates of a round to a pipeline.
   *
   * @param features of the round's reference
   * @param into directory for the estimates
   */
  public static void build(
      Pipeline pipeline,
      PlannedRound round,
      RoundDirectory directory,
      ProbeFeatures features,
      String into) {
    Uplinks.flatten("Claims", Uplinks.of(round, directory).read(pipeline), ReadUplink.CLAIMS)
        .apply("EstimateNodes", EstimateNodes.of(round, directory, features, into));
  }
}
