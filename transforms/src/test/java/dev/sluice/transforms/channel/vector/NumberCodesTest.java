package dev.sluice.transforms.channel.vector;

import static dev.sluice.transforms.channel.vector.VectorQuantizersTest.decoded;
import static dev.sluice.transforms.channel.vector.VectorQuantizersTest.encoded;
import static dev.sluice.transforms.channel.vector.VectorQuantizersTest.gaussian;
import static dev.sluice.transforms.channel.vector.VectorQuantizersTest.relativeError;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.Dither;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Number formats, scalar quantisers and sparse vectors: their own laws, bytes and errors. */
class NumberCodesTest {
  private static VectorCode code(String name, double rate, int dimension) {
    return VectorQuantizers.find(name).orElseThrow().at(rate, dimension).orElseThrow();
  }

  private static float[] sent(VectorCode code, float[] x, long key) {
    return decoded(code, encoded(code, x, key), key);
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  // ---- N(0, I) ----

  /**
   * Mean of ‖x − x̂‖²/‖x‖² for N(0, I), d = 1024. Over 2000 vectors the dither's has a standard
   * error of 0.45 %, since the largest magnitude varies from vector to vector, the others' below
   * 0.2 %.
   */
  @ParameterizedTest
  @CsvSource({
    "dither, 1, 4.05",
    "dither, 2, 0.448",
    "dither, 3, 0.0825",
    "dither, 4, 0.0179",
    "statqat-gaussian, 1, 0.3634",
    "statqat-gaussian, 2, 0.1188",
    "statqat-gaussian, 3, 0.0374",
    "statqat-gaussian, 4, 0.01154"
  })
  void errorsOnGaussianVectors(String name, int rate, double expected) {
    VectorCode code = code(name, rate, 1024);
    int vectors = 2000;
    double sum = 0;
    for (int i = 0; i < vectors; i++) {
      float[] x = gaussian(1000 + i, 1024);
      sum += relativeError(x, sent(code, x, i));
    }
    assertThat(sum / vectors, closeTo(expected, 0.02 * expected));
  }

  // ---- floating-point formats ----

  @ParameterizedTest
  @CsvSource({
    // 448, 1, -0.75, 2^-9 and half of it, the even one being 0
    "fp8-e4m3, 8, 448|1|-0.75|0.001953125|0.0009765625, 3f800000 7e 38 b4 01 00",
    "fp8-e5m2, 8, 57344|1|-0.75|1.52587890625e-5|-0.0, 3f800000 7b 3c ba 01 80",
    // 011111 001100 101001 000000
    "fp6-e3m2, 6, 28|1|-0.625|0.03125, 3f800000 7cca40",
    // 0111 0010 1001 0000
    "fp4-e2m1, 4, 6|1|-0.5|0.25, 3f800000 72 90",
    // The scale is 2 where the largest magnitude is 12.
    "fp4-e2m1, 4, -12|2|5|-7, 40000000 f2 4e"
  })
  void bytesOfFormatsWithAFloatScale(String name, int rate, String coordinates, String bytes) {
    float[] x = floats(coordinates);
    assertThat(hex(encoded(code(name, rate, x.length), x, 0)), is(bytes.replace(" ", "")));
  }

  private static float[] floats(String coordinates) {
    String[] parts = coordinates.split("\\|", -1);
    float[] x = new float[parts.length];
    for (int i = 0; i < x.length; i++) {
      x[i] = Float.parseFloat(parts[i]);
    }
    return x;
  }

  /**
   * Two blocks, the second of one coordinate. The first's largest magnitude, 7, has the shared
   * exponent 2 − 2 = 0, code 127; 7 saturates at 6, 2.5 and −5 are ties that go to 2 and −4 (even
   * codes 4 and 6). The second's is −3 − 2 = −5, code 122: 0.15625/2^-5 = 5 goes to 4.
   */
  @Test
  void bytesOfMxfp4() {
    float[] x = new float[33];
    x[0] = 7;
    x[1] = 2.5f;
    x[2] = -5;
    x[31] = 0.5f;
    x[32] = 0.15625f;
    VectorCode code = code("mxfp4", 4, 33);
    assertThat(code.bits(), is(33 * 4 + 2 * 8L));
    byte[] bytes = encoded(code, x, 0);
    assertThat(hex(bytes), is("7f" + "74e0" + "00".repeat(13) + "01" + "7a" + "60"));
    float[] y = decoded(code, bytes, 0);
    assertThat(
        new float[] {y[0], y[1], y[2], y[31], y[32]}, is(new float[] {6, 2, -4, .5f, .125f}));
  }

  /**
   * The vector's largest magnitude, 2688 = 6·448, makes its scale 1. The first block's scale is
   * 448, code 7e; its elements 6, 3 and −0.5. The second's is 6/6 = 1, code 38; the third's 0.
   */
  @Test
  void bytesOfNvfp4() {
    float[] x = new float[33];
    x[0] = 2688;
    x[1] = 1344;
    x[15] = -224;
    x[16] = 1.5f;
    x[31] = -6;
    VectorCode code = code("nvfp4", 4, 33);
    assertThat(code.bits(), is(32 + 33 * 4 + 3 * 8L));
    byte[] bytes = encoded(code, x, 0);
    assertThat(
        hex(bytes),
        is("3f800000" + "7e" + "750000000000000" + "9" + "38" + "300000000000000" + "f" + "0000"));
    assertThat(decoded(code, bytes, 0), is(x));
  }

  @ParameterizedTest
  @CsvSource({
    "mxfp4, 4, ff00", // scale NaN
    "nvfp4, 4, 7fc000003870", // the vector's scale NaN
    "nvfp4, 4, bf8000003870", // below 0
    "nvfp4, 4, 3f8000007f70", // the block's NaN
    "nvfp4, 4, 3f800000b870", // below 0
    "fp8-e4m3, 8, 3f8000007f", // NaN
    "fp8-e5m2, 8, 3f8000007c", // infinity
    "fp8-e5m2, 8, 7f80000000", // scale infinite
    "statqat, 8, bf8000000000000000", // step below 0
    "statqat, 8, 3f800000ff80000000", // offset −∞
    "stochastic, 8, 3f8000000000000000", // largest below least
    "int4, 4, 807c0010", // scale infinite
    "int4, 4, 803c0080", // −8
    "top-k, 16, 807c00" // value infinite
  })
  void numbersThatNoVectorHasAreRefused(String name, int rate, String bytes) {
    VectorCode code = code(name, rate, 1);
    byte[] in = HexFormat.of().parseHex(bytes);
    assertThrows(BadCodesException.class, () -> code.decode(in, 0, 0, new float[1], 0));
  }

  // ---- StatQAT ----

  /** Sum of squared errors of a nearest-level quantiser, in float64. */
  private static double uniformError(float[] x, double step, double offset, int levels) {
    double error = 0;
    for (float value : x) {
      double middle = (levels - 1) / 2.0;
      double level = Math.max(0, Math.min(levels - 1, Math.rint((value - offset) / step + middle)));
      double miss = value - offset - step * (level - middle);
      error += miss * miss;
    }
    return error;
  }

  private static double squares(float[] x) {
    return IntStream.range(0, x.length).mapToDouble(i -> (double) x[i] * x[i]).sum();
  }

  /** Lognormal, far from 0, with an outlier: samples that are not Gaussian. */
  private static float[] skewed(long seed) {
    float[] x = gaussian(seed, 500);
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) (40 + Math.exp(x[i]));
    }
    x[7] = 100;
    return x;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 6, 8})
  void iterationIsAtLeastAsGoodAsItsStarts(int bits) {
    for (float[] x : new float[][] {gaussian(1, 500), skewed(2)}) {
      double min = Float.MAX_VALUE;
      double max = -Float.MAX_VALUE;
      for (float value : x) {
        min = Math.min(min, value);
        max = Math.max(max, value);
      }
      int levels = 1 << bits;
      double error = relativeError(x, sent(code("statqat", bits, 500), x, 0));
      double range = uniformError(x, (max - min) / (levels - 1), (max + min) / 2, levels);
      double analytic = relativeError(x, sent(code("statqat-gaussian", bits, 500), x, 0));
      assertThat(error, lessThanOrEqualTo(range / squares(x) * (1 + 1e-5)));
      assertThat(error, lessThanOrEqualTo(analytic * (1 + 1e-5)));
    }
  }

  /** 1 bit is two means: both centres of two points' worth of coordinates are found. */
  @Test
  void samplesOfFewValuesAreExact() {
    float[] two = floats("5|5|-1|5|-1|5|5|5");
    assertThat(sent(code("statqat", 1, 8), two, 0), is(two));
    float[] four = floats("10|10.5|11|11.5|10|10|11|10.5");
    assertThat(sent(code("statqat", 2, 8), four, 0), is(four));
    float[] constant = floats("0.1|0.1|0.1");
    assertThat(sent(code("statqat", 3, 3), constant, 0), is(constant));
  }

  @Test
  void iteratedFloatScalesAreBetterThanThePeaksAndTheGaussians() {
    for (float[] x : new float[][] {gaussian(1, 500), skewed(2)}) {
      double iterated = relativeError(x, sent(code("statqat-e2m1", 4, 500), x, 0));
      double peak = relativeError(x, sent(code("fp4-e2m1", 4, 500), x, 0));
      double analytic = relativeError(x, sent(code("statqat-e2m1-gaussian", 4, 500), x, 0));
      assertThat(iterated, lessThanOrEqualTo(Math.min(peak, analytic) * (1 + 1e-5)));
    }
  }

  // ---- integers ----

  /** One coordinate in 128 is 100 times the others: the rotation spreads it. */
  @Test
  void theRotationIsForOutliers() {
    float[] x = gaussian(3, 1024);
    float[] peaked = x.clone();
    for (int i = 0; i < x.length; i += 128) {
      peaked[i] = 100;
    }
    double plain = ownError(code("int4", 4, 1024), peaked);
    double rotated = ownError(code("int4-hadamard", 4, 1024), peaked);
    assertThat(plain, closeTo(1, 0.01)); // all but the outliers are rounded to 0
    assertThat(rotated, lessThan(0.35));
    double before = 0;
    double after = 0;
    for (int i = 0; i < 100; i++) {
      float[] y = gaussian(100 + i, 1024);
      before += relativeError(y, sent(code("int4", 4, 1024), y, i));
      after += relativeError(y, sent(code("int4-hadamard", 4, 1024), y, i));
    }
    // The squared peak of a group varies by a quarter; that of 800 groups by 1 %.
    assertThat(after, closeTo(before, 0.06 * before));
    assertThat(
        encoded(code("int-hadamard", 4, 1024), x, 5),
        is(encoded(code("int4-hadamard", 4, 1024), x, 5)));
  }

  /** The error of the coordinates that are no outliers, relative to them. */
  private static double ownError(VectorCode code, float[] x) {
    float[] y = sent(code, x, 1);
    double error = 0;
    double square = 0;
    for (int i = 0; i < x.length; i++) {
      if (i % 128 != 0) {
        error += ((double) x[i] - y[i]) * ((double) x[i] - y[i]);
        square += (double) x[i] * x[i];
      }
    }
    return error / square;
  }

  // ---- error laws ----

  /** Mean of ‖x − x̂‖² over keys. */
  private static double meanError(VectorCode code, float[] x, int keys) {
    double sum = 0;
    for (int key = 0; key < keys; key++) {
      sum += relativeError(x, sent(code, x, key)) * squares(x);
    }
    return sum / keys;
  }

  /**
   * The sum of (x − l)(h − x), to 2 %: over 400 keys and 300 coordinates the standard error is at
   * most √(1/(2·400·300)) of it, 0.3 %.
   */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 8})
  void stochasticRoundingHasTheVarianceOfItsCells(int bits) {
    float[] x = gaussian(4, 300);
    double min = IntStream.range(0, 300).mapToDouble(i -> x[i]).min().orElseThrow();
    double max = IntStream.range(0, 300).mapToDouble(i -> x[i]).max().orElseThrow();
    double step = (max - min) / ((1 << bits) - 1);
    double law = 0;
    for (float value : x) {
      double part = (value - min) / step - Math.floor((value - min) / step);
      law += step * step * part * (1 - part);
    }
    assertThat(meanError(code("stochastic", bits, 300), x, 400), closeTo(law, 0.02 * law));
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 8})
  void qsgdIsWithinItsBound(int bits) {
    float[] x = gaussian(4, 300);
    double parts = (1 << (bits - 1)) - 1;
    double bound = Math.min(300 / (parts * parts), Math.sqrt(300) / parts) * squares(x);
    assertThat(meanError(code("qsgd", bits, 300), x, 300), lessThan(bound));
  }

  /** (d/k − 1)‖x‖²; the standard error over 2000 keys is below 1.5 %. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 8})
  void samplesHaveTheVarianceOfTheirShare(int bits) {
    float[] x = gaussian(4, 320);
    double law = (16.0 / bits - 1) * squares(x);
    assertThat(meanError(code("random-k", bits, 320), x, 2000), closeTo(law, 0.05 * law));
  }

  /** All coordinates: nothing but binary16's rounding. */
  @ParameterizedTest
  @ValueSource(strings = {"top-k", "random-k"})
  void sixteenBitsAreEveryCoordinate(String name) {
    float[] x = gaussian(4, 77);
    VectorCode code = code(name, 16, 77);
    assertThat(code.bits(), is(8 + 77 * 16L));
    assertThat(relativeError(x, sent(code, x, 1)), lessThan(0x1p-20));
  }

  @Test
  void theLargestMagnitudesAreKept() {
    float[] x = floats("0.5|-3|0.25|2|0|-0.125|1|2");
    VectorCode code = code("top-k", 7.125, 8); // 57 bits: 3·(3 + 16)
    assertThat(code.bits(), is(8 + 57L));
    assertThat(sent(code, x, 0), is(floats("0|-3|0|2|0|0|0|2")));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void ditheredErrorsAreUniformOnAStep(int bits) {
    int d = 200;
    float[] x = gaussian(4, d);
    double largest = IntStream.range(0, d).mapToDouble(i -> Math.abs(x[i])).max().orElseThrow();
    VectorCode code = code("dither", bits, d);
    double step = 2 * largest * (1 + 0x1p-10) / ((1 << bits) - 1);
    double sum = 0;
    int keys = 500;
    for (int key = 0; key < keys; key++) {
      float[] y = sent(code, x, key);
      for (int i = 0; i < d; i++) {
        double error = (y[i] - x[i]) / step;
        assertThat(Math.abs(error), lessThanOrEqualTo(0.5 + 1e-6));
        sum += error * error;
      }
    }
    // The squares of 100 000 uniform numbers: standard deviation of the mean √(1/180/1e5), and
    // the clip level's rounding, up to 2^-10 of it.
    assertThat(sum / keys / d, closeTo(1 / 12.0, 6 * Math.sqrt(1 / 180.0 / 1e5) + 2e-4));
  }

  /** The budget is spent: another symbol somewhere would not fit. */
  @Test
  void latticesFillTheirBudget() {
    for (String name : new String[] {"dither", "midrise"}) {
      for (int bits = 250; bits < 3000; bits += 97) {
        VectorCode code = VectorQuantizers.find(name).orElseThrow().within(bits, 200).orElseThrow();
        assertThat(code.bits(), lessThanOrEqualTo((long) bits));
        assertThat((double) code.bits(), closeTo(bits, 2));
      }
    }
    assertThat(
        VectorQuantizers.find("dither").orElseThrow().within(223, 200).isPresent(), is(false));
  }

  @ParameterizedTest
  @CsvSource({"dither, 2, 0", "random-k, 1, 0"})
  void whatHasNoNumberIsRefused(String name, int rate, int coordinate) {
    float[] x = new float[64];
    x[coordinate] = Float.MAX_VALUE;
    Exception e =
        assertThrows(IllegalArgumentException.class, () -> encoded(code(name, rate, 64), x, 0));
    assertThat(e.getMessage(), containsString("coordinate " + coordinate));
    Arrays.fill(x, Float.MAX_VALUE);
    assertThrows(IllegalArgumentException.class, () -> encoded(code("qsgd", 4, 64), x, 0));
  }

  /** The others send the largest float32 numbers. */
  @ParameterizedTest
  @CsvSource({
    "fp8-e4m3, 8",
    "fp4-e2m1, 4",
    "mxfp4, 4",
    "nvfp4, 4",
    "statqat, 4",
    "stochastic, 4",
    "int4, 4",
    "int4-hadamard, 4",
    "top-k, 16"
  })
  void theLargestNumbersAreSent(String name, int rate) {
    float[] x = new float[64];
    Arrays.fill(x, Float.MAX_VALUE);
    x[5] = -Float.MAX_VALUE;
    VectorCode code = code(name, rate, 64);
    for (float value : sent(code, x, 0)) {
      assertThat(Float.isFinite(value), is(true));
    }
  }

  // ---- golden ----

  /** Sums of four uniform numbers, exact in float32, and a few large ones. */
  private static float[] made(int dimension) {
    float[] x = new float[dimension];
    for (int i = 0; i < dimension; i++) {
      long word = Dither.mix(i + 1);
      long sum = 0;
      for (int part = 0; part < 4; part++) {
        sum += (word >>> (16 * part)) & 0xffff;
      }
      x[i] = (sum - 131_070) * 0x1p-15f * (i % 50 == 7 ? 16 : 1);
    }
    return x;
  }

  /** Bytes and numbers of a vector of 300 coordinates at the key 2026. */
  @ParameterizedTest
  @CsvSource({
    "dither, 2.5, ec7038ec, b8f1d31a",
    "dither, 1, fcc8287d, 5eab6312",
    "dither-paper, 2.5, f34664f0, aadd1efc",
    "dither-paper, 1, 6eee7b59, b3ce15ef",
    "midrise, 2.5, 0dc0c38f, 94cbd614",
    "midrise, 1, 1e9326a0, 30be1c46",
    "stochastic, 1, 4e03b354, 7abe3b13",
    "stochastic, 3, ce7df4f9, 9020047f",
    "qsgd, 3, 25dd6c90, 074cc68b",
    "qsgd, 4, 0418098b, ca58374d",
    "statqat, 1, 99bc80e1, a0ae2a69",
    "statqat, 3, 15d29ad3, c826060b",
    "statqat-gaussian, 1, f2a10d56, 4337fb42",
    "statqat-gaussian, 3, ef882dac, b22106cd",
    "statqat-e2m1, 4, bea37ccc, 6a0a24fc",
    "statqat-e2m1-gaussian, 4, eb2152f4, 4b2c185d",
    "int4, 4, 3f9d203b, f2abab8f",
    "int4-hadamard, 4, d7d6f6b9, e4279f00",
    "int-hadamard, 3, 040fb4b1, 9b8bcf93",
    "int-hadamard, 4, d7d6f6b9, e4279f00",
    "fp8-e4m3, 8, ee86ecd9, ecd8edb1",
    "fp8-e5m2, 8, bd6bf65a, 5d533102",
    "fp6-e3m2, 6, 35b008aa, 29977ceb",
    "fp6-e2m3, 6, 75dec58a, ef91b037",
    "fp4-e2m1, 4, 7d4c8162, f5b7948f",
    "mxfp4, 4, 24c810b0, 990b5334",
    "nvfp4, 4, 953a690d, 6881d5c7",
    "top-k, 2.5, 9e1244ee, 06d9c38f",
    "top-k, 1, 6c131f98, c6da6fd2",
    "random-k, 2.5, bf0f1551, 5d0ea7f7",
    "random-k, 1, 5389e195, 7284d6d8"
  })
  void codesStayAsTheyAre(String name, double rate, String bytes, String numbers) {
    VectorCode code = code(name, rate, 300);
    byte[] encoded = encoded(code, made(300), 2026);
    CRC32 sent = new CRC32();
    sent.update(encoded);
    CRC32 read = new CRC32();
    for (float value : decoded(code, encoded, 2026)) {
      int word = Float.floatToIntBits(value);
      for (int shift = 0; shift < Integer.SIZE; shift += 8) {
        read.update(word >>> shift);
      }
    }
    assertThat(HexFormat.of().toHexDigits((int) sent.getValue()), is(bytes));
    assertThat(HexFormat.of().toHexDigits((int) read.getValue()), is(numbers));
  }
}
