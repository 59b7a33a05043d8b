package dev.sluice.transforms.reproduction;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.reproduction.BigramDivergence.Result;
import dev.sluice.transforms.reproduction.BigramDivergence.Setting;
import dev.sluice.transforms.synthetic.BigramSites;
import dev.sluice.transforms.theory.KlBounds;
import dev.sluice.transforms.theory.Softmax;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("long")
class BigramDivergenceTest {
  private static final int SEEDS = 10;

  private static Setting small(int bits, double drift) {
    return new Setting(3, 60, 40, bits, 12, drift);
  }

  /** The definition, probe by probe, without what contexts share. */
  @ParameterizedTest
  @CsvSource({"1, 0", "3, 0", "5, .5", "8, 1"})
  void isTheDefinition(int bits, double drift) {
    Setting setting = small(bits, drift);
    BigramSites sites = BigramSites.of(12, 3, 60, 40, .5, 5).withDrift(drift);
    double step = 40.0 / (1 << bits);
    double[] sums = new double[5];
    int[] probes = sites.probes();
    for (int l = 0; l < probes.length; l++) {
      double[][] mean = new double[3][12];
      double[] own = new double[12];
      for (int i = 0; i < 3; i++) {
        BigramSites.Site site = sites.site(i);
        int[] r = new int[12];
        Dither.fill(ChannelKey.of(5, "bigram", "n" + i).dither(), 12, l, 0, 12, r, 0);
        double[] x = site.logits(probes[l]);
        for (int y = 0; y < 12; y++) {
          double o = ((r[y] & 0xffffffffL) + .5) / 0x1p32;
          mean[0][y] += (-20 + (Math.floor((x[y] + 20) / step) + .5) * step) / 3;
          mean[1][y] += (-20 + (Math.floor((x[y] + 20) / step + o) + .5 - o) * step) / 3;
          mean[2][y] += x[y] / 3;
        }
        site.truth(probes[l], own, 0);
        sums[4] += Softmax.kl(sites.truth(probes[l]), 0, own, 0, 12) / 3 / 40;
      }
      for (int channel = 0; channel < 3; channel++) {
        sums[channel] += Softmax.kl(sites.truth(probes[l]), 0, mean[channel], 0, 12) / 40;
      }
      sums[3] += Softmax.oneMinusSquaredNorm(mean[2], 0, 12) / 40;
    }
    double[] found = BigramDivergence.of(setting, 5).toArray();
    for (int q = 0; q < sums.length; q++) {
      assertThat("quantity " + q, found[q], closeTo(sums[q], 1e-12));
    }
  }

  /** At 2 bits a step is 10: logits between -10 and 0 are all in one cell, and P̂ is uniform. */
  @Test
  void twoBitsOfMidriseAreTheUniformDistribution() {
    Setting setting = new Setting(4, 3000, 300, 2, 256, 0);
    BigramSites sites = BigramSites.of(256, 4, 3000, 300, .5, 1);
    double sum = 0;
    for (int x : sites.probes()) {
      sum += Softmax.kl(sites.truth(x), 0, new double[256], 0, 256);
    }
    assertThat(BigramDivergence.of(setting, 1).midrise(), closeTo(sum / 300, 1e-12));
  }

  /** A step of 2^-11: KL changes by about its square. */
  @Test
  void allChannelsAgreeAtManyBits() {
    Result result = BigramDivergence.of(small(16, 0), 2);
    assertThat(result.midrise(), closeTo(result.none(), 1e-3));
    assertThat(result.dither(), closeTo(result.none(), 1e-3));
    assertThat(result.driftTerm(), is(0.0));
  }

  /**
   * The published means, ten seeds from 0: within .003, which is 1.9 to 9 standard errors of the
   * difference. The seeds are fixed; so is the answer.
   */
  @ParameterizedTest
  @CsvSource({
    "K, 1",
    "K, 2",
    "K, 4",
    "n, 300",
    "n, 10000",
    "n, 30000",
    "n_bits, 2",
    "n_bits, 4",
    "n_bits, 5",
    "n_bits, 10",
    "V, 64",
    "V, 128"
  })
  void midriseIsWhatWasPublished(String axis, int value) {
    PublishedValues.Row row = PublishedValues.of("e1").at(axis, value, "midrise");
    Setting setting = setting(axis, value);
    double sum = 0;
    for (int seed = 0; seed < SEEDS; seed++) {
      sum += BigramDivergence.of(setting, seed).midrise();
    }
    assertThat(sum / SEEDS, closeTo(row.published().orElseThrow().doubleValue(), .003));
  }

  private static Setting setting(String axis, int value) {
    for (int s = 0; s < Experiment.E1.settings(); s++) {
      Setting setting = BigramSweeps.setting(s);
      boolean found =
          switch (axis) {
            case "K" -> setting.nodes() == value;
            case "n" -> setting.samplesPerNode() == value && setting.nodes() == 4;
            case "n_bits" -> setting.bits() == value;
            default -> setting.vocabulary() == value;
          };
      if (found) {
        return setting;
      }
    }
    throw new IllegalArgumentException(axis + " " + value);
  }

  /**
   * THEORY 3.2 to 3.4: a mean-zero channel costs on average between (L) and (U), never less than
   * nothing. Five standard errors of the paired difference over ten seeds, estimated from them:
   * false alarm 4e-4 by Student's t with 9 degrees of freedom; the seeds are fixed.
   */
  @ParameterizedTest
  @CsvSource({"2", "3", "4", "5", "6"})
  void ditherCostsWhatTheoryAllows(int bits) {
    Setting setting = new Setting(4, 3000, 3000, bits, 256, 0);
    double[] excess = new double[SEEDS];
    double norm = 0;
    for (int seed = 0; seed < SEEDS; seed++) {
      Result result = BigramDivergence.of(setting, seed);
      excess[seed] = result.dither() - result.none();
      norm += result.oneMinusSquaredNorm() / SEEDS;
    }
    double mean = Cells.mean(excess);
    double slack = 5 * Cells.deviation(excess).orElseThrow() / Math.sqrt(SEEDS);
    double step = setting.step();
    assertThat(mean, greaterThan(0.0));
    assertThat(mean, greaterThan(KlBounds.lower(step * step / 48, step, norm) - slack));
    assertThat(mean, lessThan(KlBounds.upper(4, step) + slack));
  }

  /** Only a biased channel can end up below no channel: 4 bits of midrise do. THEORY 9.2. */
  @Test
  void midriseIsBiased() {
    Result result = BigramDivergence.of(new Setting(4, 3000, 3000, 4, 256, 0), 0);
    assertThat(result.midrise(), lessThan(result.none() - .03));
    assertThat(result.dither(), greaterThan(result.none()));
  }

  /** THEORY 8.2, two seeds; the reference is of four. */
  @ParameterizedTest
  @CsvSource({".1, .0049, .0002", ".5, .1233, .002", "1, .4906, .006"})
  void driftTermIsThatOfTheory(double drift, double expected, double tolerance) {
    double sum = 0;
    for (int seed = 0; seed < 2; seed++) {
      sum += BigramDivergence.of(new Setting(8, 10, 3000, 8, 256, drift), seed).driftTerm();
    }
    assertThat(sum / 2, closeTo(expected, tolerance));
  }

  /** The published prediction, each K with its own divergence without drift. */
  @ParameterizedTest
  @CsvSource({"2, .3", "4, .5", "8, 1"})
  void driftCostsAtMostItsTerm(int nodes, double drift) {
    Result still = BigramDivergence.of(new Setting(nodes, 30_000, 3000, 8, 256, 0), 3);
    Result drifting = BigramDivergence.of(new Setting(nodes, 30_000, 3000, 8, 256, drift), 3);
    assertThat(drifting.midrise(), greaterThan(still.midrise()));
    assertThat(drifting.midrise(), lessThan(still.midrise() + drifting.driftTerm()));
  }
}
