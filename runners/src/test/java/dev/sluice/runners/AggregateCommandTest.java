package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.RejectFile;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AggregateCommandTest {
  @TempDir Path directory;
  private Path round;

  @BeforeEach
  void send() throws IOException {
    round = Site.sent(directory, "a", "b", "c");
  }

  private Cli.Result aggregate(String... more) {
    List<String> args = new ArrayList<>(List.of("aggregate", "--round", round.toString()));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(new String[0]));
  }

  private Manifest manifest() throws IOException {
    return RoundRunner.manifest(new RoundDirectory(round.toString()));
  }

  /** Every file below the round but uplinks: name to contents. */
  static Map<String, String> results(Path round) throws IOException {
    Map<String, String> results = new TreeMap<>();
    try (Stream<Path> tree = Files.walk(round)) {
      for (Path path : tree.filter(Files::isRegularFile).toList()) {
        String name = round.relativize(path).toString();
        if (!name.startsWith("uplink")) {
          results.put(name, HexFormat.of().formatHex(Files.readAllBytes(path)));
        }
      }
    }
    return results;
  }

  @Test
  void commitsTheRoundAndAgainTheSame() throws IOException {
    Cli.Result result = aggregate();
    assertThat(result.toString(), result.code(), is(0));
    assertThat(
        result.out(), allOf(startsWith("round      r1, complete"), containsString("upper (U)")));
    assertThat(result.err(), containsString("direct runner"));
    assertThat(manifest().getNodes().get(2).getBlocks(), is(10));
    Map<String, String> first = results(round);
    assertThat(first.keySet().size(), is(3 + 2 * 4)); // plan, page, manifest, 4 shards in 2 formats

    assertThat(aggregate().code(), is(0));
    assertThat(results(round), is(first));
  }

  @Test
  void needsAllNodesUnlessToldOtherwise() throws IOException {
    Files.delete(round.resolve("uplink/b/codes-00001.avro"));
    Cli.Result result = aggregate();
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.out(), is(""));
    assertThat(
        result.err(),
        allOf(
            containsString("3 of 10 blocks have fewer than 3 nodes"),
            containsString("block 3 has 2 nodes, at least 3 needed; missing b"),
            containsString("--min-nodes")));
    assertThat(results(round).keySet(), is(java.util.Set.of("plan.json")));

    Cli.Result fewer = aggregate("--min-nodes", "2");
    assertThat(fewer.toString(), fewer.code(), is(0));
    assertThat(manifest().getMinNodes(), is(2));
    assertThat(manifest().getNodes().get(1).getMissingBlocks(), is(3));
    assertThat(manifest().getActive().size(), is(3));
  }

  @Test
  void anIncompleteAttemptLeavesAnEarlierCommit() throws IOException {
    assertThat(aggregate().code(), is(0));
    Map<String, String> committed = results(round);
    try (Stream<Path> files = Files.list(round.resolve("uplink/c"))) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Cli.Result result = aggregate();
    assertThat(result.toString(), result.code(), is(3));
    assertThat(
        result.err(),
        allOf(
            containsString("no uplink files from c"),
            containsString("earlier commit is as it was")));
    assertThat(results(round), is(committed));
  }

  @Test
  void saysWhatWasRejected() throws IOException {
    Path uplink = round.resolve("uplink");
    Files.createDirectories(uplink.resolve("stranger"));
    Files.copy(uplink.resolve("a/codes-00000.avro"), uplink.resolve("stranger/x.avro"));
    Files.copy(uplink.resolve("a/codes-00000.avro"), uplink.resolve("b/from-a.avro"));
    Files.copy(uplink.resolve("c/codes-00000.avro"), uplink.resolve("c/copy.avro"));
    Files.writeString(uplink.resolve("c/readme.txt"), "not Avro");
    Cli.Result result = aggregate();
    assertThat(result.toString(), result.code(), is(4));
    assertThat(
        result.err(),
        containsString("5 records rejected, with reasons in " + round.resolve("rejects")));
    assertThat(result.out(), allOf(containsString("wrong-node"), containsString("unknown-node")));
    Map<String, String> reasons = new TreeMap<>();
    for (RejectFile file : manifest().getRejects()) {
      reasons.put(file.getNode(), file.getByReason().get(0).getReason() + " " + file.getRecords());
    }
    assertThat(
        reasons, is(Map.of("b", "wrong-node 3", "c", "not-avro 1", "stranger", "unknown-node 1")));
    assertThat(manifest().getNodes().get(2).getDuplicateBlocks(), is(3));
    assertThat(
        Cli.run("inspect", round.resolve("rejects/b.avro").toString()).out(),
        containsString("wrong-node"));
    assertThat(
        Cli.run("inspect", round.resolve("rejects").toString()).out(), containsString("not-avro"));
  }

  /** Two links to where they lie: whoever follows them has 2^40 paths before him. */
  @Test
  void linksThatLeadBackUpAreRejects() throws IOException {
    Files.createSymbolicLink(round.resolve("uplink/a/x"), Path.of("."));
    Files.createSymbolicLink(round.resolve("uplink/a/y"), Path.of("."));
    Cli.Result result = assertTimeoutPreemptively(Duration.ofMinutes(5), () -> aggregate());
    assertThat(result.toString(), result.code(), is(4));
    assertThat(manifest().getRejects().get(0).getRecords(), is(2L));
  }

  @Test
  void saysWhatKilledAttemptsLeftAndLeavesIt() throws IOException {
    Path killed = Files.createDirectories(round.resolve(".attempt-1"));
    Files.writeString(killed.resolve("shard"), "half");
    Cli.Result one = aggregate();
    assertThat(one.toString(), one.code(), is(0));
    assertThat(
        one.err(),
        allOf(
            containsString("1 other attempt has files in this round"),
            containsString("rm -r " + round + "/.attempt-*")));
    Files.createDirectories(round.resolve(".attempt-2"));
    Cli.Result two =
        Cli.run(
            "encode",
            "--round",
            round.toString(),
            "--node",
            "a",
            "--logits",
            directory.resolve("a.npy").toString());
    assertThat(two.toString(), two.code(), is(0));
    assertThat(two.err(), containsString("2 other attempts have files in this round"));
    assertThat(Files.readString(killed.resolve("shard")), is("half"));

    Files.delete(killed.resolve("shard"));
    Files.delete(killed);
    Files.delete(round.resolve(".attempt-2"));
    assertThat(aggregate().err(), not(containsString("attempt")));
  }

  @Test
  void anUplinkUnderAnotherPlanIsRejected() throws IOException {
    Path plan = round.resolve("plan.json");
    Files.writeString(plan, Files.readString(plan).replace("\"seed\" : 0", "\"seed\" : 1"));
    Cli.Result result = aggregate();
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), containsString("rejected from a: 10 wrong-plan"));
  }

  @Test
  void nothingSentIsNotComplete() throws IOException {
    Path empty = Files.createDirectories(directory.resolve("empty"));
    Files.copy(round.resolve("plan.json"), empty.resolve("plan.json"));
    round = empty;
    Cli.Result result = aggregate();
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), containsString("no uplink files from a, b, c"));
    assertThat(Cli.run("inspect", empty.toString()).out(), containsString("no uplinks yet"));
  }

  @ParameterizedTest
  @CsvSource({
    "--min-nodes,0",
    "--min-nodes,4",
    "--min-nodes,two",
    "--runner,spark",
    "--parallelism,0",
    "--parallelism,1000",
    "--flinkMaster,localhost",
  })
  void refusesImpossibleFlags(String flag, String value) {
    Cli.Result result = aggregate(flag, value);
    assertThat(result.toString(), result.code(), is(2));
    assertThat(result.err(), allOf(containsString(flag), not(containsString("\tat "))));
  }

  @Test
  void saysSoWhenTheTeacherCannotBeWritten() throws IOException {
    Files.writeString(round.resolve("teacher"), "in the way");
    Cli.Result result = aggregate();
    assertThat(result.toString(), result.code(), is(3));
    assertThat(
        result.err(),
        allOf(containsString(round.resolve("teacher").toString()), not(containsString("\tat "))));
    assertThat(results(round).keySet(), is(java.util.Set.of("plan.json", "teacher")));
    assertThat(aggregate("--stacktrace").err(), containsString("\tat "));
  }

  @Test
  void inspectsEverythingForPeopleAndPrograms() throws IOException {
    assertThat(aggregate().code(), is(0));
    Map<String, String> kinds = new TreeMap<>();
    for (String path :
        List.of(
            "",
            "plan.json",
            "manifest.json",
            "uplink/a",
            "uplink/a/codes-00000.avro",
            "teacher/teacher-00000.avro",
            "teacher/teacher-00003.npy",
            "teacher")) {
      Cli.Result text = Cli.run("inspect", round.resolve(path).toString());
      assertThat(text.toString(), text.code(), is(0));
      assertThat(text.err(), is(""));
      Cli.Result json = Cli.run("inspect", round.resolve(path).toString(), "--json");
      JsonNode tree = new ObjectMapper().readTree(json.out());
      kinds.put(path, tree.get("kind").textValue());
    }
    assertThat(
        List.copyOf(kinds.values()),
        is(
            List.of(
                "round",
                "manifest",
                "plan",
                "directory",
                "teacher-blocks",
                "matrix",
                "uplink-directory",
                "uplink-file")));
  }

  @Test
  void describesDamage() throws IOException {
    Path file = round.resolve("uplink/a/codes-00000.avro");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 40] ^= 1; // in the last block's codes
    Files.write(file, bytes);
    Cli.Result result = Cli.run("inspect", file.toString());
    assertThat(result.toString(), result.code(), is(0));
    assertThat(result.out(), allOf(containsString("checksum"), containsString("1 problem")));
    Cli.Result json = Cli.run("inspect", round.resolve("uplink/a").toString(), "--json");
    JsonNode tree = new ObjectMapper().readTree(json.out());
    assertThat(tree.get("problems").intValue(), is(1));
    assertThat(tree.get("blocks").intValue(), is(9));
  }

  @Test
  void inspectRefusesWhatItDoesNotKnow() throws IOException {
    Path text = Files.writeString(directory.resolve("notes.txt"), "hello");
    assertThat(Cli.run("inspect", text.toString()).code(), is(3));
    assertThat(
        Cli.run("inspect", directory.resolve("none").toString()).err(),
        containsString("no such file"));
    Path empty = Files.createDirectories(directory.resolve("empty"));
    assertThat(Cli.run("inspect", empty.toString()).err(), containsString("neither plan.json"));
    Path json = Files.writeString(directory.resolve("x.json"), "{}");
    assertThat(
        Cli.run("inspect", json.toString()).err().lines().toList(),
        hasItem(containsString("format")));
    assertThat(Cli.run("inspect").code(), is(2));
  }
}
