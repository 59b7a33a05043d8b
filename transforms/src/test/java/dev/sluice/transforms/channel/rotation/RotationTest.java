package dev.sluice.transforms.channel.rotation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class RotationTest {
  private static final long KEY = 0x5eedL;

  /** Of unit variance, or near. */
  private static float[] smooth(int n, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) (random.nextDouble(-1, 1) + random.nextDouble(-1, 1) + random.nextDouble());
    }
    return x;
  }

  private static double energy(float[] x, int from, int to) {
    return IntStream.range(from, to).mapToDouble(i -> (double) x[i] * x[i]).sum();
  }

  static IntStream dimensions() {
    return IntStream.concat(IntStream.rangeClosed(1, 70), IntStream.of(112, 240, 257, 300));
  }

  /** Columns of the matrix, one by one. */
  @ParameterizedTest
  @MethodSource("dimensions")
  void isOrthonormal(int d) {
    Rotation rotation = Rotation.of(d);
    for (int rounds = 1; rounds <= 3; rounds++) {
      float[][] columns = new float[d][d];
      for (int j = 0; j < d; j++) {
        columns[j][j] = 1;
        rotation.forward(columns[j], 0, KEY, rounds);
      }
      for (int i = 0; i < d; i++) {
        for (int j = 0; j <= i; j++) {
          double product = 0;
          for (int k = 0; k < d; k++) {
            product += (double) columns[i][k] * columns[j][k];
          }
          assertThat(product, closeTo(i == j ? 1 : 0, 2e-6));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      ints = {1, 2, 3, 7, 12, 20, 28, 31, 255, 257, 1000, 1024, 10000, 50257, 57344, 65536, 100003})
  void theInverseBringsTheVectorBackAndTheNormStays(int d) {
    Rotation rotation = Rotation.of(d);
    float[] x = smooth(d + 2, d);
    double norm = Math.sqrt(energy(x, 1, d + 1));
    for (int rounds = 1; rounds <= 3; rounds++) {
      float[] y = x.clone();
      rotation.forward(y, 1, KEY, rounds);
      assertThat(Math.sqrt(energy(y, 1, d + 1)) / norm, closeTo(1, 1e-6));
      rotation.inverse(y, 1, KEY, rounds);
      double error = 0;
      for (int i = 0; i < y.length; i++) {
        error += Math.pow(y[i] - x[i], 2);
      }
      assertThat(Math.sqrt(error) / norm, lessThan(1e-6));
      assertThat(y[0], is(x[0]));
      assertThat(y[d + 1], is(x[d + 1]));
    }
  }

  @Test
  void anotherKeyOrAnotherNumberOfRoundsIsAnotherRotation() {
    for (int d : new int[] {64, 100}) {
      float[] first = rotated(d, KEY, 1);
      assertThat(rotated(d, KEY, 1), equalTo(first));
      assertThat(rotated(d, KEY + 1, 1), not(equalTo(first)));
      assertThat(rotated(d, KEY, 2), not(equalTo(first)));
      assertThat(rotated(d, KEY, 3), not(equalTo(rotated(d, KEY, 2))));
    }
  }

  private static float[] rotated(int d, long key, int rounds) {
    float[] x = smooth(d, 1);
    Rotation.of(d).forward(x, 0, key, rounds);
    return x;
  }

  /** A round whose signs were those of the round before would undo it. */
  @Test
  void roundsHaveSignsOfTheirOwn() {
    int d = 256;
    float[] x = new float[d];
    x[5] = 1;
    Rotation rotation = Rotation.of(d);
    rotation.forward(x, 0, KEY, 1);
    for (float y : x) {
      assertThat(Math.abs(y), is(1f / 16));
    }
    Arrays.fill(x, 0);
    x[5] = 1;
    rotation.forward(x, 0, KEY, 2);
    double largest = 0;
    for (float y : x) {
      largest = Math.max(largest, Math.abs(y));
    }
    // 256 sums of 256 signs: 6 deviations.
    assertThat(largest, lessThan(6.0 / 16));
  }

  /**
   * A window is at least four fifths of any dimension from 12 on, and all of it where it can be.
   */
  @Test
  void theWindowIsTheLongestOrderThereIs() {
    for (int d = 1; d < 5000; d++) {
      int window = Rotation.of(d).window();
      assertThat(window, lessThanOrEqualTo(d));
      assertThat(window, greaterThanOrEqualTo(d < 12 ? d / 2 : d * 4 / 5));
    }
    for (int d : new int[] {1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 40, 768, 1280, 3584, 1 << 30}) {
      assertThat(Rotation.window(d), is(d));
    }
    assertThat(Rotation.window(50257), is(12 * 4096));
    assertThat(Rotation.window(Integer.MAX_VALUE), is(28 << 26));
  }

  /**
   * Mean energies over keys, against what one round leaves by the class's account. A coordinate's
   * square has a relative deviation of about sqrt 2; the band is 6 deviations of the mean, for
   * coordinates taken as independent; measured on 2000 keys.
   */
  @ParameterizedTest
  @ValueSource(ints = {22, 100, 119})
  void oneRoundLeavesTheVariancesItIsSaidTo(int d) {
    Rotation rotation = Rotation.of(d);
    int window = rotation.window();
    int over = d - window;
    double q = (double) over / window;
    for (double e : new double[] {0, 0.3, 1}) {
      float[] x = new float[d];
      Arrays.fill(x, 0, window, (float) Math.sqrt((1 - e) / window));
      Arrays.fill(x, window, d, (float) Math.sqrt(e / over));
      int keys = 2000;
      double head = 0;
      for (int key = 0; key < keys; key++) {
        float[] y = x.clone();
        rotation.forward(y, 0, 77L * key, 1);
        head += energy(y, 0, over) / keys;
      }
      double expected = over * (1 - e) / window;
      assertThat(head, closeTo(expected, 1e-6 + 6 * expected * Math.sqrt(2.0 / (keys * over))));
      double others = (1 - q * (1 - e)) / window;
      assertThat(rotation.evenness(x, 0), closeTo((1 - e) / window / others, 1e-5));
    }
  }

  @Test
  void evenEnergyStaysEven() {
    float[] x = new float[100];
    Arrays.fill(x, 3);
    assertThat(Rotation.of(100).evenness(x, 0), closeTo(1, 1e-12));
    assertThat(Rotation.of(100).evenness(new float[100], 0), is(1.0));
    assertThat(Rotation.of(64).evenness(x, 7), is(1.0));
  }

  @Test
  void refusesWhatIsOutOfRange() {
    assertThrows(IllegalArgumentException.class, () -> Rotation.of(0));
    Rotation rotation = Rotation.of(8);
    for (int rounds : new int[] {0, 4}) {
      assertThrows(
          IllegalArgumentException.class, () -> rotation.forward(new float[8], 0, 1, rounds));
      assertThrows(
          IllegalArgumentException.class, () -> rotation.inverse(new float[8], 0, 1, rounds));
    }
    assertThrows(IndexOutOfBoundsException.class, () -> rotation.forward(new float[8], 1, 1, 1));
  }
}
