package dev.sluice.transforms.reference;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.channel.BadCodesException;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The channel's parts: the exponential, the tables, the stream, the costs. */
class KernelsTest {
  private static final String GOLDEN_EXP = "1d28f70ed5792f1";
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
      int cells = 2 * LogisticModel.reach(ratio) + 3;
      for (int offset = 0; offset < LogisticModel.OFFSETS; offset++) {
        int table = LogisticModel.table(ratio, offset);
        int at = 0;
        for (int cell = 0; cell < cells; cell++) {
          int frequency = LogisticModel.frequency(table, cell);
          assertThat(frequency, greaterThanOrEqualTo(1));
          assertThat(LogisticModel.start(table, cell), is(at));
          assertThat(LogisticModel.cell(ratio, offset, table, at), is(cell));
          assertThat(LogisticModel.cell(ratio, offset, table, at + frequency - 1), is(cell));
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
      int[] starts = new int[n];
      int[] frequencies = new int[n];
      int[] plain = new int[n];
      int[] counts = new int[n];
      AnsWriter writer = new AnsWriter();
      for (int i = 0; i < n; i++) {
        frequencies[i] = 1 + random.nextInt(1 << random.nextInt(1, 15));
        starts[i] = random.nextInt(LogisticModel.TOTAL - frequencies[i] + 1);
        counts[i] = random.nextInt(17);
        plain[i] = random.nextInt(1 << counts[i]);
      }
      for (int i = n - 1; i >= 0; i--) {
        writer.bits(plain[i], counts[i]);
        writer.symbol(starts[i], frequencies[i]);
      }
      byte[] bytes = new byte[3 + writer.bytes()];
      writer.write(bytes, 3);
      AnsReader reader = new AnsReader();
      reader.open(bytes, 3);
      for (int i = 0; i < n; i++) {
        int slot = reader.slot();
        assertThat(slot >= starts[i] && slot < starts[i] + frequencies[i], is(true));
        reader.take(starts[i], frequencies[i]);
        assertThat(reader.bits(counts[i]), is(plain[i]));
      }
      reader.close();
      AnsReader cut = new AnsReader();
      byte[] shorter = Arrays.copyOf(bytes, bytes.length - 1);
      assertThrows(BadCodesException.class, () -> cut.open(shorter, 3));
    }
  }

  /** Length against entropy: within a word and a state of it. */
  @Test
  void aStreamIsAsLongAsItsEntropy() {
    SplittableRandom random = new SplittableRandom(12);
    AnsWriter writer = new AnsWriter();
    double bits = 0;
    for (int i = 0; i < 200_000; i++) {
      int frequency = 1 + random.nextInt(1 << random.nextInt(1, 15));
      writer.symbol(random.nextInt(LogisticModel.TOTAL - frequency + 1), frequency);
      bits += LogisticModel.BITS - Math.log(frequency) / Math.log(2);
    }
    assertThat(8.0 * writer.bytes() - bits, closeTo(64, 64 + 1e-5 * bits));
  }

  @Test
  void costsAreAConvexMajorant() {
    double before = Double.POSITIVE_INFINITY;
    double h = 1.0 / 64;
    for (double d = -20; d < 20; d += h) {
      double exact = 1 + (d - 1) * Math.exp(d);
      assertThat("at " + d, Unsent.cost(d), greaterThanOrEqualTo(exact * (1 - 1e-9) - 1e-12));
      double slope = Unsent.cost(d + h) - Unsent.cost(d);
      if (d > -20) {
        assertThat(
            "at " + d, slope - before, greaterThanOrEqualTo(-1e-9 * Math.abs(slope) - 1e-12));
      }
      before = slope;
    }
    assertThat(Unsent.cost(0), is(0.0));
  }

  @Test
  void costsAreRoundedUp() {
    assertThat(Unsent.of(Unsent.byteOf(0)), is(0.0));
    for (double cost = 1e-7; cost < 200; cost *= 1.01) {
      double said = Unsent.of(Unsent.byteOf(cost));
      assertThat(said, greaterThanOrEqualTo(cost));
      assertThat(said, lessThan(cost * 1.0906));
    }
    assertThat(Unsent.of(Unsent.byteOf(1e9)), is(Double.POSITIVE_INFINITY));
    assertThat(Unsent.of(Unsent.byteOf(Double.NaN)), is(Double.POSITIVE_INFINITY));
  }
}
