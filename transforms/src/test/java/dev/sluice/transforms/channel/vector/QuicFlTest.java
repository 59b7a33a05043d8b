package dev.sluice.transforms.channel.vector;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import dev.sluice.transforms.channel.BadCodesException;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class QuicFlTest {
  private static final double[] RATES = {1, 2, 3, 6};
  private static final VectorQuantizer FAMILY = QuicFlCode.FAMILY;

  @Test
  void errorsAreWithinTenPerCentOfThePublishedOnes() throws BadCodesException {
    double[] published = {0.211, 0.0428, 0.0096};
    for (int bits = 2; bits <= 4; bits++) {
      VectorCode code = CodeLaws.code("quic-fl", bits, 1024);
      CodeLaws.Measured measured = CodeLaws.measure(code, 1000, 5);
      assertThat(measured.error(), lessThan(1.1 * published[bits - 2]));
      // Side information and coordinates beyond the reach: a sixteenth of a bit at most.
      assertThat(measured.bits() / 1024, lessThan(bits + 1.0 / 16));
      assertThat((double) code.bits() / 1024, lessThan(bits + 0.08));
    }
  }

  @Test
  void nothingOfTheErrorIsBias() throws BadCodesException {
    int keys = 4000;
    for (int d : new int[] {1, 5, 64, 1024}) {
      // The mean of squares has a spread of at most sqrt(2/d) vNMSE/keys or so: 8 of those. One
      // coordinate has heavy tails.
      double share = Math.max(0.05, Math.sqrt(2.0 / d));
      for (int bits = 2; bits <= 3; bits++) {
        VectorCode code = CodeLaws.code("quic-fl", bits, d);
        double bias = CodeLaws.squaredBias(code, CodeLaws.vector(d, 4), keys);
        assertThat(bits + " bits in " + d, Math.abs(bias), lessThan(8 * share * 0.35 / keys));
      }
    }
  }

  @Test
  void spikesAreUnbiasedToo() throws BadCodesException {
    // All in one coordinate, and so beyond the reach if a rotation left it there.
    float[] x = new float[256];
    x[17] = -3;
    double bias = CodeLaws.squaredBias(CodeLaws.code("quic-fl", 2, 256), x, 4000);
    assertThat(Math.abs(bias), lessThan(8 * Math.sqrt(2.0 / 256) * 0.35 / 4000));
  }

  @Test
  void coordinatesBeyondTheReachAreSentExactlyAndCounted() throws BadCodesException {
    VectorCode code = CodeLaws.code("quic-fl", 2, 4096);
    // 32 + count of up to 3 in 2 bits + 2 bits each + 3 times index and float32.
    assertThat(code.bits(), is(32L + 2 + 2 * 4096 + 3 * (12 + 32)));
    boolean[] seen = new boolean[4];
    for (int i = 0; i < 60; i++) {
      byte[] bytes = new byte[CodeLaws.bytes(code)];
      long used = code.encode(CodeLaws.vector(4096, i), 0, i, bytes, 0);
      long beyond = (used - (32 + 2 + 2 * 4096)) / 44;
      assertThat(used, is(32 + 2 + 2 * 4096 + 44 * beyond));
      seen[(int) beyond] = true;
      float[] y = new float[4096];
      assertThat(code.decode(bytes, 0, i, y, 0), is(used));
      assertThat(CodeLaws.relative(CodeLaws.vector(4096, i), y), closeTo(0.226, 0.1));
    }
    assertThat(seen, is(new boolean[] {true, true, true, true}));
  }

  @Test
  void theLengthIsBoundedBelowATwentiethOfABitACoordinateMore() {
    for (int d : new int[] {1, 100, 700, 740, 3000, 10_000, 1 << 20}) {
      for (int bits = 1; bits <= 6; bits++) {
        long most = CodeLaws.code("quic-fl", bits, d).bits();
        assertThat(most - 32.0 - 12 - bits * (double) d, lessThanOrEqualTo(d / 20.0));
        assertThat(FAMILY.within(most, d).orElseThrow().bits(), is(most));
      }
    }
  }

  @Test
  void ratesAreWholeNumbersOfBits() {
    for (double rate : new double[] {0, 0.5, 1.5, 7, Double.NaN}) {
      assertThat(FAMILY.at(rate, 16), is(Optional.empty()));
    }
  }

  @Test
  void edges() throws BadCodesException {
    CodeLaws.checkEdges(FAMILY, RATES);
  }

  @Test
  void hostileBytesDecodeToFiniteVectorsOrAreRefused() {
    CodeLaws.checkHostile(FAMILY, RATES, 200);
  }

  @Test
  void codesAreTheSameEverywhere() throws BadCodesException {
    assertThat(CodeLaws.checksum(FAMILY, RATES), is("e86d778b"));
  }
}
