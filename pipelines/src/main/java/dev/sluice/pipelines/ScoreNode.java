package dev.sluice.pipelines;

import dev.sluice.pipelines.site.QueryScorer;
import dev.sluice.pipelines.site.ScoreQueries;
import dev.sluice.schemas.QueryScores;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.scores.CommitScores;
import dev.sluice.transforms.scores.NodeChannel;
import dev.sluice.transforms.scores.QuantizeScores;
import dev.sluice.transforms.scores.QueryTable;
import dev.sluice.transforms.scores.ReadQueryTable;
import dev.sluice.transforms.scores.ReadScoreTable;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.scores.ScoreTable;
import dev.sluice.transforms.scores.WriteScores;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.values.PCollection;

/**
 * A site's answers to public queries: scores of candidates, from a table or from its own passages,
 * quantised within the channel's bits, written aside and moved into place together. THEORY 7.2.
 */
public final class ScoreNode {
  private ScoreNode() {}

  /**
   * Where answers go.
   *
   * @param scores takes packets
   * @param labels takes true answers; the same, unless the site keeps them
   * @param attempt a name that no other attempt uses there
   */
  public record Target(ScoreDirectory scores, ScoreDirectory labels, String attempt) {}

  /**
   * Adds the answers of a scorer elsewhere.
   *
   * @param rows how many the table has
   */
  public static void build(
      Pipeline pipeline,
      ScoreTable table,
      long rows,
      NodeChannel channel,
      OutOfRange outOfRange,
      Target target) {
    answer(
        pipeline.apply("ReadScoreTable-" + channel.name(), ReadScoreTable.of(table, rows)),
        channel,
        outOfRange,
        target);
  }

  /**
   * Adds the answers of a site's own scorer.
   *
   * @param rows how many queries there are
   */
  public static void build(
      Pipeline pipeline,
      QueryTable queries,
      long rows,
      QueryScorer scorer,
      NodeChannel channel,
      OutOfRange outOfRange,
      Target target) {
    answer(
        pipeline
            .apply("ReadQueryTable-" + channel.name(), ReadQueryTable.of(queries, rows))
            .apply("ScoreQueries-" + channel.name(), ScoreQueries.with(scorer)),
        channel,
        outOfRange,
        target);
  }

  private static void answer(
      PCollection<QueryScores> scores, NodeChannel channel, OutOfRange outOfRange, Target target) {
    String node = channel.name();
    scores
        .apply("QuantizeScores-" + node, QuantizeScores.of(channel).withOutOfRange(outOfRange))
        .apply(
            "WriteScores-" + node,
            WriteScores.into(
                channel,
                target.scores().aside(target.attempt()),
                target.labels().aside(target.attempt())))
        .apply(
            "CommitScores-" + node,
            CommitScores.to(target.scores(), channel).withLabels(target.labels()));
  }
}
