package dev.sluice.transforms.report;

import dev.sluice.schemas.Perplexity;
import dev.sluice.schemas.SimulatedAnswers;
import dev.sluice.schemas.SimulatedChannel;
import dev.sluice.schemas.SimulatedText;
import dev.sluice.schemas.Simulation;
import dev.sluice.transforms.report.Page.Section;
import dev.sluice.transforms.report.Series.Kind;
import dev.sluice.transforms.report.Table.Cell;
import java.math.BigDecimal;
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

  /** Coverage that is rarer under the guarantee is noticed. */
  private static final double SELDOM = 1e-3;

  /** Standard errors to either side that an error bar shows. */
  private static final double BAR = 2;

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
    return PageRenderer.render(page(run));
  }

  static Page page(Simulation run) {
    return new SimulationPage(run).page();
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
        (run.getTitle().isEmpty() ? "" : run.getTitle() + ". ")
            + Decimals.count(run.getNodes(), "node")
            + " distilled one student over "
            + Decimals.count(run.getRounds(), "round")
            + ", from logits on "
            + Decimals.count(run.getProbes(), "public context")
            + ". ";
    return setting + cost() + standing();
  }

  /** What quantising cost the student, paired. */
  private String cost() {
    Optional<Perplexity> none = last(UNQUANTISED, null);
    if (bits.length == 0 || none.isEmpty()) {
      return "";
    }
    List<String> widths = new ArrayList<>();
    for (double width : bits.length == 1 ? bits : new double[] {bits[bits.length - 1], bits[0]}) {
      last(STUDENT, width)
          .ifPresent(
              one ->
                  widths.add(
                      "at "
                          + Decimals.of(width)
                          + " bits per coordinate "
                          + Decimals.of(one.getPerplexity())
                          + paired(one)));
    }
    return widths.isEmpty()
        ? ""
        : "The student's held-out perplexity is "
            + String.join(", ", widths)
            + "; unquantised it is "
            + Decimals.of(none.get().getPerplexity())
            + ". ";
  }

  private static String paired(Perplexity one) {
    return one.getExcess() == null || one.getExcessStandardError() == null
        ? ""
        : " ("
            + Decimals.of(Math.abs(one.getExcess()))
            + " nats per token "
            + (one.getExcess() < 0 ? "below" : "above")
            + " the unquantised on the same tokens, standard error "
            + Decimals.of(one.getExcessStandardError())
            + ")";
  }

  /** How the student of most bits stands to what it is compared with. */
  private String standing() {
    Optional<Perplexity> student =
        bits.length == 0 ? last(UNQUANTISED, null) : last(STUDENT, bits[bits.length - 1]);
    if (student.isEmpty()) {
      return "";
    }
    double own = student.get().getPerplexity();
    List<String> others = new ArrayList<>();
    double[] alone =
        run.getPerplexities().stream()
            .filter(one -> one.getModel().equals(NODE))
            .mapToDouble(Perplexity::getPerplexity)
            .sorted()
            .toArray();
    if (alone.length > 0) {
      double best = alone[0];
      double worst = alone[alone.length - 1];
      others.add(
          (own < best ? "below every node" : own > worst ? "above every node" : "amid the nodes")
              + " alone ("
              + Decimals.of(best)
              + (worst > best ? " to " + Decimals.of(worst) : "")
              + ")");
    }
    last("pooled", null).ifPresent(one -> others.add(beside(own, "the pooled text's model", one)));
    last("feddf", null).ifPresent(one -> others.add(beside(own, "FedDF's student", one)));
    return others.isEmpty()
        ? ""
        : "The student "
            + (bits.length == 0 ? "" : "at " + Decimals.of(bits[bits.length - 1]) + " bits ")
            + "is "
            + String.join(", ", others)
            + ".";
  }

  private static String beside(double own, String name, Perplexity other) {
    return (own < other.getPerplexity() ? "below " : "above ")
        + name
        + " ("
        + Decimals.of(other.getPerplexity())
        + ")";
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
      long covered = Math.round(one.getCoverage() * one.getQueries());
      double chance =
          MarginalCoverage.atMost(
              covered, one.getQueries(), one.getCalibration(), BigDecimal.valueOf(one.getAlpha()));
      if (chance < SELDOM) {
        page.notice(
            "The answer sets of the student at "
                + width(one.getBits())
                + " cover "
                + Decimals.of(one.getCoverage())
                + " of the test queries. So little has a chance of at most "
                + Decimals.of(chance)
                + " over calibration and test queries, were coverage of "
                + Decimals.of(1 - one.getAlpha())
                + " guaranteed here.");
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
    Chart excess = excess();
    if (!excess.series().isEmpty()) {
      section.say(steps()).show(excess);
    }
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
            "standard error (nats)",
            "nats above unquantised, paired",
            "its standard error (nats)");
    for (Perplexity one : run.getPerplexities()) {
      table.row(
          Cell.text(one.getModel()),
          one.getNode() == null ? Cell.number(null) : Cell.count(one.getNode()),
          Cell.number(one.getBits()),
          Cell.count(one.getRound()),
          Cell.number(one.getPerplexity()),
          Cell.number(one.getNll()),
          Cell.number(one.getNllStandardError()),
          Cell.number(one.getExcess()),
          Cell.number(one.getExcessStandardError()));
    }
    return section.show(table);
  }

  /** A student's loss less that of the unquantised teacher's student, by bits and round. */
  private Chart excess() {
    Chart chart =
        Chart.of(
            "excess-bits",
            "Excess over the unquantised student",
            "The student's mean negative log-likelihood less that of the unquantised teacher's"
                + " student after as many rounds, on the same tokens, with ± 2 standard errors of"
                + " that paired difference.",
            Axis.linear("uplink", BITS),
            Axis.linear("excess", "nats per token"));
    int[] rounds =
        run.getPerplexities().stream()
            .mapToInt(Perplexity::getRound)
            .filter(round -> round > 0)
            .distinct()
            .sorted()
            .toArray();
    for (int index = 0; index < rounds.length; index++) {
      int round = rounds[index];
      Series line = Series.of("after " + Decimals.count(round, "round"), Kind.LINE, index);
      for (Perplexity one : run.getPerplexities()) {
        if (one.getModel().equals(STUDENT)
            && one.getRound() == round
            && one.getBits() != null
            && one.getExcess() != null
            && one.getExcessStandardError() != null) {
          double bar = BAR * one.getExcessStandardError();
          line.add(one.getBits(), one.getExcess(), one.getExcess() - bar, one.getExcess() + bar);
        }
      }
      chart.add(line);
    }
    return chart.target("unquantised", 0);
  }

  /** Whether perplexity falls from one bit width to the next, and where that is in doubt. */
  private String steps() {
    List<String> rises = new ArrayList<>();
    List<String> doubtful = new ArrayList<>();
    Perplexity before = null;
    for (double width : bits) {
      Perplexity one = last(STUDENT, width).filter(p -> p.getExcess() != null).orElse(null);
      if (one == null) {
        continue;
      }
      if (before != null) {
        double change = one.getExcess() - before.getExcess();
        double error = Math.hypot(one.getExcessStandardError(), before.getExcessStandardError());
        String step =
            "from "
                + Decimals.of(before.getBits())
                + " to "
                + Decimals.of(width)
                + " bits, by "
                + Decimals.of(Math.abs(change))
                + " nats, where the paired standard errors are "
                + Decimals.of(before.getExcessStandardError())
                + " and "
                + Decimals.of(one.getExcessStandardError());
        if (change >= 0) {
          rises.add(step);
        } else if (-change < BAR * error) {
          doubtful.add(step);
        }
      }
      before = one;
    }
    return (rises.isEmpty()
            ? "After the last round the student's perplexity falls with every step of bits."
            : "After the last round the student's perplexity does not fall with every step of bits: it"
                + " rises "
                + String.join("; ", rises)
                + ".")
        + (doubtful.isEmpty()
            ? ""
            : " It falls by less than two standard errors " + String.join("; ", doubtful) + ".");
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
      double bar = BAR * one.getKlStandardError();
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
            "The share of test queries whose set holds the true answer, by the bits that the student"
                + " was trained with. Bars are 95 % Clopper–Pearson intervals for the threshold as"
                + " it is; another calibration would give another.",
            Axis.linear("uplink in training", BITS),
            Axis.linear("coverage", "fraction of queries"));
    Chart size =
        Chart.of(
            "size-bits",
            "Set size against bits",
            "The mean number of answers in a set, with ± 2 standard errors over queries. The queries"
                + " are the same at every bit width: the errors are largely common.",
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
          double bar = one.getSetSizeError() == null ? 0 : BAR * one.getSetSizeError();
          sizes.add(
              one.getBits(),
              one.getSetSize(),
              bar == 0 ? null : Double.valueOf(one.getSetSize() - bar),
              bar == 0 ? null : Double.valueOf(one.getSetSize() + bar));
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
            "An interval is Clopper–Pearson's at 95 %, for the threshold as it is. The guarantee is on"
                + " average over calibrations.",
            "bits per coordinate",
            "α",
            "perplexity",
            "coverage",
            "low",
            "high",
            "set size",
            "its standard error",
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
          Cell.number(one.getSetSizeError()),
          Cell.number(one.getAccuracy()),
          Cell.count(one.getCandidates()),
          Cell.count(one.getCalibration()),
          Cell.count(one.getQueries()),
          Cell.count(one.getScoreBits()),
          Cell.count(one.getCalibrationBits()));
    }
    return Section.of("answers", "Answer sets")
        .say(
            "Each student as the scorer behind conformal answer sets. Coverage of at least 1 − α is"
                + " guaranteed over calibration and test queries together, whatever the training"
                + " bits.")
        .show(coverage)
        .show(size)
        .show(table);
  }
}
