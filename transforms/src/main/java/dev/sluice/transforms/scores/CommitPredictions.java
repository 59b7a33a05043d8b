package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.PredictionPart;
import dev.sluice.schemas.Predictions;
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

/** Gathers the parts of answer sets and commits them, {@link PredictionCommit}. */
@AutoValue
public abstract class CommitPredictions extends PTransform<PCollectionTuple, PDone> {
  /** One for each part with queries. */
  public static final TupleTag<PredictionPart> PARTS = new TupleTag<>() {};

  /** One where something was rejected. */
  public static final TupleTag<ScoreRejects> REJECTS = new TupleTag<>() {};

  abstract ServedSwarm served();

  abstract String aside();

  /**
   * Commits to the directory of the queries.
   *
   * @param aside directory of this attempt, in which a Predictions document is left too
   */
  public static CommitPredictions of(ServedSwarm served, String aside) {
    return new AutoValue_CommitPredictions(served, aside);
  }

  @Override
  public PDone expand(PCollectionTuple in) {
    KeyedPCollectionTuple.of(PARTS, in.get(PARTS).apply("OneKeyForParts", WithKeys.of(0)))
        .and(REJECTS, in.get(REJECTS).apply("OneKeyForRejects", WithKeys.of(0)))
        .apply("Gather", CoGroupByKey.create())
        .apply("MoveAndWriteSummary", ParDo.of(new CommitFn(served(), aside())));
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
      List<PredictionPart> parts = new ArrayList<>();
      all.getValue().getAll(PARTS).forEach(parts::add);
      List<ScoreRejects> rejects = new ArrayList<>();
      all.getValue().getAll(REJECTS).forEach(rejects::add);
      Predictions done = new PredictionCommit(served).commit(parts, rejects);
      Storage.replace(ServedSwarm.outcome(aside), PlainJson.write(done));
    }
  }
}
