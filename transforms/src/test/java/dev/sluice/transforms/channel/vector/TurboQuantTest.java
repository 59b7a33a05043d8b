package dev.sluice.transforms.channel.vector;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.codebook.SphereLloydMax;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TurboQuantTest {
  private static final double[] RATES = {1, 2, 3, 8};
  private static final VectorQuantizer MSE = TurboQuantMseCode.FAMILY;
  private static final VectorQuantizer DENSE = TurboQuantProdCode.DENSE;
  private static final VectorQuantizer HADAMARD = TurboQuantProdCode.HADAMARD;

  @Test
  void errorsForMeanSquaredErrorAreThePublishedOnes() throws BadCodesException {
    double[] published = {0.363, 0.1175, 0.0345, 0.0094};
    for (int bits = 1; bits <= 4; bits++) {
      CodeLaws.assertError("turboquant-mse", bits, 1024, 400, published[bits - 1], 0.015);
    }
  }

  @Test
  void errorsForInnerProductsAreThePublishedOnes() throws BadCodesException {
    double[] published = {0.5625, 0.187, 0.054};
    for (int bits = 2; bits <= 4; bits++) {
      CodeLaws.assertError("turboquant-prod", bits, 1024, 4, published[bits - 2], 0.02);
    }
  }

  @Test
  void errorsOfResidualSignsAreTheirLaws() throws BadCodesException {
    int d = 64;
    for (int bits = 1; bits <= 4; bits++) {
      double residual = bits == 1 ? 1 : SphereLloydMax.of(1 << (bits - 1), d).mse();
      double dense = (Math.PI / 2 - 1.0 / d) * residual;
      CodeLaws.assertError("turboquant-prod", bits, d, 1000, dense, 0);
      // Of large d: 1/d or so is left.
      double rotated = (Math.PI / 2 - 1) * residual;
      CodeLaws.assertError("turboquant-prod-hadamard", bits, d, 3000, rotated, 0.04);
    }
  }

  @Test
  void residualSignsLeaveNoBias() throws BadCodesException {
    // The mean of squares has a spread of sqrt(2/d) vNMSE/keys: 8 of those.
    int keys = 1000;
    float[] x = CodeLaws.vector(64, 21);
    for (String name : new String[] {"turboquant-prod", "turboquant-prod-hadamard"}) {
      for (int bits = 1; bits <= 3; bits++) {
        double bias = CodeLaws.squaredBias(CodeLaws.code(name, bits, 64), x, keys);
        assertThat(name + " at " + bits, Math.abs(bias), lessThan(8 * 0.18 * 1.6 / keys));
      }
    }
    double biased = CodeLaws.squaredBias(CodeLaws.code("turboquant-mse", 1, 64), x, keys);
    assertThat(biased, greaterThan(0.1));
    // Its mean is (1 - D) x.
    double mse = SphereLloydMax.of(2, 64).mse();
    assertThat(biased, closeTo(mse * mse, 0.01));
  }

  @Test
  void sideInformationIsCounted() {
    assertThat(CodeLaws.code("turboquant-mse", 3, 1000).bits(), is(3032L));
    assertThat(CodeLaws.code("turboquant-prod", 3, 1000).bits(), is(3064L));
    assertThat(CodeLaws.code("turboquant-prod-hadamard", 3, 1000).bits(), is(3064L));
    assertThat(MSE.within(3031, 1000).orElseThrow().bits(), is(2032L));
    assertThat(MSE.within(1L << 40, 1000).orElseThrow().bits(), is(8032L));
  }

  @Test
  void ratesAreWholeNumbersOfBits() {
    for (VectorQuantizer family : new VectorQuantizer[] {MSE, DENSE, HADAMARD}) {
      for (double rate : new double[] {0, 0.5, 1.5, 9, -1, Double.NaN}) {
        assertThat(family.at(rate, 16), is(Optional.empty()));
      }
    }
    int most = TurboQuantProdCode.MAX_DENSE_DIMENSION;
    assertThat(DENSE.at(2, most).isPresent(), is(true));
    assertThat(DENSE.at(2, most + 1), is(Optional.empty()));
    assertThat(DENSE.within(1 << 20, most + 1), is(Optional.empty()));
    assertThat(HADAMARD.at(2, most + 1).isPresent(), is(true));
  }

  @Test
  void edges() throws BadCodesException {
    CodeLaws.checkEdges(MSE, RATES);
    CodeLaws.checkEdges(HADAMARD, RATES);
    CodeLaws.checkEdges(DENSE, new double[] {1, 2});
  }

  @Test
  void hostileBytesDecodeToFiniteVectorsOrAreRefused() {
    CodeLaws.checkHostile(MSE, RATES, 200);
    CodeLaws.checkHostile(HADAMARD, RATES, 200);
    CodeLaws.checkHostile(DENSE, new double[] {1, 3}, 6);
  }

  @Test
  void codesAreTheSameEverywhere() throws BadCodesException {
    assertThat(CodeLaws.checksum(MSE, RATES), is("66bebb1f"));
    assertThat(CodeLaws.checksum(DENSE, RATES), is("54754460"));
    assertThat(CodeLaws.checksum(HADAMARD, RATES), is("e3f22368"));
  }
}
