package dev.sluice.transforms.rates;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.RateShare;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.aggregation.Quorum;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.reference.RateCurve;
import dev.sluice.transforms.reference.ReferenceCodes;
import dev.sluice.transforms.reference.ReferenceDecoder;
import dev.sluice.transforms.reference.ReferenceEncoder;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.RangeReader;
import dev.sluice.transforms.uplink.ClaimCodes;
import dev.sluice.transforms.uplink.ReferenceRows;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;

/**
 * Rate curves of a round's nodes, from what their codes decode to: one {@link RateShare} for each
 * node and shard of which any block was averaged. Every level is measured with real code lengths of
 * the decoded logits, so that a curve holds up to the level of the codes themselves.
 *
 * <p>The codes stay where they are; a shard of a node at a time, one block in memory.
 */
@AutoValue
public abstract class MeasureRates
    extends PTransform<PCollection<BlockClaim>, PCollection<RateShare>> {
  abstract PlannedRound round();

  abstract RoundDirectory references();

  /**
   * The rates of a round of the reference channel.
   *
   * @param references where those of the plan lie
   */
  public static MeasureRates of(PlannedRound round, RoundDirectory references) {
    return new AutoValue_MeasureRates(round, references);
  }

  @Override
  public PCollection<RateShare> expand(PCollection<BlockClaim> claims) {
    return claims
        .apply("KeyByNodeAndShard", ParDo.of(new KeyFn(round())))
        .setCoder(
            KvCoder.of(
                KvCoder.of(VarIntCoder.of(), VarIntCoder.of()), AvroCoder.of(BlockClaim.class)))
        .apply("GroupByNodeAndShard", GroupByKey.create())
        .apply("MeasureLevels", ParDo.of(new MeasureFn(round(), references())))
        .setCoder(AvroCoder.of(RateShare.class));
  }

  private static class KeyFn extends DoFn<BlockClaim, KV<KV<Integer, Integer>, BlockClaim>> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;

    KeyFn(PlannedRound round) {
      this.round = round;
    }

    @ProcessElement
    public void key(
        @Element BlockClaim claim, OutputReceiver<KV<KV<Integer, Integer>, BlockClaim>> out) {
      int node = round.indexOf(claim.getHeader().getNode()).orElseThrow();
      out.output(KV.of(KV.of(node, round.shardOf(claim.getHeader().getBlock())), claim));
    }
  }

  private static class MeasureFn
      extends DoFn<KV<KV<Integer, Integer>, Iterable<BlockClaim>>, RateShare> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;
    private final RoundDirectory references;
    private transient RangeReader reader;
    private transient ClaimCodes codes;
    private transient ReferenceRows reference;
    private transient ReferenceDecoder decoder;
    private transient ReferenceEncoder encoder;
    private transient double[] decoded;

    MeasureFn(PlannedRound round, RoundDirectory references) {
      this.round = round;
      this.references = references;
    }

    @ProcessElement
    public void measure(
        @Element KV<KV<Integer, Integer>, Iterable<BlockClaim>> part, OutputReceiver<RateShare> out)
        throws IOException {
      if (reader == null) {
        reader = new RangeReader();
        codes = new ClaimCodes(round, reader);
        reference = new ReferenceRows(round, references);
        decoder = new ReferenceDecoder();
        double kappa = round.plan().getReference().getKappa();
        encoder = new ReferenceEncoder(round.probesIn(0), round.vocabulary(), kappa);
        decoded = new double[round.probesIn(0) * round.vocabulary()];
      }
      int node = part.getKey().getKey();
      int shard = part.getKey().getValue();
      ReferenceEncoder.Rates rates = new ReferenceEncoder.Rates();
      MessageDigest digests = CodeBlocks.sha256();
      long probes = 0;
      int level = Integer.MAX_VALUE;
      // The average of the round has said what is rejected.
      Quorum quorum = Quorum.of(round, shard, part.getValue(), reject -> {});
      for (int block = round.firstBlock(shard); block < round.endBlock(shard); block++) {
        for (Quorum.Seat seat : quorum.seats(block)) {
          reference.read(block);
          if (!decode(node, block, codes.read(seat.claim(), 0))) {
            continue;
          }
          level = Math.min(level, decoder.level());
          for (int c = 0; c < round.probesIn(block) * round.vocabulary(); c++) {
            decoded[c] += reference.logits()[c];
          }
          encoder.measure(
              reference.derived(),
              reference.logits(),
              decoded,
              round.key(node).dither(),
              round.firstProbe(block),
              decoder.level(),
              rates);
          probes += round.probesIn(block);
          digests.update(seat.claim().getDigest().bytes());
        }
      }
      if (probes > 0) {
        out.output(share(shard, node, probes, level, rates, new Sha256(digests.digest())));
      }
    }

    private boolean decode(int node, int block, byte[] block0) throws IOException {
      try {
        decoder.decode(
            reference.derived(),
            round.key(node).dither(),
            round.firstProbe(block),
            ReferenceCodes.unwrap(reference.derived(), block0),
            PlannedRound.MAX_NODES_TIMES_CLIP / round.nodes().size(),
            decoded);
        return true;
      } catch (BadCodesException e) {
        return false; // the average has rejected it
      }
    }

    private static RateShare share(
        int shard, int node, long probes, int level, ReferenceEncoder.Rates rates, Sha256 digest) {
      int points = level / RateCurve.STEP + 1;
      return RateShare.newBuilder()
          .setShard(shard)
          .setNode(node)
          .setProbes(probes)
          .setLevel(level)
          .setBits(first(rates.bits(), points))
          .setNoise(first(rates.noise(), points))
          .setUnsent(first(rates.unsent(), points))
          .setDigest(digest)
          .build();
    }

    private static List<Double> first(double[] values, int points) {
      return DoubleStream.of(Arrays.copyOf(values, points)).boxed().toList();
    }

    @FinishBundle
    public void closeFiles() throws IOException {
      if (reader != null) {
        reader.close();
        reference.close();
      }
    }

    /** A bundle that fails is never finished. */
    @Teardown
    public void closeFilesAtLast() throws IOException {
      closeFiles();
    }
  }
}
