package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Plans that follow from a round r1 of three nodes, and what becomes of them when that changes. */
class SuccessorPlanTest {
  @TempDir Path directory;
  private Path base;

  @BeforeEach
  void send() throws IOException {
    base = Site.sent(directory, "a", "b", "c");
  }

  private static void run(String... args) {
    Cli.Result result = Cli.run(args);
    assertThat(result.toString(), result.code(), is(ExitCodes.OK));
  }

  private static void refused(int code, String message, Cli.Result result) {
    assertThat(result.toString(), result.code(), is(code));
    assertThat(result.err(), allOf(containsString(message), not(containsString("\tat "))));
  }

  private void commit() {
    run("aggregate", "--round", base.toString());
  }

  private Path next() {
    return directory.resolve("next");
  }

  private Cli.Result refine(String... more) {
    return plan(next(), "r2", "--refines", more);
  }

  private Cli.Result plan(Path round, String id, String option, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of("plan", "--round", round.toString(), "--id", id, option, base.toString()));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(new String[0]));
  }

  private static Cli.Result aggregate(Path round, String minNodes) {
    return Cli.run("aggregate", "--round", round.toString(), "--min-nodes", minNodes);
  }

  @Test
  void onlyWhatIsCommittedIsRefined() {
    refused(ExitCodes.BAD_INPUT, "'sluice aggregate' writes it", refine());
    assertThat(Files.exists(next()), is(false));
  }

  @Test
  void thePlanThatIsRefinedKeepsItsPlace() throws IOException {
    commit();
    byte[] before = Files.readAllBytes(base.resolve("plan.json"));
    refused(
        ExitCodes.BAD_INPUT,
        "a directory of its own",
        plan(base, "r2", "--refines", "--force", "--bits-per-coordinate", "2"));
    assertThat(Files.readAllBytes(base.resolve("plan.json")), equalTo(before));
  }

  @Test
  void anIdIsUsedOnce() {
    commit();
    refused(
        ExitCodes.BAD_INPUT, "id 'r1' is of this round already", plan(next(), "r1", "--refines"));
    String allocation = directory.resolve("allocation.json").toString();
    run(
        "allocate",
        "--round",
        base.toString(),
        "--total-bits-per-coordinate",
        "9",
        "--out",
        allocation);
    refused(
        ExitCodes.BAD_INPUT,
        "id 'r1' is of this round already",
        plan(next(), "r1", "--from", "--allocation", allocation));
    Cli.Result planned = plan(next(), "r2", "--from", "--allocation", allocation);
    assertThat(planned.toString(), planned.code(), is(ExitCodes.OK));
  }

  @Test
  void aTotalIsSomethingThatCanBeSent() {
    commit();
    for (String total : List.of("NaN", "Infinity", "-1", "0.5")) {
      refused(
          ExitCodes.USAGE,
          "--total-bits-per-coordinate: found",
          refine("--total-bits-per-coordinate", total));
    }
    refused(ExitCodes.USAGE, "--nodes has no meaning with --refines", refine("--nodes", "a"));
  }

  @Test
  void aRefinedRoundStaysWhereItIsAndAsItWas() throws IOException {
    commit();
    Cli.Result planned = refine();
    assertThat(planned.toString(), planned.code(), is(ExitCodes.OK));
    for (String node : List.of("a", "b", "c")) {
      Site.send(next(), node, directory.resolve(node + ".npy"));
    }
    Path away = Files.move(base, directory.resolve("away"));
    refused(
        ExitCodes.BAD_INPUT,
        "expected the plan of round 'r1', which "
            + next().resolve("plan.json")
            + " refines as '../round'",
        aggregate(next(), "3"));
    Files.move(away, base);

    Site.send(base, "b", Site.npy(directory.resolve("other.npy"), Site.logits(9)));
    refused(
        ExitCodes.BAD_INPUT,
        "the uplink of 'b' in round 'r1' has changed since it was refined",
        aggregate(next(), "2"));
    refused(
        ExitCodes.BAD_INPUT,
        "the uplink of 'b' in round 'r1' has changed since the round was aggregated",
        plan(directory.resolve("third"), "r3", "--refines"));
    assertThat(Files.exists(next().resolve("manifest.json")), is(false));
    Site.send(base, "b", directory.resolve("b.npy"));
    Cli.Result again = aggregate(next(), "3");
    assertThat(again.toString(), again.code(), is(ExitCodes.OK));
  }
}
