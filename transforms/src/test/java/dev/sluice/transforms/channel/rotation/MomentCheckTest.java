package dev.sluice.transforms.channel.rotation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class MomentCheckTest {
  private static final int D = 1024;

  private static MomentCheck check(int d, float... head) {
    return MomentCheck.of(Arrays.copyOf(head, d), 0, Rotation.of(d));
  }

  private static float[] gaussian(int d, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] x = new float[d];
    for (int i = 0; i < d; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  @Test
  void gaussianVectorsTakeOneRound() {
    for (long seed = 0; seed < 50; seed++) {
      assertThat(check(D, gaussian(D, seed)).rounds(), is(1));
      assertThat(check(1000, gaussian(1000, seed)).rounds(), is(1));
      assertThat(check(50257, gaussian(50257, seed)).rounds(), is(1));
    }
  }

  @Test
  void fewCoordinatesTakeTwo() {
    float[] eight = new float[8];
    Arrays.fill(eight, 1);
    for (float[] head :
        new float[][] {{1}, {1, 1}, {1, .5f}, {1, .5f, .25f}, eight, {1e-30f, 1e-30f}, {3e30f}}) {
      assertThat(check(D, head).rounds(), is(2));
      assertThat(check(50257, head).rounds(), is(2));
      assertThat(check(64, head).rounds(), is(not(1)));
    }
  }

  /** The mean of what two rounds would leave is above the threshold there. */
  @Test
  void shortVectorsTakeThree() {
    for (int d = 1; d < 99; d++) {
      assertThat(check(d, gaussian(d, d)).rounds(), is(3));
    }
    assertThat(check(512, 1, 1).rounds(), is(2));
    assertThat(check(256, 1, 1).rounds(), is(3));
  }

  @Test
  void momentsAreThoseOfTheVector() {
    MomentCheck check = check(D, 3, 4);
    assertThat(check.energy(), is(25.0));
    assertThat(check.concentration(), closeTo((81 + 256) / 625.0, 1e-15));
    assertThat(check(7, 1, 1, 1, 1, 1, 1, 1).concentration(), closeTo(1 / 7.0, 1e-15));
    assertThat(check(5).concentration(), is(0.0));
    assertThat(check(5).energy(), is(0.0));
    float[] x = {9, 1, 1, 1, 9};
    assertThat(MomentCheck.of(x, 1, Rotation.of(3)).energy(), is(3.0));
    assertThat(check(3, 1, Float.NaN).energy(), is(Double.NaN));
    assertThat(check(3, Float.MAX_VALUE, 1).energy(), lessThan(Double.POSITIVE_INFINITY));
    assertThat(check(3, Float.MIN_VALUE).concentration(), is(1.0));
  }

  @Test
  void scaleDoesNotMatter() {
    float[] x = gaussian(D, 3);
    float[] y = x.clone();
    for (int i = 0; i < D; i++) {
      y[i] *= 0x1p-90f;
    }
    assertThat(check(D, y).concentration(), is(check(D, x).concentration()));
  }

  /** Four times the energy in the last 208 of 2000, where the first window does not reach. */
  @Test
  void energyAtTheEndTakesASecondRound() {
    float[] x = gaussian(2000, 5);
    assertThat(check(2000, x).rounds(), is(1));
    for (int i = 1792; i < 2000; i++) {
      x[i] *= 2;
    }
    MomentCheck check = check(2000, x);
    assertThat(check.concentration(), lessThan(MomentCheck.MOST_CONCENTRATION));
    assertThat(check.rounds(), is(2));
  }

  /**
   * Over keys, a round leaves an excess kurtosis of -2 rho: the mean fourth power of an output
   * coordinate, times d^2, is 3 - 2 rho for a unit vector. Means over 4000 keys and all
   * coordinates; tolerance of five deviations by the sample.
   */
  @Test
  void aRoundLeavesMinusTwiceTheConcentrationAsKurtosis() {
    for (float[] head : new float[][] {{1}, {1, .5f}, {3, 1, 1, 1, 1, 1}, gaussian(64, 1)}) {
      int d = 64;
      Rotation rotation = Rotation.of(d);
      MomentCheck check = check(d, head);
      int keys = 4000;
      double sum = 0;
      double squares = 0;
      for (int key = 0; key < keys; key++) {
        float[] y = Arrays.copyOf(head, d);
        rotation.forward(y, 0, 7919L * key, 1);
        double fourth = MomentCheck.of(y, 0, rotation).concentration() * d;
        sum += fourth / keys;
        squares += fourth * fourth / keys;
      }
      double error = Math.sqrt(Math.max(0, squares - sum * sum) / keys);
      assertThat(sum, closeTo(3 - 2 * check.concentration(), 5 * error + 1e-5));
    }
    assertThat(check(D, 1).concentration(), greaterThan(0.99));
  }
}
