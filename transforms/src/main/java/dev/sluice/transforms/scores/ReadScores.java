package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.ScoreFile;
import dev.sluice.schemas.ScorePacket;
import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.SwarmPart;
import dev.sluice.schemas.SwarmParts;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PBegin;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * The packets of a swarm from the files that the nodes' channel.json name. A file with another
 * digest is not used.
 *
 * <p>Packets themselves are shuffled: one has at most its budget of bits, which is less than a
 * pointer to it would take.
 */
@AutoValue
public abstract class ReadScores extends PTransform<PBegin, PCollectionTuple> {
  /** By bucket of queries. */
  public static final TupleTag<KV<Integer, SwarmParts>> PACKETS = new TupleTag<>() {};

  /** What else was there. */
  public static final TupleTag<ScoreReject> REJECTED = new TupleTag<>() {};

  abstract SwarmChannel swarm();

  abstract int buckets();

  /** Reads the packets of a swarm. */
  public static ReadScores of(SwarmChannel swarm) {
    return new AutoValue_ReadScores(swarm, PartBuckets.of(swarm));
  }

  /** In the buckets of another swarm, to meet its packets. */
  public ReadScores inBucketsOf(SwarmChannel other) {
    return new AutoValue_ReadScores(swarm(), PartBuckets.of(other));
  }

  @Override
  public PCollectionTuple expand(PBegin begin) {
    List<KV<Integer, Integer>> files = new ArrayList<>();
    for (int node = 0; node < swarm().nodes().size(); node++) {
      for (int f = 0; f < swarm().nodes().get(node).document().getFiles().size(); f++) {
        files.add(KV.of(node, f));
      }
    }
    PCollectionTuple read =
        begin
            .apply(
                "Files", Create.of(files).withCoder(KvCoder.of(VarIntCoder.of(), VarIntCoder.of())))
            .apply("Spread", Reshuffle.viaRandomKey())
            .apply(
                "ReadPackets",
                ParDo.of(new ReadFn(swarm(), buckets()))
                    .withOutputTags(PACKETS, TupleTagList.of(REJECTED)));
    read.get(PACKETS).setCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(SwarmParts.class)));
    read.get(REJECTED).setCoder(AvroCoder.of(ScoreReject.class));
    return read;
  }

  private static class ReadFn extends DoFn<KV<Integer, Integer>, KV<Integer, SwarmParts>> {
    private static final long serialVersionUID = 1L;

    private final Counter packets = Metrics.counter(ReadScores.class, "packets");
    private final SwarmChannel swarm;
    private final int buckets;

    ReadFn(SwarmChannel swarm, int buckets) {
      this.swarm = swarm;
      this.buckets = buckets;
    }

    @ProcessElement
    public void read(@Element KV<Integer, Integer> element, MultiOutputReceiver out)
        throws IOException {
      int node = element.getKey();
      NodeChannel channel = swarm.nodes().get(node);
      ScoreFile file = channel.document().getFiles().get(element.getValue());
      ScoreFiles records =
          new ScoreFiles(
              channel.name(),
              swarm.directory().scores(channel.name()) + "/" + file.getName(),
              out.get(REJECTED)::output);
      if (!records.hasDigest(file.getSha256())) {
        return;
      }
      PartBuckets parts = new PartBuckets(buckets, out.get(PACKETS)::output);
      int packetBytes = channel.budget().packetBytes();
      long read =
          records.read(
              ScorePacket.getClassSchema(),
              file.getQueries(),
              in -> {
                ScorePacket packet = in.packet(packetBytes);
                packets.inc();
                parts.add(
                    SwarmPart.newBuilder()
                        .setQuery(packet.getQuery())
                        .setNode(node)
                        .setGroup(packet.getGroup())
                        .setLabelled(packet.getLabelled())
                        .setPacket(packet.getPacket())
                        .build());
              });
      parts.flush();
      if (read < file.getQueries()) {
        records.isShort(read, file.getQueries());
      }
    }
  }
}
