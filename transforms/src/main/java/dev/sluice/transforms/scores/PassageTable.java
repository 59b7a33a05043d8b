package dev.sluice.transforms.scores;

import dev.sluice.schemas.tables.TableColumns;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.util.List;

/** A site's passages. Columns beside their names and texts are not read. */
public final class PassageTable {
  private static final TableColumns COLUMNS =
      new TableColumns(List.of("passage", "text"), List.of(), List.of(), true);

  private PassageTable() {}

  /** Takes a passage. */
  public interface Sink {
    /**
     * One passage.
     *
     * @param line where its row begins
     * @param name its name, not known to be the only one of it
     */
    void take(long line, String name, String text) throws IOException;
  }

  /**
   * Reads the passages of a table.
   *
   * @throws IOException naming the first row that cannot be used, or if there is none
   */
  public static void forEach(String file, Sink sink) throws IOException {
    long[] rows = {0};
    SiteTables.forEach(
        file,
        SiteTables.format(file, false),
        COLUMNS,
        row -> {
          rows[0]++;
          sink.take(row.place(), CandidateList.name(row, "passage"), row.required("text"));
        });
    if (rows[0] == 0) {
      throw new BadInputException(file + ": found no rows, expected passages");
    }
  }
}
