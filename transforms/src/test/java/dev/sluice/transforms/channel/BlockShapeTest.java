package dev.sluice.transforms.channel;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigInteger;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlockShapeTest {

  @ParameterizedTest
  @ValueSource(ints = {50, 257, 8192, 50257})
  void theBudgetIsKeptAndUsed(int vocabulary) {
    int probes = vocabulary == 50 ? 64 : 8;
    int n = vocabulary * probes;
    for (double b : new double[] {1, 1.01, 1.5, 2, 2.5, 3.3, 4, 5.1, 7.99, 8, 9.7, 12, 15.9, 16}) {
      long perProbe = (long) Math.ceil(vocabulary * b);
      long budget = perProbe * probes;
      BlockShape shape = BlockShape.of(Quantizer.DITHER, false, vocabulary, probes, b, perProbe);
      String what = shape.toString();
      assertThat(what, shape.payloadBits(), lessThanOrEqualTo(budget));
      assertThat(what, (double) shape.payloadBits(), greaterThanOrEqualTo(0.99 * budget));
      assertThat(what, shape.payloadBytes(), is((int) ((shape.payloadBits() + 7) / 8)));
      int radix = shape.symbols();
      // N^n <= 2^C < (N+1)^n * 2^(1 + 3e-6 C), the code's documented loss.
      BigInteger two = BigInteger.ONE.shiftLeft((int) budget);
      assertThat(what, BigInteger.valueOf(radix).pow(n).compareTo(two), lessThanOrEqualTo(0));
      if (radix < BlockShape.MAX_SYMBOLS) {
        BigInteger more =
            BigInteger.valueOf(radix + 1L).pow(n).shiftLeft(1 + (int) Math.ceil(3e-6 * budget));
        assertThat(what, two.compareTo(more), lessThan(0));
        // And to the bit: the next radix, or one more finer coordinate at bisection's edge, does
        // not fit.
        assertThat(what, RadixCode.bits(radix + 1, 0, n), greaterThan(budget));
        if (shape.finer() + 1 < n) {
          assertThat(what, RadixCode.bits(radix, shape.finer() + 1, n), greaterThan(budget));
        }
      } else {
        assertThat(what, shape.finer(), is(0));
      }
    }
  }

  @Test
  void clipLevelsComeOutOfTheBudget() {
    BlockShape shape = BlockShape.of(Quantizer.DITHER, true, 100, 4, 8, 816);
    assertThat(shape.symbols(), is(256));
    assertThat(shape.codeBits(), is(3200L));
    assertThat(shape.payloadBits(), is(3264L));
    assertThat(shape.payloadBytes(), is(408));
  }

  @Test
  void laterPlanesTakeTheirRadicesFromTheBudgetAlone() {
    BlockShape shape = BlockShape.ofPlane(2, Quantizer.DITHER_PAPER, true, 100, 4, 3, 200);
    assertThat(shape.symbols(), is(4));
    assertThat(shape.clipPerProbe(), is(false));
    assertThat(shape.payloadBits(), is(800L));
    assertThrows(IllegalStateException.class, () -> shape.step(1, false));
  }

  @Test
  void stepsAreThoseOfTheQuantisers() {
    BlockShape dither = BlockShape.of(Quantizer.DITHER, false, 50, 8, 3.3, 165);
    assertThat(dither.symbols(), is(9));
    assertThat(dither.finer(), is(342));
    assertThat(dither.step(6, false), is(1.5));
    assertThat(dither.step(6, true), is(12.0 / 9));
    assertThat(dither.meanStep(6), closeTo((342 * 12.0 / 9 + 58 * 1.5) / 400, 1e-15));
    assertThat(dither.meanVariance(6), closeTo((342 * 144.0 / 81 + 58 * 2.25) / 4800, 1e-15));
    BlockShape paper = BlockShape.of(Quantizer.DITHER_PAPER, false, 50, 8, 3, 0);
    assertThat(paper.symbols(), is(9));
    assertThat(paper.step(6, false), is(1.5));
    BlockShape midrise = BlockShape.of(Quantizer.MIDRISE, false, 50, 8, 2, 100);
    assertThat(midrise.step(6, false), is(3.0));
  }

  @Test
  void tooSmallABudgetIsRefused() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> BlockShape.of(Quantizer.DITHER, true, 50, 8, 1, 65));
    assertThat(
        e.getMessage(),
        containsString("65 bits per probe are too few for 2 symbols at 50 coordinates"));
    assertThat(e.getMessage(), containsString("at least 66"));
    assertThat(BlockShape.of(Quantizer.DITHER, true, 50, 8, 1, 66).symbols(), is(2));
  }

  @Test
  void argumentsOutOfRangeAreRefused() {
    for (long bits : new long[] {-1, 0, Long.MAX_VALUE}) {
      assertThrows(
          IllegalArgumentException.class,
          () -> BlockShape.of(Quantizer.DITHER, false, 50, 8, 1, bits));
    }
    for (int[] size : new int[][] {{1, 1}, {50, 0}, {1 << 20, 2}, {1 << 16, 1 << 16}}) {
      assertThrows(
          IllegalArgumentException.class,
          () -> BlockShape.of(Quantizer.DITHER, false, size[0], size[1], 8, 8L << 20));
    }
    for (double b : new double[] {0, -1, 16.5, Double.NaN}) {
      assertThrows(
          IllegalArgumentException.class,
          () -> BlockShape.of(Quantizer.DITHER_PAPER, false, 50, 8, b, 400));
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> BlockShape.ofPlane(-1, Quantizer.DITHER, false, 50, 8, 8, 400));
  }

  /**
   * At 2^20 coordinates near 16 bits the code's loss is larger than a step of N: the search must
   * look more than once.
   */
  @Test
  void theLargestRadixIsFoundWhereLengthsAreNotMonotone() {
    int n = BlockShape.MAX_COORDINATES;
    for (long missing : new long[] {0, 1, 5, 30, 100}) {
      long budget = 16L * n - missing;
      BlockShape shape = BlockShape.of(Quantizer.DITHER, false, n, 1, 16, budget);
      assertThat(RadixCode.bits(shape.symbols(), 0, n), lessThanOrEqualTo(budget));
      for (int radix = shape.symbols() + 1; radix <= BlockShape.MAX_SYMBOLS; radix++) {
        assertThat(RadixCode.bits(radix, 0, n), greaterThan(budget));
      }
      assertThat(missing == 0, is(shape.symbols() == BlockShape.MAX_SYMBOLS));
    }
  }

  @Test
  void shapesAreKept() {
    assertThat(
        BlockShape.of(Quantizer.DITHER, false, 50, 8, 4, 200),
        sameInstance(BlockShape.of(Quantizer.DITHER, false, 50, 8, 4, 200)));
  }

  @Test
  void quantisersAreKnownByTheirLabels() {
    for (Quantizer quantizer : Quantizer.values()) {
      assertThat(Quantizer.of(quantizer.label()), is(quantizer));
    }
    assertThat(Arrays.stream(Quantizer.values()).filter(Quantizer::isDithered).count(), is(2L));
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> Quantizer.of("Dither"));
    assertThat(e.getMessage(), containsString("dither, dither-paper, midrise; got 'Dither'"));
  }
}
