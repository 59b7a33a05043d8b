package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.ScoreRejectCount;
import dev.sluice.schemas.ScoreRejects;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.avro.CodeBlocks;
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
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;

/**
 * Writes the first 10 000 rejects aside, sorted, and counts all. Nothing comes out where nothing
 * was rejected. FORMAT.md 10.5.
 */
@AutoValue
public abstract class WriteScoreRejects
    extends PTransform<PCollection<ScoreReject>, PCollection<ScoreRejects>> {
  private static final int MAX_RECORDS = 10_000;

  abstract String directory();

  /** Writes below a directory. */
  public static WriteScoreRejects into(String directory) {
    return new AutoValue_WriteScoreRejects(directory);
  }

  @Override
  public PCollection<ScoreRejects> expand(PCollection<ScoreReject> rejects) {
    return rejects
        .apply("OneKey", WithKeys.of(0))
        .apply("Gather", GroupByKey.create())
        .apply("WriteFile", ParDo.of(new WriteFn(directory())))
        .setCoder(AvroCoder.of(ScoreRejects.class));
  }

  /** All counts. */
  static List<ScoreRejectCount> counts(List<ScoreRejects> written) {
    return written.stream().flatMap(rejects -> rejects.getCounts().stream()).toList();
  }

  /**
   * Moves what was written into place; where there is nothing, an earlier file is deleted.
   *
   * @param written at most one
   */
  static void place(List<ScoreRejects> written, String target) throws IOException {
    if (written.isEmpty()) {
      Storage.deleteIfExists(target);
    }
    for (ScoreRejects rejects : written) {
      Storage.moveOnce(rejects.getAside(), target);
    }
  }

  private static class WriteFn extends DoFn<KV<Integer, Iterable<ScoreReject>>, ScoreRejects> {
    private static final long serialVersionUID = 1L;

    private static final Comparator<String> NULL_FIRST =
        Comparator.nullsFirst(Comparator.<String>naturalOrder());
    private static final Comparator<ScoreReject> ORDER =
        Comparator.comparing(ScoreReject::getReason)
            .thenComparing(ScoreReject::getQuery, NULL_FIRST)
            .thenComparing(ScoreReject::getNode, NULL_FIRST)
            .thenComparing(ScoreReject::getFile, NULL_FIRST)
            .thenComparing(ScoreReject::getDetail);

    private final String directory;

    WriteFn(String directory) {
      this.directory = directory;
    }

    @ProcessElement
    public void write(
        @Element KV<Integer, Iterable<ScoreReject>> all, OutputReceiver<ScoreRejects> out)
        throws IOException {
      // The largest of those kept is on top, to make way for a smaller one.
      PriorityQueue<ScoreReject> kept = new PriorityQueue<>(ORDER.reversed());
      Map<String, Long> reasons = new TreeMap<>();
      for (ScoreReject reject : all.getValue()) {
        reasons.merge(reject.getReason(), 1L, Long::sum);
        kept.add(reject);
        if (kept.size() > MAX_RECORDS) {
          kept.remove();
        }
      }
      List<ScoreReject> records = new ArrayList<>(kept);
      records.sort(ORDER);
      String aside = directory + "/rejects." + UUID.randomUUID() + ".avro";
      try (DataFileWriter<ScoreReject> writer =
          new DataFileWriter<>(new SpecificDatumWriter<>(ScoreReject.class))) {
        writer.create(
            ScoreReject.getClassSchema(),
            Channels.newOutputStream(Storage.create(aside)),
            CodeBlocks.syncMarker(new Sha256(new byte[32]), "score-rejects", 0));
        for (ScoreReject record : records) {
          writer.append(record);
        }
      }
      List<ScoreRejectCount> counts = new ArrayList<>();
      reasons.forEach((reason, count) -> counts.add(new ScoreRejectCount(reason, count)));
      out.output(new ScoreRejects(aside, counts));
    }
  }
}
