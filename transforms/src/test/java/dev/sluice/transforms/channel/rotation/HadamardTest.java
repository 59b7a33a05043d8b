package dev.sluice.transforms.channel.rotation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HadamardTest {
  private static final float GUARD = 7;

  private final Hadamard hadamard = new Hadamard();

  /** Whole numbers so small that every sum is exact. */
  private static float[] wholeNumbers(int n, int at) {
    SplittableRandom random = new SplittableRandom(n);
    float[] x = new float[at + n + 1];
    for (int i = 0; i < n; i++) {
      x[at + i] = random.nextInt(-7, 8);
    }
    x[at + n] = GUARD;
    return x;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192})
  void isTheSumOfItsDefinition(int n) {
    for (int at : new int[] {0, 1, 5}) {
      float[] x = wholeNumbers(n, at);
      float[] y = x.clone();
      hadamard.transform(y, at, n);
      SplittableRandom random = new SplittableRandom(1);
      for (int trial = 0; trial < Math.min(n, 200); trial++) {
        int i = n <= 200 ? trial : random.nextInt(n);
        double sum = 0;
        for (int j = 0; j < n; j++) {
          sum += (Integer.bitCount(i & j) & 1) == 0 ? x[at + j] : -x[at + j];
        }
        assertThat((double) y[at + i], closeTo(sum, 0));
      }
      for (int i = 0; i < at; i++) {
        assertThat(y[i], equalTo(0f));
      }
      assertThat(y[at + n], equalTo(GUARD));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 64, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16, 1 << 17})
  void twiceIsTheLengthTimesTheVector(int n) {
    float[] x = wholeNumbers(n, 3);
    float[] y = x.clone();
    hadamard.transform(y, 3, n);
    hadamard.transform(y, 3, n);
    for (int i = 3; i < 3 + n; i++) {
      x[i] *= n;
    }
    assertThat(y, equalTo(x));
  }

  /** Rows of the definition, of the longest kind too. */
  @ParameterizedTest
  @ValueSource(ints = {1 << 14, 1 << 15, 1 << 16, 1 << 17})
  void aUnitVectorBecomesAColumn(int n) {
    for (int j : new int[] {0, 1, 17, 4097, n / 2 + 300, n - 1}) {
      float[] x = new float[n];
      x[j] = 1;
      hadamard.transform(x, 0, n);
      float[] column = new float[n];
      for (int i = 0; i < n; i++) {
        column[i] = (Integer.bitCount(i & j) & 1) == 0 ? 1 : -1;
      }
      assertThat(x, equalTo(column));
    }
  }

  @Test
  void refusesOtherLengths() {
    for (int n : new int[] {0, 3, 12, -4, Integer.MIN_VALUE}) {
      assertThrows(
          IllegalArgumentException.class, () -> hadamard.transform(new float[16], 0, n), "" + n);
    }
    assertThrows(IndexOutOfBoundsException.class, () -> hadamard.transform(new float[16], 1, 16));
  }
}
