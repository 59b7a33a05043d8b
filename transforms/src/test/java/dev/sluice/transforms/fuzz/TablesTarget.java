package dev.sluice.transforms.fuzz;

import dev.sluice.schemas.tables.TableColumns;
import dev.sluice.schemas.tables.TableException;
import dev.sluice.schemas.tables.TableFormat;
import dev.sluice.schemas.tables.TableReader;
import dev.sluice.schemas.tables.TableRow;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** Tables of scores and of texts, format and columns by the first byte. */
final class TablesTarget implements FuzzTarget {
  private static final TableColumns SCORES =
      new TableColumns(
          List.of("query", "candidate"),
          List.of("score"),
          List.of("group", "truth", "node"),
          false);
  private static final TableColumns TEXTS =
      new TableColumns(List.of("passage", "text"), List.of(), List.of(), true);

  @Override
  public boolean accepts(byte[] input) throws IOException {
    if (input.length == 0) {
      return false;
    }
    int kind = Math.floorMod(input[0] - '0', 5);
    TableFormat format = TableFormat.values()[kind % 3];
    TableColumns columns = kind < 3 ? SCORES : TEXTS;
    ByteArrayInputStream bytes = new ByteArrayInputStream(input, 1, input.length - 1);
    try (TableReader reader = TableReader.open(bytes, "table", format, columns)) {
      long last = 0;
      for (Optional<TableRow> row = reader.next(); row.isPresent(); row = reader.next()) {
        if (row.get().place() <= last) {
          throw new AssertionError("row at " + row.get().place() + " after one at " + last);
        }
        last = row.get().place();
        if (kind < 3) {
          row.get().required("query");
          row.get().number("score");
          row.get().text("truth");
        } else {
          row.get().required("text");
        }
      }
      return last > 0;
    } catch (TableException e) {
      if (e.getMessage().length() > 2000
          || e.getMessage().chars().anyMatch(Character::isISOControl)) {
        throw new AssertionError("a message that is not fit to print", e);
      }
      return false;
    }
  }
}
