package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.QueryRow;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
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
 * The queries of a table, each once and spread over the workers. A name that two rows have fails
 * the run, with the lines of both.
 */
@AutoValue
public abstract class ReadQueryTable extends PTransform<PBegin, PCollection<QueryRow>> {
  /** Queries of a bundle, on average; a runner's work for each key may be far more than for one. */
  private static final int QUERIES = 1 << 12;

  abstract QueryTable table();

  abstract int bundles();

  /**
   * Reads a table.
   *
   * @param queries how many it has; the result does not depend on it
   */
  public static ReadQueryTable of(QueryTable table, long queries) {
    return new AutoValue_ReadQueryTable(table, ScoreShards.buckets(queries, QUERIES));
  }

  @Override
  public PCollection<QueryRow> expand(PBegin begin) {
    return begin
        .apply("Table", Create.of(table().file()).withCoder(StringUtf8Coder.of()))
        .apply("ReadRows", ParDo.of(new ReadFn(table(), bundles())))
        .setCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(QueryRow.class)))
        .apply("GroupQueries", GroupByKey.create())
        .apply("EachOnce", ParDo.of(new OnceFn(table().file())))
        .setCoder(AvroCoder.of(QueryRow.class));
  }

  private static class ReadFn extends DoFn<String, KV<Integer, QueryRow>> {
    private static final long serialVersionUID = 1L;
    private final QueryTable table;
    private final int bundles;

    ReadFn(QueryTable table, int bundles) {
      this.table = table;
      this.bundles = bundles;
    }

    @ProcessElement
    public void read(OutputReceiver<KV<Integer, QueryRow>> out) throws IOException {
      table.forEach(row -> out.output(KV.of(ScoreShards.of(row.getQuery(), bundles), row)));
    }
  }

  private static class OnceFn extends DoFn<KV<Integer, Iterable<QueryRow>>, QueryRow> {
    private static final long serialVersionUID = 1L;
    private final String file;

    OnceFn(String file) {
      this.file = file;
    }

    @ProcessElement
    public void once(@Element KV<Integer, Iterable<QueryRow>> rows, OutputReceiver<QueryRow> out)
        throws IOException {
      Map<String, Long> places = new HashMap<>();
      for (QueryRow row : rows.getValue()) {
        Long other = places.putIfAbsent(row.getQuery(), row.getPlace());
        if (other != null) {
          throw new BadInputException(
              file
                  + ": line "
                  + Math.max(other, row.getPlace())
                  + ": query: found '"
                  + NodeChannel.shown(row.getQuery())
                  + "', which line "
                  + Math.min(other, row.getPlace())
                  + " has, expected each once");
        }
        out.output(row);
      }
    }
  }
}
