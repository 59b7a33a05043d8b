package dev.sluice.transforms.channel.codebook;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class OptimalUniformTest {
  @Test
  void stepsAndErrorsAreMaxs() {
    // Max, 1960, table 2.
    double[][] table = {
      {2, 1.596, 0.3634},
      {3, 1.224, 0.1902},
      {4, 0.9957, 0.1188},
      {5, 0.8430, 0.08218},
      {8, 0.5860, 0.03744},
      {16, 0.3352, 0.01154},
      {32, 0.1881, 0.003495}
    };
    for (double[] row : table) {
      double step = OptimalUniform.step((int) row[0]);
      assertThat(step, closeTo(row[1], 6e-4 * row[1]));
      assertThat(OptimalUniform.mse((int) row[0], step), closeTo(row[2], 6e-4 * row[2]));
    }
  }

  @Test
  void noOtherStepIsBetter() {
    for (int levels : new int[] {2, 3, 15, 16, 255, 256, 4096}) {
      double step = OptimalUniform.step(levels);
      double least = OptimalUniform.mse(levels, step);
      for (double factor : new double[] {0.5, 0.97, 1.03, 2}) {
        assertThat(OptimalUniform.mse(levels, factor * step), greaterThan(least));
      }
    }
  }

  @Test
  void refusesOtherNumbers() {
    assertThrows(IllegalArgumentException.class, () -> OptimalUniform.step(1));
    assertThrows(IllegalArgumentException.class, () -> OptimalUniform.step(65537));
  }
}
