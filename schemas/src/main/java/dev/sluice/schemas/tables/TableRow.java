package dev.sluice.schemas.tables;

import java.util.List;
import java.util.Optional;

/** One row of a table, its cells of the types that its columns have. */
public final class TableRow {
  private final String where;
  private final long place;
  private final List<String> names;
  private final Object[] cells;

  TableRow(String source, String unit, long place, List<String> names, Object[] cells) {
    this.where = source + ": " + unit + " " + place;
    this.place = place;
    this.names = names;
    this.cells = cells;
  }

  /** Number of its first line, or of the record; from 1. */
  public long place() {
    return place;
  }

  /** File and line, as messages begin. */
  public String where() {
    return where;
  }

  /** A cell of text; empty where the cell is, or has no column. */
  public Optional<String> text(String column) {
    return Optional.ofNullable((String) cells[index(column)]);
  }

  /** A cell of text that the table's columns require. */
  public String required(String column) {
    return text(column).orElseThrow();
  }

  /** A number, perhaps NaN or infinite. */
  public double number(String column) {
    return (Double) cells[index(column)];
  }

  /** This row cannot be used. */
  public TableException refused(String column, String found, String expected) {
    return new TableException(
        where + ": " + column + ": found " + found + ", expected " + expected);
  }

  private int index(String column) {
    int index = names.indexOf(column);
    if (index < 0) {
      throw new IllegalArgumentException("no column '" + column + "' among " + names);
    }
    return index;
  }
}
