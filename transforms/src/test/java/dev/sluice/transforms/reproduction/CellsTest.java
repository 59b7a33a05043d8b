package dev.sluice.transforms.reproduction;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.ReproductionCell;
import java.math.BigDecimal;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class CellsTest {
  private static final BigDecimal PRINTED = new BigDecimal("0.223");

  @Test
  void meanAndDeviation() {
    assertThat(Cells.mean(new double[] {1, 2, 6}), is(3.0));
    assertThat(Cells.deviation(new double[] {1, 2, 6}).orElseThrow(), is(Math.sqrt(7)));
    assertThat(Cells.deviation(new double[] {5}), is(Optional.empty()));
  }

  /** .003²/9 + .002²/4 + .001²/12 = 1e-6 + 1e-6 + 8.3333e-8. */
  @Test
  void zIsInStandardErrorsOfBothMeansAndOfRounding() {
    double z = Cells.z(.226, Optional.of(.003), 9, PRINTED, Optional.of(.002), 4).orElseThrow();
    assertThat(z, closeTo(.003 / Math.sqrt(2e-6 + 1e-6 / 12), 1e-12));
  }

  @Test
  void aDeviationThatIsNotKnownIsTheOther() {
    Optional<Double> sd = Optional.of(.003);
    double both = Cells.z(.226, sd, 9, PRINTED, sd, 4).orElseThrow();
    assertThat(Cells.z(.226, sd, 9, PRINTED, Optional.empty(), 4).orElseThrow(), is(both));
    assertThat(Cells.z(.226, Optional.empty(), 9, PRINTED, sd, 4).orElseThrow(), is(both));
    assertThat(
        Cells.z(.226, Optional.empty(), 9, PRINTED, Optional.empty(), 4), is(Optional.empty()));
  }

  /** With no spread at all, only the printed digits are in doubt: 1e-3/√12. */
  @Test
  void roundingAloneIsAVariance() {
    Optional<Double> none = Optional.of(0.0);
    assertThat(
        Cells.z(.2235, none, 9, PRINTED, none, 4).orElseThrow(), closeTo(Math.sqrt(3), 1e-9));
  }

  @Test
  void aCellWithNothingPublishedHasNoZ() {
    ReproductionCell cell =
        Cells.of(PublishedValues.of("e1").at("K", 4, "dither"), new double[] {1, 2, 6}, 40);
    assertThat(cell.getOurs(), is(3.0));
    assertThat(cell.getSeeds(), is(3));
    assertThat(cell.getPublished(), is(nullValue()));
    assertThat(cell.getZ(), is(nullValue()));
  }
}
