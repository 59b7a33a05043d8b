package dev.sluice.runners;

import dev.sluice.runners.RunnerChoice.Engine;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.apache.beam.runners.direct.DirectOptions;
import org.apache.beam.runners.direct.DirectRunner;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;

/** Sets a runner up, runs one pipeline on it to its end, and takes it down. */
final class Engines {
  private Engines() {}

  /**
   * Runs a pipeline and waits for it.
   *
   * @param choice direct or Flink
   * @param build adds the transforms
   * @throws RuntimeException as the runner wraps what went wrong
   */
  static void run(RunnerChoice choice, String jobName, Consumer<Pipeline> build)
      throws IOException {
    if (choice.engine() == Engine.DIRECT) {
      run(directOptions(choice), jobName, build);
    } else if (choice.flinkMaster().isPresent()) {
      FlinkPipelineOptions options = flinkOptions(choice);
      options.setFlinkMaster(choice.flinkMaster().get());
      options.setFilesToStage(ownJar());
      run(options, jobName, build);
    } else {
      try (FlinkConfDirectory conf = FlinkConfDirectory.create(choice.parallelism())) {
        FlinkPipelineOptions options = flinkOptions(choice);
        options.setFlinkMaster("[local]");
        options.setFlinkConfDir(conf.path());
        options.setFilesToStage(List.of()); // the classes are here already
        run(options, jobName, build);
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
    options.setStreaming(false);
    options.setFasterCopy(true); // no function here changes an element it was given
    options.setParallelism(choice.parallelism());
    return options;
  }

  /** The jar this class is in; nothing where it runs from a build directory. */
  private static List<String> ownJar() {
    try {
      Path place =
          Path.of(Engines.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      return Files.isRegularFile(place) ? List.of(place.toString()) : List.of();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
