package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.QuantizedScores;
import dev.sluice.schemas.ScorePacket;
import dev.sluice.schemas.ScoresWritten;
import dev.sluice.schemas.TrueAnswer;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.storage.DigestingChannel;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.avro.specific.SpecificRecord;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.Count;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.View;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionView;

/**
 * Writes a node's packets and true answers aside, in parts that hold the same records in the same
 * order and framing whatever order they come in. Holds one part. FORMAT.md 10.
 */
@AutoValue
public abstract class WriteScores
    extends PTransform<PCollection<QuantizedScores>, PCollection<ScoresWritten>> {
  /** An Avro block ends with the record that takes it to this size. */
  static final int BLOCK_BYTES = 1 << 15;

  abstract NodeChannel channel();

  abstract String scoresAside();

  abstract String labelsAside();

  /**
   * Writes below directories aside.
   *
   * @param scoresAside for packets
   * @param labelsAside for true answers, which need not leave the site
   */
  public static WriteScores into(NodeChannel channel, String scoresAside, String labelsAside) {
    return new AutoValue_WriteScores(channel, scoresAside, labelsAside);
  }

  @Override
  public PCollection<ScoresWritten> expand(PCollection<QuantizedScores> queries) {
    PCollectionView<Long> count =
        queries.apply("Count", Count.globally()).apply("AsCount", View.asSingleton());
    return queries
        .apply("KeyByPart", ParDo.of(new KeyFn(channel(), count)).withSideInputs(count))
        .setCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(QuantizedScores.class)))
        .apply("GroupByPart", GroupByKey.create())
        .apply("WriteParts", ParDo.of(new WriteFn(this)))
        .setCoder(AvroCoder.of(ScoresWritten.class));
  }

  private static class KeyFn extends DoFn<QuantizedScores, KV<Integer, QuantizedScores>> {
    private static final long serialVersionUID = 1L;
    private final int packetBytes;
    private final PCollectionView<Long> count;

    KeyFn(NodeChannel channel, PCollectionView<Long> count) {
      this.packetBytes = channel.budget().packetBytes();
      this.count = count;
    }

    @ProcessElement
    public void key(ProcessContext context) {
      int parts = ScoreShards.count(context.sideInput(count), packetBytes);
      QuantizedScores query = context.element();
      context.output(KV.of(ScoreShards.of(query.getQuery(), parts), query));
    }
  }

  private static class WriteFn extends DoFn<KV<Integer, Iterable<QuantizedScores>>, ScoresWritten> {
    private static final long serialVersionUID = 1L;
    private final NodeChannel channel;
    private final String scoresAside;
    private final String labelsAside;

    WriteFn(WriteScores write) {
      this.channel = write.channel();
      this.scoresAside = write.scoresAside();
      this.labelsAside = write.labelsAside();
    }

    @ProcessElement
    public void write(
        @Element KV<Integer, Iterable<QuantizedScores>> part, OutputReceiver<ScoresWritten> out)
        throws IOException {
      List<QuantizedScores> queries = new ArrayList<>();
      part.getValue().forEach(queries::add);
      queries.sort((a, b) -> ScoreNames.compare(a.getQuery(), b.getQuery()));
      List<ScorePacket> packets = new ArrayList<>(queries.size());
      List<TrueAnswer> answers = new ArrayList<>();
      long clipped = 0;
      for (int i = 0; i < queries.size(); i++) {
        QuantizedScores query = queries.get(i);
        if (i > 0 && query.getQuery().equals(queries.get(i - 1).getQuery())) {
          throw new BadInputException(
              "node '"
                  + channel.name()
                  + "': found query '"
                  + NodeChannel.shown(query.getQuery())
                  + "' twice, expected each once");
        }
        boolean labelled = query.getAnswer() != null;
        packets.add(
            new ScorePacket(query.getQuery(), query.getGroup(), labelled, query.getPacket()));
        if (labelled) {
          answers.add(new TrueAnswer(query.getQuery(), query.getAnswer()));
        }
        clipped += query.getClipped();
      }
      int shard = part.getKey();
      Written scores = write(ScorePacket.class, packets, scoresAside, "scores", shard);
      String labels =
          answers.isEmpty()
              ? null
              : write(TrueAnswer.class, answers, labelsAside, "labels", shard).file();
      out.output(
          ScoresWritten.newBuilder()
              .setShard(shard)
              .setScores(scores.file())
              .setLabels(labels)
              .setQueries(packets.size())
              .setLabelled(answers.size())
              .setClipped(clipped)
              .setBytes(scores.bytes())
              .setSha256(scores.sha256())
              .build());
    }

    private record Written(String file, long bytes, String sha256) {}

    private <T extends SpecificRecord> Written write(
        Class<T> type, List<T> records, String directory, String what, int shard)
        throws IOException {
      String file = directory + "/" + ScoreDirectory.part(what, shard) + "." + UUID.randomUUID();
      DigestingChannel bytes = new DigestingChannel(Storage.create(file));
      byte[] sync = CodeBlocks.syncMarker(channel.digest(), what, shard);
      try (DataFileWriter<T> writer = new DataFileWriter<>(new SpecificDatumWriter<>(type))) {
        writer.setSyncInterval(BLOCK_BYTES);
        writer.create(SpecificData.get().getSchema(type), Channels.newOutputStream(bytes), sync);
        for (T record : records) {
          writer.append(record);
        }
      }
      return new Written(file, bytes.bytes(), bytes.sha256());
    }
  }
}
