package dev.sluice.transforms.commit;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.ShortBlock;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.ResourceId;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.transforms.join.CoGbkResult;
import org.apache.beam.sdk.transforms.join.CoGroupByKey;
import org.apache.beam.sdk.transforms.join.KeyedPCollectionTuple;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.PDone;
import org.apache.beam.sdk.values.TupleTag;

/**
 * Ends a round. When every block had nodes enough: takes away an earlier manifest, moves the new
 * files into place, writes the manifest last. Otherwise an earlier commit stays as it was, and only
 * where there is none are the rejects moved into place. Either way says how it ended in
 * outcome.json aside. Running it twice over the same attempt does no harm: a file already moved is
 * left where it is.
 */
@AutoValue
public abstract class CommitRound extends PTransform<PCollectionTuple, PDone> {
  /** One for each shard; at least one. */
  public static final TupleTag<ShardAccount> ACCOUNTS = new TupleTag<>() {};

  /** Where rejects were written aside, and what they are. */
  public static final TupleTag<KV<String, RejectFile>> REJECTS = new TupleTag<>() {};

  /** One for each uplink file. */
  public static final TupleTag<UplinkFile> FILES = new TupleTag<>() {};

  private static final int DETAILS = 20;

  abstract PlannedRound round();

  abstract RoundDirectory directory();

  abstract String aside();

  abstract int minNodes();

  /**
   * Commits to a round directory what was written aside.
   *
   * @param aside directory of this attempt
   * @param minNodes as averaged with, for the manifest
   */
  public static CommitRound of(
      PlannedRound round, RoundDirectory directory, String aside, int minNodes) {
    return new AutoValue_CommitRound(round, directory, aside, minNodes);
  }

  /** Name of the file aside that says how the attempt ended. */
  public static String outcome(String aside) {
    return aside + "/outcome.json";
  }

  @Override
  public PDone expand(PCollectionTuple parts) {
    KeyedPCollectionTuple.of(ACCOUNTS, alone("Accounts", parts.get(ACCOUNTS)))
        .and(REJECTS, alone("Rejects", parts.get(REJECTS)))
        .and(FILES, alone("Files", parts.get(FILES)))
        .apply("Gather", CoGroupByKey.create())
        .apply(
            "MoveAndWriteManifest",
            ParDo.of(new CommitFn(round(), directory(), aside(), minNodes())));
    return PDone.in(parts.getPipeline());
  }

  private static <T> PCollection<KV<Integer, T>> alone(String name, PCollection<T> part) {
    return part.apply("OneKeyFor" + name, WithKeys.of(0));
  }

  private static class CommitFn extends DoFn<KV<Integer, CoGbkResult>, Void> {
    private static final long serialVersionUID = 1L;

    private final PlannedRound round;
    private final RoundDirectory directory;
    private final String aside;
    private final int minNodes;

    CommitFn(PlannedRound round, RoundDirectory directory, String aside, int minNodes) {
      this.round = round;
      this.directory = directory;
      this.aside = aside;
      this.minNodes = minNodes;
    }

    @ProcessElement
    public void commit(@Element KV<Integer, CoGbkResult> all) throws IOException {
      List<ShardAccount> accounts = new ArrayList<>();
      all.getValue().getAll(ACCOUNTS).forEach(accounts::add);
      List<KV<String, RejectFile>> rejects = new ArrayList<>();
      all.getValue().getAll(REJECTS).forEach(rejects::add);
      List<RejectFile> rejectFiles = rejects.stream().map(KV::getValue).toList();
      long shortBlocks = accounts.stream().mapToLong(ShardAccount::getShortBlocks).sum();

      if (shortBlocks == 0) {
        Storage.deleteIfExists(directory.manifest());
        moveRejects(rejects);
        moveTeacher(accounts);
        Manifest manifest =
            ManifestDraft.of(round, minNodes, accounts, rejectFiles, all.getValue().getAll(FILES));
        Storage.replace(directory.manifest(), PlainJson.write(manifest));
      } else if (Storage.find(directory.manifest()).isEmpty()) {
        moveRejects(rejects); // so that they can be looked at; an earlier commit is left alone
      }
      Storage.replace(
          CommitRound.outcome(aside), PlainJson.write(outcome(shortBlocks, accounts, rejectFiles)));
    }

    private Outcome outcome(
        long shortBlocks, List<ShardAccount> accounts, List<RejectFile> rejects) {
      List<String> details = new ArrayList<>();
      accounts.stream()
          .flatMap(account -> account.getShortfalls().stream())
          .sorted(java.util.Comparator.comparingInt(ShortBlock::getBlock))
          .limit(DETAILS)
          .forEach(
              block ->
                  details.add(
                      "block "
                          + block.getBlock()
                          + " has "
                          + block.getNodes()
                          + " nodes, at least "
                          + minNodes
                          + " needed; missing "
                          + block.getMissing().stream()
                              .map(node -> round.nodes().get(node))
                              .map(NodePlan::getName)
                              .collect(Collectors.joining(", "))));
      for (RejectFile file : rejects) {
        file.getByReason()
            .forEach(
                reason ->
                    details.add(
                        "rejected from "
                            + file.getNode()
                            + ": "
                            + reason.getCount()
                            + " "
                            + reason.getReason()));
      }
      return Outcome.newBuilder()
          .setComplete(shortBlocks == 0)
          .setRejects(rejects.stream().mapToLong(RejectFile::getRecords).sum())
          .setShortBlocks(shortBlocks)
          .setDetails(details)
          .build();
    }

    /** A directory name that came from outside need not be fit for a file. FORMAT.md 6. */
    private static String rejectName(String node) {
      if (PlannedRound.isName(node)) {
        return node + ".avro";
      }
      byte[] digest = CodeBlocks.sha256().digest(node.getBytes(StandardCharsets.UTF_8));
      return "_" + HexFormat.of().formatHex(digest, 0, 8) + ".avro";
    }

    private void moveRejects(List<KV<String, RejectFile>> rejects) throws IOException {
      Set<ResourceId> placed = new HashSet<>();
      for (KV<String, RejectFile> reject : rejects) {
        String name = rejectName(reject.getValue().getNode());
        placed.add(Storage.moveOnce(reject.getKey(), directory.rejects() + "/" + name));
      }
      deleteOthers(directory.rejects(), placed);
    }

    private void moveTeacher(List<ShardAccount> accounts) throws IOException {
      Set<ResourceId> placed = new HashSet<>();
      for (ShardAccount shard : accounts) {
        String target = directory.teacher() + "/" + RoundDirectory.teacherShard(shard.getShard());
        for (String extension : List.of(".npy", ".avro")) {
          placed.add(Storage.moveOnce(shard.getAside() + extension, target + extension));
        }
      }
      deleteOthers(directory.teacher(), placed);
    }

    private static void deleteOthers(String directory, Set<ResourceId> keep) throws IOException {
      for (MatchResult.Metadata file : Storage.match(directory + "/*")) {
        if (!keep.contains(file.resourceId())) {
          Storage.deleteIfExists(file.resourceId().toString());
        }
      }
    }
  }
}
