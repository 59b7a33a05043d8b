package dev.sluice.runners.metrics;

import io.prometheus.client.Collector;
import io.prometheus.client.CounterMetricFamily;
import io.prometheus.client.GaugeMetricFamily;
import io.prometheus.client.SummaryMetricFamily;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Metric;

/**
 * Sums of Beam's counters and distributions over tasks that have ended and tasks that run. A
 * counter {@code blocks} of a transform {@code ReadUplink} is {@code
 * sluice_blocks_total{transform="ReadUplink"}}; one of a reason for rejects is {@code
 * sluice_rejects_total{reason="checksum"}}; a distribution {@code lagSeconds} of a node is {@code
 * sluice_lag_seconds} with label node: its count, sum, minimum and maximum.
 */
final class RoundMetrics extends Collector {
  /** What Beam's runner makes of a metric's namespace and name, joined by Flink's delimiter. */
  private static final Pattern OF_TRANSFORM =
      Pattern.compile("dev\\.sluice\\.(?:\\w+\\.)*(\\w+)\\.(\\w+)");

  private static final Pattern REJECTS = Pattern.compile("rejects\\.(.+)");
  private static final Pattern LAG = Pattern.compile("lagSeconds\\.(.+)");

  /** How Beam writes a distribution; its class is of the job, and not to be had here. */
  private static final Pattern DISTRIBUTION =
      Pattern.compile(
          "DistributionResult\\{sum=(-?\\d+), count=(\\d+), min=(-?\\d+), max=(-?\\d+)}");

  /**
   * What one series is called.
   *
   * @param name of the metric, without suffixes
   * @param label its one label
   * @param value of the label
   */
  private record Series(String name, String label, String value) implements Comparable<Series> {
    @Override
    public int compareTo(Series other) {
      int byName = name.compareTo(other.name);
      return byName == 0 ? value.compareTo(other.value) : byName;
    }

    static Optional<Series> of(String flinkName) {
      Matcher transform = OF_TRANSFORM.matcher(flinkName);
      if (transform.matches()) {
        return Optional.of(new Series(snake(transform.group(2)), "transform", transform.group(1)));
      }
      Matcher rejects = REJECTS.matcher(flinkName);
      if (rejects.matches()) {
        return Optional.of(new Series("sluice_rejects", "reason", rejects.group(1)));
      }
      Matcher lag = LAG.matcher(flinkName);
      return lag.matches()
          ? Optional.of(new Series("sluice_lag_seconds", "node", lag.group(1)))
          : Optional.empty();
    }

    private static String snake(String camel) {
      return "sluice_" + camel.replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
    }
  }

  /** Sum, number, least and greatest of what a distribution saw. */
  private record Spread(long sum, long count, long min, long max) {
    static final Spread NONE = new Spread(0, 0, Long.MAX_VALUE, Long.MIN_VALUE);

    Spread plus(Spread other) {
      return new Spread(
          sum + other.sum, count + other.count, Math.min(min, other.min), Math.max(max, other.max));
    }

    static Spread of(Object value) {
      Matcher matcher = DISTRIBUTION.matcher(String.valueOf(value));
      return matcher.matches() && !matcher.group(2).equals("0")
          ? new Spread(
              Long.parseLong(matcher.group(1)),
              Long.parseLong(matcher.group(2)),
              Long.parseLong(matcher.group(3)),
              Long.parseLong(matcher.group(4)))
          : NONE;
    }
  }

  private final Map<Series, Long> countedBefore = new TreeMap<>();
  private final Map<Series, Spread> spreadBefore = new TreeMap<>();
  private final Map<Counter, Series> counters = new IdentityHashMap<>();
  private final Map<Gauge<?>, Series> gauges = new IdentityHashMap<>();

  /** A task has something to tell. */
  synchronized void add(Metric metric, String name) {
    Optional<Series> series = Series.of(name);
    if (series.isEmpty()) {
      return;
    }
    if (metric instanceof Counter counter) {
      counters.put(counter, series.get());
    } else if (metric instanceof Gauge<?> gauge) {
      gauges.put(gauge, series.get());
    }
  }

  /** A task has ended: what it had to tell is kept. */
  synchronized void remove(Metric metric, String name) {
    if (metric instanceof Counter counter && counters.containsKey(counter)) {
      countedBefore.merge(counters.remove(counter), counter.getCount(), Long::sum);
    } else if (metric instanceof Gauge<?> gauge && gauges.containsKey(gauge)) {
      spreadBefore.merge(gauges.remove(gauge), Spread.of(gauge.getValue()), Spread::plus);
    }
  }

  @Override
  public synchronized List<MetricFamilySamples> collect() {
    Map<Series, Long> counted = new TreeMap<>(countedBefore);
    counters.forEach((counter, series) -> counted.merge(series, counter.getCount(), Long::sum));
    Map<Series, Spread> spread = new TreeMap<>(spreadBefore);
    gauges.forEach(
        (gauge, series) -> spread.merge(series, Spread.of(gauge.getValue()), Spread::plus));
    Map<String, CounterMetricFamily> totals = new TreeMap<>();
    counted.forEach(
        (series, count) ->
            totals
                .computeIfAbsent(
                    series.name + "_total",
                    name -> new CounterMetricFamily(name, "of rounds", List.of(series.label)))
                .addMetric(List.of(series.value), count));
    List<MetricFamilySamples> all = new ArrayList<>(totals.values());
    Map<String, List<MetricFamilySamples>> spreads = new TreeMap<>();
    spread.forEach((series, seen) -> append(spreads, series, seen));
    spreads.values().forEach(all::addAll);
    return all;
  }

  private static void append(
      Map<String, List<MetricFamilySamples>> families, Series series, Spread seen) {
    if (seen.count == 0) {
      return;
    }
    List<String> label = List.of(series.label);
    List<MetricFamilySamples> family =
        families.computeIfAbsent(
            series.name,
            name ->
                List.of(
                    new SummaryMetricFamily(name, "of uplink files, after their plan", label),
                    new GaugeMetricFamily(name + "_min", "least so far", label),
                    new GaugeMetricFamily(name + "_max", "greatest so far", label)));
    List<String> value = List.of(series.value);
    ((SummaryMetricFamily) family.get(0)).addMetric(value, seen.count, seen.sum);
    ((GaugeMetricFamily) family.get(1)).addMetric(value, seen.min);
    ((GaugeMetricFamily) family.get(2)).addMetric(value, seen.max);
  }
}
