package dev.sluice.transforms.reference;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.channel.BadCodesException;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The channel's parts: the exponential, the tables, the stream, the costs. */
class KernelsTest {
  private static final String GOLDEN_EXP = "f311d005b0fb70c3";
  private static final String GOLDEN_TABLES = "2f0e31ebd6f57d01";

  @Test
  void exponentialsAreRightTo13Digits() {
    for (double x = -707.5; x < 707.5; x += 0.0137) {
      double exact = StrictMath.exp(x);
      assertThat("at " + x, Exp.of(x) / exact, closeTo(1, 1e-13));
    }
    assertThat(Exp.of(0), is(1.0));
    assertThat(Exp.of(-709), is(0.0));
    assertThat(Exp.of(Double.NEGATIVE_INFINITY), is(0.0));
    assertThat(Exp.of(1e9), is(Exp.of(708)));
    for (int i = -512_000; i < 512_000; i += 129) {
      double exact = StrictMath.pow(2, i / 512.0);
      assertThat("at " + i, Exp.power(i), closeTo(exact, Math.ulp(exact)));
    }
  }

  /** To the bit: both ends derive steps from sums of these. */
  @Test
  void exponentialsHaveTheseBits() {
    long hash = 1;
    for (double x = -50; x < 1; x += 0.0078125) {
      hash = 31 * hash + Double.doubleToLongBits(Exp.of(x));
    }
    assertThat(Long.toHexString(hash), is(GOLDEN_EXP));
  }

  @Test
  void tablesAreDistributionsAndTheirCellsAreFound() {
    long hash = 1;
    for (int ratio = LogisticModel.MIN_RATIO; ratio <= LogisticModel.MAX_RATIO; ratio++) {
      int cells = 2 * LogisticModel.middle(ratio) + 1;
      for (int offset = 0; offset < LogisticModel.OFFSETS; offset++) {
        int table = LogisticModel.table(ratio) + offset * LogisticModel.stride(ratio);
        int slices = LogisticModel.slices(ratio);
        int at = 0;
        for (int cell = 0; cell < cells; cell++) {
          int frequency = LogisticModel.frequencies(table, cell) & 0xffff;
          assertThat(frequency, greaterThanOrEqualTo(1));
          assertThat(LogisticModel.frequencies(table, cell) >>> 16, is(at));
          assertThat(LogisticModel.cell(slices, offset, table, at), is(cell));
          assertThat(LogisticModel.cell(slices, offset, table, at + frequency - 1), is(cell));
          double bits = LogisticModel.BITS - Math.log(frequency) / Math.log(2);
          double cost = (double) LogisticModel.cost(table, cell) / LogisticModel.COST_UNITS;
          assertThat(cost - bits, closeTo(3.5 / 65536, 0.6 / 65536));
          at += frequency;
          hash = 31 * hash + frequency;
        }
        assertThat(at, is(LogisticModel.TOTAL));
      }
    }
    assertThat(Long.toHexString(hash), is(GOLDEN_TABLES));
  }

  @Test
  void whatIsWrittenIsRead() throws BadCodesException {
    SplittableRandom random = new SplittableRandom(11);
    for (int trial = 0; trial < 200; trial++) {
      int n = random.nextInt(3000);
      int[] frequencies = new int[n];
      int[] plain = new int[n];
      int[] counts = new int[n];
      AnsWriter writer = new AnsWriter();
      for (int i = 0; i < n; i++) {
        frequencies[i] = frequencies(random);
        counts[i] = random.nextInt(17);
        plain[i] = random.nextInt(1 << counts[i]);
      }
      long state = writer.open();
      for (int i = n - 1; i >= 0; i--) {
        if (i % 2 == 0) {
          state = writer.symbol(writer.bits(state, plain[i], counts[i]), frequencies[i]);
        } else {
          state = writer.packed(state, AnsWriter.pack(frequencies[i], plain[i], counts[i]));
        }
      }
      byte[] bytes = new byte[3 + writer.bytes()];
      writer.write(state, bytes, 3);
      AnsReader reader = new AnsReader();
      state = reader.open(bytes, 3);
      for (int i = 0; i < n; i++) {
        int above = AnsReader.slot(state) - (frequencies[i] >>> 16);
        assertThat(above >= 0 && above < (frequencies[i] & 0xffff), is(true));
        state = reader.take(state, frequencies[i]);
        assertThat(AnsReader.bits(state, counts[i]), is(plain[i]));
        state = reader.drop(state, counts[i]);
      }
      reader.close(state);
      AnsReader cut = new AnsReader();
      byte[] shorter = Arrays.copyOf(bytes, bytes.length - 1);
      assertThrows(BadCodesException.class, () -> cut.open(shorter, 3));
    }
  }

  /** All frequencies; states that are least, most, next to multiples, and any. */
  @Test
  void quotientsAreExact() {
    SplittableRandom random = new SplittableRandom(13);
    for (int frequency = 1; frequency < LogisticModel.TOTAL; frequency++) {
      long multiple = Long.MAX_VALUE / frequency * frequency;
      long any = random.nextLong() >>> random.nextInt(1, 33);
      for (long state : new long[] {AnsWriter.LEAST, Long.MAX_VALUE, multiple, multiple - 1, any}) {
        if (AnsWriter.quotient(state, frequency) != state / frequency) {
          throw new AssertionError(state + " / " + frequency);
        }
      }
    }
  }

  private static int frequencies(SplittableRandom random) {
    int frequency = 1 + random.nextInt(1 << random.nextInt(1, 15));
    return random.nextInt(LogisticModel.TOTAL - frequency + 1) << 16 | frequency;
  }

  /**
   * Length against entropy: never more than is allowed for, and within a word and a state of it.
   */
  @Test
  void aStreamIsAsLongAsItsEntropy() {
    SplittableRandom random = new SplittableRandom(12);
    AnsWriter writer = new AnsWriter();
    long state = writer.open();
    double bits = 0;
    double excess = (double) AnsWriter.EXCESS / LogisticModel.COST_UNITS;
    int n = 200_000;
    for (int i = 0; i < n; i++) {
      int frequencies = frequencies(random);
      state = writer.symbol(state, frequencies);
      bits += LogisticModel.BITS - Math.log(frequencies & 0xffff) / Math.log(2);
      assertThat(8.0 * writer.bytes(), lessThanOrEqualTo(64 + bits + (i + 1) * excess));
    }
    assertThat(8.0 * writer.bytes() - bits, closeTo(32, 32 + 1e-5 * bits));
  }

  @Test
  void costsAreAConvexMajorant() {
    double before = Double.POSITIVE_INFINITY;
    double h = 1.0 / 64;
    for (double d = -20; d < 20; d += h) {
      double exact = 1 + (d - 1) * Math.exp(d);
      assertThat("at " + d, cost(d), greaterThanOrEqualTo(exact * (1 - 1e-9) - 1e-12));
      double slope = cost(d + h) - cost(d);
      if (d > -20) {
        assertThat(
            "at " + d, slope - before, greaterThanOrEqualTo(-1e-9 * Math.abs(slope) - 1e-12));
      }
      before = slope;
    }
    assertThat(cost(0), is(0.0));
    assertThat(Unsent.cost(0.25, 0.25 * Math.exp(-3), -3), is(0.25 * cost(-3)));
  }

  private static double cost(double d) {
    return Unsent.cost(1, Math.exp(d), d);
  }

  @Test
  void costsAreRoundedUp() {
    assertThat(Unsent.of(Unsent.byteOf(0)), is(0.0));
    for (double cost = 1e-10; cost < 200; cost *= 1.01) {
      double said = Unsent.of(Unsent.byteOf(cost));
      assertThat(said, greaterThanOrEqualTo(cost));
      assertThat(said, lessThan(cost * 1.1225));
    }
    assertThat(Unsent.of(Unsent.byteOf(-1e-20)), greaterThan(0.0));
    assertThat(Unsent.of(Unsent.byteOf(1e9)), is(Double.POSITIVE_INFINITY));
    assertThat(Unsent.of(Unsent.byteOf(Double.NaN)), is(Double.POSITIVE_INFINITY));
  }
}
