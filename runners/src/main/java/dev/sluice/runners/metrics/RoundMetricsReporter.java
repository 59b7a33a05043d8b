package dev.sluice.runners.metrics;

import io.prometheus.client.CollectorRegistry;
import io.prometheus.client.exporter.HTTPServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import org.apache.flink.metrics.Metric;
import org.apache.flink.metrics.MetricConfig;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.reporter.MetricReporter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves what Beam counts in this task manager to Prometheus, summed over all tasks since the
 * process began. Beam hands its metrics of a batch job to Flink when a task ends, and Flink forgets
 * them when it has ended, a moment later: a reporter that shows what is registered, as Flink's own
 * does, shows nothing of them.
 *
 * <p>Options: {@code host}, to listen on, localhost by default; {@code port}, or the first and last
 * of a range, 9250-9260 by default.
 */
public final class RoundMetricsReporter implements MetricReporter {
  private static final Logger LOG = LoggerFactory.getLogger(RoundMetricsReporter.class);

  private final RoundMetrics metrics = new RoundMetrics();
  private HTTPServer server;

  @Override
  public void open(MetricConfig config) {
    String host = config.getString("host", "localhost");
    String[] range = config.getString("port", "9250-9260").split("-", 2);
    int last = Integer.parseInt(range[range.length - 1].strip());
    CollectorRegistry registry = new CollectorRegistry();
    registry.register(metrics);
    IOException taken = null;
    for (int port = Integer.parseInt(range[0].strip()); port <= last; port++) {
      try {
        server = new HTTPServer(new InetSocketAddress(host, port), registry, true);
        LOG.info("Serving metrics of rounds on {}:{}", host, port);
        return;
      } catch (IOException e) {
        taken = e; // as by another task manager of this machine
      }
    }
    throw new IllegalStateException(
        "no port of " + String.join("-", range) + " can be had on " + host, taken);
  }

  @Override
  public void notifyOfAddedMetric(Metric metric, String name, MetricGroup group) {
    metrics.add(metric, name);
  }

  @Override
  public void notifyOfRemovedMetric(Metric metric, String name, MetricGroup group) {
    metrics.remove(metric, name);
  }

  @Override
  public void close() {
    if (server != null) {
      server.stop();
    }
  }
}
