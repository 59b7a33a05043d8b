package dev.sluice.transforms.channel.vector;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.blankOrNullString;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What holds for every code that is registered. */
class VectorQuantizersTest {
  private static final double[] RATES = {0.5, 1, 1.5, 2, 3, 4, 6, 8};
  private static final int[] DIMENSIONS = {1, 2, 3, 33, 128, 200};

  private static Stream<String> names() {
    return VectorQuantizers.all().stream().map(VectorQuantizer::name);
  }

  private static VectorQuantizer named(String name) {
    return VectorQuantizers.find(name).orElseThrow();
  }

  /** At every rate and dimension of the test that there is. */
  private static List<VectorCode> codes(String name) {
    return Arrays.stream(DIMENSIONS)
        .boxed()
        .flatMap(
            d -> Arrays.stream(RATES).boxed().flatMap(rate -> named(name).at(rate, d).stream()))
        .toList();
  }

  static float[] gaussian(long seed, int dimension) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] x = new float[dimension];
    for (int i = 0; i < dimension; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  static byte[] encoded(VectorCode code, float[] x, long key) {
    byte[] bytes = new byte[(int) BitFields.bytes(code.bits())];
    code.encode(x, 0, key, bytes, 0);
    return bytes;
  }

  static float[] decoded(VectorCode code, byte[] bytes, long key) {
    float[] y = new float[code.dimension()];
    try {
      code.decode(bytes, 0, key, y, 0);
    } catch (BadCodesException e) {
      throw new AssertionError(e);
    }
    return y;
  }

  static double relativeError(float[] x, float[] y) {
    double error = 0;
    double square = 0;
    for (int i = 0; i < x.length; i++) {
      error += ((double) x[i] - y[i]) * ((double) x[i] - y[i]);
      square += (double) x[i] * x[i];
    }
    return error / square;
  }

  private static String at(VectorCode code) {
    return "d = " + code.dimension() + ", " + code.setting() + ", " + code.bits() + " bits";
  }

  @Test
  void namesAreUnique() {
    Set<String> seen = new HashSet<>();
    for (VectorQuantizer quantizer : VectorQuantizers.all()) {
      assertThat(quantizer.name(), seen.add(quantizer.name()), is(true));
    }
    assertThat(VectorQuantizers.find("no such code"), is(Optional.empty()));
  }

  @ParameterizedTest
  @MethodSource("names")
  void itSaysWhatItIs(String name) {
    VectorQuantizer quantizer = named(name);
    assertThat(quantizer, sameInstance(VectorQuantizers.find(name).orElseThrow()));
    assertThat(name, name.matches("[a-z0-9][a-z0-9-]*"), is(true));
    assertThat(quantizer.what(), is(not(blankOrNullString())));
    assertThat(quantizer.what().endsWith("."), is(false));
    Declaration declaration = quantizer.declaration();
    assertThat(declaration.sideInformation(), is(not(blankOrNullString())));
    assertThat(declaration.state(), is(not(blankOrNullString())));
    assertThat(declaration.source(), is(not(blankOrNullString())));
  }

  /** Side information is within a bit a coordinate and 96 bits a vector. */
  @ParameterizedTest
  @MethodSource("names")
  void bitsAreTheRateAndItsSideInformation(String name) {
    int found = 0;
    for (int d : DIMENSIONS) {
      for (double rate : RATES) {
        Optional<VectorCode> code = named(name).at(rate, d);
        if (code.isPresent()) {
          found++;
          assertThat(code.get().dimension(), is(d));
          assertThat(code.get().setting(), is(not(blankOrNullString())));
          assertThat(
              at(code.get()), (double) code.get().bits(), lessThanOrEqualTo((rate + 1) * d + 96));
          assertThat(code.get().bits(), greaterThan(0L));
        }
      }
    }
    assertThat(found, greaterThan(0));
  }

  @ParameterizedTest
  @MethodSource("names")
  void aBudgetIsNeverExceededAndBuysWhatItCan(String name) {
    VectorQuantizer quantizer = named(name);
    for (int d : DIMENSIONS) {
      long before = 0;
      for (long bits = 0; bits <= 12L * d + 100; bits += 1 + bits / 7) {
        Optional<VectorCode> code = quantizer.within(bits, d);
        if (code.isPresent()) {
          assertThat(code.get().dimension(), is(d));
          assertThat(code.get().bits(), lessThanOrEqualTo(bits));
        }
        long spent = code.map(VectorCode::bits).orElse(0L);
        assertThat(name + " at " + bits, spent, greaterThanOrEqualTo(before));
        before = spent;
      }
      for (double rate : RATES) {
        Optional<VectorCode> code = quantizer.at(rate, d);
        if (code.isPresent()) {
          long bits = code.get().bits();
          assertThat(at(code.get()), quantizer.within(bits, d).isPresent(), is(true));
        }
      }
    }
  }

  /** Between other bytes and numbers, which stay; both ends tell the same number of bits. */
  @ParameterizedTest
  @MethodSource("names")
  void vectorsAreReadWhereTheyAreWritten(String name) throws BadCodesException {
    for (VectorCode code : codes(name)) {
      int d = code.dimension();
      float[] x = gaussian(3, d + 5);
      float[] kept = x.clone();
      int length = (int) BitFields.bytes(code.bits());
      byte[] bytes = new byte[length + 9];
      Arrays.fill(bytes, (byte) 0x5a);
      Arrays.fill(bytes, 4, 4 + length, (byte) 0);
      long bits = code.encode(x, 3, 77, bytes, 4);
      assertThat(at(code), bits, lessThanOrEqualTo(code.bits()));
      assertThat(at(code), x, is(kept));
      for (int i = 0; i < bytes.length; i++) {
        if (i < 4 || i >= 4 + length) {
          assertThat(at(code), bytes[i], is((byte) 0x5a));
        }
      }
      float[] y = new float[d + 7];
      Arrays.fill(y, 42);
      assertThat(at(code), code.decode(bytes, 4, 77, y, 2), is(bits));
      for (int i = 0; i < y.length; i++) {
        assertThat(at(code), i < 2 || i >= 2 + d ? y[i] == 42 : Float.isFinite(y[i]), is(true));
      }
      float[] own = Arrays.copyOfRange(x, 3, 3 + d);
      assertThat(
          at(code), Arrays.copyOfRange(y, 2, 2 + d), is(decoded(code, encoded(code, own, 77), 77)));
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void aCodeIsAFunctionOfVectorAndKey(String name) {
    for (double rate : RATES) {
      if (named(name).at(rate, 200).isEmpty()) {
        continue;
      }
      VectorCode code = named(name).at(rate, 200).orElseThrow();
      VectorCode fresh = named(name).at(rate, 200).orElseThrow();
      float[] x = gaussian(5, 200);
      byte[] bytes = encoded(code, x, 1);
      float[] y = decoded(code, bytes, 1);
      encoded(code, gaussian(6, 200), 2);
      assertThat(at(code), encoded(code, x, 1), is(bytes));
      assertThat(at(code), encoded(fresh, x, 1), is(bytes));
      assertThat(at(code), decoded(fresh, bytes, 1), is(y));
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void zerosAreZeros(String name) {
    for (VectorCode code : codes(name)) {
      float[] y = decoded(code, encoded(code, new float[code.dimension()], 9), 9);
      for (float value : y) {
        assertThat(at(code), value == 0, is(true));
      }
    }
  }

  /** One coordinate, all equal ones, one alone, an outlier: no exception and finite numbers. */
  @ParameterizedTest
  @MethodSource("names")
  void oddVectorsAreSent(String name) {
    for (VectorCode code : codes(name)) {
      int d = code.dimension();
      float[] ones = new float[d];
      Arrays.fill(ones, -1);
      float[] one = new float[d];
      one[d - 1] = 3;
      float[] outlier = gaussian(8, d);
      outlier[0] = 1e6f;
      float[] subnormal = new float[d];
      Arrays.fill(subnormal, Float.MIN_VALUE);
      float[] mixed = gaussian(8, d);
      mixed[d / 2] = 1e-42f;
      for (float[] x : List.of(ones, one, outlier, subnormal, mixed)) {
        decoded(code, encoded(code, x, 11), 11);
      }
    }
  }

  /** The size of a vector does not matter: 2^±99 is about 10^±30, without another rounding. */
  @ParameterizedTest
  @MethodSource("names")
  void errorsAreRelative(String name) {
    for (double rate : RATES) {
      if (named(name).at(rate, 200).isEmpty()) {
        continue;
      }
      VectorCode code = named(name).at(rate, 200).orElseThrow();
      float[] x = gaussian(12, 200);
      double error = relativeError(x, decoded(code, encoded(code, x, 4), 4));
      for (double size : new double[] {0x1p99, 0x1p-99, 1e30, 1e-30}) {
        float[] sized = new float[200];
        for (int i = 0; i < 200; i++) {
          sized[i] = (float) (x[i] * size);
        }
        double scaled = relativeError(sized, decoded(code, encoded(code, sized, 4), 4));
        assertThat(at(code) + " at " + size, scaled, closeTo(error, 0.1 * error));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void whatIsNotFiniteIsRefusedByName(String name) {
    for (VectorCode code : codes(name)) {
      int last = code.dimension() - 1;
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
        float[] x = gaussian(13, code.dimension());
        x[last] = bad;
        Exception e =
            assertThrows(IllegalArgumentException.class, () -> encoded(code, x, 1), at(code));
        assertThat(at(code), e.getMessage(), containsString("coordinate " + last));
      }
    }
  }

  /** Any bytes are a vector of finite numbers, always the same, or none at all. */
  @ParameterizedTest
  @MethodSource("names")
  void anyBytesAreAVectorOrRefused(String name) {
    SplittableRandom random = new SplittableRandom(14);
    for (VectorCode code : codes(name)) {
      byte[] bytes = new byte[(int) BitFields.bytes(code.bits())];
      for (int trial = 0; trial < 40; trial++) {
        if (trial == 0) {
          Arrays.fill(bytes, (byte) 0xff);
        } else if (trial % 2 == 0) {
          random.nextBytes(bytes);
        } else {
          // A vector's own code with a byte changed, which reaches further into the decoder.
          bytes = encoded(code, gaussian(trial, code.dimension()), 5);
          bytes[random.nextInt(bytes.length)] ^= (byte) (1 + random.nextInt(255));
        }
        Optional<float[]> first = read(code, bytes);
        Optional<float[]> second = read(code, bytes);
        assertThat(at(code), second.isPresent(), is(first.isPresent()));
        if (first.isPresent()) {
          assertThat(at(code), second.get(), is(first.get()));
          for (float value : first.get()) {
            assertThat(at(code), Float.isFinite(value), is(true));
          }
        }
      }
    }
  }

  private static Optional<float[]> read(VectorCode code, byte[] bytes) {
    float[] y = new float[code.dimension()];
    try {
      long bits = code.decode(bytes, 0, 5, y, 0);
      assertThat(at(code), bits, lessThanOrEqualTo(code.bits()));
      return Optional.of(y);
    } catch (BadCodesException e) {
      assertThat(e.getMessage(), is(not(blankOrNullString())));
      return Optional.empty();
    }
  }

  private static Stream<String> unbiased() {
    return VectorQuantizers.all().stream()
        .filter(quantizer -> quantizer.declaration().bias() == Declaration.Bias.NONE)
        .map(VectorQuantizer::name);
  }

  private static Stream<String> unbiasedByRotation() {
    return VectorQuantizers.all().stream()
        .filter(quantizer -> quantizer.declaration().bias() == Declaration.Bias.NONE_BY_ROTATION)
        .map(VectorQuantizer::name);
  }

  /** Mean and variance over keys of every coordinate's error. */
  private record Errors(double[] means, double[] variances, int keys) {
    static Errors of(VectorCode code, float[] x, int keys) {
      int d = x.length;
      double[] sums = new double[d];
      double[] squares = new double[d];
      for (int key = 0; key < keys; key++) {
        float[] y = decoded(code, encoded(code, x, key), key);
        for (int i = 0; i < d; i++) {
          double error = (double) y[i] - x[i];
          sums[i] += error;
          squares[i] += error * error;
        }
      }
      for (int i = 0; i < d; i++) {
        sums[i] /= keys;
        squares[i] = (squares[i] / keys - sums[i] * sums[i]) * keys / (keys - 1);
      }
      return new Errors(sums, squares, keys);
    }
  }

  private static List<float[]> gaussianAndSparse(int dimension) {
    float[] sparse = new float[dimension];
    sparse[3] = 1;
    sparse[17] = -0.5f;
    sparse[40] = 0.25f;
    return List.of(gaussian(15, dimension), sparse);
  }

  /**
   * The mean error of each coordinate over 4000 keys, in its standard errors: their squares have
   * mean 1 and, over 64 coordinates, standard deviation √(2/64); none is beyond 6 (2e-9 each if
   * normal, with room for skew). What never varies is exact to float32.
   */
  @ParameterizedTest
  @MethodSource("unbiased")
  void declaredUnbiasedOnesAre(String name) {
    int d = 64;
    for (double rate : new double[] {1, 2, 4}) {
      Optional<VectorCode> code = named(name).at(rate, d);
      if (code.isEmpty()) {
        continue;
      }
      for (float[] x : gaussianAndSparse(d)) {
        Errors errors = Errors.of(code.get(), x, 4000);
        double sum = 0;
        int varying = 0;
        for (int i = 0; i < d; i++) {
          double mean = errors.means()[i];
          double standardError = Math.sqrt(errors.variances()[i] / errors.keys());
          if (standardError < 1e-9) {
            assertThat(at(code.get()) + ", coordinate " + i, mean, closeTo(0, 1e-6));
          } else {
            varying++;
            sum += mean / standardError * mean / standardError;
            assertThat(
                at(code.get()) + ", coordinate " + i, Math.abs(mean), lessThan(6 * standardError));
          }
        }
        assertThat(
            at(code.get()), sum, lessThanOrEqualTo(varying + 6 * Math.sqrt(2.0 * varying) + 6));
      }
    }
  }

  /** The bias's squared length, what noise adds to it taken off, is below 0.005 of the vector's. */
  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("unbiasedByRotation")
  void thoseUnbiasedByRotationNearlyAre(String name) {
    int d = 64;
    for (double rate : new double[] {1, 2, 4}) {
      Optional<VectorCode> code = named(name).at(rate, d);
      if (code.isEmpty()) {
        continue;
      }
      for (float[] x : gaussianAndSparse(d)) {
        Errors errors = Errors.of(code.get(), x, 4000);
        double bias = 0;
        double noise = 0;
        double square = 0;
        for (int i = 0; i < d; i++) {
          bias += errors.means()[i] * errors.means()[i];
          noise += errors.variances()[i] / errors.keys();
          square += (double) x[i] * x[i];
        }
        assertThat(at(code.get()), (bias - noise) / square, lessThan(0.005));
      }
    }
  }
}
