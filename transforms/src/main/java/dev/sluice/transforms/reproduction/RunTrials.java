package dev.sluice.transforms.reproduction;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.Trial;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;

/** Measures repetitions, each by itself. */
@AutoValue
public abstract class RunTrials extends PTransform<PCollection<Trial>, PCollection<Trial>> {
  abstract long seed();

  /**
   * Repetition r has seed + r.
   *
   * @param seed of the first repetition
   */
  public static RunTrials from(long seed) {
    return new AutoValue_RunTrials(seed);
  }

  @Override
  public PCollection<Trial> expand(PCollection<Trial> trials) {
    return trials
        .apply("Measure", ParDo.of(new MeasureFn(seed())))
        .setCoder(AvroCoder.of(Trial.class));
  }

  private static class MeasureFn extends DoFn<Trial, Trial> {
    private static final long serialVersionUID = 1L;
    private final long seed;

    MeasureFn(long seed) {
      this.seed = seed;
    }

    @ProcessElement
    public void measure(@Element Trial trial, OutputReceiver<Trial> out) {
      double[] measured =
          Experiment.find(trial.getExperiment())
              .orElseThrow()
              .run(trial.getSetting(), seed + trial.getRepetition());
      List<Double> values = new ArrayList<>();
      for (double value : measured) {
        values.add(value);
      }
      out.output(
          new Trial(trial.getExperiment(), trial.getSetting(), trial.getRepetition(), values));
    }
  }
}
