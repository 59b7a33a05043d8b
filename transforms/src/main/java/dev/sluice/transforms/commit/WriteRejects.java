package dev.sluice.transforms.commit;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.ReasonCount;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.DigestingChannel;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.TypeDescriptors;

/**
 * Writes the rejects of each node aside, sorted, as one Avro file, and says what it wrote and
 * where. FORMAT.md 6.
 */
@AutoValue
public abstract class WriteRejects
    extends PTransform<PCollection<RejectedRecord>, PCollection<KV<String, RejectFile>>> {
  abstract PlannedRound round();

  abstract String directory();

  /** Writes below a directory. */
  public static WriteRejects into(PlannedRound round, String directory) {
    return new AutoValue_WriteRejects(round, directory);
  }

  @Override
  public PCollection<KV<String, RejectFile>> expand(PCollection<RejectedRecord> rejects) {
    return rejects
        .apply(
            "KeyByNode",
            WithKeys.of(RejectedRecord::getNode).withKeyType(TypeDescriptors.strings()))
        .setCoder(KvCoder.of(StringUtf8Coder.of(), AvroCoder.of(RejectedRecord.class)))
        .apply("GroupByNode", GroupByKey.create())
        .apply("WriteFile", ParDo.of(new WriteFn(round(), directory())))
        .setCoder(KvCoder.of(StringUtf8Coder.of(), AvroCoder.of(RejectFile.class)));
  }

  private static class WriteFn
      extends DoFn<KV<String, Iterable<RejectedRecord>>, KV<String, RejectFile>> {
    private static final long serialVersionUID = 1L;

    /** Records written for one node; what is over is counted. */
    private static final int MAX_RECORDS = 10_000;

    private static final Comparator<RejectedRecord> ORDER =
        Comparator.comparing(
                RejectedRecord::getBlock, Comparator.nullsFirst(Comparator.<Integer>naturalOrder()))
            .thenComparing(RejectedRecord::getReason)
            .thenComparing(RejectedRecord::getFile)
            .thenComparingLong(RejectedRecord::getOffset);

    private final PlannedRound round;
    private final String directory;

    WriteFn(PlannedRound round, String directory) {
      this.round = round;
      this.directory = directory;
    }

    @ProcessElement
    public void write(
        @Element KV<String, Iterable<RejectedRecord>> node,
        OutputReceiver<KV<String, RejectFile>> out)
        throws IOException {
      // The largest of those kept is on top, to make way for a smaller one.
      PriorityQueue<RejectedRecord> kept = new PriorityQueue<>(ORDER.reversed());
      Map<String, Long> reasons = new TreeMap<>();
      long found = 0;
      for (RejectedRecord record : node.getValue()) {
        found++;
        reasons.merge(record.getReason(), 1L, Long::sum);
        kept.add(record);
        if (kept.size() > MAX_RECORDS) {
          kept.remove();
        }
      }
      List<RejectedRecord> records = new ArrayList<>(kept);
      records.sort(ORDER);
      String aside = directory + "/rejects." + UUID.randomUUID() + ".avro";
      DigestingChannel bytes = new DigestingChannel(Storage.create(aside));
      try (DataFileWriter<RejectedRecord> writer =
          new DataFileWriter<>(new SpecificDatumWriter<>(RejectedRecord.class))) {
        writer.create(
            RejectedRecord.getClassSchema(),
            Channels.newOutputStream(bytes),
            CodeBlocks.syncMarker(round.digest(), "rejects/" + node.getKey(), 0));
        for (RejectedRecord record : records) {
          writer.append(record);
        }
      }
      List<ReasonCount> counts = new ArrayList<>();
      reasons.forEach((reason, count) -> counts.add(new ReasonCount(reason, count)));
      out.output(KV.of(aside, new RejectFile(node.getKey(), found, counts, bytes.sha256())));
    }
  }
}
