package dev.sluice.transforms.report;

import dev.sluice.schemas.ComparedCell;
import dev.sluice.schemas.ComparedChannelInfo;
import dev.sluice.schemas.ComparedFile;
import dev.sluice.schemas.Comparison;
import dev.sluice.transforms.report.Page.Section;
import dev.sluice.transforms.report.Series.Kind;
import dev.sluice.transforms.report.Table.Cell;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The page of a comparison: the same logits through several channels. */
public final class ComparisonPage {
  /** A teacher whose perplexity is so many times the exact one's is in the table alone. */
  private static final double DRAWN_TO = 1.2;

  /** So many lines can be told apart. */
  private static final int DRAWN = 8;

  private static final String ROUND = "dither";

  private static final String BITS = "bits a probe and node";

  private final Comparison run;

  private ComparisonPage(Comparison run) {
    this.run = run;
  }

  /** The page as UTF-8. */
  public static byte[] html(Comparison run) {
    return PageRenderer.render(page(run));
  }

  static Page page(Comparison run) {
    return new ComparisonPage(run).page();
  }

  /**
   * Which channels have the least divergence, and at how many budgets; those at which nobody can
   * send do not count.
   */
  public static Map<String, Long> wins(Comparison run) {
    return run.getBudgets().stream()
        .map(budget -> best(run, budget))
        .flatMap(Optional::stream)
        .collect(
            Collectors.groupingBy(
                ComparedCell::getChannel, LinkedHashMap::new, Collectors.counting()));
  }

  /** The cell of the least divergence at a budget; the first of equal ones. */
  public static Optional<ComparedCell> best(Comparison run, long budget) {
    ComparedCell best = null;
    for (ComparedCell cell : run.getCells()) {
      if (cell.getBudget() == budget
          && cell.getKl() != null
          && (best == null || cell.getKl() < best.getKl())) {
        best = cell;
      }
    }
    return Optional.ofNullable(best);
  }

  private Page page() {
    Map<String, Long> wins = wins(run);
    long budgets = wins.values().stream().mapToLong(Long::longValue).sum();
    Page page =
        Page.of(
                "Comparison",
                "The same logits through every channel",
                wins.isEmpty()
                    ? "No channel can send anything within these budgets."
                    : "Least divergence from the exact teacher: "
                        + wins.entrySet().stream()
                            .map(
                                win ->
                                    win.getKey()
                                        + " at "
                                        + (win.getValue() == budgets
                                            ? budgets == 1
                                                ? "the one budget"
                                                : "all " + budgets + " budgets"
                                            : win.getValue() + " of " + budgets + " budgets"))
                            .collect(Collectors.joining(", "))
                        + ".")
            .fact("Probes", Decimals.count(run.getProbes()), "")
            .fact("Vocabulary", Decimals.count(run.getVocabulary()), "tokens")
            .fact("Nodes", Decimals.count(run.getNodes().size()), "averaged")
            .fact(
                "Nothing sent",
                Decimals.of(run.getNothing().getKl()) + " nats",
                run.getReference() == null
                    ? "from the exact teacher to the uniform distribution"
                    : "from the exact teacher to the reference");
    if (run.getExactPerplexity() != null) {
      page.fact(
          "Perplexity",
          Decimals.of(run.getExactPerplexity()),
          "of the exact teacher; "
              + Decimals.of(run.getNothing().getPerplexity())
              + " where nothing is sent");
    }
    clipped(page);
    run.getWarnings().forEach(page::notice);
    page.add(divergence());
    families().ifPresent(page::add);
    bounds().ifPresent(page::add);
    if (run.getExactPerplexity() != null) {
      page.add(perplexity());
    }
    page.add(channels()).add(cells());
    run.getNodes().forEach(file -> source(page, "Logits", file));
    if (run.getReference() != null) {
      source(page, "Reference", run.getReference());
    }
    if (run.getNextToken() != null) {
      source(page, "Next tokens", run.getNextToken());
    }
    return page.source("Seed", Long.toString(run.getSeed()))
        .source("Document", "comparison.json has every number in full");
  }

  private static void source(Page page, String what, ComparedFile file) {
    page.source(what, file.getName() + ", SHA-256 " + file.getSha256());
  }

  private void clipped(Page page) {
    String names =
        run.getCells().stream()
            .filter(cell -> cell.getClipped() > 0)
            .map(ComparedCell::getChannel)
            .distinct()
            .collect(Collectors.joining(", "));
    if (!names.isEmpty()) {
      page.notice(
          "Some logits reach beyond a clip and were moved to it, which is an error of another kind"
              + " than the dither's: "
              + names
              + ". No bound is shown there.");
    }
  }

  private Section divergence() {
    Chart chart =
        Chart.of(
            "kl-bits",
            "Divergence against bits",
            "KL from the softmax of the exact mean of the nodes' logits to that of the decoded mean,"
                + " mean over probes. The line is where nothing is sent.",
            Axis.log("sent", BITS),
            Axis.log("KL divergence", "nats"));
    series(leaders(), ComparedCell::getKl).forEach(chart::add);
    nothing(chart);
    Section section =
        Section.of("divergence", "Divergence")
            .say(
                "Each channel got the same budgets and spent what it could. Bits are those of the nodes'"
                    + " files: for Sluice's channels with the heads of files, the headers and checksums"
                    + " of blocks and all framing; the others are given the advantage of none at all, of"
                    + " the largest k that fits, and of the best of their settings, picked once the"
                    + " divergence was known.")
            .say(
                "What the hub averages is logits, for all of them: of a sparse payload the"
                    + " log-probabilities of the distribution completed by its tail.");
    if (run.getChannels().size() > DRAWN) {
      section.say(
          "Drawn are dither, which is the channel of a round, and the best of every family over all"
              + " budgets, by the mean logarithm of its divergence; where a channel is absent, nothing"
              + " is sent. All others follow by family.");
    }
    return section.show(chart);
  }

  private void nothing(Chart chart) {
    if (run.getNothing().getKl() > 0) {
      chart.target("nothing sent", run.getNothing().getKl());
    }
  }

  /** Names, in the order of tables. */
  private List<String> names() {
    return run.getChannels().stream().map(ComparedChannelInfo::getName).toList();
  }

  /**
   * Those that are drawn where not all can be, in the order of tables: the channel of a round, and
   * the best of each family.
   */
  private List<String> leaders() {
    if (run.getChannels().size() <= DRAWN) {
      return names();
    }
    List<String> drawn = new ArrayList<>(names().stream().filter(ROUND::equals).toList());
    Set<String> families = new HashSet<>();
    run.getChannels().stream()
        .sorted(Comparator.comparingDouble(channel -> sumOfLogs(channel.getName()))) // stable
        .filter(channel -> families.add(channel.getFamily()))
        .forEach(channel -> drawn.add(channel.getName()));
    List<String> most = drawn.stream().distinct().limit(DRAWN).toList();
    return names().stream().filter(most::contains).toList();
  }

  /** Of a channel's divergence, over budgets. */
  private double sumOfLogs(String name) {
    double sum = 0;
    for (ComparedCell cell : run.getCells()) {
      if (cell.getChannel().equals(name)) {
        double kl = cell.getKl() == null ? run.getNothing().getKl() : cell.getKl();
        sum += StrictMath.log(Math.max(kl, Double.MIN_NORMAL));
      }
    }
    return sum;
  }

  private Optional<Section> families() {
    if (run.getChannels().size() <= DRAWN) {
      return Optional.empty();
    }
    Section section =
        Section.of("families", "By family").say("Every channel, with those that it is most like.");
    for (String family :
        run.getChannels().stream().map(ComparedChannelInfo::getFamily).distinct().toList()) {
      Chart chart =
          Chart.of(
              "kl-" + family.replaceAll("[^a-z0-9]+", "-"),
              family.substring(0, 1).toUpperCase(Locale.ROOT) + family.substring(1),
              "KL against bits, as above.",
              Axis.log("sent", BITS),
              Axis.log("KL divergence", "nats"));
      List<String> members =
          run.getChannels().stream()
              .filter(channel -> channel.getFamily().equals(family))
              .map(ComparedChannelInfo::getName)
              .toList();
      series(members, ComparedCell::getKl).forEach(chart::add);
      if (!chart.series().isEmpty()) {
        nothing(chart);
        section.show(chart);
      }
    }
    return Optional.of(section);
  }

  /** A line for each of some channels, in the order of bits that were sent. */
  private List<Series> series(List<String> names, Function<ComparedCell, Double> value) {
    List<Series> all = new ArrayList<>();
    for (int look = 0; look < names.size(); look++) {
      String name = names.get(look);
      Series series = Series.of(name, Kind.LINE, look);
      run.getCells().stream()
          .filter(cell -> cell.getChannel().equals(name) && cell.getBits() != null)
          .filter(cell -> value.apply(cell) != null)
          .forEach(cell -> series.add(cell.getBits(), value.apply(cell)));
      all.add(series);
    }
    return all;
  }

  private Optional<Section> bounds() {
    if (run.getCells().stream().allMatch(cell -> cell.getUpper() == null)) {
      return Optional.empty();
    }
    Chart chart =
        Chart.of(
            "upper-bits",
            "Bounds that are printed without knowing the logits",
            "Lines are what was measured; the area above one reaches to the upper bound on its"
                + " expectation over the dither.",
            Axis.log("sent", BITS),
            Axis.log("KL divergence", "nats"));
    List<String> bounded =
        names().stream()
            .filter(
                name ->
                    run.getCells().stream()
                        .anyMatch(c -> c.getChannel().equals(name) && c.getUpper() != null))
            .toList();
    for (int look = 0; look < bounded.size(); look++) {
      String name = bounded.get(look);
      Series bound = Series.of(name + ", up to its bound", Kind.BAND, look);
      Series measured = Series.of(name + ", measured", Kind.LINE, look);
      for (ComparedCell cell : run.getCells()) {
        if (cell.getChannel().equals(name) && cell.getUpper() != null) {
          bound.addRange(cell.getBits(), cell.getKl(), cell.getUpper());
          measured.add(cell.getBits(), cell.getKl());
        }
      }
      chart.add(bound).add(measured);
    }
    return Optional.of(
        Section.of("bounds", "Bounds")
            .say(
                "A channel whose error has a law comes with an upper bound on its divergence, which"
                    + " the hub computes from what it received, without the logits.")
            .show(chart));
  }

  private Section perplexity() {
    double most = DRAWN_TO * run.getExactPerplexity();
    Chart chart =
        Chart.of(
                "perplexity-bits",
                "Perplexity against bits",
                "Of the decoded teacher on the tokens that followed the probes; the line is the exact"
                    + " teacher's. Beyond "
                    + Decimals.of(most)
                    + ", see the table.",
                Axis.log("sent", BITS),
                Axis.linear("perplexity", ""))
            .target("exact teacher", run.getExactPerplexity());
    series(
            leaders(),
            cell ->
                cell.getPerplexity() == null || cell.getPerplexity() > most
                    ? null
                    : cell.getPerplexity())
        .forEach(chart::add);
    return Section.of("perplexity", "Perplexity")
        .say(
            "The tokens that followed were drawn by the world and not by the teacher: a channel may"
                + " do better than the exact teacher here by chance, or by what it leaves out. The"
                + " divergence is what a student learns from.")
        .show(chart);
  }

  private Section channels() {
    Table table =
        Table.of(
            "What was compared",
            "Unbiased is said of what is decoded of logits that are sent. A biased channel's error"
                + " does not average out over nodes.",
            "channel",
            "unbiased",
            "error law",
            "what it is");
    for (ComparedChannelInfo channel : run.getChannels()) {
      table.row(
          Cell.text(channel.getName()),
          Cell.text(channel.getUnbiased() ? "yes" : "no"),
          Cell.text(channel.getErrorLaw() ? "yes" : "no"),
          Cell.text(channel.getWhat()));
    }
    return Section.of("channels", "Channels").show(table);
  }

  private Section cells() {
    Table table =
        Table.of(
            "Every channel at every budget",
            "Bits are a probe and node. The standard error is over probes, which all channels have in"
                + " common.",
            "budget",
            "channel",
            "bits sent",
            "of these headers",
            "KL (nats)",
            "standard error (nats)",
            "upper bound (nats)",
            "perplexity",
            "tax",
            "clipped",
            "setting");
    for (ComparedCell cell : run.getCells()) {
      table.row(
          Cell.count(cell.getBudget()),
          Cell.text(cell.getChannel()),
          Cell.number(cell.getBits()),
          Cell.number(cell.getOverheadBits()),
          Cell.number(cell.getKl()),
          Cell.number(cell.getKlStandardError()),
          Cell.number(cell.getUpper()),
          Cell.number(cell.getPerplexity()),
          Cell.number(cell.getTax()),
          cell.getClipped() == 0 ? Cell.number(null) : Cell.count(cell.getClipped()),
          Cell.text(cell.getReason() == null ? cell.getSetting() : "absent: " + cell.getReason()));
    }
    return Section.of("cells", "All figures").show(table);
  }
}
