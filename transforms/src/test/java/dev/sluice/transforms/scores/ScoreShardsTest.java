package dev.sluice.transforms.scores;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class ScoreShardsTest {
  @Test
  void aPartHasAtMost16384QueriesOr16MebibytesOnAverage() {
    assertThat(ScoreShards.count(0, 2), is(1));
    assertThat(ScoreShards.count(1, 2), is(1));
    assertThat(ScoreShards.count(16384, 2), is(1));
    assertThat(ScoreShards.count(16385, 2), is(2));
    assertThat(ScoreShards.count(1_000_000, 2), is(62));
    assertThat(ScoreShards.count(16384, 8704), is(10));
    assertThat(ScoreShards.count(1L << 50, 2), is(100_000));
  }

  @Test
  void queriesSpreadOverTheParts() {
    int[] counts = new int[16];
    for (int i = 0; i < 16_000; i++) {
      counts[ScoreShards.of("query-" + i, 16)]++;
    }
    // Binomial, mean 1000 and deviation 31: 6 of them.
    assertThat(Arrays.stream(counts).min().orElseThrow(), greaterThan(800));
    assertThat(Arrays.stream(counts).max().orElseThrow(), lessThan(1200));
    assertThat(ScoreShards.of("q1", 1000), is(Q1_OF_1000));
  }

  /** CRC-32C of the two bytes "q1" modulo 1000. */
  private static final int Q1_OF_1000 = 832;

  @Property
  void namesAreInTheOrderOfTheirBytes(@ForAll String a, @ForAll String b) {
    if (ScoreNames.fault(a).isEmpty() && ScoreNames.fault(b).isEmpty()) {
      int bytes =
          Arrays.compareUnsigned(
              a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
      assertThat(Integer.signum(ScoreNames.compare(a, b)), equalTo(Integer.signum(bytes)));
    }
  }

  @Test
  void charactersBeyondTheBasicPlaneComeLast() {
    assertThat(ScoreNames.compare("\uffff", "\ud83d\ude00"), lessThan(0));
    assertThat(ScoreNames.compare("\ud83d\ude00", "\uffff"), greaterThan(0));
    assertThat(ScoreNames.compare("a", "ab"), lessThan(0));
    assertThat(ScoreNames.compare("ab", "ab"), is(0));
  }
}
