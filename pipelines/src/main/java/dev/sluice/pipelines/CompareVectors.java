package dev.sluice.pipelines;

import dev.sluice.schemas.VectorCell;
import dev.sluice.transforms.comparison.CommitVectors;
import dev.sluice.transforms.comparison.MeasureVectors;
import dev.sluice.transforms.comparison.VectorSettings;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Reshuffle;

/**
 * The same vectors through several codes at several rates: what one decoded vector is worth, which
 * part of its error is bias, and what averaging over nodes makes of it.
 */
public final class CompareVectors {
  private CompareVectors() {}

  /**
   * Adds a comparison to a pipeline.
   *
   * @param directory where document and page go
   * @param aside directory where they are written first
   */
  public static void build(
      Pipeline pipeline, VectorSettings settings, String directory, String aside) {
    pipeline
        .apply("Cells", Create.of(cells(settings)).withCoder(AvroCoder.of(VectorCell.class)))
        .apply("SpreadCells", Reshuffle.viaRandomKey())
        .apply("MeasureVectors", MeasureVectors.of(settings))
        .apply("CommitVectors", CommitVectors.of(settings, directory, aside));
  }

  /** How many cells are measured: codes times rates. */
  public static int cellCount(VectorSettings settings) {
    return cells(settings).size();
  }

  private static List<VectorCell> cells(VectorSettings settings) {
    List<VectorCell> cells = new ArrayList<>();
    for (double rate : settings.rates()) {
      for (String quantizer : settings.quantizers()) {
        cells.add(MeasureVectors.cell(quantizer, rate));
      }
    }
    return cells;
  }
}
