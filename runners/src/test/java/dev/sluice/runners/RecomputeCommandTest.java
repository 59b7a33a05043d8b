package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.startsWith;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
}
