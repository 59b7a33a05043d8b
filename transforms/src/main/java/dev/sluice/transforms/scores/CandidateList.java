package dev.sluice.transforms.scores;

import dev.sluice.schemas.tables.TableException;
import dev.sluice.schemas.tables.TableReader;
import dev.sluice.schemas.tables.TableRow;
import java.io.Serializable;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;

/** The candidates of a channel by their names. Immutable. */
final class CandidateList implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int SHOWN = 6;

  private final String[] names;
  private final HashMap<String, Integer> indices = new HashMap<>();

  CandidateList(List<String> names) {
    this.names = names.toArray(new String[0]);
    for (int i = 0; i < this.names.length; i++) {
      indices.put(this.names[i], i);
    }
  }

  int size() {
    return names.length;
  }

  /** The index of the candidate that a cell names. */
  int index(TableRow row, String column, String name) throws TableException {
    Integer index = indices.get(name);
    if (index == null) {
      throw row.refused(column, TableReader.shown(name), "one of the candidates " + shown());
    }
    return index;
  }

  /** The index of the true answer; -1 where the row has none. */
  int truth(TableRow row) throws TableException {
    Optional<String> truth = row.text("truth");
    return truth.isEmpty() ? -1 : index(row, "truth", truth.get());
  }

  private String shown() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < Math.min(SHOWN, names.length); i++) {
      text.append(i == 0 ? "" : ", ").append(TableReader.shown(names[i]));
    }
    return names.length <= SHOWN
        ? text.toString()
        : text + " and " + (names.length - SHOWN) + " more";
  }

  /** A name in a cell. */
  static String name(TableRow row, String column) throws TableException {
    String name = row.required(column);
    Optional<String> fault = ScoreNames.fault(name);
    if (fault.isPresent()) {
      throw row.refused(
          column,
          TableReader.shown(name) + ", which " + fault.get(),
          "1 to " + ScoreNames.MAX_BYTES + " bytes of plain text");
    }
    return name;
  }

  /** The name of a group; null for none. */
  static String group(TableRow row) throws TableException {
    return row.text("group").isEmpty() ? null : name(row, "group");
  }
}
