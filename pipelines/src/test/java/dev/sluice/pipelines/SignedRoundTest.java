package dev.sluice.pipelines;

import static dev.sluice.transforms.SignedFixture.signed;
import static dev.sluice.transforms.SignedFixture.signing;
import static dev.sluice.transforms.SignedFixture.verifying;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.ReasonCount;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.RevokedKey;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.SignedFixture;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.KeyRevocations;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.beam.sdk.testing.TestPipeline;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole rounds whose nodes sign, attacked through their uplinks. */
class SignedRoundTest {
  @TempDir private Path directory;
  private RoundFixture plain;
  private RoundFixture fixture;

  @BeforeEach
  void honest() throws IOException {
    plain = Rounds.of("auto", 3, 2.5, 6);
    fixture = new RoundFixture(SignedFixture.keyed(plain.round().plan()), 5);
    for (int node = 0; node < 3; node++) {
      RoundFixture.write(
          fixture.uplink(directory, node, "all.avro"),
          SignedFixture.container(fixture, node, node));
    }
  }

  private Manifest aggregate(PlannedRound round, int minNodes) throws IOException {
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    AggregateRound.build(
        pipeline, round, new RoundDirectory(directory.toString()), List.of(), minNodes, "x");
    pipeline.run().waitUntilFinish();
    Outcome outcome =
        PlainJson.read(
            Outcome.class,
            Outcome.getClassSchema(),
            Files.readAllBytes(directory.resolve(".attempt-x/outcome.json")),
            "outcome.json");
    assertThat(outcome.toString(), outcome.getComplete(), is(true));
    return PlainJson.read(
        Manifest.class,
        Manifest.getClassSchema(),
        Files.readAllBytes(directory.resolve("manifest.json")),
        "manifest.json");
  }

  /** All rejects as "node reason count", in order. */
  private static List<String> rejects(Manifest manifest) {
    List<String> all = new ArrayList<>();
    for (RejectFile file : manifest.getRejects()) {
      for (ReasonCount reason : file.getByReason()) {
        all.add(file.getNode() + " " + reason.getReason() + " " + reason.getCount());
      }
    }
    return all;
  }

  private List<Integer> blocks(Manifest manifest) {
    return manifest.getNodes().stream().map(node -> node.getBlocks()).toList();
  }

  private byte[] teacher() throws IOException {
    return Files.readAllBytes(directory.resolve("teacher/teacher-00000.npy"));
  }

  /** A block with other codes, sealed as anyone can. */
  private CodeBlock forged(int node, int block) {
    CodeBlock honest = fixture.block(node, block);
    byte[] codes = honest.getCodes().array().clone();
    codes[0] ^= 1;
    return RoundFixture.sealed(honest.getHeader(), codes);
  }

  @Test
  void aForgeryDisplacesNothing() throws IOException {
    Manifest honest = aggregate(fixture.round(), 3);
    assertThat(rejects(honest), equalTo(List.of()));
    assertThat(honest.getRevoked(), equalTo(List.of()));
    byte[] teacher = teacher();
    RoundFixture.write(
        fixture.uplink(directory, 0, "forged.avro"),
        RoundFixture.container(
            List.of(
                forged(0, 0), // unsigned
                signed(forged(0, 1), signing(1)), // by another node
                signed(fixture.block(1, 2), signing(1))))); // another node's own
    Manifest attacked = aggregate(fixture.round(), 3);
    assertThat(
        rejects(attacked),
        equalTo(List.of("node-0 bad-signature 1", "node-0 unsigned 1", "node-0 wrong-node 1")));
    assertThat(blocks(attacked), equalTo(List.of(6, 6, 6)));
    assertThat(teacher(), equalTo(teacher));
    assertThat(
        attacked.getNodes().get(0).getDigest(), equalTo(honest.getNodes().get(0).getDigest()));
  }

  /** The same forgery in a round that is not signed costs the block: what signatures are for. */
  @Test
  void withoutSignaturesAForgeryCostsTheBlock() throws IOException {
    plain.writeUplinks(directory);
    CodeBlock honest = plain.block(0, 0);
    byte[] codes = honest.getCodes().array().clone();
    codes[0] ^= 1;
    RoundFixture.write(
        plain.uplink(directory, 0, "forged.avro"),
        RoundFixture.container(List.of(RoundFixture.sealed(honest.getHeader(), codes))));
    Manifest manifest = aggregate(plain.round(), 2);
    assertThat(rejects(manifest), equalTo(List.of("node-0 conflict 2")));
    assertThat(blocks(manifest), equalTo(List.of(5, 6, 6)));
    assertThat(manifest.getRevoked(), nullValue());
  }

  @Test
  void theTeacherIsThatOfTheSameBlocksUnsigned() throws IOException {
    aggregate(fixture.round(), 3);
    float[] first = fixture.teacher(0, List.of(0, 1, 2));
    double[] whole = RoundFixture.teacher(directory, 17, 20);
    for (int i = 0; i < first.length; i++) {
      assertThat((float) whole[i], is(first[i]));
    }
  }

  @Test
  void whatARevokedKeySignedIsNotAveraged() throws IOException {
    RoundDirectory at = new RoundDirectory(directory.toString());
    RevokedKey lost = new RevokedKey("node-1", verifying(1).base64(), "laptop <stolen>");
    KeyRevocations.write(fixture.round(), at, List.of(lost));
    Manifest manifest = aggregate(KeyRevocations.applied(fixture.round(), at), 2);
    assertThat(rejects(manifest), equalTo(List.of("node-1 revoked-key 6")));
    assertThat(blocks(manifest), equalTo(List.of(6, 0, 6)));
    assertThat(manifest.getRevoked(), equalTo(List.of(lost)));
    String page = Files.readString(directory.resolve("report/index.html"));
    assertThat(page.contains("1\u00a0key revoked"), is(true));
    assertThat(page.contains("laptop <stolen>"), is(false));
  }

  @Test
  void whatANodeEncodesWithItsKeyCountsAndIsTheSameBytesAgain() throws IOException {
    Path npy = directory.resolve("node-0.npy");
    Files.write(npy, RoundFixture.npy("<f8", fixture.logits(0), 17, 20));
    Files.delete(fixture.uplink(directory, 0, "all.avro"));
    List<byte[]> encodings = new ArrayList<>();
    for (String attempt : List.of("e1", "e2")) {
      TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
      EncodeNode.build(
          pipeline,
          fixture.round(),
          new RoundDirectory(directory.toString()),
          0,
          npy.toString(),
          Centring.Masking.FORBIDDEN,
          Optional.of(signing(0)),
          attempt);
      pipeline.run().waitUntilFinish();
      encodings.add(Files.readAllBytes(fixture.uplink(directory, 0, "codes-00001.avro")));
    }
    assertThat(encodings.get(0), equalTo(encodings.get(1)));
    Manifest manifest = aggregate(fixture.round(), 3);
    assertThat(rejects(manifest), equalTo(List.of()));
    assertThat(blocks(manifest), equalTo(List.of(6, 6, 6)));
  }

  /** Directories, links and pipes among the files; names that lead elsewhere. */
  @Test
  void whatIsNoFileOfTheNodeIsRejectedAndNothingElseIsTouched() throws Exception {
    Path secret = Files.writeString(directory.resolve("secret.txt"), "a secret of the hub");
    Path uplink = directory.resolve("uplink");
    Files.createSymbolicLink(uplink.resolve("node-0/link.avro"), secret);
    Files.createSymbolicLink(
        uplink.resolve("node-0/theirs.avro"), uplink.resolve("node-1/all.avro"));
    Files.createSymbolicLink(uplink.resolve("node-0/loop"), uplink);
    Files.createSymbolicLink(uplink.resolve("node-0/broken.avro"), uplink.resolve("nothing"));
    Files.createSymbolicLink(uplink.resolve("node-0/endless.avro"), Path.of("/dev/zero"));
    Files.createDirectories(uplink.resolve("node-0/directory.avro"));
    Process made =
        new ProcessBuilder("mkfifo", uplink.resolve("node-0/pipe.avro").toString()).start();
    Assumptions.assumeTrue(made.waitFor() == 0, "no mkfifo here");
    for (String name :
        List.of("..node-0", "node-0 ", "%2e%2e", "node-0\\..\\node-1", "*", "a\nb")) {
      RoundFixture.write(
          uplink.resolve(name).resolve("x.avro"), SignedFixture.container(fixture, 0, 0));
    }
    Manifest manifest = aggregate(fixture.round(), 3);
    assertThat(blocks(manifest), equalTo(List.of(6, 6, 6)));
    List<String> found = rejects(manifest);
    assertThat(found.contains("node-0 not-avro 6"), is(true));
    assertThat(found.contains("node-0 wrong-node 6"), is(true));
    assertThat(found.stream().filter(reject -> reject.endsWith(" unknown-node 1")).count(), is(5L));
    assertThat(Files.readString(secret), equalTo("a secret of the hub"));
    try (Stream<Path> files = Files.list(directory.resolve("rejects"))) {
      for (Path file : files.toList()) {
        String name = file.getFileName().toString();
        assertThat(name, name.matches("node-0\\.avro|_[0-9a-f]{16}\\.avro"), is(true));
        assertThat(
            Files.readString(file, java.nio.charset.StandardCharsets.ISO_8859_1)
                .contains("a secret"),
            is(false));
      }
    }
  }
}
