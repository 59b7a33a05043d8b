package dev.sluice.transforms.report;

import dev.sluice.schemas.Perplexity;
import dev.sluice.schemas.SimulatedAnswers;
import dev.sluice.schemas.SimulatedChannel;
import dev.sluice.schemas.SimulatedText;
import dev.sluice.schemas.Simulation;
import dev.sluice.transforms.report.Page.Section;
import dev.sluice.transforms.report.Series.Kind;
import dev.sluice.transforms.report.Table.Cell;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/** The page of federated distillation played through on a text. */
public final class SimulationPage {
  private static final String STUDENT = "student";
  private static final String UNQUANTISED = "none";
  private static final String NODE = "node";
  private static final String BITS = "bits per coordinate";

  /** Models in the order in which they stand, with their names for people. */
  private static final List<Map.Entry<String, String>> MODELS =
      List.of(
          Map.entry(STUDENT, "student"),
          Map.entry("teacher", "teacher"),
          Map.entry(UNQUANTISED, "student, unquantised teacher"),
          Map.entry("feddf", "FedDF"),
          Map.entry("pooled", "pooled text"),
          Map.entry("base", "base, no private text"));

  private static final int NODE_LOOK = 6;

  private final Simulation run;
  private final double[] bits;

  private SimulationPage(Simulation run) {
    this.run = run;
    TreeSet<Double> widths = new TreeSet<>();
    run.getPerplexities().forEach(one -> addIf(widths, one.getBits()));
    run.getChannels().forEach(one -> widths.add(one.getBits()));
    run.getAnswers().forEach(one -> addIf(widths, one.getBits()));
    this.bits = widths.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private static void addIf(TreeSet<Double> widths, Double bits) {
    if (bits != null) {
      widths.add(bits);
    }
  }

  /** The page as UTF-8. */
  public static byte[] html(Simulation run) {
    return PageRenderer.render(new SimulationPage(run).page());
  }

  private Page page() {
    Page page =
        Page.of(
            "Simulation",
            "Federated distillation of "
                + run.getTexts().stream()
                    .map(SimulatedText::getName)
                    .collect(Collectors.joining(" and ")),
            lead());
    facts(page);
    notices(page);
    page.add(perplexity());
    if (!run.getChannels().isEmpty()) {
      page.add(channel());
    }
    if (!run.getAnswers().isEmpty()) {
      page.add(answers());
    }
    for (SimulatedText text : run.getTexts()) {
      page.source(
          text.getName(),
          Decimals.count(text.getTokens(), "token") + ", SHA-256 " + text.getSha256());
    }
    return page.source("Seed", Long.toString(run.getSeed()))
        .source("In full", "simulation.json, in the directory above this page's");
  }

  // ---- headline ----

  private String lead() {
    String setting =
        Decimals.count(run.getNodes(), "node")
            + " distilled one student over "
            + Decimals.count(run.getRounds(), "round")
            + ", from logits on "
            + Decimals.count(run.getProbes(), "public context")
            + ". ";
    Optional<Perplexity> none = last(UNQUANTISED, null);
    if (bits.length == 0 || none.isEmpty()) {
      return setting;
    }
    double reference = none.get().getPerplexity();
    return setting
        + last(STUDENT, bits[bits.length - 1])
            .map(
                one ->
                    "At "
                        + Decimals.of(one.getBits())
                        + " bits per coordinate its held-out perplexity is "
                        + Decimals.of(one.getPerplexity())
                        + ", "
                        + against(one.getPerplexity(), reference)
                        + " the unquantised "
                        + Decimals.of(reference))
            .orElse("")
        + last(STUDENT, bits[0])
            .filter(one -> bits.length > 1)
            .map(
                one ->
                    "; at "
                        + Decimals.of(one.getBits())
                        + " it is "
                        + Decimals.of(one.getPerplexity()))
            .orElse("")
        + ".";
  }

  private static String against(double value, double reference) {
    double change = value / reference - 1;
    return Decimals.percent(Math.abs(change)) + (change < 0 ? " below" : " above");
  }

  private void facts(Page page) {
    page.fact("Nodes", Decimals.count(run.getNodes()), shards())
        .fact("Rounds", Decimals.count(run.getRounds()), "")
        .fact("Vocabulary", Decimals.count(run.getVocabulary()), "word types")
        .fact("Probes", Decimals.count(run.getProbes()), "public contexts")
        .fact("Held out", Decimals.count(run.getHeldOutTokens()), "tokens that no model saw");
    last(UNQUANTISED, null)
        .ifPresent(
            one ->
                page.fact(
                    "Unquantised student",
                    Decimals.of(one.getPerplexity()),
                    "perplexity per token"));
  }

  private String shards() {
    long least = run.getShardTokens().stream().mapToLong(Long::longValue).min().orElse(0);
    long most = run.getShardTokens().stream().mapToLong(Long::longValue).max().orElse(0);
    return least == most
        ? Decimals.count(least, "private token") + " each"
        : Decimals.count(least) + " to " + Decimals.count(most, "private token") + " each";
  }

  private void notices(Page page) {
    for (SimulatedChannel one : run.getChannels()) {
      double slack = 3 * one.getKlStandardError();
      if (one.getKl() + slack < one.getLower() || one.getKl() - slack > one.getUpper()) {
        page.notice(
            "At "
                + Decimals.of(one.getBits())
                + " bits in round "
                + one.getRound()
                + " the measured KL, "
                + Decimals.of(one.getKl())
                + " nats, is outside its bounds by more than three standard errors.");
      }
    }
    for (SimulatedAnswers one : run.getAnswers()) {
      if (one.getHigh() < 1 - one.getAlpha()) {
        page.notice(
            "The answer sets of the student at "
                + width(one.getBits())
                + " cover "
                + Decimals.of(one.getCoverage())
                + ", and even the upper end of the interval falls short of "
                + Decimals.of(1 - one.getAlpha())
                + ".");
      }
    }
  }

  private static String width(Double bits) {
    return bits == null ? "full precision" : Decimals.of(bits) + " bits";
  }

  // ---- perplexity ----

  /** The last round's of a model, over its nodes the first. */
  private Optional<Perplexity> last(String model, Double width) {
    return run.getPerplexities().stream()
        .filter(one -> one.getModel().equals(model) && same(one.getBits(), width))
        .max(Comparator.comparingInt(Perplexity::getRound));
  }

  private static boolean same(Double a, Double b) {
    return a == null ? b == null : a.equals(b);
  }

  private Section perplexity() {
    Chart byBits =
        Chart.of(
            "perplexity-bits",
            "Perplexity against bits",
            "Held-out perplexity after the last round. Models behind which nothing was quantised are"
                + " lines across; lower is better.",
            Axis.linear("uplink", BITS),
            Axis.linear("perplexity", "per held-out token"));
    byBits.add(nodes());
    for (int look = 0; look < MODELS.size(); look++) {
      byBits.add(model(MODELS.get(look).getKey(), MODELS.get(look).getValue(), look));
    }
    Section section =
        Section.of("perplexity", "Perplexity")
            .say(
                "The perplexity of every model over the same held-out tokens. Its standard error,"
                    + " in the table, is that of the text, which all models share: differences"
                    + " between models are known better.")
            .show(byBits);
    Chart byRound =
        Chart.of(
            "perplexity-rounds",
            "Perplexity by round",
            "The student's held-out perplexity after each round, at each bit width and unquantised.",
            Axis.linear("rounds done", ""),
            Axis.linear("perplexity", "per held-out token"));
    int look = 0;
    for (double width : bits) {
      byRound.add(rounds(STUDENT, width, Decimals.of(width) + " bits", look++));
    }
    byRound.add(rounds(UNQUANTISED, null, "unquantised", look));
    if (byRound.series().stream().anyMatch(series -> series.points().size() > 1)) {
      section.show(byRound);
    }
    Table table =
        Table.of(
            "Every perplexity",
            "",
            "model",
            "node",
            "bits per coordinate",
            "round",
            "perplexity",
            "nats per token",
            "standard error (nats)");
    for (Perplexity one : run.getPerplexities()) {
      table.row(
          Cell.text(one.getModel()),
          one.getNode() == null ? Cell.number(null) : Cell.count(one.getNode()),
          Cell.number(one.getBits()),
          Cell.count(one.getRound()),
          Cell.number(one.getPerplexity()),
          Cell.number(one.getNll()),
          Cell.number(one.getNllStandardError()));
    }
    return section.show(table);
  }

  /** A line over bit widths; where nothing was quantised, straight across. */
  private Series model(String model, String name, int look) {
    Series line = Series.of(name, Kind.LINE, look);
    for (double width : bits) {
      last(model, width).ifPresent(one -> line.add(width, one.getPerplexity()));
    }
    return line.points().isEmpty()
        ? across(name, look, last(model, null).map(Perplexity::getPerplexity))
        : line;
  }

  private Series across(String name, int look, Optional<Double> value) {
    Series level = Series.of(name, Kind.LEVEL, look);
    if (bits.length > 0) {
      value.ifPresent(v -> level.add(bits[0], v).add(bits[bits.length - 1], v));
    }
    return level;
  }

  /** From the best to the worst of the nodes alone. */
  private Series nodes() {
    Series band = Series.of("nodes alone, best to worst", Kind.BAND, NODE_LOOK);
    for (double width : bits) {
      List<Perplexity> alone = new ArrayList<>();
      for (Double which : new Double[] {width, null}) {
        for (int node = 0; node < run.getNodes() && alone.size() <= node; node++) {
          int index = node;
          run.getPerplexities().stream()
              .filter(one -> one.getModel().equals(NODE) && same(one.getBits(), which))
              .filter(one -> one.getNode() != null && one.getNode() == index)
              .max(Comparator.comparingInt(Perplexity::getRound))
              .ifPresent(alone::add);
        }
        if (!alone.isEmpty()) {
          break;
        }
      }
      OptionalDouble best = alone.stream().mapToDouble(Perplexity::getPerplexity).min();
      OptionalDouble worst = alone.stream().mapToDouble(Perplexity::getPerplexity).max();
      if (best.isPresent()) {
        band.addRange(width, best.getAsDouble(), worst.getAsDouble());
      }
    }
    return band;
  }

  private Series rounds(String model, Double width, String name, int look) {
    Series line = Series.of(name, Kind.LINE, look);
    run.getPerplexities().stream()
        .filter(one -> one.getModel().equals(model) && same(one.getBits(), width))
        .sorted(Comparator.comparingInt(Perplexity::getRound))
        .forEach(one -> line.add(one.getRound(), one.getPerplexity()));
    return line;
  }

  // ---- channel ----

  private Section channel() {
    SortedMap<Double, SimulatedChannel> last = new TreeMap<>();
    for (SimulatedChannel one : run.getChannels()) {
      last.merge(one.getBits(), one, (a, b) -> a.getRound() >= b.getRound() ? a : b);
    }
    Series bounds = Series.of("between the bounds (L) and (U)", Kind.BAND, 0);
    Series measured = Series.of("measured", Kind.LINE, 0);
    Series fit = Series.of("fit", Kind.LINE, 1);
    for (SimulatedChannel one : last.values()) {
      double bar = 2 * one.getKlStandardError();
      bounds.addRange(one.getBits(), one.getLower(), one.getUpper());
      measured.add(one.getBits(), one.getKl(), one.getKl() - bar, one.getKl() + bar);
      fit.add(one.getBits(), one.getFit());
    }
    Table table =
        Table.of(
            "What each bit width did to the teacher",
            "",
            "bits per coordinate",
            "round",
            "KL (nats)",
            "standard error (nats)",
            "lower bound (nats)",
            "upper bound (nats)",
            "fit (nats)",
            "bits a node sent");
    for (SimulatedChannel one : run.getChannels()) {
      table.row(
          Cell.number(one.getBits()),
          Cell.count(one.getRound()),
          Cell.number(one.getKl()),
          Cell.number(one.getKlStandardError()),
          Cell.number(one.getLower()),
          Cell.number(one.getUpper()),
          Cell.number(one.getFit()),
          Cell.count(one.getUplinkBits()));
    }
    return Section.of("channel", "Channel")
        .say(
            "What quantising did on the probes, in the last round: how far the teacher is from the"
                + " exact mean of the nodes, and how far the student's fit is from the teacher.")
        .show(
            Chart.of(
                    "kl-bits",
                    "KL against bits, between its bounds",
                    "KL from the softmax of the mean of clipped logits to the teacher, with ± 2"
                        + " standard errors over probes. The bounds are on its expectation.",
                    Axis.linear("uplink", BITS),
                    axis(
                        "KL divergence",
                        "nats",
                        last.values(),
                        SimulatedChannel::getLower,
                        SimulatedChannel::getKl,
                        SimulatedChannel::getUpper))
                .add(bounds)
                .add(measured))
        .show(
            Chart.of(
                    "fit-bits",
                    "Fit of the student",
                    "KL from the teacher to the student on the probes; a table of all contexts would"
                        + " bring it to 0.",
                    Axis.linear("uplink", BITS),
                    axis("KL(teacher || student)", "nats", last.values(), SimulatedChannel::getFit))
                .add(fit))
        .show(table);
  }

  @SafeVarargs
  private static Axis axis(
      String name,
      String unit,
      java.util.Collection<SimulatedChannel> channels,
      ToDoubleFunction<SimulatedChannel>... values) {
    return Axis.fitting(
        name,
        unit,
        java.util.Arrays.stream(values)
            .flatMap(value -> channels.stream().map(value::applyAsDouble))
            .mapToDouble(Double::doubleValue)
            .toArray());
  }

  // ---- answers ----

  private Section answers() {
    SortedMap<Double, List<SimulatedAnswers>> byAlpha = new TreeMap<>();
    for (SimulatedAnswers one : run.getAnswers()) {
      byAlpha.computeIfAbsent(one.getAlpha(), alpha -> new ArrayList<>()).add(one);
    }
    Chart coverage =
        Chart.of(
            "coverage-bits",
            "Coverage against bits",
            "The share of test queries whose set holds the true answer, with its 95 %"
                + " Clopper–Pearson interval, by the bits that the student was trained with.",
            Axis.linear("uplink in training", BITS),
            Axis.linear("coverage", "fraction of queries"));
    Chart size =
        Chart.of(
            "size-bits",
            "Set size against bits",
            "The mean number of answers in a set: what fewer bits in training cost, since coverage"
                + " stands.",
            Axis.linear("uplink in training", BITS),
            Axis.linear("set size", "answers"));
    int look = 0;
    for (Map.Entry<Double, List<SimulatedAnswers>> alpha : byAlpha.entrySet()) {
      String name = "α = " + Decimals.of(alpha.getKey());
      Series covered = Series.of("student, " + name, Kind.LINE, look);
      Series sizes = Series.of("student, " + name, Kind.LINE, look);
      Optional<SimulatedAnswers> exact = Optional.empty();
      for (SimulatedAnswers one : alpha.getValue()) {
        if (one.getBits() == null) {
          exact = Optional.of(one);
        } else {
          covered.add(one.getBits(), one.getCoverage(), one.getLow(), one.getHigh());
          sizes.add(one.getBits(), one.getSetSize());
        }
      }
      coverage
          .add(covered)
          .add(across("unquantised, " + name, look + 1, exact.map(SimulatedAnswers::getCoverage)))
          .target("1 − α = " + Decimals.of(1 - alpha.getKey()), 1 - alpha.getKey());
      size.add(sizes)
          .add(across("unquantised, " + name, look + 1, exact.map(SimulatedAnswers::getSetSize)));
      look += 2;
    }
    Table table =
        Table.of(
            "The student as a scorer",
            "An interval is Clopper–Pearson's at 95 %.",
            "bits per coordinate",
            "α",
            "perplexity",
            "coverage",
            "low",
            "high",
            "set size",
            "accuracy",
            "candidates",
            "calibration queries",
            "test queries",
            "score bits",
            "calibration bits");
    for (SimulatedAnswers one : run.getAnswers()) {
      table.row(
          one.getBits() == null ? Cell.text("unquantised") : Cell.number(one.getBits()),
          Cell.number(one.getAlpha()),
          Cell.number(one.getPerplexity()),
          Cell.number(one.getCoverage()),
          Cell.number(one.getLow()),
          Cell.number(one.getHigh()),
          Cell.number(one.getSetSize()),
          Cell.number(one.getAccuracy()),
          Cell.count(one.getCandidates()),
          Cell.count(one.getCalibration()),
          Cell.count(one.getQueries()),
          Cell.count(one.getScoreBits()),
          Cell.count(one.getCalibrationBits()));
    }
    return Section.of("answers", "Answer sets")
        .say(
            "Each student as the scorer behind conformal answer sets. Their coverage is guaranteed"
                + " whatever the training bits; a worse student pays in larger sets.")
        .show(coverage)
        .show(size)
        .show(table);
  }
}
