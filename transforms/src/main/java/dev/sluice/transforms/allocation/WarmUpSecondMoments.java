package dev.sluice.transforms.allocation;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.aggregation.Quorum;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.NestedDigits;
import dev.sluice.transforms.refinement.PrefixDecoder;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.RangeReader;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import org.apache.beam.sdk.coders.CannotProvideCoderException;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.CoderRegistry;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.SerializableCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.Combine;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;

/**
 * What a round says about each node's logits, from the reconstructions that its average is made of:
 * one {@link NodeMoments} for each node of which it averages any block. THEORY 6.
 *
 * <p>The claims are those of the average, each with its earlier planes in a refinement; copies
 * count once, contradictions not at all, and a block without valid codes is passed over, for the
 * average has rejected each of these. The dither's variance is subtracted probe by probe as it was,
 * see {@link NestedDigits#probeVariances}; without dither there is none, and the raw moment stands.
 *
 * <p>One pass over the codes, a shard of a node at a time, which stay where they are: claims cross
 * the runner, and then one small sum for each node and shard. Those sums are exact, so the result
 * is a function of the set of blocks, on any runner.
 *
 * <p>Fails with a {@link BadInputException} where the digits of a refined round are not those that
 * the plan says were there.
 */
@AutoValue
public abstract class WarmUpSecondMoments
    extends PTransform<PCollection<BlockClaim>, PCollection<NodeMoments>> {
  private static final HexFormat HEX = HexFormat.of();

  abstract PlannedRound round();

  /** The moments of a round's nodes. */
  public static WarmUpSecondMoments of(PlannedRound round) {
    return new AutoValue_WarmUpSecondMoments(round);
  }

  @Override
  public PCollection<NodeMoments> expand(PCollection<BlockClaim> claims) {
    return claims
        .apply("KeyByNodeAndShard", ParDo.of(new KeyByNodeAndShardFn(round())))
        .setCoder(
            KvCoder.of(
                KvCoder.of(VarIntCoder.of(), VarIntCoder.of()), AvroCoder.of(BlockClaim.class)))
        .apply("GroupByNodeAndShard", GroupByKey.create())
        .apply("AddProbes", ParDo.of(new AddProbesFn(round())))
        .setCoder(KvCoder.of(VarIntCoder.of(), SerializableCoder.of(WarmUpSums.class)))
        .apply("OverShards", Combine.perKey(new SumFn()))
        .setCoder(KvCoder.of(VarIntCoder.of(), SerializableCoder.of(WarmUpSums.class)))
        .apply("DivideByProbes", ParDo.of(new DivideFn(round())))
        .setCoder(AvroCoder.of(NodeMoments.class));
  }

  private static class KeyByNodeAndShardFn
      extends DoFn<BlockClaim, KV<KV<Integer, Integer>, BlockClaim>> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;

    KeyByNodeAndShardFn(PlannedRound round) {
      this.round = round;
    }

    @ProcessElement
    public void key(
        @Element BlockClaim claim, OutputReceiver<KV<KV<Integer, Integer>, BlockClaim>> out) {
      int node = round.indexOf(claim.getHeader().getNode()).orElseThrow();
      int shard = round.shardOf(claim.getHeader().getBlock());
      out.output(KV.of(KV.of(node, shard), claim));
    }
  }

  /** Decodes a node's blocks of one shard and adds their probes. */
  private static class AddProbesFn
      extends DoFn<KV<KV<Integer, Integer>, Iterable<BlockClaim>>, KV<Integer, WarmUpSums>> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;
    private transient RangeReader reader;
    private transient PrefixDecoder decoder;
    private transient double[] variances;

    AddProbesFn(PlannedRound round) {
      this.round = round;
    }

    @ProcessElement
    public void add(
        @Element KV<KV<Integer, Integer>, Iterable<BlockClaim>> part,
        OutputReceiver<KV<Integer, WarmUpSums>> out)
        throws IOException {
      if (decoder == null) {
        reader = new RangeReader();
        decoder = new PrefixDecoder(round, reader);
        variances = new double[round.probesIn(0)];
      }
      int node = part.getKey().getKey();
      int shard = part.getKey().getValue();
      WarmUpSums sums = new WarmUpSums();
      Map<String, MessageDigest> digests = new TreeMap<>(); // by round
      // The average of the round has said what is rejected.
      Quorum quorum = Quorum.of(round, shard, part.getValue(), reject -> {});
      for (int block = round.firstBlock(shard); block < round.endBlock(shard); block++) {
        for (Quorum.Seat seat : quorum.seats(block)) {
          PrefixDecoder.Prefix prefix = decoder.decode(node, seat.claim()).orElse(null);
          if (prefix != null) {
            add(node, block, prefix, sums);
            prefix
                .claims()
                .forEach(
                    claim ->
                        digests
                            .computeIfAbsent(
                                claim.getHeader().getRound(), id -> CodeBlocks.sha256())
                            .update(claim.getDigest().bytes()));
          }
        }
      }
      digests.forEach((id, digest) -> sums.addDigest(id, shard, HEX.formatHex(digest.digest())));
      if (sums.probes() > 0) {
        out.output(KV.of(node, sums));
      }
    }

    private void add(int node, int block, PrefixDecoder.Prefix prefix, WarmUpSums sums) {
      BlockHeader header = prefix.claims().get(0).getHeader(); // later planes clip nothing anew
      BlockShape first = prefix.shapes().get(0);
      int vocabulary = round.vocabulary();
      boolean dithered = round.quantizer().isDithered();
      if (dithered) {
        NestedDigits.probeVariances(
            prefix.shapes(), round.key(node), block, prefix.clips(), variances);
      }
      for (int probe = 0; probe < first.probes(); probe++) {
        double clip = prefix.clips()[probe];
        sums.addProbe(
            prefix.y(),
            probe * vocabulary,
            (probe + 1) * vocabulary,
            dithered ? variances[probe] : 0,
            clip,
            probe == 0 ? header.getClipped() : 0,
            probe == 0 ? header.getMasked() : 0);
        sums.note(prefix.claims().size(), first.step(clip, false));
      }
    }

    @FinishBundle
    public void closeFiles() throws IOException {
      if (reader != null) {
        reader.close();
      }
    }

    /** A bundle that fails is never finished. */
    @Teardown
    public void closeFilesAtLast() throws IOException {
      closeFiles();
    }
  }

  /** Merges the sums of a node's shards; exact, so in any order. */
  static class SumFn extends Combine.CombineFn<WarmUpSums, WarmUpSums, WarmUpSums> {
    private static final long serialVersionUID = 1L;

    @Override
    public WarmUpSums createAccumulator() {
      return new WarmUpSums();
    }

    @Override
    public WarmUpSums addInput(WarmUpSums sum, WarmUpSums part) {
      sum.merge(part);
      return sum;
    }

    @Override
    public WarmUpSums mergeAccumulators(Iterable<WarmUpSums> parts) {
      WarmUpSums sum = createAccumulator();
      parts.forEach(sum::merge);
      return sum;
    }

    @Override
    public WarmUpSums extractOutput(WarmUpSums sum) {
      return sum;
    }

    @Override
    public Coder<WarmUpSums> getAccumulatorCoder(CoderRegistry registry, Coder<WarmUpSums> input)
        throws CannotProvideCoderException {
      return SerializableCoder.of(WarmUpSums.class);
    }

    @Override
    public Coder<WarmUpSums> getDefaultOutputCoder(CoderRegistry registry, Coder<WarmUpSums> input)
        throws CannotProvideCoderException {
      return SerializableCoder.of(WarmUpSums.class);
    }
  }

  private static class DivideFn extends DoFn<KV<Integer, WarmUpSums>, NodeMoments> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;

    DivideFn(PlannedRound round) {
      this.round = round;
    }

    @ProcessElement
    public void divide(@Element KV<Integer, WarmUpSums> node, OutputReceiver<NodeMoments> out)
        throws BadInputException {
      WarmUpSums sums = node.getValue();
      checkEarlier(node.getKey(), sums);
      SecondMoments.Moments moments = sums.moments();
      out.output(
          NodeMoments.newBuilder()
              .setName(round.nodes().get(node.getKey()).getName())
              .setProbes(moments.probes())
              .setPlanes(sums.planes())
              .setSecondMoment(moments.secondMoment())
              .setRawSecondMoment(moments.rawSecondMoment())
              .setDitherVariance(moments.ditherVariance())
              .setMean(moments.mean())
              .setMin(moments.min())
              .setMax(moments.max())
              .setClippedCoordinates(moments.clipped())
              .setClippedFraction(
                  moments.clipped() / ((double) moments.probes() * round.vocabulary()))
              .setMaskedCoordinates(moments.masked())
              .setBlockVariance(moments.probes() > 1 ? moments.blockVariance() : null)
              .setMaxClip(sums.maxClip())
              .setMeanSquareClip(sums.meanSquareClip())
              .setMaxStep(sums.maxStep())
              .setDigest(digest(sums, round.plan().getId()))
              .build());
    }

    /** SHA-256 over shards, in order, as in the manifest. */
    private static String digest(WarmUpSums sums, String round) {
      MessageDigest digests = CodeBlocks.sha256();
      sums.digests(round).forEach(digest -> digests.update(HEX.parseHex(digest)));
      return HEX.formatHex(digests.digest());
    }

    /** The manifest speaks of this round's digits; of those before, the plan does. */
    private void checkEarlier(int node, WarmUpSums sums) throws BadInputException {
      for (int r : round.earlierRounds(node)) {
        RefinedRound earlier = round.refined().get(r);
        String found = digest(sums, earlier.getId());
        String expected = earlier.getDigests().get(node);
        if (!found.equals(expected)) {
          throw new BadInputException(
              "the uplink of '"
                  + round.nodes().get(node).getName()
                  + "' in round '"
                  + earlier.getId()
                  + "' has changed since it was refined: found "
                  + found
                  + ", expected "
                  + expected
                  + " as in "
                  + round.source());
        }
      }
    }
  }
}
