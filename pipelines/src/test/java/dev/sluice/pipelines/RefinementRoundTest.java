package dev.sluice.pipelines;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.ActiveRange;
import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.commit.CommitRound;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificRecord;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rounds of 17 probes of 20 logits, 6 blocks in 3 shards, that refine each other. */
@Tag("long")
class RefinementRoundTest {
  private static final int PROBES = 17;
  private static final int VOCABULARY = 20;

  @TempDir private Path temp;

  @ParameterizedTest
  @CsvSource({
    "dither, auto, 3",
    "dither, auto, 2.5",
    "dither, probe, 3.3",
    "dither, 4, 2.2",
    "dither-paper, auto, 2",
    "midrise, auto, 2.7",
  })
  void everyRoundLeavesLessOfTheError(String quantizer, String clip, double bits)
      throws IOException {
    Rounds3 rounds = new Rounds3(quantizer, clip, 3, bits);
    double[] exact = rounds.exactMean();
    double last = Double.POSITIVE_INFINITY;
    for (int t = 0; t < 3; t++) {
      rounds.send(t, 0, 1, 2);
      Manifest manifest = rounds.aggregate(t, 3);
      for (NodeAccount node : manifest.getNodes()) {
        List<Integer> prefixes = new ArrayList<>(java.util.Collections.nCopies(t + 1, 0));
        prefixes.set(t, 6);
        assertThat(node.getPrefixes(), equalTo(prefixes));
        assertThat(node.getBlocks(), is(6));
      }
      assertThat(
          manifest.getActive(),
          equalTo(
              List.of(
                  new ActiveRange(0, 5, List.of("a", "b", "c"), List.of(t + 1, t + 1, t + 1)))));
      double error = meanSquare(rounds.teacher(t), exact);
      if (manifest.getCertificate().getMeanVariance() != null) {
        // Of 340 coordinates the mean of three squared uniforms spreads by about 8 %.
        double expected = manifest.getCertificate().getMeanVariance();
        assertThat("round " + t, error / expected, allOf(greaterThan(0.6), lessThan(1.5)));
      }
      // A plane of N symbols leaves 1/N² of the variance; N is 4 at least.
      assertThat("round " + t, error, lessThan(last / 4));
      last = error;
      if (t < 2) {
        rounds.refine(t, bits);
      }
    }
  }

  @Test
  void aSiteThatSkipsARoundIsWiderNotWrong() throws IOException {
    Rounds3 rounds = new Rounds3("dither", "auto", 3, 3);
    rounds.send(0, 0, 1, 2);
    rounds.aggregate(0, 3);
    rounds.refine(0, 3);
    rounds.send(1, 0, 1);
    Outcome short1 = rounds.tryAggregate(1, 3);
    assertThat(short1.getComplete(), is(false));
    assertThat(
        short1.getDetails().get(0),
        is("block 0 has 2 nodes with digits of this round, at least 3 needed; missing c"));
    Manifest manifest = rounds.aggregate(1, 2);
    assertThat(
        manifest.getActive(),
        equalTo(List.of(new ActiveRange(0, 5, List.of("a", "b", "c"), List.of(2, 2, 1)))));
    assertThat(manifest.getNodes().get(2).getBlocks(), is(0));
    assertThat(manifest.getNodes().get(2).getMissingBlocks(), is(6));
    assertThat(manifest.getNodes().get(2).getPrefixes(), equalTo(List.of(6, 0)));

    rounds.refine(1, 3);
    PlannedRound third = rounds.plan(2);
    assertThat(third.plane(0), is(2));
    assertThat("the round it missed is no plane of its", third.plane(2), is(1));
    rounds.send(2, 0, 1, 2);
    Manifest last = rounds.aggregate(2, 3);
    assertThat(
        last.getActive(),
        equalTo(List.of(new ActiveRange(0, 5, List.of("a", "b", "c"), List.of(3, 3, 2)))));
    double error = meanSquare(rounds.teacher(2), rounds.exactMean());
    assertThat(
        error / last.getCertificate().getMeanVariance(), allOf(greaterThan(0.6), lessThan(1.5)));
  }

  @Test
  void aNodeWithoutFurtherBitsStaysInTheMean() throws IOException {
    Rounds3 rounds = new Rounds3("dither", "auto", 3, 3);
    rounds.send(0, 0, 1, 2);
    rounds.aggregate(0, 3);
    rounds.refine(0, 2, 0, 4);
    rounds.send(1, 0, 2);
    Manifest manifest = rounds.aggregate(1, 2);
    assertThat(
        manifest.getActive(),
        equalTo(List.of(new ActiveRange(0, 5, List.of("a", "b", "c"), List.of(2, 1, 2)))));
    assertThat(manifest.getNodes().get(1).getPrefixes(), equalTo(List.of(6)));
    assertThat(manifest.getNodes().get(1).getMissingBlocks(), is(0));
  }

  @Test
  void anEarlierUplinkThatChangedStopsTheRound() throws IOException {
    Rounds3 rounds = new Rounds3("dither", "4", 3, 3);
    rounds.send(0, 0, 1, 2);
    rounds.aggregate(0, 3);
    rounds.refine(0, 2);
    rounds.send(1, 0, 1, 2);
    rounds.sendOther(0, 1);
    Outcome outcome = rounds.tryAggregate(1, 3);
    assertThat(outcome.getComplete(), is(false));
    assertThat(outcome.getShortBlocks(), is(0L));
    assertThat(outcome.getRefusals().size(), is(1));
    assertThat(
        outcome.getRefusals().get(0),
        containsString(
            "the uplink of 'b' in round 'r0' has changed since it was refined: found 6"));
    assertThat(Files.exists(rounds.directory(1).resolve("manifest.json")), is(false));
    assertThat(Files.exists(rounds.directory(1).resolve("teacher")), is(false));
    Storage.deleteTree(rounds.directory(0).resolve("uplink/b").toString());
    Outcome gone = rounds.tryAggregate(1, 3);
    assertThat(gone.getComplete(), is(false));
    assertThat(
        gone.getRefusals().toString(),
        containsString("'b' in round 'r0' has changed since it was refined: found 0 blocks"));
    rounds.send(0, 1);
    rounds.aggregate(1, 3);
  }

  @Test
  void digitsBehindAGapAreRejected() throws IOException {
    Rounds3 rounds = new Rounds3("dither", "auto", 3, 3);
    rounds.send(0, 0, 1, 2);
    Path part = rounds.directory(0).resolve("uplink/c/codes-00001.avro"); // blocks 2 and 3
    Files.delete(part);
    Manifest first = rounds.aggregate(0, 2);
    assertThat(first.getNodes().get(2).getBlocks(), is(4));
    rounds.refine(0, 2);
    rounds.send(1, 0, 1, 2);
    // All three came; what cannot count is not waited for.
    Outcome outcome = rounds.tryAggregate(1, 3);
    assertThat(outcome.toString(), outcome.getComplete(), is(true));
    assertThat(outcome.getDetails(), equalTo(List.of("rejected from c: 2 out-of-order")));
    Manifest manifest = rounds.manifest(1);
    assertThat(
        manifest.getActive(),
        equalTo(
            List.of(
                new ActiveRange(0, 1, List.of("a", "b", "c"), List.of(2, 2, 2)),
                new ActiveRange(2, 3, List.of("a", "b"), List.of(2, 2)),
                new ActiveRange(4, 5, List.of("a", "b", "c"), List.of(2, 2, 2)))));
  }

  @ParameterizedTest
  @CsvSource({"auto", "4"})
  void digitsOfOtherLogitsAreNotSent(String clip) throws IOException {
    Rounds3 rounds = new Rounds3("dither", clip, 2, 3);
    rounds.send(0, 0, 1);
    rounds.aggregate(0, 2);
    rounds.refine(0, 2);
    rounds.send(1, 0);
    Pipeline.PipelineExecutionException refused =
        assertThrows(Pipeline.PipelineExecutionException.class, () -> rounds.sendOther(1, 1));
    assertThat(
        refused.getCause().getMessage(),
        allOf(
            containsString("node 'b': these logits are not those of round 'r0'"),
            containsString("Further digits are of the same logits")));
    assertThat(Files.exists(rounds.directory(1).resolve("uplink/b")), is(false));
  }

  private static double meanSquare(double[] teacher, double[] exact) {
    double sum = 0;
    for (int i = 0; i < exact.length; i++) {
      sum += (teacher[i] - exact[i]) * (teacher[i] - exact[i]);
    }
    return sum / exact.length;
  }

  /** Up to three rounds r0, r1, r2 side by side, the first planned. */
  private final class Rounds3 {
    private final List<PlannedRound> plans = new ArrayList<>();
    private final List<String> names;
    private final RoundFixture logits;

    Rounds3(String quantizer, String clip, int nodes, double bits) throws IOException {
      names = List.of("a", "b", "c").subList(0, nodes);
      ClipPolicy policy =
          clip.equals("auto") || clip.equals("probe")
              ? new ClipPolicy(clip, null, null)
              : new ClipPolicy("fixed", Double.valueOf(clip), null);
      PlanDraft draft =
          new PlanDraft("r0", PROBES, VOCABULARY).withClip(policy).withQuantizer(quantizer);
      names.forEach(name -> draft.withNode(name, bits));
      RoundPlan plan = draft.finish("plan.json").plan();
      plan.setLayout(new BlockLayout(3, 2));
      plans.add(PlannedRound.parse(PlainJson.write(plan), "plan.json"));
      logits = new RoundFixture(plans.get(0), 5);
      for (int node = 0; node < 2 * nodes; node++) {
        RoundFixture.write(
            npy(node), RoundFixture.npy("<f8", logits.logits(node), PROBES, VOCABULARY));
      }
    }

    private Path npy(int node) {
      return temp.resolve("logits-" + node + ".npy");
    }

    Path directory(int round) {
      return temp.resolve("r" + round);
    }

    RoundDirectory at(int round) {
      return new RoundDirectory(directory(round).toString());
    }

    PlannedRound plan(int round) {
      return plans.get(round);
    }

    /** Plans round t + 1, which refines round t; bits by node, or one for all. */
    void refine(int t, double... bits) throws IOException {
      PlannedRound base = plans.get(t);
      Manifest manifest = manifest(t);
      List<RefinedRound> refined = new ArrayList<>(base.refined());
      refined.add(
          new RefinedRound(
              "r" + t,
              base.digestHex(),
              "../r" + t,
              base.nodes().stream().map(NodePlan::getBitsPerCoordinate).toList(),
              manifest.getNodes().stream().map(NodeAccount::getBlocks).toList(),
              manifest.getNodes().stream().map(NodeAccount::getDigest).toList()));
      PlanDraft draft =
          PlanDraft.like(base.plan(), "r" + (t + 1)).refining(refined, base.plan().getLayout());
      for (int node = 0; node < names.size(); node++) {
        draft.withNode(names.get(node), bits[bits.length == 1 ? 0 : node]);
      }
      plans.add(draft.finish("plan.json"));
    }

    void send(int round, int... nodes) throws IOException {
      for (int node : nodes) {
        encode(round, node, npy(node));
      }
    }

    /** Sends other logits of the same shape. */
    void sendOther(int round, int node) throws IOException {
      encode(round, node, npy(node + names.size()));
    }

    private void encode(int round, int node, Path file) throws IOException {
      Pipeline pipeline = Pipeline.create(PipelineOptionsFactory.create());
      EncodeNode.build(
          pipeline,
          plans.get(round),
          at(round),
          node,
          file.toString(),
          Centring.Masking.FORBIDDEN,
          "e");
      pipeline.run().waitUntilFinish();
    }

    Manifest aggregate(int round, int minNodes) throws IOException {
      Outcome outcome = tryAggregate(round, minNodes);
      assertThat(outcome.toString(), outcome.getComplete(), is(true));
      assertThat(outcome.toString(), outcome.getRejects(), is(0L));
      return manifest(round);
    }

    Outcome tryAggregate(int round, int minNodes) throws IOException {
      List<Uplinks> refined = new ArrayList<>();
      for (int earlier = 0; earlier < round; earlier++) {
        refined.add(Uplinks.of(plans.get(earlier), at(earlier)));
      }
      Pipeline pipeline = Pipeline.create(PipelineOptionsFactory.create());
      AggregateRound.build(pipeline, plans.get(round), at(round), refined, minNodes, "a");
      pipeline.run().waitUntilFinish();
      Outcome outcome = read(Outcome.class, CommitRound.outcome(at(round).aside("a")));
      Storage.deleteTree(at(round).aside("a"));
      return outcome;
    }

    Manifest manifest(int round) throws IOException {
      return read(Manifest.class, at(round).manifest());
    }

    double[] teacher(int round) throws IOException {
      return RoundFixture.teacher(directory(round), PROBES, VOCABULARY);
    }

    /** The mean over nodes of centred logits, clipped where the plan does. */
    double[] exactMean() {
      double[] mean = new double[PROBES * VOCABULARY];
      for (int node = 0; node < names.size(); node++) {
        for (int block = 0; block < plans.get(0).blocks(); block++) {
          double[] rows = logits.centred(node, block);
          double[] clips = logits.clips(node, block);
          int from = (int) plans.get(0).firstProbe(block) * VOCABULARY;
          for (int i = 0; i < rows.length; i++) {
            double clip = clips[i / VOCABULARY];
            mean[from + i] += Math.min(clip, Math.max(-clip, rows[i])) / names.size();
          }
        }
      }
      assertThat(Arrays.stream(mean).map(Math::abs).max().orElseThrow(), closeTo(4, 2));
      return mean;
    }
  }

  private static <T extends SpecificRecord> T read(Class<T> type, String file) throws IOException {
    return PlainJson.read(
        type, SpecificData.get().getSchema(type), Storage.read(file, PlainJson.MAX_BYTES), file);
  }
}
