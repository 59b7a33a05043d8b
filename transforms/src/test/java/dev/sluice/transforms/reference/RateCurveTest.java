package dev.sluice.transforms.reference;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class RateCurveTest {
  /** n coordinates of variance s²: ½ log2 of it over theta for each, n theta / 2 nats of noise. */
  private static RateCurve gaussian(int n, double variance) {
    double[] levels = new double[41];
    double[] bits = new double[levels.length];
    double[] noise = new double[levels.length];
    double[] unsent = new double[levels.length];
    for (int i = 0; i < levels.length; i++) {
      levels[i] = i * RateCurve.STEP;
      double theta = Math.pow(2, -levels[i] / 64);
      boolean sent = theta < variance;
      bits[i] = sent ? n * Math.log(variance / theta) / Math.log(4) : 0;
      noise[i] = sent ? n * theta / 2 : 0;
      unsent[i] = sent ? 0 : n * variance / 2;
    }
    return new RateCurve(levels, bits, noise, unsent);
  }

  @Test
  void allNodesGetOneLevelAndAllBitsAreUsed() {
    List<RateCurve> curves = List.of(gaussian(100, 1), gaussian(50, 16), gaussian(100, .25));
    RateCurve.Split split = RateCurve.equalSlope(curves, 700);
    assertThat(Arrays.stream(split.bits()).sum(), closeTo(700, 1e-6));
    for (int i = 0; i < 3; i++) {
      assertThat(curves.get(i).levelAt(split.bits()[i]), closeTo(split.level(), 1e-6));
    }
    // Four times the variance: a bit more for each coordinate.
    assertThat(split.bits()[0] - split.bits()[2], closeTo(100, 1e-6));
  }

  @Test
  void equalBitsAreNotBetter() {
    List<RateCurve> curves = List.of(gaussian(100, 1), gaussian(100, 16), gaussian(100, .25));
    for (double total = 1200; total < 2000; total += 100) {
      RateCurve.Split split = RateCurve.equalSlope(curves, total);
      double each = total / 3;
      double[] levels = curves.stream().mapToDouble(curve -> curve.levelAt(each)).toArray();
      assertThat(split.predicted(), lessThan(RateCurve.predicted(curves, levels)));
    }
  }

  @Test
  void aSplitEndsWhereTheShortestCurveDoes() {
    List<RateCurve> curves = List.of(gaussian(100, 1), gaussian(100, 4));
    RateCurve.Split split = RateCurve.equalSlope(curves, 1e9);
    assertThat(split.level(), is(curves.get(0).finest()));
    assertThat(split.bits()[0], lessThanOrEqualTo(curves.get(0).bitsAt(curves.get(0).finest())));
  }

  @Test
  void curvesAreLinearBetweenPointsAndConstantBeyond() {
    RateCurve curve =
        new RateCurve(
            new double[] {0, 32, 64},
            new double[] {10, 10, 50},
            new double[] {4, 2, 1},
            new double[] {0, 0, 0});
    assertThat(curve.bitsAt(48), is(30.0));
    assertThat(curve.bitsAt(100), is(50.0));
    assertThat(curve.levelAt(10), is(32.0));
    assertThat(curve.levelAt(30), is(48.0));
    assertThat(curve.levelAt(5), is(0.0));
    assertThat(RateCurve.predicted(List.of(curve, curve), new double[] {48, 0}), is(5.5 / 4));
  }
}
