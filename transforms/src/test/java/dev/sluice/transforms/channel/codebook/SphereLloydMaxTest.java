package dev.sluice.transforms.channel.codebook;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class SphereLloydMaxTest {
  /** Mean of a cell by the midpoint rule in t, x = sqrt(d) sin t. */
  private static double mean(int dimension, double a, double b) {
    double root = Math.sqrt(dimension);
    double from = Math.asin(Math.max(-1, a / root));
    double to = Math.asin(Math.min(1, b / root));
    int parts = 20_000;
    double mass = 0;
    double moment = 0;
    for (int i = 0; i < parts; i++) {
      double t = from + (to - from) * (i + 0.5) / parts;
      double weight = Math.pow(Math.cos(t), dimension - 2);
      mass += weight;
      moment += weight * root * Math.sin(t);
    }
    return moment / mass;
  }

  @Test
  void levelsAreMeansOfTheirCellsAndBoundariesMidwayBetween() {
    for (int dimension : new int[] {2, 3, 4, 7, 128, 1024}) {
      for (int n : new int[] {2, 3, 4, 8, 31}) {
        double[] levels = SphereLloydMax.of(n, dimension).levels();
        assertThat(levels.length, is(n));
        double end = Math.min(Math.sqrt(dimension), 10);
        for (int i = 0; i < n; i++) {
          double a = i == 0 ? -end : (levels[i - 1] + levels[i]) / 2;
          double b = i == n - 1 ? end : (levels[i] + levels[i + 1]) / 2;
          assertThat(n + " in " + dimension, mean(dimension, a, b), closeTo(levels[i], 2e-6));
        }
      }
    }
  }

  @Test
  void levelsAreInOrderAndSymmetricForEveryNumberOfThem() {
    for (int dimension : new int[] {1, 2, 3, 5, 64, 1 << 20}) {
      double previous = Double.POSITIVE_INFINITY;
      for (int n = 2; n <= 256; n += n < 20 ? 1 : 59) {
        SphereLloydMax quantiser = SphereLloydMax.of(n, dimension);
        double[] levels = quantiser.levels();
        for (int i = 0; i < n; i++) {
          assertThat(levels[i], is(0 - levels[n - 1 - i]));
          assertThat(Math.abs(levels[i]) <= Math.sqrt(dimension), is(true));
          assertThat(i == 0 || levels[i] > levels[i - 1], is(true));
        }
        if (dimension > 1) {
          assertThat(quantiser.mse(), lessThan(previous));
          assertThat(quantiser.mse(), greaterThan(0.0));
        }
        previous = quantiser.mse();
      }
    }
  }

  @Test
  void errorsAreTheKnownOnes() {
    // One coordinate of a vector on the sphere in three dimensions is uniform: 1/n^2.
    for (int n : new int[] {2, 3, 16, 255}) {
      assertThat(SphereLloydMax.of(n, 3).mse(), closeTo(1.0 / n / n, 1e-12));
    }
    // In many it is normal: Max, 1960, table 1; Gersho and Gray, 1992, table 6.3.
    double[] normal = {0.3634, 0.1175, 0.03454, 0.009497, 0.002505};
    for (int bits = 1; bits <= normal.length; bits++) {
      assertThat(
          SphereLloydMax.of(1 << bits, 1 << 20).mse(),
          closeTo(normal[bits - 1], 6e-4 * normal[bits - 1]));
    }
    assertThat(SphereLloydMax.of(2, 1).mse(), is(0.0));
    assertThat(SphereLloydMax.of(2, 1).levels()[1], is(1.0));
  }

  @Test
  void aQuantiserIsKept() {
    assertThat(SphereLloydMax.of(5, 77), sameInstance(SphereLloydMax.of(5, 77)));
    SphereLloydMax.of(5, 77).levels()[0] = 9;
    assertThat(SphereLloydMax.of(5, 77).levels()[0], lessThan(0.0));
  }

  @Test
  void refusesOtherNumbers() {
    assertThrows(IllegalArgumentException.class, () -> SphereLloydMax.of(1, 8));
    assertThrows(IllegalArgumentException.class, () -> SphereLloydMax.of(257, 8));
    assertThrows(IllegalArgumentException.class, () -> SphereLloydMax.of(2, 0));
  }
}
