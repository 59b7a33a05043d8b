package dev.sluice.transforms.scores;

import dev.sluice.schemas.tables.TableColumns;
import dev.sluice.schemas.tables.TableFormat;
import dev.sluice.schemas.tables.TableReader;
import dev.sluice.schemas.tables.TableRow;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.util.Optional;

/** Opens a site's tables, on any Beam filesystem, by the end of their names. */
final class SiteTables {
  private SiteTables() {}

  /** Takes a row; what it throws ends the reading. */
  interface Sink {
    void take(TableRow row) throws IOException;
  }

  /**
   * The format of a table.
   *
   * @param avro whether it may be Avro
   */
  static TableFormat format(String file, boolean avro) throws BadInputException {
    Optional<TableFormat> format = TableFormat.of(file);
    if (format.isEmpty() || (format.get() == TableFormat.AVRO && !avro)) {
      throw new BadInputException(
          file
              + ": found a name that does not say the format, expected one that ends with .csv,"
              + (avro ? " .jsonl, .ndjson or .avro" : " .jsonl or .ndjson"));
    }
    return format.get();
  }

  /** Reads a table from end to end. */
  static void forEach(String file, TableFormat format, TableColumns columns, Sink sink)
      throws IOException {
    Optional<ReadableByteChannel> channel = Storage.openIfExists(file);
    if (channel.isEmpty()) {
      throw new BadInputException(file + ": no such file");
    }
    try (TableReader reader =
        TableReader.open(Channels.newInputStream(channel.get()), file, format, columns)) {
      for (Optional<TableRow> row = reader.next(); row.isPresent(); row = reader.next()) {
        sink.take(row.get());
      }
    }
  }
}
