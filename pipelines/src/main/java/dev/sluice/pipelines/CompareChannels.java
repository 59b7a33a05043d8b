package dev.sluice.pipelines;

import dev.sluice.schemas.ComparedCell;
import dev.sluice.transforms.comparison.CommitComparison;
import dev.sluice.transforms.comparison.ComparedChannels;
import dev.sluice.transforms.comparison.ComparisonSettings;
import dev.sluice.transforms.comparison.SendLogits;
import dev.sluice.transforms.comparison.SurveyLogits;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.transforms.View;
import org.apache.beam.sdk.values.PCollectionView;

/**
 * The same logits through several channels at several budgets. First every file is read and its
 * reach measured; then each channel is given each budget, apart from all others, and its decoded
 * mean is held against the exact one.
 */
public final class CompareChannels {
  private CompareChannels() {}

  /**
   * Adds a comparison to a pipeline.
   *
   * @param directory where document and page go
   * @param aside directory where they are written first
   */
  public static void build(
      Pipeline pipeline, ComparisonSettings settings, String directory, String aside) {
    PCollectionView<Map<Integer, Double>> magnitudes =
        pipeline
            .apply(
                "Files",
                Create.of(IntStream.range(0, SurveyLogits.files(settings)).boxed().toList())
                    .withCoder(VarIntCoder.of()))
            .apply("SpreadFiles", Reshuffle.viaRandomKey())
            .apply("SurveyLogits", SurveyLogits.of(settings))
            .apply("AsMagnitudes", View.asMap());
    pipeline
        .apply("Cells", Create.of(cells(settings)).withCoder(AvroCoder.of(ComparedCell.class)))
        .apply("SpreadCells", Reshuffle.viaRandomKey())
        .apply("SendLogits", SendLogits.of(settings, magnitudes))
        .apply("CommitComparison", CommitComparison.of(settings, directory, aside));
  }

  /** How many cells are measured: channels times budgets, and what nothing is worth. */
  public static int cellCount(ComparisonSettings settings) {
    return cells(settings).size();
  }

  private static List<ComparedCell> cells(ComparisonSettings settings) {
    List<ComparedCell> cells = new ArrayList<>();
    cells.add(SendLogits.cell(ComparedChannels.NOTHING, 0));
    for (long budget : settings.budgets()) {
      for (String channel : settings.channels()) {
        cells.add(SendLogits.cell(ComparedChannels.find(channel).orElseThrow(), budget));
      }
    }
    return cells;
  }
}
