package dev.sluice.transforms.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A table. The first cell of a row is its heading.
 *
 * @param caption what it shows
 * @param headings of the columns, with units
 * @param rows each of as many cells as there are headings
 * @param note below it; may be empty
 */
public record Table(
    String caption, List<String> headings, List<List<Table.Cell>> rows, String note) {
  /**
   * A cell.
   *
   * @param text as shown
   * @param exact the number shown in full, or empty
   */
  public record Cell(String text, String exact) {
    /** Words. */
    public static Cell text(String text) {
      return new Cell(text, "");
    }

    /** A number; a dash for none. */
    public static Cell number(Double value) {
      return value == null
          ? new Cell("–", "")
          : new Cell(Decimals.of(value), Decimals.exact(value));
    }

    /** A whole number. */
    public static Cell count(long value) {
      return new Cell(Decimals.count(value), Long.toString(value));
    }

    /** A fraction, shown as a percentage. */
    public static Cell percent(double fraction) {
      return new Cell(Decimals.percent(fraction), Decimals.exact(fraction));
    }

    /** Whether it holds a number, or the lack of one. */
    boolean numeric() {
      return !exact.isEmpty() || text.equals("–");
    }
  }

  /** A table without rows yet. */
  public static Table of(String caption, String note, String... headings) {
    return new Table(caption, List.of(headings), new ArrayList<>(), note);
  }

  /** Without the columns in which no row has anything. */
  Table withoutEmptyColumns() {
    List<Integer> kept =
        IntStream.range(0, headings.size())
            .filter(i -> rows.stream().anyMatch(row -> !row.get(i).equals(Cell.number(null))))
            .boxed()
            .toList();
    return new Table(
        caption,
        kept.stream().map(headings::get).toList(),
        rows.stream().map(row -> kept.stream().map(row::get).toList()).toList(),
        note);
  }

  /** Adds a row. */
  public Table row(Cell... cells) {
    rows.add(List.of(cells));
    return this;
  }
}
