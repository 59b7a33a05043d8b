package dev.sluice.transforms.report;

import dev.sluice.schemas.AveragedVectors;
import dev.sluice.schemas.VectorCell;
import dev.sluice.schemas.VectorComparison;
import dev.sluice.schemas.VectorQuantizerInfo;
import dev.sluice.transforms.report.Page.Section;
import dev.sluice.transforms.report.Series.Kind;
import dev.sluice.transforms.report.Table.Cell;
import dev.sluice.transforms.theory.EstimationFloor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** The page of a comparison of codes: the same vectors through each. */
public final class VectorComparisonPage {
  private static final String BITS = "bits a coordinate, side information and all";

  private final VectorComparison run;

  private VectorComparisonPage(VectorComparison run) {
    this.run = run;
  }

  /** The page as UTF-8. */
  public static byte[] html(VectorComparison run) {
    return PageRenderer.render(page(run));
  }

  static Page page(VectorComparison run) {
    return new VectorComparisonPage(run).page();
  }

  /** The cell of the least error at a rate; the first of equal ones. */
  public static Optional<VectorCell> best(VectorComparison run, double rate) {
    VectorCell best = null;
    for (VectorCell cell : run.getCells()) {
      if (cell.getRate() == rate
          && cell.getVnmse() != null
          && (best == null || cell.getVnmse() < best.getVnmse())) {
        best = cell;
      }
    }
    return Optional.ofNullable(best);
  }

  /**
   * What no code can do better than, relative to the squared length of what is estimated: {@link
   * EstimationFloor} for nodes whose vectors scatter about θ.
   *
   * @param bits a coordinate
   */
  public static double floor(VectorComparison run, int nodes, double bits) {
    double d = run.getDimension();
    // θ is N(0, I) itself where it is drawn so; of other vectors nothing is assumed.
    double prior = run.getVectors().equals("gaussian") ? d : 0;
    double deviation = scatter(run);
    return EstimationFloor.meanSquaredError(
            run.getDimension(), deviation * deviation, nodes, bits * d, prior)
        / d;
  }

  /** σ of the floor, in root mean squares of the vector in common. */
  public static double scatter(VectorComparison run) {
    return run.getSpread() > 0 ? run.getSpread() : 1;
  }

  private Page page() {
    String lead =
        run.getRates().stream()
            .map(rate -> best(run, rate).map(cell -> cell.getQuantizer() + " at " + number(rate)))
            .flatMap(Optional::stream)
            .collect(Collectors.joining(", "));
    Page page =
        Page.of(
                "Codes",
                "The same vectors through every code",
                lead.isEmpty()
                    ? "No code has any of these rates."
                    : "Least error of one vector: " + lead + " bits a coordinate.")
            .fact("Vectors", Decimals.count(run.getTrials()), run.getVectors())
            .fact("Dimension", Decimals.count(run.getDimension()), "")
            .fact(
                "Nodes", Decimals.count(last(run.getNodes())), "send each vector, with keys apart");
    if (run.getSpread() > 0) {
      page.fact("Spread", Decimals.of(run.getSpread()), "of a node's own, in root mean squares");
    }
    run.getWarnings().forEach(page::notice);
    page.add(errors()).add(averages()).add(codes()).add(cells());
    if (run.getFile() != null) {
      page.source("Vectors", run.getFile().getName() + ", SHA-256 " + run.getFile().getSha256());
    }
    return page.source("Seed", Long.toString(run.getSeed()))
        .source("Document", "vectors.json has every number in full");
  }

  private static <T> T last(List<T> list) {
    return list.get(list.size() - 1);
  }

  private static String title(String family) {
    return family.substring(0, 1).toUpperCase(Locale.ROOT) + family.substring(1);
  }

  private static String number(double rate) {
    return Decimals.of(rate);
  }

  private List<String> families() {
    return run.getQuantizers().stream()
        .filter(info -> run.getCells().stream().anyMatch(cell -> isSent(cell, info)))
        .map(VectorQuantizerInfo::getFamily)
        .distinct()
        .toList();
  }

  private List<VectorQuantizerInfo> members(String family) {
    return run.getQuantizers().stream().filter(info -> info.getFamily().equals(family)).toList();
  }

  private static boolean isSent(VectorCell cell, VectorQuantizerInfo info) {
    return cell.getQuantizer().equals(info.getName()) && cell.getVnmse() != null;
  }

  private static String id(String prefix, String family) {
    return prefix + family.replaceAll("[^a-z0-9]+", "-");
  }

  private Section errors() {
    Section section =
        Section.of("error", "Error of one vector")
            .say(
                "vNMSE is the squared error of a decoded vector over the squared length of what was"
                    + " sent: 1 is what sending nothing would cost. Bits are those of whole codes,"
                    + " with scales, norms and places of outliers.");
    boolean normal = run.getVectors().equals("gaussian") && run.getSpread() == 0;
    if (normal) {
      section.say(
          "The line without symbols is 4 to the power of minus bits: Shannon's least distortion of"
              + " independent normal coordinates at that rate, for one node, of any code of any"
              + " length.");
    }
    for (String family : families()) {
      Chart chart =
          Chart.of(
              id("error-", family),
              title(family),
              "Mean over nodes and vectors; bars are two standard errors over vectors.",
              Axis.linear("sent", BITS),
              Axis.log("vNMSE", ""));
      List<VectorQuantizerInfo> members = members(family);
      double least = Double.POSITIVE_INFINITY;
      double most = 0;
      for (int look = 0; look < members.size(); look++) {
        VectorQuantizerInfo info = members.get(look);
        Series series = Series.of(info.getName(), Kind.LINE, look);
        for (VectorCell cell : run.getCells()) {
          if (isSent(cell, info) && cell.getVnmse() > 0) {
            bar(series, cell.getBits(), cell.getVnmse(), cell.getVnmseStandardError());
            least = Math.min(least, cell.getBits());
            most = Math.max(most, cell.getBits());
          }
        }
        chart.add(series);
      }
      if (normal && most > 0) {
        Series floor = Series.of("least distortion", Kind.LEVEL, members.size());
        floor.add(least, EstimationFloor.distortion(least));
        chart.add(floor.add(most, EstimationFloor.distortion(most)));
      }
      section.show(chart);
    }
    return section;
  }

  private static void bar(Series series, double at, double value, Double standardError) {
    if (standardError == null || value - 2 * standardError <= 0) {
      series.add(at, value);
    } else {
      series.add(at, value, value - 2 * standardError, value + 2 * standardError);
    }
  }

  /** The rate at which most codes can be held against one another; the lowest of equal ones. */
  private double commonRate() {
    double best = run.getRates().get(0);
    long most = -1;
    for (double rate : run.getRates()) {
      long count =
          run.getCells().stream()
              .filter(cell -> cell.getRate() == rate && cell.getVnmse() != null)
              .count();
      if (count > most) {
        most = count;
        best = rate;
      }
    }
    return best;
  }

  private Section averages() {
    double rate = commonRate();
    Section section =
        Section.of("averages", "What averaging makes of it")
            .say(
                "The error of the mean of K decoded vectors about the mean of what the K nodes hold,"
                    + " at "
                    + number(rate)
                    + " bits a coordinate. An unbiased code's falls as 1/K; a biased code's stops at"
                    + " its bias, however many nodes there are.")
            .say(
                "The line without symbols is of another problem: were θ not what every node holds,"
                    + " but what nodes' vectors scatter about with a standard deviation of "
                    + number(scatter(run))
                    + " root mean squares, independently, then no code of "
                    + number(rate)
                    + " bits could find "
                    + (run.getVectors().equals("gaussian") ? "θ" : "every θ, of any length,")
                    + " with less error (van Trees' inequality; a message of B bits"
                    + " carries Fisher information of trace at most 2 ln 2 B/σ², and never more than"
                    + " the vector itself). A code's error that is far below it costs next to"
                    + " nothing there. To what nodes have in common exactly it does not apply.");
    if (families().size() > 1) {
      section.show(
          averages(
              "nodes-best",
              "The best of every family",
              "Of each, the code of the least error at the largest K. ",
              best(rate),
              rate));
    }
    for (String family : families()) {
      List<String> members = members(family).stream().map(VectorQuantizerInfo::getName).toList();
      Chart chart = averages(id("nodes-", family), title(family), "", members, rate);
      if (chart.series().size() > 1) {
        section.show(chart);
      }
    }
    return section;
  }

  private Chart averages(String id, String title, String what, List<String> names, double rate) {
    Chart chart =
        Chart.of(
            id,
            title,
            what
                + (run.getSpread() > 0
                    ? "Error about θ, which includes what nodes have of their own; bars are two"
                        + " standard errors over vectors."
                    : "Bars are two standard errors over vectors."),
            Axis.log("nodes averaged", "K"),
            Axis.log("squared error", "over squared length"));
    for (int look = 0; look < names.size(); look++) {
      Series series = Series.of(names.get(look), Kind.LINE, look);
      for (VectorCell cell : run.getCells()) {
        if (cell.getRate() == rate && cell.getQuantizer().equals(names.get(look))) {
          cell.getAverages().forEach(average -> add(series, average));
        }
      }
      chart.add(series);
    }
    Series floor = Series.of("floor where nodes differ", Kind.LEVEL, names.size());
    run.getNodes().forEach(nodes -> floor.add(nodes, floor(run, nodes, rate)));
    return chart.add(floor);
  }

  /** Of every family that has the rate, the code whose mean over the most nodes errs least. */
  private List<String> best(double rate) {
    List<String> best = new ArrayList<>();
    for (String family : families()) {
      List<String> members = members(family).stream().map(VectorQuantizerInfo::getName).toList();
      run.getCells().stream()
          .filter(cell -> cell.getRate() == rate && members.contains(cell.getQuantizer()))
          .filter(cell -> cell.getVnmse() != null)
          .min(Comparator.comparingDouble(cell -> last(cell.getAverages()).getError()))
          .ifPresent(cell -> best.add(cell.getQuantizer()));
    }
    return best;
  }

  private static void add(Series series, AveragedVectors average) {
    boolean spread = average.getEstimation() != null;
    double value = spread ? average.getEstimation() : average.getError();
    if (value > 0) {
      bar(
          series,
          average.getNodes(),
          value,
          spread ? average.getEstimationStandardError() : average.getErrorStandardError());
    }
  }

  private Section codes() {
    Table table =
        Table.of(
            "What was compared",
            "Unbiased by rotation: under a rotation uniform over all, and under randomised Hadamard"
                + " rounds as nearly as they come to one.",
            "code",
            "bias",
            "what it is",
            "error law",
            "side information",
            "state",
            "source");
    for (VectorQuantizerInfo info : run.getQuantizers()) {
      table.row(
          Cell.text(info.getName()),
          Cell.text(info.getBias()),
          Cell.text(info.getWhat()),
          Cell.text(info.getErrorLaw() == null ? "none known" : info.getErrorLaw()),
          Cell.text(info.getSideInformation()),
          Cell.text(info.getState()),
          Cell.text(info.getSource()));
    }
    return Section.of("codes", "Codes").show(table);
  }

  private Section cells() {
    Table table =
        Table.of(
            "Every code at every rate it has",
            "The rate is before side information, bits are after. Bias² is the squared length of the"
                + " mean error; what sampling adds is taken off, so that an unbiased code's lies"
                + " about 0.",
            headings());
    for (VectorCell cell : run.getCells()) {
      if (cell.getBits() == null) {
        continue;
      }
      Cell[] row = new Cell[headings().length];
      int at = 0;
      row[at++] = Cell.number(cell.getRate());
      row[at++] = Cell.text(cell.getQuantizer());
      row[at++] = Cell.number(cell.getBits());
      row[at++] = Cell.number(cell.getVnmse());
      row[at++] = Cell.number(cell.getVnmseStandardError());
      row[at++] = Cell.number(cell.getBiasSquared());
      row[at++] = Cell.number(cell.getBiasSquaredStandardError());
      for (AveragedVectors average : cell.getAverages()) {
        row[at++] = Cell.number(average.getError());
        if (run.getSpread() > 0) {
          row[at++] = Cell.number(average.getEstimation());
        }
      }
      row[at] = Cell.text(cell.getSetting());
      table.row(row);
    }
    return Section.of("cells", "All figures").show(table);
  }

  private String[] headings() {
    List<String> averages =
        run.getNodes().stream()
            .flatMap(
                nodes ->
                    run.getSpread() > 0
                        ? List.of("mean of " + nodes, "mean of " + nodes + ", about θ").stream()
                        : List.of("mean of " + nodes).stream())
            .toList();
    String[] all = new String[8 + averages.size()];
    List<String> first =
        List.of("rate", "code", "bits sent", "vNMSE", "standard error", "bias²", "standard error");
    for (int i = 0; i < all.length; i++) {
      all[i] =
          i < first.size()
              ? first.get(i)
              : i - first.size() < averages.size() ? averages.get(i - first.size()) : "setting";
    }
    return all;
  }
}
