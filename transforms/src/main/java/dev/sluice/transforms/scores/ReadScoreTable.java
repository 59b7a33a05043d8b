package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.QueryScores;
import dev.sluice.schemas.ScoreRow;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
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
 */
@AutoValue
public abstract class ReadScoreTable extends PTransform<PBegin, PCollection<QueryScores>> {
  abstract ScoreTable table();

  /** Reads a table. */
  public static ReadScoreTable of(ScoreTable table) {
    return new AutoValue_ReadScoreTable(table);
  }

  @Override
  public PCollection<QueryScores> expand(PBegin begin) {
    return begin
        .apply("Table", Create.of(table().file()).withCoder(StringUtf8Coder.of()))
        .apply("ReadRows", ParDo.of(new ReadFn(table())))
        .setCoder(KvCoder.of(StringUtf8Coder.of(), AvroCoder.of(ScoreRow.class)))
        .apply("GroupByQuery", GroupByKey.create())
        .apply("OneVector", ParDo.of(new GatherFn(table())))
        .setCoder(AvroCoder.of(QueryScores.class));
  }

  private static class ReadFn extends DoFn<String, KV<String, ScoreRow>> {
    private static final long serialVersionUID = 1L;
    private final ScoreTable table;

    ReadFn(ScoreTable table) {
      this.table = table;
    }

    @ProcessElement
    public void read(OutputReceiver<KV<String, ScoreRow>> out) throws IOException {
      table.forEach((query, row) -> out.output(KV.of(query, row)));
    }
  }

  /** What is told of does not depend on the order in which rows arrive: the first in the table. */
  private static class GatherFn extends DoFn<KV<String, Iterable<ScoreRow>>, QueryScores> {
    private static final long serialVersionUID = 1L;

    /** More do not make a message better. */
    private static final int MAX_FAULTY = 100_000;

    private final ScoreTable table;

    GatherFn(ScoreTable table) {
      this.table = table;
    }

    @ProcessElement
    public void gather(
        @Element KV<String, Iterable<ScoreRow>> query, OutputReceiver<QueryScores> out)
        throws IOException {
      List<ScoreRow> rows = new ArrayList<>();
      for (ScoreRow row : query.getValue()) {
        rows.add(row);
        if (rows.size() > table.candidates() + MAX_FAULTY) {
          break;
        }
      }
      rows.sort((a, b) -> Long.compare(a.getPlace(), b.getPlace()));
      ScoreRow first = rows.get(0);
      long[] places = new long[table.candidates()];
      Double[] scores = new Double[table.candidates()];
      Arrays.fill(scores, ScoreQuantizer.NOT_SCORED);
      for (ScoreRow row : rows) {
        int y = row.getCandidate();
        agree(query.getKey(), "group", first, row, first.getGroup(), row.getGroup());
        agree(query.getKey(), "truth", first, row, first.getTruth(), row.getTruth());
        if (places[y] > 0) {
          throw refused(
              row,
              "found query '"
                  + NodeChannel.shown(query.getKey())
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
                + NodeChannel.shown(query.getKey())
                + "' with scores of "
                + rows.size()
                + (rows.size() == 1 ? " candidate" : " candidates")
                + ", expected at least the "
                + table.sent()
                + " that are sent");
      }
      out.output(
          QueryScores.newBuilder()
              .setQuery(query.getKey())
              .setGroup(first.getGroup())
              .setTruth(first.getTruth())
              .setScores(List.of(scores))
              .build());
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
