package dev.sluice.runners;

import dev.sluice.runners.RunnerChoice.Engine;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.scores.SwarmChannel;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.UUID;
import java.util.function.BiConsumer;
import org.apache.beam.sdk.Pipeline;

/**
 * One attempt at a step over the scores of a swarm.
 *
 * @param what the step
 * @param swarm whose scores are read
 * @param directory below which the attempt writes
 */
record ScoreAttempt(String what, SwarmChannel swarm, ScoreDirectory directory) {
  /** From this many packets on, AUTO chooses Flink: per element the direct runner is slow. */
  static final long FLINK_FROM_PACKETS = 100_000;

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
    return run(runner, progress, UUID.randomUUID().toString(), build, result);
  }

  /**
   * The same under a name.
   *
   * @param attempt that no other attempt at this directory uses
   */
  <T> T run(
      RunnerChoice runner,
      Progress progress,
      String attempt,
      BiConsumer<Pipeline, String> build,
      Ended<T> result)
      throws IOException {
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
      long packets = swarm.nodes().stream().mapToLong(node -> node.document().getQueries()).sum();
      boolean small = packets < FLINK_FROM_PACKETS;
      choice =
          RunnerChoice.of(small ? Engine.DIRECT : Engine.FLINK)
              .withParallelism(choice.parallelism());
      reason = packets + " packets, " + (small ? "below " : "not below ") + FLINK_FROM_PACKETS;
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
