package dev.sluice.runners;

import dev.sluice.pipelines.UplinkOptions;
import dev.sluice.runners.RunnerChoice.Engine;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.apache.beam.runners.direct.DirectOptions;
import org.apache.beam.runners.direct.DirectRunner;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.flink.api.common.ExecutionMode;

/** Sets a runner up, runs one pipeline on it to its end, and takes it down. */
final class Engines {
  private Engines() {}

  /**
   * Runs a pipeline and waits for it.
   *
   * @param choice direct or Flink
   * @param jobName what is done and where: of two jobs of one name on a cluster the later ends the
   *     earlier
   * @param build adds the transforms
   * @throws IOException if input or files are what is wrong, where a cluster says so
   * @throws ClusterException if the cluster is what is wrong
   * @throws RuntimeException as another runner wraps what went wrong
   */
  static void run(RunnerChoice choice, String jobName, Consumer<Pipeline> build)
      throws IOException {
    if (choice.engine() == Engine.DIRECT) {
      run(directOptions(choice), jobName, build);
    } else if (choice.flinkMaster().isPresent()) {
      onCluster(FlinkCluster.at(choice.flinkMaster().get()), choice, jobName, build);
    } else {
      try (FlinkConfDirectory conf = FlinkConfDirectory.create(choice.parallelism());
          EmbeddedEnvironment environment = EmbeddedEnvironment.open(conf)) {
        run(flinkOptions(choice), jobName, build);
      }
    }
  }

  private static void onCluster(
      FlinkCluster cluster, RunnerChoice choice, String jobName, Consumer<Pipeline> build)
      throws IOException {
    try (ClusterJob job = ClusterJob.begin(cluster, jobName, choice.flinkWait());
        ClusterEnvironment environment = ClusterEnvironment.open(cluster, ownJar(), job)) {
      FlinkPipelineOptions options = flinkOptions(choice);
      // Every exchange is written out before it is read: tasks that were lost are run again from
      // there, and a job gets by with fewer slots than its parallelism.
      options.setExecutionModeForBatch(ExecutionMode.BATCH_FORCED.name());
      options.as(UplinkOptions.class).setNodeBranches(1);
      try {
        run(options, jobName, build);
      } catch (RuntimeException e) {
        throw job.failed(e);
      }
    }
  }

  private static void run(PipelineOptions options, String jobName, Consumer<Pipeline> build) {
    options.setJobName(jobName);
    Pipeline pipeline = Pipeline.create(options);
    build.accept(pipeline);
    pipeline.run().waitUntilFinish();
  }

  private static PipelineOptions directOptions(RunnerChoice choice) {
    DirectOptions options = PipelineOptionsFactory.as(DirectOptions.class);
    options.setRunner(DirectRunner.class);
    options.setTargetParallelism(choice.parallelism());
    // They clone and compare every element; tests turn them on.
    options.setEnforceImmutability(false);
    options.setEnforceEncodability(false);
    return options;
  }

  private static FlinkPipelineOptions flinkOptions(RunnerChoice choice) {
    FlinkPipelineOptions options = PipelineOptionsFactory.as(FlinkPipelineOptions.class);
    options.setRunner(FlinkRunner.class);
    options.setFlinkMaster(FlinkPipelineOptions.AUTO); // the environment that is open
    options.setStreaming(false);
    options.setFasterCopy(true); // no function here changes an element it was given
    options.setParallelism(choice.parallelism());
    return options;
  }

  /**
   * The jar this class is in. What it holds of Flink stays hidden behind the cluster's own classes.
   *
   * @throws ClusterException if this runs from a build directory, which no cluster can load
   */
  private static String ownJar() {
    try {
      Path place =
          Path.of(Engines.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      if (!Files.isRegularFile(place)) {
        throw new ClusterException(place + ": no jar, which is what a cluster is sent");
      }
      return place.toString();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
