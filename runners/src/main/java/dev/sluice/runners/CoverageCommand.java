package dev.sluice.runners;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.pipelines.CoverageOfQueries;
import dev.sluice.schemas.AlphaCoverage;
import dev.sluice.schemas.CoverageReport;
import dev.sluice.schemas.CoverageRow;
import dev.sluice.schemas.GroupThreshold;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.scores.CalibratedThreshold;
import dev.sluice.transforms.scores.ScoreDirectory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import org.apache.commons.statistics.distribution.BetaDistribution;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code sluice coverage}. */
@Command(
    name = "coverage",
    description = {
      "Measures a calibrated threshold on queries whose true answers are known.",
      "",
      "Of the queries' directory, scores/ and labels/ are read; coverage.json is written there. The"
          + " interval is Wilson's at 95 %%, for independent queries under this one threshold. What"
          + " calibration promises, 1 - alpha, is an average over calibration sets as well."
    },
    footerHeading = "%nExit codes%n",
    footer = {
      "  0   done",
      "  3   bad input, another channel than was calibrated, or no query with a known answer left",
      "  4   done, and something was rejected",
      "",
      "Example:",
      "  sluice coverage --round rounds/c1 --queries rounds/t1"
    })
final class CoverageCommand extends ServingCommand {
  @Option(names = "--json", description = "Print one JSON array and nothing else.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    Served served = served();
    ScoreDirectory directory = served.swarm().directory();
    CoverageReport report =
        attempt(
            "coverage",
            served,
            CoverageOfQueries::build,
            CoverageReport.class,
            directory.coverage());
    String rejects = directory.rejects("coverage");
    if (report.getAlphas().get(0).getAll().getN() == 0) {
      throw nothingLeft(
          "no query with a known true answer is left to measure on"
              + (report.getUnlabelled() > 0
                  ? " (" + report.getUnlabelled() + " without); labels/NODE/ has them"
                  : ""),
          report.getRejects(),
          served,
          rejects);
    }
    if (json) {
      out().print(new String(PlainJson.write(tree(report)), StandardCharsets.UTF_8));
    } else {
      forPeople(report, served.swarm().threshold());
      out().println("written to " + directory.coverage());
    }
    out().flush();
    return rejected(report.getRejects(), served, rejects);
  }

  /** The report for programs: alpha a number, and whether any threshold was infinite as a word. */
  static ArrayNode tree(CoverageReport report) {
    ArrayNode alphas = JsonNodeFactory.instance.arrayNode();
    for (AlphaCoverage alpha : report.getAlphas()) {
      ObjectNode entry = JsonNodeFactory.instance.objectNode();
      entry.put("alpha", Alpha.of(alpha.getAlpha()).toDouble());
      entry.setAll(row(alpha.getAll(), "group", "nodes"));
      ArrayNode groups = entry.putArray("groups");
      alpha.getGroups().forEach(group -> groups.add(row(group, "nodes")));
      ArrayNode nodeCounts = entry.putArray("nodeCounts");
      alpha.getNodeCounts().forEach(nodes -> nodeCounts.add(row(nodes, "group")));
      alphas.add(entry);
    }
    return alphas;
  }

  private static ObjectNode row(CoverageRow row, String... without) {
    ObjectNode tree = PlainJson.toTree(row);
    tree.remove(List.of(without));
    tree.put("infiniteThreshold", row.getInfiniteThreshold() > 0);
    tree.put("infiniteThresholdQueries", row.getInfiniteThreshold());
    return tree;
  }

  private void forPeople(CoverageReport report, CalibratedThreshold threshold) {
    Texts.Table all = table("alpha");
    for (AlphaCoverage a : report.getAlphas()) {
      row(all, a.getAlpha(), a.getAll());
    }
    out().print(all);
    if (report.getUnlabelled() > 0) {
      out().println("  not counted: " + report.getUnlabelled() + " without a known true answer");
    }
    groups(report);
    nodeCounts(report);
    if (!threshold.grouped() && report.getAlphas().get(0).getGroups().size() > 1) {
      out()
          .println(
              "\nThe threshold is one for all queries: nothing is promised of a group"
                  + " ('calibrate --group-by group' does).");
    }
    out().println();
    out()
        .println(
            "The interval is Wilson's, about 95 %: of the share that this one threshold covers, were"
                + " the queries\nindependent, each row by itself. The promised 1 - alpha is an average"
                + " over calibration sets too"
                + (report.getMismatch().isEmpty()
                    ? "."
                    : ", and for the\ncalibrated channel, which this is not."));
    if (report.getMismatch().isEmpty()) {
      ranges(threshold);
    }
  }

  private void groups(CoverageReport report) {
    boolean any =
        report.getAlphas().stream()
            .flatMap(alpha -> alpha.getGroups().stream())
            .anyMatch(group -> group.getGroup() != null);
    if (!any) {
      return;
    }
    for (AlphaCoverage alpha : report.getAlphas()) {
      Texts.Table table = table("group");
      for (CoverageRow g : alpha.getGroups()) {
        row(table, g.getGroup() == null ? "(none)" : g.getGroup(), g);
      }
      out().print("\nalpha " + alpha.getAlpha() + ", by group\n" + table);
    }
  }

  private void nodeCounts(CoverageReport report) {
    if (report.getAlphas().get(0).getNodeCounts().size() < 2) {
      return;
    }
    for (AlphaCoverage alpha : report.getAlphas()) {
      Texts.Table table = table("nodes");
      for (CoverageRow k : alpha.getNodeCounts()) {
        row(table, "" + k.getNodes(), k);
      }
      out()
          .print(
              "\nalpha "
                  + alpha.getAlpha()
                  + ", by the number of nodes that scored the true answer\n"
                  + table);
    }
  }

  private static Texts.Table table(String first) {
    return new Texts.Table(
        first, "n", "coverage", "low", "high", "mean set size", "singletons", "infinite threshold");
  }

  private static void row(Texts.Table table, String first, CoverageRow row) {
    table.row(
        first,
        "" + row.getN(),
        fixed(row.getCoverage()),
        fixed(row.getLow()),
        fixed(row.getHigh()),
        fixed(row.getMeanSetSize()),
        "" + row.getSingletons(),
        "" + row.getInfiniteThreshold());
  }

  private static String fixed(Double value) {
    return value == null ? "-" : String.format(Locale.ROOT, "%.4f", value);
  }

  /** By how much coverage varies over calibration sets, where that is known. */
  private void ranges(CalibratedThreshold threshold) {
    if (threshold.grouped()
        || !threshold.document().getTerms().getMethod().equals("conservative")) {
      return;
    }
    for (GroupThreshold row : threshold.document().getThresholds()) {
      if (row.getThreshold() != null) {
        double[] range = range(row.getRank(), row.getScores());
        out()
            .printf(
                Locale.ROOT,
                "alpha %s: over sets of %d independent scores without ties, what the %s smallest"
                    + " covers is%n  Beta(%d, %d): %.4f to %.4f for 95 %% of them; this threshold"
                    + " is that score or one above it.%n",
                row.getAlpha(),
                row.getScores(),
                ordinal(row.getRank()),
                row.getRank(),
                row.getScores() + 1 - row.getRank(),
                range[0],
                range[1]);
      }
    }
  }

  /** The middle 95 % of Beta(k, n + 1 - k): what the k-th smallest of n uniform draws may be. */
  static double[] range(long rank, long scores) {
    BetaDistribution beta = BetaDistribution.of(rank, (double) scores + 1 - rank);
    return new double[] {
      beta.inverseCumulativeProbability(0.025), beta.inverseCumulativeProbability(0.975)
    };
  }

  private static String ordinal(long n) {
    String suffix =
        n % 100 / 10 == 1
            ? "th"
            : n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
    return n + suffix;
  }
}
