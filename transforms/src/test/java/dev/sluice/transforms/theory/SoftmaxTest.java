package dev.sluice.transforms.theory;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.both;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SoftmaxTest {
  private static final double INF = Double.POSITIVE_INFINITY;

  /**
   * Against cumulants: KL = κ₂/2 + κ₃/6 + κ₄/24 + O(η⁵), of which the first neglected term is below
   * 1e-16 of the whole.
   */
  @ParameterizedTest
  @ValueSource(doubles = {1e-3, 1e-5, 1e-8, 1e-12})
  void smallDivergencesKeepTheirDigits(double scale) {
    SplittableRandom random = new SplittableRandom(11);
    double[] a = normal(random, 64, 2);
    double[] b = new double[64];
    double[] eta = new double[64];
    for (int v = 0; v < 64; v++) {
      b[v] = a[v] + scale * (random.nextDouble() - 0.5);
      eta[v] = b[v] - a[v];
    }
    double[] p = softmax(a);
    double mean = 0;
    for (int v = 0; v < 64; v++) {
      mean += p[v] * eta[v];
    }
    double m2 = 0;
    double m3 = 0;
    double m4 = 0;
    for (int v = 0; v < 64; v++) {
      double d = eta[v] - mean;
      m2 += p[v] * d * d;
      m3 += p[v] * d * d * d;
      m4 += p[v] * d * d * d * d;
    }
    double expected = m2 / 2 + m3 / 6 + (m4 - 3 * m2 * m2) / 24;

    double relative = Math.max(1e-12, scale * scale * scale);
    assertThat(Softmax.kl(a, 0, b, 0, 64), closeTo(expected, relative * expected));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 9, 63, 64, 65})
  void equalsTheDefinitionAtEverySizeAndPlace(int n) {
    SplittableRandom random = new SplittableRandom(n);
    double[] a = normal(random, n + 5, 3);
    double[] b = normal(random, n + 5, 3);
    float[] c = new float[n + 5];
    float[] d = new float[n + 5];
    for (int i = 0; i < n + 5; i++) {
      a[i] = c[i] = (float) a[i];
      b[i] = d[i] = (float) b[i];
    }
    double[] p = softmax(Arrays.copyOfRange(a, 2, 2 + n));
    double[] quick = new double[n];
    assertThat(
        Softmax.probabilities(a, 2, 2 + n, quick), closeTo(Softmax.logSumExp(a, 2, 2 + n), 3e-9));
    for (int v = 0; v < n; v++) {
      assertThat(quick[v], closeTo(p[v], 3e-9 * p[v]));
    }
    double[] q = softmax(Arrays.copyOfRange(b, 3, 3 + n));
    double kl = 0;
    double trace = 0;
    for (int v = 0; v < n; v++) {
      kl += p[v] * Math.log(p[v] / q[v]);
      trace += p[v] * (1 - p[v]);
    }

    assertThat(Softmax.kl(a, 2, b, 3, n), closeTo(kl, 1e-13 * (1 + kl)));
    assertThat(Softmax.kl(a, 2, d, 3, n), is(Softmax.kl(a, 2, b, 3, n)));
    assertThat(Softmax.kl(c, 2, b, 3, n), is(Softmax.kl(a, 2, b, 3, n)));
    assertThat(Softmax.kl(c, 2, d, 3, n), is(Softmax.kl(a, 2, b, 3, n)));
    assertThat(Softmax.oneMinusSquaredNorm(a, 2, 2 + n), closeTo(trace, 1e-14));
    assertThat(
        Softmax.oneMinusSquaredNorm(c, 2, 2 + n), is(Softmax.oneMinusSquaredNorm(a, 2, 2 + n)));
    assertThat(Softmax.logSumExp(a, 2, 2 + n), closeTo(a[2] - Math.log(p[0]), 1e-13));
    assertThat(Softmax.logSumExp(c, 2, 2 + n), is(Softmax.logSumExp(a, 2, 2 + n)));
  }

  @Test
  void extremesNeitherOverflowNorVanish() {
    assertThat(Softmax.logSumExp(new double[] {1e300, 1e300, -1e300}, 0, 3), is(1e300));
    assertThat(
        Softmax.logSumExp(new double[] {-1000, -1000}, 0, 2), closeTo(-1000 + Math.log(2), 1e-12));
    assertThat(Softmax.logSumExp(new double[] {0, -50}, 0, 2), closeTo(Math.exp(-50), 1e-36));
    // One-hot to 1e-30: 1 - |p|^2 = 2e-30, and not 0.
    assertThat(
        Softmax.oneMinusSquaredNorm(new double[] {0, Math.log(1e-30)}, 0, 2),
        closeTo(2e-30, 1e-43));
    assertThat(
        Softmax.oneMinusSquaredNorm(new double[50_000], 0, 50_000), closeTo(1 - 2e-5, 1e-13));
    // KL of (1, e^-a)/Z from (1, e^a)/Z is about a.
    assertThat(
        Softmax.kl(new double[] {0, -2000}, 0, new double[] {0, 2000}, 0, 2), closeTo(2000, 1e-9));
    assertThat(
        Softmax.kl(new double[] {0, 0}, 0, new double[] {0, -4000}, 0, 2),
        closeTo(2000 - Math.log(2), 1e-9));
    // p = 1e-20 and q = 1e-7: log1p(e^c·...) with log-odds 30 apart; KL = -log(1 - q) to first
    // order.
    double[] a = {0, -46};
    double[] b = {0, -16};
    double p = Math.exp(-46);
    assertThat(
        Softmax.kl(a, 0, b, 0, 2),
        closeTo(Math.log1p(Math.exp(-16)) - Math.log1p(p) - p / (1 + p) * 30, 1e-20));
    // p underflows, and p·e^δ is 1.
    assertThat(
        Softmax.kl(new double[] {0, -800}, 0, new double[] {0, 0}, 0, 2),
        closeTo(Math.log(2), 1e-12));
  }

  @Test
  void minusInfinityHasMassZero() {
    double[] a = {1, -INF, 2, -INF};
    double[] b = {0.5, 3, 2.5, -INF};
    double[] p = softmax(new double[] {1, 2});
    double z = Math.exp(0.5) + Math.exp(3) + Math.exp(2.5);
    double expected =
        p[0] * (Math.log(p[0]) - 0.5 + Math.log(z)) + p[1] * (Math.log(p[1]) - 2.5 + Math.log(z));
    assertThat(Softmax.kl(a, 0, b, 0, 4), closeTo(expected, 1e-14));
    assertThat(Softmax.kl(b, 0, a, 0, 4), is(INF));
    assertThat(Softmax.kl(new double[] {0, -5000}, 0, new double[] {0, -INF}, 0, 2), is(INF));
    assertThat(Softmax.kl(a, 0, a, 0, 4), is(0.0));
    assertThat(
        Softmax.kl(new double[] {0, -INF}, 0, new double[] {0, 2000}, 0, 2), closeTo(2000, 1e-9));
    assertThat(
        Softmax.kl(new double[] {0, -INF}, 0, new double[] {0, -40}, 0, 2),
        closeTo(Math.exp(-40), 1e-32));
    assertThat(Softmax.logSumExp(a, 0, 4), closeTo(Math.log(Math.exp(1) + Math.exp(2)), 1e-15));
    assertThat(Softmax.oneMinusSquaredNorm(a, 0, 4), closeTo(2 * p[0] * p[1], 1e-15));
  }

  @Test
  void whatHasNoSoftmaxIsNaN() {
    double[] good = {0, 0};
    for (double[] bad : new double[][] {{0, Double.NaN}, {Double.NaN, 0}, {0, INF}, {-INF, -INF}}) {
      assertThat(Softmax.logSumExp(bad, 0, 2), is(Double.NaN));
      assertThat(Softmax.oneMinusSquaredNorm(bad, 0, 2), is(Double.NaN));
      assertThat(Softmax.kl(bad, 0, good, 0, 2), is(Double.NaN));
      assertThat(Softmax.kl(good, 0, bad, 0, 2), is(Double.NaN));
    }
    assertThat(Softmax.logSumExp(good, 1, 1), is(Double.NaN));
    assertThrows(IndexOutOfBoundsException.class, () -> Softmax.kl(good, 0, good, 1, 2));
    assertThrows(IndexOutOfBoundsException.class, () -> Softmax.logSumExp(good, 0, 3));
  }

  @Test
  void aShiftOfEitherRowChangesNothing() {
    SplittableRandom random = new SplittableRandom(5);
    double[] a = normal(random, 33, 2);
    double[] b = normal(random, 33, 2);
    // Multiples of 2^-20, so that the shift is exact.
    for (double[] row : new double[][] {a, b}) {
      for (int i = 0; i < 33; i++) {
        row[i] = Math.rint(row[i] * 0x1p20) * 0x1p-20;
      }
    }
    double[] shifted = Arrays.stream(b).map(x -> x + 4096).toArray();
    double kl = Softmax.kl(a, 0, b, 0, 33);
    assertThat(Softmax.kl(a, 0, shifted, 0, 33), closeTo(kl, 1e-11 * kl));
  }

  /**
   * φ against its series in double-double disguise: 2φ(x)/x² is within [1 + x/3, 1 + x/3 + x²/8]
   * near 0, and e^x − 1 − x elsewhere.
   */
  @Test
  void expm1MinusArgumentIsContinuousAndAccurate() {
    for (double x : new double[] {1e-300, 1e-20, 1e-9, 1e-4, 0.01}) {
      for (double y : new double[] {x, -x}) {
        double ratio = y * y == 0 ? 1 : 2 * Softmax.expm1MinusArgument(y) / (y * y);
        double slack = 4e-16;
        assertThat(
            ratio,
            both(greaterThanOrEqualTo(1 + y / 3 - slack))
                .and(lessThanOrEqualTo(1 + y / 3 + y * y / 8 + slack)));
      }
    }
    for (double x : new double[] {0.5, -0.5}) {
      double beyond = Math.signum(x) * Math.nextUp(0.5);
      double jump = Softmax.expm1MinusArgument(beyond) / Softmax.expm1MinusArgument(x) - 1;
      assertThat(jump, closeTo(0, 1e-14));
    }
  }

  static double[] normal(SplittableRandom random, int n, double sd) {
    double[] row = new double[n];
    for (int i = 0; i < n; i++) {
      row[i] =
          sd
              * Math.sqrt(-2 * Math.log(1 - random.nextDouble()))
              * Math.cos(2 * Math.PI * random.nextDouble());
    }
    return row;
  }

  private static double[] softmax(double[] row) {
    double sum = 0;
    for (double x : row) {
      sum += Math.exp(x);
    }
    double z = sum;
    return Arrays.stream(row).map(x -> Math.exp(x) / z).toArray();
  }

  @Test
  void quickExpIsWithinItsErrorOfExp() {
    for (int i = 0; i <= 2_000_000; i++) {
      double x = -700.0 * i / 2_000_000;
      double exact = StrictMath.exp(x);
      assertThat(
          "e^" + x,
          Math.abs(Softmax.quickExp(x) - exact) <= Softmax.QUICK_EXP_ERROR * exact,
          is(true));
    }
    assertThat(Softmax.quickExp(0.0), is(1.0));
    assertThat(Softmax.quickExp(-0.0), is(1.0));
    assertThat(Softmax.quickExp(-701), is(0.0));
    assertThat(Softmax.quickExp(Double.NEGATIVE_INFINITY), is(0.0));
    assertThat(Double.isNaN(Softmax.quickExp(Double.NaN)), is(true));
  }
}
