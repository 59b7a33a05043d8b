package dev.sluice.runners;

import dev.sluice.schemas.AveragedVectors;
import dev.sluice.schemas.VectorCell;
import dev.sluice.schemas.VectorComparison;
import dev.sluice.transforms.report.VectorComparisonPage;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** A comparison of codes, for people. */
final class VectorTables {
  private VectorTables() {}

  static String of(VectorComparison run) {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%s of %d coordinates, %s%s; each sent by %s.%n",
            Texts.count(run.getTrials(), "vector"),
            run.getDimension(),
            run.getFile() == null
                ? run.getVectors()
                : "rows of " + Texts.printable(run.getFile().getName()),
            run.getSpread() == 0 ? "" : ", nodes spread by " + Texts.number(run.getSpread()),
            Texts.count(run.getNodes().get(run.getNodes().size() - 1), "node")));
    boolean spread = run.getSpread() > 0;
    for (double rate : run.getRates()) {
      List<VectorCell> cells =
          run.getCells().stream()
              .filter(cell -> cell.getRate() == rate && cell.getBits() != null)
              .toList();
      if (!cells.isEmpty()) {
        text.append('\n').append(table(run, rate, cells, spread));
      }
    }
    Set<String> present =
        run.getCells().stream()
            .filter(cell -> cell.getBits() != null)
            .map(VectorCell::getQuantizer)
            .collect(Collectors.toSet());
    String absent =
        run.getCells().stream()
            .filter(cell -> !present.contains(cell.getQuantizer()))
            .map(cell -> cell.getQuantizer() + " (" + cell.getReason() + ")")
            .distinct()
            .collect(Collectors.joining(", "));
    if (!absent.isEmpty()) {
      text.append("\nabsent at all of these rates: ").append(absent).append('\n');
    }
    return text.append('\n').toString();
  }

  private static Texts.Table table(
      VectorComparison run, double rate, List<VectorCell> cells, boolean spread) {
    List<String> headings =
        new ArrayList<>(
            List.of(Texts.number(rate) + " bits", "sent", "vNMSE", "+-", "bias^2", "+-"));
    for (int nodes : run.getNodes()) {
      headings.add((spread ? "about x, K=" : "K=") + nodes);
    }
    headings.add("how");
    Texts.Table table = new Texts.Table(headings.toArray(String[]::new));
    for (VectorCell cell : cells) {
      List<String> row =
          new ArrayList<>(
              List.of(
                  cell.getQuantizer(),
                  String.format(Locale.ROOT, "%.3f", cell.getBits()),
                  Texts.number(cell.getVnmse()),
                  deviation(cell.getVnmseStandardError()),
                  Texts.number(cell.getBiasSquared()),
                  deviation(cell.getBiasSquaredStandardError())));
      for (AveragedVectors average : cell.getAverages()) {
        row.add(Texts.number(spread ? average.getEstimation() : average.getError()));
      }
      row.add(cell.getSetting());
      table.row(row.toArray(String[]::new));
    }
    List<String> floor =
        new ArrayList<>(
            List.of(
                "floor where nodes differ by " + Texts.number(VectorComparisonPage.scatter(run)),
                "-",
                "-",
                "-",
                "-",
                "-"));
    for (int nodes : run.getNodes()) {
      floor.add(Texts.number(VectorComparisonPage.floor(run, nodes, rate)));
    }
    floor.add("");
    return table.row(floor.toArray(String[]::new));
  }

  private static String deviation(Double value) {
    return value == null ? "-" : String.format(Locale.ROOT, "%.2g", value);
  }
}
