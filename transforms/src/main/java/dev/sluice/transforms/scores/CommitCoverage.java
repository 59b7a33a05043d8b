package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.CoverageCount;
import dev.sluice.schemas.CoverageReport;
import dev.sluice.schemas.ScoreRejects;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.transforms.join.CoGbkResult;
import org.apache.beam.sdk.transforms.join.CoGroupByKey;
import org.apache.beam.sdk.transforms.join.KeyedPCollectionTuple;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.PDone;
import org.apache.beam.sdk.values.TupleTag;

/**
 * Gathers the cells of a coverage report and writes coverage.json, last. Where no query has a known
 * answer an earlier report is as it was, and only where there is none are the rejects put into
 * place. Doing it twice does no harm.
 */
@AutoValue
public abstract class CommitCoverage extends PTransform<PCollectionTuple, PDone> {
  /** Of {@link MeasureCoverage}. */
  public static final TupleTag<KV<KV<Integer, String>, CoverageCount>> CELLS = new TupleTag<>() {};

  /** One where something was rejected. */
  public static final TupleTag<ScoreRejects> REJECTS = new TupleTag<>() {};

  private static final String COMMAND = "coverage";

  abstract ServedSwarm served();

  abstract String aside();

  /**
   * Commits to the directory of the queries.
   *
   * @param aside directory of this attempt, in which the report is left too
   */
  public static CommitCoverage of(ServedSwarm served, String aside) {
    return new AutoValue_CommitCoverage(served, aside);
  }

  @Override
  public PDone expand(PCollectionTuple in) {
    KeyedPCollectionTuple.of(CELLS, in.get(CELLS).apply("OneKeyForCells", WithKeys.of(0)))
        .and(REJECTS, in.get(REJECTS).apply("OneKeyForRejects", WithKeys.of(0)))
        .apply("Gather", CoGroupByKey.create())
        .apply("WriteReport", ParDo.of(new CommitFn(served(), aside())));
    return PDone.in(in.getPipeline());
  }

  private static class CommitFn extends DoFn<KV<Integer, CoGbkResult>, Void> {
    private static final long serialVersionUID = 1L;
    private final ServedSwarm served;
    private final String aside;

    CommitFn(ServedSwarm served, String aside) {
      this.served = served;
      this.aside = aside;
    }

    @ProcessElement
    public void commit(@Element KV<Integer, CoGbkResult> all) throws IOException {
      CoverageCells cells = new CoverageCells();
      for (KV<KV<Integer, String>, CoverageCount> cell : all.getValue().getAll(CELLS)) {
        cells.put(cell.getKey().getKey(), cell.getKey().getValue(), cell.getValue());
      }
      List<ScoreRejects> rejects = new ArrayList<>();
      all.getValue().getAll(REJECTS).forEach(rejects::add);
      CoverageReport report = cells.report(served, rejects);
      ScoreDirectory directory = served.directory();
      String file = directory.rejects(COMMAND);
      if (report.getAlphas().get(0).getAll().getN() > 0) {
        Storage.deleteIfExists(directory.coverage());
        WriteScoreRejects.place(rejects, file);
        Storage.replace(directory.coverage(), PlainJson.write(report));
      } else if (Storage.find(directory.coverage()).isEmpty()) {
        WriteScoreRejects.place(rejects, file); // so that they can be looked at
      }
      Storage.replace(ServedSwarm.outcome(aside), PlainJson.write(report));
    }
  }
}
