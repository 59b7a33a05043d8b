package dev.sluice.transforms.reproduction;

import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.ReproductionCell;
import dev.sluice.transforms.allocation.Policy;
import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.synthetic.BigramSites;
import dev.sluice.transforms.theory.KlBounds;
import dev.sluice.transforms.theory.Softmax;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.apache.commons.rng.UniformRandomProvider;

/**
 * The two figures on bits and their split: nodes that all see the same logits ℓ*, each with noise
 * of its own, through the ideal dithered channel of step Δ_i = 2L_i·2^−b_i, whose error is uniform
 * whatever the logit. THEORY 8.7 and 2.1.
 *
 * <p>The published settings are lost. Ours: V = 64, ℓ* one draw of N(0, 1) cut to ±3, the same for
 * all repetitions, noise of variance .01; L = 4 for the sweeps of K and b; clips 8, 8, 2, 2 for the
 * split, with weights L_i²/3. A clip level sets the step and nothing else: no logit is clipped, so
 * that the policies' differences are those of their errors (THEORY 9.18). A node with zero bits has
 * step 2L_i, which is fictitious (THEORY 5.6).
 */
final class AllocationFigures implements Study {
  private static final int VOCABULARY = 64;
  private static final double LIMIT = 3;
  private static final double NOISE_VARIANCE = 0.01;
  private static final double CLIP = 4;
  private static final double[] CLIPS = {8, 8, 2, 2};
  private static final double NARROW = 2;
  private static final int DRAWS = 1000;
  private static final long TRUTH_SEED = 0;
  private static final long TRUTH_STREAM = -1;

  private static final int KL = 0;
  private static final int FLOOR = 1;
  private static final int EXCESS = 2;
  private static final int ONE_MINUS_SQUARED_NORM = 3;

  private static final PublishedValues PUBLISHED = PublishedValues.of("allocation");

  /**
   * A point.
   *
   * @param axis of the figure
   * @param policy its name; empty in the first figure
   * @param steps Δ_i, logits
   */
  record Setting(String axis, double value, String policy, double[] steps) {}

  static final List<Setting> SETTINGS = settingsOfBoth();

  private static List<Setting> settingsOfBoth() {
    List<Setting> settings = new ArrayList<>();
    for (int nodes : new int[] {1, 2, 4, 8, 16, 32}) {
      settings.add(new Setting("K", nodes, "", steps(nodes, 4)));
    }
    for (int bits = 1; bits <= 6; bits++) {
      settings.add(new Setting("b", bits, "", steps(4, bits)));
    }
    double[] weights = Arrays.stream(CLIPS).map(clip -> clip * clip / 3).toArray();
    double[] floors = new double[CLIPS.length];
    double[] caps = new double[CLIPS.length];
    Arrays.fill(caps, Double.POSITIVE_INFINITY);
    for (int mean = 1; mean <= 6; mean++) {
      for (Policy policy : Policy.values()) {
        double[] bits = policy.bits(weights, floors, caps, mean * CLIPS.length);
        double[] steps = new double[CLIPS.length];
        for (int i = 0; i < steps.length; i++) {
          steps[i] = 2 * CLIPS[i] * StrictMath.pow(2, -bits[i]);
        }
        String label = policy == Policy.WATER_FILLING ? "optimal" : policy.label();
        settings.add(new Setting("mean b", mean, label, steps));
      }
    }
    return List.copyOf(settings);
  }

  private static double[] steps(int nodes, int bits) {
    double[] steps = new double[nodes];
    Arrays.fill(steps, Math.scalb(2 * CLIP, -bits));
    return steps;
  }

  @Override
  public int settings() {
    return SETTINGS.size();
  }

  /** Means over the draws of KL(P*‖P̄), KL(P*‖P̄*), KL(P̄*‖P̄) and 1 − ‖P̄*‖². */
  @Override
  public double[] run(int setting, long seed) {
    double[] steps = SETTINGS.get(setting).steps;
    int nodes = steps.length;
    double[] truth = truth();
    double deviation = Math.sqrt(NOISE_VARIANCE);
    long[] keys = new long[nodes];
    UniformRandomProvider[] noise = new UniformRandomProvider[nodes];
    for (int i = 0; i < nodes; i++) {
      keys[i] = ChannelKey.of(seed, "allocation", "n" + i).dither();
      noise[i] = BigramSites.generator(seed, i);
    }
    double[] own = new double[VOCABULARY];
    double[] exact = new double[VOCABULARY];
    double[] decoded = new double[VOCABULARY];
    int[] dither = new int[VOCABULARY];
    double[] sums = new double[4];
    for (int draw = 0; draw < DRAWS; draw++) {
      Arrays.fill(exact, 0);
      Arrays.fill(decoded, 0);
      for (int i = 0; i < nodes; i++) {
        BigramSites.fillNormal(noise[i], own);
        Dither.fill(keys[i], VOCABULARY, draw, 0, VOCABULARY, dither, 0);
        for (int v = 0; v < VOCABULARY; v++) {
          double x = truth[v] + deviation * own[v];
          double offset = ((dither[v] & 0xffffffffL) + 0.5) * 0x1p-32;
          exact[v] += x / nodes;
          decoded[v] += (Math.floor(x / steps[i] + offset) + 0.5 - offset) * steps[i] / nodes;
        }
      }
      sums[KL] += Softmax.kl(truth, 0, decoded, 0, VOCABULARY);
      sums[FLOOR] += Softmax.kl(truth, 0, exact, 0, VOCABULARY);
      sums[EXCESS] += Softmax.kl(exact, 0, decoded, 0, VOCABULARY);
      sums[ONE_MINUS_SQUARED_NORM] += Softmax.oneMinusSquaredNorm(exact, 0, VOCABULARY);
    }
    for (int q = 0; q < sums.length; q++) {
      sums[q] /= DRAWS;
    }
    return sums;
  }

  /** ℓ*. */
  static double[] truth() {
    double[] truth = new double[VOCABULARY];
    BigramSites.fillNormal(BigramSites.generator(TRUTH_SEED, TRUTH_STREAM), truth);
    for (int v = 0; v < VOCABULARY; v++) {
      truth[v] = Math.max(-LIMIT, Math.min(LIMIT, truth[v]));
    }
    return truth;
  }

  @Override
  public Reproduction.Builder table(double[][][] results) {
    List<ReproductionCell> first = new ArrayList<>();
    List<ReproductionCell> split = new ArrayList<>();
    List<ReproductionCell> splitExcess = new ArrayList<>();
    for (int s = 0; s < SETTINGS.size(); s++) {
      Setting setting = SETTINGS.get(s);
      double floor = Cells.mean(Cells.quantity(results[s], FLOOR));
      double lower = lower(setting.steps, results[s]);
      double upper = upper(setting.steps);
      boolean isSplit = !setting.policy.isEmpty();
      ReproductionCell kl =
          cell(setting, setting.axis, isSplit ? setting.policy : "KL", results[s], KL);
      kl.setLower(floor + lower);
      kl.setUpper(floor + upper);
      kl.setBoundBase(floor);
      ReproductionCell excess =
          isSplit
              ? cell(setting, setting.axis + ", excess", setting.policy, results[s], EXCESS)
              : cell(setting, setting.axis, "excess", results[s], EXCESS);
      excess.setLower(lower);
      excess.setUpper(upper);
      (isSplit ? split : first).add(kl);
      (isSplit ? splitExcess : first).add(excess);
      if (!isSplit) {
        first.add(cell(setting, setting.axis, "floor", results[s], FLOOR));
      }
    }
    first.addAll(split);
    first.addAll(splitExcess);
    long narrowed = Arrays.stream(truth()).filter(x -> Math.abs(x) > NARROW).count();
    return Reproduction.newBuilder()
        .setTitle("Section 6: divergence against nodes, bits, and the split of bits")
        .setSource(
            "The published settings and values are lost: these are ours, chosen to what is known"
                + " (THEORY 8.7), and nothing here is a reproduction. K sweep at b=4, b sweep at"
                + " K=4, both L=4; split among clip levels 8, 8, 2, 2, weights L^2/3. V=64, one"
                + " common row of N(0,1) cut to 3, node noise of variance 0.01, ideal dithered"
                + " channel, "
                + DRAWS
                + " draws a repetition. Clip levels set steps and clip nothing: one of 2 would"
                + String.format(
                    Locale.ROOT, " reach %.1f %% of the common row.", 100.0 * narrowed / VOCABULARY)
                + " A node of zero bits counts as noise of its full range, which no decoder has."
                + " 'floor' is KL(truth || mean), 'excess' KL(mean || decoded mean), whose bounds"
                + " are (L) and (U). References are an independent implementation's, with another"
                + " common row.")
        .setQuantity("KL(truth || student)")
        .setUnit("nats")
        .setPublishedSeeds(null)
        .setCells(first);
  }

  private static ReproductionCell cell(
      Setting setting, String axis, String channel, double[][] repetitions, int quantity) {
    ReproductionCell cell =
        Cells.of(
            PUBLISHED.at(axis, setting.value, channel), Cells.quantity(repetitions, quantity), 0);
    cell.setSetting(SETTINGS.indexOf(setting));
    return cell;
  }

  /** (L). */
  private static double lower(double[] steps, double[][] repetitions) {
    double variance = 0;
    double mean = 0;
    for (double step : steps) {
      variance += step * step / 12 / steps.length / steps.length;
      mean += step / steps.length;
    }
    return KlBounds.lower(
        variance, mean, Cells.mean(Cells.quantity(repetitions, ONE_MINUS_SQUARED_NORM)));
  }

  /** (U). */
  private static double upper(double[] steps) {
    double sum = 0;
    for (double step : steps) {
      sum += KlBounds.logSinhc(step / (2 * steps.length));
    }
    return sum;
  }
}
