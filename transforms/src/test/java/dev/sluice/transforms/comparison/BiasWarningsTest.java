package dev.sluice.transforms.comparison;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.not;

import java.util.List;
import org.junit.jupiter.api.Test;

class BiasWarningsTest {
  private static final List<String> SENT = List.of("dither", "drive", "midrise", "quic-fl");

  @Test
  void biasedCodesAreNamedFromSixteenNodesOn() {
    List<String> biased = List.of("midrise");
    assertThat(BiasWarnings.of(biased, SENT, 64, 15), empty());
    List<String> warnings = BiasWarnings.of(biased, SENT, 64, 16);
    assertThat(warnings, hasSize(1));
    assertThat(warnings.get(0), allOf(containsString("midrise"), not(containsString("drive"))));
    assertThat(BiasWarnings.of(List.of(), SENT, 64, 256), empty());
  }

  /** Unbiased by rotation alone, and Hadamard rounds of so few coordinates are none. */
  @Test
  void shortVectorsAreWarnedOf() {
    List<String> warnings = BiasWarnings.of(List.of(), SENT, 63, 16);
    assertThat(warnings, hasSize(1));
    assertThat(
        warnings.get(0),
        allOf(containsString("drive"), not(containsString("dither")), not(containsString("quic"))));
  }
}
