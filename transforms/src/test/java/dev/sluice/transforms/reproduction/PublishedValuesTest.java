package dev.sluice.transforms.reproduction;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigDecimal;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PublishedValuesTest {
  @Test
  void printedDigitsAreKept() {
    PublishedValues.Row row = PublishedValues.of("e1").at("n", 100_000, "midrise");
    assertThat(row.published().orElseThrow(), is(new BigDecimal("0.0684")));
    assertThat(row.publishedSd().orElseThrow(), is(.0004));
    assertThat(row.reference().orElseThrow(), is(.0685));
    BigDecimal coverage =
        PublishedValues.of("e2").at("n_cal", 3000, "paper").published().orElseThrow();
    assertThat(coverage.scale(), is(3)); // 0.900
  }

  @Test
  void theTablesHaveWhatWasPrinted() {
    assertThat(published("e1"), is(36L));
    assertThat(published("e1.5"), is(6L));
    assertThat(published("e2"), is(10L));
    assertThat(published("refinement"), is(0L));
    assertThat(published("allocation"), is(0L));
  }

  private static long published(String experiment) {
    return PublishedValues.of(experiment).rows().stream()
        .filter(row -> row.published().isPresent())
        .count();
  }

  @ParameterizedTest
  @EnumSource(Experiment.class)
  void aCellIsInATableOnce(Experiment experiment) {
    Set<List<Object>> seen = new HashSet<>();
    for (PublishedValues.Row row : PublishedValues.of(experiment.label()).rows()) {
      assertThat(row.toString(), seen.add(List.of(row.axis(), row.value(), row.channel())));
    }
  }

  @Test
  void aCellThatIsNotThereIsEmpty() {
    PublishedValues.Row row = PublishedValues.of("e1").at("K", 3, "midrise");
    assertThat(row.published().isPresent(), is(false));
    assertThat(row.reference().isPresent(), is(false));
    assertThat(
        assertThrows(IllegalArgumentException.class, () -> PublishedValues.of("e9")).getMessage(),
        containsString("no published values of 'e9'"));
  }
}
