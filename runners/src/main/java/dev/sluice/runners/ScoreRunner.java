package dev.sluice.runners;

import dev.sluice.pipelines.ScoreNode;
import dev.sluice.pipelines.site.PassageIndex;
import dev.sluice.pipelines.site.PassageScorer;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.scores.NodeChannel;
import dev.sluice.transforms.scores.QueryTable;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.scores.ScoreTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.function.BiConsumer;
import org.apache.beam.sdk.Pipeline;

/**
 * Runs a site's answers in this process and waits for them. A failed run leaves what was there, and
 * nothing else.
 */
final class ScoreRunner {
  private final Progress progress;
  private final RunnerChoice choice;
  private final OutOfRange outOfRange;
  private final ScoreDirectory scores;
  private final ScoreDirectory labels;

  /**
   * What was sent.
   *
   * @param channel channel.json as committed
   * @param rows rows, or queries, that were read
   * @param others rows of other nodes, passed over
   * @param passages passages that were indexed; 0 for scores from elsewhere
   * @param own queries that have rows of their own among the passages
   */
  record Answered(NodeChannel channel, long rows, long others, long passages, long own) {}

  ScoreRunner(
      Progress progress,
      RunnerChoice choice,
      OutOfRange outOfRange,
      ScoreDirectory scores,
      ScoreDirectory labels) {
    this.progress = progress;
    this.choice = choice;
    this.outOfRange = outOfRange;
    this.scores = scores;
    this.labels = labels;
  }

  /** Answers with the scores of a table. */
  Answered answer(NodeChannel channel, String table) throws IOException {
    ScoreTable rows = ScoreTable.of(table, channel, outOfRange);
    ScoreTable.Counts counts = rows.check();
    NodeChannel committed =
        run(
            channel,
            counts.rows() / channel.budget().sent(),
            (pipeline, target) ->
                ScoreNode.build(pipeline, rows, counts.rows(), channel, outOfRange, target));
    return new Answered(committed, counts.rows(), counts.others(), 0, 0);
  }

  /** Answers with the scores that the site's own passages give. */
  Answered answer(
      NodeChannel channel, String corpus, String queries, int passagesPerQuery, double lambda)
      throws IOException {
    QueryTable table = QueryTable.of(queries, channel);
    long count = table.check();
    Path index = Files.createTempDirectory("sluice-passages-");
    Thread clearUp = new Thread(() -> Attempt.delete(index.toString()), "sluice-clear-up-passages");
    Runtime.getRuntime().addShutdownHook(clearUp);
    try {
      PassageScorer scorer =
          PassageScorer.of(index, channel.document().getCandidates(), passagesPerQuery, lambda);
      long passages = PassageIndex.build(corpus, index);
      long own = own(table, index);
      NodeChannel committed =
          run(
              channel,
              count,
              (pipeline, target) ->
                  ScoreNode.build(pipeline, table, count, scorer, channel, outOfRange, target));
      return new Answered(committed, count, 0, passages, own);
    } finally {
      Attempt.delete(index.toString());
      Attempt.removeHook(clearUp);
    }
  }

  /** How many queries have rows of their own. */
  private static long own(QueryTable queries, Path index) throws IOException {
    long[] own = {0};
    try (PassageIndex passages = PassageIndex.open(index)) {
      queries.forEach(row -> own[0] += passages.hasOwn(row.getQuery(), row.getText()) ? 1 : 0);
    }
    return own[0];
  }

  private NodeChannel run(
      NodeChannel channel, long queries, BiConsumer<Pipeline, ScoreNode.Target> build)
      throws IOException {
    ScoreNode.Target target = new ScoreNode.Target(scores, labels, UUID.randomUUID().toString());
    List<String> asides =
        scores.equals(labels)
            ? List.of(scores.aside(target.attempt()))
            : List.of(scores.aside(target.attempt()), labels.aside(target.attempt()));
    return new Attempt("score", scores.root(), asides)
        .run(
            choice,
            progress,
            new Attempt.Work(queries, "queries", channel.budget().packetBytes() + 16.0),
            pipeline -> build.accept(pipeline, target),
            () -> NodeChannel.read(scores, channel.name()));
  }
}
