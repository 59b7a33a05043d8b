package dev.sluice.transforms.theory;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class EstimationFloorTest {
  /** Messages of any length: the risk of the posterior mean, d/(K/σ² + 1/τ²). */
  @Test
  void withoutALimitOfBitsItIsBayesRisk() {
    double floor = EstimationFloor.meanSquaredError(7, 2.5, 3, 1e9, 7 / 4.0);
    assertThat(floor, closeTo(7 / (3 / 2.5 + 1 / 4.0), 1e-12));
    assertThat(EstimationFloor.meanSquaredError(7, 2.5, 3, 1e9, 0), closeTo(7 * 2.5 / 3, 1e-12));
  }

  /** Below d/(2 ln 2) bits the messages are the limit: d²σ²/(2 ln 2 K B). */
  @Test
  void fewBitsCostInProportion() {
    double d = 1024;
    assertThat(
        EstimationFloor.meanSquaredError(1024, 3, 16, 100, 0),
        closeTo(d * d * 3 / (2 * Math.log(2) * 16 * 100), 1e-6));
    double knee = d / (2 * Math.log(2));
    assertThat(EstimationFloor.meanSquaredError(1024, 3, 16, knee, 0), closeTo(d * 3 / 16, 1e-9));
    assertThat(
        EstimationFloor.meanSquaredError(1024, 3, 16, 2 * knee, 0), closeTo(d * 3 / 16, 1e-9));
  }

  /** A sign of N(θ, 1) about θ = 0 carries 2/π of information, below 2 ln 2 of one bit. */
  @Test
  void theBestMessageOfOneBitIsWithinIt() {
    double information = 2 / Math.PI;
    assertThat(1 / information, greaterThan(EstimationFloor.meanSquaredError(1, 1, 1, 1, 0)));
    // Of half a bit only: a sign that is sent half of the time carries half of that.
    assertThat(2 / information, greaterThan(EstimationFloor.meanSquaredError(1, 1, 1, .5, 0)));
  }

  @Test
  void moreOfAnythingLowersIt() {
    double floor = EstimationFloor.meanSquaredError(64, 1, 4, 20, 1);
    assertThat(EstimationFloor.meanSquaredError(64, 1, 5, 20, 1), lessThan(floor));
    assertThat(EstimationFloor.meanSquaredError(64, 1, 4, 21, 1), lessThan(floor));
    assertThat(EstimationFloor.meanSquaredError(64, 1, 4, 20, 2), lessThan(floor));
    assertThat(EstimationFloor.meanSquaredError(64, .9, 4, 20, 1), lessThan(floor));
    assertThat(EstimationFloor.meanSquaredError(64, 0, 4, 20, 1), is(0.0));
    assertThat(EstimationFloor.meanSquaredError(64, 1, 4, 0, 0), is(Double.POSITIVE_INFINITY));
  }

  @Test
  void distortionHalvesItsAmplitudeWithEachBit() {
    assertThat(EstimationFloor.distortion(0), is(1.0));
    assertThat(EstimationFloor.distortion(1), is(.25));
    assertThat(EstimationFloor.distortion(.5), closeTo(.5, 1e-15));
    // Lloyd and Max's scalar code is above it.
    assertThat(1 - 2 / Math.PI, greaterThanOrEqualTo(EstimationFloor.distortion(1)));
  }

  @Test
  void nonsenseIsRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> EstimationFloor.meanSquaredError(0, 1, 1, 1, 0));
    assertThrows(
        IllegalArgumentException.class, () -> EstimationFloor.meanSquaredError(1, -1, 1, 1, 0));
    assertThrows(
        IllegalArgumentException.class,
        () -> EstimationFloor.meanSquaredError(1, 1, 1, Double.NaN, 0));
    assertThrows(IllegalArgumentException.class, () -> EstimationFloor.distortion(-1));
  }
}
