package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;

import dev.sluice.runners.Recomputation.Result;
import dev.sluice.runners.Recomputation.State;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When rounds run, by a clock of the test's own. */
class RecomputeScheduleTest {
  private static final Instant PLANNED = Instant.parse("2026-03-01T12:00:00Z");

  @TempDir Path directory;

  private Path root() throws IOException {
    return Files.createDirectories(directory.resolve("rounds"));
  }

  /** One pass at some time: states by round. */
  private Map<String, Result> pass(RoundPolicy.Layers layers, Instant now, Duration settle)
      throws Exception {
    Map<String, Result> results = new TreeMap<>();
    try (RootLock lock = RootLock.take(root(), now)) {
      Recomputation.Pass pass =
          new Recomputation.Pass(
              layers,
              RunnerChoice.direct(),
              Clock.fixed(now, ZoneOffset.UTC),
              lock.touch(),
              settle,
              Recomputation.Trust.ALL,
              new HubKeyOption());
      new RecomputeRoot(root(), pass, () -> false, e -> {})
          .run((round, result, nanos) -> results.put("" + round.getFileName(), result));
    }
    return results;
  }

  private Result pass(RoundPolicy.Layers layers, Instant now) throws Exception {
    return pass(layers, now, Duration.ZERO).get("r1");
  }

  private Path planned(String... senders) throws IOException {
    Path round = Schedule.round(root(), "r1", "a,b,c", senders);
    Files.setLastModifiedTime(round.resolve("plan.json"), FileTime.from(PLANNED));
    return round;
  }

  @Test
  void theQuorumCountsFromTheDeadlineOn() throws Exception {
    Path round = planned("a", "b");
    RoundPolicy.Layers layers =
        RoundPolicy.Layers.none().with("minNodes", 2).with("deadline", "36h");
    Instant deadline = PLANNED.plus(Duration.ofHours(36));
    Result early = pass(layers, deadline.minusMillis(1));
    assertThat(early, is(Result.of(State.WAITING, "c of 3 nodes missing")));
    assertThat(pass(layers, deadline).state(), is(State.NEW));
    Map<String, String> first = Schedule.results(Schedule.current(round));
    assertThat(first, is(Schedule.aggregated(round, directory.resolve("two"), "--min-nodes", "2")));

    Schedule.send(round, "c");
    assertThat(pass(layers, deadline.plusSeconds(1)).state(), is(State.LATE));
    Map<String, String> late = Schedule.results(Schedule.current(round));

    // Had all come in time: the same bytes, whenever it ran.
    Path other = root().resolve("r2");
    Schedule.copy(round.resolve("uplink"), other.resolve("uplink"));
    Files.copy(round.resolve("plan.json"), other.resolve("plan.json"));
    Files.setLastModifiedTime(other.resolve("plan.json"), FileTime.from(PLANNED));
    assertThat(
        pass(layers, PLANNED.plusSeconds(60), Duration.ZERO).get("r2").state(), is(State.NEW));
    assertThat(Schedule.results(Schedule.current(other)), is(late));
  }

  @Test
  void aDeadlineWithoutQuorumIsAFailureUntilItIsThere() throws Exception {
    Path round = planned("a");
    Files.writeString(
        round.resolve("policy.json"),
        "{\"minNodes\": 2, \"deadline\": \"2026-03-02T10:00:00+02:00\"}");
    Instant deadline = Instant.parse("2026-03-02T08:00:00Z");
    RoundPolicy.Layers none = RoundPolicy.Layers.none();
    assertThat(pass(none, deadline.minusSeconds(1)).state(), is(State.WAITING));
    Result overdue = pass(none, deadline);
    assertThat(overdue, is(Result.of(State.OVERDUE, "b, c of 3 nodes missing")));
    Schedule.send(round, "b");
    assertThat(pass(none, deadline.plusSeconds(5)).state(), is(State.NEW));
    // What there is stays where an uplink goes.
    Files.delete(round.resolve("uplink/b/codes-00002.avro"));
    assertThat(pass(none, deadline.plusSeconds(9)).state(), is(State.OVERDUE));
    assertThat(Files.isDirectory(Schedule.current(round)), is(true));
  }

  @Test
  void theRoundsOwnPolicyLiesOverTheRoots() throws Exception {
    Path round = planned("a", "b");
    Files.writeString(root().resolve("policy.json"), "{\"minNodes\": 3, \"keep\": 7}");
    RoundPolicy.Layers root = RoundPolicy.Layers.none().over(root());
    assertThat(pass(root, PLANNED).state(), is(State.WAITING));
    Files.writeString(round.resolve("policy.json"), "{\"minNodes\": 2}");
    assertThat(root.over(round).policy().document().getKeep(), is(7));
    assertThat(pass(root, PLANNED).state(), is(State.NEW));
    Files.writeString(round.resolve("policy.json"), "{\"minNodes\": null}");
    assertThat(root.over(round).policy().document().getMinNodes() == null, is(true));
    assertThat(pass(root, PLANNED).state(), is(State.WAITING)); // all, and one is missing
    Files.writeString(round.resolve("policy.json"), "{\"minNodes\": 4}");
    Result tooMany = pass(root, PLANNED);
    assertThat(tooMany.state(), is(State.FAILED));
    assertThat(tooMany.detail(), containsString("field 'minNodes': found 4, expected at most 3"));
  }

  @Test
  void filesThatMayBeBeingWrittenAreLeftAlone() throws Exception {
    Path round = planned("a", "b", "c");
    Instant now = Instant.parse("2026-03-05T00:00:00Z");
    Instant before = now.minusSeconds(11);
    for (String name : new TreeMap<>(Schedule.contents(round)).keySet()) {
      Files.setLastModifiedTime(round.resolve(name), FileTime.from(before));
    }
    Path young = round.resolve("uplink/b/codes-00003.avro");
    Files.setLastModifiedTime(young, FileTime.from(now.minusSeconds(9)));
    Duration settle = Duration.ofSeconds(10);
    Result result = pass(RoundPolicy.Layers.none(), now, settle).get("r1");
    assertThat(
        result, is(Result.of(State.WAITING, "uplink/b/codes-00003.avro is younger than 10 s")));
    // A clock that is wrong does not keep a round waiting for ever.
    Files.setLastModifiedTime(young, FileTime.from(now.plusSeconds(86_400)));
    assertThat(pass(RoundPolicy.Layers.none(), now, settle).get("r1").state(), is(State.NEW));
  }

  @Test
  void refinedRoundsComeFirst() throws Exception {
    Path base = Schedule.round(root(), "z-base", "a,b", "a", "b");
    assertThat(pass(RoundPolicy.Layers.none(), PLANNED, Duration.ZERO).size(), is(1));
    Path finer = root().resolve("a-finer");
    Cli.Result planned =
        Cli.run(
            "plan",
            "--round",
            "" + finer,
            "--id",
            "finer",
            "--refines",
            "" + base,
            "--bits-per-coordinate",
            "3");
    assertThat(planned.toString(), planned.code(), is(0));
    Storage.deleteTree("" + base.resolve("versions"));
    Files.delete(base.resolve("current.json"));
    Schedule.send(finer, "a");
    Schedule.send(finer, "b");
    List<String> order = new ArrayList<>();
    try (RootLock lock = RootLock.take(root(), PLANNED)) {
      Recomputation.Pass pass =
          new Recomputation.Pass(
              RoundPolicy.Layers.none().with("moments", true),
              RunnerChoice.direct(),
              Clock.systemUTC(),
              lock.touch(),
              Duration.ZERO,
              Recomputation.Trust.ALL,
              new HubKeyOption());
      new RecomputeRoot(root(), pass, () -> false, e -> {})
          .run((round, result, nanos) -> order.add(round.getFileName() + " " + result.state()));
    }
    assertThat(order, is(List.of("z-base NEW", "a-finer NEW")));
    Path version = Schedule.current(finer);
    Map<String, String> results = Schedule.results(version);
    Cli.Result flat = aggregatedBeside(base, finer);
    assertThat(flat.toString(), flat.code(), is(0));
    assertThat(
        results.get("manifest.json"),
        is(Schedule.contents(directory.resolve("flat/a-finer")).get("manifest.json")));
    assertThat(
        pass(RoundPolicy.Layers.none().with("moments", true), PLANNED, Duration.ZERO)
            .get("a-finer")
            .state(),
        is(State.UNCHANGED));

    // What it was refined from is not there any more, and then it is.
    Path gone = directory.resolve("gone.avro");
    Files.move(base.resolve("uplink/a/codes-00000.avro"), gone);
    RoundPolicy.Layers moments = RoundPolicy.Layers.none().with("moments", true);
    Result altered = pass(moments, PLANNED, Duration.ZERO).get("a-finer");
    assertThat(altered.state(), is(State.FAILED));
    assertThat(altered.detail(), containsString("has changed since it was refined"));
    assertThat(
        pass(moments, PLANNED, Duration.ZERO).get("a-finer").detail(),
        containsString("(as before: nothing has changed since)"));
    assertThat(Schedule.current(finer), is(version));
    Files.move(gone, base.resolve("uplink/a/codes-00000.avro"));
    assertThat(pass(moments, PLANNED, Duration.ZERO).get("a-finer").state(), is(State.UNCHANGED));
  }

  /** The same two rounds without versions. */
  private Cli.Result aggregatedBeside(Path base, Path finer) throws IOException {
    Path flat = directory.resolve("flat");
    for (Path round : List.of(base, finer)) {
      Path copy = flat.resolve(round.getFileName());
      Schedule.copy(round.resolve("uplink"), copy.resolve("uplink"));
      Files.copy(round.resolve("plan.json"), copy.resolve("plan.json"));
    }
    Cli.Result first = Cli.run("aggregate", "--round", "" + flat.resolve("z-base"));
    assertThat(first.toString(), first.code(), is(0));
    return Cli.run("aggregate", "--round", "" + flat.resolve("a-finer"));
  }
}
