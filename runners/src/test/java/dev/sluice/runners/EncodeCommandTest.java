package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EncodeCommandTest {
  private static final int ROWS = Site.PROBES;
  private static final int COLUMNS = Site.VOCABULARY;

  @TempDir Path directory;
  private Path round;

  @BeforeEach
  void plan() throws IOException {
    round = directory.resolve("round");
    Site.plan(
        round,
        "a,b,quiet",
        plan -> {
          plan.getNodes().get(2).setBitsPerCoordinate(0.0);
          plan.getNodes().get(2).setBitsPerProbe(0L);
        });
  }

  private Cli.Result encode(Path logits, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "encode",
                "--round",
                round.toString(),
                "--node",
                "a",
                "--logits",
                logits.toString()));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(new String[0]));
  }

  private void refused(Cli.Result result, String message) throws IOException {
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), allOf(containsString(message), not(containsString("\tat "))));
    assertThat(result.out(), is(""));
    assertThat(
        "nothing is sent", Files.exists(round.resolve("uplink/a/codes-00000.avro")), is(false));
    assertNothingAside();
  }

  private void assertNothingAside() throws IOException {
    try (Stream<Path> entries = Files.list(round)) {
      assertThat(
          entries
              .map(path -> path.getFileName().toString())
              .filter(n -> n.startsWith("."))
              .toList(),
          is(List.of()));
    }
  }

  @Test
  void sendsTheSameBytesAgain() throws IOException {
    Path logits = Site.npy(directory.resolve("a.npy"), Site.logits(1));
    Cli.Result first = encode(logits);
    assertThat(first.toString(), first.code(), is(0));
    assertThat(first.out(), containsString("64.0 of codes (budget 64)"));
    byte[] sent = Files.readAllBytes(round.resolve("uplink/a/codes-00000.avro"));
    assertThat(encode(logits, "--parallelism", "1").code(), is(0));
    assertThat(Files.readAllBytes(round.resolve("uplink/a/codes-00000.avro")), equalTo(sent));
    assertNothingAside();
  }

  @Test
  void takesPathsWithSpacesAndBackslashes() throws IOException {
    Path odd = Files.createDirectories(directory.resolve("a b\\c d"));
    Path logits = Site.npy(odd.resolve("my [logits].npy"), Site.logits(1));
    Files.move(round, odd.resolve("ro und\\1"));
    round = odd.resolve("ro und\\1");
    Cli.Result result = encode(logits);
    assertThat(result.toString(), result.code(), is(0));
    try (Stream<Path> files = Files.list(round.resolve("uplink/a"))) {
      assertThat(files.count(), is(4L));
    }
    assertNothingAside();
    Cli.Result aggregated = Cli.run("aggregate", "--round", round.toString(), "--min-nodes", "1");
    assertThat(aggregated.toString(), aggregated.code(), is(0));
    assertThat(Cli.run("inspect", round.toString()).out(), containsString("done"));
  }

  @Test
  void refusesFilesThatAreNoLogits() throws IOException {
    refused(encode(directory.resolve("none.npy")), "none.npy: no such file");
    refused(encode(directory), "a directory");
    Path text = directory.resolve("text.npy");
    refused(encode(Files.writeString(text, "hello, I am no matrix")), "text.npy");
    refused(encode(Files.write(text, new byte[0])), "text.npy");
    float[] logits = Site.logits(1);
    refused(encode(Site.npy(text, "'<i4'", "False", "(40, 16)", logits)), "dtype '<i4'");
    refused(encode(Site.npy(text, "'<f4'", "True", "(40, 16)", logits)), "Fortran order");
    refused(encode(Site.npy(text, "'<f4'", "False", "(16, 40)", logits)), "expected (40, 16)");
    refused(encode(Site.npy(text, "'<f4'", "False", "(640,)", logits)), "dimensions");
    refused(encode(Site.npy(text, "'<f4'", "False", "(40, 16)", new float[600])), "truncated");
    refused(encode(Site.npy(text, "'<f4'", "False", "(40, 16)", new float[641])), "too long");
  }

  @ParameterizedTest
  @CsvSource({"NaN", "Infinity"})
  void namesProbeAndCoordinateOfAnImpossibleLogit(float value) throws IOException {
    float[] logits = Site.logits(1);
    logits[37 * COLUMNS + 5] = value;
    Path file = Site.npy(directory.resolve("a.npy"), logits);
    refused(encode(file), "probe 37, coordinate 5: found " + value);
    refused(encode(file, "--masked", "floor"), "probe 37, coordinate 5: found " + value);
  }

  @Test
  void sendsMaskedTokensOnlyWhenTold() throws IOException {
    float[] logits = Site.logits(1);
    logits[3 * COLUMNS + 2] = Float.NEGATIVE_INFINITY;
    Path file = Site.npy(directory.resolve("a.npy"), logits);
    refused(encode(file), "--masked floor");
    Cli.Result result = encode(file, "--masked", "floor");
    assertThat(result.toString(), result.code(), is(0));
    assertThat(result.out(), containsString("1 masked"));
    assertThat(encode(file, "--masked", "zero").code(), is(2));
  }

  @Test
  void failedEncodingLeavesTheEarlierOne() throws IOException {
    assertThat(encode(Site.npy(directory.resolve("a.npy"), Site.logits(1))).code(), is(0));
    byte[] sent = Files.readAllBytes(round.resolve("uplink/a/codes-00003.avro"));
    float[] bad = Site.logits(2);
    bad[ROWS * COLUMNS - 1] = Float.NaN;
    assertThat(encode(Site.npy(directory.resolve("bad.npy"), bad)).code(), is(3));
    assertThat(Files.readAllBytes(round.resolve("uplink/a/codes-00003.avro")), equalTo(sent));
    assertNothingAside();
  }

  @Test
  void refusesNodesThatAreNotAsked() throws IOException {
    Path logits = Site.npy(directory.resolve("a.npy"), Site.logits(1));
    String[] encode = {
      "encode", "--round", round.toString(), "--logits", logits.toString(), "--node"
    };
    for (String node : List.of("c", "../a", "")) {
      String[] args = java.util.Arrays.copyOf(encode, encode.length + 1);
      args[encode.length] = node;
      refused(Cli.run(args), "no node '" + node + "' in the plan; it has a, b, quiet");
    }
    String[] args = java.util.Arrays.copyOf(encode, encode.length + 1);
    args[encode.length] = "quiet";
    refused(Cli.run(args), "has no bits");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"seed\"|\"sede\"|field 'sede': found an unknown field",
        "\"probes\" : 40|\"probes\" : \"40\"|field 'probes'",
        "\"probes\" : 40|\"probes\" : 40.5|field 'probes'",
        "\"bitsPerProbe\" : 64|\"bitsPerProbe\" : 65|nodes[0].bitsPerProbe",
        "\"bitsPerCoordinate\" : 4.0|\"bitsPerCoordinate\" : 20.0|nodes[0].bitsPerCoordinate",
        "\"name\" : \"b\"|\"name\" : \"a\"|a second time",
        "\"name\" : \"b\"|\"name\" : \"../b\"|nodes[1].name",
        "\"id\" : \"r1\"|\"id\" : \"r/1\"|field 'id'",
        "\"probesPerBlock\" : 4|\"probesPerBlock\" : 0|layout.probesPerBlock",
        "sluice-plan-1|sluice-plan-9|field 'format'",
        "\"policy\" : \"auto\"|\"policy\" : \"fixed\"|clip.level",
        "{|[|not a JSON document",
      })
  void refusesBadPlans(String found, String replacement, String message) throws IOException {
    Path plan = round.resolve("plan.json");
    String text = Files.readString(plan);
    assertThat(text, containsString(found));
    int at = text.indexOf(found);
    Files.writeString(
        plan, text.substring(0, at) + replacement + text.substring(at + found.length()));
    refused(encode(Site.npy(directory.resolve("a.npy"), Site.logits(1))), message);
    Cli.Result aggregate = Cli.run("aggregate", "--round", round.toString());
    assertThat(aggregate.code(), is(3));
    assertThat(aggregate.err(), containsString(message));
    assertThat(Cli.run("inspect", plan.toString()).code(), is(3));
  }

  @Test
  void saysWhereAPlanWouldBe() throws IOException {
    Files.delete(round.resolve("plan.json"));
    refused(
        encode(Site.npy(directory.resolve("a.npy"), Site.logits(1))), "plan.json: no such file");
  }

  @Test
  void holdsSharedFilesAgainstThePlan() throws IOException {
    Path ours = Files.writeString(directory.resolve("probes"), "abc");
    Path theirs = Files.writeString(directory.resolve("other"), "abd");
    Path logits = Site.npy(directory.resolve("a.npy"), Site.logits(1));
    refused(encode(logits, "--probe-set", ours.toString()), "names no probe set");
    String digest = FileDigest.of(ours.toString());
    Site.plan(directory.resolve("other-round"), "a,b", plan -> plan.setProbeSetDigest(digest));
    round = directory.resolve("other-round");
    refused(encode(logits), "--probe-set");
    refused(encode(logits, "--probe-set", theirs.toString()), "found SHA-256");
    refused(encode(logits, "--probe-set", theirs + "x"), "no such file");
    assertThat(encode(logits, "--probe-set", ours.toString()).code(), is(0));
  }

  /** A full disk cannot be had without privileges; a device that always is one says the same. */
  @Test
  void saysSoWhenTheDiskIsFull() {
    Path full = Path.of("/dev/full");
    Assumptions.assumeTrue(Files.exists(full), "no /dev/full on this machine");
    IOException failure =
        assertThrows(
            IOException.class,
            () -> {
              try (OutputStream out = Files.newOutputStream(full)) {
                out.write(new byte[10]);
              }
            });
    Throwable wrapped = new IllegalStateException("bundle failed", new RuntimeException(failure));
    assertThat(Failures.badInput(wrapped).orElseThrow(), containsString("No space left"));
  }

  @Test
  void saysSoWhenTheUplinkCannotBeWritten() throws IOException {
    Files.writeString(round.resolve("uplink"), "in the way");
    Cli.Result result = encode(Site.npy(directory.resolve("a.npy"), Site.logits(1)));
    refused(result, round.resolve("uplink").toString());
  }
}
