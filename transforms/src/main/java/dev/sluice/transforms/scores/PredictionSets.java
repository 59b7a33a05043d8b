package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.PredictionSet;
import dev.sluice.schemas.SwarmQuery;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;

/** The answer sets of each query by a threshold, {@link AnswerSets}. */
@AutoValue
public abstract class PredictionSets
    extends PTransform<PCollection<SwarmQuery>, PCollection<PredictionSet>> {
  abstract CalibratedThreshold threshold();

  /** Sets of queries that have the candidates of a threshold. */
  public static PredictionSets of(CalibratedThreshold threshold) {
    return new AutoValue_PredictionSets(threshold);
  }

  @Override
  public PCollection<PredictionSet> expand(PCollection<SwarmQuery> queries) {
    return queries
        .apply("ApplyThreshold", ParDo.of(new SetFn(threshold())))
        .setCoder(AvroCoder.of(PredictionSet.class));
  }

  private static class SetFn extends DoFn<SwarmQuery, PredictionSet> {
    private static final long serialVersionUID = 1L;
    private final CalibratedThreshold threshold;

    SetFn(CalibratedThreshold threshold) {
      this.threshold = threshold;
    }

    @ProcessElement
    public void set(@Element SwarmQuery query, OutputReceiver<PredictionSet> out) {
      out.output(new AnswerSets(threshold).of(query));
    }
  }
}
