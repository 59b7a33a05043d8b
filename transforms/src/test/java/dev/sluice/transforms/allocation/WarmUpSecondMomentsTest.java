package dev.sluice.transforms.allocation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BlockDecoder;
import dev.sluice.transforms.channel.BlockEncoder;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.channel.NestedDigits;
import dev.sluice.transforms.refinement.LongestPrefix;
import dev.sluice.transforms.refinement.PrefixDecoder;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.RangeReader;
import dev.sluice.transforms.uplink.ReadUplink;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.CoderRegistry;
import org.apache.beam.sdk.coders.SerializableCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.io.FileIO;
import org.apache.beam.sdk.testing.CoderProperties;
import org.apache.beam.sdk.testing.CombineFnTester;
import org.apache.beam.sdk.testing.PAssert;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.values.PCollection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WarmUpSecondMomentsTest {
  private static final int PROBES = 17;
  private static final int VOCABULARY = 20;
  private static final MathContext DIGITS = new MathContext(60);
  private static final HexFormat HEX = HexFormat.of();

  @TempDir Path directory;

  private static PlanDraft draft(String id, String quantizer, String clip, double... bits) {
    ClipPolicy policy =
        clip.equals("auto") || clip.equals("probe")
            ? new ClipPolicy(clip, null, null)
            : new ClipPolicy("fixed", Double.valueOf(clip), null);
    PlanDraft draft =
        new PlanDraft(id, PROBES, VOCABULARY).withQuantizer(quantizer).withClip(policy);
    for (int node = 0; node < bits.length; node++) {
      draft.withNode("node-" + node, bits[node]);
    }
    return draft;
  }

  /** 6 blocks of 3 probes, the last of 2, in 3 shards. */
  private static RoundFixture fixture(PlanDraft draft) throws IOException {
    RoundPlan plan = draft.finish("plan.json").plan();
    plan.setLayout(new BlockLayout(3, 2));
    return new RoundFixture(PlannedRound.parse(PlainJson.write(plan), "plan.json"), 5);
  }

  private static RoundFixture fixture(String quantizer, String clip, double... bits)
      throws IOException {
    return fixture(draft("r1", quantizer, clip, bits));
  }

  private static PCollection<NodeMoments> moments(
      Pipeline pipeline, PlannedRound round, List<BlockClaim> claims) {
    return pipeline
        .apply(Create.of(claims).withCoder(AvroCoder.of(BlockClaim.class)))
        .apply(WarmUpSecondMoments.of(round));
  }

  private static TestPipeline pipeline() {
    return TestPipeline.create().enableAbandonedNodeEnforcement(false);
  }

  /** Runs claims through the transform, and holds what comes out against plain loops. */
  private static void check(PlannedRound round, List<BlockClaim> claims, List<Plain> expected) {
    List<NodeMoments> moments = new ArrayList<>();
    for (Plain node : expected) {
      moments.add(node.moments(round));
    }
    TestPipeline pipeline = pipeline();
    PAssert.that(moments(pipeline, round, claims))
        .satisfies(
            found -> {
              TreeMap<String, NodeMoments> byName = new TreeMap<>();
              found.forEach(node -> byName.put(node.getName(), node));
              assertThat(byName.size(), equalTo(moments.size()));
              for (NodeMoments node : moments) {
                same(byName.get(node.getName()), node);
              }
              return null;
            });
    pipeline.run().waitUntilFinish();
  }

  /** The same, to the bit but for the dither's variance, which the loop adds in another order. */
  private static void same(NodeMoments found, NodeMoments expected) {
    double dither = expected.getDitherVariance();
    assertThat(found.getDitherVariance(), closeTo(dither, 1e-14 * dither));
    assertThat(
        found.getSecondMoment(),
        closeTo(expected.getRawSecondMoment() - dither, 1e-13 * expected.getRawSecondMoment()));
    NodeMoments rest = NodeMoments.newBuilder(expected).build();
    rest.setDitherVariance(found.getDitherVariance());
    rest.setSecondMoment(found.getSecondMoment());
    assertThat(found, equalTo(rest));
  }

  /** One node's moments by a loop over its blocks, one BigDecimal for each sum. */
  private static final class Plain {
    private final int node;
    private final List<double[]> rows = new ArrayList<>();
    private final ByteArrayOutputStream[] shards = new ByteArrayOutputStream[3];
    private BigDecimal clips = BigDecimal.ZERO;
    private double dither;
    private double maxClip;
    private double maxStep;
    private long clipped;
    private int planes;

    Plain(int node) {
      this.node = node;
    }

    /** Adds a block as decoded from a prefix of its planes. */
    Plain add(PlannedRound round, List<BlockClaim> prefix) {
      BlockClaim first = prefix.get(0);
      BlockClaim last = prefix.get(prefix.size() - 1);
      int block = first.getHeader().getBlock();
      int n = round.probesIn(block) * VOCABULARY;
      double[] y = new double[n];
      double[] levels = new double[round.probesIn(block)];
      List<BlockShape> shapes = round.planes(node, block).subList(0, prefix.size());
      try {
        if (prefix.size() == 1) {
          BlockDecoder.decode(
              shapes.get(0),
              round.quantizer(),
              round.key(node),
              block,
              round.firstProbe(block),
              first.getHeader().getClip(),
              first.getCodes().array(),
              y,
              levels);
        } else {
          NestedDigits.decode(
              shapes,
              round.key(node),
              block,
              round.firstProbe(block),
              first.getHeader().getClip(),
              prefix.stream().map(claim -> claim.getCodes().array()).toList(),
              y,
              levels);
        }
      } catch (BadCodesException e) {
        throw new IllegalStateException(e);
      }
      for (int c = 0; c < n && round.quantizer().isDithered(); c++) {
        double width = 1;
        for (int t = 0; t < shapes.size(); t++) {
          BlockShape shape = shapes.get(t);
          boolean finer = Math.floorMod(c - round.key(node).start(t, block, n), n) < shape.finer();
          width *=
              t == 0
                  ? shape.step(levels[c / VOCABULARY], finer)
                  : 1.0 / (shape.symbols() + (finer ? 1 : 0));
        }
        dither += width * width / 12;
      }
      for (int probe = 0; probe < levels.length; probe++) {
        rows.add(Arrays.copyOfRange(y, probe * VOCABULARY, (probe + 1) * VOCABULARY));
        clips = clips.add(new BigDecimal(levels[probe]).pow(2));
        maxClip = Math.max(maxClip, levels[probe]);
        maxStep = Math.max(maxStep, shapes.get(0).step(levels[probe], false));
      }
      clipped += first.getHeader().getClipped();
      planes = Math.max(planes, prefix.size());
      if (last.getHeader().getRound().equals(round.plan().getId())) {
        if (shards[block / 2] == null) {
          shards[block / 2] = new ByteArrayOutputStream();
        }
        shards[block / 2].writeBytes(last.getDigest().bytes());
      }
      return this;
    }

    NodeMoments moments(PlannedRound round) {
      BigDecimal squares = BigDecimal.ZERO;
      BigDecimal fourths = BigDecimal.ZERO;
      BigDecimal values = BigDecimal.ZERO;
      double min = Double.POSITIVE_INFINITY;
      double max = Double.NEGATIVE_INFINITY;
      for (double[] row : rows) {
        double square = 0;
        double value = 0;
        for (double y : row) {
          square += y * y;
          value += y;
          min = Math.min(min, y);
          max = Math.max(max, y);
        }
        squares = squares.add(new BigDecimal(square / VOCABULARY));
        fourths = fourths.add(new BigDecimal(square / VOCABULARY).pow(2));
        values = values.add(new BigDecimal(value / VOCABULARY));
      }
      BigDecimal m = new BigDecimal(rows.size());
      BigDecimal spread = fourths.multiply(m).subtract(squares.pow(2));
      double raw = squares.divide(m, DIGITS).doubleValue();
      double variance = dither / rows.size() / VOCABULARY;
      return NodeMoments.newBuilder()
          .setName("node-" + node)
          .setProbes(rows.size())
          .setPlanes(planes)
          .setSecondMoment(raw - variance)
          .setRawSecondMoment(raw)
          .setDitherVariance(variance)
          .setMean(values.divide(m, DIGITS).doubleValue())
          .setMin(min)
          .setMax(max)
          .setClippedCoordinates(clipped)
          .setClippedFraction(clipped / ((double) rows.size() * VOCABULARY))
          .setMaskedCoordinates(0)
          .setBlockVariance(
              spread.divide(m.multiply(m.subtract(BigDecimal.ONE)), DIGITS).doubleValue())
          .setMaxClip(maxClip)
          .setMeanSquareClip(clips.divide(m, DIGITS).doubleValue())
          .setMaxStep(maxStep)
          .setDigest(digest())
          .build();
    }

    private String digest() {
      MessageDigest all = sha();
      for (ByteArrayOutputStream shard : shards) {
        if (shard != null) {
          all.update(sha().digest(shard.toByteArray()));
        }
      }
      return HEX.formatHex(all.digest());
    }
  }

  private static MessageDigest sha() {
    return CodeBlocks.sha256();
  }

  /** One node's moments over the blocks that pass. */
  private static Plain plain(RoundFixture fixture, int node, Predicate<Integer> blocks) {
    Plain plain = new Plain(node);
    for (int block = 0; block < fixture.round().blocks(); block++) {
      if (blocks.test(block)) {
        plain.add(fixture.round(), List.of(RoundFixture.inline(fixture.block(node, block))));
      }
    }
    return plain;
  }

  /** With copies, in any order, from memory and from files. */
  @ParameterizedTest
  @CsvSource({
    "dither, auto, 3, 2.5",
    "dither, probe, 4, 2.7",
    "dither, 2.5, 1, 8",
    "dither-paper, auto, 2, 3.5",
    "midrise, 3, 4, 2.5"
  })
  void momentsAreThoseOfAPlainLoop(String quantizer, String clip, double first, double second)
      throws IOException {
    RoundFixture fixture = fixture(quantizer, clip, first, 0, second);
    List<Plain> expected =
        List.of(plain(fixture, 0, block -> true), plain(fixture, 2, block -> true));
    List<BlockClaim> claims = new ArrayList<>(fixture.claims());
    claims.addAll(fixture.claims().subList(0, 9)); // copies
    for (int seed = 0; seed < 2; seed++) {
      Collections.shuffle(claims, new Random(seed));
      check(fixture.round(), claims, expected);
    }
    fixture.writeUplinks(directory);
    TestPipeline pipeline = pipeline();
    List<NodeMoments> moments =
        expected.stream().map(node -> node.moments(fixture.round())).toList();
    PAssert.that(
            pipeline
                .apply(FileIO.match().filepattern(directory + "/uplink/*/*"))
                .apply(ReadUplink.of(fixture.round()))
                .get(ReadUplink.CLAIMS)
                .apply(WarmUpSecondMoments.of(fixture.round())))
        .satisfies(
            found -> {
              for (NodeMoments node : found) {
                same(node, moments.get(node.getName().equals("node-0") ? 0 : 1));
              }
              return null;
            });
    pipeline.run().waitUntilFinish();
  }

  private static BlockClaim rubbish(CodeBlock sent) {
    byte[] codes = sent.getCodes().array().clone();
    Arrays.fill(codes, (byte) 0xff);
    return RoundFixture.inline(RoundFixture.sealed(sent.getHeader(), codes));
  }

  private static Predicate<BlockClaim> is(int node, int block) {
    return claim ->
        claim.getHeader().getNode().equals("node-" + node) && claim.getHeader().getBlock() == block;
  }

  /** Contradictions and codes that are none do not count; a node left with nothing is absent. */
  @Test
  void whatTheAverageRejectsIsNotAdded() throws IOException {
    RoundFixture fixture = fixture("dither", "2", 2.5, 3.3, 2.5);
    List<BlockClaim> claims = new ArrayList<>(fixture.claims());
    claims.removeIf(is(0, 3));
    claims.add(rubbish(fixture.block(0, 3)));
    CodeBlock other = fixture.block(1, 2);
    BlockHeader header = BlockHeader.newBuilder(other.getHeader()).build();
    header.setClipped(header.getClipped() + 1);
    claims.add(RoundFixture.inline(RoundFixture.sealed(header, other.getCodes().array())));
    claims.removeIf(claim -> claim.getHeader().getNode().equals("node-2"));
    for (int block = 0; block < 6; block++) {
      claims.add(rubbish(fixture.block(2, block)));
    }
    Plain clipping = plain(fixture, 0, block -> block != 3);
    assertThat(clipping.moments(fixture.round()).getClippedCoordinates(), greaterThan(100L));
    check(fixture.round(), claims, List.of(clipping, plain(fixture, 1, block -> block != 2)));
  }

  /** The average bears a clip of 2^19/K; what it rejects is rejected here. */
  @Test
  void aClipThatTheSumsDoNotBearIsNoCode() throws IOException {
    double[] bits = new double[9];
    Arrays.fill(bits, 3);
    RoundFixture fixture = fixture("dither", "probe", bits);
    CodeBlock sent = fixture.block(4, 1);
    try (RangeReader reader = new RangeReader()) {
      PrefixDecoder decoder = new PrefixDecoder(fixture.round(), reader);
      assertThat(decoder.decode(4, RoundFixture.inline(sent)).isPresent(), equalTo(true));
      byte[] codes = sent.getCodes().array().clone();
      codes[2] = (byte) 0xff; // the second probe's clip: 65504, above 2^19/9
      codes[3] = 0x7b;
      assertThat(Centring.clipOf((short) 0x7bff), equalTo(65504.0));
      BlockClaim wide = RoundFixture.inline(RoundFixture.sealed(sent.getHeader(), codes));
      assertThat(decoder.decode(4, wide).isPresent(), equalTo(false));
      wide.setCrc32c(wide.getCrc32c() + 1);
      String changed = assertThrows(IOException.class, () -> decoder.decode(4, wide)).getMessage();
      assertThat(changed, containsString("block 1 at byte 0 changed"));
    }
  }

  /** What a node sends of a block in a round: its plane there, of the logits of the fixture. */
  private static BlockClaim claim(RoundFixture fixture, int node, int block) {
    PlannedRound round = fixture.round();
    double[] clips = fixture.clips(node, block);
    BlockEncoder.Encoded encoded =
        NestedDigits.encode(
            round.planes(node, block),
            round.key(node),
            block,
            round.firstProbe(block),
            fixture.centred(node, block),
            clips);
    BlockHeader header =
        fixture.header(
            node, block, round.clipPerProbe() ? 0 : clips[0], round.plane(node) == 0 ? 7 : 0);
    header.setPlane(round.plane(node));
    return RoundFixture.inline(RoundFixture.sealed(header, encoded.codes()));
  }

  /**
   * Node 0 sends planes 0, 1 and 2, node 1 planes 0 in r0 and 1 in r2, node 2 its plane 0 in r2,
   * and node 3 spoke only in r0.
   */
  private static RoundFixture refining(String clip, List<List<BlockClaim>> earlier)
      throws IOException {
    double[][] bits = {{2.5, 3.3, 0, 2}, {1.6, 0, 0, 0}, {2.7, 1.5, 3, 0}};
    List<RefinedRound> refined = new ArrayList<>();
    RoundFixture fixture = null;
    for (int r = 0; r < 3; r++) {
      PlanDraft draft = draft("r" + r, "dither", clip, bits[r]);
      if (r > 0) {
        draft.refining(List.copyOf(refined), new BlockLayout(3, 2));
      }
      fixture = fixture(draft);
      if (r == 2) {
        break;
      }
      List<Double> rates = new ArrayList<>();
      List<Integer> blocks = new ArrayList<>();
      List<String> digests = new ArrayList<>();
      List<BlockClaim> sent = new ArrayList<>();
      for (int node = 0; node < 4; node++) {
        MessageDigest all = sha();
        int count = 0;
        for (int shard = 0; shard < 3; shard++) {
          MessageDigest digest = sha();
          int before = count;
          for (int block = 2 * shard; block < 2 * shard + 2 && bits[r][node] > 0; block++) {
            if (r == 1 && block == 1) {
              continue; // a gap in plane 1 of node 0
            }
            sent.add(claim(fixture, node, block));
            digest.update(sent.get(sent.size() - 1).getDigest().bytes());
            count++;
          }
          if (count > before) {
            all.update(digest.digest());
          }
        }
        rates.add(bits[r][node]);
        blocks.add(count);
        digests.add(HEX.formatHex(all.digest()));
      }
      earlier.add(sent);
      refined.add(
          new RefinedRound(
              "r" + r, fixture.round().digestHex(), "../r" + r, rates, blocks, digests));
    }
    return fixture;
  }

  private static List<BlockClaim> joined(PlannedRound round, List<BlockClaim> claims) {
    List<BlockClaim> joined = new ArrayList<>();
    for (int shard = 0; shard < round.shards(); shard++) {
      int here = shard;
      joined.addAll(
          LongestPrefix.of(
              round,
              shard,
              claims.stream()
                  .filter(claim -> round.shardOf(claim.getHeader().getBlock()) == here)
                  .toList(),
              reject -> {}));
    }
    return joined;
  }

  @ParameterizedTest
  @CsvSource({"auto", "probe"})
  void aRefinementCountsWithTheLongestPrefixThatDecodes(String clip) throws IOException {
    List<List<BlockClaim>> earlier = new ArrayList<>();
    RoundFixture fixture = refining(clip, earlier);
    PlannedRound round = fixture.round();
    List<BlockClaim> own = new ArrayList<>();
    for (int node = 0; node < 3; node++) {
      for (int block = 0; block < 6; block++) {
        own.add(claim(fixture, node, block));
      }
    }
    BlockClaim good = own.get(4); // node 0, block 4: the last plane is no code
    byte[] codes = good.getCodes().array().clone();
    Arrays.fill(codes, (byte) 0xff);
    own.set(4, RoundFixture.inline(RoundFixture.sealed(good.getHeader(), codes)));
    List<BlockClaim> claims = new ArrayList<>(own);
    claims.add(own.get(2)); // a copy
    earlier.forEach(claims::addAll);
    Collections.shuffle(claims, new Random(3));

    List<Plain> expected = new ArrayList<>();
    for (int node = 0; node < 4; node++) {
      Plain plain = new Plain(node);
      for (int block = 0; block < 6; block++) {
        List<BlockClaim> prefix = new ArrayList<>();
        for (List<BlockClaim> there : earlier) {
          there.stream().filter(is(node, block)).forEach(prefix::add);
        }
        boolean gap = node == 0 && (block == 1 || block == 4);
        own.stream().filter(is(node, block)).filter(c -> !gap).forEach(prefix::add);
        plain.add(round, prefix);
      }
      expected.add(plain);
    }
    NodeMoments first = expected.get(0).moments(round);
    assertThat(first.getPlanes(), equalTo(3));
    assertThat(first.getClippedCoordinates(), equalTo(6 * 7L));
    assertThat(expected.get(3).moments(round).getDigest(), equalTo(HEX.formatHex(sha().digest())));
    check(round, joined(round, claims), expected);

    // Other digits in an earlier round than those that were refined.
    claims.removeIf(claim -> claim == earlier.get(0).get(7)); // node 1, block 1
    TestPipeline pipeline = pipeline();
    moments(pipeline, round, joined(round, claims));
    String message =
        assertThrows(RuntimeException.class, () -> pipeline.run().waitUntilFinish()).getMessage();
    assertThat(
        message,
        containsString("the uplink of 'node-1' in round 'r0' has changed since it was refined"));
  }

  /**
   * THEORY 11, item 9, through the whole transform: given x, the n errors are independent and
   * uniform on ±Δ_v/2, so Var Σ y² = Σ (4x²Δ²/12 + Δ⁴/180). Five sd: false alarm 6e-7 for each of
   * three cases; logits of seed 1000, dither of the plan's. What is independent are the n = 32 768
   * errors, for x is held fixed; of a population of contexts only the m = 512 probes are, and a
   * second warm-up round over them would add none (THEORY 6.3).
   */
  @ParameterizedTest
  @CsvSource({"dither, 2, 1", "dither, 2.7, 1", "dither-paper, 2, 1"})
  void theDebiasedMomentIsUnbiasedAndTheRawOneIsNot(String quantizer, double bits, double other)
      throws IOException {
    int vocabulary = 64;
    PlanDraft draft =
        new PlanDraft("r1", 512, vocabulary)
            .withQuantizer(quantizer)
            .withClip(new ClipPolicy("fixed", 4.0, null))
            .withNode("node-0", bits)
            .withNode("node-1", other);
    RoundPlan plan = draft.finish("plan.json").plan();
    plan.setLayout(new BlockLayout(32, 4));
    RoundFixture fixture = new RoundFixture(PlannedRound.parse(PlainJson.write(plan), "p"), 3);
    PlannedRound round = fixture.round();
    double truth = 0;
    double variance = 0;
    double dither = 0;
    List<BlockClaim> claims = new ArrayList<>();
    for (int block = 0; block < 16; block++) {
      claims.add(RoundFixture.inline(fixture.block(0, block)));
      BlockShape shape = round.shape(0, block);
      double[] x = fixture.centred(0, block);
      int start = round.key(0).start(0, block, x.length);
      for (int c = 0; c < x.length; c++) {
        double step = shape.step(4, Math.floorMod(c - start, x.length) < shape.finer());
        double square = step * step;
        truth += x[c] * x[c];
        variance += 4 * x[c] * x[c] * square / 12 + square * square / 180;
        dither += square / 12;
      }
    }
    double n = 512.0 * vocabulary;
    double expected = truth / n;
    double bias = dither / n;
    double tolerance = 5 * Math.sqrt(variance) / n;
    assertThat("the test sees the dither", bias, greaterThan(3 * tolerance));
    TestPipeline pipeline = pipeline();
    PAssert.thatSingleton(moments(pipeline, round, claims))
        .satisfies(
            node -> {
              assertThat(node.getProbes(), equalTo(512L));
              assertThat(node.getSecondMoment(), closeTo(expected, tolerance));
              assertThat(node.getRawSecondMoment(), closeTo(expected + bias, tolerance));
              return null;
            });
    pipeline.run().waitUntilFinish();
  }

  private static WarmUpSums sums(int shard, int probes) {
    SplittableRandom random = new SplittableRandom(shard);
    WarmUpSums sums = new WarmUpSums();
    for (int probe = 0; probe < probes; probe++) {
      double scale = Math.pow(2, 60 * random.nextDouble() - 40);
      double clip = Math.pow(2, 40 * random.nextDouble() - 22);
      sums.addProbe(
          random.doubles(3, -scale, scale).toArray(), 0, 3, scale * 1e-3, clip, probe, 2 * probe);
      sums.note(1 + random.nextInt(3), clip / 7);
    }
    sums.addDigest("r1", shard, "a" + shard);
    sums.addDigest("r0", shard, "b" + shard);
    return sums;
  }

  @Test
  void shardsMayBeMergedInAnyOrder() throws Exception {
    List<WarmUpSums> parts = new ArrayList<>();
    WarmUpSums whole = new WarmUpSums();
    for (int shard = 0; shard < 12; shard++) {
      parts.add(sums(shard, shard % 4));
      whole.merge(sums(shard, shard % 4));
    }
    WarmUpSecondMoments.SumFn fn = new WarmUpSecondMoments.SumFn();
    CombineFnTester.testCombineFn(fn, new ArrayList<>(parts), whole); // it shuffles
    assertThat(
        whole.digests("r1"),
        equalTo(List.of("a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10", "a11")));
    assertThat(whole.digests("r0").size(), equalTo(12));
    assertThat(whole.digests("r").size(), equalTo(0));
    SerializableCoder<WarmUpSums> coder = SerializableCoder.of(WarmUpSums.class);
    assertThat(fn.getAccumulatorCoder(CoderRegistry.createDefault(), coder), equalTo(coder));
    CoderProperties.coderDecodeEncodeEqual(coder, whole);
    CoderProperties.coderDecodeEncodeEqual(coder, new WarmUpSums());

    assertThat(
        assertThrows(IllegalArgumentException.class, () -> whole.merge(parts.get(3))).getMessage(),
        containsString("shard 3 of round 'r0' has been added"));
    WarmUpSums empty = new WarmUpSums();
    assertThrows(IllegalStateException.class, empty::meanSquareClip);
    assertThat(
        assertThrows(
                IllegalArgumentException.class,
                () -> empty.addProbe(new double[3], 0, 3, 0, Double.NaN, 0, 0))
            .getMessage(),
        containsString("clip must be in [2^-24, 2^19] logits, got NaN"));
    assertThat(empty, equalTo(new WarmUpSums()));
  }
}
