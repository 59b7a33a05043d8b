package dev.sluice.transforms.channel.codebook;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class LloydMaxTest {
  /** Max 1960, table I. */
  @Test
  void hasThePublishedValues() {
    assertThat(LloydMax.gaussian(2).levels()[1], closeTo(Math.sqrt(2 / Math.PI), 1e-14));
    assertThat(LloydMax.gaussian(2).mse(), closeTo(1 - 2 / Math.PI, 1e-14));
    assertThat(LloydMax.gaussian(4).levels()[2], closeTo(0.4528, 5e-5));
    assertThat(LloydMax.gaussian(4).levels()[3], closeTo(1.510, 5e-4));
    assertThat(LloydMax.gaussian(3).mse(), closeTo(0.1902, 5e-5));
    assertThat(LloydMax.gaussian(4).mse(), closeTo(0.1175, 5e-5));
    assertThat(LloydMax.gaussian(8).mse(), closeTo(0.03454, 2e-5));
    assertThat(LloydMax.gaussian(16).mse(), closeTo(0.009497, 5e-6));
    // 26.01 dB.
    assertThat(-10 * Math.log10(LloydMax.gaussian(32).mse()), closeTo(26.01, 5e-3));
  }

  /** Each level against the mean of its cell, by Simpson's rule, which knows nothing of tails. */
  @Test
  void levelsAreMeansOfTheirCells() {
    for (int n = 2; n <= 256; n++) {
      double[] levels = LloydMax.gaussian(n).levels();
      assertThat(levels.length, is(n));
      for (int i = 0; i < n; i++) {
        assertThat(levels[i] + levels[n - 1 - i], is(0.0));
        double a = i == 0 ? -12 : (levels[i - 1] + levels[i]) / 2;
        double b = i == n - 1 ? 12 : (levels[i] + levels[i + 1]) / 2;
        int steps = 2 * (int) Math.ceil((b - a) * 200 + 4);
        double mass = 0;
        double first = 0;
        for (int k = 0; k <= steps; k++) {
          double x = a + (b - a) * k / steps;
          double weight = (k == 0 || k == steps ? 1 : k % 2 == 1 ? 4 : 2) * Math.exp(-x * x / 2);
          mass += weight;
          first += weight * x;
        }
        assertThat(first / mass, closeTo(levels[i], 1e-8));
      }
      if (n > 2) {
        assertThat(LloydMax.gaussian(n).mse(), lessThan(LloydMax.gaussian(n - 1).mse()));
      }
    }
  }

  /** Panter and Dite: pi sqrt 3/2 for many levels. */
  @Test
  void theErrorFallsAsTheSquareOfTheLevels() {
    double law = Math.PI * Math.sqrt(3) / 2;
    assertThat(LloydMax.gaussian(256).mse() * 256 * 256, closeTo(law, 0.03));
    assertThat(LloydMax.gaussian(64).mse() * 64 * 64, lessThan(law));
    assertThat(LloydMax.gaussian(64).mse() * 64 * 64, greaterThan(0.95 * law));
  }

  @Test
  void keepsWhatItHasComputed() {
    assertThat(LloydMax.gaussian(5), sameInstance(LloydMax.gaussian(5)));
    for (int n : new int[] {-1, 0, 1, 257}) {
      assertThrows(IllegalArgumentException.class, () -> LloydMax.gaussian(n));
    }
  }

  @Test
  void theGridFindsTheNearestLevel() {
    SplittableRandom random = new SplittableRandom(6);
    for (int n : new int[] {2, 3, 4, 7, 16, 100, 255, 256}) {
      double[] exact = LloydMax.gaussian(n).levels();
      ScalarLevels levels = ScalarLevels.of(exact);
      assertThat(levels.size(), is(n));
      assertThat(levels.reach(), is((float) exact[n - 1]));
      float[] x = new float[4000];
      for (int i = 0; i < x.length; i++) {
        x[i] = (float) (2 * random.nextGaussian());
      }
      for (int i = 0; i < n - 1; i++) {
        float boundary = (float) ((exact[i] + exact[i + 1]) / 2);
        x[3 * i] = boundary;
        x[3 * i + 1] = Math.nextUp(boundary);
        x[3 * i + 2] = Math.nextDown(boundary);
      }
      x[3990] = Float.MAX_VALUE;
      x[3991] = -Float.MAX_VALUE;
      int[] indices = new int[x.length];
      levels.nearest(x, 1, x.length, indices);
      for (int i = 1; i < x.length; i++) {
        int below = 0;
        for (int k = 0; k < n - 1; k++) {
          below += x[i] > (float) ((exact[k] + exact[k + 1]) / 2) ? 1 : 0;
        }
        assertThat(indices[i], is(below));
      }
    }
  }

  @Test
  void theGridTakesUnevenLevels() {
    ScalarLevels levels = ScalarLevels.of(new double[] {-1000, 0, 1, 1.25});
    int[] indices = new int[5];
    levels.nearest(new float[] {-501, -499, 0.51f, 1.12f, 1.13f}, 0, 5, indices);
    assertThat(indices, is(new int[] {0, 1, 2, 2, 3}));
    double[] tooNear = {0, 1e-9, 2e-9, 1e9};
    assertThrows(IllegalArgumentException.class, () -> ScalarLevels.of(tooNear));
  }
}
