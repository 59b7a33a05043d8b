package dev.sluice.transforms.channel.codebook;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;

class QuicTableTest {
  private static final int GRID = 2000;

  /** The probability of the lower of the two symbols that may be sent, by bisection of the draw. */
  private static double lower(QuicTable table, double z, int h) {
    int first = table.symbol(z, h, 0);
    int last = table.symbol(z, h, 1 - 0x1p-53);
    if (first == last) {
      return 1;
    }
    assertThat(first, is(last + 1));
    double low = 0;
    double high = 1;
    for (int i = 0; i < 60; i++) {
      double middle = (low + high) / 2;
      if (table.symbol(z, h, middle) == first) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return 1 - low;
  }

  /** E r and E r^2 over h and the sender's draw, without sampling. */
  private static double[] moments(QuicTable table, double z) {
    double mean = 0;
    double square = 0;
    for (int h = 0; h < table.sharedValues(); h++) {
      int x = table.symbol(z, h, 1 - 0x1p-53);
      double p = lower(table, z, h);
      double low = table.value(h, x);
      double high = p < 1 ? table.value(h, x + 1) : 0;
      mean += p * low + (1 - p) * high;
      square += p * low * low + (1 - p) * high * high;
    }
    return new double[] {mean / table.sharedValues(), square / table.sharedValues()};
  }

  private static double place(QuicTable table, int i) {
    return table.reach() * (2.0 * i / GRID - 1);
  }

  @Test
  void theMeanIsWhatIsSentEverywhere() {
    for (int bits = 1; bits <= QuicTable.MAX_BITS; bits++) {
      QuicTable table = QuicTable.of(bits);
      assertThat(table.reach(), closeTo(QuicTable.CUT, 1e-6));
      for (int i = 0; i <= GRID; i++) {
        double z = place(table, i);
        // The draw is found to 2^-53 of a gap of up to 90/64.
        assertThat(bits + " bits, z = " + z, moments(table, z)[0], closeTo(z, 1e-14));
      }
    }
  }

  @Test
  void noUnbiasedSenderHasALesserErrorForTheseValues() {
    for (int bits : new int[] {1, 2, 3}) {
      QuicTable table = QuicTable.of(bits);
      int shared = table.sharedValues();
      for (int i = 0; i <= GRID; i += 40) {
        double z = place(table, i);
        // Weak duality: for any t, the mean of min_x (r^2 - 2tr), plus 2tz, is at most E r^2.
        double bound = Double.NEGATIVE_INFINITY;
        for (int h = 0; h < shared; h++) {
          for (int x = 0; x + 1 < 1 << bits; x++) {
            double t = ((double) table.value(h, x) + table.value(h, x + 1)) / 2;
            bound = Math.max(bound, dual(table, 1 << bits, t) + 2 * t * z);
          }
        }
        double square = moments(table, z)[1];
        assertThat(square, closeTo(bound, 1e-12 * square));
      }
    }
  }

  private static double dual(QuicTable table, int symbols, double t) {
    double sum = 0;
    for (int h = 0; h < table.sharedValues(); h++) {
      double least = Double.POSITIVE_INFINITY;
      for (int x = 0; x < symbols; x++) {
        double r = table.value(h, x);
        least = Math.min(least, r * r - 2 * t * r);
      }
      sum += least;
    }
    return sum / table.sharedValues();
  }

  @Test
  void theErrorIsTheIntegralOfTheVariance() {
    QuicTable table = QuicTable.of(2);
    double sum = 0;
    double weights = 0;
    for (int i = 0; i < GRID; i++) {
      double z = table.reach() * ((2.0 * i + 1) / GRID - 1);
      double weight = Math.exp(-z * z / 2);
      sum += weight * (moments(table, z)[1] - z * z);
      weights += weight;
    }
    assertThat(sum / weights, closeTo(table.mse(), 1e-3 * table.mse()));
  }

  @Test
  void optimisedValuesAreBetterThanAnyDitheredUniformQuantiser() {
    double previous = Double.POSITIVE_INFINITY;
    for (int bits = 1; bits <= QuicTable.MAX_BITS; bits++) {
      QuicTable table = QuicTable.of(bits);
      // The least step with which the greatest points average the cut.
      double step = 2 * QuicTable.CUT / ((1 << bits) - 1);
      double dithered = QuicTable.mse(QuicTable.dithered(table.sharedValues(), 1 << bits, step));
      assertThat(table.mse(), lessThan(dithered * 0.65));
      assertThat(table.mse(), lessThan(previous));
      previous = table.mse();
    }
  }

  @Test
  void errorsAreThoseOfTheMeasuredTables() {
    double[] errors = {1.5372, 0.22584, 0.045373, 0.010200, 0.002418, 0.000590};
    for (int bits = 1; bits <= errors.length; bits++) {
      assertThat(QuicTable.of(bits).mse(), closeTo(errors[bits - 1], 2e-3 * errors[bits - 1]));
    }
  }

  @Test
  void valuesAreInOrderAndSymmetric() {
    for (int bits = 1; bits <= QuicTable.MAX_BITS; bits++) {
      QuicTable table = QuicTable.of(bits);
      int last = (1 << bits) - 1;
      assertThat(table.sharedValues(), lessThanOrEqualTo(64));
      for (int h = 0; h < table.sharedValues(); h++) {
        for (int x = 0; x <= last; x++) {
          assertThat(
              table.value(h, x), is(0 - table.value(table.sharedValues() - 1 - h, last - x)));
          assertThat(x == 0 || table.value(h, x) >= table.value(h, x - 1), is(true));
        }
      }
    }
  }

  @Test
  void tablesAreTheSameEverywhere() {
    CRC32 crc = new CRC32();
    for (int bits = 1; bits <= QuicTable.MAX_BITS; bits++) {
      QuicTable table = QuicTable.of(bits);
      for (int h = 0; h < table.sharedValues(); h++) {
        for (int x = 0; x < 1 << bits; x++) {
          int value = Float.floatToRawIntBits(table.value(h, x));
          for (int shift = 0; shift < 32; shift += 8) {
            crc.update(value >>> shift);
          }
        }
      }
    }
    assertThat(Long.toHexString(crc.getValue()), is("1953f0f0"));
  }

  @Test
  void refusesOtherNumbersOfBits() {
    assertThrows(IllegalArgumentException.class, () -> QuicTable.of(0));
    assertThrows(IllegalArgumentException.class, () -> QuicTable.of(7));
    assertThat(QuicTable.of(1).mse(), greaterThan(1.0));
  }
}
