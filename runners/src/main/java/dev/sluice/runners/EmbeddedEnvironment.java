package dev.sluice.runners;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.apache.flink.api.java.ExecutionEnvironment;
import org.apache.flink.client.deployment.executors.LocalExecutor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.DeploymentOptions;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.core.execution.PipelineExecutor;
import org.apache.flink.core.execution.PipelineExecutorFactory;
import org.apache.flink.core.execution.PipelineExecutorServiceLoader;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Flink inside this process, which is down when it is closed. Flink's own local environment takes
 * its cluster down in the background once the job has ended; a process that exits at that moment
 * has hooks that ask for classes of a loader already closed.
 */
@SuppressWarnings("deprecation") // of Flink's batch interface, which Beam's runner is written for
final class EmbeddedEnvironment extends ExecutionEnvironment implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(EmbeddedEnvironment.class);
  private static final long PATIENCE_SECONDS = 30;

  private final Clusters clusters;

  private EmbeddedEnvironment(Configuration configuration, Clusters clusters) {
    super(clusters, configuration, null);
    this.clusters = clusters;
  }

  /** Makes an embedded Flink the environment that this thread's next pipeline finds. */
  static EmbeddedEnvironment open(FlinkConfDirectory conf) {
    Configuration configuration = GlobalConfiguration.loadConfiguration(conf.path());
    configuration.set(DeploymentOptions.TARGET, LocalExecutor.NAME);
    configuration.set(DeploymentOptions.ATTACHED, true);
    configuration.set(CoreOptions.CHECK_LEAKED_CLASSLOADER, false); // there is but one
    EmbeddedEnvironment environment = new EmbeddedEnvironment(configuration, new Clusters());
    initializeContextEnvironment(() -> environment);
    return environment;
  }

  @Override
  public void close() {
    resetContextEnvironment();
    clusters.close();
  }

  /** Starts a cluster for each job, and remembers it. */
  private static final class Clusters implements PipelineExecutorServiceLoader {
    private final Queue<MiniCluster> started = new ConcurrentLinkedQueue<>();

    @Override
    public PipelineExecutorFactory getExecutorFactory(Configuration configuration) {
      return new PipelineExecutorFactory() {
        @Override
        public String getName() {
          return LocalExecutor.NAME;
        }

        @Override
        public boolean isCompatibleWith(Configuration wanted) {
          return true;
        }

        @Override
        public PipelineExecutor getExecutor(Configuration wanted) {
          return LocalExecutor.createWithFactory(wanted, Clusters.this::start);
        }
      };
    }

    @Override
    public Stream<String> getExecutorNames() {
      return Stream.of(LocalExecutor.NAME);
    }

    private MiniCluster start(MiniClusterConfiguration wanted) {
      MiniCluster cluster = new MiniCluster(wanted);
      started.add(cluster);
      return cluster;
    }

    private void close() {
      for (MiniCluster cluster : started) {
        try {
          cluster.closeAsync().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
          LOG.warn("Flink inside this process did not end: {}", e.toString()); // the job has
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }
    }
  }
}
