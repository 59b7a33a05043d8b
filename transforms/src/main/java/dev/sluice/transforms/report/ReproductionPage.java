package dev.sluice.transforms.report;

import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.ReproductionCell;
import dev.sluice.transforms.report.Page.Section;
import dev.sluice.transforms.report.Series.Kind;
import dev.sluice.transforms.report.Table.Cell;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The page of experiments run again: published means beside ours, cell by cell. */
public final class ReproductionPage {
  /**
   * Repetitions from which on a cell is judged by its standard error: with 8, three of an estimated
   * one are exceeded by chance once in 50 times, with 2 once in five.
   */
  public static final int JUDGED_FROM = 8;

  /** Standard errors from the published mean within which a cell counts as met. */
  private static final double WITHIN = 3;

  /** Standard errors to either side that an error bar shows. */
  private static final double BAR = 2;

  /** 1 − alpha of the published coverage experiment. THEORY 8.3. */
  private static final double E2_COVERAGE = 0.9;

  private static final int PUBLISHED = 5;
  private static final int REFERENCE = 7;
  private static final int PREDICTED = 6;
  private static final int NAMED = 6;

  /** What the experiments' axes are, for people: name and unit. */
  private static final Map<String, Axis> AXES =
      Map.of(
          "K", Axis.linear("nodes K", ""),
          "n", Axis.linear("samples a node n", ""),
          "m", Axis.linear("probes m", ""),
          "n_bits", Axis.linear("n_bits", "bits per coordinate"),
          "V", Axis.linear("vocabulary V", ""),
          "n_cal", Axis.linear("calibration scores a node n_cal", ""),
          "B_i", Axis.linear("B_i", "bits per query and node"),
          "B_cal", Axis.linear("B_cal", "calibration bits"),
          "b", Axis.linear("b", "bits per coordinate"),
          "mean b", Axis.linear("mean b", "bits per coordinate"));

  /** How axes end whose cells are a difference: what a channel adds to the unquantised mean. */
  private static final String EXCESS = ", excess";

  private ReproductionPage() {}

  /**
   * The page as UTF-8.
   *
   * @param experiments in the order in which they shall stand; no name twice
   */
  public static byte[] html(List<Reproduction> experiments) {
    return PageRenderer.render(page(experiments));
  }

  static Page page(List<Reproduction> experiments) {
    List<ReproductionCell> compared =
        experiments.stream().flatMap(one -> compared(one).stream()).toList();
    boolean few =
        experiments.stream()
            .flatMap(one -> one.getCells().stream())
            .anyMatch(cell -> cell.getZ() != null && cell.getSeeds() < JUDGED_FROM);
    long met = compared.stream().filter(cell -> Math.abs(cell.getZ()) <= WITHIN).count();
    long settings = experiments.stream().mapToLong(one -> settings(compared(one))).sum();
    int cells = experiments.stream().mapToInt(one -> one.getCells().size()).sum();
    Page page =
        Page.of(
            "Reproduction",
            "Published experiments, run again",
            compared.isEmpty()
                ? Decimals.count(cells, "cell")
                    + (few
                        ? ", of fewer than "
                            + JUDGED_FROM
                            + " repetitions: too few to judge by their standard errors."
                        : ", none of which has a published value.")
                : met
                    + " of "
                    + Decimals.count(compared.size(), "published mean")
                    + (met == 1 ? " is" : " are")
                    + " met within three standard errors of the difference. They are of "
                    + Decimals.count(settings, "distinct setting")
                    + "; cells of one experiment share their seeds, so that their z go together.");
    double largest = compared.stream().mapToDouble(cell -> Math.abs(cell.getZ())).max().orElse(0);
    page.fact("Experiments", Integer.toString(experiments.size()), names(experiments))
        .fact("Cells", Decimals.count(cells), "settings and channels that were run");
    if (!compared.isEmpty()) {
      page.fact(
              "Compared",
              Decimals.count(compared.size()),
              "published means, of " + Decimals.count(settings, "distinct setting"))
          .fact("Within 3 standard errors", met + " of " + compared.size(), "")
          .fact("Largest |z|", Decimals.of(largest), "standard errors of the difference");
    }
    for (Reproduction one : experiments) {
      notices(page, one);
    }
    if (!compared.isEmpty()) {
      page.add(overview(experiments));
    }
    for (Reproduction one : experiments) {
      page.add(section(one));
      page.source(
          one.getExperiment(),
          Decimals.count(one.getSeeds(), "repetition")
              + " asked for, seeds from "
              + one.getSeed()
              + "; "
              + one.getExperiment()
              + ".json has every number in full");
    }
    return page;
  }

  /** The cells that are judged by what was published. */
  public static List<ReproductionCell> compared(Reproduction one) {
    return one.getCells().stream()
        .filter(cell -> cell.getZ() != null && cell.getSeeds() >= JUDGED_FROM)
        .toList();
  }

  private static String names(List<Reproduction> experiments) {
    return experiments.stream().map(Reproduction::getExperiment).collect(Collectors.joining(", "));
  }

  private static void notices(Page page, Reproduction one) {
    List<String> missed =
        compared(one).stream()
            .filter(cell -> Math.abs(cell.getZ()) > WITHIN)
            .map(cell -> cell(cell) + " (z " + Decimals.of(cell.getZ()) + ")")
            .toList();
    if (!missed.isEmpty()) {
      page.notice(
          "In "
              + one.getExperiment()
              + ", "
              + Decimals.count(missed.size(), "cell")
              + (missed.size() == 1 ? " is" : " are")
              + " more than three standard errors from the published mean: "
              + named(missed)
              + ".");
    }
    List<String> outside =
        one.getCells().stream()
            .filter(ReproductionPage::outside)
            .map(ReproductionPage::cell)
            .toList();
    if (!outside.isEmpty()) {
      page.notice(
          "In "
              + one.getExperiment()
              + ", "
              + Decimals.count(outside.size(), "cell")
              + (outside.size() == 1 ? " is" : " are")
              + " outside the bounds by more than three standard errors: "
              + named(outside)
              + ".");
    }
  }

  private static String named(List<String> cells) {
    return cells.stream().limit(NAMED).collect(Collectors.joining("; "))
        + (cells.size() > NAMED ? "; and " + (cells.size() - NAMED) + " more" : "");
  }

  private static String cell(ReproductionCell cell) {
    return cell.getAxis() + " = " + Decimals.of(cell.getValue()) + ", " + cell.getChannel();
  }

  /**
   * Whether a cell is outside its bounds by more than three standard errors, where that is judged.
   */
  public static boolean outside(ReproductionCell cell) {
    if (cell.getBoundBase() != null || cell.getSeeds() < JUDGED_FROM) {
      return false;
    }
    double slack = WITHIN * Objects.requireNonNullElse(ourError(cell), 0.0);
    return (cell.getLower() != null && cell.getOurs() < cell.getLower() - slack)
        || (cell.getUpper() != null && cell.getOurs() > cell.getUpper() + slack);
  }

  /**
   * How many settings cells of one experiment are of; a figure put together from several counts as
   * one.
   */
  public static long settings(List<ReproductionCell> cells) {
    long combined = cells.stream().filter(cell -> cell.getSetting() == null).count();
    return combined
        + cells.stream()
            .map(ReproductionCell::getSetting)
            .filter(Objects::nonNull)
            .distinct()
            .count();
  }

  // ---- all at a glance ----

  private static Section overview(List<Reproduction> experiments) {
    List<String> rows = new ArrayList<>();
    Map<String, Series> channels = new LinkedHashMap<>();
    for (Reproduction one : experiments) {
      Map<String, Integer> row = new LinkedHashMap<>();
      for (ReproductionCell cell : one.getCells()) {
        if (cell.getZ() != null) {
          int at =
              row.computeIfAbsent(
                  cell.getAxis(),
                  axis -> {
                    rows.add(one.getExperiment() + ", " + axis);
                    return rows.size() - 1;
                  });
          channels
              .computeIfAbsent(
                  cell.getChannel(), name -> Series.of(name, Kind.SCATTER, channels.size()))
              .add(at, cell.getZ());
        }
      }
    }
    Chart chart =
        Chart.of(
                "z-overview",
                "Ours against published, in standard errors",
                "Each symbol is a cell: its mean less the published one, over the standard error of"
                    + " the difference. Were both draws of one law, nearly all would lie between"
                    + " the lines at −3 and 3; cells of one experiment share their seeds and lie to"
                    + " one side together.",
                Axis.categories("experiment and axis", rows),
                Axis.linear("z", "standard errors"))
            .target("z = −3", -WITHIN)
            .target("z = 0", 0)
            .target("z = 3", WITHIN);
    channels.values().forEach(chart::add);
    return Section.of("overview", "At a glance").show(chart);
  }

  // ---- one experiment ----

  private static Section section(Reproduction one) {
    String id = slug(one.getExperiment());
    Section section =
        Section.of("experiment-" + id, one.getExperiment() + ". " + one.getTitle())
            .say(one.getSource());
    Map<String, List<ReproductionCell>> axes = new LinkedHashMap<>();
    for (ReproductionCell cell : one.getCells()) {
      axes.computeIfAbsent(cell.getAxis(), axis -> new ArrayList<>()).add(cell);
    }
    Map<String, Integer> looks = new LinkedHashMap<>();
    Set<String> ids = new HashSet<>();
    for (Map.Entry<String, List<ReproductionCell>> axis : axes.entrySet()) {
      String chart = id + "-" + slug(axis.getKey());
      String unique = ids.add(chart) ? chart : chart + "-" + ids.size();
      ids.add(unique);
      section.show(chart(one, unique, axis.getKey(), axis.getValue(), looks));
    }
    return section.show(table(one));
  }

  private static String capital(String words) {
    return words.isEmpty()
        ? words
        : words.substring(0, 1).toUpperCase(Locale.ROOT) + words.substring(1);
  }

  private static String slug(String name) {
    return name.replaceAll("[^a-zA-Z0-9]+", "-");
  }

  private static Chart chart(
      Reproduction one,
      String id,
      String axis,
      List<ReproductionCell> cells,
      Map<String, Integer> looks) {
    boolean excess = axis.endsWith(EXCESS);
    String varied = excess ? axis.substring(0, axis.length() - EXCESS.length()) : axis;
    Axis named =
        AXES.getOrDefault(
            varied, Axis.linear(varied, varied.startsWith("drift at") ? "logits" : ""));
    String quantity =
        excess ? "excess over the unquantised mean's " + one.getQuantity() : one.getQuantity();
    Axis at =
        Axis.fitting(
            named.name(),
            named.unit(),
            cells.stream().mapToDouble(ReproductionCell::getValue).toArray());
    List<Double> values = new ArrayList<>();
    Series published = Series.of("published", Kind.SCATTER, PUBLISHED);
    Series reference = Series.of("reference", Kind.SCATTER, REFERENCE);
    Map<String, List<Series>> channels = new LinkedHashMap<>();
    boolean bars = false;
    boolean bounded = false;
    boolean based = false;
    boolean vacuous = false;
    TreeMap<Double, Double> predicted = new TreeMap<>();
    TreeMap<Double, List<ReproductionCell>> sorted = new TreeMap<>();
    for (ReproductionCell cell : cells) {
      sorted.computeIfAbsent(cell.getValue(), value -> new ArrayList<>()).add(cell);
    }
    for (List<ReproductionCell> place : sorted.values()) {
      for (ReproductionCell cell : place) {
        int look = looks.computeIfAbsent(cell.getChannel(), name -> looks.size());
        String channel = cell.getChannel();
        List<Series> its =
            channels.computeIfAbsent(
                channel,
                name ->
                    List.of(
                        Series.of(
                            (cell.getBoundBase() == null
                                    ? "bounds, "
                                    : "unquantised mean plus (L), (U), ")
                                + name,
                            Kind.BAND,
                            look),
                        Series.of("upper bound, " + name, Kind.LEVEL, look + 4),
                        Series.of("lower bound, " + name, Kind.LEVEL, look + 4),
                        Series.of("ours, " + name, Kind.LINE, look)));
        Double error = ourError(cell);
        bars |= error != null;
        add(its.get(3), cell.getValue(), cell.getOurs(), error);
        values.add(cell.getOurs());
        if (cell.getPublished() != null) {
          Double theirs = theirError(one, cell);
          bars |= theirs != null;
          add(published, cell.getValue(), cell.getPublished(), theirs);
          values.add(cell.getPublished());
        }
        if (cell.getReference() != null) {
          reference.add(cell.getValue(), cell.getReference());
          values.add(cell.getReference());
        }
        if (cell.getLower() != null && cell.getUpper() != null) {
          its.get(0).addRange(cell.getValue(), cell.getLower(), cell.getUpper());
        } else if (cell.getUpper() != null) {
          its.get(1).add(cell.getValue(), cell.getUpper());
        } else if (cell.getLower() != null) {
          its.get(2).add(cell.getValue(), cell.getLower());
        }
        for (Double bound : new Double[] {cell.getLower(), cell.getUpper()}) {
          if (bound != null) {
            values.add(bound);
            bounded |= cell.getBoundBase() == null;
            based |= cell.getBoundBase() != null;
          }
        }
        if (cell.getPredicted() != null && cell.getPredicted() < 0) {
          vacuous = true;
        } else if (cell.getPredicted() != null) {
          predicted.put(cell.getValue(), cell.getPredicted());
          values.add(cell.getPredicted());
        }
      }
    }
    Chart chart =
        Chart.of(
            id,
            capital(quantity) + " against " + named.name(),
            (published.points().isEmpty() ? "Ours" : "Published and ours")
                + (reference.points().isEmpty() ? "" : ", with a reference of our own")
                + (bars
                    ? "; bars are ± 2 standard errors of the mean (standard deviation over √"
                        + "repetitions), often smaller than the symbol"
                    : "")
                + (bounded ? "; bounds on the expectation beside them" : "")
                + (based
                    ? "; a band of the unquantised mean plus (L) and (U) is for orientation: the"
                        + " bounds are on the excess over that mean"
                    : "")
                + (predicted.isEmpty() ? "." : "; what is predicted or aimed at is no bound.")
                + (vacuous ? " Predictions below 0 say nothing and are not drawn." : ""),
            at,
            Axis.fitting(
                quantity,
                one.getUnit(),
                values.stream().mapToDouble(Double::doubleValue).toArray()));
    for (int layer = 0; layer < 4; layer++) {
      for (List<Series> its : channels.values()) {
        chart.add(its.get(layer));
      }
    }
    Series aim =
        Series.of("predicted", predicted.size() == 1 ? Kind.SCATTER : Kind.LEVEL, PREDICTED);
    predicted.forEach(aim::add);
    chart.add(published).add(reference).add(aim);
    return one.getExperiment().equals("e2") ? chart.target("1 − α = 0.9", E2_COVERAGE) : chart;
  }

  private static void add(Series series, double at, double value, Double error) {
    if (error == null) {
      series.add(at, value);
    } else {
      series.add(at, value, value - BAR * error, value + BAR * error);
    }
  }

  private static Double ourError(ReproductionCell cell) {
    return cell.getOursSd() == null ? null : cell.getOursSd() / Math.sqrt(cell.getSeeds());
  }

  private static Double theirError(Reproduction one, ReproductionCell cell) {
    return cell.getPublishedSd() == null || one.getPublishedSeeds() == null
        ? null
        : cell.getPublishedSd() / Math.sqrt(one.getPublishedSeeds());
  }

  private static Table table(Reproduction one) {
    Table table =
        Table.of(
            "Every cell of " + one.getExperiment() + ": " + one.getQuantity(),
            "In "
                + one.getUnit()
                + "; sd is the standard deviation of one repetition. Where bounds stand on a"
                + " measured mean, they are on the excess over it.",
            "axis",
            "value",
            "channel",
            "published",
            "sd",
            "reference",
            "ours",
            "sd",
            "repetitions",
            "z",
            "lower bound",
            "upper bound",
            "bounds stand on",
            "predicted");
    for (ReproductionCell cell : one.getCells()) {
      table.row(
          Cell.text(cell.getAxis()),
          Cell.number(cell.getValue()),
          Cell.text(cell.getChannel()),
          Cell.number(cell.getPublished()),
          Cell.number(cell.getPublishedSd()),
          Cell.number(cell.getReference()),
          Cell.number(cell.getOurs()),
          Cell.number(cell.getOursSd()),
          Cell.count(cell.getSeeds()),
          Cell.number(cell.getZ()),
          Cell.number(cell.getLower()),
          Cell.number(cell.getUpper()),
          Cell.number(cell.getBoundBase()),
          Cell.number(cell.getPredicted()));
    }
    return table;
  }
}
