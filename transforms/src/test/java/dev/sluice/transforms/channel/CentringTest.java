package dev.sluice.transforms.channel;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class CentringTest {
  private static final double NONE = Double.NEGATIVE_INFINITY;

  @Test
  void rowsAreTakenFromTheirMidrange() throws BadLogitException {
    double[] logits = {1, 2, 7, -5, -5, -5, NONE, 3, 4};
    double[] magnitudes = new double[3];
    Centring.Centred centred = Centring.centre(logits, 3, 3, Centring.Masking.ALLOWED, magnitudes);
    assertThat(logits, equalTo(new double[] {-3, -2, 3, 0, 0, 0, NONE, -0.5, 0.5}));
    assertThat(magnitudes, equalTo(new double[] {3, 0, 0.5}));
    assertThat(centred, is(new Centring.Centred(3, 1)));
    assertThat(
        Centring.centre(new double[0], 0, 3, Centring.Masking.FORBIDDEN, new double[0]),
        is(new Centring.Centred(0, 0)));
  }

  @Test
  void theMagnitudeIsThatOfTheRoundedValues() throws BadLogitException {
    double[] logits = {0.1, 0.7, 1e-17, 12345.678, -9.87654321e4};
    double[] magnitudes = new double[1];
    Centring.centre(logits, 1, 5, Centring.Masking.FORBIDDEN, magnitudes);
    double largest = 0;
    for (double x : logits) {
      largest = Math.max(largest, Math.abs(x));
    }
    assertThat(magnitudes[0], is(largest));
  }

  @Test
  void aBadLogitIsNamed() {
    for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
      for (Centring.Masking masking : Centring.Masking.values()) {
        BadLogitException e = centreFails(masking, 0, 0, 0, 0, bad, 0);
        assertThat(e.row(), is(1));
        assertThat(e.coordinate(), is(1));
        assertThat(e.value(), is(bad));
        assertThat(e.getMessage(), containsString("row 1, coordinate 1: " + bad));
      }
    }
    assertThat(centreFails(Centring.Masking.FORBIDDEN, 0, NONE, 0, 0, 0, 0).coordinate(), is(1));
    assertThat(
        centreFails(Centring.Masking.ALLOWED, 1, 2, 3, NONE, NONE, NONE).getMessage(),
        containsString("at least one finite"));
    assertThat(
        centreFails(Centring.Masking.ALLOWED, 1e308, 1e308, 1.5e308, 0, 0, 0).coordinate(), is(2));
  }

  private static BadLogitException centreFails(Centring.Masking masking, double... logits) {
    return assertThrows(
        BadLogitException.class, () -> Centring.centre(logits, 2, 3, masking, new double[2]));
  }

  @Test
  void everyBinary16PatternReadsAsItsValue() {
    for (int bits = 0; bits < 0x10000; bits++) {
      double value = Centring.clipOf((short) bits);
      int exponent = bits >> 10 & 31;
      double sign = (bits & 0x8000) == 0 ? 1 : -1;
      double expected =
          exponent == 31
              ? ((bits & 1023) == 0 ? sign / 0.0 : Double.NaN)
              : exponent == 0
                  ? sign * (bits & 1023) / 16777216.0
                  : sign * Math.pow(2, exponent - 15) * (1 + (bits & 1023) / 1024.0);
      assertThat(Double.compare(value, expected), is(0));
    }
  }

  @Test
  void clipsRoundUpToTheNextPattern() {
    assertThat(Centring.clipUp(0), is((short) 1));
    for (int bits = 1; bits < 0x7c00; bits++) {
      double value = Centring.clipOf((short) bits);
      assertThat(Centring.clipUp(value), is((short) bits));
      assertThat(Centring.clipUp(Math.nextDown(value)), is((short) bits));
      if (bits < 0x7bff) {
        assertThat(Centring.clipUp(Math.nextUp(value)), is((short) (bits + 1)));
        double next = Centring.clipOf((short) (bits + 1));
        assertThat(value, lessThan(next));
        assertThat(Centring.clipUp((value + next) / 2), is((short) (bits + 1)));
      }
    }
  }

  @Test
  void clipsOutsideBinary16AreRefused() {
    for (double clip : new double[] {65504.0001, 1e300, -1e-9, Double.NaN, 1 / 0.0}) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> Centring.clipUp(clip));
      assertThat(e.getMessage(), containsString("got " + clip));
    }
  }
}
