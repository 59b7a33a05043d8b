package dev.sluice.runners;

import dev.sluice.runners.SplitsExperiment.Channel;
import dev.sluice.runners.SplitsExperiment.Measured;
import dev.sluice.runners.SplitsExperiment.Row;
import dev.sluice.transforms.allocation.Policy;
import dev.sluice.transforms.channel.Quantizer;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** {@link SplitsExperiment} at some clip ratios and budgets, as a table for each quantiser. */
final class SplitsReport {
  private static final double NARROW = 2;

  private final PrintWriter out;
  private final int probes;
  private final List<Integer> budgets;
  private final List<Double> clipRatios;

  private SplitsReport(
      PrintWriter out, int probes, List<Integer> budgets, List<Double> clipRatios) {
    this.out = out;
    this.probes = probes;
    this.budgets = budgets;
    this.clipRatios = clipRatios;
  }

  /**
   * The whole experiment: 4096 probes, for which the relative standard error of a ratio is about
   * half a per cent; 1 to 6 bits; wide to narrow clip levels as r = 4 and 2 + √3, where AM/GM of
   * the weights, (r + 1/r)/2, is 2.125 and 2.
   */
  static SplitsReport to(PrintWriter out) {
    return new SplitsReport(out, 4096, List.of(1, 2, 3, 4, 5, 6), List.of(4.0, 2 + Math.sqrt(3)));
  }

  /** With another number of probes. */
  SplitsReport withProbes(int probes) {
    return new SplitsReport(out, probes, budgets, clipRatios);
  }

  /** With other budgets, mean bits per coordinate. */
  SplitsReport withBudgets(Integer... budgets) {
    return new SplitsReport(out, probes, List.of(budgets), clipRatios);
  }

  /** With other ratios of wide to narrow clip levels. */
  SplitsReport withClipRatios(Double... clipRatios) {
    return new SplitsReport(out, probes, budgets, List.of(clipRatios));
  }

  /**
   * What is printed.
   *
   * @param meansRatio AM/GM of the weights
   * @param partial rounds with sites left out, at 1 bit, where they were asked for
   */
  record Table(Quantizer quantizer, double meansRatio, List<Row> rows, List<Measured> partial) {
    boolean clipped() {
      return rows.stream().anyMatch(Row::clipped) || partial.stream().anyMatch(Measured::clipped);
    }
  }

  /**
   * Runs and prints it, row by row.
   *
   * @param root directory to write to
   */
  List<Table> print(String root, long seed) throws IOException {
    line(
        "Four sites that share a row of %d logits per probe (N(0, 1), moved to +-%.1f) up to noise"
            + " of variance %.2f; %d probes.",
        SplitsExperiment.VOCABULARY,
        SplitsExperiment.LIMIT,
        SplitsExperiment.NOISE_VARIANCE,
        probes);
    line(
        "For each table a warm-up round; for each figure allocate, plan, encode, aggregate, audit. KL"
            + " is from the unquantised");
    line(
        "teacher, nats, +- its standard error over the probes; bounds: the ratio of the certified upper"
            + " bounds.");
    SplitsExperiment experiment = SplitsExperiment.in(root, probes, seed);
    List<Table> tables = new ArrayList<>();
    for (double clipRatio : clipRatios) {
      tables.add(table(experiment, clipRatio, Quantizer.DITHER_PAPER));
      tables.add(table(experiment, clipRatio, Quantizer.DITHER));
    }
    line("");
    line(
        tables.stream().anyMatch(Table::clipped)
            ? "Logits were clipped: the tables hold what that did, too."
            : "Nothing was clipped in any of these rounds.");
    return tables;
  }

  private Table table(SplitsExperiment experiment, double clipRatio, Quantizer quantizer)
      throws IOException {
    double wide = NARROW * clipRatio;
    Channel channel =
        experiment.warmUp(
            String.format(Locale.ROOT, "ratio-%.2f", clipRatio), wide, NARROW, quantizer);
    line("");
    line(
        "Clip levels %s,%s,2,2: AM/GM of L^2/3 is %.3f. %s",
        Texts.number(wide),
        Texts.number(wide),
        channel.meansRatio(),
        quantizer == Quantizer.DITHER
            ? "Option A, dither: 2^b symbols, within the budget"
            : "Option C, dither-paper: 2^b+1 symbols, variance (L^2/3)4^-b");
    line(
        "mean  ----------- split ------------  ------------------- measured KL --------------------"
            + "  --- uniform/w-f ---  inverse");
    line(
        "bits  water-filling         inverse      water-filling            uniform            inverse"
            + "     measured   bounds     /w-f");
    List<Row> rows = new ArrayList<>();
    for (int bits : budgets) {
      Row row = channel.row(bits);
      rows.add(row);
      line(
          "%4d  %-19s %9s  %s %s %s  %5.3f+-%5.3f  %5.3f %8.2f",
          bits,
          split(row.waterFilling()),
          split(row.inverse()),
          kl(row.waterFilling()),
          kl(row.uniform()),
          kl(row.inverse()),
          row.ratio(),
          row.ratioStandardError(),
          row.boundsRatio(),
          row.inverseRatio());
    }
    List<Measured> partial = List.of();
    if (quantizer == Quantizer.DITHER) {
      line(
          "Option A: its step of 2L/(N-1) gains more than a factor of 2 with each bit, most with the"
              + " first: splits are less uneven, gain less.");
    } else if (clipRatio == clipRatios.get(0)) {
      partial = partial(channel);
    }
    return new Table(quantizer, channel.meansRatio(), rows, partial);
  }

  /** What becomes of the published split at 1 bit, where sites have none. */
  private List<Measured> partial(Channel channel) throws IOException {
    Measured silent = channel.measure("1-silent", 1, Policy.WATER_FILLING, "--cap=n2=0,n3=0");
    Measured chosen = channel.measure("1-chosen", 1, Policy.WATER_FILLING, "--floor=0");
    line(
        "At 1 bit every site is at its floor of 1 whatever the policy: one split under three dithers."
            + " The published %s counts",
        split(silent));
    line(
        "a silent site's w as noise. In a round it is missing from the mean: with --cap n2=0,n3=0 KL"
            + " is %.4f +- %.4f, from the mean",
        silent.kl(), silent.standardError());
    line(
        "of the two that spoke. Left to say who speaks (--floor 0), allocate gives %s: %.5f +- %.5f,"
            + " from the mean of those.",
        split(chosen), chosen.kl(), chosen.standardError());
    return List.of(silent, chosen);
  }

  private static String kl(Measured round) {
    return String.format(Locale.ROOT, "%9.3e+-%7.1e", round.kl(), round.standardError());
  }

  /** As in 4,4,2,2; two decimals at most. */
  private static String split(Measured round) {
    return round.bits().stream()
        .map(b -> String.format(Locale.ROOT, "%.2f", b).replaceFirst("\\.?0+$", ""))
        .collect(Collectors.joining(","));
  }

  private void line(String format, Object... values) {
    out.printf(Locale.ROOT, format + "%n", values);
    out.flush();
  }
}
