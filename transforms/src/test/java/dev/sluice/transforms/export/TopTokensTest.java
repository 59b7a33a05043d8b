package dev.sluice.transforms.export;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class TopTokensTest {
  private static List<Integer> ids(TopTokens top) {
    return IntStream.range(0, top.size()).map(top::id).boxed().toList();
  }

  @Test
  void equalLogitsAreInTheOrderOfTheirIds() {
    TopTokens top = new TopTokens(4, 6);
    top.read(new double[] {-0.0, 2, 0, 2, -1, 0});
    assertThat(ids(top), equalTo(List.of(1, 3, 0, 2)));
    top.read(new double[] {-5, -5, -5, -5, -5, -5});
    assertThat(ids(top), equalTo(List.of(0, 1, 2, 3)));
    assertThat(top.tailMass(), closeTo(2.0 / 6, 1e-15));
    assertThat(top.logprob(3), equalTo((float) -Math.log(6)));
  }

  @Test
  void allTokensAreKeptWhereThereAreFewer() {
    TopTokens top = new TopTokens(100, 3);
    top.read(new double[] {1, 3, 2});
    assertThat(top.size(), is(3));
    assertThat(ids(top), equalTo(List.of(1, 2, 0)));
    assertThat(top.tailMass(), equalTo(0.0));
    assertThrows(IllegalArgumentException.class, () -> new TopTokens(0, 3));
  }

  /** 1 − p would have no digit of it left. */
  @Test
  void theTailOfAnAlmostOneHotRowHasAllItsDigits() {
    double[] row = new double[1000];
    row[17] = 60;
    TopTokens top = new TopTokens(1, 1000);
    top.read(row);
    BigDecimal e60 = BigDecimal.valueOf(Math.exp(60));
    double tail =
        BigDecimal.valueOf(999)
            .divide(e60.add(BigDecimal.valueOf(999)), MathContext.DECIMAL64)
            .doubleValue();
    assertThat(top.tailMass() / tail, closeTo(1, 1e-12));
    assertThat(top.logprob(0), equalTo(0.0f));
    row[17] = 700;
    top.read(row);
    assertThat(top.tailMass() / (999 * Math.exp(-700)), closeTo(1, 1e-9));
  }

  @Property(tries = 300, seed = "271828")
  void agreesWithSortingAll(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 65) int vocabulary,
      @ForAll @IntRange(min = 1, max = 70) int k) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] row = new double[vocabulary];
    for (int v = 0; v < vocabulary; v++) {
      row[v] = (random.nextInt(17) - 8) / 2.0f;
    }
    TopTokens top = new TopTokens(k, vocabulary);
    top.read(row);
    List<Integer> sorted =
        IntStream.range(0, vocabulary)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer v) -> -row[v]))
            .limit(k)
            .toList();
    assertThat(ids(top), equalTo(sorted));
    double mass = top.tailMass();
    for (int i = 0; i < top.size(); i++) {
      mass += Math.exp(top.logprob(i));
    }
    assertThat(mass, closeTo(1, 1e-5));
  }
}
