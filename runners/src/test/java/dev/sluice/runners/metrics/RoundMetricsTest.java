package dev.sluice.runners.metrics;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.prometheus.client.CollectorRegistry;
import io.prometheus.client.exporter.common.TextFormat;
import java.io.IOException;
import java.io.StringWriter;
import java.util.List;
import org.apache.beam.sdk.metrics.DistributionResult;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.SimpleCounter;
import org.junit.jupiter.api.Test;

class RoundMetricsTest {
  private static final String BLOCKS = "dev.sluice.transforms.uplink.ReadUplink.blocks";
  private final RoundMetrics metrics = new RoundMetrics();

  private Counter count(String name, long value) {
    Counter counter = new SimpleCounter();
    metrics.add(counter, name);
    counter.inc(value); // as Beam's runner does: first there, then counting
    return counter;
  }

  private List<String> scraped() throws IOException {
    CollectorRegistry registry = new CollectorRegistry();
    registry.register(metrics);
    StringWriter text = new StringWriter();
    TextFormat.write004(text, registry.metricFamilySamples());
    return text.toString().lines().filter(line -> !line.startsWith("#")).toList();
  }

  @Test
  void tasksThatEndedAndTasksThatRunAreOneSum() throws IOException {
    Counter first = count(BLOCKS, 5);
    count(BLOCKS, 7);
    assertThat(scraped(), is(List.of("sluice_blocks_total{transform=\"ReadUplink\",} 12.0")));
    metrics.remove(first, BLOCKS);
    assertThat(scraped(), is(List.of("sluice_blocks_total{transform=\"ReadUplink\",} 12.0")));
  }

  @Test
  void namesOfTwoWordsAndReasons() throws IOException {
    count("dev.sluice.transforms.aggregation.KFoldAverage.clippedCoordinates", 3);
    count("rejects.duplicate-block", 2);
    count("rejects.checksum", 1);
    count("numRecordsIn", 9);
    assertThat(
        scraped(),
        is(
            List.of(
                "sluice_clipped_coordinates_total{transform=\"KFoldAverage\",} 3.0",
                "sluice_rejects_total{reason=\"checksum\",} 1.0",
                "sluice_rejects_total{reason=\"duplicate-block\",} 2.0")));
  }

  @Test
  void distributionsKeepTheirExtremes() throws IOException {
    Gauge<DistributionResult> first = () -> DistributionResult.create(30, 2, 10, 20);
    Gauge<DistributionResult> second = () -> DistributionResult.create(-4, 1, -4, -4);
    Gauge<DistributionResult> empty = () -> DistributionResult.IDENTITY_ELEMENT;
    metrics.add(first, "lagSeconds.a");
    metrics.remove(first, "lagSeconds.a");
    metrics.add(second, "lagSeconds.a");
    metrics.add(empty, "lagSeconds.b");
    assertThat(
        scraped(),
        is(
            List.of(
                "sluice_lag_seconds_count{node=\"a\",} 3.0",
                "sluice_lag_seconds_sum{node=\"a\",} 26.0",
                "sluice_lag_seconds_min{node=\"a\",} -4.0",
                "sluice_lag_seconds_max{node=\"a\",} 20.0")));
  }
}
