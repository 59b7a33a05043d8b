package dev.sluice.transforms.commit;

import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.ReportFile;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.ShortBlock;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.report.RoundPage;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RefinedManifests;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.beam.sdk.io.fs.ResourceId;
import org.apache.beam.sdk.values.KV;

/**
 * Ends a round. When every block had nodes enough: takes away an earlier manifest, moves the new
 * files into place, writes the round's page, and the manifest last. Otherwise an earlier commit
 * stays as it was, and only where there is none are the rejects moved into place. Doing it twice
 * does no harm: a file already moved is left where it is.
 */
public final class RoundCommit {
  private static final int DETAILS = 20;

  private final PlannedRound round;
  private final RoundDirectory directory;
  private final List<RoundDirectory> refined;
  private final int minNodes;

  /**
   * A commit to a round directory.
   *
   * @param refined where the rounds are that it refines, in order
   * @param minNodes as averaged with, for the manifest
   */
  public RoundCommit(
      PlannedRound round, RoundDirectory directory, List<RoundDirectory> refined, int minNodes) {
    this.round = round;
    this.directory = directory;
    this.refined = refined;
    this.minNodes = minNodes;
  }

  /**
   * Commits what was written aside.
   *
   * @param accounts one for each shard, in any order
   * @param rejects where rejects were written aside, and what they are
   * @param files one for each uplink file
   */
  public Outcome commit(
      List<ShardAccount> accounts, List<KV<String, RejectFile>> rejects, List<UplinkFile> files)
      throws IOException {
    List<RejectFile> rejectFiles =
        rejects.stream()
            .map(KV::getValue)
            .sorted(Comparator.comparing(RejectFile::getNode))
            .toList();
    long shortBlocks = accounts.stream().mapToLong(ShardAccount::getShortBlocks).sum();
    List<String> refusals = shortBlocks == 0 ? ManifestDraft.changed(round, accounts) : List.of();
    if (shortBlocks == 0 && refusals.isEmpty()) {
      List<Manifest> earlier = RefinedManifests.read(round, refined);
      Storage.deleteIfExists(directory.manifest());
      moveRejects(rejects);
      moveTeacher(accounts);
      Manifest manifest = ManifestDraft.of(round, minNodes, accounts, rejectFiles, files);
      manifest.setReport(writeReport(manifest, earlier));
      Storage.replace(directory.manifest(), PlainJson.write(manifest));
    } else if (Storage.find(directory.manifest()).isEmpty()) {
      moveRejects(rejects); // so that they can be looked at; an earlier commit is left alone
    }
    return outcome(shortBlocks, refusals, accounts, rejectFiles);
  }

  private Outcome outcome(
      long shortBlocks,
      List<String> refusals,
      List<ShardAccount> accounts,
      List<RejectFile> rejects) {
    List<String> details = new ArrayList<>();
    accounts.stream()
        .flatMap(account -> account.getShortfalls().stream())
        .sorted(Comparator.comparingInt(ShortBlock::getBlock))
        .limit(DETAILS)
        .forEach(
            block ->
                details.add(
                    "block "
                        + block.getBlock()
                        + " has "
                        + block.getNodes()
                        + (round.refined().isEmpty()
                            ? " nodes"
                            : " nodes with digits of this round")
                        + ", at least "
                        + minNodes
                        + " needed"
                        + (round.trim() > 0
                            ? ", and " + (2 * round.trim() + 1) + " in all for the trimmed mean"
                            : "")
                        + "; missing "
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
        .setComplete(shortBlocks == 0 && refusals.isEmpty())
        .setRejects(rejects.stream().mapToLong(RejectFile::getRecords).sum())
        .setShortBlocks(shortBlocks)
        .setDetails(details)
        .setRefusals(refusals)
        .build();
  }

  /**
   * The file with the rejects of a directory below uplink/, whose name came from outside and need
   * not be fit for a file. FORMAT.md 6.
   */
  public static String rejectName(String node) {
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
    Storage.deleteOthers(directory.rejects() + "/*.avro", placed);
  }

  private void moveTeacher(List<ShardAccount> accounts) throws IOException {
    Set<ResourceId> placed = new HashSet<>();
    for (ShardAccount shard : accounts) {
      String target = directory.teacher() + "/" + RoundDirectory.teacherShard(shard.getShard());
      for (String extension : List.of(".npy", ".avro")) {
        placed.add(Storage.moveOnce(shard.getAside() + extension, target + extension));
      }
      if (!shard.getMemory().isEmpty()) {
        String name = shard.getMemory().substring(shard.getMemory().lastIndexOf('/') + 1);
        Storage.moveOnce(shard.getMemory(), directory.rememberedShards() + "/" + name);
      }
    }
    Storage.deleteOthers(directory.teacher() + "/teacher-*.npy", placed);
    Storage.deleteOthers(directory.teacher() + "/teacher-*.avro", placed);
  }

  private ReportFile writeReport(Manifest manifest, List<Manifest> earlier) throws IOException {
    byte[] page = RoundPage.of(round.plan(), manifest).withEarlier(earlier).html();
    Storage.replace(directory.report(), page);
    return new ReportFile(
        RoundDirectory.REPORT,
        HexFormat.of().formatHex(CodeBlocks.sha256().digest(page)),
        (long) page.length);
  }
}
