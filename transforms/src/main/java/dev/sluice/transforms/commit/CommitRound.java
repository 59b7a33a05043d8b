package dev.sluice.transforms.commit;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
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
 * Gathers what the shards came to and ends the round as {@link RoundCommit} does, then says in
 * outcome.json aside how it ended.
 */
@AutoValue
public abstract class CommitRound extends PTransform<PCollectionTuple, PDone> {
  /** One for each shard; at least one. */
  public static final TupleTag<ShardAccount> ACCOUNTS = new TupleTag<>() {};

  /** Where rejects were written aside, and what they are. */
  public static final TupleTag<KV<String, RejectFile>> REJECTS = new TupleTag<>() {};

  /** One for each uplink file. */
  public static final TupleTag<UplinkFile> FILES = new TupleTag<>() {};

  abstract PlannedRound round();

  abstract RoundDirectory directory();

  abstract List<RoundDirectory> refined();

  abstract String aside();

  abstract int minNodes();

  /**
   * Commits to a round directory what was written aside.
   *
   * @param refined where the rounds are that it refines, in order
   * @param aside directory of this attempt
   * @param minNodes as averaged with, for the manifest
   */
  public static CommitRound of(
      PlannedRound round,
      RoundDirectory directory,
      List<RoundDirectory> refined,
      String aside,
      int minNodes) {
    return new AutoValue_CommitRound(round, directory, List.copyOf(refined), aside, minNodes);
  }

  /** Name of the file aside that says how the attempt ended. */
  public static String outcome(String aside) {
    return aside + "/outcome.json";
  }

  @Override
  public PDone expand(PCollectionTuple parts) {
    KeyedPCollectionTuple.of(
            ACCOUNTS, parts.get(ACCOUNTS).apply("OneKeyForAccounts", WithKeys.of(0)))
        .and(REJECTS, parts.get(REJECTS).apply("OneKeyForRejects", WithKeys.of(0)))
        .and(FILES, parts.get(FILES).apply("OneKeyForFiles", WithKeys.of(0)))
        .apply("Gather", CoGroupByKey.create())
        .apply(
            "MoveAndWriteManifest",
            ParDo.of(new CommitFn(round(), directory(), refined(), aside(), minNodes())));
    return PDone.in(parts.getPipeline());
  }

  private static class CommitFn extends DoFn<KV<Integer, CoGbkResult>, Void> {
    private static final long serialVersionUID = 1L;

    private final PlannedRound round;
    private final RoundDirectory directory;
    private final List<RoundDirectory> refined;
    private final String aside;
    private final int minNodes;

    CommitFn(
        PlannedRound round,
        RoundDirectory directory,
        List<RoundDirectory> refined,
        String aside,
        int minNodes) {
      this.round = round;
      this.directory = directory;
      this.refined = refined;
      this.aside = aside;
      this.minNodes = minNodes;
    }

    @ProcessElement
    public void commit(@Element KV<Integer, CoGbkResult> all) throws IOException {
      CoGbkResult parts = all.getValue();
      Outcome outcome =
          new RoundCommit(round, directory, refined, minNodes)
              .commit(
                  list(parts.getAll(ACCOUNTS)),
                  list(parts.getAll(REJECTS)),
                  list(parts.getAll(FILES)));
      Storage.replace(CommitRound.outcome(aside), PlainJson.write(outcome));
    }

    private static <T> List<T> list(Iterable<T> items) {
      List<T> list = new ArrayList<>();
      items.forEach(list::add);
      return list;
    }
  }
}
