package dev.sluice.transforms.comparison;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.ComparedCell;
import java.io.IOException;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionView;

/**
 * Sends all logits through one channel at one budget, for each of the cells: bits that the files
 * have, and what the decoded mean is worth. A cell holds one block at a time.
 */
@AutoValue
public abstract class SendLogits
    extends PTransform<PCollection<ComparedCell>, PCollection<ComparedCell>> {
  abstract ComparisonSettings settings();

  abstract PCollectionView<Map<Integer, Double>> magnitudes();

  /**
   * Sends the logits of a comparison.
   *
   * @param magnitudes of {@link SurveyLogits}
   */
  public static SendLogits of(
      ComparisonSettings settings, PCollectionView<Map<Integer, Double>> magnitudes) {
    return new AutoValue_SendLogits(settings, magnitudes);
  }

  /** A cell that has not been measured. */
  public static ComparedCell cell(ComparedChannel channel, long budget) {
    return ComparedCell.newBuilder().setChannel(channel.name()).setBudget(budget).build();
  }

  @Override
  public PCollection<ComparedCell> expand(PCollection<ComparedCell> cells) {
    return cells
        .apply(
            "Measure", ParDo.of(new SendFn(settings(), magnitudes())).withSideInputs(magnitudes()))
        .setCoder(AvroCoder.of(ComparedCell.class));
  }

  private static class SendFn extends DoFn<ComparedCell, ComparedCell> {
    private static final long serialVersionUID = 1L;
    private final ComparisonSettings settings;
    private final PCollectionView<Map<Integer, Double>> magnitudes;

    SendFn(ComparisonSettings settings, PCollectionView<Map<Integer, Double>> magnitudes) {
      this.settings = settings;
      this.magnitudes = magnitudes;
    }

    @ProcessElement
    public void send(ProcessContext context) throws IOException {
      Map<Integer, Double> reach = context.sideInput(magnitudes);
      ProbeSet probes =
          new ProbeSet(
              settings.probes(),
              settings.vocabulary(),
              IntStream.range(0, settings.logits().size()).mapToObj(reach::get).toList(),
              settings.seed());
      ComparedCell cell = context.element();
      ComparedChannel channel =
          cell.getChannel().equals(ComparedChannels.NOTHING.name())
              ? ComparedChannels.NOTHING
              : ComparedChannels.find(cell.getChannel()).orElseThrow();
      try (NpyLogits rows = NpyLogits.open(settings)) {
        context.output(CellDraft.measure(channel, cell.getBudget(), probes, rows));
      }
    }
  }
}
