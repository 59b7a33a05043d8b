package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("long")
class QuickstartCommandTest {
  private static final String NUMBER = "([0-9.]+e[-+][0-9]+)";

  /** Bits, payload, overhead, lower, measured, standard error, upper, worst case. */
  private static final Pattern ROW =
      Pattern.compile(
          "^ *([0-9]+) +([0-9]+), +([0-9.]+) % +"
              + String.join(" +", NUMBER, NUMBER, "\\+- +" + NUMBER, NUMBER, NUMBER)
              + "$",
          Pattern.MULTILINE);

  @TempDir Path directory;

  /** The only run, of some 20 s: everything there is to say of it is said here. */
  @Test
  void everyRowOfTheTableLiesBetweenItsBounds() {
    Path target = directory.resolve("quick start");
    Cli.Result result = Cli.run("quickstart", "--dir", target.toString());
    assertThat(result.toString(), result.code(), is(0));
    List<double[]> rows = new ArrayList<>();
    Matcher matcher = ROW.matcher(result.out());
    while (matcher.find()) {
      double[] row = new double[8];
      for (int i = 0; i < 8; i++) {
        row[i] = Double.parseDouble(matcher.group(i + 1));
      }
      rows.add(row);
    }
    assertThat(result.out(), rows.size(), equalTo(8));
    for (int i = 0; i < 8; i++) {
      double[] row = rows.get(i);
      String bits = "at " + (i + 1) + " bits";
      double slack = 3 * row[5];
      assertThat(bits, row[0], is(i + 1.0));
      assertThat(bits, row[1], lessThanOrEqualTo(256 * row[0]));
      assertThat(bits, row[3], greaterThan(0.0));
      assertThat(bits, row[3], lessThanOrEqualTo(row[4] + slack));
      assertThat(bits, row[4] - slack, lessThanOrEqualTo(row[6]));
      assertThat(bits, row[4], lessThan(row[7]));
      if (i > 0) {
        assertThat(bits, row[4], lessThan(rows.get(i - 1)[4]));
      }
      assertThat(Files.exists(target.resolve("bits-" + (i + 1) + "/manifest.json")), is(true));
    }
    assertThat(result.out(), containsString("inspect " + target + "/bits-4"));
  }
}
