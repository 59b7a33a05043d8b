package dev.sluice.transforms.synthetic;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.theory.Softmax;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class BigramSitesTest {

  /**
   * Golden: if one of these changes, every experiment's numbers do. The truth's two values were
   * also computed by a Python program written from the Javadoc.
   */
  @Test
  void numbersAreFixed() {
    BigramSites sites = BigramSites.published(7);
    assertThat(sites.truth(0)[0], is(-0x1.e169fac90b064p1));
    assertThat(sites.truth(255)[255], is(-0x1.d32760d043b0cp2));
    BigramSites.Site site = sites.site(3);
    long hash = 0;
    for (int x = 0; x < 256; x++) {
      for (int y = 0; y < 256; y++) {
        hash = 31 * hash + site.count(x, y);
      }
    }
    String probes = Arrays.toString(Arrays.copyOf(sites.probes(), 6));
    String found = probes + " " + hash + " " + Double.toHexString(site.logits(17)[5]);
    assertThat(found, is("[18, 98, 35, 167, 72, 101] -4323341334861103760 -0x1.691501653005cp2"));
  }

  @Test
  void aNodeDependsOnSeedAndNodeAlone() {
    double[] row = BigramSites.of(16, 2, 50, 10, .5, 9).site(1).logits(3);
    assertThat(BigramSites.of(16, 8, 50, 99, .5, 9).site(1).logits(3), equalTo(row));
    BigramSites sites = BigramSites.of(16, 8, 50, 99, .5, 9);
    sites.site(5);
    assertThat(sites.site(1).logits(3), equalTo(row));
    assertThat(sites.site(2).logits(3), not(equalTo(row)));
    assertThat(BigramSites.of(16, 8, 50, 99, .5, 10).truth(3), not(equalTo(sites.truth(3))));
  }

  @Test
  void nodesThatDriftHaveTruthsOfTheirOwn() {
    BigramSites still = BigramSites.of(16, 2, 5000, 10, .5, 9);
    BigramSites drifting = still.withDrift(.5);
    assertThat(drifting.truth(3), equalTo(still.truth(3)));
    assertThat(drifting.probes(), equalTo(still.probes()));
    assertThat(still.withDrift(0).site(1).logits(3), equalTo(still.site(1).logits(3)));
    double[] first = new double[16];
    double[] second = new double[16];
    drifting.site(0).truth(3, first, 0);
    drifting.site(1).truth(3, second, 0);
    assertThat(first, not(equalTo(second)));
    still.site(1).truth(3, second, 0);
    assertThat(second, equalTo(still.truth(3)));
    assertThat(Softmax.logSumExp(first, 0, 16), closeTo(0, 1e-14));
  }

  /**
   * ℓ_i − ℓ* less its row's mean is δ·ε_i less its: 65 536 normal numbers, whose variance is
   * δ²·255/256 with a relative sd of √(2/65 280). Seed 5, 5 sd: false alarm 6e-7.
   */
  @Test
  void driftHasItsVariance() {
    BigramSites sites = BigramSites.of(256, 1, 0, 1, .5, 5).withDrift(.3);
    BigramSites.Site site = sites.site(0);
    double[] own = new double[256];
    double squares = 0;
    for (int x = 0; x < 256; x++) {
      site.truth(x, own, 0);
      double[] truth = sites.truth(x);
      double mean = 0;
      for (int y = 0; y < 256; y++) {
        own[y] -= truth[y];
        mean += own[y] / 256;
      }
      for (double d : own) {
        squares += (d - mean) * (d - mean);
      }
    }
    assertThat(squares / (256 * 255), closeTo(.09, 5 * .09 * Math.sqrt(2 / 65_280.0)));
  }

  /**
   * Seed 3, one node, V = 8, n = 100 000: Pearson's statistic of 64 cells against P_0(y|x)/V, 63
   * degrees of freedom, sd √126, 6 sd: false alarm 1e-6.
   */
  @Test
  void driftedPairsFollowTheNodesTruth() {
    BigramSites.Site site = BigramSites.of(8, 1, 100_000, 1, .5, 3).withDrift(1).site(0);
    double statistic = 0;
    double[] row = new double[8];
    for (int x = 0; x < 8; x++) {
      site.truth(x, row, 0);
      for (int y = 0; y < 8; y++) {
        double expected = 12_500 * Math.exp(row[y]);
        statistic += Math.pow(site.count(x, y) - expected, 2) / expected;
      }
    }
    assertThat(statistic, closeTo(63, 6 * Math.sqrt(126)));
  }

  @Test
  void logitsAreSmoothedLogFrequencies() {
    BigramSites sites = BigramSites.of(8, 1, 100, 5, .25, 1);
    BigramSites.Site site = sites.site(0);
    int total = 0;
    for (int x = 0; x < 8; x++) {
      int seen = 0;
      for (int y = 0; y < 8; y++) {
        seen += site.count(x, y);
      }
      total += seen;
      double[] row = site.logits(x);
      for (int y = 0; y < 8; y++) {
        assertThat(row[y], closeTo(Math.log((site.count(x, y) + .25) / (seen + 2.0)), 1e-14));
      }
      assertThat(Softmax.logSumExp(sites.truth(x), 0, 8), closeTo(0, 1e-14));
    }
    assertThat(total, is(100));
    assertThat(
        BigramSites.of(8, 1, 0, 5, .25, 1).site(0).logits(0)[3], closeTo(-Math.log(8), 1e-15));
  }

  /**
   * Seed 2, V = 12, n = 400 000: Pearson's statistic of all 144 cells against P*(y|x)/V has 143
   * degrees of freedom, mean 143 and sd √286 = 16.9. 6 sd: the chi-square tails there are 2.6e-7
   * above and 3e-18 below, false alarm 2.6e-7. The rarest cell expects over 100.
   */
  @Test
  void pairsFollowTheTruth() {
    int n = 400_000;
    BigramSites sites = BigramSites.of(12, 1, n, 5, .5, 2);
    BigramSites.Site site = sites.site(0);
    double statistic = 0;
    for (int x = 0; x < 12; x++) {
      double[] row = sites.truth(x);
      for (int y = 0; y < 12; y++) {
        double expected = n / 12.0 * Math.exp(row[y]);
        assertThat(100.0, lessThan(expected));
        double off = site.count(x, y) - expected;
        statistic += off * off / expected;
      }
    }
    assertThat(statistic, closeTo(143, 6 * Math.sqrt(286)));
  }

  /**
   * Seed 4: V² = 65 536 normal logits have variance 1 (sd .0055) and fourth moment 3 (.038). 5 sd:
   * false alarm 5.9e-7 of the first (chi-square), 7.5e-7 of the second (its characteristic function
   * inverted), 1.3e-6 together.
   */
  @Test
  void truthIsNormal() {
    BigramSites sites = BigramSites.published(4);
    // The softmax has shifted each row; take the row's mean off: variance (1 − 1/256), the rest
    // within tolerance.
    double second = 0;
    double fourth = 0;
    for (int x = 0; x < 256; x++) {
      double[] row = sites.truth(x);
      double mean = Arrays.stream(row).sum() / 256;
      for (double l : row) {
        double d = (l - mean) * (l - mean) * 256 / 255;
        second += d / 65_536;
        fourth += d * d / 65_536;
      }
    }
    assertThat(second, closeTo(1, 5 * Math.sqrt(2 / 65_536.0)));
    assertThat(fourth, closeTo(3, 5 * Math.sqrt(96 / 65_536.0)));
  }

  /**
   * Seed 6, m = 300 000 probes of 100 contexts: Pearson's statistic has 99 degrees of freedom, sd
   * √198. 6 sd: false alarm 5.3e-7, all of it above.
   */
  @Test
  void probesAreUniform() {
    int[] counts = new int[100];
    for (int x : BigramSites.of(100, 1, 0, 300_000, .5, 6).probes()) {
      counts[x]++;
    }
    double statistic = 0;
    for (int c : counts) {
      statistic += (c - 3000.0) * (c - 3000.0) / 3000;
    }
    assertThat(statistic, closeTo(99, 6 * Math.sqrt(198)));
  }

  /**
   * THEORY 8.1, nothing quantised: mean over seeds of KL(P*‖softmax(mean of logits)) is .4259,
   * itself a mean of 40 seeds at most. One seed has sd .0037 (here, over seeds 1000 to 1399: good
   * to 3.5 %). Seeds 0 to 39: 5·.0037·√(1/40 + 1/40) = .0041, false alarm 6e-7 were the sd exact,
   * 9e-7 by Student's t with 399 degrees of freedom. K = 2 gives .434, K = 8 .421.
   */
  @Test
  void unquantisedDivergenceOfThePublishedExperiment() {
    double sum = 0;
    for (int seed = 0; seed < 40; seed++) {
      BigramSites sites = BigramSites.published(seed);
      double[][] mean = new double[256][256];
      for (int node = 0; node < 4; node++) {
        BigramSites.Site site = sites.site(node);
        for (int x = 0; x < 256; x++) {
          double[] row = site.logits(x);
          for (int y = 0; y < 256; y++) {
            mean[x][y] += row[y] / 4;
          }
        }
      }
      int[] probes = sites.probes();
      assertThat(probes.length, is(3000));
      for (int x : probes) {
        sum += Softmax.kl(sites.truth(x), 0, mean[x], 0, 256) / 3000;
      }
    }
    assertThat(sum / 40, closeTo(.4259, 5 * .0037 * Math.sqrt(1 / 40.0 + 1 / 40.0)));
  }

  @Test
  void refusesWhatIsOutsideItsDomain() {
    assertThat(
        refusal(() -> BigramSites.of(1, 1, 1, 1, .5, 0)),
        containsString("vocabulary must be in [2, 4096], got 1"));
    assertThat(refusal(() -> BigramSites.of(4097, 1, 1, 1, .5, 0)), containsString("got 4097"));
    assertThat(
        refusal(() -> BigramSites.of(2, 0, 1, 1, .5, 0)),
        containsString("nodes must be at least 1, got 0"));
    assertThat(
        refusal(() -> BigramSites.of(2, 1, -1, 1, .5, 0)),
        containsString("samplesPerNode must be at least 0, got -1"));
    assertThat(
        refusal(() -> BigramSites.of(2, 1, 1, 0, .5, 0)),
        containsString("probes must be at least 1, got 0"));
    assertThat(
        refusal(() -> BigramSites.of(2, 1, 1, 1, 0, 0)),
        containsString("smoothing must be in (0, inf), got 0.0"));
    BigramSites sites = BigramSites.of(2, 1, 1, 1, .5, 0);
    assertThat(
        refusal(() -> sites.withDrift(-1)), containsString("drift must be in [0, inf) logits"));
    assertThrows(IndexOutOfBoundsException.class, () -> sites.site(1));
    assertThrows(IndexOutOfBoundsException.class, () -> sites.truth(2));
    assertThrows(IndexOutOfBoundsException.class, () -> sites.site(0).logits(-1));
  }

  private static String refusal(Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }
}
