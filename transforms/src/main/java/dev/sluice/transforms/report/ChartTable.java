package dev.sluice.transforms.report;

import dev.sluice.transforms.report.Table.Cell;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** A chart's data as a table: a row for each place on the axis that is given. */
final class ChartTable {
  private ChartTable() {}

  /** Second and further points of a series at one place have rows of their own below the first. */
  private record Place(double at, int occurrence) implements Comparable<Place> {
    @Override
    public int compareTo(Place other) {
      int byPlace = Double.compare(at, other.at);
      return byPlace == 0 ? Integer.compare(occurrence, other.occurrence) : byPlace;
    }
  }

  /** Every number of the chart. */
  static Table of(Chart chart) {
    List<String> headings = new ArrayList<>(List.of(chart.at().label()));
    Map<Place, List<Cell>> rows = new TreeMap<>();
    int columns = 0;
    for (Series series : chart.series()) {
      int from = columns;
      if (series.hasValues()) {
        headings.add(series.name());
        columns++;
      }
      if (series.hasRanges()) {
        headings.add(series.name() + ", low");
        headings.add(series.name() + ", high");
        columns += 2;
      }
      Map<Double, Integer> seen = new HashMap<>();
      for (Series.Point point : series.points()) {
        int occurrence = seen.merge(point.at(), 1, Integer::sum);
        List<Cell> row =
            rows.computeIfAbsent(new Place(point.at(), occurrence), place -> new ArrayList<>());
        pad(row, from);
        if (series.hasValues()) {
          row.add(Cell.number(point.value()));
        }
        if (series.hasRanges()) {
          row.add(Cell.number(point.low()));
          row.add(Cell.number(point.high()));
        }
      }
    }
    Table table =
        new Table(
            chart.title() + ": " + chart.value().label(), headings, new ArrayList<>(), note(chart));
    for (Map.Entry<Place, List<Cell>> row : rows.entrySet()) {
      pad(row.getValue(), columns);
      List<Cell> cells = new ArrayList<>(List.of(place(chart.at(), row.getKey().at())));
      cells.addAll(row.getValue());
      table.rows().add(cells);
    }
    return table;
  }

  private static void pad(List<Cell> row, int to) {
    while (row.size() < to) {
      row.add(Cell.number(null));
    }
  }

  private static Cell place(Axis at, double where) {
    return at.scale() == Axis.Scale.CATEGORY
        ? Cell.text(at.categories().get((int) where))
        : Cell.number(where);
  }

  private static String note(Chart chart) {
    return chart.targets().isEmpty()
        ? ""
        : chart.targets().stream()
            .map(target -> target.name() + " at " + Decimals.of(target.value()))
            .collect(Collectors.joining("; ", "Lines: ", "."));
  }
}
