package dev.sluice.transforms.scores;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.is;

import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.SwarmPart;
import dev.sluice.schemas.SwarmParts;
import dev.sluice.schemas.SwarmQuery;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.SwarmScore;
import dev.sluice.transforms.scores.ScoreFixture.Row;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.testing.PAssert;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@link ReadScores}, {@link ReadLabels} and {@link SwarmScores}: what counts and what does not.
 */
class SwarmScoresTest implements Serializable {
  private static final long serialVersionUID = 1L;

  @TempDir transient Path root;

  private static Row row(String query, String truth, double... scores) {
    return new Row(query, null, truth, scores);
  }

  /** Runs all three, with calibrated queries; what the checks say. */
  private void run(
      List<String> calibrated, int minNodes, Check<SwarmQuery> queries, Check<ScoreReject> rejects)
      throws IOException {
    ScoreDirectory directory = new ScoreDirectory(root.toString());
    SwarmChannel swarm = SwarmChannel.read(directory, SwarmChannel.present(directory));
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    PCollectionTuple packets = pipeline.apply(ReadScores.of(swarm));
    PCollectionTuple labels =
        pipeline.apply(
            ReadLabels.of(swarm, IntStream.range(0, swarm.nodes().size()).boxed().toList()));
    List<KV<Integer, SwarmParts>> known = new ArrayList<>();
    PartBuckets buckets = new PartBuckets(PartBuckets.of(swarm), known::add);
    calibrated.forEach(query -> buckets.add(SwarmPart.newBuilder().setQuery(query).build()));
    buckets.flush();
    PCollection<KV<Integer, SwarmParts>> before =
        pipeline.apply(
            Create.of(known)
                .withCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(SwarmParts.class))));
    PCollectionTuple out =
        PCollectionList.of(packets.get(ReadScores.PACKETS))
            .and(labels.get(ReadLabels.ANSWERS))
            .and(before)
            .apply("Parts", Flatten.pCollections())
            .apply(SwarmScores.of(swarm).withMinNodes(minNodes));
    PAssert.that(out.get(SwarmScores.QUERIES))
        .satisfies(
            all -> {
              queries.of(StreamSupport.stream(all.spliterator(), false).toList());
              return null;
            });
    PAssert.that(
            PCollectionList.of(packets.get(ReadScores.REJECTED))
                .and(labels.get(ReadLabels.REJECTED))
                .and(out.get(SwarmScores.REJECTED))
                .apply(Flatten.pCollections()))
        .satisfies(
            all -> {
              rejects.of(StreamSupport.stream(all.spliterator(), false).toList());
              return null;
            });
    pipeline.run().waitUntilFinish();
  }

  private interface Check<T> extends Serializable {
    void of(List<T> found);
  }

  private static List<String> words(List<ScoreReject> rejects) {
    return rejects.stream()
        .map(r -> r.getNode() + " " + r.getQuery() + " " + r.getReason())
        .toList();
  }

  @Test
  void scoresAreMeansOverTheNodesThatScoredACandidate() throws IOException {
    double[] one = {1, 2, 3, 4};
    double[] two = {4, 1, 7, 2};
    ScoreFixture.in(root)
        .node("n0", 40, 4, List.of(row("q", "b", one)))
        .node("n1", 9, 2, List.of(row("q", null, two)));
    ScoreDirectory directory = new ScoreDirectory(root.toString());
    SwarmChannel swarm = SwarmChannel.read(directory, List.of("n0", "n1"));
    SwarmScore expected = new SwarmScore(4);
    for (int node = 0; node < 2; node++) {
      NodeChannel channel = swarm.nodes().get(node);
      expected.add(
          channel
              .quantizer(OutOfRange.REFUSE)
              .reconstruct(channel.budget(), "q", node == 0 ? one : two));
    }
    List<Long> sums = IntStream.range(0, 4).mapToObj(expected::sum).toList();
    run(
        List.of(),
        2,
        queries -> {
          assertThat(queries.size(), is(1));
          SwarmQuery q = queries.get(0);
          assertThat(q.getSums(), is(sums));
          assertThat(q.getCounts(), is(List.of(1, 2, 1, 2)));
          assertThat(q.getOwner(), is(0));
          assertThat(q.getAnswer(), is(1));
          assertThat(q.getNodes(), is(2));
        },
        rejects -> assertThat(words(rejects).size(), is(0)));
  }

  @Test
  void whatDoesNotCount() throws IOException {
    double[] s = {1, 2, 3, 4};
    ScoreFixture.in(root)
        .node(
            "n0",
            16,
            4,
            List.of(
                row("fine", "a", s),
                row("alone", null, s),
                row("known", "a", s),
                row("torn", "a", s),
                new Row("groups", "x", null, s)))
        .node(
            "n1",
            16,
            4,
            List.of(
                row("fine", "a", s),
                row("known", null, s),
                row("torn", "b", s),
                new Row("groups", "y", null, s),
                row("twice", null, s),
                row("twice", null, s)));
    run(
        List.of("known", "elsewhere"),
        2,
        queries ->
            assertThat(queries.stream().map(SwarmQuery::getQuery).toList(), is(List.of("fine"))),
        rejects ->
            assertThat(
                words(rejects),
                containsInAnyOrder(
                    "null alone missing-nodes",
                    "null known in-calibration",
                    "null torn conflicting-truths",
                    "n1 groups conflicting-groups",
                    "n1 twice duplicate")));
  }

  @Test
  void filesThatAreNotWhatTheChannelSays() throws IOException {
    double[] s = {1, 2, 3, 4};
    ScoreFixture.in(root)
        .node("n0", 16, 4, List.of(row("p", "a", s), row("q", "a", s)))
        .node("n1", 16, 4, List.of(row("p", null, s), row("q", null, s)));
    Path file = root.resolve("scores/n1/scores-00001.avro");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 20] ^= 1;
    Files.write(file, bytes);
    Files.createDirectories(root.resolve("labels/n1"));
    Files.writeString(root.resolve("labels/n1/labels-00000.avro"), "not Avro");
    run(
        List.of(),
        2,
        queries ->
            assertThat(queries.stream().map(SwarmQuery::getQuery).toList(), is(List.of("p"))),
        rejects ->
            assertThat(
                words(rejects),
                containsInAnyOrder("n1 null digest", "n1 null not-avro", "null q missing-nodes")));
  }

  @Test
  void labelsWithoutAQueryAndAnswersThatAreNone() throws IOException {
    double[] s = {1, 2, 3, 4};
    ScoreFixture.in(root)
        .node("n0", 16, 4, List.of(row("p", "a", s), row("q", "e", s), row("r", null, s)));
    ScoreFixture.write(
        root.resolve("labels/n0/labels-00001.avro"),
        dev.sluice.schemas.TrueAnswer.class,
        List.of(
            new dev.sluice.schemas.TrueAnswer("r", "a"),
            new dev.sluice.schemas.TrueAnswer("nowhere", "a")));
    run(
        List.of(),
        1,
        queries ->
            assertThat(
                queries.stream().map(q -> q.getQuery() + q.getOwner() + q.getAnswer()).toList(),
                containsInAnyOrder("p00", "q0-1", "r-1-1")),
        rejects ->
            assertThat(
                words(rejects),
                containsInAnyOrder(
                    "n0 q unknown-answer", "n0 r stray-label", "n0 nowhere stray-label")));
  }

  @Test
  void aQueryHasOneOwnerAndAllHaveTheirShare() {
    int[] owned = new int[3];
    for (int i = 0; i < 3000; i++) {
      owned[SwarmScores.owner("q" + i, List.of(0, 1, 2))]++;
    }
    for (int n : owned) {
      // Binomial(3000, 1/3), sd 25.8: false alarm below 1e-6 at 5 sd.
      assertThat(Math.abs(n - 1000) < 130, is(true));
    }
    assertThat(SwarmScores.owner("q", List.of()), is(-1));
    assertThat(SwarmScores.owner("q", List.of(5)), is(5));
  }

  @Test
  void nodesAreDirectoriesWithNames() throws IOException {
    ScoreFixture.in(root).node("n0", 16, 4, List.of(row("p", "a", 1, 2, 3, 4)));
    Files.createDirectories(root.resolve("scores/.hidden"));
    Files.createDirectories(root.resolve("scores/n9"));
    assertThat(SwarmChannel.present(new ScoreDirectory(root.toString())), is(List.of("n0", "n9")));
  }
}
