package dev.sluice.runners;

import dev.sluice.runners.RunnerChoice.Engine;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.UUID;
import java.util.function.BiConsumer;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.io.fs.MatchResult;

/** Runs the steps on directories of scores in this process, each attempt aside. */
final class ScoreRunner {
  private final Progress progress;
  private final PrintWriter err;

  /**
   * A runner.
   *
   * @param err where to say which runner was chosen, and why
   */
  ScoreRunner(Progress progress, PrintWriter err) {
    this.progress = progress;
    this.err = err;
  }

  /** A directory of scores as a person types it. */
  static ScoreDirectory directory(String typed) throws IOException {
    return new ScoreDirectory(Locations.round(typed).root());
  }

  /**
   * Runs one attempt and clears up after it.
   *
   * @param input whose packets decide on the runner
   * @param output below which the attempt writes
   * @param build adds the transforms, which write below the directory given to them
   */
  void run(
      RunnerChoice choice,
      String what,
      ScoreDirectory input,
      ScoreDirectory output,
      long queries,
      BiConsumer<Pipeline, String> build)
      throws IOException {
    RunnerChoice runner = choose(choice, input);
    String aside = output.aside(UUID.randomUUID().toString());
    Thread clearUp = new Thread(() -> delete(aside), "sluice-clear-up");
    Runtime.getRuntime().addShutdownHook(clearUp);
    try (Progress.Task task = progress.begin(what, queries, "queries")) {
      Engines.run(runner, "sluice-" + what, pipeline -> build.accept(pipeline, aside));
      task.at(queries);
    } catch (RuntimeException e) {
      throw Failures.badInput(e)
          .map(message -> (IOException) new BadInputException(message, e))
          .orElseThrow(() -> new IllegalStateException(Failures.unexpected(e), e));
    } finally {
      delete(aside);
      Runtime.getRuntime().removeShutdownHook(clearUp);
    }
  }

  private RunnerChoice choose(RunnerChoice choice, ScoreDirectory input) throws IOException {
    if (choice.engine() != Engine.AUTO) {
      return choice;
    }
    long bytes = 0;
    for (MatchResult.Metadata node : Storage.list(input.scores())) {
      for (MatchResult.Metadata file :
          node.sizeBytes() < 0
              ? Storage.list(node.resourceId().toString())
              : java.util.List.of(node)) {
        bytes += Math.max(0, file.sizeBytes());
      }
    }
    Engine engine = bytes < RoundRunner.FLINK_FROM_BYTES ? Engine.DIRECT : Engine.FLINK;
    RunnerChoice runner = RunnerChoice.of(engine).withParallelism(choice.parallelism());
    err.println(
        "sluice: "
            + runner.label()
            + ", parallelism "
            + runner.parallelism()
            + " ("
            + Texts.bytes(bytes)
            + " of scores)");
    err.flush();
    return runner;
  }

  private static void delete(String directory) {
    try {
      Storage.deleteTree(directory);
    } catch (IOException | RuntimeException e) {
      // A part of a failed job may still be writing; what remains is hidden and means nothing.
    }
  }
}
