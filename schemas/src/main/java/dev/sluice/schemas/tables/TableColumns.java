package dev.sluice.schemas.tables;

import java.util.ArrayList;
import java.util.List;

/**
 * What a table has.
 *
 * @param required columns of text that every row fills
 * @param numbers columns of numbers that every row fills
 * @param optional columns of text that may be missing, and whose empty cells are none
 * @param others whether there may be columns beside these, which are not read
 */
public record TableColumns(
    List<String> required, List<String> numbers, List<String> optional, boolean others) {
  public TableColumns {
    required = List.copyOf(required);
    numbers = List.copyOf(numbers);
    optional = List.copyOf(optional);
  }

  /** All names, in the order of {@link TableRow}'s cells. */
  List<String> names() {
    List<String> names = new ArrayList<>(required);
    names.addAll(numbers);
    names.addAll(optional);
    return names;
  }

  /** How many a table cannot be without. */
  int needed() {
    return required.size() + numbers.size();
  }

  boolean isNumber(int column) {
    return column >= required.size() && column < needed();
  }

  /** For people: what there may be. */
  String expected() {
    String needed = String.join(", ", names().subList(0, needed()));
    String may = optional.isEmpty() ? "" : " and perhaps " + String.join(", ", optional);
    return needed + may + (others ? ", others being ignored" : "");
  }
}
