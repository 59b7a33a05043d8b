package dev.sluice.transforms.round;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.Average;
import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Predicted;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Split;
import dev.sluice.schemas.json.PlainJson;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Consumer;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.apache.beam.sdk.util.SerializableUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PlannedRoundTest {
  private static RoundPlan plan() {
    RoundPlan plan = new RoundPlan();
    plan.setFormat("sluice-plan-1");
    plan.setId("r1");
    plan.setSeed(1);
    plan.setDitherRound("r1");
    plan.setProbes(10);
    plan.setVocabulary(8);
    plan.setQuantizer("dither");
    plan.setClip(new ClipPolicy("auto", null, null));
    plan.setNodes(
        new ArrayList<>(
            List.of(
                new NodePlan("a", 4.0, 32L, null),
                new NodePlan("b", 2.5, 20L, null),
                new NodePlan("c", 0.0, 0L, null))));
    plan.setLayout(new BlockLayout(3, 2));
    return plan;
  }

  private static PlannedRound parse(RoundPlan plan) throws IOException {
    return PlannedRound.parse(PlainJson.write(plan), "plan.json");
  }

  private static String refusal(Consumer<RoundPlan> change) {
    RoundPlan plan = plan();
    change.accept(plan);
    return assertThrows(BadPlanException.class, () -> parse(plan)).getMessage();
  }

  @Test
  void derivesTheGeometry() throws IOException {
    PlannedRound round = parse(plan());
    assertThat(round.blocks(), equalTo(4));
    assertThat(round.shards(), equalTo(2));
    assertThat(round.probesIn(3), equalTo(1));
    assertThat(round.firstBlock(1), equalTo(2));
    assertThat(round.endBlock(1), equalTo(4));
    assertThat(round.speakingNodes(), equalTo(2));
    assertThat(round.indexOf("b"), equalTo(OptionalInt.of(1)));
    assertThat(round.indexOf("B"), equalTo(OptionalInt.empty()));
    assertThat(round.shape(1, 3).probes(), equalTo(1));
    assertThat(round.shape(1, 0).payloadBits(), lessThanOrEqualTo(60L));
  }

  @Test
  void itsDigestIsThatOfItsBytes() throws Exception {
    byte[] json = PlainJson.write(plan());
    PlannedRound round = PlannedRound.parse(json, "plan.json");
    assertThat(round.digest().bytes(), equalTo(MessageDigest.getInstance("SHA-256").digest(json)));
    assertThat(round.json(), equalTo(json));
  }

  @Test
  void survivesSerialisation() throws IOException {
    PlannedRound round = parse(plan());
    for (int i = 0; i < 2; i++) {
      PlannedRound copy = SerializableUtils.clone(round);
      assertThat(copy.plan(), equalTo(round.plan()));
      assertThat(copy.digestHex(), equalTo(round.digestHex()));
      assertThat(copy.source(), equalTo("plan.json"));
      assertThat(copy.key(1), equalTo(round.key(1)));
      assertThat(copy.shape(0, 3).toString(), equalTo(round.shape(0, 3).toString()));
    }
    RoundPlan other = plan();
    other.setSeed(2);
    assertThat(SerializableUtils.clone(parse(other)).plan().getSeed(), equalTo(2L));
  }

  @Test
  void refusesScalarsOutOfRange() {
    assertThat(
        refusal(p -> p.setFormat("sluice-plan-2")),
        equalTo("plan.json: field 'format': found sluice-plan-2, expected sluice-plan-1"));
    assertThat(refusal(p -> p.setProbes(0)), containsString("'probes': found 0, expected 1 to"));
    assertThat(refusal(p -> p.setProbes(1L << 31)), containsString("'probes': found 2147483648"));
    assertThat(
        refusal(p -> p.setVocabulary(1)), containsString("'vocabulary': found 1, expected 2 to"));
    assertThat(refusal(p -> p.setVocabulary((1 << 20) + 1)), containsString("found 1048577"));
    assertThat(
        refusal(p -> p.setQuantizer("Dither")),
        allOf(containsString("'quantizer'"), containsString("'Dither'")));
    assertThat(
        refusal(p -> p.setDitherRound("")),
        containsString("'ditherRound': found , expected the round's own id, r1"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", ".", "..", "../a", "a/b", "a\\b", ".a", "-a", "_a", "a b", "a\n", "é", "a*"})
  void refusesNamesThatAreNone(String name) {
    assertThat(
        refusal(p -> p.getNodes().get(1).setName(name)),
        startsWith("plan.json: field 'nodes[1].name': found " + name + ", expected 1 to 64"));
    assertThat(refusal(p -> p.setId(name)), startsWith("plan.json: field 'id': found " + name));
  }

  @Test
  void aNameHasAtMost64Characters() throws IOException {
    RoundPlan plan = plan();
    plan.setId("x".repeat(64));
    plan.setDitherRound(plan.getId());
    plan.getNodes().get(0).setName("0.._-" + "y".repeat(59));
    parse(plan);
    assertThat(refusal(p -> p.setId("x".repeat(65))), containsString("field 'id'"));
  }

  @Test
  void refusesNodesThatContradictThePlan() {
    assertThat(
        refusal(p -> p.getNodes().get(2).setName("a")),
        equalTo("plan.json: field 'nodes[2].name': found a, a second time, expected unique names"));
    for (double bits : new double[] {0.5, 17, -1, 16.001, 0.999}) {
      assertThat(
          refusal(p -> p.getNodes().get(0).setBitsPerCoordinate(bits)),
          equalTo(
              "plan.json: field 'nodes[0].bitsPerCoordinate': found "
                  + bits
                  + ", expected 0 (silent this round) or 1 to 16"));
    }
    assertThat(
        refusal(p -> p.getNodes().get(1).setBitsPerProbe(21L)),
        equalTo(
            "plan.json: field 'nodes[1].bitsPerProbe': found 21, expected 20, the whole part of"
                + " bitsPerCoordinate times the vocabulary"));
    assertThat(refusal(p -> p.getNodes().clear()), containsString("'nodes': found none"));
    assertThat(
        refusal(
            p -> {
              p.getNodes().remove(0);
              p.getNodes().remove(0);
            }),
        containsString("no node with bits"));
    // 16 of 32 bits pay for the clip level, which leaves fewer than one a coordinate
    assertThat(
        refusal(
            p -> {
              p.setClip(new ClipPolicy("probe", null, null));
              p.getNodes().get(1).setBitsPerProbe(20L);
            }),
        allOf(containsString("nodes[1]"), containsString("at least 24 are needed")));
  }

  @Test
  void notANumberIsNoNumberOfBits() {
    RoundPlan plan = plan();
    plan.getNodes().get(0).setBitsPerCoordinate(Double.NaN);
    assertThat(
        assertThrows(IOException.class, () -> parse(plan)).getMessage(),
        equalTo(
            "plan.json: field 'nodes[0].bitsPerCoordinate': found \"NaN\", expected a finite"
                + " number"));
  }

  @Test
  void refusesClipsThatContradictTheirPolicy() {
    assertThat(
        refusal(p -> p.setClip(new ClipPolicy("loose", null, null))),
        equalTo(
            "plan.json: field 'clip.policy': found 'loose', expected 'fixed', 'auto' or 'probe'"));
    assertThat(
        refusal(p -> p.setClip(new ClipPolicy("fixed", null, null))),
        containsString("'clip.level': found null, expected 2^-24 to"));
    for (String policy : List.of("auto", "probe")) {
      assertThat(
          refusal(p -> p.setClip(new ClipPolicy(policy, 3.0, null))),
          containsString("'clip.level': found 3.0, expected null with this policy"));
    }
    for (double level : new double[] {0, -1, 0x1p-25, 174763}) {
      assertThat(
          refusal(p -> p.setClip(new ClipPolicy("fixed", level, null))),
          containsString("'clip.level': found " + level));
    }
  }

  private static void refine(RoundPlan plan, double bits, String directory) {
    String digest = "0".repeat(64);
    plan.setRefines(
        List.of(
            new RefinedRound(
                "first",
                digest,
                directory,
                List.of(bits, bits, 0.0),
                List.of(4, 4, 0),
                List.of(digest, digest, digest))));
    plan.setDitherRound("first");
  }

  @Test
  void everyNodeHasItsOwnPlanes() throws IOException {
    RoundPlan plan = plan();
    refine(plan, 3, "../first");
    plan.getRefines().get(0).setBlocks(List.of(4, 0, 0));
    PlannedRound round = parse(plan);
    assertThat(round.plane(0), equalTo(1));
    assertThat(round.plane(1), equalTo(0));
    assertThat(round.planes(0, 0).size(), equalTo(2));
    assertThat(round.planes(0, 0).get(0).symbols(), equalTo(8));
    assertThat(round.planes(0, 0).get(1).symbols(), equalTo(16));
    assertThat(round.planes(2, 0).size(), equalTo(0));
  }

  @Test
  void refusesRefinementsThatCannotBe() {
    assertThat(
        refusal(p -> refine(p, 16, "../first")),
        containsString(
            "'nodes[0].bitsPerCoordinate': found 20.0 bits per coordinate in all planes of the"
                + " node, expected at most 19.2"));
    for (String directory : List.of("", "../a\u001b[31m", "a*b", "{a}")) {
      assertThat(
          refusal(p -> refine(p, 3, directory)), containsString("'refines[0].directory': found '"));
    }
    assertThat(
        refusal(
            p -> {
              refine(p, 3, "../first");
              p.setDitherRound(p.getId());
            }),
        containsString("'ditherRound'"));
    assertThat(
        refusal(
            p -> {
              refine(p, 3, "../first");
              p.getRefines().get(0).setId(p.getId());
            }),
        containsString("'"));
    assertThat(
        refusal(
            p -> {
              refine(p, 3, "../first");
              p.getRefines().get(0).setBlocks(List.of(5, 4, 0));
            }),
        containsString("'refines[0].blocks[0]': found 5, expected 0 to 4"));
  }

  @Test
  void refusesSplitsOfNoPolicy() {
    assertThat(
        refusal(
            p ->
                p.setSplit(
                    new Split(
                        "a\u001b[31m\nb",
                        "clip",
                        8.0,
                        List.of(1.0, 1.0, 1.0),
                        new Predicted(1.0, null, null),
                        null))),
        equalTo(
            "plan.json: field 'split.policy': found 'a?[31m?b', expected inverse, inverse-tilt,"
                + " uniform, water-filling"));
  }

  @Test
  void refusesLayoutsThatDoNotFit() {
    assertThat(
        refusal(p -> p.getLayout().setProbesPerBlock(0)),
        containsString("'layout.probesPerBlock': found 0, expected 1 to 32768"));
    assertThat(refusal(p -> p.getLayout().setProbesPerBlock(32769)), containsString("found 32769"));
    assertThat(
        refusal(p -> p.getLayout().setBlocksPerShard(0)),
        containsString("'layout.blocksPerShard': found 0"));
  }

  @Test
  void refusesCodesAboveOneMebibyte() {
    assertThat(
        refusal(
            p -> {
              p.setVocabulary(1 << 20);
              p.setNodes(List.of(new NodePlan("a", 16.0, 16L << 20, null)));
              p.setLayout(new BlockLayout(1, 1));
            }),
        containsString("codes of 2097152 bytes a block, expected at most 1048576"));
  }

  /** 2^50 words a node on a cycle of 2^64: of 400 nodes, some two overlap under most seeds. */
  @Test
  void refusesASeedUnderWhichNodesWouldShareDither() {
    String message =
        refusal(
            p -> {
              p.setProbes(Integer.MAX_VALUE);
              p.setVocabulary(1 << 20);
              p.setLayout(new BlockLayout(1, Integer.MAX_VALUE));
              List<NodePlan> nodes = new ArrayList<>();
              for (int i = 0; i < 400; i++) {
                nodes.add(new NodePlan("n" + i, 1.0, 1L << 20, null));
              }
              p.setNodes(nodes);
            });
    assertThat(
        message,
        allOf(startsWith("plan.json: field 'seed': found 1, under"), containsString("share")));
  }

  @Property(tries = 400, seed = "81")
  void blocksAndShardsTileTheProbes(
      @ForAll @IntRange(min = 1, max = 1 << 20) int probes,
      @ForAll @IntRange(min = 1, max = 5000) int perBlock,
      @ForAll @IntRange(min = 1) int perShard)
      throws IOException {
    RoundPlan plan = plan();
    plan.setProbes(probes);
    plan.setLayout(new BlockLayout(perBlock, perShard));
    PlannedRound round = parse(plan);
    long next = 0;
    int block = 0;
    for (int shard = 0; shard < Math.min(round.shards(), 500); shard++) {
      assertThat(round.firstBlock(shard), equalTo(block));
      assertThat(round.endBlock(shard), greaterThan(block));
      for (; block < round.endBlock(shard) && block < 500; block++) {
        assertThat(round.shardOf(block), equalTo(shard));
        assertThat(round.firstProbe(block), equalTo(next));
        next += round.probesIn(block);
      }
      block = round.endBlock(shard);
    }
    int last = round.blocks() - 1;
    assertThat(round.firstProbe(last) + round.probesIn(last), equalTo((long) probes));
    assertThat(round.endBlock(round.shards() - 1), equalTo(round.blocks()));
    assertThat(round.shardOf(last), equalTo(round.shards() - 1));
  }

  @Test
  void shardsOfMoreBlocksThanHalfAnIntTileToo() throws IOException {
    RoundPlan plan = plan();
    plan.setProbes(2_000_000_000);
    plan.setLayout(new BlockLayout(1, 1_500_000_000));
    PlannedRound round = parse(plan);
    assertThat(round.shards(), equalTo(2));
    assertThat(round.firstBlock(1), equalTo(1_500_000_000));
    assertThat(round.endBlock(1), equalTo(2_000_000_000));
  }

  @ParameterizedTest
  @CsvSource({
    "2, 131072, 64",
    "64, 4096, 64",
    "50257, 5, 66",
    "128256, 2, 65",
    "262144, 1, 64",
    "300000, 1, 55",
    "1048576, 1, 16"
  })
  void draftsBlocksOfAtMostOneMebibyteAndShardsOf64(int vocabulary, int probes, int blocks)
      throws IOException {
    PlannedRound round =
        new PlanDraft("r", 1_000_000, vocabulary)
            .withNodes(List.of("a", "b"), 2, Map.of("b", 1.5))
            .finish("plan.json");
    BlockLayout layout = round.plan().getLayout();
    assertThat(layout, equalTo(new BlockLayout(probes, blocks)));
    assertThat(
        4L * vocabulary * probes, lessThanOrEqualTo((long) Math.max(1 << 20, 4 * vocabulary)));
    assertThat(round.nodes().get(1).getBitsPerProbe(), equalTo((long) (1.5 * vocabulary)));
    assertThat(round.plan().getDitherRound(), equalTo("r"));
  }

  /** What is typed in decimals, and every B/V, keeps its bits; anything else stays as it is. */
  @ParameterizedTest
  @CsvSource({
    "1.14, 50, 57", // 56.99999999999999 in float64
    "4.35, 100, 435",
    "2.01, 200, 402",
    "1.00003125, 32000, 32001",
    "2.3, 10, 23",
    "4.356, 100, 435",
    "4.349999999999999, 100, 434",
    "16, 50257, 804112",
  })
  void aDraftLosesNoBitThatWasAskedFor(double bits, int vocabulary, long perProbe)
      throws IOException {
    NodePlan node =
        new PlanDraft("r", 10, vocabulary).withNode("a", bits).finish("plan.json").nodes().get(0);
    assertThat(node.getBitsPerProbe(), equalTo(perProbe));
    double said = node.getBitsPerCoordinate();
    assertThat(said == bits || said == Math.nextUp(bits), equalTo(true));
    assertThat(said > bits, equalTo((long) Math.floor(bits * vocabulary) < perProbe));
  }

  @Test
  void aDraftLosesNoBitOfAnyQuotient() throws IOException {
    for (int vocabulary : new int[] {3, 50, 100, 257}) {
      PlanDraft draft = new PlanDraft("r", 10, vocabulary);
      for (int whole = vocabulary; whole <= 16 * vocabulary; whole++) {
        draft.withNode("n" + whole, (double) whole / vocabulary);
      }
      List<NodePlan> nodes = draft.finish("plan.json").nodes();
      for (int i = 0; i < nodes.size(); i++) {
        assertThat(nodes.get(i).getBitsPerProbe(), equalTo((long) vocabulary + i));
      }
    }
  }

  @Test
  void draftsFewerBlocksAShardForManyNodes() throws IOException {
    PlanDraft draft = new PlanDraft("r", 1_000_000, 64);
    for (int i = 0; i < 5000; i++) {
      draft.withNode("n" + i, 1);
    }
    assertThat(draft.finish("plan.json").plan().getLayout(), equalTo(new BlockLayout(4096, 3)));
  }

  @ParameterizedTest
  @ValueSource(ints = {-5, 0, 1, (1 << 20) + 1, 1 << 30, Integer.MAX_VALUE})
  void aDraftOfAnImpossibleVocabularyIsABadPlan(int vocabulary) {
    PlanDraft draft = new PlanDraft("r", 10, vocabulary).withNode("a", 2);
    assertThat(
        assertThrows(BadPlanException.class, () -> draft.finish("plan.json")).getMessage(),
        containsString("'vocabulary': found " + vocabulary));
  }

  private static RoundPlan trimmed(int nodes, int trim) {
    RoundPlan plan = plan();
    plan.getNodes().clear();
    for (int i = 0; i < nodes; i++) {
      plan.getNodes().add(new NodePlan("n" + i, 4.0, 32L, null));
    }
    plan.setAverage(new Average("trimmed-mean", trim));
    return plan;
  }

  @Test
  void aTrimmedMeanLeavesANode() throws IOException {
    PlannedRound round = parse(trimmed(5, 2));
    assertThat(round.trim(), equalTo(2));
    assertThat(round.leastMinNodes(), equalTo(5));
    assertThat(round.hasErrorLaw(), equalTo(false));
    assertThat(parse(plan()).hasErrorLaw(), equalTo(true));
    assertThat(parse(plan()).leastMinNodes(), equalTo(1));
    for (int trim : new int[] {0, -1, 2, Integer.MAX_VALUE}) {
      RoundPlan plan = trimmed(4, trim);
      assertThat(
          assertThrows(BadPlanException.class, () -> parse(plan)).getMessage(),
          equalTo(
              "plan.json: field 'average.trim': found "
                  + trim
                  + ", expected 1 to 1: of 4 nodes to average, twice as many are left out"));
    }
    assertThat(
        refusal(p -> p.setAverage(new Average("trimmed-mean", 1))), // a third node is silent
        containsString("expected at least 3 nodes to average"));
    assertThat(
        refusal(p -> p.setAverage(new Average("median", 0))),
        equalTo(
            "plan.json: field 'average.rule': found 'median', expected 'mean' or 'trimmed-mean'"));
    assertThat(
        refusal(p -> p.setAverage(new Average("mean", 1))),
        equalTo("plan.json: field 'average.trim': found 1, expected 0 with 'mean'"));
    RoundPlan mean = plan();
    mean.setAverage(new Average("mean", 0));
    assertThat(parse(mean).trim(), equalTo(0));
  }

  @Test
  void whatATrimmedMeanHoldsBackIsBounded() throws IOException {
    int vocabulary = 1 << 16;
    PlanDraft draft =
        new PlanDraft("r1", 100, vocabulary).withAverage(new Average("trimmed-mean", 33));
    for (int i = 0; i < 67; i++) {
      draft.withNode("n" + i, 4);
    }
    PlannedRound round = draft.finish("plan.json");
    assertThat(round.probesIn(0), equalTo(3)); // four without the trimming
    RoundPlan plan = round.plan();
    plan.setLayout(new BlockLayout(4, 1));
    assertThat(
        assertThrows(BadPlanException.class, () -> parse(plan)).getMessage(),
        containsString("which holds back 138412032 bytes of a block, expected at most 134217728"));
    plan.getAverage().setTrim(32);
    assertThat(parse(plan).trim(), equalTo(32));
  }
}
