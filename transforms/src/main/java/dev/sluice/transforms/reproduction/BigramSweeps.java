package dev.sluice.transforms.reproduction;

import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.ReproductionCell;
import dev.sluice.transforms.reproduction.BigramDivergence.Setting;
import dev.sluice.transforms.theory.KlBounds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * E1: KL(P*‖P̂) of bigram sites, one parameter varied at a time from (K, n, m, b, V) = (4, 3000,
 * 3000, 8, 256). THEORY 8.1. The channel 'midrise' is the published one as recovered; 'dither' is
 * the one that theory is about, and its expectation is above that of 'none' by what (L) and (U)
 * bound (THEORY 3.2 to 3.4).
 */
final class BigramSweeps implements Study {
  private static final int MIDRISE = 0;
  private static final int DITHER = 1;
  private static final int NONE = 2;
  private static final int ONE_MINUS_SQUARED_NORM = 3;

  private static final int PUBLISHED_SEEDS = 40;
  private static final PublishedValues PUBLISHED = PublishedValues.of("e1");

  /** One for each published mean, in the order of Tables 2 to 6. */
  private static final List<PublishedValues.Row> CELLS =
      PUBLISHED.rows().stream().filter(row -> row.channel().equals("midrise")).toList();

  /** The same, as they are run: the default stands in every sweep. */
  private static final List<Setting> SETTINGS =
      IntStream.range(0, CELLS.size()).mapToObj(BigramSweeps::setting).toList();

  @Override
  public int settings() {
    return CELLS.size();
  }

  static Setting setting(int index) {
    PublishedValues.Row cell = CELLS.get(index);
    int value = (int) cell.value();
    return switch (cell.axis()) {
      case "K" -> new Setting(value, 3000, 3000, 8, 256, 0);
      case "n" -> new Setting(4, value, 3000, 8, 256, 0);
      case "m" -> new Setting(4, 3000, value, 8, 256, 0);
      case "n_bits" -> new Setting(4, 3000, 3000, value, 256, 0);
      case "V" -> new Setting(4, 3000, 3000, 8, value, 0);
      default -> throw new IllegalStateException("no such axis: " + cell.axis());
    };
  }

  @Override
  public double[] run(int setting, long seed) {
    return BigramDivergence.of(setting(setting), seed).toArray();
  }

  @Override
  public Reproduction.Builder table(double[][][] results) {
    List<ReproductionCell> cells = new ArrayList<>();
    List<ReproductionCell> excesses = new ArrayList<>();
    for (int s = 0; s < results.length; s++) {
      PublishedValues.Row row = CELLS.get(s);
      Setting setting = setting(s);
      int run = SETTINGS.indexOf(setting);
      ReproductionCell midrise =
          Cells.of(row, Cells.quantity(results[s], MIDRISE), PUBLISHED_SEEDS);
      midrise.setSetting(run);
      cells.add(midrise);
      double floor = Cells.mean(Cells.quantity(results[s], NONE));
      double norm = Cells.mean(Cells.quantity(results[s], ONE_MINUS_SQUARED_NORM));
      double step = setting.step();
      double variance = step * step / (12 * setting.nodes());
      double lower = KlBounds.lower(variance, step, norm);
      double upper = KlBounds.upper(setting.nodes(), step);
      double[] dithered = Cells.quantity(results[s], DITHER);
      double[] exact = Cells.quantity(results[s], NONE);
      double[] excess = new double[exact.length];
      Arrays.setAll(excess, r -> dithered[r] - exact[r]);
      ReproductionCell dither = cell(row.axis(), row, "dither", dithered, run);
      dither.setBoundBase(floor);
      cells.add(bounded(dither, floor + lower, floor + upper));
      cells.add(cell(row.axis(), row, "none", exact, run));
      excesses.add(
          bounded(cell(row.axis() + ", excess", row, "dither - none", excess, run), lower, upper));
    }
    cells.addAll(excesses);
    return Reproduction.newBuilder()
        .setTitle("E1: divergence of the averaged student from a random bigram model")
        .setSource(
            "Published values and settings: the companion paper's Tables 2 to 6 (THEORY 8.1)."
                + " The simulator is recovered from them. Its channel 'midrise' has no dither,"
                + " unlike what the paper describes; 'dither' has, with 2^n_bits + 1 symbols, and"
                + " 'none' is not quantised. The excess of the former over the latter is of the"
                + " same draws and bounded by (L) and (U). The default cell stands in all five"
                + " sweeps. References are an independent implementation's.")
        .setQuantity("KL(truth || student), mean over the probes")
        .setUnit("nats")
        .setPublishedSeeds(PUBLISHED_SEEDS)
        .setCells(cells);
  }

  private static ReproductionCell cell(
      String axis, PublishedValues.Row row, String channel, double[] ours, int setting) {
    ReproductionCell cell =
        Cells.of(PUBLISHED.at(axis, row.value(), channel), ours, PUBLISHED_SEEDS);
    cell.setSetting(setting);
    return cell;
  }

  private static ReproductionCell bounded(ReproductionCell cell, double lower, double upper) {
    cell.setLower(lower);
    cell.setUpper(upper);
    return cell;
  }
}
