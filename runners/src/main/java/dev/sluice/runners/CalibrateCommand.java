package dev.sluice.runners;

import dev.sluice.schemas.CalibrationTerms;
import dev.sluice.schemas.GroupThreshold;
import dev.sluice.schemas.ScoreRejectCount;
import dev.sluice.schemas.Slack;
import dev.sluice.schemas.Threshold;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.ConformalRank;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.scores.SummaryMethod;
import dev.sluice.transforms.scores.SwarmChannel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The hub's step from scores to thresholds. */
@Command(
    name = "calibrate",
    description = {
      "Turn the sites' scores of labelled queries into thresholds: an answer is in the set of a"
          + " query if its mean score is at most the threshold. Of queries that count (all nodes"
          + " answered, groups and truths agree) and are exchangeable with these, at least 1 -"
          + " alpha of the sets hold the true answer.",
      "Scores go through the same channel as those of later queries, so what their bits cost is"
          + " set size, never coverage. threshold.json is written last, and does not depend on the"
          + " runner, on parallelism, or on the order of files."
    },
    footerHeading = "%nExit codes%n",
    footer = {
      "  0   calibrated",
      "  3   bad input, or nothing to calibrate with (an earlier threshold is left as it was)",
      "  4   calibrated, and something was rejected"
    })
final class CalibrateCommand extends SluiceCommand {
  @Option(
      names = "--round",
      required = true,
      paramLabel = "DIR",
      description = "Directory with the sites' scores/NODE/ and labels/NODE/.")
  private String round;

  @Option(
      names = "--alpha",
      required = true,
      split = ",",
      paramLabel = "A",
      description =
          "Shares of queries whose set may miss the true answer: decimals in (0, 1), as"
              + " 0.05,0.1,0.2.")
  private List<String> alphas;

  @Option(
      names = "--bits-cal",
      required = true,
      paramLabel = "B",
      description =
          "Most payload bits that a site says of all its calibration scores together, over all"
              + " groups. For --method paper, log2 of the number of values that it sends.")
  private int bitsCal;

  @Option(
      names = "--method",
      paramLabel = "conservative|paper|kll",
      defaultValue = "conservative",
      description =
          "conservative: order statistics about the quantile, rounded up; coverage is at least"
              + " 1 - alpha whatever the bits. paper: the published rule, which falls short at few"
              + " bits. kll: a KLL sketch, needs some thousand bits, holds in 99 of 100 draws of"
              + " its coins. Default: ${DEFAULT-VALUE}.")
  private String method;

  @Option(
      names = "--group-by",
      paramLabel = "COLUMN",
      description =
          "Thresholds for each group of queries: 'group', the column that scores carry. Each group"
              + " then has its own n, and shares of the bits.")
  private String groupBy;

  @Option(
      names = "--min-cell",
      paramLabel = "C",
      defaultValue = "1",
      description =
          "Fewest scores between two values that a site reports, and beyond the first and the last."
              + " It keeps extremes back and points apart; it makes nobody anonymous: a reported"
              + " value is one query's score, rounded up to the grid, and who has the packets can"
              + " find whose. --max-levels blurs that. Default: ${DEFAULT-VALUE}, any.")
  private int minCell;

  @Option(
      names = "--max-levels",
      paramLabel = "L",
      defaultValue = "65535",
      description =
          "Most levels of the grid of reported values, over the range of scores; few of them make a"
              + " value fit many scores."
              + " Default: ${DEFAULT-VALUE}.")
  private int maxLevels;

  @Option(
      names = "--density",
      paramLabel = "D",
      defaultValue = "1",
      description =
          "Guess of the scores' density at the threshold, 1 for uniform over the range: places the"
              + " reported points, the guarantee does not rest on it. Default: ${DEFAULT-VALUE}.")
  private double density;

  @Option(
      names = "--nodes",
      split = ",",
      paramLabel = "NAME",
      description = "Average over these nodes only. Default: all that have scores here.")
  private List<String> nodes;

  @Option(
      names = "--min-nodes",
      paramLabel = "M",
      description =
          "Fewest nodes that must have answered a query for it to count. A mean over other nodes is"
              + " another score: below all of them the guarantee holds only if which nodes answer"
              + " is drawn alike for calibration and test queries. Default: all nodes.")
  private Integer minNodes;

  @Option(
      names = "--max-density",
      paramLabel = "F",
      description =
          "f_max, a bound on the scores' density per nat, for the published slack terms in numbers."
              + " They are not needed for the guarantee.")
  private Double maxDensity;

  @Option(
      names = "--mean-kl",
      paramLabel = "KL",
      description = "E KL(P*||P) of the scoring model in nats, for the published training slack.")
  private Double meanKl;

  @Option(
      names = "--delta",
      paramLabel = "P",
      defaultValue = "0.05",
      description =
          "The published slack holds but for calibration sets of this probability."
              + " Default: ${DEFAULT-VALUE}.")
  private double delta;

  @Mixin private RunnerOptions runner;

  @Override
  public Integer call() throws IOException {
    RunnerChoice choice = runner.choice();
    Calibration calibration =
        new Calibration(
            alphas,
            bitsCal,
            method,
            groupBy,
            minCell,
            maxLevels,
            density,
            nodes,
            minNodes,
            maxDensity,
            meanKl,
            delta);
    calibration.check(this::usage);
    ScoreDirectory directory = Locations.scores(round);
    Versions.checkNone(directory.root(), "calibrate");
    SwarmChannel swarm =
        SwarmChannel.read(directory, nodes == null ? SwarmChannel.present(directory) : nodes);
    calibration.check(swarm, this::usage);
    reportAttempts(new RoundDirectory(directory.root()));
    Threshold threshold =
        calibration.run(
            swarm,
            ScoreAttempt.settle(choice, swarm, err()),
            progress(),
            UUID.randomUUID().toString());
    report(threshold);
    out().println("written to " + directory.threshold());
    return rejects(threshold, directory);
  }

  private void report(Threshold threshold) {
    CalibrationTerms terms = threshold.getTerms();
    out()
        .printf(
            Locale.ROOT,
            "channel    %s, %d candidates, scores of '%s' in [0, %s] nats%n",
            Texts.count(threshold.getNodes().size(), "node"),
            threshold.getCandidates().size(),
            Texts.printable(threshold.getScorer()),
            Texts.number(threshold.getMaxScore()));
    long bits =
        threshold.getNodes().stream().mapToLong(node -> node.getSummaryBits()).max().orElse(0);
    out()
        .println(
            "summaries  "
                + terms.getMethod()
                + ", at most "
                + (SummaryMethod.of(terms.getMethod()) == SummaryMethod.PAPER
                    ? bits + " bits of a node (2^" + terms.getBitsCal() + " values of 64)"
                    : bits + " of " + terms.getBitsCal() + " bits of a node"));
    out()
        .println(
            "calibrated with "
                + threshold.getCalibrated()
                + " of "
                + Texts.queries(threshold.getQueries())
                + (threshold.getMinNodes() == threshold.getNodes().size()
                    ? " that all nodes answered"
                    : " that at least "
                        + Texts.count(threshold.getMinNodes(), "node")
                        + " answered"));
    Texts.Table table =
        terms.getGrouped()
            ? new Texts.Table("group", "alpha", "n", "rank", "threshold", "k/(n+1)")
            : new Texts.Table("alpha", "n", "rank", "threshold", "k/(n+1)");
    for (GroupThreshold row : threshold.getThresholds()) {
      List<String> cells = new ArrayList<>();
      if (terms.getGrouped()) {
        cells.add(row.getGroup() == null ? "(none)" : row.getGroup());
      }
      cells.add(row.getAlpha());
      cells.add("" + row.getScores());
      cells.add("" + row.getRank());
      cells.add(row.getThreshold() == null ? "infinite" : Texts.number(row.getThreshold()));
      cells.add(
          row.getCoverage() == null ? "-" : String.format(Locale.ROOT, "%.4f", row.getCoverage()));
      table.row(cells.toArray(String[]::new));
    }
    out().print(table);
    for (GroupThreshold row : threshold.getThresholds()) {
      if (row.getThreshold() == null) {
        out().println(infinite(row, threshold.getCandidates().size()));
      }
    }
    if (SummaryMethod.of(terms.getMethod()) == SummaryMethod.PAPER) {
      out().println("the published rule: 1 - alpha is not guaranteed, and fails at few bits");
    }
    if (SummaryMethod.of(terms.getMethod()) == SummaryMethod.KLL) {
      out().println("a sketch: that 1 - alpha is covered is likely, not certain");
    }
    if (maxDensity != null) {
      threshold.getThresholds().forEach(this::slack);
    }
  }

  /** The published bound, where its assumptions hold. */
  private void slack(GroupThreshold row) {
    String where =
        "  alpha "
            + row.getAlpha()
            + (row.getGroup() == null ? "" : ", group " + Texts.printable(row.getGroup()))
            + ": ";
    Slack slack = row.getSlack();
    if (slack == null || slack.getLowerBound() == null) {
      out()
          .println(
              where
                  + "the published bound says nothing: "
                  + (slack == null
                      ? "the error of this method's summaries is not known"
                      : "a node sends not all candidates, or clipped scores"));
      return;
    }
    out()
        .printf(
            Locale.ROOT,
            "%sthe published bound is %.4f%s: %.4g calibration + %.4g channel%s nats, times f_max"
                + " %s, but for calibration sets of probability %s%n",
            where,
            Math.max(0, slack.getLowerBound()),
            slack.getLowerBound() < 0 ? " (below 0, it says nothing)" : "",
            slack.getFederated(),
            slack.getChannel(),
            slack.getTraining() == null
                ? ""
                : String.format(Locale.ROOT, " + %.4g training", slack.getTraining()),
            Texts.number(slack.getMaxDensity()),
            Texts.number(delta));
  }

  private static String infinite(GroupThreshold row, int candidates) {
    return Texts.printable(
        "alpha "
            + row.getAlpha()
            + (row.getGroup() == null ? "" : ", group " + row.getGroup())
            + ": "
            + why(row)
            + "; every set is all "
            + candidates
            + " candidates");
  }

  /** Why a threshold is infinite, for people. */
  static String why(GroupThreshold row) {
    return switch (row.getWhy()) {
      case "too-few-scores" ->
          Texts.count(row.getScores(), "calibration score")
              + ", at least "
              + ConformalRank.smallestFinite(Alpha.of(row.getAlpha()))
              + " are needed";
      case "unscored-answers" -> "too many true answers were scored by no node";
      case "min-cell" ->
          "--min-cell keeps back the scores of rank "
              + row.getRank()
              + " of "
              + row.getScores()
              + " and above";
      default ->
          "the nodes' summaries have too few bits to reach rank "
              + row.getRank()
              + " of "
              + row.getScores();
    };
  }

  private int rejects(Threshold threshold, ScoreDirectory directory) {
    if (threshold.getRejects().isEmpty()) {
      return ExitCodes.OK;
    }
    err().println("sluice: some of what came was rejected:");
    for (ScoreRejectCount count : threshold.getRejects()) {
      err().println("  " + count.getCount() + " " + Texts.printable(count.getReason()));
    }
    err().println("  with reasons in " + directory.calibrationRejects());
    return ExitCodes.DONE_WITH_REJECTS;
  }
}
