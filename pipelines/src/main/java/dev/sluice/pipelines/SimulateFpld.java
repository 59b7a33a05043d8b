package dev.sluice.pipelines;

import dev.sluice.transforms.simulation.CommitSimulation;
import dev.sluice.transforms.simulation.PlayArms;
import dev.sluice.transforms.simulation.SimulationSettings;
import java.util.stream.IntStream;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Reshuffle;

/**
 * Federated distillation (Algorithm 1) on a text, once for every bit width and once for everything
 * that it is compared to.
 */
public final class SimulateFpld {
  private SimulateFpld() {}

  /**
   * Adds a simulation to a pipeline.
   *
   * @param directory to write into
   * @param aside directory for what only tells of progress
   */
  public static void build(
      Pipeline pipeline, SimulationSettings settings, String directory, String aside) {
    pipeline
        .apply(
            "Arms",
            Create.of(IntStream.range(0, settings.armCount()).boxed().toList())
                .withCoder(VarIntCoder.of()))
        .apply("Spread", Reshuffle.viaRandomKey())
        .apply("PlayArms", PlayArms.of(settings, aside))
        .apply("CommitSimulation", CommitSimulation.of(settings, directory, aside));
  }
}
