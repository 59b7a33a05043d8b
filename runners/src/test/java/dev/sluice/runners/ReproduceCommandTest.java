package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.ReproductionCell;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.reproduction.Experiment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("long")
class ReproduceCommandTest {
  @TempDir Path directory;

  private static Reproduction read(Path file) throws IOException {
    return PlainJson.read(
        Reproduction.class, Reproduction.getClassSchema(), Files.readAllBytes(file), "test");
  }

  /** Whatever the runner, what a plain loop over the kernel gives. */
  @Test
  void everyRunnerWritesWhatALoopDoes() throws IOException {
    double[][][] results = new double[Experiment.REFINEMENT.settings()][2][];
    for (int setting = 0; setting < results.length; setting++) {
      for (int r = 0; r < 2; r++) {
        results[setting][r] = Experiment.REFINEMENT.run(setting, 5 + r);
      }
    }
    byte[] expected = PlainJson.write(Experiment.REFINEMENT.reproduction(5, results));
    for (RunnerChoice choice :
        List.of(
            RunnerChoice.direct().withParallelism(1),
            RunnerChoice.direct().withParallelism(2),
            RunnerChoice.flink().withParallelism(2))) {
      Path out = directory.resolve(choice.engine() + "-" + choice.parallelism());
      Cli.Result result =
          Cli.run(
              "reproduce",
              "refinement",
              "--seeds",
              "2",
              "--seed",
              "5",
              "--out",
              out.toString(),
              "--runner",
              choice.engine().name().toLowerCase(Locale.ROOT),
              "--parallelism",
              "" + choice.parallelism());
      assertThat(choice + ": " + result, result.code(), is(0));
      assertThat(
          choice.toString(), Files.readAllBytes(out.resolve("refinement.json")), equalTo(expected));
    }
  }

  @Test
  void tablesNameEveryCellAndTheSummaryCounts() throws IOException {
    Path out = directory.resolve("out");
    Files.createDirectories(out);
    Files.writeString(out.resolve("allocation.json"), "of an earlier run");
    Files.writeString(out.resolve("e1.json"), "of another experiment");
    Cli.Result broken = Cli.run("reproduce", "refinement", "--seeds", "1", "--out", out.toString());
    assertThat(broken.toString(), broken.code(), is(3));
    assertThat(broken.err(), containsString("e1.json: not a JSON document"));
    assertThat(Files.exists(out.resolve("refinement.json")), is(false));
    Files.delete(out.resolve("e1.json"));
    Cli.Result result =
        Cli.run("reproduce", "refinement", "allocation", "--seeds", "2", "--out", out.toString());
    assertThat(result.toString(), result.code(), is(0));
    for (String experiment : List.of("refinement", "allocation")) {
      Reproduction document = read(out.resolve(experiment + ".json"));
      assertThat(document.getExperiment(), is(experiment));
      assertThat(document.getSeeds(), is(2));
      for (ReproductionCell cell : document.getCells()) {
        assertThat(
            result.out().lines().anyMatch(line -> isRow(line, cell)) ? "" : cell.toString(),
            is(""));
      }
    }
    assertThat(
        result.out(),
        allOf(
            containsString("Refinement: error of the aggregate by round"),
            containsString("published   too few repetitions to judge by their standard errors"),
            containsString("written     " + out.resolve("allocation.json")),
            not(containsString("more; --json"))));
    assertThat(
        Files.readString(out.resolve("report/index.html")),
        allOf(containsString("id=\"refinement"), containsString("id=\"allocation")));
    try (Stream<Path> files = Files.list(out)) {
      assertThat(files.count(), is(3L));
    }
  }

  private static boolean isRow(String line, ReproductionCell cell) {
    String[] words = line.strip().split(" {2,}");
    return words.length == 11
        && words[0].equals(Texts.number(cell.getValue()))
        && words[1].equals(cell.getChannel())
        && words[4].equals(Texts.number(cell.getOurs()));
  }

  /** A deviation of one repetition is not known: then only the published ones count. */
  @Test
  void cellsFarFromWhatWasPublishedAreNamed() {
    ReproductionCell far = cell("K", 4, "midrise", .43).setPublished(.4).setZ(3.5).build();
    ReproductionCell near = cell("K", 8, "midrise", .41).setPublished(.4).setZ(-2.5).build();
    ReproductionCell above =
        cell("K", 4, "dither", .5).setLower(.3).setUpper(.4).setOursSd(.08).build();
    ReproductionCell within =
        cell("K", 8, "dither", .45).setLower(.3).setUpper(.4).setOursSd(.08).build();
    ReproductionCell based =
        cell("K", 9, "dither", .9).setUpper(.4).setOursSd(.08).setBoundBase(.1).build();
    ReproductionCell unknown = cell("K", 16, "dither", .5).setLower(.6).build();
    String text =
        ReproduceCommand.forPeople(
            Reproduction.newBuilder()
                .setFormat("sluice-reproduction-1")
                .setExperiment("e1")
                .setTitle("title")
                .setSource("source")
                .setQuantity("quantity")
                .setUnit("nats")
                .setSeed(0)
                .setSeeds(16)
                .setPublishedSeeds(40)
                .setCells(List.of(far, near, above, within, based, unknown))
                .build());
    assertThat(
        text,
        allOf(
            containsString("published   1 of 2 means within 3 standard errors\n"),
            containsString("  K 4, midrise: published 0.40000, ours 0.43000, z 3.50\n"),
            containsString("            of 2 distinct settings; cells of an experiment share"),
            not(containsString("K 8, midrise:")),
            containsString("bounds      1 of 2 means within them"),
            containsString("  K 4, dither: ours 0.50000, lower 0.30000, upper 0.40000\n"),
            containsString("quantity, nats; 16 seeds from 0\n")));
  }

  private static ReproductionCell.Builder cell(
      String axis, double value, String channel, double ours) {
    return ReproductionCell.newBuilder()
        .setAxis(axis)
        .setValue(value)
        .setChannel(channel)
        .setOurs(ours)
        .setSeeds(16);
  }

  @ParameterizedTest
  @CsvSource({
    "'reproduce', Missing required parameter",
    "'reproduce e3', 'found ''e3'', expected one of e1, e1.5, e2, refinement, allocation, all'",
    "'reproduce e1 --seeds 0', '--seeds must be 1 to 100000, got 0'",
    "'reproduce e1 --runner spark', expected auto"
  })
  void wrongUsage(String line, String message) {
    Cli.Result result = Cli.run(line.split(" "));
    assertThat(result.toString(), result.code(), is(2));
    assertThat(result.err(), containsString(message));
  }

  @Test
  void aFileInPlaceOfTheDirectory() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "mine");
    Cli.Result result =
        Cli.run("reproduce", "refinement", "--seeds", "1", "--out", file.toString());
    assertThat(result.toString(), result.code(), is(3));
    assertThat(result.err(), containsString(file + ": a file, expected a directory"));
    assertThat(Files.readString(file), is("mine"));
  }
}
