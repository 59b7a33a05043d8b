package dev.sluice.pipelines.site;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.QueryRow;
import dev.sluice.schemas.QueryScores;
import java.io.IOException;
import java.util.Arrays;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;

/** What a site's scorer makes of each query. */
@AutoValue
public abstract class ScoreQueries
    extends PTransform<PCollection<QueryRow>, PCollection<QueryScores>> {
  abstract QueryScorer scorer();

  /** Scores with a scorer. */
  public static ScoreQueries with(QueryScorer scorer) {
    return new AutoValue_ScoreQueries(scorer);
  }

  @Override
  public PCollection<QueryScores> expand(PCollection<QueryRow> queries) {
    return queries
        .apply("Score", ParDo.of(new ScoreFn(scorer())))
        .setCoder(AvroCoder.of(QueryScores.class));
  }

  private static class ScoreFn extends DoFn<QueryRow, QueryScores> {
    private static final long serialVersionUID = 1L;
    private final QueryScorer scorer;
    private transient QueryScorer.Session session;

    ScoreFn(QueryScorer scorer) {
      this.scorer = scorer;
    }

    @Setup
    public void setUp() throws IOException {
      session = scorer.open();
    }

    @ProcessElement
    public void score(@Element QueryRow query, OutputReceiver<QueryScores> out) throws IOException {
      double[] scores = session.score(query.getQuery(), query.getText());
      out.output(
          QueryScores.newBuilder()
              .setQuery(query.getQuery())
              .setGroup(query.getGroup())
              .setTruth(query.getTruth())
              .setScores(Arrays.stream(scores).boxed().toList())
              .build());
    }

    @Teardown
    public void tearDown() throws IOException {
      if (session != null) {
        session.close();
        session = null;
      }
    }
  }
}
