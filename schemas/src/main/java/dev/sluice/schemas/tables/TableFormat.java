package dev.sluice.schemas.tables;

import java.util.Locale;
import java.util.Optional;

/** How rows are written, by the end of a file's name. */
public enum TableFormat {
  /** RFC 4180, UTF-8, the first line naming the columns. */
  CSV("line"),
  /** One JSON object a line, UTF-8. */
  JSON_LINES("line"),
  /** An uncompressed Avro container of QueryScore records. */
  AVRO("record");

  private final String unit;

  TableFormat(String unit) {
    this.unit = unit;
  }

  /** What a row's place counts. */
  public String unit() {
    return unit;
  }

  /**
   * The format of a file of this name; empty if its end is none of .csv, .jsonl, .ndjson, .avro.
   */
  public static Optional<TableFormat> of(String file) {
    String name = file.toLowerCase(Locale.ROOT);
    if (name.endsWith(".csv")) {
      return Optional.of(CSV);
    }
    if (name.endsWith(".jsonl") || name.endsWith(".ndjson")) {
      return Optional.of(JSON_LINES);
    }
    return name.endsWith(".avro") ? Optional.of(AVRO) : Optional.empty();
  }
}
