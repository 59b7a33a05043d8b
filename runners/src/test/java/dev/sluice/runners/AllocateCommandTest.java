package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.schemas.AllocatedNode;
import dev.sluice.schemas.Allocation;
import dev.sluice.schemas.Certificate;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.Moments;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.schemas.TeacherShard;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.allocation.MomentBound;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AllocateCommandTest {
  private static final String WIDE_AND_NARROW =
      "{'nodes': [{'name': 'a', 'weight': 21.333333333333332},"
          + " {'name': 'b', 'weight': 21.333333333333332},"
          + " {'name': 'c', 'weight': 1.3333333333333333},"
          + " {'name': 'd', 'weight': 1.3333333333333333}]}";

  @TempDir Path directory;

  // ---- from a file ----

  private Path file(String json) throws IOException {
    return Files.writeString(directory.resolve("w.json"), json.replace('\'', '"'));
  }

  private Cli.Result planner(String weights, String total, String... more) throws IOException {
    List<String> args =
        new ArrayList<>(
            List.of(
                "allocate",
                "--weights-file",
                file(weights).toString(),
                "--vocab",
                "2",
                "--total-bits-per-coordinate",
                total));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(new String[0]));
  }

  private static Allocation read(String json) throws IOException {
    return PlainJson.read(
        Allocation.class,
        Allocation.getClassSchema(),
        json.getBytes(StandardCharsets.UTF_8),
        "stdout");
  }

  private static Allocation read(Cli.Result result) throws IOException {
    assertThat(result.toString(), result.code(), is(0));
    assertThat(result.err(), is(""));
    return read(result.out());
  }

  private static double[] bits(Allocation allocation) {
    return allocation.getNodes().stream()
        .mapToDouble(AllocatedNode::getBitsPerCoordinate)
        .toArray();
  }

  private static void assertBits(Allocation allocation, double... expected) {
    double[] bits = bits(allocation);
    assertThat(bits.length, is(expected.length));
    for (int i = 0; i < bits.length; i++) {
      assertThat(bits[i], closeTo(expected[i], 1e-12));
    }
    assertThat(
        allocation.getSpentBitsPerCoordinate(),
        lessThanOrEqualTo(allocation.getTotalBitsPerCoordinate()));
  }

  /** THEORY 5.3: V = 2, budgets (4, 3, 4) bits a probe at most, 7 in all: (4, 1/2, 5/2). */
  @Test
  void boundsOfBothKindsBind() throws IOException {
    String weights =
        "{'nodes': [{'name': 'a', 'weight': 1, 'floor': null, 'cap': 2},"
            + "{'name': 'b', 'weight': 0.015625, 'cap': 1.5},"
            + "{'name': 'c', 'weight': 0.0625, 'floor': 0, 'cap': 2}]}";
    Path out = directory.resolve("allocation.json");
    Cli.Result result = planner(weights, "3.5", "--json", "--out", out.toString());
    Allocation allocation = read(result);
    assertThat(Files.readString(out), equalTo(result.out()));
    assertThat(bits(allocation)[0], is(2.0));
    assertBits(allocation, 2, 0.25, 1.25);
    assertThat(allocation.getPredicted().getThisSplit() * 2 * 9, closeTo(0.0846, 5e-5));
    assertThat(allocation.getDistortion(), is("model"));
    assertThat(allocation.getWeights(), is("file"));
    assertThat(allocation.getRound(), nullValue());
    assertThat(allocation.getVocabulary(), is(2));
    AllocatedNode second = allocation.getNodes().get(1);
    assertThat(second.getSymbols(), nullValue());
    assertThat(second.getCap(), is(1.5));
    assertThat(allocation.getNodes().get(0).getSymbols(), is(4));
    assertThat(allocation.getWaterLevel(), closeTo(Math.pow(2, -6.5), 1e-12));

    Cli.Result text = planner(weights, "3.5");
    assertThat(text.toString(), text.code(), is(0));
    assertThat(
        text.out(),
        allOf(
            containsString("water-filling, 3.5000 of 3.5000"),
            containsString("############"),
            containsString("predicted"),
            containsString("uniform"),
            containsString("water level")));
  }

  /** THEORY 5.2 and 8.7. */
  @Test
  void interiorOptimumIsTheClosedForm() throws IOException {
    Allocation allocation = read(planner(WIDE_AND_NARROW, "12", "--json"));
    assertBits(allocation, 4, 4, 2, 2);
    double least = allocation.getPredicted().getThisSplit();
    assertThat(least, closeTo((64.0 / 3) / 256 / 8, 1e-15));
    assertThat(allocation.getPredicted().getUniform() / least, closeTo(2.125, 1e-12));
    assertBits(read(planner(WIDE_AND_NARROW, "10", "--json")), 3.5, 3.5, 1.5, 1.5);
    assertBits(read(planner(WIDE_AND_NARROW, "12", "--json", "--policy", "uniform")), 3, 3, 3, 3);
    assertBits(
        read(planner(WIDE_AND_NARROW, "17", "--json", "--policy", "inverse")), 0.5, 0.5, 8, 8);
    // The closed form with its sign turned.
    assertBits(
        read(planner(WIDE_AND_NARROW, "12", "--json", "--policy", "inverse-tilt")), 2, 2, 4, 4);
  }

  @Test
  void wholeBits() throws IOException {
    Allocation allocation = read(planner(WIDE_AND_NARROW, "12.7", "--json", "--integer"));
    assertBits(allocation, 4, 4, 2, 2);
    assertThat(allocation.getInteger(), is(true));
    assertThat(allocation.getDistortion(), is("shrunk"));
    assertThat(allocation.getSpentBitsPerCoordinate(), is(12.0));
    assertThat(allocation.getNodes().get(0).getSymbols(), is(16));
    assertThat(
        allocation.getPredicted().getThisSplit(),
        closeTo((2 * 64.0 / 3 / 225 + 2 * 4.0 / 3 / 9) / 32, 1e-15));
    assertThat(allocation.getWaterLevel(), nullValue());
    // Everyone has a bit at least, but for a cap of 0, which is not in the mean.
    assertBits(
        read(
            planner(
                "{'nodes': [{'name': 'a', 'weight': 1e9}, {'name': 'b', 'weight': 1e-9},"
                    + "{'name': 'c', 'weight': 5, 'cap': 0}]}",
                "5",
                "--json",
                "--integer")),
        4,
        1,
        0);
  }

  @Test
  void oneNodeGetsAll() throws IOException {
    String one = "{'nodes': [{'name': 'a', 'weight': 3}]}";
    assertBits(read(planner(one, "5.25", "--json")), 5.25);
    assertBits(read(planner(one, "5.25", "--json", "--integer")), 5);
    assertBits(read(planner(one, "0", "--json")), 0);
    // More than a plan takes; the formula does not mind.
    Allocation more = read(planner(one, "20", "--json"));
    assertBits(more, 20);
    assertThat(more.getNodes().get(0).getSymbols(), nullValue());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'nodes': []}|4|field 'nodes': found none, expected at least one node",
        "{'nodes': [{'name': 'a', 'weight': 0}]}|4|field 'nodes[0].weight' of node 'a': found 0.0",
        "{'nodes': [{'name': 'a', 'weight': -2}]}|4|of node 'a': found -2.0, expected a number above",
        "{'nodes': [{'name': 'a', 'weight': 1e999}]}|4|field 'nodes[0].weight': found",
        "{'nodes': [{'name': 'a', 'weight': NaN}]}|4|not a JSON document",
        "{'nodes': [{'name': 'a', 'weight': '3'}]}|4|expected a finite number",
        "{'nodes': [{'name': 'a', 'weihgt': 3}]}|4|field 'nodes[0].weihgt': found an unknown field",
        "{'nodes': [{'name': 'a'}]}|4|field 'nodes[0].weight': found nothing",
        "{'nodes': [{'name': 'a b', 'weight': 3}]}|4|field 'nodes[0].name': found 'a b'",
        "{'nodes': [{'name': 'a', 'weight': 3}, {'name': 'a', 'weight': 1}]}|4|found a, also of nodes[0]",
        "{'nodes': [{'name': 'a', 'weight': 3, 'floor': -1}]}|4|field 'nodes[0].floor' of node 'a'",
        "{'nodes': [{'name': 'a', 'weight': 3, 'floor': 2, 'cap': 1}]}|4|'nodes[0].cap' of node 'a': found 1.0, expected at least the floor of 2.0",
        "{'nodes': [{'name': 'a', 'weight': 3, 'floor': 5}]}|4|total of 4.0 bits per coordinate is below 5.0",
        "[]|4|expected an object with the fields of WeightsFile",
        "{'nodes': [{'name': 'a', 'weight': 3}]} x|4|not a JSON document",
      })
  void refusesFile(String weights, String total, String message) throws IOException {
    Cli.Result result = planner(weights, total, "--json");
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.out(), is(""));
    assertThat(
        result.err(),
        allOf(containsString("w.json"), containsString(message), not(containsString("\tat "))));
  }

  @Test
  void refusesWholeBitsThatDoNotReach() throws IOException {
    Cli.Result result = planner(WIDE_AND_NARROW, "3.9", "--integer");
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), containsString("total of 3.9 bits per coordinate is below 4.0"));
    result = planner("{'nodes': [{'name': 'a', 'weight': 3, 'cap': 0.5}]}", "3.9", "--integer");
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), containsString("cap of node 'a' must be 0, which leaves it out"));
    result = planner("{'nodes': [{'name': 'a', 'weight': 3, 'cap': 0}]}", "3.9", "--integer");
    assertThat(result.toString(), result.code(), is(3));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--total-bits-per-coordinate|-1|--total-bits-per-coordinate: found -1.0",
        "--total-bits-per-coordinate|NaN|--total-bits-per-coordinate: found NaN",
        "--total-bits-per-coordinate|many|--total-bits-per-coordinate",
        "--vocab|1|--vocab: found 1, expected 2 to 1048576",
        "--policy|best|--policy: policy must be one of water-filling",
        "--floor|1|--floor is for --round",
        "--cap|1|--cap is for --round",
        "--weights|clip|--weights is for --round",
        "--clips|plan|--clips is for --round",
        "--delta|0.1|--delta is for --round",
        "--round|r|one of --round and --weights-file",
      })
  void refusesUsage(String flag, String value, String message) throws IOException {
    List<String> args =
        new ArrayList<>(
            List.of(
                "allocate",
                "--weights-file",
                file(WIDE_AND_NARROW).toString(),
                "--vocab",
                "2",
                "--total-bits-per-coordinate",
                "12"));
    int at = args.indexOf(flag);
    if (at < 0) {
      args.addAll(List.of(flag, value));
    } else {
      args.set(at + 1, value);
    }
    Cli.Result result = Cli.run(args.toArray(new String[0]));
    assertThat(result.toString(), result.code(), is(2));
    assertThat(result.err(), containsString(message));
  }

  @Test
  void refusesMoreUsage() throws IOException {
    assertThat(
        Cli.run("allocate", "--total-bits-per-coordinate", "4").err(),
        containsString("one of --round and --weights-file"));
    assertThat(
        Cli.run(
                "allocate",
                "--weights-file",
                file(WIDE_AND_NARROW).toString(),
                "--total-bits-per-coordinate",
                "4")
            .err(),
        containsString("--vocab is needed"));
    Cli.Result missing =
        Cli.run(
            "allocate",
            "--weights-file",
            directory.resolve("nothing.json").toString(),
            "--vocab",
            "2",
            "--total-bits-per-coordinate",
            "4");
    assertThat(missing.toString(), missing.code(), is(3));
    assertThat(missing.err(), containsString("nothing.json: no such file"));
    Cli.Result onto = planner(WIDE_AND_NARROW, "12", "--out", directory.toString());
    assertThat(onto.toString(), onto.code(), is(3));
    assertThat(onto.err(), containsString("a directory, expected a file"));
    assertThat(Cli.run("allocate", "--help").out(), containsString("fictitious"));
  }

  @ParameterizedTest
  @CsvSource({"12,false", "13.3,false", "12,true", "70,false"})
  void theCurveFalls(String total, boolean integer) throws IOException {
    List<String> more = new ArrayList<>(List.of("--curve"));
    if (integer) {
      more.add("--integer");
    }
    Cli.Result text = planner(WIDE_AND_NARROW, total, more.toArray(new String[0]));
    assertThat(text.toString(), text.code(), is(0));
    assertThat(text.out(), containsString(" <"));
    more.add("--json");
    Cli.Result result = planner(WIDE_AND_NARROW, total, more.toArray(new String[0]));
    JsonNode rows = new ObjectMapper().readTree(result.out());
    assertThat(rows.size(), greaterThan(10));
    assertThat(rows.size(), lessThanOrEqualTo(24));
    assertThat(text.out().lines().count(), is(rows.size() + 1L));
    boolean there = false;
    for (int i = 0; i < rows.size(); i++) {
      JsonNode row = rows.get(i);
      there |= row.get("totalBitsPerCoordinate").doubleValue() == Double.parseDouble(total);
      assertThat(
          row.get("thisSplit").doubleValue(),
          lessThanOrEqualTo(row.get("uniform").doubleValue() * (1 + 1e-12)));
      if (i > 0) {
        assertThat(
            row.get("thisSplit").doubleValue(),
            lessThanOrEqualTo(rows.get(i - 1).get("thisSplit").doubleValue()));
      }
    }
    assertThat(there, is(true));
  }

  @Test
  void aHundredThousandNodes() throws IOException {
    StringBuilder weights = new StringBuilder("{'nodes': [");
    for (int i = 0; i < 100_000; i++) {
      weights.append(i == 0 ? "" : ",").append("{'name': 'n").append(i).append("', 'weight': ");
      weights.append(1 + i % 977).append(i % 3 == 0 ? ", 'cap': 6.5}" : "}");
    }
    Path out = directory.resolve("allocation.json");
    Cli.Result result = planner(weights.append("]}").toString(), "400000", "--out", out.toString());
    assertThat(result.toString(), result.code(), is(0));
    assertThat(result.out(), containsString("and 99960 more; --json has them all"));
    assertThat(Files.readString(out), containsString("\"n99999\""));
  }

  // ---- from a warm-up ----

  /** A plan, whose uplinks nobody reads here. */
  private Path round(String id, String nodes, String... more) {
    Path round = directory.resolve(id);
    List<String> args =
        new ArrayList<>(
            List.of(
                "plan",
                "--round",
                round.toString(),
                "--id",
                id,
                "--nodes",
                nodes,
                "--probes",
                "100",
                "--vocab",
                "64"));
    args.addAll(List.of(more.length == 0 ? new String[] {"--clip", "auto"} : more));
    if (!args.contains("--bits-per-coordinate")) {
      args.addAll(List.of("--bits-per-coordinate", "4"));
    }
    Cli.Result planned = Cli.run(args.toArray(new String[0]));
    assertThat(planned.toString(), planned.code(), is(0));
    return round;
  }

  private static NodeMoments node(String name, double clip) {
    double step = 2 * clip / 15;
    return NodeMoments.newBuilder()
        .setName(name)
        .setProbes(100)
        .setPlanes(1)
        .setSecondMoment(clip * clip / 4)
        .setRawSecondMoment(clip * clip / 4 + step * step / 12)
        .setDitherVariance(step * step / 12)
        .setMean(0)
        .setMin(-clip)
        .setMax(clip)
        .setClippedCoordinates(0)
        .setClippedFraction(0)
        .setMaskedCoordinates(0)
        .setBlockVariance(clip * clip * clip * clip / 1e6)
        .setMaxClip(clip)
        .setMeanSquareClip(clip * clip)
        .setMaxStep(step)
        .setDigest("00")
        .build();
  }

  private static void moments(Path round, Consumer<Moments> change, NodeMoments... nodes)
      throws IOException {
    PlannedRound planned =
        PlannedRound.parse(Files.readAllBytes(round.resolve("plan.json")), "plan.json");
    Moments moments = new Moments();
    moments.setFormat("sluice-moments-1");
    moments.setRound(planned.plan().getId());
    moments.setPlanDigest(planned.digestHex());
    List<String> averaged = Arrays.stream(nodes).map(NodeMoments::getName).toList();
    byte[] manifest =
        PlainJson.write(
            new Manifest(
                "sluice-manifest-1",
                planned.plan().getId(),
                planned.digestHex(),
                1,
                planned.nodes().stream()
                    .map(
                        n ->
                            new NodeAccount(
                                n.getName(),
                                0,
                                0,
                                0,
                                0L,
                                0L,
                                0.0,
                                0L,
                                0.0,
                                0.0,
                                0.0,
                                0.0,
                                0L,
                                0L,
                                0.0,
                                0.0,
                                0.0,
                                "",
                                List.of(averaged.contains(n.getName()) ? 1 : 0)))
                    .toList(),
                List.of(),
                new Certificate("uniform", 1.0, 1.0, null, 1.0, 1.0, 0.0),
                List.of(new TeacherShard("teacher-00000", 0L, 100L, "", 0L, "", 0L)),
                List.of(),
                null,
                null,
                null,
                null));
    Files.write(round.resolve("manifest.json"), manifest);
    moments.setManifestDigest(HexFormat.of().formatHex(CodeBlocks.sha256().digest(manifest)));
    moments.setProbes(100);
    moments.setVocabulary(64);
    moments.setNodes(List.of(nodes));
    moments.setTeacherSecondMoment(1);
    moments.setSpread(0.5);
    change.accept(moments);
    Files.write(round.resolve("moments.json"), PlainJson.write(moments));
  }

  /** Clips 8, 8, 2, 2 in a round of any plan. */
  private Path warmUp(String... plan) throws IOException {
    Path round = round("w", "n0,n1,n2,n3", plan);
    moments(round, m -> {}, node("n0", 8), node("n1", 8), node("n2", 2), node("n3", 2));
    return round;
  }

  private static Cli.Result allocate(Path round, String total, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of("allocate", "--round", round.toString(), "--total-bits-per-coordinate", total));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(new String[0]));
  }

  @Test
  void byClipsOnTheQuantiserAsBuilt() throws IOException {
    Path out = directory.resolve("a.json");
    Cli.Result result = allocate(warmUp(), "12", "--json", "--out", out.toString());
    Allocation allocation = read(result);
    assertThat(Files.readString(out), equalTo(result.out()));
    assertThat(allocation.getDistortion(), is("shrunk"));
    assertThat(allocation.getWeights(), is("clip"));
    assertThat(allocation.getRound(), is("w"));
    assertThat(allocation.getVocabulary(), is(64));
    assertThat(allocation.getNodes().get(0).getWeight(), closeTo(64.0 / 3, 1e-12));
    assertThat(allocation.getNodes().get(0).getClip(), is(8.0));
    assertThat(allocation.getNodes().get(0).getFloor(), is(1.0));
    assertThat(allocation.getNodes().get(0).getCap(), nullValue());
    assertThat(allocation.getSpentBitsPerCoordinate(), closeTo(12, 1e-12));
    assertThat(allocation.getCertificate(), nullValue());
    assertThat(allocation.getWaterLevel(), nullValue());
    double[] bits = bits(allocation);
    assertThat(bits[0], greaterThan(bits[2] + 1));
    // No worse than whole bits.
    Allocation whole = read(allocate(directory.resolve("w"), "12", "--json", "--integer"));
    assertBits(whole, 4, 4, 2, 2);
    assertThat(
        allocation.getPredicted().getThisSplit(),
        lessThanOrEqualTo(whole.getPredicted().getThisSplit()));
    Cli.Result text = allocate(directory.resolve("w"), "12", "--out", out.toString());
    assertThat(text.toString(), text.code(), is(0));
    assertThat(
        text.out(), allOf(containsString("warm-up     w"), containsString("written to " + out)));
  }

  @Test
  void byThePublishedModelWhereTheQuantiserIsThePublishedOne() throws IOException {
    Allocation allocation =
        read(allocate(warmUp("--clip", "auto", "--quantizer", "dither-paper"), "12", "--json"));
    assertThat(allocation.getDistortion(), is("model"));
    assertBits(allocation, 4, 4, 2, 2);
    assertThat(allocation.getPredicted().getThisSplit(), closeTo((64.0 / 3) / 256 / 8, 1e-15));
    assertThat(allocation.getWaterLevel(), closeTo((64.0 / 3) / 256, 1e-12));
  }

  @Test
  void capsAndFloors() throws IOException {
    Path round = warmUp();
    Allocation without = read(allocate(round, "12", "--json", "--integer", "--cap", "n1=0"));
    assertThat(bits(without)[1], is(0.0));
    assertThat(without.getNodes().get(1).getClip(), nullValue());
    assertThat(without.getNodes().get(1).getCap(), is(0.0));
    assertThat(without.getSpentBitsPerCoordinate(), is(12.0));
    Allocation capped = read(allocate(round, "12", "--json", "--cap", "3,n2=4", "--floor", "2"));
    assertThat(bits(capped)[0], is(3.0));
    assertThat(capped.getNodes().get(2).getCap(), is(4.0));
    assertThat(capped.getNodes().get(2).getFloor(), is(2.0));
    // Nodes may be left out where the budget is small; the narrow ones stay.
    Allocation dropped = read(allocate(round, "3", "--json", "--floor", "0"));
    assertThat(bits(dropped)[0] + bits(dropped)[1], is(0.0));
    assertThat(dropped.getPredicted().getUniform(), nullValue());
    Cli.Result text = allocate(round, "3", "--floor", "0", "--out", directory + "/x.json");
    assertThat(text.out(), containsString("silent"));
    Cli.Result curve = allocate(round, "12", "--curve", "--json");
    assertThat(new ObjectMapper().readTree(curve.out()).size(), greaterThan(10));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--floor|0.5|2|--floor: found 0.5, expected 0 or 1 to 16",
        "--floor|17|2|--floor",
        "--cap|0.5|2|--cap: found '0.5', expected 0 or 1 to 16",
        "--cap|n9=3|2|--cap names 'n9', which is no node of",
        "--cap|n0=3,n0=4|2|--cap names a node twice",
        "--cap|3,4|2|--cap has two common values",
        "--cap|0|2|--cap leaves every node out",
        "--cap|four|2|--cap: found 'four'",
        "--weights|third-moment|2|--weights: weights must be one of clip, second-moment",
        "--clips|none|2|--clips: found 'none'",
        "--clips|plan|2|has clip policy 'auto'",
        "--delta|0.1|2|--delta is for --weights second-moment",
        "--vocab|64|2|--vocab: the plan",
        "--total-bits-per-coordinate|3.5|3|total of 3.5 bits per coordinate is below 4.0",
      })
  void refusesRound(String flag, String value, int code, String message) throws IOException {
    Path round = warmUp();
    Cli.Result result =
        flag.startsWith("--total")
            ? allocate(round, value, "--json")
            : allocate(round, "12", "--json", flag, value);
    assertThat(result.toString(), result.code(), is(code));
    assertThat(result.err(), containsString(message));
    assertThat(result.out(), is(""));
  }

  @Test
  void refusesMissingThings() throws IOException {
    Path round = round("w", "n0,n1,n2", "--bits-per-coordinate", "4,n1=0");
    Cli.Result none = allocate(round, "12", "--json");
    assertThat(none.toString(), none.code(), is(3));
    assertThat(
        none.err(), containsString("manifest.json: no such file; 'sluice aggregate' writes it"));
    assertThat(allocate(round, "12").err(), containsString("--out FILE is needed"));
    assertThat(allocate(round, "12", "--json", "--raw").err(), containsString("--raw is for"));

    moments(round, m -> {}, node("n0", 8));
    Cli.Result missing = allocate(round, "12", "--json");
    assertThat(missing.toString(), missing.code(), is(3));
    assertThat(
        missing.err(),
        containsString(
            "node 'n2' has no moments: none of its blocks were averaged in round 'w' (its uplink was"
                + " rejected or missing); leave it out with --cap n2=0"));
    Allocation left = read(allocate(round, "12", "--json", "--cap", "n2=0"));
    assertBits(left, 12, 0, 0);
    Cli.Result silent = allocate(round, "12", "--json", "--cap", "n2=0,n1=3");
    assertThat(silent.toString(), silent.code(), is(2));
    assertThat(silent.err(), containsString("--cap gives bits to 'n1', which had none"));

    moments(round, m -> m.setSpread(null), node("n0", 8), node("n2", 8));
    Cli.Result spread = allocate(round, "12", "--json", "--floor", "0");
    assertThat(spread.toString(), spread.code(), is(3));
    assertThat(spread.err(), containsString("is not known"));
    moments(round, m -> m.setPlanDigest("00"), node("n0", 8), node("n2", 8));
    Cli.Result other = allocate(round, "12", "--json");
    assertThat(other.toString(), other.code(), is(3));
    assertThat("they are taken anew", other.err(), containsString("teacher/teacher-00000.npy"));
  }

  @Test
  void clipsAreChosenByTheRangeThatWasSeen() throws IOException {
    Path round = round("w", "a,b,c", "--clip", "8");
    NodeMoments narrow = node("a", 8);
    narrow.setMin(-1.0);
    narrow.setMax(2.0);
    NodeMoments clipped = node("b", 8);
    clipped.setMin(-1.0);
    clipped.setMax(1.0);
    clipped.setClippedCoordinates(1L);
    moments(round, m -> {}, narrow, clipped, node("c", 8));
    Allocation range = read(allocate(round, "12", "--json"));
    double level = 2 + 8.0 / 15;
    assertThat(range.getNodes().get(0).getClip(), closeTo(level, 1e-15));
    assertThat(range.getNodes().get(0).getWeight(), closeTo(level * level / 3, 1e-12));
    assertThat(range.getNodes().get(1).getClip(), is(8.0));
    assertThat(range.getNodes().get(2).getClip(), is(8.0));
    Allocation planned = read(allocate(round, "12", "--json", "--clips", "plan"));
    assertThat(planned.getNodes().get(0).getClip(), is(8.0));
    assertThat(planned.getPredicted().getThisSplit(), is(planned.getPredicted().getUniform()));

    Path perProbe = round("p", "a,b", "--clip", "probe");
    NodeMoments mean = node("a", 8);
    mean.setMeanSquareClip(9.0);
    moments(perProbe, m -> {}, mean, node("b", 8));
    Allocation probe = read(allocate(perProbe, "8", "--json"));
    assertThat(probe.getNodes().get(0).getClip(), is(3.0));
    assertThat(probe.getNodes().get(0).getWeight(), closeTo(3, 1e-15));
  }

  /** FORMAT 3.4: 16 bits a probe of every node's budget carry its clip level. */
  @ParameterizedTest
  @CsvSource({
    "8,1,false",
    "5,1,false",
    "5.5,1,false",
    "5.5,0,false",
    "9,1,true",
    "9,2,false",
    "64,1,false"
  })
  void levelsOfProbesArePaidFromTheBudget(String total, String floor, boolean whole)
      throws IOException {
    Path round = warmUp("--clip", "probe");
    Path out = directory.resolve("a.json");
    List<String> more =
        new ArrayList<>(List.of("--json", "--floor", floor, "--out", out.toString()));
    if (whole) {
      more.add("--integer");
    }
    Allocation allocation = read(allocate(round, total, more.toArray(new String[0])));
    assertThat(
        allocation.getSpentBitsPerCoordinate(), lessThanOrEqualTo(Double.parseDouble(total)));
    Path next = directory.resolve("next");
    Cli.Result planned =
        Cli.run(
            "plan",
            "--round",
            next.toString(),
            "--id",
            "next",
            "--from",
            round.toString(),
            "--allocation",
            out.toString());
    assertThat(planned.toString(), planned.code(), is(0));
    PlannedRound plan =
        PlannedRound.parse(Files.readAllBytes(next.resolve("plan.json")), "plan.json");
    double sum = 0;
    double active = 0;
    for (int i = 0; i < 4; i++) {
      double b = plan.nodes().get(i).getBitsPerCoordinate();
      assertThat(b, is(bits(allocation)[i]));
      if (b == 0) {
        continue;
      }
      assertThat(b, greaterThanOrEqualTo(Math.max(1.25, Double.parseDouble(floor))));
      assertThat(b, lessThanOrEqualTo(16.0));
      BlockShape shape = plan.shape(i, 0);
      if (whole) {
        assertThat(shape.symbols(), is(allocation.getNodes().get(i).getSymbols()));
      }
      sum += shape.meanVariance(allocation.getNodes().get(i).getClip());
      active++;
    }
    double real = sum / (2 * active * active);
    // A bit of each probe's is lost at most to whole bits, and one of a block's to its code.
    assertThat(allocation.getPredicted().getThisSplit(), closeTo(real, 0.03 * real));
  }

  @Test
  void boundsAndTotalsOfProbesAreAsTyped() throws IOException {
    Path round = warmUp("--clip", "probe");
    Cli.Result small = allocate(round, "4.9", "--json");
    assertThat(small.toString(), small.code(), is(3));
    assertThat(
        small.err(),
        containsString("total of 4.9 bits per coordinate is below 5.0, the sum of the least"));
    Cli.Result cap = allocate(round, "8", "--json", "--cap", "n1=1");
    assertThat(cap.toString(), cap.code(), is(3));
    assertThat(
        cap.err(),
        containsString(
            "cap of node 'n1' must be 0, which leaves it out, or at least 1.25 bits per coordinate"
                + " (0.25 of them beside the code, for clip levels), got 1.0"));
    Allocation capped = read(allocate(round, "8", "--json", "--cap", "n1=1.25"));
    assertThat(bits(capped)[1], is(1.25));
    Cli.Result curve = allocate(round, "8", "--curve", "--json");
    assertThat(curve.toString(), curve.code(), is(0));
    JsonNode rows = new ObjectMapper().readTree(curve.out());
    assertThat(rows.get(0).get("totalBitsPerCoordinate").doubleValue(), is(5.0));
    // The published quantiser's symbols are of b, whatever its budget.
    Path paper = round("q", "a,b", "--clip", "probe", "--quantizer", "dither-paper");
    moments(paper, m -> {}, node("a", 8), node("b", 8));
    assertBits(read(allocate(paper, "2", "--json")), 1, 1);
  }

  /** Half-widths by Hoeffding and empirical Bernstein, and what they leave. */
  @Test
  void secondMomentsComeWithTheirCertificate() throws IOException {
    Path round = round("w", "n0,n1,n2,n3", "--clip", "8,n2=2,n3=2");
    NodeMoments[] nodes = {node("n0", 8), node("n1", 8), node("n2", 2), node("n3", 2)};
    for (NodeMoments node : nodes) {
      node.setProbes(10_000L);
    }
    moments(round, m -> {}, nodes);
    Allocation allocation =
        read(allocate(round, "12", "--json", "--weights", "second-moment", "--delta", "0.1"));
    assertThat(allocation.getWeights(), is("second-moment"));
    assertThat(allocation.getNodes().get(0).getWeight(), closeTo(16, 1e-12));
    var certificate = allocation.getCertificate();
    double range = 8 * 16 / 15.0 * 8 * 16 / 15.0;
    assertThat(certificate.getSamples(), is(10_000L));
    assertThat(certificate.getDelta(), is(0.1));
    assertThat(
        certificate.getHoeffding(),
        closeTo(range * Math.sqrt(Math.log(2 * 4 / 0.1) / 20_000), 1e-9));
    double half = certificate.getHoeffding();
    assertThat(certificate.getHoeffdingEpsilon(), closeTo(half / (16 - half), 1e-9));
    assertThat(
        certificate.getBernstein(),
        closeTo(MomentBound.empiricalBernstein(8 * 8 * 8 * 8 / 1e6, range, 4, 10_000, 0.1), 1e-9));
    double both = MomentBound.empiricalBernstein(8 * 8 * 8 * 8 / 1e6, range, 4, 10_000, 0.05);
    double epsilon =
        Math.min(
            both / (16 - both),
            MomentBound.relativeToEstimate(MomentBound.hoeffding(range, 4, 10_000, 0.05), 16));
    assertThat(certificate.getLemma(), closeTo((1 + epsilon) / (1 - epsilon), 1e-9));
    // Prediction is of the channel: the ratio of the two weights is the same for all nodes.
    Allocation byClip = read(allocate(round, "12", "--json"));
    assertThat(
        allocation.getPredicted().getThisSplit(),
        closeTo(byClip.getPredicted().getThisSplit(), 1e-12));
    Allocation raw = read(allocate(round, "12", "--json", "--weights", "second-moment", "--raw"));
    assertThat(raw.getNodes().get(0).getWeight(), greaterThan(16.0));
    assertThat(
        "of what is built, Specht's ratio is no bound",
        raw.getCertificate().getSharp(),
        nullValue());
    Allocation even =
        read(allocate(round, "12", "--json", "--weights", "second-moment", "--policy", "uniform"));
    assertThat("it minimises nothing", even.getCertificate().getLemma(), nullValue());
  }

  @Test
  void nothingElseIsOverwritten() throws IOException {
    Path round = warmUp();
    String plan = round.resolve("plan.json").toString();
    byte[] before = Files.readAllBytes(Path.of(plan));
    Cli.Result refused = allocate(round, "12", "--out", plan);
    assertThat(refused.toString(), refused.code(), is(3));
    assertThat(refused.err(), containsString("plan.json: a file is there that is no allocation"));
    assertThat(Files.readAllBytes(Path.of(plan)), equalTo(before));
    String own = directory.resolve("own.json").toString();
    assertThat(allocate(round, "12", "--out", own).code(), is(0));
    assertThat(allocate(round, "16", "--out", own).code(), is(0));
  }

  @Test
  void aRangeReadOffTheSampleBoundsNothing() throws IOException {
    Path round = round("w", "n0,n1,n2,n3");
    NodeMoments[] nodes = {node("n0", 8), node("n1", 8), node("n2", 2), node("n3", 2)};
    for (NodeMoments node : nodes) {
      node.setProbes(10_000L);
    }
    moments(round, m -> {}, nodes);
    var certificate =
        read(allocate(round, "12", "--json", "--weights", "second-moment")).getCertificate();
    assertThat(certificate.getHoeffdingVerdict(), is("vacuous"));
    assertThat(certificate.getBernsteinVerdict(), is("vacuous"));
    assertThat(certificate.getLemma(), nullValue());
  }

  @Test
  void emptyCertificatesSayVacuous() throws IOException {
    Path round = round("w", "a,b");
    NodeMoments flat = node("a", 20);
    flat.setSecondMoment(-0.01);
    NodeMoments one = node("b", 20);
    one.setSecondMoment(1.0);
    one.setBlockVariance(null);
    one.setProbes(1L);
    moments(round, m -> {}, flat, one);
    Cli.Result text =
        allocate(
            round, "8", "--weights", "second-moment", "--out", directory.resolve("a").toString());
    assertThat(text.toString(), text.code(), is(0));
    assertThat(
        text.out(),
        allOf(containsString("vacuous"), containsString("vacuous: nothing is certain")));
    Allocation allocation = read(allocate(round, "8", "--json", "--weights", "second-moment"));
    assertThat(allocation.getCertificate().getSamples(), is(1L));
    assertThat(allocation.getCertificate().getBernstein(), nullValue());
    assertThat(allocation.getCertificate().getBernsteinVerdict(), is("vacuous"));
    assertThat(allocation.getCertificate().getHoeffdingEpsilon(), nullValue());
    assertThat(allocation.getCertificate().getLemma(), nullValue());
    assertThat(
        allocation.getNodes().get(0).getWeight(),
        closeTo(flat.getRawSecondMoment() / (1 << 20), 1e-12));
  }

  /** Fixed probes: as many samples as before; redrawn ones add up, their variances are pooled. */
  @Test
  void severalRounds() throws IOException {
    Path first = round("w1", "a,b");
    Path second = round("w2", "a,b");
    moments(first, m -> {}, node("a", 8), node("b", 2));
    NodeMoments other = node("a", 4);
    other.setProbes(300L);
    moments(second, m -> {}, other, node("b", 2));
    Path both = Path.of(first + "," + second);
    Allocation fixed = read(allocate(both, "8", "--json", "--weights", "second-moment"));
    assertThat(fixed.getRound(), is("w1,w2"));
    assertThat(fixed.getPlanDigest().length(), is(129));
    String file = directory.resolve("both.json").toString();
    assertThat(allocate(both, "8", "--out", file).code(), is(0));
    Cli.Result planned =
        Cli.run(
            "plan",
            "--round=" + directory.resolve("next"),
            "--id=next",
            "--from=" + second,
            "--allocation=" + file);
    assertThat(planned.toString(), planned.code(), is(0));
    assertThat(fixed.getNodes().get(0).getWeight(), closeTo((16 + 4) / 2.0, 1e-12));
    assertThat(fixed.getNodes().get(0).getClip(), is(8.0));
    assertThat(fixed.getCertificate().getSamples(), is(100L));
    Allocation redrawn =
        read(allocate(both, "8", "--json", "--weights", "second-moment", "--redrawn"));
    assertThat(redrawn.getNodes().get(0).getWeight(), closeTo((100 * 16 + 300 * 4) / 400.0, 1e-12));
    assertThat(redrawn.getCertificate().getSamples(), is(200L)); // b's, the fewest
    double rawFirst = 16 + 64 * 4 / 225.0 / 12;
    double rawSecond = 4 + 16 * 4 / 225.0 / 12;
    double mean = (100 * rawFirst + 300 * rawSecond) / 400;
    double pooled =
        (99 * 4096 / 1e6
                + 299 * 256 / 1e6
                + 100 * Math.pow(rawFirst - mean, 2)
                + 300 * Math.pow(rawSecond - mean, 2))
            / 399;
    double range = 8 * 16 / 15.0 * 8 * 16 / 15.0;
    assertThat(
        redrawn.getCertificate().getBernstein(),
        closeTo(MomentBound.empiricalBernstein(pooled, range, 2, 200, 0.05), 1e-9));

    Cli.Result twice = allocate(Path.of(first + "," + first), "8", "--json");
    assertThat(twice.toString(), twice.code(), is(3));
    assertThat(twice.err(), containsString("round 'w1' is there twice"));
    Path third = round("w3", "a,c");
    Cli.Result unlike = allocate(Path.of(first + "," + third), "8", "--json");
    assertThat(unlike.toString(), unlike.code(), is(3));
    assertThat(unlike.err(), containsString("field 'nodes': found a,c, expected a,b as in"));
  }
}
