package dev.sluice.runners;

import dev.sluice.runners.SplitsExperiment.Channel;
import dev.sluice.runners.SplitsExperiment.Measured;
import dev.sluice.runners.SplitsExperiment.Row;
import dev.sluice.transforms.allocation.Policy;
import dev.sluice.transforms.channel.Quantizer;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** {@link SplitsExperiment} at two clip ratios, two quantisers and six budgets, as tables. */
final class SplitsReport {
  /** Relative standard errors of a ratio are then about half a per cent. */
  private static final int PROBES = 4096;

  private static final int MOST_BITS = 6;
  private static final double NARROW = 2;

  /** Of wide to narrow clip levels; AM/GM of the weights is (r + 1/r)/2: 2.125 and 2. */
  private static final double[] CLIP_RATIOS = {4, 2 + Math.sqrt(3)};

  private final PrintWriter out;
  private boolean clipped;

  private SplitsReport(PrintWriter out) {
    this.out = out;
  }

  /**
   * Runs and prints it, row by row.
   *
   * @param root directory to write to
   * @return whether nothing was clipped, on which the tables rest
   */
  static boolean print(String root, long seed, PrintWriter out) throws IOException {
    SplitsReport report = new SplitsReport(out);
    report.print(SplitsExperiment.in(root, PROBES, seed));
    return !report.clipped;
  }

  private void print(SplitsExperiment experiment) throws IOException {
    line(
        "Four sites that share a row of %d logits per probe (N(0, 1), moved to +-%.1f) up to noise of"
            + " variance %.2f; %d probes.",
        SplitsExperiment.VOCABULARY,
        SplitsExperiment.LIMIT,
        SplitsExperiment.NOISE_VARIANCE,
        PROBES);
    line(
        "Per table a warm-up round; per figure allocate, plan, encode, aggregate, audit. KL is from the"
            + " unquantised teacher, in nats,");
    line(
        "+- its standard error over the probes. Predicted is the ratio of the bounds 1/2 sigma^2.");
    for (double clipRatio : CLIP_RATIOS) {
      double wide = NARROW * clipRatio;
      String levels = Texts.number(wide) + "," + Texts.number(wide) + ",2,2";
      for (Quantizer quantizer : List.of(Quantizer.DITHER_PAPER, Quantizer.DITHER)) {
        Channel channel =
            experiment.warmUp(
                String.format(Locale.ROOT, "ratio-%.2f", clipRatio), wide, NARROW, quantizer);
        line("");
        line(
            "Clip levels %s; AM/GM of L^2/3 is %.3f; %s",
            levels,
            channel.meansRatio(),
            quantizer == Quantizer.DITHER
                ? "dither: whole symbols within the budget (option A)"
                : "dither-paper: 2^b+1 symbols, variance (L^2/3)4^-b (option C)");
        table(channel);
        if (quantizer == Quantizer.DITHER) {
          line(
              "Option A: a step of 2L/(N-1) makes a site's first symbols worth more, so splits are less"
                  + " uneven and gain less; by 6 bits both are as in C.");
        } else if (clipRatio == CLIP_RATIOS[0]) {
          leastBudget(channel);
        }
      }
    }
    line("");
    line(
        clipped
            ? "Logits were clipped: the tables hold what that did, too."
            : "Nothing was clipped in any of these rounds.");
  }

  private void table(Channel channel) throws IOException {
    line(
        "mean   ----------- split -----------  ---------------------- measured KL ----------------------"
            + "   -- uniform/w-f --  inverse");
    line(
        "bits   water-filling       inverse    water-filling       uniform             inverse          "
            + "   measured    pred.     /w-f");
    for (int bits = 1; bits <= MOST_BITS; bits++) {
      Row row = channel.row(bits);
      clipped |= row.clipped();
      line(
          "%4d   %-19s %-9s  %s  %s  %s   %5.3f+-%5.3f %5.3f  %8.2f",
          bits,
          split(row.waterFilling()),
          split(row.inverse()),
          kl(row.waterFilling()),
          kl(row.uniform()),
          kl(row.inverse()),
          row.ratio(),
          row.ratioStandardError(),
          row.predictedRatio(),
          row.inverseRatio());
    }
  }

  /** What becomes of the published split with sites that have no bits. */
  private void leastBudget(Channel channel) throws IOException {
    Measured silent =
        channel.measure("1-silent", 1, Policy.WATER_FILLING, "--cap=n2=0,n3=0", "--floor=1");
    Measured chosen = channel.measure("1-chosen", 1, Policy.WATER_FILLING, "--floor=0");
    clipped |= silent.clipped() || chosen.clipped();
    line(
        "At 1 bit every site is at its floor of 1 whatever the policy: one split, three dithers. The"
            + " published 2,2,0,0 counts a");
    line(
        "silent site's w as noise; in a round it is missing from the mean: %s (--cap n2=0,n3=0) gives"
            + " %.4f +- %.4f from the",
        split(silent),
        silent.kl(),
        silent.standardError());
    line(
        "mean of the two that spoke. Left to choose who speaks (--floor 0), allocate gives %s: %.5f +-"
            + " %.5f from that mean.",
        split(chosen),
        chosen.kl(),
        chosen.standardError());
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
