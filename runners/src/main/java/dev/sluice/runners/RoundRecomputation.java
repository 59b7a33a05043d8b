package dev.sluice.runners;

import dev.sluice.pipelines.Uplinks;
import dev.sluice.schemas.IndexedFile;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.ScanRecord;
import dev.sluice.schemas.TeacherShard;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.allocation.MomentBound;
import dev.sluice.transforms.commit.RoundCommit;
import dev.sluice.transforms.recompute.BlockSet;
import dev.sluice.transforms.recompute.Presence;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.Reason;
import dev.sluice.transforms.uplink.ScanUplinks;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.avro.file.DataFileStream;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.beam.sdk.io.fs.MatchResult;

/** A look at a round of logits. */
final class RoundRecomputation extends Recomputation {
  private static final String PLAN = "plan.json";
  private static final String REVOKED = "revoked.json";
  private static final String UPLINK = "uplink";

  private PlannedRound planned;

  RoundRecomputation(Path root, Pass pass) throws IOException {
    super(root, pass);
  }

  /** Whose plan it is, at every look: a version of a plan that is not the hub's is none of ours. */
  @Override
  void check() throws IOException {
    planned();
  }

  @Override
  String terms() {
    return policy.roundTerms();
  }

  @Override
  String document() {
    return "manifest.json";
  }

  /** The round's own, and those of the rounds that it refines: their digits are averaged too. */
  @Override
  List<String> inputs() throws IOException {
    List<String> inputs = new ArrayList<>(inputs(""));
    for (Path earlier : RefinedRounds.named(root)) {
      inputs.addAll(inputs(root.relativize(earlier) + "/"));
    }
    return inputs;
  }

  private List<String> inputs(String at) throws IOException {
    List<String> inputs = new ArrayList<>(List.of(at + PLAN));
    if (Files.exists(root.resolve(at + REVOKED).normalize())) {
      inputs.add(at + REVOKED);
    }
    try (DirectoryStream<Path> references =
        Files.newDirectoryStream(root.resolve(at).normalize(), "reference*.npy")) {
      references.forEach(file -> inputs.add(at + file.getFileName()));
    }
    inputs.addAll(files(at + UPLINK));
    return inputs;
  }

  @Override
  Instant begun() throws IOException {
    return Files.getLastModifiedTime(root.resolve(PLAN)).toInstant();
  }

  private RoundDirectory directory() {
    return new RoundDirectory(root.toString());
  }

  /** The plan; only once files have been looked at, so that it is what the index has. */
  private PlannedRound planned() throws IOException {
    if (planned == null) {
      PlannedRound found = RoundRunner.plan(directory());
      pass.hub().check(found, directory());
      planned = found;
    }
    return planned;
  }

  @Override
  int minNodes() throws IOException {
    int most = planned().speakingNodes();
    Integer asked = policy.document().getMinNodes();
    if (asked != null && asked > most) {
      throw new BadInputException(
          policy.source()
              + ": field 'minNodes': found "
              + asked
              + ", expected at most "
              + most
              + ", the nodes with bits in "
              + planned().source());
    }
    return asked == null ? most : asked;
  }

  // ---- scans ----

  @Override
  Presence presence(Path attempt) throws IOException {
    PlannedRound round = planned();
    index.scansOf(scansOf());
    scan(attempt);
    List<String> names = new ArrayList<>();
    List<BitSet> sent = new ArrayList<>();
    Map<String, BitSet> byNode = new HashMap<>();
    for (NodePlan node : round.nodes()) {
      if (node.getBitsPerProbe() > 0) {
        names.add(node.getName());
        sent.add(byNode.computeIfAbsent(node.getName(), name -> new BitSet()));
      }
    }
    for (IndexedFile file : uplinks()) {
      BitSet blocks = byNode.get(nodeOf(file));
      if (blocks != null && file.getBlocks() != null) {
        BlockSet.add(blocks, file.getBlocks());
      }
    }
    Presence presence = Presence.of(names, sent, round.blocks());
    // Whose earlier digits are not whole need not send; the average itself says who is enough.
    return round.refined().isEmpty()
        ? presence
        : new Presence(
            presence.nodes(),
            presence.missing(),
            sent.stream().allMatch(BitSet::isEmpty) ? 0 : names.size());
  }

  private List<IndexedFile> uplinks() {
    return index.files().stream()
        .filter(file -> file.getInput().getName().startsWith(UPLINK + "/"))
        .toList();
  }

  /** The directory in uplink/ that a file is in; uplink itself for one beside them. */
  private static String nodeOf(IndexedFile file) {
    String[] parts = file.getInput().getName().split("/", -1);
    return parts[parts.length - 2];
  }

  /** What a scan depends on beside its file. */
  private String scansOf() {
    StringBuilder text = new StringBuilder(ScanUplinks.FORMAT);
    for (IndexedFile file : index.files()) {
      String name = file.getInput().getName();
      if (name.equals(PLAN) || name.equals(REVOKED)) {
        text.append('|').append(name).append('|').append(file.getInput().getSha256());
      }
    }
    return HexFormat.of()
        .formatHex(CodeBlocks.sha256().digest(text.toString().getBytes(StandardCharsets.UTF_8)));
  }

  /** Scans the files that have not been. */
  private void scan(Path attempt) throws IOException {
    Map<String, IndexedFile> unknown = new HashMap<>();
    List<MatchResult.Metadata> files = new ArrayList<>();
    for (IndexedFile file : uplinks()) {
      if (index.scan(file).isEmpty()) {
        String path = root.resolve(file.getInput().getName()).toString();
        MatchResult.Metadata found = Storage.entry(path, file.getInput().getBytes());
        files.add(found);
        unknown.put(found.resourceId().toString(), file);
      }
    }
    if (files.isEmpty()) {
      return;
    }
    new RoundRunner()
        .scan(
            planned(),
            directory(),
            files,
            pass.choice(),
            name(attempt) + "/scans",
            (file, scan) -> {
              IndexedFile entry = unknown.get(file);
              index.keepScan(entry, Path.of(scan), blocks(entry, Path.of(scan)));
            });
  }

  /** The blocks that a file has claims to. */
  private static String blocks(IndexedFile file, Path scan) throws IOException {
    BitSet blocks = new BitSet();
    try (DataFileStream<ScanRecord> records = records(scan)) {
      while (records.hasNext()) {
        ScanRecord record = records.next();
        if (record.getClaim() != null) {
          blocks.set(record.getClaim().getHeader().getBlock());
        }
        if (record.getReject() != null
            && record.getReject().getReason().equals(Reason.UNREADABLE.label())
            && !file.getInput().getSha256().isEmpty()) {
          // It was read a moment ago: that is the disk's fault, and not to be kept.
          throw new IOException(file.getInput().getName() + ": " + record.getReject().getDetail());
        }
      }
    }
    return BlockSet.text(blocks);
  }

  private static DataFileStream<ScanRecord> records(Path scan) throws IOException {
    return new DataFileStream<>(
        new BufferedInputStream(Files.newInputStream(scan)),
        new SpecificDatumReader<>(ScanRecord.class));
  }

  @Override
  SortedMap<String, SortedMap<String, Long>> rejected() throws IOException {
    SortedMap<String, SortedMap<String, Long>> rejected = new TreeMap<>();
    for (IndexedFile file : uplinks()) {
      try (DataFileStream<ScanRecord> records = records(scanOf(file))) {
        while (records.hasNext()) {
          RejectedRecord reject = records.next().getReject();
          if (reject != null) {
            rejected
                .computeIfAbsent(nodeOf(file), node -> new TreeMap<>())
                .merge(reject.getReason(), 1L, Long::sum);
          }
        }
      }
    }
    return rejected;
  }

  private Path scanOf(IndexedFile file) throws IOException {
    return index
        .scan(file)
        .orElseThrow(
            () -> new IOException(file.getInput().getName() + ": its scan is gone; run it again"));
  }

  // ---- a version ----

  private Manifest manifest(Path version) throws IOException {
    return RoundRunner.manifest(directory().withOutputs(version.toString()));
  }

  @Override
  Made came(Path version) throws IOException {
    boolean allocated =
        policy.document().getAllocation() == null
            || Files.exists(version.resolve("allocation.json"));
    return new Made(
        manifest(version).getRejects().stream().mapToLong(RejectFile::getRecords).sum(),
        allocated ? "" : "without an allocation");
  }

  @Override
  Map<String, String> named(Path version) throws IOException {
    Manifest manifest = manifest(version);
    Map<String, String> named = new HashMap<>();
    for (TeacherShard shard : manifest.getTeacher()) {
      named.put("teacher/" + shard.getName() + ".npy", shard.getNpySha256());
      named.put("teacher/" + shard.getName() + ".avro", shard.getAvroSha256());
    }
    for (RejectFile file : manifest.getRejects()) {
      named.put("rejects/" + RoundCommit.rejectName(file.getNode()), file.getSha256());
    }
    if (manifest.getReport() != null) {
      named.put(manifest.getReport().getName(), manifest.getReport().getSha256());
    }
    return named;
  }

  @Override
  Made make(Path attempt, Path outputs, Optional<Versions.Version> before)
      throws IOException, NoVersionException {
    PlannedRound round = planned();
    RoundDirectory directory = directory().withOutputs(outputs.toString());
    Storage.replace(directory.plan(), round.json());
    List<String> scans = new ArrayList<>();
    for (IndexedFile file : uplinks()) {
      scans.add(scanOf(file).toString());
    }
    Uplinks own = Uplinks.of(round, directory).scanned(scans);
    Outcome outcome =
        new RoundRunner()
            .aggregate(
                own, minNodes(), pass.choice(), name(attempt) + "/aside", memory(round, before));
    if (!outcome.getComplete()) {
      throw new NoVersionException(incomplete(outcome));
    }
    String leftOut = "";
    if (policy.hasMoments()) {
      MomentsRunner.measure(own, pass.choice());
      if (policy.document().getAllocation() != null) {
        leftOut = allocate(directory);
      }
      String audit = directory.outputs() + "/audit.json"; // not there: nobody has measured it yet
      byte[] page = FullReport.of(round, directory, audit, false, warning -> {});
      Storage.replace(directory.fullReport(), page);
    }
    return new Made(outcome.getRejects(), leftOut);
  }

  /** Where shards are remembered; nowhere in a round that refines others. */
  private Optional<RoundDirectory> memory(PlannedRound round, Optional<Versions.Version> before) {
    if (!round.refined().isEmpty()) {
      return Optional.empty();
    }
    String outputs =
        before
            .filter(version -> pass.trust().cache())
            .map(version -> versions.directory(version.name()).toString())
            .orElse(root.resolve("versions").resolve(".none").toString());
    return Optional.of(directory().withOutputs(outputs));
  }

  /**
   * Divides the next round's bits, where that is possible: a node that is missing, or a budget that
   * does not do, keeps nobody from the teacher.
   *
   * @return why there is no allocation; empty where there is one
   */
  private String allocate(RoundDirectory directory) throws IOException {
    AllocationTask.Terms terms = policy.allocation();
    byte[] document;
    try {
      WarmUp warmUp = WarmUp.of(List.of(directory), MomentBound.Probes.FIXED);
      document =
          PlainJson.write(
              AllocationTask.of(warmUp, terms, message -> policy.usage("allocation", message))
                  .finished(terms.total()));
    } catch (BadInputException | UncheckedIOException e) {
      String why = e instanceof UncheckedIOException ? e.getCause().getMessage() : e.getMessage();
      return "without an allocation: " + why.replace(directory.outputs(), directory.root());
    }
    Storage.replace(directory.allocation(), document);
    return "";
  }

  private static String incomplete(Outcome outcome) {
    List<String> reasons = new ArrayList<>(outcome.getRefusals());
    reasons.addAll(outcome.getDetails());
    return "not complete: "
        + (outcome.getShortBlocks() > 0
            ? Texts.count(outcome.getShortBlocks(), "block") + " with too few nodes; "
            : "")
        + String.join("; ", reasons.subList(0, Math.min(3, reasons.size())))
        + (reasons.size() > 3 ? "; and " + (reasons.size() - 3) + " more" : "");
  }
}
