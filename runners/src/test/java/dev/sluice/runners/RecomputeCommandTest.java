package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.startsWith;

import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code sluice recompute} on small rounds, in this process. */
class RecomputeCommandTest {
  @TempDir Path directory;

  private Path root() throws IOException {
    return Files.createDirectories(directory.resolve("rounds"));
  }

  @Test
  void makesWhatAggregateMakesAndThenNothing() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b,c", "a", "b", "c");
    Cli.Result first = Schedule.recompute(root());
    assertThat(first.toString(), first.code(), is(0));
    assertThat(
        first.out(),
        matchesPattern("recompute: 1 round: 0 unchanged, 1 new, 0 failed; [0-9]+\\.[0-9] s\n"));
    assertThat(first.err(), startsWith("sluice: r1: new, version 0001; "));
    Path version = Schedule.current(round);
    assertThat(version, is(round.resolve("versions/0001")));
    assertThat(
        Schedule.results(version), is(Schedule.aggregated(round, directory.resolve("copy"))));

    Map<String, String> before = Schedule.contents(round);
    Cli.Result second = Schedule.recompute(root());
    assertThat(second.toString(), second.code(), is(0));
    assertThat(second.out(), containsString("1 round: 1 unchanged, 0 failed"));
    assertThat(second.err(), is(""));
    assertThat(Schedule.contents(round), is(before));
  }

  @Test
  void aLateNodeMakesAFurtherVersionAndLeavesTheFirst() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b,c", "a", "b");
    Cli.Result waiting = Schedule.recompute(root());
    assertThat(waiting.toString(), waiting.code(), is(0));
    assertThat(waiting.out(), containsString("1 waiting (r1: c of 3 nodes missing)"));
    assertThat(Files.exists(round.resolve("versions")), is(false));

    Cli.Result two = Schedule.recompute(root(), "--min-nodes", "2");
    assertThat(two.toString(), two.code(), is(0));
    Map<String, String> first = Schedule.contents(round.resolve("versions/0001"));

    Schedule.send(round, "c");
    Cli.Result three = Schedule.recompute(root(), "--min-nodes", "2");
    assertThat(three.toString(), three.code(), is(0));
    assertThat(three.out(), containsString("1 round: 0 unchanged, 1 late, 0 failed"));
    assertThat(Schedule.contents(round.resolve("versions/0001")), is(first));
    assertThat(
        Schedule.results(Schedule.current(round)),
        is(Schedule.aggregated(round, directory.resolve("copy"), "--min-nodes", "2")));
  }

  @Test
  void ofALateNodeOnlyItsShardsAreAveraged() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b,c", "a", "b", "c");
    Path late = round.resolve("uplink/c/codes-00001.avro");
    Path aside = directory.resolve("late.avro");
    Files.move(late, aside);
    assertThat(Schedule.recompute(root(), "--min-nodes", "2").code(), is(0));
    Files.move(aside, late);
    Cli.Result result = Schedule.recompute(root(), "--min-nodes", "2");
    assertThat(result.toString(), result.code(), is(0));
    for (int shard = 0; shard < 4; shard++) {
      for (String extension : List.of(".npy", ".avro")) {
        String name = "teacher/teacher-0000" + shard + extension;
        assertThat(
            name,
            Files.isSameFile(
                round.resolve("versions/0001").resolve(name),
                round.resolve("versions/0002").resolve(name)),
            is(shard != 1));
      }
    }
    assertThat(
        Schedule.results(round.resolve("versions/0002")),
        is(Schedule.aggregated(round, directory.resolve("copy"), "--min-nodes", "2")));
  }

  /** What is remembered of a version is believed only if it checks out. */
  @ParameterizedTest
  @CsvSource({
    "versions/0001/.recompute/shards",
    "versions/0001/teacher",
    ".recompute/scans",
    ".recompute/index.json",
    "versions/0001/.recompute/state.json",
    "versions/0001/manifest.json"
  })
  void aDamagedCacheIsNotBelieved(String what) throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b,c", "a", "b");
    assertThat(Schedule.recompute(root(), "--min-nodes", "2").code(), is(0));
    try (Stream<Path> tree = Files.walk(round.resolve(what))) {
      for (Path file : tree.filter(Files::isRegularFile).toList()) {
        byte[] contents = Files.readAllBytes(file);
        contents[contents.length / 2] ^= 1;
        Files.write(file, contents);
      }
    }
    Schedule.send(round, "c");
    Cli.Result result = Schedule.recompute(root(), "--min-nodes", "2");
    assertThat(result.toString(), result.code(), is(0));
    Path version = Schedule.current(round);
    assertThat(version.getFileName().toString(), is("0002"));
    assertThat(
        Schedule.results(version),
        is(Schedule.aggregated(round, directory.resolve("copy"), "--min-nodes", "2")));
  }

  @Test
  void aFileWhoseTimesChangedAloneMakesNoVersion() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b", "a", "b");
    assertThat(Schedule.recompute(root()).code(), is(0));
    Files.setLastModifiedTime(
        round.resolve("uplink/a/codes-00000.avro"), FileTime.fromMillis(1_000_000_000_000L));
    Cli.Result result = Schedule.recompute(root());
    assertThat(result.toString(), result.out(), containsString("1 unchanged"));
    assertThat(new Versions(round).names(), is(List.of("0001")));
    // It is in the index as it is now.
    RoundIndex index = RoundIndex.read(round);
    index.survey(List.of("uplink/a/codes-00000.avro"), Long.MAX_VALUE, true);
    assertThat(index.bytesRead(), is(0L));
  }

  @Test
  void verifyReadsWhatHasTheSameSizeAndTimes() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b,c", "a", "b", "c");
    assertThat(Schedule.recompute(root(), "--min-nodes", "2").code(), is(0));
    RoundIndex index = RoundIndex.read(round);
    List<String> names = List.of("plan.json", "uplink/a/codes-00000.avro");
    index.survey(names, Long.MAX_VALUE, true);
    assertThat(index.bytesRead(), is(0L));
    index.survey(names, Long.MAX_VALUE, false);
    assertThat(
        index.bytesRead(),
        is(Files.size(round.resolve(names.get(0))) + Files.size(round.resolve(names.get(1)))));
    assertThat(Schedule.recompute(root(), "--verify", "--min-nodes", "2").code(), is(0));
    assertThat(new Versions(round).names(), is(List.of("0001")));
  }

  @Test
  void whatAVersionWasMadeFromIsMadeOnce() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b,c", "a", "b");
    assertThat(Schedule.recompute(root(), "--min-nodes", "2").code(), is(0));
    Schedule.send(round, "c");
    assertThat(Schedule.recompute(root(), "--min-nodes", "2").code(), is(0));
    Storage.deleteTree(round.resolve("uplink/c").toString());
    Cli.Result back = Schedule.recompute(root(), "--min-nodes", "2");
    assertThat(back.err(), containsString("changed, to what version 0001 was made from"));
    assertThat(Schedule.current(round).getFileName().toString(), is("0001"));

    Files.delete(round.resolve("current.json")); // as of a process killed before it was written
    Cli.Result adopted = Schedule.recompute(root(), "--min-nodes", "2");
    assertThat(adopted.err(), containsString("unfinished, version 0001 was whole already"));
    assertThat(new Versions(round).names(), is(List.of("0001", "0002")));
  }

  private static void damage(Path file) throws IOException {
    byte[] contents = Files.readAllBytes(file);
    contents[contents.length / 2] ^= 1;
    Files.write(file, contents);
  }

  @Test
  void whatVerifyFindsDamagedIsMadeAnewAndTakenUpNoMore() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b,c", "a", "b");
    String[] verify = {"--min-nodes", "2", "--moments", "--verify"};
    assertThat(Schedule.recompute(root(), "--min-nodes", "2", "--moments").code(), is(0));
    Map<String, String> first = Schedule.results(Schedule.current(round));
    for (String file : List.of("moments.json", "plan.json", "teacher/teacher-00001.npy")) {
      String was = Schedule.current(round).getFileName().toString();
      damage(Schedule.current(round).resolve(file));
      Cli.Result result = Schedule.recompute(root(), verify);
      assertThat(result.toString(), result.code(), is(0));
      assertThat(
          result.err(), containsString("version " + was + " is not as it was written; version 00"));
      assertThat(Schedule.results(Schedule.current(round)), is(first));
      assertThat(Files.exists(round.resolve("versions").resolve(was)), is(false));
    }
    Files.write(Schedule.current(round).resolve("report/full.html"), new byte[9]); // as by report
    assertThat(Schedule.recompute(root(), verify).out(), containsString("1 unchanged"));

    // Not the one in use, but the one that what is there now was made from.
    String older = Schedule.current(round).getFileName().toString();
    Schedule.send(round, "c");
    assertThat(Schedule.recompute(root(), verify).code(), is(0));
    Storage.deleteTree(round.resolve("uplink/c").toString());
    damage(round.resolve("versions").resolve(older).resolve("teacher/teacher-00000.avro"));
    Cli.Result back = Schedule.recompute(root(), verify);
    assertThat(back.toString(), back.err(), containsString("r1: changed, version 00"));
    assertThat(Schedule.results(Schedule.current(round)), is(first));
    assertThat(Files.exists(round.resolve("versions").resolve(older)), is(false));
  }

  @Test
  void aDamagedVersionStaysInUseUntilThereIsAnother() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b,c", "a", "b", "c");
    assertThat(Schedule.recompute(root(), "--min-nodes", "3").code(), is(0));
    damage(round.resolve("versions/0001/teacher/teacher-00002.npy"));
    Path kept = directory.resolve("kept");
    Files.move(round.resolve("uplink/c"), kept);
    Cli.Result waiting = Schedule.recompute(root(), "--min-nodes", "3", "--verify");
    assertThat(waiting.toString(), waiting.out(), containsString("1 waiting"));
    assertThat(Schedule.current(round).getFileName().toString(), is("0001"));
    Files.move(kept, round.resolve("uplink/c"));
    // Believing what there is, too: it was found out once.
    Cli.Result made = Schedule.recompute(root(), "--min-nodes", "3");
    assertThat(made.toString(), made.err(), containsString("r1: unfinished, version 0002"));
    assertThat(new Versions(round).names(), is(List.of("0002")));
    assertThat(
        Schedule.results(Schedule.current(round)),
        is(Schedule.aggregated(round, directory.resolve("copy"))));
  }

  @Test
  void fullMakesWhatIsUnchangedAndKeepsTheVersionWhereItIsTheSame() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b", "a", "b");
    assertThat(Schedule.recompute(root(), "--moments").code(), is(0));
    Map<String, String> before = Schedule.contents(round.resolve("versions"));
    Cli.Result same = Schedule.recompute(root(), "--moments", "--full");
    assertThat(same.toString(), same.out(), containsString("1 round: 1 unchanged, 0 failed"));
    assertThat(Schedule.contents(round.resolve("versions")), is(before));

    // As another release would have written it.
    Path version = Schedule.current(round);
    Path manifest = version.resolve("manifest.json");
    String now = FileDigest.of(manifest.toString());
    Files.writeString(manifest, Files.readString(manifest) + "\n");
    for (Path file :
        List.of(version.resolve(".recompute/state.json"), round.resolve("current.json"))) {
      String other = FileDigest.of(manifest.toString());
      Files.writeString(file, Files.readString(file).replace(now, other));
    }
    assertThat(Schedule.recompute(root(), "--moments").out(), containsString("1 unchanged"));
    Cli.Result others = Schedule.recompute(root(), "--moments", "--full");
    assertThat(others.toString(), others.code(), is(0));
    assertThat(others.err(), containsString("r1: changed, version 0002, of the same files"));
    Map<String, String> second = Schedule.results(round.resolve("versions/0002"));
    assertThat(second.get("manifest.json"), is(before.get("0001/manifest.json")));
    assertThat(Schedule.recompute(root(), "--moments").out(), containsString("1 unchanged"));

    // Killed before it was current: it is taken up, and not left for the one before.
    Versions versions = new Versions(round);
    versions.makeCurrent(versions.read("0001").orElseThrow());
    Cli.Result taken = Schedule.recompute(root(), "--moments");
    assertThat(taken.toString(), taken.err(), containsString("version 0002 was whole already"));
    assertThat(Schedule.current(round).getFileName().toString(), is("0002"));
  }

  @Test
  void aRoundThatFailsDoesNotStopOthers() throws IOException {
    Schedule.round(root(), "good one", "a,b", "a", "b");
    Path half = Schedule.round(root(), "half", "a,b", "a", "b");
    byte[] plan = Files.readAllBytes(half.resolve("plan.json"));
    Files.write(half.resolve("plan.json"), Arrays.copyOf(plan, plan.length / 2));
    Path misspelt = Schedule.round(root(), "misspelt", "a,b", "a", "b");
    Files.writeString(misspelt.resolve("policy.json"), "{\"minNode\": 1}");
    Files.createDirectories(root().resolve("[odd]"));
    Files.copy(misspelt.resolve("plan.json"), root().resolve("[odd]/plan.json"));
    Files.createDirectories(root().resolve("no round"));
    Files.writeString(root().resolve("a file"), "");
    Cli.Result result = Schedule.recompute(root());
    assertThat(result.toString(), result.code(), is(ExitCodes.BAD_INPUT));
    assertThat(result.out(), containsString("4 rounds: 0 unchanged, 1 new, 3 failed ("));
    assertThat(
        result.err(),
        allOf(
            containsString("half: failed, " + half.resolve("plan.json") + ": not a JSON document"),
            containsString(misspelt.resolve("policy.json") + ": field 'minNode'"),
            containsString("good one: new, version 0001")));
    Files.write(half.resolve("plan.json"), plan);
    Files.delete(misspelt.resolve("policy.json"));
    Storage.deleteTree(root().resolve("[odd]").toString());
    Cli.Result mended = Schedule.recompute(root());
    assertThat(mended.toString(), mended.code(), is(0));
    assertThat(mended.out(), containsString("3 rounds: 1 unchanged, 2 new, 0 failed;"));
  }

  @Test
  void aRoundThatCannotBeCompleteIsTriedOnce() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b", "a", "b");
    // Another block 0 of the same node: both are claims, neither counts.
    Path other = Schedule.round(directory.resolve("elsewhere"), "r1", "a,b");
    Files.copy(
        round.resolve("plan.json"),
        other.resolve("plan.json"),
        StandardCopyOption.REPLACE_EXISTING);
    Site.send(other, "a", Site.npy(directory.resolve("other.npy"), Site.logits(99)));
    Files.copy(
        other.resolve("uplink/a/codes-00000.avro"), round.resolve("uplink/a/rival-00000.avro"));
    Cli.Result first = Schedule.recompute(root());
    assertThat(first.toString(), first.code(), is(ExitCodes.BAD_INPUT));
    assertThat(
        first.err(), containsString("r1: failed, not complete: 3 blocks with too few nodes"));
    Cli.Result second = Schedule.recompute(root());
    assertThat(second.toString(), second.code(), is(ExitCodes.BAD_INPUT));
    assertThat(second.err(), containsString("(as before: nothing has changed since)"));
    Files.delete(round.resolve("uplink/a/rival-00000.avro"));
    assertThat(Schedule.recompute(root()).code(), is(0));
  }

  @Test
  void rejectsAreCountedOnceInTheExitCode() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b", "a", "b");
    Files.write(round.resolve("uplink/a/rubbish.avro"), new byte[100]);
    Cli.Result first = Schedule.recompute(root());
    assertThat(first.toString(), first.code(), is(ExitCodes.DONE_WITH_REJECTS));
    assertThat(first.out(), containsString("; 1 record rejected; "));
    Cli.Result second = Schedule.recompute(root());
    assertThat(second.toString(), second.code(), is(0));

    // A version that is taken up tells them as the look would have that made it.
    Files.delete(round.resolve("current.json"));
    Path metrics = directory.resolve("sluice.prom");
    Cli.Result taken = Schedule.recompute(root(), "--metrics", metrics.toString());
    assertThat(taken.toString(), taken.code(), is(ExitCodes.DONE_WITH_REJECTS));
    assertThat(
        taken.err(), containsString("unfinished, version 0001 was whole already; 1 record reject"));
    assertThat(Files.readString(metrics), containsString("rejected_records 1\n"));
  }

  @Test
  void aNodeWhoseUplinkWasRejectedIsNotMerelyMissing() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b,c", "a", "b");
    Files.createDirectories(round.resolve("uplink/c"));
    Files.write(round.resolve("uplink/c/codes-00000.avro"), new byte[100]);
    Path metrics = directory.resolve("sluice.prom");
    for (int look = 0; look < 2; look++) {
      Cli.Result result = Schedule.recompute(root(), "--metrics", metrics.toString());
      assertThat(result.toString(), result.code(), is(ExitCodes.DONE_WITH_REJECTS));
      assertThat(
          result.out(),
          matchesPattern(
              "recompute: 1 round: 0 unchanged, 1 waiting \\(r1: c of 3 nodes missing; c: 1 record"
                  + " rejected: [a-z-]+\\), 0 failed; 1 record rejected; .* s\n"));
      assertThat(Files.readString(metrics), containsString("rejected_records 1\n"));
    }
    Cli.Result overdue = Schedule.recompute(root(), "--deadline", "2026-01-01T00:00:00Z");
    assertThat(overdue.toString(), overdue.code(), is(ExitCodes.BAD_INPUT));
    assertThat(overdue.err(), containsString("overdue, c of 3 nodes missing; c: 1 record rej"));
  }

  @Test
  void newestVersionsAreKept() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b", "a", "b");
    assertThat(Schedule.recompute(root()).code(), is(0));
    for (int i = 0; i < 3; i++) {
      Files.write(round.resolve("uplink/a/empty-" + i + ".avro"), new byte[i]);
      Schedule.recompute(root());
    }
    assertThat(new Versions(round).names(), is(List.of("0001", "0002", "0003", "0004")));
    assertThat(Schedule.recompute(root(), "--keep", "2").code(), is(0));
    assertThat(new Versions(round).names(), is(List.of("0003", "0004")));
    Cli.Result next = Schedule.recompute(root(), "--keep", "1", "--min-nodes", "1");
    assertThat(new Versions(round).names(), is(List.of("0005")));
    assertThat(next.toString(), Files.isDirectory(Schedule.current(round)), is(true));
  }

  @Test
  void wrongRootsAreRefused() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b", "a", "b");
    Cli.Result none = Schedule.recompute(directory.resolve("nowhere"));
    assertThat(none.toString(), none.code(), is(ExitCodes.BAD_INPUT));
    assertThat(none.err(), containsString("no such directory"));
    Cli.Result itself = Schedule.recompute(round);
    assertThat(itself.toString(), itself.code(), is(ExitCodes.BAD_INPUT));
    assertThat(itself.err(), containsString("is a round itself"));
    Cli.Result empty = Schedule.recompute(Files.createDirectories(directory.resolve("empty")));
    assertThat(empty.toString(), empty.code(), is(0));
    assertThat(empty.out(), startsWith("recompute: 0 rounds: 0 unchanged, 0 failed; "));
    assertThat(empty.err(), containsString("no rounds in it"));
    Files.writeString(root().resolve("policy.json"), "{\"deadline\": \"soon\"}");
    Cli.Result policy = Schedule.recompute(root());
    assertThat(policy.toString(), policy.code(), is(ExitCodes.BAD_INPUT));
    assertThat(policy.err(), containsString("policy.json: field 'deadline': found 'soon'"));
    for (String[] wrong :
        List.of(
            new String[] {"--min-nodes", "0"},
            new String[] {"--deadline", "tomorrow"},
            new String[] {"--keep", "0"},
            new String[] {"--every", "5s"},
            new String[] {"--once", "--watch"},
            new String[] {"--settle", "-1s"})) {
      Cli.Result usage = Schedule.recompute(root(), wrong);
      assertThat(usage.toString(), usage.code(), is(ExitCodes.USAGE));
    }
  }

  @Test
  void metricsAreWhatTheSummarySays() throws IOException {
    Schedule.round(root(), "r1", "a,b", "a", "b");
    Schedule.round(root(), "r2", "a,b", "a");
    Path metrics = directory.resolve("sluice.prom");
    assertThat(Schedule.recompute(root(), "--metrics", metrics.toString()).code(), is(0));
    String text = Files.readString(metrics);
    for (String line : text.split("\n", -1)) {
      assertThat(line, matchesPattern("|# (HELP|TYPE) .*|[a-z_]+(\\{state=\"[a-z]+\"})? [0-9.]+"));
    }
    assertThat(
        text,
        allOf(
            containsString("sluice_recompute_rounds{state=\"new\"} 1\n"),
            containsString("sluice_recompute_rounds{state=\"waiting\"} 1\n"),
            containsString("sluice_recompute_success 1\n")));
  }

  @Test
  void aRoundThatHasVersionsAndNoPlanAnyMoreIsNotPassedOver() throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b", "a", "b");
    Schedule.round(root(), "r2", "a,b", "a", "b");
    assertThat(Schedule.recompute(root()).code(), is(0));
    Files.delete(round.resolve("plan.json"));
    Cli.Result failed = Schedule.recompute(root());
    assertThat(failed.toString(), failed.code(), is(ExitCodes.BAD_INPUT));
    assertThat(
        failed.out(),
        containsString(
            "1 unchanged, 1 failed (r1: " + round + ": has versions, but no plan.json)"));
  }

  @Test
  void whatIsInTheWayIsNamed() throws IOException {
    Path policies = Schedule.round(root(), "policies", "a,b", "a", "b");
    Files.createDirectories(policies.resolve("policy.json"));
    Path empty = Schedule.round(root(), "empty", "a,b", "a", "b");
    Files.writeString(empty.resolve("policy.json"), "");
    Path file = Schedule.round(root(), "file", "a,b", "a", "b");
    Files.writeString(file.resolve("versions"), "");
    Path stray = Schedule.round(root(), "stray", "a,b", "a", "b");
    Files.createDirectories(stray.resolve("versions/999999999"));
    Files.createDirectories(stray.resolve("versions/0001"));
    Cli.Result result = Schedule.recompute(root());
    assertThat(result.toString(), result.code(), is(ExitCodes.BAD_INPUT));
    assertThat(
        result.err(),
        allOf(
            containsString(policies.resolve("policy.json") + ": is a directory"),
            containsString(
                empty.resolve("policy.json") + ": expected an object, found an empty file"),
            containsString(file.resolve("versions") + ": is no directory"),
            containsString("stray: new, version 0002")));
    Files.createDirectories(stray.resolve("versions/999999999/manifest.json"));
    Files.write(stray.resolve("uplink/a/empty.avro"), new byte[0]);
    Cli.Result full = Schedule.recompute(root());
    assertThat(full.toString(), full.err(), containsString("versions have at most nine digits"));
  }

  @Test
  void aLookThatFailsAsAWholeIsNoSuccess() throws IOException {
    Path metrics = directory.resolve("sluice.prom");
    Schedule.round(root(), "r1", "a,b", "a");
    assertThat(Schedule.recompute(root(), "--metrics", metrics.toString()).code(), is(0));
    assertThat(Files.readString(metrics), containsString("sluice_recompute_success 1\n"));
    Path policy = root().resolve("policy.json");
    Files.writeString(policy, "{\"keep\": 0}");
    Cli.Result failed = Schedule.recompute(root(), "--metrics", metrics.toString());
    assertThat(failed.toString(), failed.code(), is(ExitCodes.BAD_INPUT));
    assertThat(
        failed.out(), matchesPattern("recompute: failed, .*policy.json: field 'keep': .*; .* s\n"));
    assertThat(failed.err(), containsString(policy + ": field 'keep'"));
    assertThat(Files.readString(metrics), containsString("sluice_recompute_success 0\n"));
    Files.delete(policy);
    assertThat(Schedule.recompute(root(), "--metrics", metrics.toString()).code(), is(0));
    assertThat(Files.readString(metrics), containsString("sluice_recompute_success 1\n"));

    Cli.Result gone =
        Schedule.recompute(directory.resolve("nowhere"), "--metrics", metrics.toString());
    assertThat(gone.toString(), gone.code(), is(ExitCodes.BAD_INPUT));
    assertThat(gone.out(), containsString("recompute: failed, "));
    assertThat(Files.readString(metrics), containsString("sluice_recompute_success 0\n"));
  }
}
