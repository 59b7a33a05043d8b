package dev.sluice.pipelines;

import dev.sluice.schemas.Trial;
import dev.sluice.transforms.reproduction.CommitReproductions;
import dev.sluice.transforms.reproduction.Experiment;
import dev.sluice.transforms.reproduction.RunTrials;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Reshuffle;

/**
 * Published experiments run again: every repetition of every setting is measured by itself, and the
 * means over repetitions are set beside what was published.
 */
public final class ReproduceExperiments {
  private ReproduceExperiments() {}

  /**
   * Adds the experiments to a pipeline.
   *
   * @param seeds repetitions of each, at least 1
   * @param seed of the first repetition
   * @param directory where the documents go
   * @param aside directory where they are written first
   */
  public static void build(
      Pipeline pipeline,
      Map<Experiment, Integer> seeds,
      long seed,
      String directory,
      String aside) {
    List<Trial> trials = new ArrayList<>();
    seeds.forEach(
        (experiment, repetitions) -> {
          for (int setting = 0; setting < experiment.settings(); setting++) {
            for (int repetition = 0; repetition < repetitions; repetition++) {
              trials.add(new Trial(experiment.label(), setting, repetition, List.of()));
            }
          }
        });
    pipeline
        .apply("Trials", Create.of(trials).withCoder(AvroCoder.of(Trial.class)))
        .apply("Spread", Reshuffle.viaRandomKey())
        .apply("RunTrials", RunTrials.from(seed))
        .apply("CommitReproductions", CommitReproductions.into(directory, aside, seed));
  }
}
