package dev.sluice.transforms.channel;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RadixCodeTest {
  private static final int[] SIZES = {0, 1, 7, 8, 9, 63, 64, 65, 1000};
  private static final int[] RADICES = {
    2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 100, 255, 256, 257, 4095, 4096, 32767, 32769, 65535, 65536
  };

  @Test
  void whatIsEncodedIsDecoded() throws BadCodesException {
    SplittableRandom random = new SplittableRandom(20);
    for (int radix : RADICES) {
      for (int n : SIZES) {
        for (int finer : new int[] {0, n / 3, n}) {
          roundTrip(radix, finer, random(random, radix, finer, n));
          roundTrip(radix, finer, new int[n]);
          int[] largest = new int[n];
          Arrays.fill(largest, radix - 1);
          Arrays.fill(largest, 0, finer, radix);
          roundTrip(radix, finer, largest);
        }
      }
    }
    roundTrip(65537, 0, random(random, 65537, 0, 1001));
  }

  @Property(tries = 300)
  void anyRadixRoundTripsAndIsAsLongAsItSays(
      @ForAll @IntRange(min = 2, max = 65536) int radix,
      @ForAll @IntRange(min = 0, max = 700) int n,
      @ForAll @IntRange(min = 0, max = 700) int finer,
      @ForAll long seed)
      throws BadCodesException {
    roundTrip(
        radix,
        Math.min(finer, n),
        random(new SplittableRandom(seed), radix, Math.min(finer, n), n));
  }

  private static void roundTrip(int radix, int finer, int[] symbols) throws BadCodesException {
    RadixCode code = RadixCode.of(radix, finer, symbols.length);
    assertThat(code.bits(), is(RadixCode.bits(radix, finer, symbols.length)));
    assertThat(code.bytes(), is((int) ((code.bits() + 7) / 8)));
    byte[] stream = new byte[code.bytes() + 5];
    code.encode(symbols, stream, 3);
    assertThat(stream[0] | stream[1] | stream[2] | stream[stream.length - 2], is(0));
    int[] back = new int[symbols.length];
    code.decode(stream, 3, back);
    assertThat(back, equalTo(symbols));
  }

  /** N^n values need no fewer bits, and the loss is below one bit and 3e-6 of the length. */
  @ParameterizedTest
  @CsvSource({
    "2, 1, 50",
    "3, 0, 1",
    "3, 0, 20000",
    "9, 342, 400",
    "10, 0, 50257",
    "255, 100, 50257",
    "257, 0, 8192",
    "65535, 0, 50257",
    "6, 49, 50",
    "40000, 1, 3",
    "2, 49999, 50000"
  })
  void theLengthIsTheEntropyAndLessThanOneBit(int radix, int finer, int n) {
    BigInteger states =
        BigInteger.valueOf(radix + 1L)
            .pow(finer)
            .multiply(BigInteger.valueOf(radix).pow(n - finer));
    long bits = RadixCode.bits(radix, finer, n);
    long least = states.subtract(BigInteger.ONE).bitLength(); // ceil(log2 states)
    assertThat(bits, greaterThanOrEqualTo(least));
    assertThat((double) (bits - least), lessThan(1 + 3e-6 * bits));
  }

  @Test
  void fieldsLieLowBitFirst() {
    byte[] stream = new byte[2];
    RadixCode.of(8, 0, 5).encode(new int[] {1, 2, 3, 4, 5}, stream, 0);
    // 001 010 011 100 101, from the low end: 0 101 100 011 010 001.
    assertThat(stream, equalTo(new byte[] {(byte) 0b11010001, 0b01011000}));
  }

  @Test
  void setSpareBitsAreRefused() {
    for (int radix : new int[] {8, 10}) {
      RadixCode code = RadixCode.of(radix, 0, 5);
      byte[] stream = new byte[code.bytes()];
      stream[stream.length - 1] = (byte) 0x80;
      BadCodesException e =
          assertThrows(BadCodesException.class, () -> code.decode(stream, 0, new int[5]));
      assertThat(e.getMessage(), containsString("spare bits"));
    }
  }

  @Test
  void aStateAboveItsBoundIsRefused() throws BadCodesException {
    RadixCode code = RadixCode.of(10, 0, 3); // S = 1000, 10 bits
    int[] symbols = new int[3];
    code.decode(new byte[] {(byte) 0xe7, 3}, 0, symbols);
    assertThat(symbols, equalTo(new int[] {9, 9, 9}));
    BadCodesException e =
        assertThrows(
            BadCodesException.class, () -> code.decode(new byte[] {(byte) 0xe8, 3}, 0, symbols));
    assertThat(e.getMessage(), containsString("first state 1000, expected below 1000"));
  }

  /**
   * A stream is accepted if and only if it is the encoding of what it decodes to. Random streams
   * start below the bound, so that what follows is looked at too.
   */
  @Property(tries = 500)
  void onlyEncodingsAreAccepted(
      @ForAll @IntRange(min = 2, max = 65536) int radix,
      @ForAll @IntRange(min = 1, max = 300) int n,
      @ForAll @IntRange(min = 0, max = 300) int finer,
      @ForAll long seed) {
    RadixCode code = RadixCode.of(radix, Math.min(finer, n), n);
    SplittableRandom random = new SplittableRandom(seed);
    byte[] stream = new byte[code.bytes()];
    random.nextBytes(stream);
    if (random.nextBoolean()) {
      // The largest words and states are where the accumulator is fullest.
      Arrays.fill(stream, (byte) -1);
    }
    if ((code.bits() & 7) != 0) {
      stream[stream.length - 1] &= (byte) ((1 << (code.bits() & 7)) - 1);
    }
    if (random.nextBoolean()) {
      stream[stream.length - 1] >>= 1;
      stream[stream.length - 1] &= 0x7f;
    }
    int[] symbols = new int[n];
    try {
      code.decode(stream, 0, symbols);
    } catch (BadCodesException e) {
      return;
    }
    byte[] again = new byte[code.bytes()];
    code.encode(symbols, again, 0);
    assertThat(again, equalTo(stream));
  }

  /** All ones after a valid tail: every word is at its largest, at every radix. */
  @Test
  void aCorruptWordIsFoundAtTheEnd() {
    int found = 0;
    for (int radix : new int[] {3, 5, 10, 257, 65535}) {
      int n = 5000;
      RadixCode code = RadixCode.of(radix, 0, n);
      int[] symbols = new int[n];
      Arrays.fill(symbols, radix - 1);
      byte[] stream = new byte[code.bytes()];
      code.encode(symbols, stream, 0);
      Arrays.fill(stream, 0, stream.length - 7, (byte) -1);
      try {
        code.decode(stream, 0, symbols);
      } catch (BadCodesException e) {
        found++;
      }
    }
    assertThat(found, is(5));
  }

  /**
   * Over a long stream such states would outgrow 63 bits; they are refused before division stops
   * being exact.
   */
  @Test
  void aStateThatOutgrowsItsRadixIsRefusedOnTheWay() {
    for (int radix : new int[] {10, 65535}) {
      RadixCode code = RadixCode.of(radix, 0, BlockShape.MAX_COORDINATES);
      int[] symbols = new int[BlockShape.MAX_COORDINATES];
      Arrays.fill(symbols, radix - 1);
      byte[] stream = new byte[code.bytes()];
      code.encode(symbols, stream, 0);
      Arrays.fill(stream, 0, stream.length - 7, (byte) -1);
      BadCodesException e =
          assertThrows(BadCodesException.class, () -> code.decode(stream, 0, symbols));
      assertThat(e.getMessage(), containsString(" at symbol "));
    }
  }

  @Test
  void symbolsAndRadicesOutOfRangeAreRefused() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> RadixCode.of(3, 1, 3).encode(new int[] {3, 3, 0}, new byte[2], 0));
    assertThat(e.getMessage(), containsString("symbol 1 must be in [0, 3), got 3"));
    assertThrows(IllegalArgumentException.class, () -> RadixCode.of(1, 0, 3));
    assertThrows(IllegalArgumentException.class, () -> RadixCode.of(65538, 0, 3));
    assertThrows(IllegalArgumentException.class, () -> RadixCode.of(65537, 1, 3));
    assertThrows(IllegalArgumentException.class, () -> RadixCode.of(3, 4, 3));
  }

  private static int[] random(SplittableRandom random, int radix, int finer, int n) {
    int[] symbols = new int[n];
    for (int j = 0; j < n; j++) {
      symbols[j] = random.nextInt(j < finer ? radix + 1 : radix);
    }
    return symbols;
  }
}
