package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.QuantizedScores;
import dev.sluice.schemas.QueryScores;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;

/**
 * What a node says of each query, and what it knows of it: scores quantised within the channel's
 * bits. A function of the query's name and scores alone. FORMAT.md 10.1.
 */
@AutoValue
public abstract class QuantizeScores
    extends PTransform<PCollection<QueryScores>, PCollection<QuantizedScores>> {
  abstract NodeChannel channel();

  abstract OutOfRange outOfRange();

  /** Quantises for a channel; a score outside its range is an error. */
  public static QuantizeScores of(NodeChannel channel) {
    return new AutoValue_QuantizeScores(channel, OutOfRange.REFUSE);
  }

  /** What becomes of a score outside the range. */
  public QuantizeScores withOutOfRange(OutOfRange outOfRange) {
    return new AutoValue_QuantizeScores(channel(), outOfRange);
  }

  @Override
  public PCollection<QuantizedScores> expand(PCollection<QueryScores> scores) {
    return scores
        .apply("DitherAndPack", ParDo.of(new QuantizeFn(channel(), outOfRange())))
        .setCoder(AvroCoder.of(QuantizedScores.class));
  }

  private static class QuantizeFn extends DoFn<QueryScores, QuantizedScores> {
    private static final long serialVersionUID = 1L;
    private final Counter queries = Metrics.counter(QuantizeScores.class, "queries");
    private final NodeChannel channel;
    private final OutOfRange outOfRange;
    private transient ScoreQuantizer quantizer;

    QuantizeFn(NodeChannel channel, OutOfRange outOfRange) {
      this.channel = channel;
      this.outOfRange = outOfRange;
    }

    @Setup
    public void setUp() {
      quantizer = channel.quantizer(outOfRange);
    }

    @ProcessElement
    public void quantize(@Element QueryScores scores, OutputReceiver<QuantizedScores> out)
        throws IOException {
      double[] nats = scores.getScores().stream().mapToDouble(Double::doubleValue).toArray();
      checkRange(scores.getQuery(), nats);
      ScoreQuantizer.Packet packet;
      try {
        packet = quantizer.encode(channel.budget(), scores.getQuery(), nats);
      } catch (IllegalArgumentException e) {
        throw new BadInputException("node '" + channel.name() + "': " + e.getMessage(), e);
      }
      queries.inc();
      out.output(
          QuantizedScores.newBuilder()
              .setQuery(scores.getQuery())
              .setGroup(scores.getGroup())
              .setAnswer(
                  scores.getTruth() < 0
                      ? null
                      : channel.document().getCandidates().get(scores.getTruth()))
              .setPacket(ByteBuffer.wrap(packet.bytes()))
              .setClipped(packet.clipped())
              .build());
    }

    private void checkRange(String query, double[] nats) throws BadInputException {
      double most = channel.document().getMaxScore();
      for (int y = 0; y < nats.length && outOfRange == OutOfRange.REFUSE; y++) {
        if (!(nats[y] >= 0 && nats[y] <= most) && nats[y] != ScoreQuantizer.NOT_SCORED) {
          throw new BadInputException(
              "node '"
                  + channel.name()
                  + "': query '"
                  + NodeChannel.shown(query)
                  + "', candidate '"
                  + NodeChannel.shown(channel.document().getCandidates().get(y))
                  + "': found a score of "
                  + nats[y]
                  + ", expected 0 to "
                  + most
                  + " nats (--out-of-range clip would move it to an end of the range)");
        }
      }
    }
  }
}
