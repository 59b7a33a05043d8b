package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import dev.sluice.schemas.Audit;
import dev.sluice.schemas.ComparedCell;
import dev.sluice.schemas.Comparison;
import dev.sluice.schemas.json.PlainJson;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("long")
class CompareCommandTest {
  @TempDir Path directory;
  private String n0;
  private String n1;
  private String base;
  private String next;

  @BeforeEach
  void writeLogits() throws IOException {
    n0 = write("n0.npy", Site.logits(1));
    n1 = write("n1.npy", Site.logits(2));
    base = write("base.npy", Site.logits(3));
    next = tokens("next.npy", i -> i % Site.VOCABULARY, Site.PROBES);
  }

  private String write(String name, float... logits) throws IOException {
    return Site.npy(directory.resolve(name), logits).toString();
  }

  /** Writes int32 numbers as floats of the same bits. */
  private String tokens(String name, java.util.function.IntUnaryOperator token, int count)
      throws IOException {
    ByteBuffer bits = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
    float[] data = new float[count];
    for (int i = 0; i < count; i++) {
      data[i] = bits.putInt(0, token.applyAsInt(i)).getFloat(0);
    }
    return Site.npy(directory.resolve(name), "'<i4'", "False", "(" + count + ",)", data).toString();
  }

  private Cli.Result compare(String out, String... more) {
    List<String> args = new ArrayList<>(List.of("compare", "--logits", n0, n1));
    args.addAll(List.of("--report", directory.resolve(out).toString()));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(String[]::new));
  }

  private static Comparison read(byte[] json) throws IOException {
    return PlainJson.read(Comparison.class, Comparison.getClassSchema(), json, "test");
  }

  private Comparison read(String out) throws IOException {
    return read(Files.readAllBytes(directory.resolve(out).resolve("comparison.json")));
  }

  private static ComparedCell cell(Comparison run, String channel, long budget) {
    return run.getCells().stream()
        .filter(cell -> cell.getChannel().equals(channel) && cell.getBudget() == budget)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void everyRunnerWritesTheSameBytes() throws IOException {
    byte[] document = null;
    byte[] page = null;
    for (RunnerChoice choice :
        List.of(
            RunnerChoice.direct().withParallelism(1),
            RunnerChoice.direct().withParallelism(3),
            RunnerChoice.flink().withParallelism(2))) {
      Path out = directory.resolve(choice.engine() + "-" + choice.parallelism());
      Cli.Result result =
          compare(
              out.getFileName().toString(),
              "--reference",
              base,
              "--next-token",
              next,
              "--budgets",
              "40,250,900",
              "--json",
              "--runner",
              choice.engine().name().toLowerCase(Locale.ROOT),
              "--parallelism",
              "" + choice.parallelism());
      assertThat(choice + ": " + result, result.code(), is(0));
      byte[] written = Files.readAllBytes(out.resolve("comparison.json"));
      assertThat(result.out().getBytes(StandardCharsets.UTF_8), is(written));
      byte[] html = Files.readAllBytes(out.resolve("report/index.html"));
      assertThat(written, is(document == null ? written : document));
      assertThat(html, is(page == null ? html : page));
      document = written;
      page = html;
      try (Stream<Path> left = Files.list(out)) {
        assertThat(left.count(), is(2L)); // nothing aside
      }
    }
  }

  @Test
  void aDocumentSaysWhatWasComparedAndTheTableShowsIt() throws IOException {
    Cli.Result result =
        compare("out", "--reference", base, "--next-token", next, "--budgets", "900,40,250,250");
    assertThat(result.toString(), result.code(), is(0));
    Comparison run = read("out");
    assertThat(run.getFormat(), is("sluice-comparison-1"));
    assertThat(run.getBudgets(), is(List.of(40L, 250L, 900L)));
    assertThat(run.getNodes().get(1).getName(), is("n1.npy"));
    assertThat(run.getReference().getSha256(), is(FileDigest.of(base)));
    assertThat(run.getNextToken().getName(), is("next.npy"));
    assertThat(run.getCells().size(), is(3 * run.getChannels().size()));
    for (int i = 0; i < run.getCells().size(); i++) {
      ComparedCell cell = run.getCells().get(i);
      int channels = run.getChannels().size();
      assertThat(cell.getChannel(), is(run.getChannels().get(i % channels).getName()));
      assertThat(cell.getBudget(), is(run.getBudgets().get(i / channels)));
      if (cell.getTax() != null) {
        assertThat(cell.getTax(), closeTo(cell.getPerplexity() - run.getExactPerplexity(), 1e-9));
      }
    }
    assertThat(
        result.out(),
        allOf(
            containsString("40 probes of 16 tokens, 2 nodes; relative to base.npy."),
            containsString("absent: a node's files take "),
            containsString("  900 bits"),
            containsString("least KL   ")));
    assertThat(
        Files.readString(directory.resolve("out/report/index.html")),
        containsString("Divergence against bits"));
  }

  /**
   * What is said of the channel of a round is what becomes of a round: its files have so many
   * bytes, and its audit finds the same divergence.
   */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "dither", "midrise"})
  void aRoundOfTheSameBitsIsTheSame(String channel) throws IOException {
    Cli.Result compared =
        compare("out", "--quantizer", channel, "--budgets", "256", "--reference", base);
    assertThat(compared.toString(), compared.code(), is(0));
    ComparedCell cell = cell(read("out"), channel, 256);
    Path round = directory.resolve("r");
    List<String> plan = new ArrayList<>(List.of("plan", "--round", round.toString(), "--id", "r"));
    plan.addAll(List.of("--nodes", "n0,n1", "--probes", "" + Site.PROBES));
    plan.addAll(List.of("--vocab", "" + Site.VOCABULARY));
    if (channel.equals("reference")) {
      plan.addAll(List.of("--channel", channel, "--reference", base, "--bits-per-probe", "256"));
    } else {
      double bits = Double.parseDouble(cell.getSetting().split(" ", 2)[0]);
      plan.addAll(List.of("--bits-per-coordinate", "" + bits / Site.VOCABULARY));
      plan.addAll(List.of("--quantizer", channel, "--clip", "probe"));
    }
    ProbeLogits.run(plan.toArray(String[]::new));
    Site.send(round, "n0", Path.of(n0));
    Site.send(round, "n1", Path.of(n1));
    long bytes = 0;
    try (Stream<Path> files = Files.walk(round.resolve("uplink"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        bytes += Files.size(file);
      }
    }
    assertThat(cell.getBits(), is(8.0 * bytes / (2 * Site.PROBES)));
    ProbeLogits.run("aggregate", "--round", round.toString());
    String json =
        ProbeLogits.run(
            "audit", "--json", "--round", round.toString(), "--logits", "n0=" + n0 + ",n1=" + n1);
    Audit audit =
        PlainJson.read(
            Audit.class, Audit.getClassSchema(), json.getBytes(StandardCharsets.UTF_8), "audit");
    // A teacher is float32, and here the mean is taken of what is not yet centred.
    assertThat(cell.getKl(), closeTo(audit.getKl(), 1e-6 * audit.getKl()));
  }

  @Test
  void withoutAReferenceItIsUniform() throws IOException {
    String zeros = write("zeros.npy", new float[Site.PROBES * Site.VOCABULARY]);
    assertThat(compare("none", "--budgets", "300").code(), is(0));
    assertThat(compare("zeros", "--budgets", "300", "--reference", zeros).code(), is(0));
    Comparison none = read("none");
    assertThat(
        none.getChannels().stream().noneMatch(c -> c.getName().equals("top-k-reference")),
        is(true));
    assertThat(none.getNothing(), is(read("zeros").getNothing()));
    for (ComparedCell cell : none.getCells()) {
      assertThat(cell, is(cell(read("zeros"), cell.getChannel(), 300)));
    }
    ComparedCell even = cell(none, "top-k-even", 300);
    assertThat(cell(read("zeros"), "top-k-reference", 300).getKl(), closeTo(even.getKl(), 1e-9));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--budgets 0|--budgets: found '0', expected a whole number of bits from 1 to 16777216",
        "--budgets 64,1e12|found '1e12', expected",
        "--budgets -5|found '-5', expected",
        "--budgets 99999999|found '99999999', expected",
        "--budgets 64,,128|found '', expected",
        "--quantizer dither,edem|--quantizer: found 'edem', expected some of reference, dither,",
        "--vectors gaussian|--logits and --vectors exclude each other",
        "--dim 12|--dim belongs to --vectors",
        "--spread 0|--spread belongs to --vectors",
        "--quantizer top-k-reference|--quantizer: 'top-k-reference' needs a --reference",
        "--runner spark|--runner: found 'spark'"
      })
  void whatCannotBeMeantIsRefused(String options, String message) {
    Cli.Result result = compare("out", options.split(" "));
    assertThat(result.toString(), result.code(), is(2));
    assertThat(result.err(), containsString(message));
    assertThat(Files.exists(directory.resolve("out")), is(false));
  }

  private void refused(String message, String... options) {
    Cli.Result result = compare("out", options);
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), allOf(containsString(message), not(containsString("Exception"))));
    assertThat(Files.exists(directory.resolve("out/comparison.json")), is(false));
  }

  @Test
  void filesThatDoNotGoTogetherAreRefused() throws IOException {
    String small = write("small.npy", Arrays.copyOf(Site.logits(4), 39 * Site.VOCABULARY));
    String narrow =
        Site.npy(directory.resolve("narrow.npy"), "'<f4'", "False", "(80, 8)", Site.logits(4))
            .toString();
    String shape = ": found shape (39, 16), expected that of " + n0 + ", (40, 16)";
    refused(small + shape, "--logits", small);
    refused(small + shape, "--reference", small);
    refused(narrow + ": found shape (80, 8), expected that of", "--reference", narrow);
    refused("nowhere.npy: no such file", "--logits", directory.resolve("nowhere.npy").toString());
    refused(
        "not an npy file",
        "--reference",
        Files.writeString(directory.resolve("t"), "text").toString());
    refused(n0 + ": dtype '<f4', expected '<i4'", "--next-token", n0);
    refused(
        "shape (39,), expected (40,)",
        "--next-token",
        tokens("short.npy", i -> 0, Site.PROBES - 1));
    refused(
        "probe 7: found token 16, expected 0 to 15",
        "--next-token",
        tokens("beyond.npy", i -> i == 7 ? 16 : 0, Site.PROBES));
  }

  @ParameterizedTest
  @CsvSource({
    "NaN, false, expected a finite number",
    "-Infinity, false, expected a finite number",
    "Infinity, false, expected a finite number",
    "NaN, true, 'expected a finite logit at most 700 below its row''s largest'",
    "-Infinity, true, 'expected a finite logit at most 700 below its row''s largest'",
    "-800, true, 'expected a finite logit at most 700 below its row''s largest'",
    "500000, false, 'logits reach 250001.8'"
  })
  void logitsThatNoChannelCanSendAreRefused(float value, boolean inReference, String message)
      throws IOException {
    float[] logits = Site.logits(5);
    logits[11 * Site.VOCABULARY + 4] = value;
    String bad = write("bad.npy", logits);
    String where =
        message.startsWith("logits")
            ? bad + ": "
            : bad + ": probe 11, coordinate 4: found " + (double) value + ", ";
    refused(where + message, inReference ? "--reference" : "--logits", bad);
  }

  @Test
  void aBudgetThatNobodyCanMeetIsNoError() throws IOException {
    Cli.Result result = compare("out", "--budgets", "1");
    assertThat(result.toString(), result.code(), is(0));
    assertThat(read("out").getCells().stream().allMatch(cell -> cell.getKl() == null), is(true));
    assertThat(
        Files.readString(directory.resolve("out/report/index.html")),
        containsString("No channel can send anything within these budgets."));
  }
}
