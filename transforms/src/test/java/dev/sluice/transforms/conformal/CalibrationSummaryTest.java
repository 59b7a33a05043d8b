package dev.sluice.transforms.conformal;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.channel.BadCodesException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@link CalibrationPlan}, {@link CalibrationSummary} and {@link PooledThreshold}. */
class CalibrationSummaryTest {
  private static final double INFINITE = Double.POSITIVE_INFINITY;
  private static final double S = 7;
  private static final Alpha TENTH = Alpha.of("0.1");
  private static final List<Alpha> ALPHAS =
      List.of(Alpha.of("0.05"), TENTH, Alpha.of("0.2"), Alpha.of("0.37"));

  /**
   * The law: the threshold is never below that of the pooled scores, whatever the scores, bits,
   * sizes and cells; what is sent is within its bits and comes back as it was.
   */
  @Property(tries = 1000, seed = "271828")
  void theThresholdIsNeverBelowThePooled(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 6) int nodes,
      @ForAll @IntRange(min = 0, max = 150) int bits,
      @ForAll @IntRange(min = 1, max = 4) int minCell)
      throws BadCodesException {
    SplittableRandom random = new SplittableRandom(seed);
    int most = 1 + random.nextInt(random.nextBoolean() ? 5 : 120);
    CalibrationPlan plan =
        CalibrationPlan.of(bits, S, nodes, ALPHAS.subList(random.nextInt(4), 4))
            .withScores(0, most)
            .withDensity(Math.pow(2, random.nextInt(9) - 4))
            .withMinCell(random.nextBoolean() ? 1 : minCell);
    int law = random.nextInt(6);
    List<CalibrationSummary> summaries = new ArrayList<>();
    double[] pooled = new double[0];
    for (int i = 0; i < nodes; i++) {
      double[] scores = new double[random.nextInt(most + 1)];
      double shift = law == 3 ? random.nextDouble() * S : 0;
      Arrays.setAll(scores, j -> score(random, law, shift));
      pooled = Arrays.copyOf(pooled, pooled.length + scores.length);
      System.arraycopy(scores, 0, pooled, pooled.length - scores.length, scores.length);
      double[] kept = scores.clone();
      CalibrationSummary summary = CalibrationSummary.of(plan, scores);
      assertThat(scores, equalTo(kept));
      check(summary, scores);
      summaries.add(CalibrationSummary.decode(plan, summary.encode()));
    }
    PooledThreshold hub = PooledThreshold.of(summaries);
    for (int percent = 1; percent < 100; percent += 3) {
      Alpha alpha = new Alpha(percent, 100);
      double threshold = hub.at(alpha);
      assertThat(threshold, greaterThanOrEqualTo(ConformalRank.threshold(alpha, pooled)));
      long below = Arrays.stream(pooled).filter(s -> s <= threshold).count();
      assertThat(hub.certified(threshold), lessThanOrEqualTo(below));
    }
    Collections.reverse(summaries);
    assertThat(PooledThreshold.of(summaries).at(TENTH), is(hub.at(TENTH)));
  }

  private static double score(SplittableRandom random, int law, double shift) {
    return switch (law) {
      case 0 -> random.nextDouble() * S;
      case 1 -> random.nextInt(4) * (S / 3); // ties, at both ends of the grid
      case 2 -> 2.5; // all equal
      case 3 -> shift + random.nextDouble() * 1e-3; // a node's scores close together
      case 4 -> -3 + random.nextDouble() * 3 * S; // outside [0, S]
      default -> random.nextInt(3) == 0 ? INFINITE : -Math.log(1 - random.nextDouble());
    };
  }

  private static void check(CalibrationSummary summary, double[] scores) throws BadCodesException {
    CalibrationPlan plan = summary.plan();
    byte[] bytes = summary.encode();
    assertThat(summary.payloadBits(), lessThanOrEqualTo(plan.bits()));
    assertThat(bytes.length, is((summary.payloadBits() + 7) / 8));
    if (plan.isSilent()) {
      return;
    }
    assertThat(CalibrationSummary.decode(plan, bytes), equalTo(summary));
    double[] sorted = scores.clone();
    Arrays.sort(sorted);
    int gap = plan.minCell();
    int before = 0;
    for (int j = 0; j < summary.points(); j++) {
      assertThat(summary.rank(j) - before, greaterThanOrEqualTo(gap));
      assertThat(
          scores.length - summary.rank(j),
          greaterThanOrEqualTo(plan.minCell() == 1 ? 0 : plan.minCell()));
      assertThat(summary.value(j), greaterThanOrEqualTo(sorted[summary.rank(j) - 1]));
      before = summary.rank(j);
    }
  }

  /** FORMAT 10.2. */
  @Test
  void vector() {
    CalibrationPlan plan = CalibrationPlan.of(40, 20, 4, List.of(TENTH)).withScores(0, 100);
    assertThat(plan.shape(50).ranks(), equalTo(new int[] {43, 44, 45, 46, 47, 48}));
    assertThat(plan.shape(50).levels(), is(131));
    double[] scores = new double[50];
    Arrays.setAll(scores, i -> 0.375 * (i + 1));
    byte[] bytes = CalibrationSummary.of(plan, scores).encode();
    assertThat(HexFormat.of().formatHex(bytes), is("32ddd61e7e"));
  }

  /** One node, enough bits: the local threshold to a step of 2^-16 of the range. */
  @ParameterizedTest
  @CsvSource({"9", "100", "3000"})
  void oneNodeSendsItsQuantile(int n) {
    CalibrationPlan plan = CalibrationPlan.of(28, 1, 1, List.of(TENTH)).withScores(0, 3000);
    double[] scores = new SplittableRandom(n).doubles(n).toArray();
    CalibrationSummary summary = CalibrationSummary.of(plan, scores);
    assertThat(summary.points(), is(1));
    double threshold = PooledThreshold.of(List.of(summary)).at(TENTH);
    double pooled = ConformalRank.threshold(TENTH, scores);
    assertThat(threshold, greaterThanOrEqualTo(pooled));
    assertThat(threshold - pooled, lessThan(1.01 / 65535));
  }

  /** At each bit more, neither more points nor more levels fit: C(L + r + 1, r) > 2^payload. */
  @Test
  void bitsAreUsedUp() {
    for (int bits = 1; bits <= 200; bits++) {
      CalibrationPlan plan = CalibrationPlan.of(bits, 1, 4, List.of(TENTH)).withScores(300, 300);
      CalibrationPlan.Shape shape = plan.shape(300);
      int r = shape.ranks().length;
      assertThat(shape.pointBits(), lessThanOrEqualTo(bits));
      assertThat(
          shape.levels() == 65535 || SubsetCode.bits(shape.levels() + 1 + r, r) > bits, is(true));
    }
  }

  @Test
  void levelsAreValuesUpToTheRange() {
    for (double range : new double[] {1, 7, 0.1, 1e-3, 3e5}) {
      CalibrationPlan plan = CalibrationPlan.of(9, range, 2, List.of(TENTH));
      for (int levels : new int[] {1, 2, 3, 7, 255, 65535}) {
        assertThat(plan.value(levels - 1, levels), is(range));
        for (int v = 0; v < levels; v += 1 + levels / 500) {
          double value = plan.value(v, levels);
          assertThat(plan.symbolAbove(value, levels), is(v));
          assertThat(plan.symbolAbove(Math.nextUp(value), levels), is(v + 1));
        }
        assertThat(plan.symbolAbove(-1, levels), is(0));
        assertThat(plan.symbolAbove(INFINITE, levels), is(levels));
      }
    }
  }

  @Test
  void tooFewBitsSaySo() {
    CalibrationPlan silent = CalibrationPlan.of(6, 1, 1, List.of(TENTH)).withScores(0, 100);
    assertThat(silent.countBits(), is(7));
    assertThat(silent.isSilent(), is(true));
    CalibrationSummary nothing = CalibrationSummary.of(silent, new double[100]);
    assertThat(nothing.encode().length, is(0));
    assertThat(PooledThreshold.of(List.of(nothing)).at(TENTH), is(INFINITE));
    // n_i alone.
    CalibrationPlan count = CalibrationPlan.of(7, 1, 1, List.of(TENTH)).withScores(0, 100);
    CalibrationSummary counted = CalibrationSummary.of(count, new double[100]);
    assertThat(counted.points(), is(0));
    assertThat(PooledThreshold.of(List.of(counted)).scores(), is(100L));
    assertThat(PooledThreshold.of(List.of(counted)).at(TENTH), is(INFINITE));
    // One bit: S or +infinity.
    CalibrationPlan one = CalibrationPlan.of(1, 1, 1, List.of(TENTH)).withScores(100, 100);
    assertThat(
        PooledThreshold.of(List.of(CalibrationSummary.of(one, new double[100]))).at(TENTH),
        is(1.0));
    assertThat(PooledThreshold.of(List.of()).at(TENTH), is(INFINITE));
  }

  /** One bit has one point: the smallest alpha's, which serves the others. */
  @Test
  void oneBitServesAllAlphas() {
    CalibrationPlan plan = CalibrationPlan.of(1, 1, 1, ALPHAS).withScores(100, 100);
    PooledThreshold hub = PooledThreshold.of(List.of(CalibrationSummary.of(plan, new double[100])));
    for (Alpha alpha : ALPHAS) {
      assertThat(hub.at(alpha), is(1.0));
    }
  }

  /** {@code sum k_i >= k}: one point a node keeps the threshold finite at any sizes. */
  @Test
  void localRanksAddUp() {
    SplittableRandom random = new SplittableRandom(11);
    for (int trial = 0; trial < 300; trial++) {
      int nodes = 1 + random.nextInt(8);
      CalibrationPlan plan =
          CalibrationPlan.of(16 + 1 + random.nextInt(60), 1, nodes, List.of(TENTH));
      List<CalibrationSummary> summaries = new ArrayList<>();
      for (int i = 0; i < nodes; i++) {
        summaries.add(
            CalibrationSummary.of(plan, random.doubles(9 + random.nextInt(200)).toArray()));
      }
      assertThat(PooledThreshold.of(summaries).at(TENTH), lessThanOrEqualTo(1.0));
    }
  }

  /**
   * What bits buy, as documented: mean excess coverage over the pooled threshold on uniform scores,
   * and the excess of wrong candidates whose scores have the distribution t². Seed 5; limits are
   * some 1.2 times what is measured, whose standard error is below a twentieth of it.
   */
  @ParameterizedTest
  @CsvSource({
    "4, 100, 8, 0.12, 0.26",
    "4, 100, 16, 0.037, 0.085",
    "4, 100, 32, 0.0145, 0.033",
    "4, 100, 64, 0.0045, 0.010",
    "4, 100, 128, 0.0007, 0.0015",
    "4, 100, 256, 0.0001, 0.0003",
    "4, 3000, 16, 0.039, 0.09",
    "4, 3000, 32, 0.007, 0.016",
    "4, 3000, 64, 0.0025, 0.0055",
    "4, 3000, 128, 0.0014, 0.003",
    "4, 3000, 256, 0.0006, 0.0013",
    "16, 100, 64, 0.0085, 0.019",
    "16, 3000, 64, 0.0034, 0.0075",
  })
  void excess(int nodes, int n, int bits, double coverage, double wrong) {
    CalibrationPlan plan = CalibrationPlan.of(bits, 1, nodes, List.of(TENTH)).withScores(0, n);
    CalibrationPlan.Shape shape = plan.shape(n);
    SplittableRandom random = new SplittableRandom(5);
    int sets = n == 100 ? 300 : 40;
    double excess = 0;
    double wrongs = 0;
    double pooledWrongs = 0;
    for (int set = 0; set < sets; set++) {
      List<CalibrationSummary> summaries = new ArrayList<>();
      double[] pooled = random.doubles((long) nodes * n).toArray();
      for (int i = 0; i < nodes; i++) {
        summaries.add(
            CalibrationSummary.of(plan, shape, Arrays.copyOfRange(pooled, i * n, (i + 1) * n)));
      }
      double threshold = Math.min(1, PooledThreshold.of(summaries).at(TENTH));
      double best = ConformalRank.threshold(TENTH, pooled);
      excess += (threshold - best) / sets;
      wrongs += threshold * threshold;
      pooledWrongs += best * best;
    }
    assertThat(excess, lessThan(coverage));
    assertThat(wrongs / pooledWrongs - 1, lessThan(wrong));
  }

  @Test
  void bytesThatNoScoresHave() {
    CalibrationPlan plan = CalibrationPlan.of(12, 1, 4, List.of(TENTH)).withScores(0, 100);
    CalibrationSummary summary = CalibrationSummary.of(plan, new double[50]);
    assertThat(summary.points(), is(1)); // 31 values and +infinity in 5 bits
    byte[] bytes = summary.encode();
    assertThat(bytes.length, is(2));
    assertThat(
        bad(plan, new byte[] {101, 0}), containsString("0 + 101 scores, expected at most 100"));
    assertThat(bad(plan, new byte[] {50}), containsString("1 bytes, expected 2"));
    assertThat(bad(plan, new byte[] {50, 16}), containsString("multiset 32, expected below 32"));
    assertThat(bad(plan, new byte[0]), containsString("0 bytes"));
    CalibrationPlan silent = CalibrationPlan.of(3, 1, 4, List.of(TENTH)).withScores(0, 100);
    assertThat(bad(silent, new byte[1]), containsString("1 bytes, expected 0"));
  }

  private static String bad(CalibrationPlan plan, byte[] bytes) {
    return assertThrows(BadCodesException.class, () -> CalibrationSummary.decode(plan, bytes))
        .getMessage();
  }

  @Test
  void refusals() {
    CalibrationPlan plan = CalibrationPlan.of(64, 1, 4, ALPHAS).withScores(1, 9);
    assertThat(
        refusal(() -> CalibrationSummary.of(plan, new double[0])), containsString("1 to 9, got 0"));
    assertThat(
        refusal(() -> CalibrationSummary.of(plan, new double[10])), containsString("got 10"));
    assertThat(
        refusal(() -> CalibrationSummary.of(plan, new double[] {1, Double.NaN})),
        containsString("NaN"));
    assertThat(refusal(() -> CalibrationPlan.of(-1, 1, 1, ALPHAS)), containsString("got -1"));
    assertThat(refusal(() -> CalibrationPlan.of(1, 0, 1, ALPHAS)), containsString("maxScore"));
    assertThat(refusal(() -> CalibrationPlan.of(1, 1, 0, ALPHAS)), containsString("nodes"));
    assertThat(refusal(() -> CalibrationPlan.of(1, 1, 1, List.of())), containsString("alphas"));
    assertThat(refusal(() -> plan.withScores(3, 2)), containsString("3 to 2"));
    assertThat(refusal(() -> plan.withMinCell(0)), containsString("minCell"));
    assertThat(refusal(() -> plan.withDensity(0)), containsString("density"));
  }

  private static String refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }
}
