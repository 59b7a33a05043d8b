package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.hasKey;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the other commands make of a round that has versions. */
class VersionedRoundTest {
  @TempDir Path directory;

  private Path root() throws IOException {
    return Files.createDirectories(directory.resolve("rounds"));
  }

  private static Cli.Result sluice(Object... words) {
    return Cli.run(Arrays.stream(words).map(Object::toString).toArray(String[]::new));
  }

  private static Cli.Result done(Object... words) {
    Cli.Result result = sluice(words);
    assertThat(result.toString(), result.code(), is(0));
    return result;
  }

  private void recompute(String... more) throws IOException {
    List<String> words = new ArrayList<>(List.of("--min-nodes", "2"));
    words.addAll(List.of(more));
    Cli.Result result = Schedule.recompute(root(), words.toArray(new String[0]));
    assertThat(result.toString(), result.code(), is(0));
  }

  @Test
  void aRoundIsItsCurrentVersionAndAnyThatIsNamed() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b,c", "a", "b");
    recompute("--moments");
    Schedule.send(round, "c");
    recompute("--moments");
    Path first = round.resolve("versions/0001");
    Path second = round.resolve("versions/0002");
    Map<String, String> before = Schedule.contents(first);

    assertThat(done("inspect", round).out(), containsString("version    " + second + "\ndone\n"));
    String seen = done("inspect", round, "--json").out();
    assertThat(
        seen.replaceAll("\\s", ""),
        containsString("\"name\":\"c\",\"blocks\":10,\"missingBlocks\":0"));
    String old = done("inspect", first, "--json").out().replaceAll("\\s", "");
    assertThat(old, containsString("\"name\":\"c\",\"blocks\":0,\"missingBlocks\":10"));

    Path npy = round.resolveSibling(".a.npy");
    Path logits = round.resolveSibling(".b.npy");
    Path third = round.resolveSibling(".c.npy");
    String all = "a=" + npy + ",b=" + logits + ",c=" + third;
    String measured = done("audit", "--round", round, "--logits", all, "--json").out();
    Files.writeString(round.resolve("audit.json"), measured);
    done("report", round);
    assertThat(Files.readString(second.resolve("report/full.html")), containsString("Measured"));
    Files.delete(round.resolve("audit.json"));
    done("audit", "--round", first, "--logits", all);
    assertThat(
        done("export", "--round", round, "--format", "npy").out(),
        containsString(second + "/export/npy"));
    assertThat(done("report", round).out(), containsString(second + "/report/full.html"));
    assertThat(done("bounds", "--round", round).out(), not(is("")));

    Path allocation = directory.resolve("allocation.json");
    done("allocate", "--round", round, "--total-bits-per-coordinate", "9", "--out", allocation);
    Path next = root().resolve("r2");
    done("plan", "--round", next, "--id", "r2", "--from", round, "--allocation", allocation);
    Path finer = root().resolve("r3");
    done("plan", "--round", finer, "--id", "r3", "--refines", round);
    for (String node : List.of("a", "b", "c")) {
      Schedule.send(finer, node);
    }
    done("aggregate", "--round", finer);

    assertThat(Schedule.contents(first), is(before));

    Files.writeString(round.resolve("current.json"), "{");
    Cli.Result damaged = Cli.run("inspect", round.toString());
    assertThat(damaged.code(), is(ExitCodes.BAD_INPUT));
    assertThat(damaged.err(), containsString("current.json"));
    assertThat(damaged.err(), containsString("; 'sluice recompute' mends it"));
  }

  @Test
  void aggregateAndRecomputeDoNotWriteOverEachOther() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b", "a", "b");
    done("aggregate", "--round", round);
    Map<String, String> flat = Schedule.contents(round);
    recompute();
    Map<String, String> both = Schedule.contents(round);
    flat.forEach((name, contents) -> assertThat(name, both.get(name), is(contents)));
    assertThat(Schedule.current(round), is(round.resolve("versions/0001")));
    assertThat(
        both.get("versions/0001/teacher/teacher-00000.npy"),
        is(flat.get("teacher/teacher-00000.npy")));

    Cli.Result refused = sluice("aggregate", "--round", round);
    assertThat(refused.toString(), refused.code(), is(ExitCodes.BAD_INPUT));
    assertThat(
        refused.err(),
        allOf(
            containsString("this round has versions"),
            containsString("sluice recompute --root " + root())));
    assertThat(Schedule.contents(round), is(both));
  }

  @Test
  void anAllocationIsMadeOnceAllHaveSent() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b,c", "a", "b");
    Files.writeString(
        root().resolve("policy.json"),
        "{\"minNodes\": 2, \"allocation\": {\"totalBitsPerCoordinate\": 9, \"integer\": true}}");
    Cli.Result two = Schedule.recompute(root());
    assertThat(two.toString(), two.code(), is(ExitCodes.DONE_WITH_REJECTS));
    assertThat(
        two.err(),
        containsString("new, version 0001, without an allocation: " + round + "/plan.json: node"));
    Map<String, String> first = Schedule.contents(Schedule.current(round));
    assertThat(first, hasKey("moments.json"));
    assertThat(first, hasKey("report/full.html"));
    assertThat(first, not(hasKey("allocation.json")));

    Schedule.send(round, "c");
    Cli.Result three = Schedule.recompute(root());
    assertThat(three.toString(), three.code(), is(0));
    Path version = Schedule.current(round);
    Path typed = directory.resolve("typed.json");
    done(
        "allocate",
        "--round",
        round,
        "--total-bits-per-coordinate",
        "9",
        "--integer",
        "--out",
        typed);
    assertThat(Files.readString(version.resolve("allocation.json")), is(Files.readString(typed)));
    // The same moments as of the same round without versions.
    Path flat = directory.resolve("flat");
    Schedule.aggregated(round, flat, "--min-nodes", "2");
    done("allocate", "--round", flat, "--total-bits-per-coordinate", "9", "--json");
    assertThat(
        Files.readString(version.resolve("moments.json")),
        is(Files.readString(flat.resolve("moments.json"))));
  }

  @Test
  void aReplacedPlanMakesAVersionAndOldOnesKeepTheirs() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b", "a", "b");
    recompute();
    done(
        "plan",
        "--round",
        round,
        "--id",
        "r1",
        "--nodes",
        "a,b",
        "--probes",
        Site.PROBES,
        "--vocab",
        Site.VOCABULARY,
        "--bits-per-coordinate",
        "5",
        "--force");
    Cli.Result waiting = Schedule.recompute(root());
    assertThat(waiting.toString(), waiting.out(), containsString("1 waiting"));
    assertThat(done("inspect", round).out(), containsString("manifest.json is of another plan"));
    assertThat(done("inspect", round.resolve("versions/0001")).out(), containsString("done\n"));
    Schedule.send(round, "a");
    Schedule.send(round, "b");
    recompute();
    assertThat(Schedule.current(round), is(round.resolve("versions/0002")));
    assertThat(done("inspect", round).out(), containsString("done\n"));
    done("export", "--round", round.resolve("versions/0001"), "--format", "npy");
  }

  @Test
  void aDamagedVersionIsFoundAndReplaced() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b", "a", "b");
    recompute();
    Path teacher = round.resolve("versions/0001/teacher/teacher-00002.avro");
    byte[] contents = Files.readAllBytes(teacher);
    contents[contents.length - 20] ^= 4;
    Files.write(teacher, contents);
    recompute();
    assertThat(Schedule.current(round), is(round.resolve("versions/0001")));
    Cli.Result found = Schedule.recompute(root(), "--verify", "--min-nodes", "2");
    assertThat(
        found.err(),
        containsString("unfinished, version 0001 is not as it was written; version 0002"));
    assertThat(
        Schedule.results(round.resolve("versions/0002")),
        is(Schedule.aggregated(round, directory.resolve("copy"), "--min-nodes", "2")));
    recompute("--verify");
    assertThat(Schedule.current(round), is(round.resolve("versions/0002")));
  }

  @Test
  void calibrationsHaveVersionsToo() throws IOException {
    Path scores = Files.createDirectories(root().resolve("calibration"));
    Scored.nodes(scores, Scored.rows("cal", 60, 60, null, 1));
    Path queries = Files.createDirectories(directory.resolve("queries"));
    Scored.nodes(queries, Scored.rows("test", 20, 20, null, 2));
    assertThat(Schedule.recompute(root()).out(), containsString("0 rounds"));
    Files.writeString(
        scores.resolve("policy.json"),
        "{\"calibration\": {\"alphas\": [\"0.2\", \"0.1\"], \"bitsCal\": 64,"
            + " \"nodes\": [\"n0\", \"n1\", \"n2\"]}}");
    Path channel = scores.resolve("scores/n2/channel.json");
    Files.move(channel, directory.resolve("channel.json"));
    Cli.Result waiting = Schedule.recompute(root());
    assertThat(
        waiting.toString(),
        waiting.out(),
        containsString("1 waiting (calibration: n2 of 3 nodes missing)"));
    Files.move(directory.resolve("channel.json"), channel);
    Cli.Result made = Schedule.recompute(root());
    assertThat(made.toString(), made.code(), is(0));

    Path flat = directory.resolve("flat");
    Schedule.copy(scores.resolve("scores"), flat.resolve("scores"));
    Schedule.copy(scores.resolve("labels"), flat.resolve("labels"));
    done("calibrate", "--round", flat, "--alpha", "0.1,0.2", "--bits-cal", "64");
    Map<String, String> expected = Schedule.contents(flat);
    expected.keySet().removeIf(name -> name.startsWith("scores/") || name.startsWith("labels/"));
    assertThat(Schedule.results(scores.resolve("versions/0001")), is(expected));

    done("predict", "--round", scores, "--queries", queries);
    Cli.Result covered =
        done("coverage", "--round", scores.resolve("versions/0001"), "--queries", queries);
    assertThat(covered.out(), is(done("coverage", "--round", flat, "--queries", queries).out()));
    Cli.Result refused =
        sluice("calibrate", "--round", scores, "--alpha", "0.1", "--bits-cal", "64");
    assertThat(refused.toString(), refused.code(), is(ExitCodes.BAD_INPUT));
    assertThat(Schedule.recompute(root()).out(), containsString("1 unchanged"));

    String summary =
        expected.keySet().stream().filter(name -> name.startsWith("summaries/")).findFirst().get();
    Files.write(scores.resolve("versions/0001").resolve(summary), new byte[3]);
    Cli.Result verified = Schedule.recompute(root(), "--verify");
    assertThat(
        verified.toString(), verified.err(), containsString("version 0001 is not as it was"));
    assertThat(new Versions(scores).names(), is(List.of("0002")));
    assertThat(Schedule.results(Schedule.current(scores)), is(expected));
  }

  @Test
  void aCalibrationThatFailsForWhatIsInItIsTriedOnce() throws IOException {
    Path scores = Files.createDirectories(root().resolve("calibration"));
    Scored.nodes(scores, Scored.rows("cal", 20, 20, null, 1));
    Files.writeString(
        root().resolve("policy.json"),
        "{\"calibration\": {\"alphas\": [\"0.2\"], \"bitsCal\": 64}}");
    Path channel = scores.resolve("scores/n1/channel.json");
    String sound = Files.readString(channel);
    Files.writeString(channel, "{}");
    for (String expected :
        new String[] {"channel.json", "(as before: nothing has changed since)"}) {
      Cli.Result failed = Schedule.recompute(root());
      assertThat(failed.toString(), failed.code(), is(ExitCodes.BAD_INPUT));
      assertThat(failed.err(), containsString(expected));
    }
    Files.writeString(channel, sound);
    assertThat(Schedule.recompute(root()).code(), is(0));

    Files.delete(root().resolve("policy.json"));
    Cli.Result gone = Schedule.recompute(root());
    assertThat(gone.toString(), gone.code(), is(ExitCodes.BAD_INPUT));
    assertThat(
        gone.err(), containsString("has versions, but no policy that says how to calibrate"));
  }
}
