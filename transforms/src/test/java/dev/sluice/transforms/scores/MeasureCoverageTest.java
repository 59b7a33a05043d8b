package dev.sluice.transforms.scores;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.AlphaCoverage;
import dev.sluice.schemas.CoverageCount;
import dev.sluice.schemas.CoverageReport;
import dev.sluice.schemas.CoverageRow;
import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.SwarmQuery;
import dev.sluice.transforms.conformal.Coverage;
import dev.sluice.transforms.scores.ScoreFixture.Row;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.apache.beam.sdk.testing.CoderProperties;
import org.apache.beam.sdk.testing.CombineFnTester;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@link MeasureCoverage} and {@link CommitCoverage} against counts made in a plain loop. */
class MeasureCoverageTest {
  @TempDir Path root;
  private ServedSwarm served;

  @BeforeEach
  void scores() throws IOException {
    List<Row> rows = List.of(new Row("q", null, "a", 1, 2, 3, 4));
    ScoreDirectory directory =
        ScoreFixture.in(root).node("n0", 40, 4, rows).node("n1", 40, 4, rows).directory();
    CalibratedThreshold threshold =
        ThresholdFixture.write(
            directory,
            ThresholdFixture.row("x", "0.1", 40, 2.0),
            ThresholdFixture.row("x", "0.2", 40, 1.0),
            ThresholdFixture.row("y", "0.1", 40, 3.0),
            ThresholdFixture.row("y", "0.2", 40, 0.5));
    SwarmChannel swarm = SwarmChannel.read(directory, List.of("n0", "n1"));
    served = new ServedSwarm(threshold, swarm, new ArrayList<>(), false, 1);
  }

  private static List<SwarmQuery> queries() {
    Random random = new Random(8);
    List<SwarmQuery> queries = new ArrayList<>();
    String[] groups = {"x", "y", "z", null};
    for (int i = 0; i < 1000; i++) {
      SwarmQuery query =
          PredictionSetsTest.query(
              "q" + i,
              groups[random.nextInt(4)],
              i % 10 == 0 ? -1 : random.nextInt(4),
              random.doubles(4, 0, 4).toArray(),
              random.ints(4, 0, 3).toArray());
      query.setNodes(i % 100 == 7 ? 1 : 2);
      queries.add(query);
    }
    return queries;
  }

  private CoverageReport run(List<SwarmQuery> queries, List<ScoreReject> rejects)
      throws IOException {
    return ServedFixture.run(
        served,
        queries,
        rejects,
        CoverageReport.class,
        (asked, rejected, aside) ->
            PCollectionTuple.of(CommitCoverage.CELLS, asked.apply(MeasureCoverage.of(served)))
                .and(CommitCoverage.REJECTS, rejected)
                .apply(CommitCoverage.of(served, aside)));
  }

  @Test
  void countsAreThoseOfALoopAndAddUp() throws IOException {
    CoverageReport report = run(queries(), List.of());
    assertThat(report.getUnlabelled(), is(100L));
    assertThat(report.getOverlapChecked(), is(false));
    assertThat(
        report.getMismatch(),
        contains("10 queries were answered by fewer than the 2 nodes that calibration asked for"));
    for (int a = 0; a < 2; a++) {
      AlphaCoverage alpha = report.getAlphas().get(a);
      Coverage expected = new Coverage();
      for (SwarmQuery q : queries()) {
        if (q.getAnswer() >= 0) {
          expected.add(
              AnswerSets.scores(q), served.threshold().threshold(q.getGroup(), a), q.getAnswer());
        }
      }
      assertThat(alpha.getAll().getN(), is(900L));
      assertThat(alpha.getAll().getCovered(), is(expected.covered()));
      assertThat(alpha.getAll().getCoverage(), is(expected.rate()));
      assertThat(alpha.getAll().getMeanSetSize(), is(expected.meanSize()));
      assertThat(alpha.getAll().getSingletons(), is(expected.singletons()));
      assertThat(alpha.getAll().getEmpty(), is(expected.empty()));
      assertThat(alpha.getAll().getInfiniteThreshold(), is(expected.infinite()));
      assertThat(alpha.getAll().getLow(), is(expected.wilson(0.95).low()));
      assertThat(alpha.getAll().getHigh(), is(expected.wilson(0.95).high()));
      assertThat(
          alpha.getGroups().stream().map(g -> "" + g.getGroup()).toList(),
          contains("null", "x", "y", "z"));
      assertThat(
          alpha.getNodeCounts().stream().map(CoverageRow::getNodes).toList(), contains(0, 1, 2));
      assertThat(alpha.getGroups().stream().mapToLong(CoverageRow::getN).sum(), is(900L));
      assertThat(alpha.getNodeCounts().stream().mapToLong(CoverageRow::getN).sum(), is(900L));
      assertThat(
          alpha.getGroups().stream().mapToLong(CoverageRow::getCovered).sum(),
          is(alpha.getAll().getCovered()));
      assertThat(
          alpha.getNodeCounts().stream().mapToLong(CoverageRow::getCovered).sum(),
          is(alpha.getAll().getCovered()));
      assertThat(
          alpha.getGroups().stream().mapToDouble(g -> g.getMeanSetSize() * g.getN()).sum(),
          is(closeTo(alpha.getAll().getMeanSetSize() * 900, 1e-9)));
      CoverageRow z = alpha.getGroups().get(3);
      assertThat("not calibrated", z.getInfiniteThreshold(), is(z.getN()));
      assertThat(z.getCoverage(), is(1.0));
    }
  }

  @Test
  void theReportDoesNotDependOnTheOrderOfArrival() throws IOException {
    List<SwarmQuery> queries = queries();
    run(queries, List.of());
    byte[] first = Files.readAllBytes(Path.of(served.directory().coverage()));
    Collections.shuffle(queries, new Random(2));
    run(queries, List.of());
    assertThat(Files.readAllBytes(Path.of(served.directory().coverage())), is(first));
  }

  @Test
  void withoutAnyTruthNothingIsWritten() throws IOException {
    List<SwarmQuery> unlabelled = queries().stream().filter(q -> q.getAnswer() < 0).toList();
    CoverageReport none =
        run(unlabelled, List.of(new ScoreReject(null, "r", "missing-nodes", "x", null)));
    assertThat(none.getUnlabelled(), is(100L));
    assertThat(none.getAlphas().get(0).getAll().getN(), is(0L));
    assertThat(none.getAlphas().get(0).getAll().getCoverage(), is(nullValue()));
    assertThat(none.getAlphas().get(0).getAll().getHigh(), is(1.0));
    assertThat(Files.exists(root.resolve("coverage.json")), is(false));
    assertThat(Files.exists(root.resolve("score-rejects/coverage.avro")), is(true));
    run(queries(), List.of());
    assertThat(Files.exists(root.resolve("score-rejects/coverage.avro")), is(false));
  }

  @Test
  void sumsDoNotDependOnHowTheyAreGrouped() {
    List<CoverageCount> counts = new ArrayList<>();
    for (long i = 0; i < 9; i++) {
      counts.add(new CoverageCount(i, 2 * i, 3 * i, 4 * i, 5 * i, 6 * i));
    }
    CombineFnTester.testCombineFn(
        new MeasureCoverage.SumFn(), counts, new CoverageCount(36L, 72L, 108L, 144L, 180L, 216L));
  }

  @Test
  void cellsSurviveTheirCoder() throws Exception {
    CoderProperties.coderDecodeEncodeEqual(
        MeasureCoverage.coder(),
        KV.of(KV.of(1, CoverageCells.group("g")), new CoverageCount(1L, 2L, 3L, 4L, 5L, 6L)));
    MeasureCoverage.coder().getKeyCoder().verifyDeterministic();
  }

  @Test
  void aGroupMayBeCalledAnything() {
    CoverageCells cells = new CoverageCells();
    long n = 0;
    for (String group : new String[] {"all", "nodes:2", "no-group", "unlabelled", "group:x"}) {
      cells.put(0, CoverageCells.group(group), new CoverageCount(++n, 0L, 0L, 0L, 0L, 0L));
    }
    cells.put(0, CoverageCells.group(null), new CoverageCount(7L, 0L, 0L, 0L, 0L, 0L));
    AlphaCoverage alpha = cells.report(served, List.of()).getAlphas().get(0);
    assertThat(
        alpha.getGroups().stream().map(g -> g.getGroup() + "=" + g.getN()).toList(),
        contains("null=7", "all=1", "group:x=5", "no-group=3", "nodes:2=2", "unlabelled=4"));
    assertThat(alpha.getAll().getN(), is(0L));
    assertThat(alpha.getNodeCounts().size(), is(0));
  }
}
