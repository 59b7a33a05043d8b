package dev.sluice.pipelines;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.Moments;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.allocation.MomentBound;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.apache.beam.runners.direct.DirectOptions;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole rounds from .npy to moments.json, beside a plain calculation from the same logits. */
class MomentsRoundTest {
  @TempDir Path directory;

  private static void run(int parallelism, Consumer<Pipeline> build) {
    DirectOptions options = PipelineOptionsFactory.as(DirectOptions.class);
    options.setTargetParallelism(parallelism);
    Pipeline pipeline = Pipeline.create(options);
    build.accept(pipeline);
    pipeline.run().waitUntilFinish();
  }

  /** Encodes and aggregates. */
  private static void commit(
      PlannedRound round, Path at, List<Uplinks> refined, int minNodes, double[][] logits)
      throws IOException {
    RoundDirectory there = new RoundDirectory(at.toString());
    Files.createDirectories(at);
    Files.write(at.resolve("plan.json"), round.json());
    List<Integer> speaking = new ArrayList<>();
    for (int node = 0; node < logits.length; node++) {
      if (round.nodes().get(node).getBitsPerProbe() > 0) {
        int rows = logits[node].length / round.vocabulary();
        RoundFixture.write(
            at.resolve("logits-" + node),
            RoundFixture.npy("<f8", logits[node], rows, round.vocabulary()));
        speaking.add(node);
      }
    }
    run(
        2,
        pipeline ->
            speaking.forEach(
                node ->
                    EncodeNode.build(
                        pipeline,
                        round,
                        there,
                        node,
                        at.resolve("logits-" + node).toString(),
                        Centring.Masking.FORBIDDEN,
                        "e" + node)));
    run(2, pipeline -> AggregateRound.build(pipeline, round, there, refined, minNodes, "a"));
  }

  private static void moments(PlannedRound round, Path at, List<Uplinks> refined, int parallelism)
      throws IOException {
    CommittedRound committed = CommittedRound.read(round, new RoundDirectory(at.toString()));
    run(parallelism, pipeline -> MomentsRound.build(pipeline, committed, refined));
  }

  private static Moments read(Path at) throws IOException {
    return PlainJson.read(
        Moments.class,
        Moments.getClassSchema(),
        Files.readAllBytes(at.resolve("moments.json")),
        "moments.json");
  }

  private static double[][] logits(RoundFixture fixture) {
    double[][] logits = new double[fixture.round().nodes().size()][];
    for (int node = 0; node < logits.length; node++) {
      logits[node] = fixture.logits(node);
    }
    return logits;
  }

  private static Manifest manifest(Path at) throws IOException {
    return PlainJson.read(
        Manifest.class,
        Manifest.getClassSchema(),
        Files.readAllBytes(at.resolve("manifest.json")),
        "manifest.json");
  }

  @ParameterizedTest
  @CsvSource({"dither, auto", "dither, probe", "dither-paper, 4", "midrise, auto"})
  void theDocumentIsOfThisRoundAndTheSameBytesInAnyOrder(String quantizer, String clip)
      throws Exception {
    RoundFixture fixture = Rounds.of(quantizer, clip, 3, 0, 2.5, 6);
    PlannedRound round = fixture.round();
    commit(round, directory, List.of(), 3, logits(fixture));
    moments(round, directory, List.of(), 1);
    byte[] first = Files.readAllBytes(directory.resolve("moments.json"));
    Files.delete(directory.resolve("moments.json"));
    moments(round, directory, List.of(), 2);
    assertThat(Files.readAllBytes(directory.resolve("moments.json")), equalTo(first));
    assertThat(
        Rounds.leftovers(directory).stream().filter(name -> name.contains("moments")).toList(),
        equalTo(List.of()));

    Manifest manifest = manifest(directory);
    Moments found = read(directory);
    assertThat(found.getFormat(), equalTo("sluice-moments-1"));
    assertThat(found.getRound(), equalTo("r1"));
    assertThat(found.getPlanDigest(), equalTo(round.digestHex()));
    assertThat(
        found.getManifestDigest(),
        equalTo(
            HexFormat.of()
                .formatHex(
                    MessageDigest.getInstance("SHA-256")
                        .digest(Files.readAllBytes(directory.resolve("manifest.json"))))));
    assertThat(found.getProbes(), equalTo(17L));
    assertThat(found.getVocabulary(), equalTo(20));
    assertThat(
        found.getNodes().stream().map(NodeMoments::getName).toList(),
        equalTo(List.of("node-0", "node-2", "node-3")));
    double squares = 0;
    for (NodeMoments node : found.getNodes()) {
      NodeAccount account = manifest.getNodes().get(round.indexOf(node.getName()).orElseThrow());
      assertThat(node.getDigest(), equalTo(account.getDigest()));
      assertThat(node.getProbes(), equalTo(17L));
      assertThat(node.getPlanes(), equalTo(1));
      assertThat(node.getMaxClip(), equalTo(account.getMaxClip()));
      assertThat(node.getClippedCoordinates(), equalTo(account.getClippedCoordinates()));
      assertThat(node.getClippedFraction(), equalTo(account.getClippedFraction()));
      assertThat(
          Math.max(-node.getMin(), node.getMax()) <= node.getMaxClip() + node.getMaxStep() / 2,
          equalTo(true));
      squares += node.getSecondMoment();
    }
    double teacher = 0;
    for (int block = 0; block < 6; block++) {
      for (float x : fixture.teacher(block, List.of(0, 2, 3))) {
        teacher += (double) x * x / (17 * 20);
      }
    }
    Double error = manifest.getCertificate().getMeanVariance();
    teacher -= quantizer.equals("midrise") ? 0 : error;
    assertThat(found.getTeacherSecondMoment(), closeTo(teacher, 1e-12));
    assertThat(found.getSpread(), closeTo((squares - 3 * teacher) / 2, 1e-12));
  }

  /**
   * Logits of K = 4 nodes, n = 600·48 coordinates: a common one and, of each node's own, noise of
   * sd 0.7. The estimate against the plain sample variance S/(n(K − 1)) of the centred logits
   * between nodes, S their Σ(x_i − x̄)². Given x, with e_i the errors and v_i at most the largest
   * step²/12, what the estimate adds to S is {@code 2·Σe_i(x_i − x̄)}, of variance at most {@code
   * 4·max v·S} over all coordinates, and {@code Σ(e_i − ē)²} less its mean, of at most {@code Σv_i²
   * + (2/K²)·(Σv_i)²} a coordinate. Five times the sum of both sd: false alarm below 6e-7. Seed 20.
   */
  @Test
  void theSpreadIsTheVarianceBetweenNodes() throws Exception {
    int probes = 600;
    int vocabulary = 48;
    double[] bits = {2, 3.3, 4, 2.5};
    PlanDraft draft = new PlanDraft("r1", probes, vocabulary);
    double[][] logits = new double[4][probes * vocabulary];
    SplittableRandom random = new SplittableRandom(20);
    for (int i = 0; i < probes * vocabulary; i++) {
      double base = 6 * random.nextDouble() - 3;
      for (int node = 0; node < 4; node++) {
        logits[node][i] = base + 0.7 * Math.sqrt(12) * (random.nextDouble() - 0.5);
      }
    }
    for (int node = 0; node < 4; node++) {
      draft.withNode("node-" + node, bits[node]);
    }
    RoundPlan plan = draft.finish("plan.json").plan();
    plan.setLayout(new BlockLayout(50, 3));
    PlannedRound round = PlannedRound.parse(PlainJson.write(plan), "plan.json");
    commit(round, directory, List.of(), 4, logits);
    moments(round, directory, List.of(), 2);
    Moments found = read(directory);

    for (double[] rows : logits) {
      Centring.centre(rows, probes, vocabulary, Centring.Masking.FORBIDDEN, new double[probes]);
    }
    double n = probes * (double) vocabulary;
    double between = 0;
    for (int i = 0; i < logits[0].length; i++) {
      double mean = (logits[0][i] + logits[1][i] + logits[2][i] + logits[3][i]) / 4;
      for (double[] rows : logits) {
        between += (rows[i] - mean) * (rows[i] - mean);
      }
    }
    double most = 0;
    double sum = 0;
    double squares = 0;
    for (NodeMoments node : found.getNodes()) {
      double v = node.getMaxStep() * node.getMaxStep() / 12;
      most = Math.max(most, v);
      sum += v;
      squares += v * v;
    }
    double sd = (Math.sqrt(4 * most * between) + Math.sqrt(n * (squares + sum * sum / 8))) / 3 / n;
    assertThat("the estimate says something", between / 3 / n, greaterThan(20 * sd));
    assertThat(found.getSpread(), closeTo(between / 3 / n, 5 * sd));

    // What the estimate of one node is worth: its probes are the sample, however many rounds send
    // them again. THEORY 6.3.
    assertThat(
        MomentBound.effectiveSamples(found.getProbes(), 3, MomentBound.Probes.FIXED),
        equalTo(600L));
  }

  @Test
  void nodesWithoutBlocksAreAbsentAndAnIncompleteOneLeavesNoSpread() throws Exception {
    RoundFixture fixture = Rounds.of("2", 3, 2.5, 4);
    PlannedRound round = fixture.round();
    fixture.writeUplinks(directory);
    Files.delete(fixture.uplink(directory, 1, "all.avro"));
    RoundDirectory there = new RoundDirectory(directory.toString());
    run(2, pipeline -> AggregateRound.build(pipeline, round, there, List.of(), 1, "a"));
    moments(round, directory, List.of(), 2);
    Moments found = read(directory);
    assertThat(found.getNodes().size(), equalTo(2));
    assertThat(found.getNodes().get(1).getName(), equalTo("node-2"));
    assertThat(found.getSpread() >= 0, equalTo(true));

    List<CodeBlock> blocks = fixture.blocks(2);
    RoundFixture.write(
        fixture.uplink(directory, 2, "all.avro"), RoundFixture.container(blocks.subList(0, 5)));
    run(2, pipeline -> AggregateRound.build(pipeline, round, there, List.of(), 1, "b"));
    moments(round, directory, List.of(), 2);
    assertThat(read(directory).getNodes().get(1).getProbes(), equalTo(15L));
    assertThat(read(directory).getSpread(), nullValue());

    Files.delete(fixture.uplink(directory, 2, "all.avro"));
    run(2, pipeline -> AggregateRound.build(pipeline, round, there, List.of(), 1, "c"));
    moments(round, directory, List.of(), 2);
    assertThat(read(directory).getNodes().size(), equalTo(1));
    assertThat(read(directory).getSpread(), nullValue());
  }

  private String refusal(PlannedRound round, List<Uplinks> refined, Path at) {
    return assertThrows(RuntimeException.class, () -> moments(round, at, refined, 2)).getMessage();
  }

  @Test
  void otherDataThanTheTeacherIsMadeOfIsRefused() throws Exception {
    RoundFixture fixture = Rounds.of("auto", 3, 2.5, 4);
    PlannedRound round = fixture.round();
    fixture.writeUplinks(directory);
    RoundDirectory there = new RoundDirectory(directory.toString());
    run(2, pipeline -> AggregateRound.build(pipeline, round, there, List.of(), 3, "a"));
    moments(round, directory, List.of(), 2);
    byte[] before = Files.readAllBytes(directory.resolve("moments.json"));
    String digest = manifest(directory).getNodes().get(2).getDigest();

    Path uplink = fixture.uplink(directory, 2, "all.avro");
    byte[] sent = Files.readAllBytes(uplink);
    List<CodeBlock> blocks = new ArrayList<>(fixture.blocks(2));
    byte[] codes = blocks.get(4).getCodes().array().clone();
    codes[0] ^= 1;
    blocks.set(4, RoundFixture.sealed(blocks.get(4).getHeader(), codes));
    Files.write(uplink, RoundFixture.container(blocks));
    assertThat(
        refusal(round, List.of(), directory),
        containsString(
            "the uplink of 'node-2' in round 'r1' has changed since the round was aggregated:"
                + " found 17 probes of digest "));
    Files.write(uplink, RoundFixture.container(blocks.subList(0, 4)));
    assertThat(
        refusal(round, List.of(), directory),
        containsString(", expected 17 of " + digest + "; aggregate it again"));
    Files.delete(uplink);
    assertThat(refusal(round, List.of(), directory), containsString("found 0 probes of digest "));
    Files.write(uplink, sent);

    Path teacher = directory.resolve("teacher/teacher-00001.npy");
    byte[] rows = Files.readAllBytes(teacher);
    byte[] touched = rows.clone();
    touched[touched.length - 1] ^= 1;
    Files.write(teacher, touched);
    assertThat(
        refusal(round, List.of(), directory), containsString("teacher-00001.npy: found SHA-256 "));
    Files.write(teacher, rows);
    assertThat(Files.readAllBytes(directory.resolve("moments.json")), equalTo(before));
    moments(round, directory, List.of(), 2);
    assertThat(Files.readAllBytes(directory.resolve("moments.json")), equalTo(before));
  }

  /** Node 2 speaks only in the first round, node 1 only in the second. */
  @Test
  void aRefinementIsMeasuredWithAllOfItsPlanes() throws Exception {
    PlanDraft first =
        new PlanDraft("r0", 17, 20)
            .withNode("node-0", 2.5)
            .withNode("node-1", 0)
            .withNode("node-2", 3);
    RoundFixture fixture = new RoundFixture(first.finish("plan.json"), 5);
    Path at = directory.resolve("r0");
    commit(fixture.round(), at, List.of(), 2, logits(fixture));
    Manifest manifest = manifest(at);
    RefinedRound refined =
        new RefinedRound(
            "r0",
            fixture.round().digestHex(),
            "../r0",
            List.of(2.5, 0.0, 3.0),
            manifest.getNodes().stream().map(NodeAccount::getBlocks).toList(),
            manifest.getNodes().stream().map(NodeAccount::getDigest).toList());
    PlannedRound round =
        new PlanDraft("r1", 17, 20)
            .withNode("node-0", 3.3)
            .withNode("node-1", 4)
            .withNode("node-2", 0)
            .refining(List.of(refined), fixture.round().plan().getLayout())
            .finish("plan.json");
    List<Uplinks> earlier = List.of(Uplinks.of(fixture.round(), new RoundDirectory(at.toString())));
    Path next = directory.resolve("r1");
    commit(round, next, earlier, 2, logits(fixture));
    moments(round, next, earlier, 1);
    byte[] bytes = Files.readAllBytes(next.resolve("moments.json"));
    moments(round, next, earlier, 2);
    assertThat(Files.readAllBytes(next.resolve("moments.json")), equalTo(bytes));
    List<NodeMoments> nodes = read(next).getNodes();
    assertThat(nodes.stream().map(NodeMoments::getPlanes).toList(), equalTo(List.of(2, 1, 1)));
    moments(fixture.round(), at, List.of(), 2);
    List<NodeMoments> before = read(at).getNodes();
    double finer = before.get(0).getDitherVariance() / nodes.get(0).getDitherVariance();
    assertThat(finer, closeTo(Math.pow(2, 2 * 3.3), 0.05 * Math.pow(2, 2 * 3.3)));
    assertThat(nodes.get(2).getSecondMoment(), equalTo(before.get(1).getSecondMoment()));

    // The digits before are part of the teacher too.
    Path uplink = at.resolve("uplink/node-2/codes-00000.avro");
    Files.delete(uplink);
    assertThat(
        refusal(round, earlier, next),
        containsString(
            "the uplink of 'node-2' in round 'r1', or in one that it refines, has changed"));
    assertThat(Files.readAllBytes(next.resolve("moments.json")), equalTo(bytes));
  }
}
