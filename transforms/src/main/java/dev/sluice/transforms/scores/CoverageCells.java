package dev.sluice.transforms.scores;

import dev.sluice.schemas.AlphaCoverage;
import dev.sluice.schemas.CoverageCount;
import dev.sluice.schemas.CoverageReport;
import dev.sluice.schemas.CoverageRow;
import dev.sluice.schemas.ScoreRejects;
import dev.sluice.transforms.conformal.Coverage;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The cells of a coverage report: what each is called in a pipeline, and what they come to. */
final class CoverageCells {
  /** Value of the report's field 'format'. */
  static final String FORMAT = "sluice-coverage-1";

  /** Confidence of the intervals. */
  static final double CONFIDENCE = 0.95;

  /** All queries with a known answer. */
  static final String ALL = "all";

  /** Queries without. */
  static final String UNLABELLED = "unlabelled";

  /** Queries that not all nodes answered, whether labelled or not. */
  static final String FEWER_NODES = "fewer-nodes";

  private static final String NO_GROUP = "no-group";
  private static final String GROUP = "group:";
  private static final String NODES = "nodes:";
  private static final CoverageCount NONE = new CoverageCount(0L, 0L, 0L, 0L, 0L, 0L);

  private final Map<Integer, Map<String, CoverageCount>> cells = new TreeMap<>();

  /** Name of a group's cell; null for no group. */
  static String group(String group) {
    return group == null ? NO_GROUP : GROUP + group;
  }

  /** Name of the cell of true answers that so many nodes had scored. */
  static String nodes(int nodes) {
    return NODES + nodes;
  }

  /** Counts as they travel. */
  static CoverageCount count(Coverage coverage) {
    return new CoverageCount(
        coverage.queries(),
        coverage.covered(),
        coverage.members(),
        coverage.singletons(),
        coverage.empty(),
        coverage.infinite());
  }

  /** Takes a cell's counts, each cell once. */
  void put(int alpha, String cell, CoverageCount count) {
    cells.computeIfAbsent(alpha, a -> new TreeMap<>(ScoreNames::compare)).put(cell, count);
  }

  private CoverageCount cell(int alpha, String cell) {
    return cells.getOrDefault(alpha, Map.of()).getOrDefault(cell, NONE);
  }

  /**
   * The report.
   *
   * @param rejects at most one
   */
  CoverageReport report(ServedSwarm served, List<ScoreRejects> rejects) {
    List<AlphaCoverage> alphas = new ArrayList<>();
    for (int a = 0; a < served.threshold().alphas().size(); a++) {
      alphas.add(alpha(served.threshold().alphas().get(a), a));
    }
    return CoverageReport.newBuilder()
        .setFormat(FORMAT)
        .setThresholdDigest(served.threshold().digestHex())
        .setMismatch(served.mismatch(cell(MeasureCoverage.OF_ALL, FEWER_NODES).getQueries()))
        .setOverlapChecked(served.overlapChecked())
        .setUnlabelled(cell(MeasureCoverage.OF_ALL, UNLABELLED).getQueries())
        .setAlphas(alphas)
        .setRejects(WriteScoreRejects.counts(rejects))
        .build();
  }

  private AlphaCoverage alpha(String alpha, int index) {
    List<CoverageRow> groups = new ArrayList<>();
    List<CoverageRow> nodeCounts = new ArrayList<>();
    CoverageCount ungrouped = cell(index, NO_GROUP);
    if (ungrouped.getQueries() > 0) {
      groups.add(row(null, null, ungrouped));
    }
    cells
        .getOrDefault(index, Map.of())
        .forEach(
            (cell, n) -> {
              if (cell.startsWith(GROUP)) {
                groups.add(row(cell.substring(GROUP.length()), null, n));
              } else if (cell.startsWith(NODES)) {
                nodeCounts.add(row(null, Integer.valueOf(cell.substring(NODES.length())), n));
              }
            });
    nodeCounts.sort(Comparator.comparing(CoverageRow::getNodes));
    return AlphaCoverage.newBuilder()
        .setAlpha(alpha)
        .setAll(row(null, null, cell(index, ALL)))
        .setGroups(groups)
        .setNodeCounts(nodeCounts)
        .build();
  }

  private static CoverageRow row(String group, Integer nodes, CoverageCount n) {
    Coverage.Interval interval = Coverage.wilson(n.getCovered(), n.getQueries(), CONFIDENCE);
    return CoverageRow.newBuilder()
        .setGroup(group)
        .setNodes(nodes)
        .setN(n.getQueries())
        .setCovered(n.getCovered())
        .setCoverage(share(n.getCovered(), n))
        .setLow(interval.low())
        .setHigh(interval.high())
        .setMeanSetSize(share(n.getAnswers(), n))
        .setSingletons(n.getSingletons())
        .setEmpty(n.getEmpty())
        .setInfiniteThreshold(n.getInfiniteThreshold())
        .build();
  }

  private static Double share(long part, CoverageCount n) {
    return n.getQueries() == 0 ? null : (Double) ((double) part / n.getQueries());
  }
}
