package dev.sluice.runners;

import dev.sluice.runners.RunnerChoice.Engine;
import dev.sluice.transforms.scores.NodeChannel;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.scores.SwarmChannel;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.UUID;
import java.util.function.BiConsumer;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.io.fs.MatchResult;

/**
 * One attempt at a step over the scores of a swarm.
 *
 * @param what the step
 * @param swarm whose scores are read
 * @param directory below which the attempt writes
 */
record ScoreAttempt(String what, SwarmChannel swarm, ScoreDirectory directory) {
  /**
   * Runs a pipeline to its end.
   *
   * @param build adds the transforms; the text is the attempt's name
   * @param result reads how it ended, from the attempt's directory
   * @throws IOException if input cannot be used or files cannot be written
   */
  <T> T run(
      RunnerChoice runner, Progress progress, BiConsumer<Pipeline, String> build, Ended<T> result)
      throws IOException {
    String attempt = UUID.randomUUID().toString();
    String aside = directory.aside(attempt);
    return new Attempt(what, directory.root(), List.of(aside))
        .run(
            runner,
            progress,
            new Attempt.Work(swarm.mostQueries(), "queries", 64),
            pipeline -> build.accept(pipeline, attempt),
            () -> result.read(aside));
  }

  /** Reads what an attempt has left aside. */
  interface Ended<T> {
    T read(String aside) throws IOException;
  }

  /** Settles AUTO by how much the nodes have sent, and says which runner it is. */
  static RunnerChoice settle(RunnerChoice choice, SwarmChannel swarm, PrintWriter err)
      throws IOException {
    String reason = "as asked";
    if (choice.engine() == Engine.AUTO) {
      long bytes = 0;
      for (NodeChannel node : swarm.nodes()) {
        String files = swarm.directory().scores(node.name()) + "/scores-*.avro";
        for (MatchResult.Metadata file : Storage.match(files)) {
          bytes += Math.max(0, file.sizeBytes());
        }
      }
      boolean small = bytes < RoundRunner.FLINK_FROM_BYTES;
      choice =
          RunnerChoice.of(small ? Engine.DIRECT : Engine.FLINK)
              .withParallelism(choice.parallelism());
      reason =
          Texts.bytes(bytes)
              + " of scores, "
              + (small ? "below " : "not below ")
              + Texts.bytes(RoundRunner.FLINK_FROM_BYTES);
    }
    err.println(
        "sluice: "
            + choice.label()
            + ", parallelism "
            + choice.parallelism()
            + " ("
            + reason
            + ")");
    err.flush();
    return choice;
  }
}
