package dev.sluice.transforms.uplink;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.equalTo;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.beam.sdk.io.FileIO;
import org.apache.beam.sdk.testing.PAssert;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReadUplinkTest {
  @TempDir Path directory;
  private PlannedRound round;
  private RoundFixture fixture;

  private static BlockHeader copyOf(BlockHeader header) {
    return BlockHeader.newBuilder(header).build();
  }

  @BeforeEach
  void plan() throws IOException {
    RoundPlan plan =
        new PlanDraft("r1", 10, 16)
            .withNode("a", 3)
            .withNode("b", 2.5)
            .withNode("quiet", 0)
            .finish("plan.json")
            .plan();
    plan.setLayout(new BlockLayout(3, 2));
    round = PlannedRound.parse(PlainJson.write(plan), "plan.json");
    fixture = new RoundFixture(round, 4);
  }

  /** Claims are equal whatever file they lie in; where each says its codes lie is checked apart. */
  private BlockClaim found(int node, int block, Path file, byte[] bytes) {
    CodeBlock sent = fixture.block(node, block);
    BlockClaim claim = RoundFixture.inline(sent);
    byte[] codes = sent.getCodes().array();
    claim.setFile(file.toString());
    claim.setOffset((long) indexOf(bytes, codes));
    claim.setCodes(null);
    return claim;
  }

  private static int indexOf(byte[] in, byte[] what) {
    for (int at = 0; at + what.length <= in.length; at++) {
      if (Arrays.equals(in, at, at + what.length, what, 0, what.length)) {
        return at;
      }
    }
    throw new AssertionError("not found");
  }

  private static String summary(RejectedRecord reject) {
    return String.join(
        " ",
        reject.getRound(),
        reject.getNode(),
        "" + reject.getBlock(),
        reject.getReason(),
        reject.getFile(),
        "" + reject.getOffset(),
        reject.getDetail());
  }

  private void check(List<BlockClaim> claims, List<String> rejects, List<UplinkFile> files) {
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    PCollectionTuple read =
        pipeline
            .apply(FileIO.match().filepattern(directory + "/uplink/*/*"))
            .apply(ReadUplink.of(round));
    PAssert.that(read.get(ReadUplink.CLAIMS)).containsInAnyOrder(claims);
    PAssert.that(read.get(ReadUplink.FILES)).containsInAnyOrder(files);
    PAssert.that(read.get(ReadUplink.REJECTED))
        .satisfies(
            found -> {
              List<String> lines = new ArrayList<>();
              found.forEach(reject -> lines.add(summary(reject)));
              assertThat(lines, containsInAnyOrder(rejects.toArray()));
              return null;
            });
    pipeline.run().waitUntilFinish();
  }

  @Test
  void soundFilesBecomeClaims() throws IOException {
    List<BlockClaim> claims = new ArrayList<>();
    List<UplinkFile> files = new ArrayList<>();
    for (int node = 0; node < 2; node++) {
      Path file = fixture.uplink(directory, node, "any name.avro");
      byte[] bytes = RoundFixture.container(fixture.blocks(node));
      RoundFixture.write(file, bytes);
      files.add(new UplinkFile(round.nodes().get(node).getName(), (long) bytes.length));
      for (int block = 0; block < round.blocks(); block++) {
        claims.add(found(node, block, file, bytes));
      }
    }
    check(claims, List.of(), files);
  }

  @Test
  void workInProgressIsPassedOver() throws IOException {
    RoundFixture.write(fixture.uplink(directory, 0, ".part"), new byte[] {1});
    RoundFixture.write(directory.resolve("uplink/.syncing/codes.avro"), new byte[] {1});
    Path file = fixture.uplink(directory, 0, "x.avro");
    byte[] bytes = RoundFixture.container(fixture.blocks(0).subList(0, 1));
    RoundFixture.write(file, bytes);
    check(
        List.of(found(0, 0, file, bytes)),
        List.of(),
        List.of(new UplinkFile("a", (long) bytes.length)));
  }

  @Test
  void whatIsNoClaimIsARejectWithItsReason() throws IOException {
    List<BlockClaim> claims = new ArrayList<>();
    List<String> rejects = new ArrayList<>();
    List<UplinkFile> files = new ArrayList<>();

    byte[] all = RoundFixture.container(fixture.blocks(0));
    int dataAt = indexOf(all, fixture.block(0, 3).getCodes().array());
    byte[] truncated = Arrays.copyOf(all, dataAt + 2);
    Path cut = add("a/cut.avro", truncated, files);
    for (int block = 0; block < 3; block++) {
      claims.add(found(0, block, cut, all));
    }
    int third = indexOf(all, fixture.block(0, 2).getCodes().array());
    int unsigned = 1; // the length of an empty signature
    int frame = third + fixture.block(0, 2).getCodes().array().length + unsigned + 16;
    int left = truncated.length - frame - 3; // after a count of one byte and a size of two
    int size = dataAt + fixture.block(0, 3).getCodes().array().length + unsigned - frame - 3;
    rejects.add(
        ("r1 a null corrupt-container cut.avro " + frame)
            + (" truncated: the file ends " + left + " bytes into an Avro block of " + size)
            + " bytes and its sync marker");

    CodeBlock damaged = fixture.block(1, 0);
    byte[] codes = damaged.getCodes().array().clone();
    codes[0] ^= 1;
    int is = CodeBlocks.crc32c(CodeBlocks.headerBytes(damaged.getHeader()), codes, 0, codes.length);
    BlockHeader otherRound = copyOf(damaged.getHeader());
    otherRound.setRound("r2");
    BlockHeader otherPlan = copyOf(damaged.getHeader());
    otherPlan.setPlan(new Sha256(new byte[32]));
    BlockHeader badBlock = copyOf(damaged.getHeader());
    badBlock.setBlock(9);
    List<CodeBlock> mixed =
        List.of(
            new CodeBlock(
                damaged.getHeader(),
                damaged.getCrc32c(),
                ByteBuffer.wrap(codes),
                ByteBuffer.allocate(0)),
            RoundFixture.sealed(otherRound, codes),
            RoundFixture.sealed(otherPlan, codes),
            fixture.block(0, 1),
            RoundFixture.sealed(badBlock, codes),
            fixture.block(1, 1));
    byte[] bytes = RoundFixture.container(mixed);
    Path file = add("b/mixed.avro", bytes, files);
    claims.add(found(1, 1, file, bytes));
    List<Integer> at = recordOffsets(bytes, mixed);
    String hex = "0".repeat(64);
    rejects.add(
        String.format(
            "r1 b null checksum mixed.avro %d header and codes have CRC-32C %08x, the record says"
                + " %08x",
            at.get(0), is, damaged.getCrc32c()));
    rejects.add("r1 b 0 wrong-round mixed.avro " + at.get(1) + " round: found 'r2', expected r1");
    rejects.add(
        "r1 b 0 wrong-plan mixed.avro "
            + at.get(2)
            + " plan: found "
            + hex
            + ", expected "
            + round.digestHex());
    rejects.add("r1 b 1 wrong-node mixed.avro " + at.get(3) + " node: found 'a', expected b");
    rejects.add("r1 b 9 bad-header mixed.avro " + at.get(4) + " block: found 9, expected 0 to 3");

    BlockHeader silent = copyOf(damaged.getHeader());
    silent.setNode("quiet");
    byte[] loud = RoundFixture.container(List.of(RoundFixture.sealed(silent, codes)));
    add("quiet/x.avro", loud, files);
    rejects.add(
        "r1 quiet 0 silent-node x.avro "
            + recordOffsets(loud, List.of(RoundFixture.sealed(silent, codes))).get(0)
            + " node 'quiet' has no bits in this round");

    add("stranger/x.avro", all, files);
    rejects.add("r1 stranger null unknown-node x.avro 0 no node 'stranger' in the plan");
    add("a/logits.npy", RoundFixture.npy("<f4", new double[4], 2, 2), files);
    rejects.add(
        "r1 a null not-avro logits.npy 0 it does not begin with the bytes of an Avro container,"
            + " 'Obj' and 1");
    add("a/nothing.avro", new byte[0], files);
    rejects.add(
        "r1 a null not-avro nothing.avro 0 it does not begin with the bytes of an Avro container,"
            + " 'Obj' and 1");
    check(claims, rejects, files);
  }

  /** A site cannot end the round for the others by what it writes into its schema. */
  @Test
  void aPoisonedSchemaIsAReject() throws IOException {
    // As long as what it replaces, since lengths precede strings.
    String text =
        new String(RoundFixture.container(List.of()), StandardCharsets.ISO_8859_1)
            .replace(
                "\"name\":\"plane\",\"type\":\"int\",\"doc\":",
                "\"name\":\"p\",\"type\":\"int\",\"default\":");
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    assertThat(bytes.length, equalTo(RoundFixture.container(List.of()).length));
    RoundFixture.write(directory.resolve("uplink/a/x.avro"), bytes);
    List<UplinkFile> files = List.of(new UplinkFile("a", (long) bytes.length));
    check(List.of(), List.of("r1 a null not-avro x.avro 0 its schema cannot be parsed"), files);
  }

  private Path add(String name, byte[] bytes, List<UplinkFile> files) throws IOException {
    Path file = directory.resolve("uplink").resolve(name);
    RoundFixture.write(file, bytes);
    files.add(new UplinkFile(file.getParent().getFileName().toString(), (long) bytes.length));
    assertThat(Files.size(file), equalTo((long) bytes.length));
    return file;
  }

  /** Where each record begins: its header's bytes. */
  private static List<Integer> recordOffsets(byte[] bytes, List<CodeBlock> records) {
    return records.stream()
        .map(record -> indexOf(bytes, CodeBlocks.headerBytes(record.getHeader())))
        .toList();
  }
}
