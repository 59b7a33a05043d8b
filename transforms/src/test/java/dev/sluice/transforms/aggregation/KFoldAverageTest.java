package dev.sluice.transforms.aggregation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.NodeShare;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.ShortBlock;
import dev.sluice.schemas.TeacherBlock;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.uplink.ReadUplink;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.io.FileIO;
import org.apache.beam.sdk.testing.PAssert;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.SerializableFunction;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KFoldAverageTest {
  @TempDir Path directory;

  private static RoundFixture fixture(String quantizer, String clip, double... bits)
      throws IOException {
    ClipPolicy policy =
        clip.equals("auto") || clip.equals("probe")
            ? new ClipPolicy(clip, null, null)
            : new ClipPolicy("fixed", Double.valueOf(clip), null);
    PlanDraft draft = new PlanDraft("r1", 17, 20).withQuantizer(quantizer).withClip(policy);
    for (int node = 0; node < bits.length; node++) {
      draft.withNode("node-" + node, bits[node]);
    }
    RoundPlan plan = draft.finish("plan.json").plan();
    plan.setLayout(new BlockLayout(3, 2)); // 6 blocks, the last of 2 probes; 3 shards
    return new RoundFixture(PlannedRound.parse(PlainJson.write(plan), "plan.json"), 5);
  }

  private static TeacherBlock teacher(RoundFixture fixture, int block, List<Integer> nodes) {
    PlannedRound round = fixture.round();
    float[] logits = fixture.teacher(block, nodes);
    ByteBuffer bytes = ByteBuffer.allocate(4 * logits.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(logits);
    return new TeacherBlock(
        round.plan().getId(),
        round.digest(),
        block,
        round.firstProbe(block),
        round.probesIn(block),
        round.vocabulary(),
        nodes,
        bytes);
  }

  private static List<TeacherBlock> teacher(RoundFixture fixture, List<Integer> nodes) {
    return IntStream.range(0, fixture.round().blocks())
        .mapToObj(block -> teacher(fixture, block, nodes))
        .toList();
  }

  private static PCollection<BlockClaim> inline(Pipeline pipeline, List<BlockClaim> claims) {
    return pipeline.apply(Create.of(claims).withCoder(AvroCoder.of(BlockClaim.class)));
  }

  private static TestPipeline pipeline() {
    return TestPipeline.create().enableAbandonedNodeEnforcement(false);
  }

  /** Checks accounts in the order of shards. */
  private static void accounts(
      PCollectionTuple averaged, SerializableFunction<List<ShardAccount>, Void> check) {
    PAssert.that(averaged.get(KFoldAverage.ACCOUNTS))
        .satisfies(
            found -> {
              List<ShardAccount> accounts = new ArrayList<>();
              found.forEach(accounts::add);
              accounts.sort(Comparator.comparingInt(ShardAccount::getShard));
              return check.apply(accounts);
            });
  }

  @ParameterizedTest
  @CsvSource({
    "dither, auto, 3, 3",
    "dither, probe, 4, 2.5",
    "dither, 2.5, 1, 8",
    "dither, auto, 1.6, 11.3",
    "dither-paper, auto, 2, 3.5",
    "midrise, 6, 4, 2"
  })
  void theTeacherIsThatOfAPlainLoop(String quantizer, String clip, double first, double second)
      throws IOException {
    RoundFixture fixture = fixture(quantizer, clip, first, second, 2);
    fixture.writeUplinks(directory);
    List<TeacherBlock> expected = teacher(fixture, List.of(0, 1, 2));
    List<BlockClaim> claims = new ArrayList<>(fixture.claims());
    Collections.reverse(claims);

    TestPipeline pipeline = pipeline();
    PCollectionTuple memory =
        inline(pipeline, claims).apply("Memory", KFoldAverage.of(fixture.round()));
    PAssert.that(memory.get(KFoldAverage.TEACHER)).containsInAnyOrder(expected);
    PAssert.that(memory.get(KFoldAverage.REJECTED)).empty();
    PCollectionTuple files =
        pipeline
            .apply(FileIO.match().filepattern(directory + "/uplink/*/*"))
            .apply(ReadUplink.of(fixture.round()))
            .get(ReadUplink.CLAIMS)
            .apply("Files", KFoldAverage.of(fixture.round()));
    PAssert.that(files.get(KFoldAverage.TEACHER)).containsInAnyOrder(expected);
    PAssert.that(files.get(KFoldAverage.REJECTED)).empty();
    pipeline.run().waitUntilFinish();
  }

  @Test
  void oneNodeIsItsOwnTeacher() throws IOException {
    RoundFixture fixture = fixture("dither", "auto", 0, 5);
    TestPipeline pipeline = pipeline();
    PCollectionTuple averaged =
        inline(pipeline, fixture.claims()).apply(KFoldAverage.of(fixture.round()));
    PAssert.that(averaged.get(KFoldAverage.TEACHER))
        .containsInAnyOrder(teacher(fixture, List.of(1)));
    pipeline.run().waitUntilFinish();
  }

  @Test
  void accountsAddUp() throws Exception {
    RoundFixture fixture = fixture("dither", "2.5", 3, 2.4, 6);
    PlannedRound round = fixture.round();
    TestPipeline pipeline = pipeline();
    PCollectionTuple averaged = inline(pipeline, fixture.claims()).apply(KFoldAverage.of(round));
    double[] upper = new double[3];
    double[] worst = new double[3];
    double[] variance = new double[3];
    List<List<NodeShare>> shares = new ArrayList<>();
    for (int shard = 0; shard < 3; shard++) {
      for (int block = round.firstBlock(shard); block < round.endBlock(shard); block++) {
        // (U) = sum over nodes of log(f sinhc(fine/2K) + (1-f) sinhc(coarse/2K)), naively.
        double bound = 0;
        double mean = 0;
        double spread = 0;
        for (int node = 0; node < 3; node++) {
          BlockShape shape = round.shape(node, block);
          double f = (double) shape.finer() / shape.coordinates();
          double coarse = 2 * 2.5 / (shape.symbols() - 1);
          double fine = 2 * 2.5 / shape.symbols();
          bound += Math.log(f * sinhc(fine / 6) + (1 - f) * sinhc(coarse / 6));
          mean += coarse / 3;
          spread += (f * fine * fine + (1 - f) * coarse * coarse) / 12 / 9;
        }
        upper[shard] += round.probesIn(block) * bound;
        worst[shard] += round.probesIn(block) * mean * mean / 8;
        variance[shard] += round.probesIn(block) * spread;
      }
      shares.add(new ArrayList<>());
      for (int node = 0; node < 3; node++) {
        shares.get(shard).add(share(fixture, node, shard));
      }
    }
    accounts(
        averaged,
        found -> {
          assertThat(found.size(), equalTo(3));
          for (int shard = 0; shard < 3; shard++) {
            ShardAccount account = found.get(shard);
            assertThat(account.getShard(), equalTo(shard));
            assertThat(account.getAside(), equalTo(""));
            assertThat(account.getUpper(), closeTo(upper[shard], 1e-9 * upper[shard]));
            assertThat(account.getWorstCase(), closeTo(worst[shard], 1e-9 * worst[shard]));
            assertThat(account.getVariance(), closeTo(variance[shard], 1e-9 * variance[shard]));
            assertThat(account.getLower() > 0, equalTo(true));
            assertThat(account.getLower() <= account.getUpper(), equalTo(true));
            assertThat(account.getShortBlocks(), equalTo(0L));
            assertThat(account.getActive().size(), equalTo(1));
            assertThat(account.getActive().get(0).getFirstBlock(), equalTo(2 * shard));
            assertThat(account.getActive().get(0).getLastBlock(), equalTo(2 * shard + 1));
            assertThat(account.getActive().get(0).getNodes(), equalTo(List.of(0, 1, 2)));
            for (int node = 0; node < 3; node++) {
              NodeShare expected = shares.get(shard).get(node);
              NodeShare is = account.getNodes().get(node);
              assertThat(is.getStepSum(), closeTo(expected.getStepSum(), 1e-9));
              expected.setStepSum(is.getStepSum());
              assertThat(is, equalTo(expected));
            }
          }
          return null;
        });
    pipeline.run().waitUntilFinish();
  }

  private static double sinhc(double x) {
    return Math.sinh(x) / x;
  }

  private static NodeShare share(RoundFixture fixture, int node, int shard) throws Exception {
    PlannedRound round = fixture.round();
    MessageDigest digests = MessageDigest.getInstance("SHA-256");
    long probes = 0;
    long bits = 0;
    long clipped = 0;
    double steps = 0;
    for (int block = round.firstBlock(shard); block < round.endBlock(shard); block++) {
      BlockClaim claim = RoundFixture.inline(fixture.block(node, block));
      digests.update(claim.getDigest().bytes());
      probes += round.probesIn(block);
      bits += claim.getHeader().getPayloadBits();
      for (double x : fixture.centred(node, block)) {
        clipped += Math.abs(x) > 2.5 ? 1 : 0;
      }
      BlockShape shape = round.shape(node, block);
      double f = (double) shape.finer() / shape.coordinates();
      steps +=
          round.probesIn(block) * 5.0 * (f / shape.symbols() + (1 - f) / (shape.symbols() - 1));
    }
    return new NodeShare(
        node,
        round.endBlock(shard) - round.firstBlock(shard),
        0,
        probes,
        bits,
        clipped,
        0L,
        2.5 * probes,
        2.5,
        steps,
        new Sha256(digests.digest()),
        List.of(round.endBlock(shard) - round.firstBlock(shard)),
        List.of());
  }

  @Test
  void withoutDitherOnlyTheWorstCaseIsCertified() throws IOException {
    RoundFixture fixture = fixture("midrise", "6", 4, 4);
    TestPipeline pipeline = pipeline();
    accounts(
        inline(pipeline, fixture.claims()).apply(KFoldAverage.of(fixture.round())),
        found -> {
          for (ShardAccount account : found) {
            assertThat(account.getUpper(), equalTo(0.0));
            assertThat(account.getLower(), equalTo(0.0));
            assertThat(account.getVariance(), equalTo(0.0));
            assertThat(account.getWorstCase() > 0, equalTo(true));
          }
          return null;
        });
    pipeline.run().waitUntilFinish();
  }

  @Test
  void aShortBlockHidesNoOther() throws IOException {
    RoundFixture fixture = fixture("dither", "auto", 2, 3, 4);
    List<BlockClaim> claims = fixture.claims();
    claims.removeIf(
        c -> c.getHeader().getBlock() == 1 && !c.getHeader().getNode().equals("node-1"));
    claims.removeIf(c -> c.getHeader().getBlock() == 3 && c.getHeader().getNode().equals("node-0"));
    claims.removeIf(c -> c.getHeader().getBlock() >= 4);
    TestPipeline pipeline = pipeline();
    PCollectionTuple averaged =
        inline(pipeline, claims).apply(KFoldAverage.of(fixture.round()).withMinNodes(2));
    PAssert.that(averaged.get(KFoldAverage.TEACHER))
        .containsInAnyOrder(
            teacher(fixture, 0, List.of(0, 1, 2)),
            teacher(fixture, 2, List.of(0, 1, 2)),
            teacher(fixture, 3, List.of(1, 2)));
    accounts(
        averaged,
        found -> {
          assertThat(
              found.get(0).getShortfalls(), equalTo(List.of(new ShortBlock(1, 1, List.of(0, 2)))));
          assertThat(found.get(1).getShortBlocks(), equalTo(0L));
          assertThat(found.get(1).getActive().size(), equalTo(2));
          assertThat(
              found.get(2).getShortfalls(),
              equalTo(
                  List.of(
                      new ShortBlock(4, 0, List.of(0, 1, 2)),
                      new ShortBlock(5, 0, List.of(0, 1, 2)))));
          assertThat(found.get(2).getNodes(), equalTo(List.of()));
          return null;
        });
    pipeline.run().waitUntilFinish();
  }

  /** Codes that are no stream of their radices, under a checksum that holds. */
  @Test
  void badCodesAreARejectAndTheOthersAreAveraged() throws IOException {
    RoundFixture fixture = fixture("dither", "auto", 2.5, 3, 4);
    List<BlockClaim> claims = fixture.claims();
    CodeBlock sent = fixture.block(0, 2);
    byte[] codes = sent.getCodes().array().clone();
    java.util.Arrays.fill(codes, (byte) 0xff);
    BlockClaim bad = RoundFixture.inline(RoundFixture.sealed(sent.getHeader(), codes));
    bad.setFile("/somewhere/node-0/x.avro");
    claims.replaceAll(
        c -> c.getHeader().getBlock() == 2 && c.getHeader().getNode().equals("node-0") ? bad : c);
    TestPipeline pipeline = pipeline();
    PCollectionTuple averaged =
        inline(pipeline, claims).apply(KFoldAverage.of(fixture.round()).withMinNodes(1));
    List<TeacherBlock> expected = new ArrayList<>(teacher(fixture, List.of(0, 1, 2)));
    expected.set(2, teacher(fixture, 2, List.of(1, 2)));
    PAssert.that(averaged.get(KFoldAverage.TEACHER)).containsInAnyOrder(expected);
    PAssert.thatSingleton(averaged.get(KFoldAverage.REJECTED))
        .satisfies(
            (RejectedRecord reject) -> {
              assertThat(reject.getReason(), equalTo("bad-codes"));
              assertThat(reject.getNode(), equalTo("node-0"));
              assertThat(reject.getBlock(), equalTo(2));
              assertThat(reject.getFile(), equalTo("x.avro"));
              return null;
            });
    pipeline.run().waitUntilFinish();
  }

  @Test
  void copiesCountOnceAndConflictsNotAtAll() throws IOException {
    RoundFixture fixture = fixture("dither", "auto", 3, 3);
    List<BlockClaim> claims = fixture.claims();
    claims.add(RoundFixture.inline(fixture.block(0, 0)));
    CodeBlock sent = fixture.block(1, 5);
    byte[] codes = sent.getCodes().array().clone();
    codes[0] ^= 1;
    claims.add(RoundFixture.inline(RoundFixture.sealed(sent.getHeader(), codes)));
    TestPipeline pipeline = pipeline();
    PCollectionTuple averaged =
        inline(pipeline, claims).apply(KFoldAverage.of(fixture.round()).withMinNodes(1));
    List<TeacherBlock> expected = new ArrayList<>(teacher(fixture, List.of(0, 1)));
    expected.set(5, teacher(fixture, 5, List.of(0)));
    PAssert.that(averaged.get(KFoldAverage.TEACHER)).containsInAnyOrder(expected);
    PAssert.that(averaged.get(KFoldAverage.REJECTED))
        .satisfies(
            rejects -> {
              int count = 0;
              for (RejectedRecord reject : rejects) {
                assertThat(reject.getReason(), equalTo("conflict"));
                count++;
              }
              assertThat(count, equalTo(2));
              return null;
            });
    accounts(
        averaged,
        found -> {
          assertThat(found.get(0).getNodes().get(0).getDuplicates(), equalTo(1));
          assertThat(found.get(0).getNodes().get(0).getBlocks(), equalTo(2));
          return null;
        });
    pipeline.run().waitUntilFinish();
  }

  @Test
  void aFileThatChangesMeanwhileFailsTheRun() throws IOException {
    RoundFixture fixture = fixture("dither", "auto", 3);
    List<BlockClaim> claims = fixture.claims();
    BlockClaim changed = claims.get(0);
    changed.setCrc32c(changed.getCrc32c() ^ 1);
    TestPipeline pipeline = pipeline();
    inline(pipeline, claims).apply(KFoldAverage.of(fixture.round()));
    String message =
        assertThrows(
                Pipeline.PipelineExecutionException.class, () -> pipeline.run().waitUntilFinish())
            .getMessage();
    assertThat(message.contains("changed while the round was being read"), equalTo(true));
  }

  @Test
  void minNodesIsHeldAgainstTheNodesWithBits() throws IOException {
    KFoldAverage average = KFoldAverage.of(fixture("dither", "auto", 3, 0, 2).round());
    for (int bad : new int[] {0, 3, -1}) {
      assertThat(
          assertThrows(IllegalArgumentException.class, () -> average.withMinNodes(bad))
              .getMessage(),
          equalTo("minNodes must be in [1, 2], got " + bad));
    }
  }
}
