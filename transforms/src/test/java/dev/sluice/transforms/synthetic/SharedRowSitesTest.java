package dev.sluice.transforms.synthetic;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class SharedRowSitesTest {
  private static double[][] draw(SharedRowSites sites, int node, int probes, int vocabulary) {
    SharedRowSites.Rows rows = sites.rows(node);
    double[][] drawn = new double[probes][vocabulary];
    for (double[] row : drawn) {
      rows.next(row);
    }
    return drawn;
  }

  @Test
  void withoutNoiseAllSitesHaveTheCommonRowWithinItsLimit() {
    SharedRowSites sites = SharedRowSites.of(7, 1.5, 0, 3);
    double[][] rows = draw(sites, 0, 100, 7);
    assertThat(draw(sites, 5, 100, 7), equalTo(rows));
    assertThat(rows[0], not(equalTo(rows[1])));
    double most = 0;
    for (double[] row : rows) {
      for (double logit : row) {
        most = Math.max(most, Math.abs(logit));
      }
    }
    assertThat(most, equalTo(1.5)); // an eighth of them is moved there
  }

  /**
   * Seed 3, n = 64 000: differences of two sites have variance 2·0.01, whose estimate has a
   * relative sd of √(2/n) = 0.56 %; their mean has sd 0.00056. Five of either: false alarm 1e-6.
   */
  @Test
  void sitesDifferByNoiseOfTheirOwn() {
    SharedRowSites sites = SharedRowSites.of(64, 1.5, 0.01, 3);
    double[][] one = draw(sites, 1, 1000, 64);
    double[][] two = draw(sites, 2, 1000, 64);
    double sum = 0;
    double squares = 0;
    for (int l = 0; l < 1000; l++) {
      for (int v = 0; v < 64; v++) {
        double off = one[l][v] - two[l][v];
        sum += off;
        squares += off * off;
      }
    }
    assertThat(sum / 64000, closeTo(0, 5 * 0.00056));
    assertThat(squares / 64000, closeTo(0.02, 5 * 0.0056 * 0.02));
    assertThat(draw(sites, 1, 1000, 64), equalTo(one));
    assertThat(draw(SharedRowSites.of(64, 1.5, 0.01, 4), 1, 1, 64)[0], not(equalTo(one[0])));
  }

  @Test
  void refusals() {
    refused(() -> SharedRowSites.of(1, 1, 0, 0), "vocabulary must be at least 2, got 1");
    refused(() -> SharedRowSites.of(2, 0, 0, 0), "limit must be above 0 logits, got 0.0");
    refused(
        () -> SharedRowSites.of(2, 1, -1, 0), "variance must be in [0, inf) logits^2, got -1.0");
    SharedRowSites sites = SharedRowSites.of(2, 1, 0, 0);
    refused(() -> sites.rows(-1), "node must be at least 0, got -1");
    refused(() -> sites.rows(0).next(new double[3]), "row must have 2 logits, got 3");
  }

  private static void refused(Executable call, String message) {
    assertThat(
        assertThrows(IllegalArgumentException.class, call).getMessage(), containsString(message));
  }
}
