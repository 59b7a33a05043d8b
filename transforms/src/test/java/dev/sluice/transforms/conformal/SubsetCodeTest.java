package dev.sluice.transforms.conformal;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigInteger;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SubsetCodeTest {

  @Test
  void everySubsetHasItsNumber() {
    for (int u = 1; u <= 9; u++) {
      for (int k = 0; k <= u; k++) {
        int count = SubsetCode.count(u, k).intValueExact();
        boolean[] seen = new boolean[count];
        for (int i = 0; i < count; i++) {
          int[] subset = SubsetCode.subset(BigInteger.valueOf(i), u, k);
          int number = SubsetCode.number(subset, u).intValueExact();
          assertThat(number, is(i));
          assertThat(SubsetCode.searched(BigInteger.valueOf(i), u, k), equalTo(subset));
          assertThat(SubsetCode.walked(BigInteger.valueOf(i), u, k), equalTo(subset));
          seen[number] = true;
        }
        for (int i = 0; i < count; i++) {
          assertThat(seen[i], is(true));
        }
        assertThat(SubsetCode.bits(u, k), is(32 - Integer.numberOfLeadingZeros(count - 1)));
      }
    }
  }

  @Test
  void largeSubsetsRoundTrip() {
    SplittableRandom random = new SplittableRandom(271828);
    for (int u : new int[] {63, 64, 65, 1000, 65600}) {
      for (int k : new int[] {1, 7, 8, 31, 63}) {
        int[] subset = random.ints(0, u).distinct().limit(k).sorted().toArray();
        BigInteger number = SubsetCode.number(subset, u);
        assertThat(number.bitLength() <= SubsetCode.bits(u, k), is(true));
        assertThat(SubsetCode.searched(number, u, k), equalTo(subset));
        assertThat(SubsetCode.walked(number, u, k), equalTo(subset));
        byte[] bytes = new byte[(SubsetCode.bits(u, k) + 7) / 8];
        SubsetCode.toBytes(number, bytes);
        assertThat(SubsetCode.ofBytes(bytes), is(number));
      }
    }
  }

  @Test
  void binomials() {
    assertThat(SubsetCode.count(64, 32).toString(), is("1832624140942590534"));
    assertThat(SubsetCode.count(3, 4), is(BigInteger.ZERO));
    assertThat(SubsetCode.count(3, -1), is(BigInteger.ZERO));
    assertThat(SubsetCode.count(0, 0), is(BigInteger.ONE));
  }

  @Test
  void refusals() {
    assertThrows(IllegalArgumentException.class, () -> SubsetCode.number(new int[] {1, 1}, 3));
    assertThrows(IllegalArgumentException.class, () -> SubsetCode.number(new int[] {0, 3}, 3));
  }
}
