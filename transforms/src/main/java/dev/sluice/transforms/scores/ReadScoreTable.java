package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.QueryScores;
import dev.sluice.schemas.ScoreRow;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PBegin;
import org.apache.beam.sdk.values.PCollection;

/**
 * A table of scores, query by query. The rows of a query may be anywhere in it; those that do not
 * agree with each other fail the run, with the places of both.
 *
 * <p>Rows meet in bundles of many queries, as a runner's work for each key may be far more than
 * that for a query. Holds one bundle.
 */
@AutoValue
public abstract class ReadScoreTable extends PTransform<PBegin, PCollection<QueryScores>> {
  /** Rows of a bundle, on average. */
  private static final int ROWS = 1 << 16;

  abstract ScoreTable table();

  abstract int bundles();

  /**
   * Reads a table.
   *
   * @param rows how many it has; the result does not depend on it
   */
  public static ReadScoreTable of(ScoreTable table, long rows) {
    return new AutoValue_ReadScoreTable(table, ScoreShards.buckets(rows, ROWS));
  }

  @Override
  public PCollection<QueryScores> expand(PBegin begin) {
    return begin
        .apply("Table", Create.of(table().file()).withCoder(StringUtf8Coder.of()))
        .apply("ReadRows", ParDo.of(new ReadFn(table(), bundles())))
        .setCoder(
            KvCoder.of(
                VarIntCoder.of(), KvCoder.of(StringUtf8Coder.of(), AvroCoder.of(ScoreRow.class))))
        .apply("GroupQueries", GroupByKey.create())
        .apply("OneVectorEach", ParDo.of(new GatherFn(table())))
        .setCoder(AvroCoder.of(QueryScores.class));
  }

  private static class ReadFn extends DoFn<String, KV<Integer, KV<String, ScoreRow>>> {
    private static final long serialVersionUID = 1L;
    private final ScoreTable table;
    private final int bundles;

    ReadFn(ScoreTable table, int bundles) {
      this.table = table;
      this.bundles = bundles;
    }

    @ProcessElement
    public void read(OutputReceiver<KV<Integer, KV<String, ScoreRow>>> out) throws IOException {
      table.forEach(
          (query, row) -> out.output(KV.of(ScoreShards.of(query, bundles), KV.of(query, row))));
    }
  }

  /** What is told of does not depend on the order in which rows arrive: the first in the table. */
  private static class GatherFn
      extends DoFn<KV<Integer, Iterable<KV<String, ScoreRow>>>, QueryScores> {
    private static final long serialVersionUID = 1L;
    private final ScoreTable table;

    GatherFn(ScoreTable table) {
      this.table = table;
    }

    @ProcessElement
    public void gather(
        @Element KV<Integer, Iterable<KV<String, ScoreRow>>> bundle,
        OutputReceiver<QueryScores> out)
        throws IOException {
      List<KV<String, ScoreRow>> rows = new ArrayList<>();
      bundle.getValue().forEach(rows::add);
      rows.sort(Comparator.comparingLong(row -> row.getValue().getPlace()));
      Map<String, List<ScoreRow>> queries = new LinkedHashMap<>();
      for (KV<String, ScoreRow> row : rows) {
        queries.computeIfAbsent(row.getKey(), name -> new ArrayList<>()).add(row.getValue());
      }
      for (Map.Entry<String, List<ScoreRow>> query : queries.entrySet()) {
        out.output(scores(query.getKey(), query.getValue()));
      }
    }

    /**
     * The scores of a query.
     *
     * @param rows in the order of the table
     */
    private QueryScores scores(String query, List<ScoreRow> rows) throws BadInputException {
      ScoreRow first = rows.get(0);
      long[] places = new long[table.candidates()];
      Double[] scores = new Double[table.candidates()];
      Arrays.fill(scores, ScoreQuantizer.NOT_SCORED);
      for (ScoreRow row : rows) {
        int y = row.getCandidate();
        agree(query, "group", first, row, first.getGroup(), row.getGroup());
        agree(query, "truth", first, row, first.getTruth(), row.getTruth());
        if (places[y] > 0) {
          throw refused(
              row,
              "found query '"
                  + NodeChannel.shown(query)
                  + "' with a candidate that "
                  + table.unit()
                  + " "
                  + places[y]
                  + " has scored, expected each once");
        }
        places[y] = row.getPlace();
        scores[y] = row.getScore();
      }
      if (rows.size() < table.sent()) {
        throw refused(
            first,
            "found query '"
                + NodeChannel.shown(query)
                + "' with scores of "
                + rows.size()
                + (rows.size() == 1 ? " candidate" : " candidates")
                + ", expected at least the "
                + table.sent()
                + " that are sent");
      }
      return QueryScores.newBuilder()
          .setQuery(query)
          .setGroup(first.getGroup())
          .setTruth(first.getTruth())
          .setScores(List.of(scores))
          .build();
    }

    private void agree(
        String query, String what, ScoreRow first, ScoreRow row, Object one, Object other)
        throws BadInputException {
      if (!Objects.equals(one, other)) {
        throw refused(
            row,
            "found query '"
                + NodeChannel.shown(query)
                + "' with another "
                + what
                + " than in "
                + table.unit()
                + " "
                + first.getPlace()
                + ", expected the same in all rows of a query");
      }
    }

    private BadInputException refused(ScoreRow row, String message) {
      return new BadInputException(
          table.file() + ": " + table.unit() + " " + row.getPlace() + ": " + message);
    }
  }
}
