package dev.sluice.runners;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Numbers and tables for people, in ASCII so that any terminal shows them. */
final class Texts {
  private Texts() {}

  /** Bytes with a binary unit. */
  static String bytes(long bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    double value = (double) bytes;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return unit == 0
        ? String.format(Locale.ROOT, "%.0f B", value)
        : String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
  }

  /** Six significant digits at most. */
  static String number(Double value) {
    if (value == null) {
      return "-";
    }
    return value == Math.rint(value) && Math.abs(value) < 1e9
        ? String.format(Locale.ROOT, "%d", value.longValue())
        : String.format(Locale.ROOT, "%.5g", value);
  }

  /** A fraction as a percentage. */
  static String percent(double fraction) {
    return fraction == 0 ? "0 %" : String.format(Locale.ROOT, "%.3g %%", 100 * fraction);
  }

  /** A bar of a value against the largest. */
  static String bar(double value, double largest, int width) {
    int full = largest <= 0 ? 0 : (int) Math.round(width * value / largest);
    return "#".repeat(full) + ".".repeat(width - full);
  }

  /** A count with its noun. */
  static String count(long n, String noun) {
    return n + " " + noun + (n == 1 ? "" : "s");
  }

  /** A count of queries. */
  static String queries(long n) {
    return n + (n == 1 ? " query" : " queries");
  }

  /** Text that may have come from outside, safe to print. */
  static String printable(String text) {
    return text.replaceAll("[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}\u2028\u2029]", "?");
  }

  /** Text as one word of a shell's command line. */
  static String shellWord(String text) {
    return text.matches("[A-Za-z0-9_./:+-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
  }

  /**
   * Rows under headings, columns aligned: the first and words to the left, numbers to the right.
   */
  static final class Table {
    /** Rows after which the others are only counted. */
    static final int ROWS_SHOWN = 40;

    private final List<String[]> rows = new ArrayList<>();
    private int left;

    Table(String... headings) {
      rows.add(headings);
    }

    Table row(String... cells) {
      if (rows.size() <= ROWS_SHOWN) {
        rows.add(Arrays.stream(cells).map(Texts::printable).toArray(String[]::new));
      } else {
        left++;
      }
      return this;
    }

    @Override
    public String toString() {
      int columns = rows.get(0).length;
      int[] widths = new int[columns];
      for (String[] row : rows) {
        for (int i = 0; i < columns; i++) {
          widths[i] = Math.max(widths[i], row[i].length());
        }
      }
      boolean[] numbers = new boolean[columns];
      for (int i = 1; i < columns; i++) {
        int column = i;
        numbers[i] =
            rows.stream().skip(1).allMatch(row -> row[column].matches("-?[0-9].*|-|silent"));
      }
      StringBuilder text = new StringBuilder();
      for (String[] row : rows) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < columns; i++) {
          String pad = " ".repeat(widths[i] - row[i].length());
          line.append(i == 0 ? "  " : "   ").append(numbers[i] ? pad + row[i] : row[i] + pad);
        }
        text.append(line.toString().stripTrailing()).append('\n');
      }
      if (left > 0) {
        text.append("  ... and ").append(left).append(" more; --json has them all\n");
      }
      return text.toString();
    }
  }
}
