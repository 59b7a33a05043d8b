package dev.sluice.runners;

import java.time.Duration;
import org.apache.flink.api.common.restartstrategy.RestartStrategies;
import org.apache.flink.api.common.time.Time;
import org.apache.flink.api.java.RemoteEnvironment;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.core.execution.JobClient;

/**
 * How Flink sends a batch job to a cluster: with a restart strategy of the job's own, which neither
 * Beam's options nor a client's configuration would give to a batch job, and with word of its id.
 */
@SuppressWarnings("deprecation") // of Flink's batch interface, which Beam's runner is written for
final class ClusterEnvironment extends RemoteEnvironment implements AutoCloseable {
  private static final Duration RESTART_DELAY = Duration.ofSeconds(4);
  private static final int RESTARTS_AT_LEAST = 5;

  private final ClusterJob job;

  private ClusterEnvironment(FlinkCluster cluster, String jar, ClusterJob job) {
    // Flink's own client reads FLINK_CONF_DIR in the same way.
    super(
        cluster.host(),
        cluster.port(),
        GlobalConfiguration.loadConfiguration(),
        new String[] {jar});
    this.job = job;
    setRestartStrategy(
        RestartStrategies.fixedDelayRestart(
            restarts(cluster.heartbeatTimeout()), Time.fromDuration(RESTART_DELAY)));
  }

  /**
   * Makes the cluster the environment that this thread's next pipeline finds, until it is closed.
   *
   * @param jar what the cluster is sent
   * @param job hears of the job's id
   */
  static ClusterEnvironment open(FlinkCluster cluster, String jar, ClusterJob job) {
    ClusterEnvironment environment = new ClusterEnvironment(cluster, jar, job);
    initializeContextEnvironment(() -> environment);
    return environment;
  }

  /**
   * How often a failed task is started again. Until the cluster has noticed that a task manager is
   * gone, tasks are sent there in vain; the attempts last twice as long as that takes, and more.
   *
   * @param heartbeatTimeout after how long the cluster gives a silent task manager up
   */
  static int restarts(Duration heartbeatTimeout) {
    return Math.toIntExact(
        RESTARTS_AT_LEAST + 2 * heartbeatTimeout.toMillis() / RESTART_DELAY.toMillis());
  }

  @Override
  public JobClient executeAsync(String jobName) throws Exception {
    JobClient client = super.executeAsync(jobName);
    job.submitted(client.getJobID().toString());
    return client;
  }

  @Override
  public void close() {
    resetContextEnvironment();
  }
}
