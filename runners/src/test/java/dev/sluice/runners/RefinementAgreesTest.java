package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import dev.sluice.schemas.ActiveRange;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Rounds that follow from each other are the same bytes from either runner, at any parallelism,
 * whatever the uplink files are called: what a warm-up says of its nodes, the bits divided by it,
 * the plans that follow, and the teachers of rounds that refine, one site having stayed away.
 */
@Tag("long")
class RefinementAgreesTest {
  private static final List<String> NODES = List.of("a", "b", "c");

  @TempDir Path directory;

  @Test
  void everyRoundThatFollowsIsTheSameFromEveryRunner() throws Exception {
    for (int i = 0; i < NODES.size(); i++) {
      float[] logits = Site.logits(i);
      for (int at = 0; at < logits.length; at++) {
        logits[at] /= 1 << i; // there is something to divide by
      }
      Site.npy(npy(NODES.get(i)), logits);
    }
    Site.plan(round("r1"), String.join(",", NODES), plan -> {});
    Random order = new Random(43);
    Map<String, String> expected = null;
    for (RunnerChoice choice : RunnersAgreeTest.CHOICES) {
      follow(choice, order);
      Map<String, String> results = results();
      // An allocation; and of each round a plan, a manifest, moments, 4 shards in 2 formats.
      assertThat(results.keySet().toString(), results.size(), is(1 + 3 * (4 + 2 * 4)));
      expected = expected == null ? results : expected;
      for (Map.Entry<String, String> file : expected.entrySet()) {
        assertThat(choice + ", " + file.getKey(), results.get(file.getKey()), is(file.getValue()));
      }
      assertThat(choice.toString(), results.keySet(), is(expected.keySet()));
      clear();
    }
  }

  private void follow(RunnerChoice choice, Random order) throws IOException {
    close("r1", 3, choice, order);
    String allocation = directory.resolve("allocation.json").toString();
    run(
        "allocate",
        "--round",
        round("r1").toString(),
        "--total-bits-per-coordinate",
        "9",
        "--out",
        allocation);
    run(
        "plan",
        "--round",
        round("r2").toString(),
        "--id",
        "r2",
        "--from",
        round("r1").toString(),
        "--allocation",
        allocation);
    Site.inSmallBlocks(
        round("r2"),
        plan ->
            assertThat("there is something to divide", bits(plan, 0), greaterThan(bits(plan, 2))));
    close("r2", 3, choice, order);
    byte[] moments = Files.readAllBytes(round("r2").resolve("moments.json"));
    run(
        "plan",
        "--round",
        round("r3").toString(),
        "--id",
        "r3",
        "--refines",
        round("r2").toString());
    // To plan a refinement takes them anew, on the direct runner.
    assertThat(Files.readAllBytes(round("r2").resolve("moments.json")), is(moments));
    close("r3", 2, choice, order);
    List<ActiveRange> active =
        RoundRunner.manifest(new RoundDirectory(round("r3").toString())).getActive();
    assertThat(active, is(List.of(new ActiveRange(0, 9, NODES, List.of(2, 2, 1)))));
  }

  private static double bits(RoundPlan plan, int node) {
    return plan.getNodes().get(node).getBitsPerCoordinate();
  }

  /** Has the first nodes send, if they have not yet, and takes means and moments of what came. */
  private void close(String id, int nodes, RunnerChoice choice, Random order) throws IOException {
    Path round = round(id);
    if (Files.exists(round.resolve("uplink"))) {
      RunnersAgreeTest.shuffleNames(round, order);
    } else {
      NODES.subList(0, nodes).forEach(node -> Site.send(round, node, npy(node)));
    }
    RoundDirectory at = new RoundDirectory(round.toString());
    Outcome outcome = new RoundRunner().aggregate(RoundRunner.plan(at), at, nodes, choice);
    assertThat(choice + ": " + outcome, outcome.getComplete(), is(true));
    assertThat(choice + ": " + outcome, outcome.getRejects(), is(0L));
    MomentsRunner.moments(RoundRunner.plan(at), at, choice);
  }

  private static void run(String... args) {
    Cli.Result result = Cli.run(args);
    assertThat(result.toString(), result.code(), is(ExitCodes.OK));
  }

  private Path round(String id) {
    return directory.resolve(id);
  }

  private Path npy(String node) {
    return directory.resolve(node + ".npy");
  }

  /** Every file but uplinks and logits: name to contents. */
  private Map<String, String> results() throws IOException {
    Map<String, String> results = new TreeMap<>();
    for (String id : List.of("r1", "r2", "r3")) {
      AggregateCommandTest.results(round(id))
          .forEach((name, contents) -> results.put(id + "/" + name, contents));
    }
    results.put("allocation.json", Files.readString(directory.resolve("allocation.json")));
    return results;
  }

  /** Leaves logits, uplinks and the first plan. */
  private void clear() throws IOException {
    try (Stream<Path> tree = Files.walk(directory)) {
      for (Path file : tree.filter(Files::isRegularFile).toList()) {
        Path name = directory.relativize(file);
        boolean logits = name.getNameCount() == 1 && name.toString().endsWith(".npy");
        boolean kept =
            logits || name.toString().contains("uplink") || name.endsWith("r1/plan.json");
        if (!kept) {
          Files.delete(file);
        }
      }
    }
  }
}
