package dev.sluice.transforms.scores;

import dev.sluice.schemas.QueryRow;
import dev.sluice.schemas.tables.TableColumns;
import dev.sluice.schemas.tables.TableException;
import dev.sluice.schemas.tables.TableFormat;
import dev.sluice.schemas.tables.TableRow;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.io.Serializable;
import java.util.List;

/** A table of queries in words, for a site's own scorer. Immutable. */
public final class QueryTable implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final TableColumns COLUMNS =
      new TableColumns(List.of("query", "text"), List.of(), List.of("group", "truth"), false);

  private final String file;
  private final TableFormat format;
  private final CandidateList candidates;

  /** Takes a query. */
  public interface Sink {
    void take(QueryRow row) throws IOException;
  }

  private QueryTable(String file, TableFormat format, CandidateList candidates) {
    this.file = file;
    this.format = format;
    this.candidates = candidates;
  }

  /**
   * A table for a channel.
   *
   * @throws BadInputException if the file's name does not say its format
   */
  public static QueryTable of(String file, NodeChannel channel) throws BadInputException {
    return new QueryTable(
        file,
        SiteTables.format(file, false),
        new CandidateList(channel.document().getCandidates()));
  }

  /** Where the table is. */
  public String file() {
    return file;
  }

  /**
   * Reads and checks every row.
   *
   * @return how many there are, at least 1
   */
  public long check() throws IOException {
    long[] rows = {0};
    forEach(row -> rows[0]++);
    if (rows[0] == 0) {
      throw new BadInputException(file + ": found no rows, expected queries");
    }
    return rows[0];
  }

  /** Reads the queries. */
  public void forEach(Sink sink) throws IOException {
    SiteTables.forEach(file, format, COLUMNS, row -> sink.take(parsed(row)));
  }

  private QueryRow parsed(TableRow row) throws TableException {
    return QueryRow.newBuilder()
        .setPlace(row.place())
        .setQuery(CandidateList.name(row, "query"))
        .setText(row.required("text"))
        .setGroup(CandidateList.group(row))
        .setTruth(candidates.truth(row))
        .build();
  }
}
