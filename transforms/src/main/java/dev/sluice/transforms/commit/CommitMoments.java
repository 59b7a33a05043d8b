package dev.sluice.transforms.commit;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.allocation.SecondMoments;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
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
 * Gathers the moments of a committed round, holds them against its manifest, and writes
 * moments.json. Doing it twice does no harm; where it fails, an earlier document is as it was.
 */
@AutoValue
public abstract class CommitMoments extends PTransform<PCollectionTuple, PDone> {
  /** Value of the document's field 'format'. */
  public static final String FORMAT = "sluice-moments-1";

  /** One for each node of which any block was averaged. */
  public static final TupleTag<NodeMoments> NODES = new TupleTag<>() {};

  /** The raw second moment of the teacher's rows, in parts; at least one. */
  public static final TupleTag<SecondMoments> TEACHER = new TupleTag<>() {};

  abstract CommittedRound committed();

  /** Writes the moments of a round into its directory. */
  public static CommitMoments of(CommittedRound committed) {
    return new AutoValue_CommitMoments(committed);
  }

  @Override
  public PDone expand(PCollectionTuple parts) {
    KeyedPCollectionTuple.of(NODES, parts.get(NODES).apply("OneKeyForNodes", WithKeys.of(0)))
        .and(TEACHER, parts.get(TEACHER).apply("OneKeyForTeacher", WithKeys.of(0)))
        .apply("Gather", CoGroupByKey.create())
        .apply("WriteMoments", ParDo.of(new WriteFn(committed())));
    return PDone.in(parts.getPipeline());
  }

  private static class WriteFn extends DoFn<KV<Integer, CoGbkResult>, Void> {
    private static final long serialVersionUID = 1L;
    private final CommittedRound committed;

    WriteFn(CommittedRound committed) {
      this.committed = committed;
    }

    @ProcessElement
    public void write(@Element KV<Integer, CoGbkResult> all) throws IOException {
      CoGbkResult parts = all.getValue();
      Storage.replace(
          committed.directory().moments(),
          PlainJson.write(MomentsDraft.of(committed, parts.getAll(NODES), parts.getAll(TEACHER))));
    }
  }
}
