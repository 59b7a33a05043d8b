package dev.sluice.transforms.channel;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.Optional;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class DitherTest {

  @Test
  void wordsAreThoseOfTheJdksSplitMix() {
    for (long key : new long[] {0, 1, -1, 0x123456789abcdefL}) {
      SplittableRandom jdk = new SplittableRandom(key);
      for (int probe = 0; probe < 3; probe++) {
        for (int v = 0; v < 8; v += 2) {
          long row = Dither.row(key, 8, probe);
          long word = jdk.nextLong();
          assertThat(Dither.numerator(row, v), is(word & 0xffffffffL));
          assertThat(Dither.numerator(row, v + 1), is(word >>> 32));
        }
      }
    }
  }

  @Test
  void anyWindowOfARowIsThatPartOfIt() {
    long key = ChannelKey.of(5, "r", "n").dither();
    for (int vocabulary : new int[] {1, 7, 8, 9, 63, 64, 65}) {
      int[] whole = new int[vocabulary];
      Dither.fill(key, vocabulary, 11, 0, vocabulary, whole, 0);
      for (int v = 0; v < vocabulary; v++) {
        assertThat(
            Integer.toUnsignedLong(whole[v]),
            is(Dither.numerator(Dither.row(key, vocabulary, 11), v)));
      }
      for (int from = 0; from <= vocabulary; from++) {
        for (int to = from; to <= vocabulary; to++) {
          int[] r = new int[to - from + 2];
          Dither.fill(key, vocabulary, 11, from, to, r, 1);
          assertThat(
              Arrays.copyOfRange(r, 1, r.length - 1), equalTo(Arrays.copyOfRange(whole, from, to)));
          assertThat(r[0] | r[r.length - 1], is(0));
        }
      }
    }
  }

  @Test
  void fillRefusesAWindowOutsideTheRow() {
    assertThrows(IndexOutOfBoundsException.class, () -> Dither.fill(1, 8, 0, 0, 9, new int[9], 0));
    assertThrows(IndexOutOfBoundsException.class, () -> Dither.fill(1, 8, 0, 0, 8, new int[8], 1));
  }

  @Test
  void theInverseIsAnInverse() {
    long gamma = Dither.row(0, 1, 0);
    assertThat(gamma, is(Dither.GAMMA));
    assertThat(gamma * Dither.GAMMA_INVERSE, is(1L));
  }

  @Test
  void offsetsAreExactAndInsideTheStep() {
    assertThat(Dither.offset(0), is(0x1p-33));
    assertThat(Dither.offset(0xffffffffL), is(1 - 0x1p-33));
    assertThat(Dither.offset(0x80000000L), is(0.5 + 0x1p-33));
  }

  @Test
  void keysAreFreshForEveryNodeRoundAndSeed() {
    ChannelKey key = ChannelKey.of(1, "r1", "a");
    assertThat(ChannelKey.of(1, "r1", "a"), is(key));
    for (ChannelKey other :
        new ChannelKey[] {
          ChannelKey.of(2, "r1", "a"), ChannelKey.of(1, "r2", "a"), ChannelKey.of(1, "r1", "b")
        }) {
      assertThat(other.dither() == key.dither(), is(false));
      assertThat(other.rotation() == key.rotation(), is(false));
    }
    assertThat(key.dither() == key.rotation(), is(false));
  }

  @Test
  void startIsTheHighHalfOfAnUnsignedProduct() {
    ChannelKey key = ChannelKey.of(9, "r", "n");
    BigInteger mask = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);
    for (int block = 0; block < 64; block++) {
      long word = Dither.mix(key.rotation() + ((3L << 32) + block + 1) * Dither.GAMMA);
      int expected =
          BigInteger.valueOf(word)
              .and(mask)
              .multiply(BigInteger.valueOf(1_000_003))
              .shiftRight(64)
              .intValueExact();
      assertThat(key.start(3, block, 1_000_003), is(expected));
    }
  }

  /** Node i starts `places[i]` words along the cycle. */
  private static long[] keysAt(long... places) {
    return Arrays.stream(places).map(p -> p * Dither.GAMMA + 42).toArray();
  }

  @Test
  void streamsOverlapExactlyWhenTheirPlacesAreNear() {
    assertThat(Dither.firstSharedPair(new long[0], 10), is(Optional.empty()));
    assertThat(Dither.firstSharedPair(keysAt(3), 10), is(Optional.empty()));
    assertThat(Dither.firstSharedPair(keysAt(100, 110), 10), is(Optional.empty()));
    assertThat(
        Dither.firstSharedPair(keysAt(100, 110), 11), is(Optional.of(new Dither.SharedPair(0, 1))));
    // Across the end of the counter, either way round.
    assertThat(Dither.firstSharedPair(keysAt(4, 1L << 40, -6), 10), is(Optional.empty()));
    assertThat(
        Dither.firstSharedPair(keysAt(4, 1L << 40, -6), 11),
        is(Optional.of(new Dither.SharedPair(0, 2))));
    assertThat(
        Dither.firstSharedPair(keysAt(7, 9, 7), 1), is(Optional.of(new Dither.SharedPair(0, 2))));
    assertThat(Dither.firstSharedPair(keysAt(7, 7), 0), is(Optional.empty()));
    assertThrows(IllegalArgumentException.class, () -> Dither.firstSharedPair(keysAt(7), -1));
  }

  @Test
  void hashedKeysOfManyNodesDoNotMeet() {
    long[] keys = new long[2000];
    for (int i = 0; i < keys.length; i++) {
      keys[i] = ChannelKey.of(1, "round", "node-" + i).dither();
    }
    // 2^36 words each: the chance of a meeting is 2000^2 * 2^36 / 2^64 = 1.5 %, once, for this
    // fixed seed.
    assertThat(Dither.firstSharedPair(keys, 1L << 36), is(Optional.empty()));
  }

  @Property(tries = 500)
  void sharedPairAgreesWithAllPairs(
      @ForAll @IntRange(max = 12) int nodes,
      @ForAll @LongRange(min = 0, max = 60) long words,
      @ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    long[] places = new long[nodes];
    for (int i = 0; i < nodes; i++) {
      places[i] = random.nextLong(400) - 200;
    }
    boolean shared = false;
    for (int i = 0; i < nodes; i++) {
      for (int j = 0; j < i; j++) {
        shared |= Math.abs(places[i] - places[j]) < words;
      }
    }
    Optional<Dither.SharedPair> found = Dither.firstSharedPair(keysAt(places), words);
    assertThat(found.isPresent(), is(shared));
    found.ifPresent(
        pair ->
            assertThat(Math.abs(places[pair.first()] - places[pair.second()]) < words, is(true)));
  }
}
