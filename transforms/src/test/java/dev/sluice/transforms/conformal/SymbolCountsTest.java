package dev.sluice.transforms.conformal;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** {@link SymbolCounts}: order statistics without the scores. */
class SymbolCountsTest {
  /** Whatever the order, the grouping and how many fit a buffer. */
  @Property(tries = 60)
  void orderStatisticsAreThoseOfTheSymbols(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 20_000) int n,
      @ForAll @IntRange(min = 1, max = 65_536) int range) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] symbols = random.ints(n, 0, range).toArray();
    SymbolCounts one = new SymbolCounts();
    SymbolCounts[] parts = {new SymbolCounts(), new SymbolCounts(), new SymbolCounts()};
    for (int symbol : symbols) {
      one.add(symbol);
      parts[random.nextInt(3)].add(symbol);
    }
    parts[2].add(parts[0]);
    parts[2].add(parts[1]);
    assertThat(parts[2], equalTo(one));
    int[] distinct = IntStream.range(0, one.size()).map(one::symbol).toArray();
    long[] counts = IntStream.range(0, one.size()).mapToLong(one::count).toArray();
    assertThat(SymbolCounts.of(distinct, counts), equalTo(one));
    assertThat(one.total(), is((long) n));
    Arrays.sort(symbols);
    int[] ranks = random.ints(5, 1, n + 1).sorted().toArray();
    int[] expected = Arrays.stream(ranks).map(rank -> symbols[rank - 1]).toArray();
    assertThat(one.atRanks(ranks), equalTo(expected));
  }

  /** Rounding up to the grid and sorting commute. */
  @Property(tries = 60)
  void aSummaryNeedsOnlySymbols(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 500) int n,
      @ForAll @IntRange(min = 0, max = 300) int bits) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] scores =
        random.doubles(n, 0, 22).map(s -> s > 21 ? Double.POSITIVE_INFINITY : s).toArray();
    CalibrationPlan plan =
        CalibrationPlan.of(bits, 21, 4, List.of(Alpha.of("0.1"), Alpha.of("0.2"))).withScores(n, n);
    CalibrationPlan.Shape shape = plan.shape(n);
    SymbolCounts symbols = new SymbolCounts();
    for (double score : scores) {
      symbols.add(shape.levels() == 0 ? 0 : plan.symbolAbove(score, shape.levels()));
    }
    assertThat(
        CalibrationSummary.of(plan, shape, symbols), equalTo(CalibrationSummary.of(plan, scores)));
  }

  @Test
  void refusals() {
    SymbolCounts counts = new SymbolCounts();
    assertThat(refusal(() -> counts.add(-1)), containsString("got -1"));
    assertThat(
        refusal(() -> SymbolCounts.of(new int[] {1, 1}, new long[] {1, 1})),
        containsString("got 1 of 1"));
    counts.add(3);
    assertThat(refusal(() -> counts.atRanks(new int[] {2})), containsString("rank 2 of 1"));
    CalibrationPlan plan = CalibrationPlan.of(64, 21, 1, List.of(Alpha.of("0.1")));
    assertThat(
        refusal(() -> CalibrationSummary.of(plan, plan.shape(20), counts)),
        containsString("symbols of 1 scores, expected 20"));
  }

  private static String refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }
}
