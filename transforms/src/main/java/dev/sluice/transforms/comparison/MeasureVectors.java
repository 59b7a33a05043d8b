package dev.sluice.transforms.comparison;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.VectorCell;
import dev.sluice.transforms.channel.vector.VectorQuantizers;
import java.io.IOException;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;

/** Sends all vectors through one code at one rate, for each of the cells. */
@AutoValue
public abstract class MeasureVectors
    extends PTransform<PCollection<VectorCell>, PCollection<VectorCell>> {
  abstract VectorSettings settings();

  /** Sends the vectors of a comparison. */
  public static MeasureVectors of(VectorSettings settings) {
    return new AutoValue_MeasureVectors(settings);
  }

  /** A cell that has not been measured. */
  public static VectorCell cell(String quantizer, double rate) {
    return VectorCell.newBuilder().setQuantizer(quantizer).setRate(rate).build();
  }

  @Override
  public PCollection<VectorCell> expand(PCollection<VectorCell> cells) {
    return cells
        .apply("Measure", ParDo.of(new MeasureFn(settings())))
        .setCoder(AvroCoder.of(VectorCell.class));
  }

  private static class MeasureFn extends DoFn<VectorCell, VectorCell> {
    private static final long serialVersionUID = 1L;
    private final VectorSettings settings;

    MeasureFn(VectorSettings settings) {
      this.settings = settings;
    }

    @ProcessElement
    public void measure(@Element VectorCell cell, OutputReceiver<VectorCell> out)
        throws IOException {
      try (Vectors vectors = Vectors.open(settings)) {
        out.output(
            VectorMeasurement.of(
                VectorQuantizers.find(cell.getQuantizer()).orElseThrow(),
                cell.getRate(),
                settings,
                vectors));
      }
    }
  }
}
