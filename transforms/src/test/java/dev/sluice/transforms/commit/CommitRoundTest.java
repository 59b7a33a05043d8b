package dev.sluice.transforms.commit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeShare;
import dev.sluice.schemas.ReasonCount;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.ReportFile;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.testing.PAssert;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommitRoundTest {
  @TempDir Path directory;
  private PlannedRound round;
  private Path aside;

  @BeforeEach
  void plan() throws IOException {
    round = new PlanDraft("r1", 10, 16).withNode("a", 3).withNode("b", 2).finish("plan.json");
    aside = directory.resolve(".attempt-x");
  }

  private ShardAccount account(int duplicatesOfB) {
    List<NodeShare> shares = new ArrayList<>();
    shares.add(
        new NodeShare(
            0,
            1,
            0,
            10L,
            480L,
            3L,
            0L,
            40.0,
            4.0,
            8.0,
            new Sha256(new byte[32]),
            List.of(1),
            List.of()));
    if (duplicatesOfB > 0) {
      Sha256 none = new Sha256(CodeBlocks.sha256().digest());
      shares.add(
          new NodeShare(
              1, 0, duplicatesOfB, 0L, 0L, 0L, 0L, 0.0, 0.0, 0.0, none, List.of(0), List.of()));
    }
    return ShardAccount.newBuilder()
        .setShard(0)
        .setAside(aside.resolve("teacher-00000.u").toString())
        .setNpySha256("n")
        .setNpyBytes(3)
        .setAvroSha256("v")
        .setAvroBytes(4)
        .setUpper(1)
        .setLower(0.5)
        .setWorstCase(2)
        .setVariance(3)
        .setActive(List.of())
        .setShortfalls(List.of())
        .setShortBlocks(0)
        .setNodes(shares)
        .build();
  }

  private void commit(List<ShardAccount> accounts, List<KV<String, RejectFile>> rejects) {
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    PCollectionTuple.of(
            CommitRound.ACCOUNTS,
            pipeline.apply("A", Create.of(accounts).withCoder(AvroCoder.of(ShardAccount.class))))
        .and(
            CommitRound.REJECTS,
            pipeline.apply(
                "R",
                Create.of(rejects)
                    .withCoder(KvCoder.of(StringUtf8Coder.of(), AvroCoder.of(RejectFile.class)))))
        .and(
            CommitRound.FILES,
            pipeline.apply(
                "F",
                Create.of(new UplinkFile("a", 90L), new UplinkFile("a", 10L))
                    .withCoder(AvroCoder.of(UplinkFile.class))))
        .apply(
            CommitRound.of(
                round, new RoundDirectory(directory.toString()), List.of(), aside.toString(), 1));
    pipeline.run().waitUntilFinish();
  }

  private List<String> files() throws IOException {
    try (Stream<Path> tree = Files.walk(directory)) {
      return tree.filter(Files::isRegularFile)
          .map(file -> directory.relativize(file).toString())
          .sorted()
          .toList();
    }
  }

  /** A runner may run the commit's element again after it had its effect, in whole or in part. */
  @Test
  void committingTwiceDoesNoHarm() throws IOException {
    RoundFixture.write(aside.resolve("teacher-00000.u.npy"), new byte[] {1});
    RoundFixture.write(aside.resolve("teacher-00000.u.avro"), new byte[] {2});
    RoundFixture.write(aside.resolve("r.avro"), new byte[] {3});
    RoundFixture.write(directory.resolve("teacher/teacher-00001.npy"), new byte[] {9});
    List<KV<String, RejectFile>> rejects =
        List.of(
            KV.of(
                aside.resolve("r.avro").toString(),
                new RejectFile("a", 1L, List.of(new ReasonCount("checksum", 1L)), "s")));
    List<String> expected =
        List.of(
            ".attempt-x/outcome.json",
            "manifest.json",
            "rejects/a.avro",
            "report/index.html",
            "teacher/teacher-00000.avro",
            "teacher/teacher-00000.npy");
    commit(List.of(account(0)), rejects);
    assertThat(files(), equalTo(expected));
    byte[] manifest = Files.readAllBytes(directory.resolve("manifest.json"));
    commit(List.of(account(0)), rejects);
    assertThat(files(), equalTo(expected));
    assertThat(Files.readAllBytes(directory.resolve("manifest.json")), equalTo(manifest));
    ReportFile page =
        PlainJson.read(Manifest.class, Manifest.getClassSchema(), manifest, "manifest.json")
            .getReport();
    byte[] html = Files.readAllBytes(directory.resolve(page.getName()));
    assertThat(page.getName(), equalTo("report/index.html"));
    assertThat(page.getBytes(), equalTo((long) html.length));
    assertThat(
        page.getSha256(), equalTo(HexFormat.of().formatHex(CodeBlocks.sha256().digest(html))));
    // Cut short between two moves, after an earlier page.
    RoundFixture.write(directory.resolve("report/index.html"), new byte[] {9});
    Files.delete(directory.resolve("manifest.json"));
    Files.move(
        directory.resolve("teacher/teacher-00000.avro"), aside.resolve("teacher-00000.u.avro"));
    commit(List.of(account(0)), rejects);
    assertThat(files(), equalTo(expected));
    assertThat(Files.readAllBytes(directory.resolve("manifest.json")), equalTo(manifest));
    assertThat(Files.readAllBytes(directory.resolve("report/index.html")), equalTo(html));
  }

  @Test
  void aLostFileFailsTheCommitAndLeavesNoManifest() throws IOException {
    RoundFixture.write(directory.resolve("manifest.json"), new byte[] {1});
    RoundFixture.write(aside.resolve("teacher-00000.u.npy"), new byte[] {1});
    String message =
        assertThrows(
                Pipeline.PipelineExecutionException.class,
                () -> commit(List.of(account(0)), List.of()))
            .getMessage();
    assertThat(message, containsString("teacher-00000.u.avro nor "));
    assertThat(Files.exists(directory.resolve("manifest.json")), equalTo(false));
  }

  @Test
  void rejectedCopiesDoNotEnterTheDigestOfWhatWasAveraged() {
    List<UplinkFile> files = List.of(new UplinkFile("a", 100L), new UplinkFile("stranger", 7L));
    Manifest without = ManifestDraft.of(round, 1, List.of(account(0)), List.of(), files);
    Manifest with = ManifestDraft.of(round, 1, List.of(account(2)), List.of(), files);
    assertThat(with.getNodes().get(1).getDuplicateBlocks(), equalTo(2));
    assertThat(with.getNodes().get(1).getDigest(), equalTo(without.getNodes().get(1).getDigest()));
    assertThat(with.getNodes().get(0).getUplinkBitsPerProbe(), equalTo(80.0));
    assertThat(with.getNodes().get(1).getMissingBlocks(), equalTo(1));
  }

  @Test
  void theManifestDoesNotDependOnTheOrderOfItsParts() {
    List<RejectFile> rejects = new ArrayList<>();
    for (String node : List.of("b", "a", "zz")) {
      rejects.add(new RejectFile(node, 2L, List.of(new ReasonCount("checksum", 2L)), "s"));
    }
    Manifest manifest = ManifestDraft.of(round, 1, List.of(account(0)), rejects, List.of());
    Collections.reverse(rejects);
    assertThat(
        ManifestDraft.of(round, 1, List.of(account(0)), rejects, List.of()), equalTo(manifest));
    assertThat(manifest.getRejects().get(0).getNode(), equalTo("a"));
    assertThat(manifest.getNodes().get(1).getRejects(), equalTo(2L));
  }

  @Test
  void rejectsAreWrittenInTheDocumentedOrderAndWithTheDocumentedMarker() throws Exception {
    List<RejectedRecord> records = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      Integer block = i % 3 == 0 ? null : Integer.valueOf(i % 4);
      String reason = i % 2 == 0 ? "checksum" : "bad-header";
      records.add(new RejectedRecord("r1", "a", block, reason, "d", "f" + i % 5, (long) -i));
    }
    Collections.reverse(records);
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    PCollection<KV<String, RejectFile>> written =
        pipeline
            .apply(Create.of(records).withCoder(AvroCoder.of(RejectedRecord.class)))
            .apply(WriteRejects.into(round, aside.toString()));
    PAssert.thatSingleton(written)
        .satisfies(
            file -> {
              assertThat(file.getValue().getRecords(), equalTo(20L));
              assertThat(
                  file.getValue().getByReason(),
                  equalTo(
                      List.of(
                          new ReasonCount("bad-header", 10L), new ReasonCount("checksum", 10L))));
              return null;
            });
    pipeline.run().waitUntilFinish();
    assertThat(files().size(), equalTo(1));
    Path file = directory.resolve(files().get(0));
    List<String> lines = new ArrayList<>();
    try (DataFileReader<RejectedRecord> reader =
        new DataFileReader<>(file.toFile(), new SpecificDatumReader<>(RejectedRecord.class))) {
      for (RejectedRecord r : reader) {
        lines.add(
            (r.getBlock() == null ? "-" : r.getBlock())
                + " "
                + r.getReason()
                + " "
                + r.getFile()
                + " "
                + (r.getOffset() + 100));
      }
    }
    List<String> sorted = new ArrayList<>(lines);
    Collections.sort(sorted); // "-" is before the digits; offsets have two digits or are 100
    assertThat(lines.size(), equalTo(20));
    assertThat(
        lines.stream().filter(line -> !line.endsWith(" 100")).toList(),
        equalTo(sorted.stream().filter(line -> !line.endsWith(" 100")).toList()));
    byte[] bytes = Files.readAllBytes(file);
    byte[] marker = CodeBlocks.syncMarker(round.digest(), "rejects/a", 0);
    assertThat(
        java.util.Arrays.copyOfRange(bytes, bytes.length - 16, bytes.length), equalTo(marker));
  }
}
