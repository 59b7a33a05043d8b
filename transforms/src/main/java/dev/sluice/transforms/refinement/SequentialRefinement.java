package dev.sluice.transforms.refinement;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.transforms.round.PlannedRound;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * From the claims of a round and of the rounds that it refines to one claim for each node and
 * block: its {@link LongestPrefix} of digit planes. Claims are headers, so the codes of no round
 * cross the runner.
 */
@AutoValue
public abstract class SequentialRefinement
    extends PTransform<PCollection<BlockClaim>, PCollectionTuple> {
  /** Last planes, each with those before it. */
  public static final TupleTag<BlockClaim> CLAIMS = new TupleTag<>() {};

  /** Claims of this round that do not count. */
  public static final TupleTag<RejectedRecord> REJECTED = new TupleTag<>() {};

  abstract PlannedRound round();

  /** Joins the planes of a round and of those it refines. */
  public static SequentialRefinement of(PlannedRound round) {
    return new AutoValue_SequentialRefinement(round);
  }

  @Override
  public PCollectionTuple expand(PCollection<BlockClaim> claims) {
    PCollectionTuple joined =
        claims
            .apply("KeyByShard", ParDo.of(new KeyByShardFn(round())))
            .setCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(BlockClaim.class)))
            .apply("GroupByShard", GroupByKey.create())
            .apply(
                "JoinPlanes",
                ParDo.of(new JoinFn(round())).withOutputTags(CLAIMS, TupleTagList.of(REJECTED)));
    joined.get(CLAIMS).setCoder(AvroCoder.of(BlockClaim.class));
    joined.get(REJECTED).setCoder(AvroCoder.of(RejectedRecord.class));
    return joined;
  }

  private static class KeyByShardFn extends DoFn<BlockClaim, KV<Integer, BlockClaim>> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;

    KeyByShardFn(PlannedRound round) {
      this.round = round;
    }

    @ProcessElement
    public void key(@Element BlockClaim claim, OutputReceiver<KV<Integer, BlockClaim>> out) {
      out.output(KV.of(round.shardOf(claim.getHeader().getBlock()), claim));
    }
  }

  private static class JoinFn extends DoFn<KV<Integer, Iterable<BlockClaim>>, BlockClaim> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;

    JoinFn(PlannedRound round) {
      this.round = round;
    }

    @ProcessElement
    public void join(@Element KV<Integer, Iterable<BlockClaim>> shard, MultiOutputReceiver out) {
      LongestPrefix.of(
              round,
              shard.getKey(),
              shard.getValue(),
              reject -> {
                Metrics.counter("rejects", reject.getReason()).inc();
                out.get(REJECTED).output(reject);
              })
          .forEach(out.get(CLAIMS)::output);
    }
  }
}
