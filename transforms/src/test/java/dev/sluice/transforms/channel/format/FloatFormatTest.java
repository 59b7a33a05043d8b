package dev.sluice.transforms.channel.format;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigDecimal;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Formats bit for bit, against tables from their definitions. */
class FloatFormatTest {
  /**
   * The numbers of the non-negative codes, in order, as the specifications' formulas have them:
   * {@code 2^(E − bias)·(1 + M/2^m)}, and {@code 2^(1 − bias)·M/2^m} at E = 0; in decimal
   * arithmetic, which is exact.
   */
  private static double[] table(int mantissaBits, int bias, int finite) {
    BigDecimal two = BigDecimal.valueOf(2);
    double[] numbers = new double[finite];
    for (int code = 0; code < finite; code++) {
      int exponent = code / (1 << mantissaBits);
      int mantissa = code % (1 << mantissaBits);
      BigDecimal part = BigDecimal.valueOf(mantissa).divide(two.pow(mantissaBits));
      int power = exponent == 0 ? 1 - bias : exponent - bias;
      BigDecimal significand = exponent == 0 ? part : part.add(BigDecimal.ONE);
      BigDecimal number =
          power >= 0 ? significand.multiply(two.pow(power)) : significand.divide(two.pow(-power));
      numbers[code] = number.doubleValue();
    }
    return numbers;
  }

  /** Numbers of codes from 0 to the largest finite one. */
  private static double[] table(FloatFormat format) {
    return switch (format) {
      case E4M3 -> table(3, 7, 0x7f); // all but S.1111.111
      case E5M2 -> table(2, 15, 0x7c); // S.11111.00 is infinity
      case E3M2 -> table(2, 3, 0x20);
      case E2M3 -> table(3, 1, 0x20);
      case E2M1 -> table(1, 1, 0x8);
      case BINARY16 -> table(10, 15, 0x7c00);
      case BFLOAT16 -> table(7, 127, 0x7f80);
    };
  }

  private static int signBit(FloatFormat format) {
    return 1 << (format.bits() - 1);
  }

  /** What the specifications print of each format. */
  @ParameterizedTest
  @CsvSource({
    "E4M3, 8, 7e, 448", // S.1111.110
    "E4M3, 8, 08, 0.015625", // least normal, 2^-6
    "E4M3, 8, 07, 0.013671875", // largest subnormal, 0.875·2^-6
    "E4M3, 8, 01, 0.001953125", // 2^-9
    "E5M2, 8, 7b, 57344",
    "E5M2, 8, 04, 6.103515625e-5", // 2^-14
    "E5M2, 8, 03, 4.57763671875e-5", // 0.75·2^-14
    "E5M2, 8, 01, 1.52587890625e-5", // 2^-16
    "E5M2, 8, 7c, Infinity",
    "E5M2, 8, fc, -Infinity",
    "E3M2, 6, 1f, 28",
    "E3M2, 6, 04, 0.25",
    "E3M2, 6, 03, 0.1875",
    "E3M2, 6, 01, 0.0625",
    "E2M3, 6, 1f, 7.5",
    "E2M3, 6, 08, 1",
    "E2M3, 6, 07, 0.875",
    "E2M3, 6, 01, 0.125",
    "E2M1, 4, 07, 6",
    "E2M1, 4, 0a, -1",
    "BINARY16, 16, 7bff, 65504",
    "BINARY16, 16, 7c00, Infinity",
    "BFLOAT16, 16, 7f7f, 3.3895313892515355e38",
    "BFLOAT16, 16, 0001, 9.183549615799121e-41"
  })
  void anchorsOfTheSpecifications(FloatFormat format, int bits, String code, double value) {
    assertThat(format.bits(), is(bits));
    assertThat(format.decode(HexFormat.fromHexDigits(code)), is(value));
  }

  @Test
  void e2m1IsItsEightMagnitudes() {
    double[] magnitudes = IntStream.range(0, 8).mapToDouble(FloatFormat.E2M1::decode).toArray();
    assertThat(magnitudes, is(new double[] {0, 0.5, 1, 1.5, 2, 3, 4, 6}));
  }

  @ParameterizedTest
  @EnumSource(FloatFormat.class)
  void everyCodeIsItsNumberAndBack(FloatFormat format) {
    double[] numbers = table(format);
    int sign = signBit(format);
    assertThat(format.max(), is(numbers[numbers.length - 1]));
    for (int code = 0; code < numbers.length; code++) {
      assertThat(format.decode(code), is(numbers[code]));
      assertThat(format.decode(code | sign), is(-numbers[code])); // -0.0 is not 0.0 here
      assertThat(format.encode(numbers[code]), is(code));
      assertThat(format.encode(-numbers[code]), is(code | sign));
    }
    for (int code = numbers.length; code < sign; code++) {
      boolean infinity = code == numbers.length && format != FloatFormat.E4M3;
      assertThat(format.decode(code), is(infinity ? Double.POSITIVE_INFINITY : Double.NaN));
    }
  }

  @ParameterizedTest
  @EnumSource(FloatFormat.class)
  void midpointsGoToTheEvenCodeAndTheirNeighboursToTheNearest(FloatFormat format) {
    double[] numbers = table(format);
    int sign = signBit(format);
    for (int code = 0; code + 1 < numbers.length; code++) {
      double middle = (numbers[code] + numbers[code + 1]) / 2;
      int even = code + (code & 1);
      assertThat(format.encode(middle), is(even));
      assertThat(format.encode(-middle), is(even | sign));
      assertThat(format.encode(Math.nextDown(middle)), is(code));
      assertThat(format.encode(Math.nextUp(middle)), is(code + 1));
    }
  }

  @ParameterizedTest
  @EnumSource(FloatFormat.class)
  void whatIsBeyondTheLargestBecomesIt(FloatFormat format) {
    int largest = table(format).length - 1;
    double[] beyond = {
      Math.nextUp(format.max()), 1.5 * format.max(), Double.MAX_VALUE, Double.POSITIVE_INFINITY
    };
    for (double value : beyond) {
      assertThat(format.encode(value), is(largest));
      assertThat(format.encode(-value), is(largest | signBit(format)));
    }
    assertThat(format.encode(Double.MIN_VALUE), is(0));
    assertThat(format.encode(-Double.MIN_VALUE), is(signBit(format)));
  }

  @ParameterizedTest
  @CsvSource({"E4M3, 7f", "E5M2, 7e", "BINARY16, 7e00", "BFLOAT16, 7fc0"})
  void notANumberStays(FloatFormat format, String code) {
    assertThat(format.encode(Double.NaN), is(HexFormat.fromHexDigits(code)));
    assertThat(format.encode(Double.NaN, 0.5), is(HexFormat.fromHexDigits(code)));
    assertThat(format.decode(HexFormat.fromHexDigits(code)), is(Double.NaN));
  }

  @ParameterizedTest
  @EnumSource(
      value = FloatFormat.class,
      names = {"E3M2", "E2M3", "E2M1"})
  void notANumberIsRefusedWhereThereIsNone(FloatFormat format) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> format.encode(Double.NaN));
    assertThat(e.getMessage(), containsString(format.name()));
  }

  /** Over an even grid of u the mean is the value to the grid's spacing. */
  @ParameterizedTest
  @EnumSource(FloatFormat.class)
  void stochasticRoundingHasTheValueAsItsMean(FloatFormat format) {
    double[] numbers = table(format);
    int grid = 1000;
    for (int i = 0; i < 40; i++) {
      int code = (int) ((numbers.length - 1L) * i / 40);
      double gap = numbers[code + 1] - numbers[code];
      double value = numbers[code] + gap * i / 40;
      double sum = 0;
      for (int j = 0; j < grid; j++) {
        double u = (j + 0.5) / grid;
        assertThat(format.encode(numbers[code], u), is(code));
        double rounded = format.decode(format.encode(value, u));
        assertThat(rounded == numbers[code] || rounded == numbers[code + 1], is(true));
        assertThat(format.encode(-value, u), is(format.encode(value, u) | signBit(format)));
        sum += rounded;
      }
      assertThat(sum / grid, closeTo(value, gap * 1.01 / grid));
    }
    assertThat(format.encode(2 * format.max(), 0.999), is(numbers.length - 1));
  }

  /** Ties between two numbers go to the even one; what is too large is the largest. */
  @ParameterizedTest
  @CsvSource({
    "BINARY16, 1, 3c00",
    "BINARY16, -2, c000",
    "BINARY16, 1.00048828125, 3c00", // 1 + 2^-11: half way to 1 + 2^-10
    "BINARY16, 1.00146484375, 3c02", // 1 + 3·2^-11
    "BINARY16, 0.333251953125, 3555", // 1365·2^-12
    "BINARY16, 70000, 7bff",
    "BINARY16, 5.9604644775390625e-8, 0001", // 2^-24
    "BINARY16, 2.98023223876953125e-8, 0000", // 2^-25
    "BINARY16, 8.94069671630859375e-8, 0002", // 3·2^-25
    "BFLOAT16, 1.00390625, 3f80", // 1 + 2^-8: half way to 1 + 2^-7
    "BFLOAT16, 1.01171875, 3f82", // 1 + 3·2^-8
    "BFLOAT16, 3.140625, 4049"
  })
  void sixteenBits(FloatFormat format, double value, String bits) {
    assertThat(format.encode(value), is(HexFormat.fromHexDigits(bits)));
  }

  /** floor(log2 amax) − 2 of MX 1.0, 6.3, its exponent within [−127, 127]. */
  @ParameterizedTest
  @CsvSource({
    "1, 125",
    "6, 127",
    "7.999, 127",
    "8, 128",
    "3.4028234663852886e38, 252",
    "1.1754943508222875e-38, 0", // 2^-126: the exponent −128 is held
    "0, 0"
  })
  void sharedScales(double amax, int code) {
    assertThat(E8M0.shared(amax, 2), is(code));
  }

  @Test
  void scalesArePowersOfTwo() {
    double[] powers = IntStream.range(0, 255).mapToDouble(E8M0::decode).toArray();
    assertThat(powers[0], is(0x1p-127));
    assertThat(powers[254], is(0x1p127));
    assertThat(Arrays.stream(powers, 0, 254).allMatch(p -> p > 0), is(true));
    for (int code = 1; code < 255; code++) {
      assertThat(powers[code], is(2 * powers[code - 1]));
    }
    assertThat(E8M0.decode(255), is(Double.NaN));
  }
}
