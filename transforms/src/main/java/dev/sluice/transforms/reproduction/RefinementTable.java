package dev.sluice.transforms.reproduction;

import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.ReproductionCell;
import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.refinement.RefinementChannel;
import dev.sluice.transforms.refinement.RefinementScheme;
import dev.sluice.transforms.synthetic.BigramSites;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * The mean squared error of the aggregate after 1 to 4 rounds of refinement: K = 4, L = 4, 60 000
 * coordinates, 2 bits a round, and 1 bit for nodes that agree. THEORY 4.2.
 *
 * <p>The nodes' logits, which THEORY does not give, are a common N(0, 1) cut to ±1.5 with what the
 * population adds, cut to ±L.
 */
final class RefinementTable implements Study {
  private static final int NODES = 4;
  private static final int COORDINATES = 60_000;
  private static final int ROUNDS = 4;
  private static final double CLIP = 4;
  private static final double COMMON_LIMIT = 1.5;
  private static final double DEVIATION = 0.5;
  private static final long COMMON_STREAM = -1;

  private static final PublishedValues PUBLISHED = PublishedValues.of("refinement");
  private static final RefinementScheme[] SCHEMES = RefinementScheme.values();

  /** How nodes differ. */
  enum Population {
    IDENTICAL("identical nodes"),
    /** Independent N(0, 1/4). */
    SPREAD("nodes spread"),
    /** (a, a, a, −3a), a = 1/2. */
    THREE_AGAINST_ONE("three against one");

    private final String label;

    Population(String label) {
      this.label = label;
    }
  }

  private record Setting(Population population, int bits) {
    RefinementChannel channel() {
      return new RefinementChannel(CLIP, 1 << bits);
    }

    String axis() {
      return "round, " + population.label + ", b=" + bits;
    }
  }

  private static final List<Setting> SETTINGS =
      List.of(
          new Setting(Population.IDENTICAL, 2),
          new Setting(Population.SPREAD, 2),
          new Setting(Population.THREE_AGAINST_ONE, 2),
          new Setting(Population.IDENTICAL, 1));

  @Override
  public int settings() {
    return SETTINGS.size();
  }

  /** Mean squared errors by scheme and round, and last the spread max|x_i − x̄|. */
  @Override
  public double[] run(int setting, long seed) {
    double[][] logits = logits(SETTINGS.get(setting).population, seed);
    RefinementChannel channel = SETTINGS.get(setting).channel();
    ChannelKey[][] keys =
        RefinementScheme.keys(
            seed, ROUNDS, IntStream.range(0, NODES).mapToObj(i -> "n" + i).toList());
    double[] values = new double[SCHEMES.length * ROUNDS + 1];
    for (int s = 0; s < SCHEMES.length; s++) {
      double[][] means = SCHEMES[s].means(channel, logits, keys);
      for (int t = 0; t < ROUNDS; t++) {
        values[s * ROUNDS + t] = meanSquaredError(means[t], logits);
      }
    }
    values[values.length - 1] = RefinementScheme.spread(logits);
    return values;
  }

  static double[][] logits(Population population, long seed) {
    double[] common = new double[COORDINATES];
    BigramSites.fillNormal(BigramSites.generator(seed, COMMON_STREAM), common);
    double[][] logits = new double[NODES][COORDINATES];
    for (int i = 0; i < NODES; i++) {
      if (population == Population.SPREAD) {
        BigramSites.fillNormal(BigramSites.generator(seed, i), logits[i]);
      }
      for (int c = 0; c < COORDINATES; c++) {
        double own =
            switch (population) {
              case IDENTICAL -> 0;
              case SPREAD -> DEVIATION * logits[i][c];
              case THREE_AGAINST_ONE -> i < NODES - 1 ? DEVIATION : -(NODES - 1) * DEVIATION;
            };
        logits[i][c] = cut(cut(common[c], COMMON_LIMIT) + own, CLIP);
      }
    }
    return logits;
  }

  private static double cut(double x, double limit) {
    return Math.max(-limit, Math.min(limit, x));
  }

  private static double meanSquaredError(double[] means, double[][] logits) {
    double squares = 0;
    for (int c = 0; c < means.length; c++) {
      double exact = 0;
      for (double[] node : logits) {
        exact += node[c];
      }
      double error = means[c] - exact / logits.length;
      squares += error * error;
    }
    return squares / means.length;
  }

  @Override
  public Reproduction.Builder table(double[][][] results) {
    List<ReproductionCell> cells = new ArrayList<>();
    for (int s = 0; s < SETTINGS.size(); s++) {
      Setting setting = SETTINGS.get(s);
      for (int t = 1; t <= ROUNDS; t++) {
        double target = CLIP * CLIP / (3 * NODES) * Math.scalb(1.0, -2 * t * setting.bits);
        for (int scheme = 0; scheme < SCHEMES.length; scheme++) {
          PublishedValues.Row row = PUBLISHED.at(setting.axis(), t, SCHEMES[scheme].label());
          ReproductionCell cell =
              Cells.of(row, Cells.quantity(results[s], scheme * ROUNDS + t - 1), 0);
          predicted(setting, SCHEMES[scheme], t, results[s]).ifPresent(cell::setReference);
          cell.setPredicted(target);
          cell.setSetting(s);
          cells.add(cell);
        }
      }
    }
    return Reproduction.newBuilder()
        .setTitle("Refinement: error of the aggregate by round, K = 4, L = 4")
        .setSource(
            "Nothing is published. References are each scheme's exact variance (THEORY 4.2); where"
                + " it has none, a residual against the broadcast with nodes that differ, an"
                + " independent implementation's figures. What is predicted is the rate that is"
                + " aimed at, L^2/(3K) 4^(-tb); no scheme is bound to it. The safe range is twice the spread once that is"
                + " more than half a step, as in THEORY's figures. Logits are made up: a common"
                + " normal and what the population adds; 60000 coordinates a repetition.")
        .setQuantity("mean squared error of the aggregate")
        .setUnit("logits^2")
        .setPublishedSeeds(null)
        .setCells(cells);
  }

  /** The exact variance, for the mean over repetitions where it depends on the spread. */
  private static Optional<Double> predicted(
      Setting setting, RefinementScheme scheme, int round, double[][] repetitions) {
    double[] spreads = Cells.quantity(repetitions, SCHEMES.length * ROUNDS);
    double[] variances = new double[spreads.length];
    for (int r = 0; r < spreads.length; r++) {
      OptionalDouble variance =
          scheme.predictedVariance(setting.channel(), NODES, spreads[r], round);
      if (variance.isEmpty()) {
        return Optional.empty();
      }
      variances[r] = variance.getAsDouble();
    }
    return Optional.of(Cells.mean(variances));
  }
}
