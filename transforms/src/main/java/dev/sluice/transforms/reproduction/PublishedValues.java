package dev.sluice.transforms.reproduction;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;

/**
 * What an experiment's cells are compared with, as printed: {@code <experiment>.csv} beside this
 * class. THEORY 8 and 4.2. Immutable.
 */
public final class PublishedValues {
  private final List<Row> rows;

  /**
   * One cell's.
   *
   * @param published the mean as printed, for its digits
   * @param publishedSd its standard deviation
   * @param reference of our own, from an independent implementation
   * @param predicted what was predicted for it in print
   */
  public record Row(
      String axis,
      double value,
      String channel,
      Optional<BigDecimal> published,
      Optional<Double> publishedSd,
      Optional<Double> reference,
      Optional<Double> predicted) {}

  private PublishedValues(List<Row> rows) {
    this.rows = List.copyOf(rows);
  }

  /** Those of an experiment, by its name. */
  public static PublishedValues of(String experiment) {
    String file = experiment + ".csv";
    CSVFormat format = CSVFormat.RFC4180.builder().setHeader().setSkipHeaderRecord(true).get();
    List<Row> rows = new ArrayList<>();
    try (InputStream in = PublishedValues.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalArgumentException("no published values of '" + experiment + "'");
      }
      try (CSVParser table = format.parse(new InputStreamReader(in, StandardCharsets.UTF_8))) {
        for (CSVRecord row : table) {
          rows.add(
              new Row(
                  row.get("axis"),
                  Double.parseDouble(row.get("value")),
                  row.get("channel"),
                  text(row, "published").map(BigDecimal::new),
                  text(row, "published_sd").map(Double::valueOf),
                  text(row, "reference").map(Double::valueOf),
                  text(row, "predicted").map(Double::valueOf)));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new PublishedValues(rows);
  }

  private static Optional<String> text(CSVRecord row, String column) {
    return Optional.of(row.get(column)).filter(text -> !text.isEmpty());
  }

  /** In the order of the tables. */
  public List<Row> rows() {
    return rows;
  }

  /** A cell's; with nothing in it where the table has no such cell. */
  public Row at(String axis, double value, String channel) {
    for (Row row : rows) {
      if (row.axis().equals(axis) && row.value() == value && row.channel().equals(channel)) {
        return row;
      }
    }
    return new Row(
        axis,
        value,
        channel,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }
}
