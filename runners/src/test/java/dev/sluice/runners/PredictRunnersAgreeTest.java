package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.hasKey;
import static org.hamcrest.Matchers.is;

import dev.sluice.transforms.scores.ScoreFixture.Row;
import dev.sluice.transforms.scores.ThresholdFixture;
import dev.sluice.transforms.storage.Storage;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same sets, report and rejects from either runner, at any parallelism, in any order. */
class PredictRunnersAgreeTest {
  private static final List<RunnerChoice> CHOICES =
      List.of(
          RunnerChoice.direct().withParallelism(1),
          RunnerChoice.direct().withParallelism(2),
          RunnerChoice.flink().withParallelism(2));

  @TempDir Path directory;

  @Test
  void setsAndCoverageAreTheSameFromEveryRunner() throws Exception {
    Path round =
        Scored.calibrated(
            directory.resolve("cal"),
            ThresholdFixture.row("x", "0.1", 40, 2.5),
            ThresholdFixture.row("x", "0.2", 40, 1.25),
            ThresholdFixture.row("y", "0.1", 40, 3.0),
            ThresholdFixture.row("y", "0.2", 40, 2.0));
    Path queries = directory.resolve("test");
    Map<String, String> expected = null;
    long order = 0;
    for (RunnerChoice choice : CHOICES) {
      if (expected != null) {
        Storage.deleteTree(queries.toString()); // what a rerun leaves is another test's matter
      }
      List<Row> rows = Scored.rows("q", 200, 150, new String[] {"x", "y", "z"}, ++order);
      rows.addAll(Scored.rows("cal", 10, 0, null, order));
      Scored.nodes(queries, rows);
      for (String command : List.of("predict", "coverage")) {
        Cli.Result result =
            Scored.run(
                command,
                round,
                queries,
                "--runner",
                choice.engine().name().toLowerCase(java.util.Locale.ROOT),
                "--parallelism",
                "" + choice.parallelism());
        assertThat(choice + ": " + result, result.code(), is(4));
      }
      Map<String, String> results = Scored.results(queries);
      assertThat(results, hasKey("sets/sets-00000.avro"));
      assertThat(results, hasKey("score-rejects/coverage.avro"));
      expected = expected == null ? results : expected;
      assertThat(choice.toString(), results, is(expected));
    }
  }
}
