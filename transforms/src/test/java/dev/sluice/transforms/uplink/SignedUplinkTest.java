package dev.sluice.transforms.uplink;

import static dev.sluice.transforms.SignedFixture.signed;
import static dev.sluice.transforms.SignedFixture.signing;
import static dev.sluice.transforms.SignedFixture.verifying;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.RevokedKey;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.SignedFixture;
import dev.sluice.transforms.round.KeyRevocations;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.RangeReader;
import dev.sluice.transforms.storage.Storage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import org.apache.avro.file.CodecFactory;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What an attacker may put into an uplink of a signed round, and what becomes of it. */
@Tag("long")
class SignedUplinkTest {
  @TempDir private Path directory;
  private RoundFixture fixture;

  /** Nodes a, b, c with keys 0, 1, 2; two blocks of 3 and 2 probes of 8 logits. */
  private static RoundPlan plan(String id) throws IOException {
    RoundPlan plan =
        new PlanDraft(id, 5, 8)
            .withNode("a", 3)
            .withNode("b", 3)
            .withNode("c", 3)
            .finish("plan.json")
            .plan();
    plan.setLayout(new BlockLayout(3, 2));
    return plan;
  }

  private static RoundFixture fixture(RoundPlan plan) throws IOException {
    return new RoundFixture(SignedFixture.keyed(plan), 5);
  }

  @BeforeEach
  void round() throws IOException {
    fixture = fixture(plan("r1"));
  }

  /** What a scan came to. */
  private record Scanned(List<BlockClaim> claims, List<RejectedRecord> rejects) {
    List<String> reasons() {
      return rejects.stream().map(RejectedRecord::getReason).toList();
    }
  }

  private Scanned scan(PlannedRound round, String node, byte[] file) throws IOException {
    Path path = directory.resolve("uplink/" + node + "/x.avro");
    RoundFixture.write(path, file);
    return scan(round, path);
  }

  private static Scanned scan(PlannedRound round, Path path) throws IOException {
    Scanned found = new Scanned(new ArrayList<>(), new ArrayList<>());
    UplinkScan.scan(
        round,
        Storage.find(path.toString()).orElseThrow(),
        new UplinkScan.Sink() {
          @Override
          public void file(UplinkFile file) {}

          @Override
          public void claim(BlockClaim claim) {
            found.claims().add(claim);
          }

          @Override
          public void reject(RejectedRecord reject) {
            found.rejects().add(reject);
          }
        });
    return found;
  }

  /** The reasons of a file in a's directory, of which nothing must count. */
  private List<String> reasons(CodeBlock... blocks) throws IOException {
    Scanned found = scan(fixture.round(), "a", RoundFixture.container(List.of(blocks)));
    assertThat(found.claims(), is(empty()));
    return found.reasons();
  }

  private static CodeBlock with(CodeBlock block, byte[] signature) {
    CodeBlock copy = CodeBlock.newBuilder(block).build();
    copy.setSignature(ByteBuffer.wrap(signature));
    return copy;
  }

  @Test
  void whatTheNodeSignedCounts() throws IOException {
    Scanned found = scan(fixture.round(), "a", SignedFixture.container(fixture, 0, 0));
    assertThat(found.rejects(), is(empty()));
    assertThat(found.claims(), hasSize(2));
  }

  @Test
  void aBlockOfAnotherRoundIsNone() throws IOException {
    RoundFixture other = fixture(plan("r0"));
    assertThat(
        reasons(signed(other.block(0, 0), signing(0)), signed(other.block(0, 1), signing(0))),
        equalTo(List.of("wrong-round", "wrong-round")));
  }

  @Test
  void aBlockOfTheSameRoundUnderAnotherPlanIsNone() throws IOException {
    RoundPlan replaced = plan("r1");
    replaced.setSeed(1);
    RoundFixture other = fixture(replaced);
    assertThat(reasons(signed(other.block(0, 0), signing(0))), equalTo(List.of("wrong-plan")));
  }

  @Test
  void aBlockOfAnotherRoundWithItsHeaderRewrittenIsNone() throws IOException {
    CodeBlock old = signed(fixture(plan("r0")).block(0, 0), signing(0));
    BlockHeader header = BlockHeader.newBuilder(old.getHeader()).build();
    header.setRound("r1");
    header.setPlan(fixture.round().digest());
    CodeBlock rewritten =
        with(RoundFixture.sealed(header, old.getCodes().array()), old.getSignature().array());
    assertThat(reasons(rewritten), equalTo(List.of("bad-signature")));
  }

  @Test
  void aBlockOfAnotherNodeIsNoneUnderItsOwnNameOrUnderMine() throws IOException {
    CodeBlock of = signed(fixture.block(1, 0), signing(1));
    BlockHeader header = BlockHeader.newBuilder(of.getHeader()).build();
    header.setNode("a");
    CodeBlock renamed =
        with(RoundFixture.sealed(header, of.getCodes().array()), of.getSignature().array());
    CodeBlock resigned = signed(renamed, signing(1));
    assertThat(
        reasons(of, renamed, resigned),
        equalTo(List.of("wrong-node", "bad-signature", "bad-signature")));
  }

  @Test
  void aBlockMovedToAnotherPlaceIsNone() throws IOException {
    CodeBlock first = signed(fixture.block(0, 0), signing(0));
    BlockHeader header = BlockHeader.newBuilder(first.getHeader()).build();
    header.setClipped(1L);
    assertThat(
        reasons(
            with(
                RoundFixture.sealed(header, first.getCodes().array()),
                first.getSignature().array())),
        equalTo(List.of("bad-signature")));
  }

  @Test
  void aBlockWithoutASignatureIsNone() throws IOException {
    assertThat(reasons(fixture.block(0, 0)), equalTo(List.of("unsigned")));
  }

  @Test
  void aSignatureOfSomethingElseIsNone() throws IOException {
    CodeBlock block = fixture.block(0, 0);
    byte[] good = signed(block, signing(0)).getSignature().array();
    byte[] otherBlock = signed(fixture.block(0, 1), signing(0)).getSignature().array();
    byte[] garbled = good.clone();
    garbled[10] ^= 1;
    byte[] malleated = good.clone();
    BigInteger order =
        BigInteger.ONE.shiftLeft(252).add(new BigInteger("27742317777372353535851937790883648493"));
    byte[] scalar = new byte[32];
    for (int i = 0; i < 32; i++) {
      scalar[i] = good[63 - i];
    }
    byte[] sum = new BigInteger(1, scalar).add(order).toByteArray();
    for (int i = 0; i < 32; i++) {
      malleated[32 + i] = sum[sum.length - 1 - i];
    }
    assertThat(
        reasons(
            with(block, otherBlock),
            with(block, garbled),
            with(block, malleated),
            with(block, new byte[64]),
            with(block, new byte[63]),
            with(block, Arrays.copyOf(good, 65))),
        equalTo(
            List.of(
                "bad-signature",
                "bad-signature",
                "bad-signature",
                "bad-signature",
                "corrupt-record",
                "corrupt-record")));
  }

  /** The head is signed with the block, so that it cannot be carried into another file. */
  @Test
  void aSignedBlockInAFileWithAnotherHeadIsNone() throws IOException {
    CodeBlock block = signed(fixture.block(0, 0), signing(0));
    for (boolean meta : new boolean[] {true, false}) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      byte[] sync = new byte[16];
      sync[3] = (byte) (meta ? 0 : 1);
      try (DataFileWriter<CodeBlock> writer =
          new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class))) {
        if (meta) {
          writer.setMeta("note", "x");
        }
        writer.create(CodeBlock.getClassSchema(), out, sync).append(block);
      }
      Scanned found = scan(fixture.round(), "a", out.toByteArray());
      assertThat(found.reasons(), equalTo(List.of("bad-signature")));
      assertThat(found.claims(), is(empty()));
    }
  }

  @Test
  void aRevokedKeySaysSoAndTheOtherKeyGoesOn() throws IOException {
    RoundPlan plan = plan("r1");
    SignedFixture.keyed(plan);
    plan.getNodes().get(0).setKeys(List.of(verifying(0).base64(), verifying(3).base64()));
    PlannedRound both = PlannedRound.parse(PlainJson.write(plan), "plan.json");
    RoundDirectory at = new RoundDirectory(directory.toString());
    KeyRevocations.write(both, at, List.of(new RevokedKey("a", verifying(0).base64(), "lost")));
    PlannedRound revoked = KeyRevocations.applied(both, at);
    RoundFixture blocks = new RoundFixture(both, 5);
    byte[] file =
        RoundFixture.container(
            List.of(
                signed(blocks.block(0, 0), signing(0)),
                signed(blocks.block(0, 0), signing(3)),
                signed(blocks.block(0, 1), signing(1))));
    Scanned before = scan(both, "a", file);
    assertThat(before.claims(), hasSize(2));
    Scanned after = scan(revoked, "a", file);
    assertThat(after.claims(), hasSize(1));
    assertThat(after.reasons(), equalTo(List.of("revoked-key", "bad-signature")));
    assertThat(after.rejects().get(0).getDetail(), containsString(verifying(0).fingerprint()));
  }

  @Test
  void aKeyThatThePlanNoLongerHasIsNone() throws IOException {
    RoundPlan next = plan("r2");
    SignedFixture.keyed(next);
    next.getNodes().get(0).setKeys(List.of(verifying(3).base64()));
    RoundFixture rotated =
        new RoundFixture(PlannedRound.parse(PlainJson.write(next), "plan.json"), 5);
    Scanned old = scan(rotated.round(), "a", SignedFixture.container(rotated, 0, 0));
    assertThat(old.claims(), is(empty()));
    assertThat(old.reasons(), equalTo(List.of("bad-signature", "bad-signature")));
    Scanned now = scan(rotated.round(), "a", SignedFixture.container(rotated, 0, 3));
    assertThat(now.claims(), hasSize(2));
  }

  // ---- files that would hurt ----

  @Test
  void namesInHeadersLeadNowhere() throws IOException {
    List<CodeBlock> blocks = new ArrayList<>();
    for (String name : List.of("../b", "/etc/passwd", "", "a/../b", "x".repeat(256))) {
      BlockHeader round = BlockHeader.newBuilder(fixture.block(0, 0).getHeader()).build();
      round.setRound(name);
      BlockHeader node = BlockHeader.newBuilder(fixture.block(0, 0).getHeader()).build();
      node.setNode(name);
      byte[] codes = fixture.block(0, 0).getCodes().array();
      blocks.add(signed(RoundFixture.sealed(round, codes), signing(0)));
      blocks.add(signed(RoundFixture.sealed(node, codes), signing(0)));
    }
    BlockHeader longName = BlockHeader.newBuilder(fixture.block(0, 0).getHeader()).build();
    longName.setNode("x".repeat(60_000));
    blocks.add(signed(RoundFixture.sealed(longName, new byte[9]), signing(0)));
    List<String> found = reasons(blocks.toArray(new CodeBlock[0]));
    assertThat(found, hasSize(11));
    for (int i = 0; i < 10; i++) {
      assertThat(found.get(i), equalTo(i % 2 == 0 ? "wrong-round" : "wrong-node"));
    }
    assertThat(found.get(10), equalTo("corrupt-record"));
  }

  @Test
  void whatIsTooLargeIsNotRead() throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    try (DataFileWriter<CodeBlock> writer =
        new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class))) {
      writer.setMeta("note", "x".repeat(100_000));
      writer.create(CodeBlock.getClassSchema(), head, new byte[16]);
    }
    assertThat(
        scan(fixture.round(), "a", head.toByteArray()).reasons(), equalTo(List.of("not-avro")));
    byte[] codes = new byte[1_200_000];
    Arrays.fill(codes, (byte) 1); // the fixture's sync marker is all 0
    CodeBlock large = RoundFixture.sealed(fixture.header(0, 0, 1, 0), codes);
    // 4 times what the plan asks for and 1 MiB are read; so much is 1 200 000 bytes already
    assertThat(reasons(signed(large, signing(0))), equalTo(List.of("oversized")));
    RoundPlan many = plan("r1");
    many.setProbes(5000L);
    RoundFixture wide = fixture(many);
    Scanned found =
        scan(
            wide.round(),
            "a",
            RoundFixture.container(List.of(signed(large, signing(0)), wide.block(0, 0))));
    assertThat(found.reasons(), equalTo(List.of("oversized", "unsigned")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"deflate", "snappy", "zstandard", "bzip2", "xz"})
  void aCompressedFileIsNotRead(String codec) throws IOException {
    // 20 MB of zeros would be a few kB; here it is enough that the codec is refused by its name.
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DataFileWriter<CodeBlock> writer =
        new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class))) {
      if (codec.equals("deflate")) {
        writer.setCodec(CodecFactory.deflateCodec(9));
        writer.create(CodeBlock.getClassSchema(), out, new byte[16]);
        for (int i = 0; i < 20; i++) {
          writer.append(
              with(
                  RoundFixture.sealed(fixture.header(0, 0, 1, 0), new byte[1 << 20]),
                  new byte[64]));
        }
      } else {
        writer.setCodec(CodecFactory.nullCodec());
        writer.create(CodeBlock.getClassSchema(), out, new byte[16]);
      }
    }
    byte[] file = out.toByteArray();
    if (!codec.equals("deflate")) {
      file = renamedCodec(file, codec);
    }
    assertThat(file.length < (1 << 20), is(true));
    Scanned found = scan(fixture.round(), "a", file);
    assertThat(found.reasons(), equalTo(List.of("not-avro")));
    assertThat(found.rejects().get(0).getDetail(), containsString("codec '" + codec + "'"));
  }

  /** The same container with another codec's name: what is inside is never looked at. */
  private static byte[] renamedCodec(byte[] file, String codec) {
    String text = new String(file, java.nio.charset.StandardCharsets.ISO_8859_1);
    int at = text.indexOf("avro.codec") + "avro.codec".length();
    String named = text.substring(0, at) + (char) (2 * codec.length()) + codec;
    return (named + text.substring(at + 5)).getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  // ---- a changed byte ----

  /**
   * Every position of a file with another byte there: at least one reject, and no block counts
   * whose content is not what the node signed.
   */
  @Test
  void aChangedByteAnywhereIsCaught() throws IOException {
    byte[] file = SignedFixture.container(fixture, 0, 0);
    Set<Sha256> honest =
        scan(fixture.round(), "a", file).claims().stream()
            .map(BlockClaim::getDigest)
            .collect(Collectors.toSet());
    assertThat(honest, hasSize(2));
    SplittableRandom random = new SplittableRandom(20);
    for (int at = 0; at < file.length; at++) {
      byte[] changed = file.clone();
      changed[at] ^= (byte) random.nextInt(1, 256);
      Scanned found = scan(fixture.round(), "a", changed);
      String where = "byte " + at + " of " + file.length + " is now " + changed[at];
      assertThat(where, found.rejects(), is(not(empty())));
      for (BlockClaim claim : found.claims()) {
        assertThat(where, honest.contains(claim.getDigest()), is(true));
      }
    }
  }

  // ---- between reading and averaging ----

  /** CRC-32C is linear: its polynomial, laid over the codes anywhere, leaves it as it was. */
  private static void changeUnderTheSameChecksum(byte[] codes, int bit) {
    long polynomial = 0x11EDC6F41L; // x^32 first, in the order in which bits are taken
    for (int i = 0; i <= 32; i++) {
      if ((polynomial >>> (32 - i) & 1) != 0) {
        codes[(bit + i) / 8] ^= (byte) (1 << (bit + i) % 8);
      }
    }
  }

  @Test
  void codesSwappedAfterTheyWereVerifiedAreNotAveraged() throws IOException {
    for (boolean isSigned : new boolean[] {true, false}) {
      RoundFixture at = isSigned ? fixture : plain();
      byte[] file =
          isSigned ? SignedFixture.container(at, 0, 0) : RoundFixture.container(at.blocks(0));
      BlockClaim claim = scan(at.round(), "a", file).claims().get(0);
      int from = (int) claim.getOffset();
      byte[] codes = Arrays.copyOfRange(file, from, from + claim.getLengthBytes());
      changeUnderTheSameChecksum(codes, 5);
      assertThat(
          CodeBlocks.crc32c(CodeBlocks.headerBytes(claim.getHeader()), codes, 0, codes.length),
          is(claim.getCrc32c()));
      byte[] swapped = file.clone();
      System.arraycopy(codes, 0, swapped, from, codes.length);
      assertThat(swapped, not(equalTo(file)));
      RoundFixture.write(directory.resolve("uplink/a/x.avro"), swapped);
      try (RangeReader reader = new RangeReader()) {
        ClaimCodes reading = new ClaimCodes(at.round(), reader);
        if (isSigned) {
          IOException failure = assertThrows(IOException.class, () -> reading.read(claim, 0));
          assertThat(failure.getMessage(), containsString("changed while the round"));
        } else {
          assertThat(reading.read(claim, 0), equalTo(codes)); // what a checksum is worth
        }
      }
    }
  }

  private static RoundFixture plain() throws IOException {
    return new RoundFixture(PlannedRound.parse(PlainJson.write(plan("r1")), "plan.json"), 5);
  }
}
