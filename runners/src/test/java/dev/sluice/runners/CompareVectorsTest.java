package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;

import dev.sluice.schemas.VectorCell;
import dev.sluice.schemas.VectorComparison;
import dev.sluice.schemas.json.PlainJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Codes held against one another on vectors. */
@Tag("long")
class CompareVectorsTest {
  @TempDir Path directory;

  private Cli.Result compare(String out, String... more) {
    List<String> args = new ArrayList<>(List.of("compare"));
    args.addAll(List.of(more));
    args.addAll(List.of("--report", directory.resolve(out).toString()));
    return Cli.run(args.toArray(String[]::new));
  }

  private VectorComparison read(String out) throws IOException {
    byte[] json = Files.readAllBytes(directory.resolve(out).resolve("vectors.json"));
    return PlainJson.read(
        VectorComparison.class, VectorComparison.getClassSchema(), json, "vectors.json");
  }

  private static VectorCell cell(VectorComparison run, String name, double rate) {
    return run.getCells().stream()
        .filter(cell -> cell.getQuantizer().equals(name) && cell.getRate() == rate)
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
      String out = choice.engine() + "-" + choice.parallelism();
      Cli.Result result =
          compare(
              out,
              "--vectors",
              "lognormal",
              "--dim",
              "130",
              "--nodes",
              "8,1,2",
              "--bits",
              "2,0.5,4",
              "--trials",
              "2",
              "--json",
              "--runner",
              choice.engine().name().toLowerCase(Locale.ROOT),
              "--parallelism",
              "" + choice.parallelism());
      assertThat(choice + ": " + result, result.code(), is(0));
      byte[] written = Files.readAllBytes(directory.resolve(out).resolve("vectors.json"));
      assertThat(result.out().getBytes(StandardCharsets.UTF_8), is(written));
      byte[] html = Files.readAllBytes(directory.resolve(out).resolve("report/index.html"));
      assertThat(written, is(document == null ? written : document));
      assertThat(html, is(page == null ? html : page));
      document = written;
      page = html;
      try (Stream<Path> left = Files.list(directory.resolve(out))) {
        assertThat(left.count(), is(2L)); // nothing aside
      }
    }
    assertThat(read("DIRECT-1").getNodes(), is(List.of(1, 2, 8)));
    assertThat(read("DIRECT-1").getRates(), is(List.of(.5, 2.0, 4.0)));
  }

  /** The averaging floor: an unbiased code's error falls to .133/256, a biased one's stops. */
  @Test
  void aBiasedCodeStopsAndIsWarnedOf() throws IOException {
    Cli.Result result =
        compare(
            "out",
            "--vectors",
            "gaussian",
            "--bits",
            "2",
            "--trials",
            "2",
            "--quantizer",
            "turboquant-mse,eden");
    assertThat(result.toString(), result.code(), is(0));
    VectorComparison run = read("out");
    double eden = last(cell(run, "eden", 2));
    double turbo = last(cell(run, "turboquant-mse", 2));
    assertThat(eden, lessThan(6e-4));
    assertThat(turbo, closeTo(.0141, 3e-4));
    assertThat(cell(run, "turboquant-mse", 2).getBiasSquared(), closeTo(.0137, 3e-4));
    assertThat(
        result.err(),
        allOf(
            containsString("sluice: warning: Biased, so that a mean over 256 nodes"),
            containsString(": turboquant-mse.")));
    assertThat(
        result.out(),
        allOf(containsString("floor where nodes differ by 1"), containsString("K=256")));
    assertThat(
        Files.readString(directory.resolve("out/report/index.html")),
        allOf(
            containsString("Biased, so that a mean over 256 nodes"),
            containsString("floor where nodes differ")));
    Cli.Result few =
        compare(
            "few",
            "--vectors",
            "gaussian",
            "--bits",
            "2",
            "--nodes",
            "1,15",
            "--quantizer",
            "eden,turboquant-mse");
    assertThat(few.err(), not(containsString("warning")));
  }

  private static double last(VectorCell cell) {
    return cell.getAverages().get(cell.getAverages().size() - 1).getError();
  }

  @Test
  void rowsOfAFileAreSentAsTheyAre() throws IOException {
    float[] rows = new float[5 * 7];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (i * 37 % 11) - 4;
    }
    Path file = Site.npy(directory.resolve("x.npy"), "'<f4'", "False", "(5, 7)", rows);
    Cli.Result result =
        compare("out", "--vectors", file.toString(), "--bits", "8", "--nodes", "1,3");
    assertThat(result.toString(), result.code(), is(0));
    VectorComparison run = read("out");
    assertThat(run.getTrials(), is(5));
    assertThat(run.getDimension(), is(7));
    assertThat(run.getFile().getSha256(), is(FileDigest.of(file.toString())));
    // Small integers are numbers of a float format.
    assertThat(cell(run, "statqat", 8).getVnmse(), lessThan(1e-4));
    assertThat(result.out(), startsWith("5 vectors of 7 coordinates, rows of x.npy;"));
  }

  @Test
  void aRowThatCannotBeComparedIsNamed() throws IOException {
    float[] rows = {1, 2, 3, 0, 0, 0, 1, Float.NaN, 1};
    Path zeros = Site.npy(directory.resolve("z.npy"), "'<f4'", "False", "(3, 3)", rows);
    Cli.Result result = compare("out", "--vectors", zeros.toString(), "--bits", "8");
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), containsString("z.npy: row 1: found only zeros"));
    rows[3] = 1;
    Path nan = Site.npy(directory.resolve("n.npy"), "'<f4'", "False", "(3, 3)", rows);
    result = compare("out", "--vectors", nan.toString(), "--bits", "8");
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), containsString("n.npy: row 2: coordinate 1: found NaN"));
    assertThat(Files.exists(directory.resolve("out/vectors.json")), is(false));
    result = compare("out", "--vectors", directory.resolve("none.npy").toString());
    assertThat(result.code(), is(3));
    assertThat(result.err(), containsString("none.npy"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--vectors gausian|--vectors: found 'gausian', expected gaussian, lognormal, sparse or an",
        "--vectors gaussian --dim 0|--dim: found 0, expected 1 to 1048576",
        "--vectors gaussian --nodes 0|--nodes: found '0', expected whole numbers from 1 to 65536",
        "--vectors gaussian --nodes 1,,2|--nodes: found '', expected",
        "--vectors gaussian --bits 0|--bits: found '0', expected numbers above 0, at most 32",
        "--vectors gaussian --bits -1|--bits: found '-1', expected",
        "--vectors gaussian --bits NaN|--bits: found 'NaN', expected",
        "--vectors gaussian --trials 0|--trials: found 0, expected 1 to",
        "--vectors gaussian --spread -1|--spread: found -1.0, expected",
        "--vectors gaussian --budgets 64|--budgets belongs to --logits",
        "--vectors gaussian --quantizer reference|--quantizer: found 'reference', expected some of",
        "--bits 2|expected --logits FILE... or --vectors WHAT"
      })
  void whatCannotBeMeantIsRefused(String options, String message) {
    Cli.Result result = compare("out", options.split(" "));
    assertThat(result.toString(), result.code(), is(2));
    assertThat(result.err(), containsString(message));
    assertThat(Files.exists(directory.resolve("out")), is(false));
  }

  @Test
  void theListSaysWhatEachCodeDeclares() {
    Cli.Result result = Cli.run("compare", "--list");
    assertThat(result.code(), is(0));
    assertThat(
        result.out(),
        allOf(
            containsString("reference: relative to the reference"),
            containsString("eden: "),
            containsString("    bias: none by rotation"),
            containsString("arXiv")));
  }
}
