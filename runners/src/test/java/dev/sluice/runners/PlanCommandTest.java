package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import dev.sluice.schemas.AllocatedNode;
import dev.sluice.schemas.Allocation;
import dev.sluice.schemas.Predicted;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
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

  /** Rounding without dither is biased, which averaging over many nodes does not remove. */
  @Test
  void aBiasedQuantizerForManyNodesIsWarnedOf() {
    for (int nodes : new int[] {15, 16}) {
      for (String quantizer : List.of("dither", "midrise")) {
        Cli.Result result =
            Cli.run(
                "plan",
                "--round",
                directory.resolve(quantizer + nodes).toString(),
                "--id",
                "r",
                "--nodes",
                IntStream.range(0, nodes).mapToObj(i -> "n" + i).collect(Collectors.joining(",")),
                "--probes",
                "3",
                "--vocab",
                "8",
                "--bits-per-coordinate",
                "4",
                "--clip",
                "6",
                "--quantizer",
                quantizer);
        assertThat(result.toString(), result.code(), is(0));
        assertThat(
            result.toString(),
            result.err().contains("sluice: warning: Biased, so that a mean over 16 nodes"),
            is(nodes == 16 && quantizer.equals("midrise")));
      }
    }
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
        "--nodes|a,../x|2|--nodes: found ../x, expected 1 to 64 of",
        "--nodes|a,|2|--nodes: found ,",
        "--nodes|a,.b|2|--nodes: found .b,",
        "--nodes|a,b,a|2|--nodes: found a, a second time",
        "--nodes|@missing-file|3|no such file",
        "--id|../r|2|--id: found ../r, expected 1 to 64 of",
        "--id|.r|2|--id: found .r,",
        "--probes|0|2|--probes: found 0, expected 1 to 2147483647",
        "--probes|4000000000|2|--probes: found 4000000000,",
        "--probes|many|2|--probes",
        "--vocab|1|2|--vocab: found 1, expected 2 to 1048576",
        "--vocab|1048577|2|--vocab: found 1048577",
        "--vocab|1073741824|2|--vocab: found 1073741824",
        "--bits-per-coordinate|0.5|2|--bits-per-coordinate: node 'a': found 0.5, expected 0",
        "--bits-per-coordinate|4,b=17|2|--bits-per-coordinate: node 'b': found 17.0",
        "--bits-per-coordinate|-1|2|--bits-per-coordinate: node 'a': found -1.0",
        "--bits-per-coordinate|0|2|--bits-per-coordinate: found no node with bits",
        "--bits-per-coordinate|four|2|'four'",
        "--bits-per-coordinate|NaN|2|'NaN'",
        "--bits-per-coordinate|4,5|2|two common values",
        "--bits-per-coordinate|4,c=2|2|'c'",
        "--bits-per-coordinate|4,a=2,a=3|2|twice",
        "--bits-per-coordinate|a=4|2|nothing about node 'b'",
        "--clip|0|2|--clip: found 0.0, expected 2^-24 to 262144.0",
        "--clip|-3|2|--clip: found -3.0",
        "--clip|1e9|2|--clip: found 1.0E9",
        "--clip|4,b=-1|2|--clip: node 'b': found -1.0",
        "--clip|Infinity|2|--clip",
        "--clip|atuo|2|--clip",
        "--quantizer|round|2|--quantizer: quantizer must be one of dither",
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
  void namesInAFileAreInput() throws IOException {
    Path names = Files.writeString(directory.resolve("names"), "x\nx\n");
    Cli.Result result = plan("--nodes", "@" + names);
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), containsString("sluice: " + names + ": found x, a second time"));
    Files.writeString(names, "\n");
    assertThat(plan("--nodes", "@" + names).err(), containsString(names + ": found none"));
  }

  /** What an earlier round or a file said is not the command line's fault. */
  @Test
  void tellsWhoSaidAValue() throws IOException {
    assertThat(plan("--quantizer", "dither-paper").code(), is(0));
    PlannedRound warmUp = planned();
    List<AllocatedNode> split = new ArrayList<>();
    for (String name : List.of("a", "b")) {
      split.add(
          AllocatedNode.newBuilder()
              .setName(name)
              .setWeight(1)
              .setFloor(1)
              .setBitsPerCoordinate(1)
              .build());
    }
    Allocation allocation =
        Allocation.newBuilder()
            .setFormat("sluice-allocation-1")
            .setPlanDigest(warmUp.digestHex())
            .setPolicy("uniform")
            .setWeights("clip")
            .setDistortion("shrunk")
            .setInteger(true)
            .setVocabulary(8)
            .setTotalBitsPerCoordinate(2)
            .setSpentBitsPerCoordinate(2)
            .setNodes(split)
            .setPredicted(new Predicted(1.0, null, null))
            .build();
    Path file = Files.write(directory.resolve("split.json"), PlainJson.write(allocation));
    List<String> like =
        List.of(
            "plan",
            "--round",
            directory.resolve("next").toString(),
            "--id",
            "r2",
            "--from",
            round().toString(),
            "--allocation",
            file.toString());
    Cli.Result typed = with(like, "--probes", "0");
    assertThat(typed.toString(), typed.code(), is(2));
    assertThat(typed.err(), containsString("--probes: found 0, expected 1 to 2147483647"));
    // 8 of a probe's bits for 8 coordinates, which leaves none for a clip level
    Cli.Result bits = with(like, "--clip", "probe", "--quantizer", "dither");
    assertThat(bits.toString(), bits.code(), is(3));
    assertThat(bits.err(), containsString("field 'nodes[0]': 8 bits per probe are too few"));
    assertThat(with(like).code(), is(0));
  }

  private static Cli.Result with(List<String> args, String... more) {
    List<String> all = new ArrayList<>(args);
    all.addAll(List.of(more));
    return Cli.run(all.toArray(new String[0]));
  }

  @Test
  void bitsTypedInDecimalsAreAllThere() throws IOException {
    assertThat(plan("--vocab", "100", "--bits-per-coordinate", "4.35").code(), is(0));
    assertThat(planned().nodes().get(0).getBitsPerProbe(), is(435L));
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
