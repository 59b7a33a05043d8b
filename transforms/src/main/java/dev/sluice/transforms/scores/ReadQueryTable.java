package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.QueryRow;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
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
 * The queries of a table, each once and spread over the workers. A name that two rows have fails
 * the run, with the lines of both.
 */
@AutoValue
public abstract class ReadQueryTable extends PTransform<PBegin, PCollection<QueryRow>> {
  abstract QueryTable table();

  /** Reads a table. */
  public static ReadQueryTable of(QueryTable table) {
    return new AutoValue_ReadQueryTable(table);
  }

  @Override
  public PCollection<QueryRow> expand(PBegin begin) {
    return begin
        .apply("Table", Create.of(table().file()).withCoder(StringUtf8Coder.of()))
        .apply("ReadRows", ParDo.of(new ReadFn(table())))
        .setCoder(KvCoder.of(StringUtf8Coder.of(), AvroCoder.of(QueryRow.class)))
        .apply("GroupByQuery", GroupByKey.create())
        .apply("EachOnce", ParDo.of(new OnceFn(table().file())))
        .setCoder(AvroCoder.of(QueryRow.class));
  }

  private static class ReadFn extends DoFn<String, KV<String, QueryRow>> {
    private static final long serialVersionUID = 1L;
    private final QueryTable table;

    ReadFn(QueryTable table) {
      this.table = table;
    }

    @ProcessElement
    public void read(OutputReceiver<KV<String, QueryRow>> out) throws IOException {
      table.forEach(row -> out.output(KV.of(row.getQuery(), row)));
    }
  }

  private static class OnceFn extends DoFn<KV<String, Iterable<QueryRow>>, QueryRow> {
    private static final long serialVersionUID = 1L;
    private final String file;

    OnceFn(String file) {
      this.file = file;
    }

    @ProcessElement
    public void once(@Element KV<String, Iterable<QueryRow>> rows, OutputReceiver<QueryRow> out)
        throws IOException {
      QueryRow first = null;
      long second = Long.MAX_VALUE;
      for (QueryRow row : rows.getValue()) {
        if (first == null || row.getPlace() < first.getPlace()) {
          second = first == null ? second : first.getPlace();
          first = row;
        } else {
          second = Math.min(second, row.getPlace());
        }
      }
      if (second < Long.MAX_VALUE) {
        throw new BadInputException(
            file
                + ": line "
                + second
                + ": query: found '"
                + NodeChannel.shown(rows.getKey())
                + "', which line "
                + first.getPlace()
                + " has, expected each once");
      }
      out.output(first);
    }
  }
}
