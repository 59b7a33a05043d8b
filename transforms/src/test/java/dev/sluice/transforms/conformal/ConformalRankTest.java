package dev.sluice.transforms.conformal;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** THEORY 11, item 10. */
class ConformalRankTest {
  private static final double INFINITE = Double.POSITIVE_INFINITY;

  @ParameterizedTest
  @CsvSource({"0.1, 9, 9", "0.1, 8, 9", "0.18, 149, 123", "0.1, 0, 1", "0.5, 1, 1", "0.05, 19, 19"})
  void ranks(String alpha, long n, long k) {
    assertThat(ConformalRank.of(Alpha.of(alpha), n), is(k));
  }

  @Test
  void theRankIsExactForEveryPercentage() {
    for (int percent = 1; percent <= 99; percent++) {
      Alpha alpha = Alpha.of("0." + (percent < 10 ? "0" : "") + percent);
      long least = ConformalRank.smallestFinite(alpha);
      for (int n = 0; n < 3000; n++) {
        BigInteger product = BigInteger.valueOf(100 - percent).multiply(BigInteger.valueOf(n + 1));
        BigInteger[] parts = product.divideAndRemainder(BigInteger.valueOf(100));
        long k = parts[0].longValueExact() + parts[1].signum();
        if (ConformalRank.of(alpha, n) != k
            || ConformalRank.isFinite(alpha, n) != (k <= n)
            || (n >= least) != (k <= n)) {
          throw new AssertionError("alpha " + alpha + ", n " + n + ", expected rank " + k);
        }
      }
    }
  }

  /** What the integers are for: the float64 formula is wrong in as many cases as is documented. */
  @Test
  void productsOfFloatsAreWrong() {
    int wrong = 0;
    for (int percent = 1; percent <= 99; percent++) {
      Alpha alpha = new Alpha(percent, 100);
      for (int n = 0; n < 3000; n++) {
        wrong +=
            (long) Math.ceil((1 - percent / 100.0) * (n + 1)) != ConformalRank.of(alpha, n) ? 1 : 0;
      }
    }
    assertThat(wrong, is(1738));
  }

  @Test
  void ranksOfManyScores() {
    Alpha alpha = new Alpha(999_999_937, 1_000_000_000);
    long n = 1L << 62;
    BigInteger floor =
        BigInteger.valueOf(n + 1)
            .multiply(BigInteger.valueOf(alpha.numerator()))
            .divide(BigInteger.valueOf(alpha.denominator()));
    assertThat(
        BigInteger.valueOf(ConformalRank.of(alpha, n)),
        is(BigInteger.valueOf(n + 1).subtract(floor)));
  }

  @ParameterizedTest
  @CsvSource({"0.05, 19", "0.1, 9", "0.2, 4", "0.3, 3", "0.5, 1", "0.999999999, 1", "0.01, 99"})
  void theFewestScoresThatBoundASet(String decimal, long least) {
    Alpha alpha = Alpha.of(decimal);
    assertThat(ConformalRank.smallestFinite(alpha), is(least));
    assertThat(ConformalRank.isFinite(alpha, least), is(true));
    assertThat(ConformalRank.isFinite(alpha, least - 1), is(false));
  }

  @Test
  void thresholds() {
    Alpha alpha = Alpha.of("0.1");
    assertThat(ConformalRank.threshold(alpha, new double[0]), is(INFINITE));
    assertThat(ConformalRank.threshold(alpha, new double[8]), is(INFINITE));
    double[] nine = {3, 1, 4, 1, 5, 9, 2, 6, 5};
    double[] kept = nine.clone();
    assertThat(ConformalRank.threshold(alpha, nine), is(9.0));
    assertThat(Arrays.equals(nine, kept), is(true));
    assertThat(ConformalRank.threshold(Alpha.of("0.5"), nine), is(4.0));
    assertThat(
        ConformalRank.threshold(Alpha.of("0.5"), new double[] {INFINITE, INFINITE}), is(INFINITE));
    assertThat(
        refusal(() -> ConformalRank.threshold(alpha, new double[] {1, Double.NaN, 2})),
        containsString("NaN"));
  }

  @Test
  void decimalsAreExact() {
    assertThat(Alpha.of("0.10"), is(new Alpha(1, 10)));
    assertThat(Alpha.of("1e-1"), is(new Alpha(1, 10)));
    assertThat(Alpha.of("0.123456789"), is(new Alpha(123_456_789, 1_000_000_000)));
    assertThat(Alpha.of("0.1").compareTo(Alpha.of("0.2")) < 0, is(true));
    assertThat(new Alpha(2, 4), is(Alpha.of("0.5")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "1", "-0.1", "1.5", "x", "", "NaN", "0.1234567891", "1e-999999999"})
  void whatIsNoAlpha(String decimal) {
    assertThat(refusal(() -> Alpha.of(decimal)), containsString("alpha must be"));
  }

  @Test
  void refusals() {
    assertThat(refusal(() -> ConformalRank.of(Alpha.of("0.1"), -1)), containsString("got -1"));
    assertThat(refusal(() -> new Alpha(0, 3)), containsString("got 0/3"));
    assertThat(refusal(() -> new Alpha(1, 1_000_000_007)), containsString("10^9"));
  }

  /**
   * Uniform scores: coverage given the threshold t is t, its mean k/(n+1). Seed 314159, 20000
   * calibration sets. sd of t is below 0.5/sqrt(n+2): five of it, false alarm 6e-7 for each of 4.
   * With ties, by rounding up to 8 values, coverage P(score <= t) = t may only be larger.
   */
  @ParameterizedTest
  @ValueSource(ints = {9, 19, 20, 100})
  void coverage(int n) {
    Alpha alpha = Alpha.of("0.1");
    SplittableRandom random = new SplittableRandom(314159);
    int sets = 20_000;
    double sum = 0;
    double tied = 0;
    for (int set = 0; set < sets; set++) {
      double[] scores = random.doubles(n).toArray();
      sum += ConformalRank.threshold(alpha, scores);
      Arrays.setAll(scores, i -> Math.ceil(scores[i] * 8) / 8);
      tied += ConformalRank.threshold(alpha, scores);
    }
    double sd = 0.5 / Math.sqrt((n + 2.0) * sets);
    assertThat(sum / sets, closeTo(ConformalRank.coverage(alpha, n), 5 * sd));
    assertThat(tied / sets >= ConformalRank.coverage(alpha, n) - 5 * sd, is(true));
  }

  private static String refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }
}
