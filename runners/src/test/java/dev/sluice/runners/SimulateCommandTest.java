package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.schemas.Perplexity;
import dev.sluice.schemas.SimulatedAnswers;
import dev.sluice.schemas.SimulatedChannel;
import dev.sluice.schemas.Simulation;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.simulation.MadeUpText;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("long")
class SimulateCommandTest {
  private static final Path WIKITEXT = Path.of("../../shared/data/wikitext-2");

  @TempDir Path directory;
  private String text;

  @BeforeEach
  void writeText() throws IOException {
    text = write("text.txt", MadeUpText.of(800, 60, 1).getBytes(StandardCharsets.UTF_8));
  }

  private String write(String name, byte[] bytes) throws IOException {
    return Files.write(directory.resolve(name), bytes).toString();
  }

  private Cli.Result small(String out, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of("simulate", "--text", text, "--nodes", "3", "--vocab", "64", "--probes", "60"));
    args.addAll(List.of("--held-out", "200", "--out", directory.resolve(out).toString()));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(String[]::new));
  }

  private Simulation read(String out) throws IOException {
    byte[] bytes = Files.readAllBytes(directory.resolve(out).resolve("simulation.json"));
    return PlainJson.read(Simulation.class, Simulation.getClassSchema(), bytes, out);
  }

  private static Perplexity find(Simulation s, String model, Double bits, int round) {
    return s.getPerplexities().stream()
        .filter(
            p ->
                p.getModel().equals(model)
                    && Objects.equals(p.getBits(), bits)
                    && p.getRound() == round)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aDocumentSaysWhatEveryModelMadeOfTheText() throws Exception {
    Cli.Result result = small("sim", "--bits", "8,2", "--rounds", "2");
    assertThat(result.toString(), result.code(), is(0));
    assertThat(result.out(), containsString("counterpart of the papers' E3 and E5"));
    Simulation s = read("sim");
    assertThat(s.getFormat(), is("sluice-simulation-1"));
    assertThat(s.getTexts().get(0).getName(), is("text.txt"));
    assertThat(s.getShardTokens(), hasSize(3));
    assertThat(
        s.getShardTokens().stream().mapToLong(Long::longValue).sum()
            + s.getBaseTokens()
            + s.getProbeTokens()
            + s.getQuestionTokens(),
        lessThan(s.getTexts().get(0).getTokens()));
    // base, 3 nodes, pooled; teacher and student of 2 rounds thrice; FedDF's students
    assertThat(s.getPerplexities(), hasSize(5 + 2 * 2 * 3 + 2));
    for (Perplexity p : s.getPerplexities()) {
      assertThat(p.getPerplexity(), closeTo(StrictMath.exp(p.getNll()), 1e-9));
      assertThat(p.getNllStandardError(), greaterThan(0.0));
    }
    assertThat(find(s, "none", null, 2).getExcess(), is(0.0));
    Perplexity student = find(s, "student", 8.0, 2);
    assertThat(
        student.getExcess(), closeTo(student.getNll() - find(s, "none", null, 2).getNll(), 1e-12));
    double base = find(s, "base", null, 0).getPerplexity();
    assertThat(student.getPerplexity(), lessThan(base));
    assertThat(
        find(s, "pooled", null, 0).getPerplexity(),
        lessThan(find(s, "node", null, 0).getPerplexity()));
    assertThat(
        s.getChannels().stream().map(SimulatedChannel::getBits).toList(),
        is(List.of(2.0, 2.0, 8.0, 8.0)));
    for (SimulatedChannel c : s.getChannels()) {
      double error = 5 * c.getKlStandardError();
      assertThat(c.getKl(), greaterThan(c.getLower() - error));
      assertThat(c.getKl(), lessThan(c.getUpper() + error));
      assertThat(c.getFit(), greaterThan(0.0));
    }
    assertThat(s.getAnswers(), hasSize(3));
    for (SimulatedAnswers a : s.getAnswers()) {
      assertThat(a.getHigh(), greaterThanOrEqualTo(0.9));
      assertThat(a.getLow(), lessThan(a.getCoverage()));
      assertThat(a.getSetSize(), lessThan(8.0));
      // sizes are in [0, 8]: their deviation is at most 4
      assertThat(a.getSetSizeError(), greaterThan(0.0));
      assertThat(a.getSetSizeError(), lessThan(4 / Math.sqrt(a.getQueries() - 1.0)));
      assertThat(a.getAccuracy(), greaterThan(1.0 / 8));
    }
    assertThat(
        Files.list(directory.resolve("sim")).map(p -> p.getFileName().toString()).sorted().toList(),
        is(List.of("report", "simulation.json")));
  }

  @Test
  void everyRunnerGivesTheSameBytes() throws Exception {
    byte[] expected = null;
    for (String[] runner : new String[][] {{"direct", "1"}, {"direct", "2"}, {"flink", "2"}}) {
      String out = runner[0] + runner[1];
      Cli.Result result =
          small(
              out,
              "--bits",
              "3.5",
              "--rounds",
              "1",
              "--runner",
              runner[0],
              "--parallelism",
              runner[1]);
      assertThat(out + result, result.code(), is(0));
      byte[] bytes = Files.readAllBytes(directory.resolve(out).resolve("simulation.json"));
      expected = expected == null ? bytes : expected;
      assertThat(out, bytes, is(expected));
    }
  }

  @Test
  void badInputIsNamed() throws Exception {
    Cli.Result few = small("sim", "--nodes", "40");
    assertThat(few.toString(), few.code(), is(2)); // --nodes twice
    text = write("short.txt", "a b c\n".getBytes(StandardCharsets.UTF_8));
    refused(small("sim"), 3, "short.txt: found 4 words, too few for 3 nodes");
    text = write("latin.txt", new byte[] {'a', '\n', (byte) 0xe9, ' '});
    refused(small("sim"), 3, "latin.txt: line 2");
    text = write("empty.txt", new byte[0]);
    refused(small("sim"), 3, "empty.txt: no words");
    text = directory.resolve("none.txt").toString();
    refused(small("sim"), 3, "none.txt: no such file");
    assertThat(Files.exists(directory.resolve("sim")), is(false));
  }

  @Test
  void wrongOptionsAreNamed() throws Exception {
    refused(small("sim", "--bits", "0.5"), 2, "--bits must be in [1, 16]");
    refused(small("sim", "--rounds", "0"), 2, "--rounds must be in");
    Cli.Result many =
        Cli.run(
            "simulate",
            "--text",
            text,
            "--nodes",
            "2",
            "--probes",
            "5000",
            "--vocab",
            "64",
            "--out",
            directory.resolve("sim").toString());
    refused(many, 3, "different contexts, expected at least the 5000 probes");
    Cli.Result large =
        Cli.run(
            "simulate",
            "--text",
            text,
            "--nodes",
            "2",
            "--probes",
            "900000",
            "--vocab",
            "65536",
            "--out",
            directory.resolve("sim").toString());
    refused(large, 3, "--vocab times --probes");
  }

  private static void refused(Cli.Result result, int code, String message) {
    assertThat(result.toString(), result.code(), is(code));
    assertThat(result.err(), allOf(containsString("sluice: "), containsString(message)));
  }

  /** Real text, of which the project has none: without it beside the checkout, skipped. */
  @Test
  void onRealTextPerplexityFallsWithBitsAndEightCostNothing() throws Exception {
    assumeTrue(Files.isDirectory(WIKITEXT), "no WikiText beside this checkout");
    text = WIKITEXT.resolve("valid.txt").toString();
    Cli.Result result =
        Cli.run(
            "simulate",
            "--text",
            text,
            "--nodes",
            "4",
            "--vocab",
            "512",
            "--probes",
            "600",
            "--held-out",
            "1000",
            "--rounds",
            "2",
            "--bits",
            "2,4,8",
            "--out",
            directory.resolve("sim").toString());
    assertThat(result.toString(), result.code(), is(0));
    Simulation s = read("sim");
    double none = find(s, "none", null, 2).getPerplexity();
    double two = find(s, "student", 2.0, 2).getPerplexity();
    double four = find(s, "student", 4.0, 2).getPerplexity();
    double eight = find(s, "student", 8.0, 2).getPerplexity();
    assertThat(eight, closeTo(none, 0.01 * none));
    assertThat(two, greaterThan(four));
    assertThat(four, greaterThan(eight * (1 - 1e-3)));
    assertThat(none, lessThan(find(s, "base", null, 0).getPerplexity()));
  }
}
