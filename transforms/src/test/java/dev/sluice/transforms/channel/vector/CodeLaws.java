package dev.sluice.transforms.channel.vector;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.Dither;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.zip.CRC32;

/** What every code for vectors obeys, and what measures one. */
final class CodeLaws {
  private static final int[] DIMENSIONS = {1, 2, 3, 7, 8, 9, 63, 64, 65, 1000};

  private CodeLaws() {}

  /** Mean of |x - x'|^2/|x|^2 over vectors of N(0, I), its standard error, and bits of a vector. */
  record Measured(double error, double spread, double bits) {}

  static Measured measure(VectorCode code, int vectors, long seed) throws BadCodesException {
    SplittableRandom random = new SplittableRandom(seed);
    int d = code.dimension();
    float[] x = new float[d];
    double sum = 0;
    double squares = 0;
    double bits = 0;
    for (int i = 0; i < vectors; i++) {
      for (int j = 0; j < d; j++) {
        x[j] = (float) random.nextGaussian();
      }
      byte[] bytes = new byte[bytes(code)];
      long key = random.nextLong();
      bits += code.encode(x, 0, key, bytes, 0);
      float[] y = new float[d];
      code.decode(bytes, 0, key, y, 0);
      double error = relative(x, y);
      sum += error;
      squares += error * error;
    }
    double mean = sum / vectors;
    return new Measured(
        mean, Math.sqrt((squares / vectors - mean * mean) / vectors), bits / vectors);
  }

  /** A measured error is what it should be, to a share of it and four standard errors. */
  static void assertError(String name, double rate, int d, int vectors, double expected, double to)
      throws BadCodesException {
    VectorCode code = code(name, rate, d);
    Measured measured = measure(code, vectors, 20240607);
    assertThat(
        name + " at " + rate,
        measured.error(),
        closeTo(expected, to * expected + 4 * measured.spread()));
    assertThat(measured.bits(), lessThanOrEqualTo((double) code.bits()));
  }

  static VectorCode code(String name, double rate, int d) {
    return VectorQuantizers.find(name).orElseThrow().at(rate, d).orElseThrow();
  }

  static int bytes(VectorCode code) {
    return (int) ((code.bits() + 7) / 8);
  }

  static double relative(float[] x, float[] y) {
    double error = 0;
    double energy = 0;
    for (int j = 0; j < x.length; j++) {
      error += ((double) x[j] - y[j]) * ((double) x[j] - y[j]);
      energy += (double) x[j] * x[j];
    }
    return error / energy;
  }

  /** Numbers with tails, the same on every platform. */
  static float[] vector(int d, long seed) {
    float[] x = new float[d];
    for (int j = 0; j < d; j++) {
      long word = Dither.mix(seed * 1000 + j);
      x[j] = ((int) word * 0x1p-31f) * ((int) (word >> 32) * 0x1p-29f);
    }
    return x;
  }

  /** Zeros, one coordinate, odd dimensions, tiny and huge numbers, offsets, budgets. */
  static void checkEdges(VectorQuantizer family, double[] rates) throws BadCodesException {
    for (double rate : rates) {
      for (int d : DIMENSIONS) {
        VectorCode code = family.at(rate, d).orElseThrow();
        String what = family.name() + " at " + rate + " in " + d;
        assertThat(what, code.dimension(), is(d));
        byte[] zeros = new byte[bytes(code)];
        float[] y = new float[d];
        Arrays.fill(y, 9);
        code.encode(new float[d], 0, 5, zeros, 0);
        assertThat(what, zeros, is(new byte[zeros.length]));
        code.decode(zeros, 0, 5, y, 0);
        assertThat(what, y, is(new float[d]));

        float[] x = vector(d, 3);
        byte[] plain = new byte[bytes(code)];
        long used = code.encode(x, 0, 11, plain, 0);
        assertThat(what, used, lessThanOrEqualTo(code.bits()));
        assertThat(what, x, is(vector(d, 3)));
        assertThat(what, code.decode(plain, 0, 11, y, 0), is(used));
        checkWindow(code, plain, y, what);
        checkUsed(plain, used, what);
        checkScales(code, x, y, what);
        // A budget of its own bits holds it, and what a budget gives holds the budget.
        assertThat(
            what,
            family.within(code.bits(), d).orElseThrow().bits(),
            lessThanOrEqualTo(code.bits()));
        assertThat(what, family.within(20, d).isPresent(), is(false));
      }
    }
  }

  private static void checkWindow(VectorCode code, byte[] plain, float[] y, String what)
      throws BadCodesException {
    int d = code.dimension();
    float[] shifted = new float[d + 5];
    System.arraycopy(vector(d, 3), 0, shifted, 3, d);
    byte[] out = new byte[plain.length + 4];
    code.encode(shifted, 3, 11, out, 2);
    assertThat(what, Arrays.copyOfRange(out, 2, out.length - 2), is(plain));
    float[] z = new float[d + 4];
    code.decode(out, 2, 11, z, 4);
    assertThat(what, Arrays.copyOfRange(z, 4, d + 4), is(y));
  }

  /** Nothing is written after the bits that are counted. */
  private static void checkUsed(byte[] plain, long used, String what) {
    for (long bit = used; bit < 8L * plain.length; bit++) {
      assertThat(what, plain[(int) (bit >>> 3)] >>> (7 - (bit & 7)) & 1, is(0));
    }
  }

  /** Another unit changes nothing but the unit. */
  private static void checkScales(VectorCode code, float[] x, float[] y, String what)
      throws BadCodesException {
    int d = code.dimension();
    double error = relative(x, y);
    for (float unit : new float[] {0x1p-100f, 1e-30f, 1e30f, 0x1p100f}) {
      float[] scaled = new float[d];
      for (int j = 0; j < d; j++) {
        scaled[j] = x[j] * unit;
      }
      byte[] out = new byte[bytes(code)];
      code.encode(scaled, 0, 11, out, 0);
      float[] z = new float[d];
      code.decode(out, 0, 11, z, 0);
      assertThat(what + " times " + unit, relative(scaled, z), closeTo(error, 0.05 * error + 1e-6));
    }
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      float[] wrong = x.clone();
      wrong[d / 2] = bad;
      assertThrows(
          IllegalArgumentException.class,
          () -> code.encode(wrong, 0, 1, new byte[bytes(code)], 0),
          what);
    }
    float[] huge = new float[d];
    Arrays.fill(huge, Float.MAX_VALUE);
    byte[] out = new byte[bytes(code)];
    try {
      code.encode(huge, 0, 11, out, 0);
    } catch (IllegalArgumentException e) {
      return;
    }
    checkFinite(code, out, what);
  }

  /** Random bytes are either no code, or one of finite coordinates and at most the most bits. */
  static void checkHostile(VectorQuantizer family, double[] rates, int tries) {
    SplittableRandom random = new SplittableRandom(99);
    for (double rate : rates) {
      for (int d : new int[] {1, 5, 64, 1000}) {
        VectorCode code = family.at(rate, d).orElseThrow();
        for (int i = 0; i < tries; i++) {
          byte[] bytes = new byte[bytes(code)];
          random.nextBytes(bytes);
          if (i % 2 == 0) {
            // A word of rounds and scale that may well be valid.
            bytes[0] = (byte) (0x40 | random.nextInt(0x40));
          }
          checkFinite(code, bytes, family.name() + " at " + rate + " in " + d);
        }
      }
    }
  }

  private static void checkFinite(VectorCode code, byte[] bytes, String what) {
    float[] y = new float[code.dimension()];
    try {
      assertThat(what, code.decode(bytes, 0, 7, y, 0), lessThanOrEqualTo(code.bits()));
    } catch (BadCodesException e) {
      return;
    }
    for (float value : y) {
      assertThat(what, Float.isFinite(value), is(true));
    }
  }

  /** Of codes and of what is decoded. */
  static String checksum(VectorQuantizer family, double[] rates) throws BadCodesException {
    CRC32 crc = new CRC32();
    for (double rate : rates) {
      for (int d : new int[] {1, 13, 64, 300}) {
        VectorCode code = family.at(rate, d).orElseThrow();
        byte[] bytes = new byte[bytes(code)];
        code.encode(vector(d, 8), 0, 42, bytes, 0);
        crc.update(bytes);
        float[] y = new float[d];
        code.decode(bytes, 0, 42, y, 0);
        for (float value : y) {
          int word = Float.floatToRawIntBits(value);
          for (int shift = 0; shift < 32; shift += 8) {
            crc.update(word >>> shift);
          }
        }
      }
    }
    return Long.toHexString(crc.getValue());
  }

  /**
   * Squared distance of the mean of {@code keys} decodings from the vector, over |x|^2, less what
   * their own variance leaves in it.
   */
  static double squaredBias(VectorCode code, float[] x, int keys) throws BadCodesException {
    int d = x.length;
    double[] sums = new double[d];
    double variance = 0;
    float[] y = new float[d];
    for (int k = 0; k < keys; k++) {
      byte[] bytes = new byte[bytes(code)];
      long key = Dither.mix(k + 12345);
      code.encode(x, 0, key, bytes, 0);
      code.decode(bytes, 0, key, y, 0);
      for (int j = 0; j < d; j++) {
        sums[j] += y[j];
      }
      variance += relative(x, y);
    }
    double bias = 0;
    double energy = 0;
    for (int j = 0; j < d; j++) {
      double difference = sums[j] / keys - x[j];
      bias += difference * difference;
      energy += (double) x[j] * x[j];
    }
    return bias / energy - variance / keys / keys;
  }
}
