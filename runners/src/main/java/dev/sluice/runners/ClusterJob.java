package dev.sluice.runners;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One job on a cluster, watched from its submission to its end. Flink starts tasks again that
 * failed, for as long as its restart strategy allows; what no restart mends ends the job here: bad
 * input, a full disk, no slot within the time given. A process that ends before the job takes the
 * job with it, as far as it still can.
 */
final class ClusterJob implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterJob.class);
  private static final long POLL_MILLIS = 1000;

  /** As often as this an error of the files may come back before it is believed. */
  private static final int SAME_FAULTS = 3;

  private final FlinkCluster cluster;
  private final String name;
  private final Duration patience;
  private final Thread watcher = new Thread(this::watch, "sluice-flink-watch");
  private final Thread onExit = new Thread(this::cancelQuietly, "sluice-flink-cancel");
  private volatile String id; // null until it is submitted
  private volatile boolean closed;
  private volatile Exception verdict;

  private ClusterJob(FlinkCluster cluster, String name, Duration patience) {
    this.cluster = cluster;
    this.name = name;
    this.patience = patience;
  }

  /**
   * Makes way for a job, and watches for it. A job of the same name is what an earlier process that
   * was killed has left behind, or another process at the same work: it is cancelled, and has ended
   * before this returns, since two must not write to one place.
   *
   * @param name what is done and where
   * @param patience for how long no task of it need run
   */
  static ClusterJob begin(FlinkCluster cluster, String name, Duration patience) {
    ClusterJob job = new ClusterJob(cluster, name, patience);
    job.makeWay();
    Runtime.getRuntime().addShutdownHook(job.onExit);
    job.watcher.setDaemon(true);
    return job;
  }

  /** Takes the id that the cluster has given to the job, and begins to watch. */
  void submitted(String jobId) {
    id = jobId;
    watcher.start();
  }

  private void makeWay() {
    long until = System.nanoTime() + patience.toNanos();
    for (boolean asked = false; ; asked = true) {
      List<FlinkCluster.Job> others =
          cluster.jobs().stream().filter(job -> job.name().equals(name) && !job.ended()).toList();
      if (others.isEmpty()) {
        return;
      }
      if (asked && System.nanoTime() - until > 0) {
        throw new ClusterException(
            cluster.master()
                + ": job "
                + others.get(0).id()
                + " of an earlier attempt was cancelled, and has not ended after "
                + patience.toSeconds()
                + " s");
      }
      if (!asked) {
        for (FlinkCluster.Job other : others) {
          LOG.warn("{}: job {} of another attempt still runs; cancelling it", name, other.id());
          cluster.cancel(other.id());
        }
      }
      sleep();
    }
  }

  private void watch() {
    long seenAtWork = System.nanoTime();
    while (!closed && verdict == null) {
      sleep();
      try {
        JsonNode job = cluster.job(id);
        if (atWork(job)) {
          seenAtWork = System.nanoTime();
        }
        Optional<IOException> fault = fault(cluster.exceptions(id));
        if (fault.isPresent()) {
          end(fault.get());
        } else if (System.nanoTime() - seenAtWork > patience.toNanos()) {
          end(
              new ClusterException(
                  cluster.master()
                      + ": no task of the job ran for "
                      + patience.toSeconds()
                      + " s; the cluster has "
                      + cluster.capacity()
                      + ". The job is cancelled; --flinkWait gives it longer"));
        }
      } catch (ClusterException e) {
        // Out of reach for a while, or for good.
        if (System.nanoTime() - seenAtWork > patience.toNanos()) {
          end(e);
        }
      }
    }
  }

  private void end(Exception why) {
    if (!closed) {
      verdict = why;
      cancelQuietly();
    }
  }

  private static boolean atWork(JsonNode job) {
    for (JsonNode vertex : job.path("vertices")) {
      JsonNode tasks = vertex.path("tasks");
      if (tasks.path("RUNNING").asInt()
              + tasks.path("INITIALIZING").asInt()
              + tasks.path("DEPLOYING").asInt()
          > 0) {
        return true;
      }
    }
    return false;
  }

  /** What will not be better next time. */
  private Optional<IOException> fault(JsonNode exceptions) {
    int faults = 0;
    for (JsonNode entry : exceptions.path("exceptionHistory").path("entries")) {
      Optional<TaskFault> fault = TaskFault.of(entry);
      for (JsonNode concurrent : entry.path("concurrentExceptions")) {
        fault = fault.or(() -> TaskFault.of(concurrent));
      }
      if (fault.isPresent() && (fault.get().lasting() || ++faults >= SAME_FAULTS)) {
        return fault.map(found -> new BadInputException(found.message()));
      }
    }
    return Optional.empty();
  }

  /**
   * Why the job did not end well.
   *
   * @param failure as Flink's client has it
   */
  RuntimeException failed(RuntimeException failure) throws IOException {
    if (verdict instanceof IOException fault) {
      throw fault;
    }
    if (verdict instanceof ClusterException broken) {
      return broken;
    }
    Optional<TaskFault> own = TaskFault.of(failure);
    if (own.isPresent()) {
      throw new BadInputException(own.get().message(), failure);
    }
    if (id == null) {
      return new ClusterException(
          cluster.master() + ": the job could not be submitted: " + Failures.unexpected(failure),
          failure);
    }
    String state;
    try {
      state = cluster.job(id).path("state").asText();
    } catch (ClusterException e) {
      return new ClusterException(
          "lost touch with job " + id + " (" + e.getMessage() + "); nothing is known of it",
          failure);
    }
    return new ClusterException(
        cluster.master()
            + ": job "
            + id
            + (state.equals("CANCELED")
                ? " was cancelled on the cluster"
                : " failed: " + Failures.unexpected(failure)),
        failure);
  }

  private void cancelQuietly() {
    if (id == null) {
      return;
    }
    try {
      cluster.cancel(id);
    } catch (ClusterException e) {
      LOG.debug("cancelling {}", id, e); // it has ended, or nobody is there to end it
    }
  }

  private static void sleep() {
    try {
      Thread.sleep(POLL_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    closed = true;
    watcher.interrupt();
    Attempt.removeHook(onExit);
  }
}
