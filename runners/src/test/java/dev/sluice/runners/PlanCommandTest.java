package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlanCommandTest {
  @TempDir Path directory;

  private Path round() {
    return directory.resolve("round");
  }

  /** A sound plan, with some flags given another value or added. */
  private Cli.Result plan(String... changes) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "plan",
                "--round",
                round().toString(),
                "--id",
                "r1",
                "--nodes",
                "a,b",
                "--probes",
                "10",
                "--vocab",
                "8",
                "--bits-per-coordinate",
                "4"));
    for (int i = 0; i < changes.length; i += 2) {
      int at = args.indexOf(changes[i]);
      if (at < 0) {
        args.addAll(Arrays.asList(changes).subList(i, Math.min(i + 2, changes.length)));
      } else {
        args.set(at + 1, changes[i + 1]);
      }
    }
    return Cli.run(args.toArray(new String[0]));
  }

  private PlannedRound planned() throws IOException {
    return PlannedRound.parse(Files.readAllBytes(round().resolve("plan.json")), "plan.json");
  }

  @Test
  void writesWhatWasAsked() throws IOException {
    Cli.Result result =
        plan(
            "--bits-per-coordinate",
            "4,b=2.5",
            "--clip",
            "6",
            "--seed",
            "-7",
            "--quantizer",
            "dither-paper");
    assertThat(result.toString(), result.code(), is(0));
    assertThat(result.out(), containsString("predicted (U)"));
    assertThat(planned().nodes().get(0).getBitsPerProbe(), is(32L));
    assertThat(planned().nodes().get(1).getBitsPerProbe(), is(20L));
    assertThat(planned().plan().getClip().getLevel(), is(6.0));
    assertThat(planned().plan().getSeed(), is(-7L));
    assertThat(planned().plan().getQuantizer(), is("dither-paper"));
  }

  @Test
  void readsNamesFromFileAndDigestsFiles() throws IOException {
    Path names = Files.writeString(directory.resolve("my nodes"), "x\n y \n\nz\n");
    Path probes = Files.writeString(directory.resolve("probes.jsonl"), "abc");
    Cli.Result result = plan("--nodes", "@" + names, "--probe-set", probes.toString());
    assertThat(result.toString(), result.code(), is(0));
    assertThat(
        planned().nodes().stream().map(n -> n.getName()).toList(), is(List.of("x", "y", "z")));
    assertThat(
        planned().plan().getProbeSetDigest(),
        is("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")); // FIPS 180-2,
    // "abc"
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--nodes|a,../x|3|nodes[1].name",
        "--nodes|a,|3|nodes[1].name",
        "--nodes|a,.b|3|nodes[1].name",
        "--nodes|a,b,a|3|a second time",
        "--nodes|@missing-file|3|no such file",
        "--id|../r|3|field 'id'",
        "--id|.r|3|field 'id'",
        "--probes|0|3|field 'probes'",
        "--probes|4000000000|3|field 'probes'",
        "--probes|many|2|--probes",
        "--vocab|1|3|field 'vocabulary'",
        "--vocab|1048577|3|field 'vocabulary'",
        "--vocab|1073741824|3|field 'vocabulary'",
        "--bits-per-coordinate|0.5|3|nodes[0].bitsPerCoordinate",
        "--bits-per-coordinate|17|3|nodes[0].bitsPerCoordinate",
        "--bits-per-coordinate|-1|3|nodes[0].bitsPerCoordinate",
        "--bits-per-coordinate|0|3|no node with bits",
        "--bits-per-coordinate|four|2|'four'",
        "--bits-per-coordinate|NaN|2|'NaN'",
        "--bits-per-coordinate|4,5|2|two common values",
        "--bits-per-coordinate|4,c=2|2|'c'",
        "--bits-per-coordinate|4,a=2,a=3|2|twice",
        "--bits-per-coordinate|a=4|2|nothing about node 'b'",
        "--clip|0|3|clip.level",
        "--clip|-3|3|clip.level",
        "--clip|1e9|3|clip.level",
        "--clip|Infinity|2|--clip",
        "--clip|atuo|2|--clip",
        "--quantizer|round|3|quantizer",
        "--tokenizer|no/such/file|3|no such file",
        "--seeed|3|2|--seeed",
      })
  void refuses(String flag, String value, int code, String message) {
    Cli.Result result = plan(flag, value);
    assertThat(result.toString(), result.code(), is(code));
    assertThat(result.err(), allOf(containsString(message), not(containsString("\tat "))));
    assertThat(Files.exists(round().resolve("plan.json")), is(false));
  }

  @Test
  void keepsDifferentPlanUnlessForced() throws IOException {
    assertThat(plan().code(), is(0));
    byte[] first = Files.readAllBytes(round().resolve("plan.json"));
    assertThat("the same plan again", plan().code(), is(0));

    Cli.Result refused = plan("--seed", "1");
    assertThat(refused.code(), is(3));
    assertThat(refused.err(), allOf(containsString("--force"), containsString("rejects")));
    assertThat(Files.readAllBytes(round().resolve("plan.json")), equalTo(first));

    Cli.Result forced = plan("--seed", "1", "--force");
    assertThat(forced.toString(), forced.code(), is(0));
    assertThat(planned().plan().getSeed(), is(1L));
  }

  @ParameterizedTest
  @CsvSource({"round*", "a?b", "r[1]", "{r}"})
  void refusesDirectoryThatReadsAsPattern(String name) {
    Cli.Result result = plan("--round", directory.resolve(name).toString());
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), containsString("*?[]{}"));
  }

  @Test
  void saysWhenTheTargetCannotBeWritten() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "");
    Cli.Result result = plan("--round", file.resolve("round").toString());
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), containsString(file.toString()));
  }

  @Test
  void helpAndUsageGoWhereTheyBelong() {
    assertThat(Cli.run().code(), is(2));
    assertThat(Cli.run("frobnicate").err(), containsString("frobnicate"));
    assertThat(Cli.run("plan").err(), containsString("--round"));
    assertThat(Cli.run("--help").out(), containsString("aggregate"));
    assertThat(Cli.run("--version").out(), containsString("Beam"));
    for (String command : List.of("plan", "encode", "aggregate", "inspect")) {
      Cli.Result help = Cli.run(command, "--help");
      assertThat(help.code(), is(0));
      assertThat(help.out(), containsString("Usage: sluice " + command));
    }
  }
}
