package dev.sluice.pipelines;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.transforms.allocation.SecondMoments;
import dev.sluice.transforms.allocation.TeacherSecondMoment;
import dev.sluice.transforms.allocation.WarmUpSecondMoments;
import dev.sluice.transforms.commit.CommitMoments;
import dev.sluice.transforms.refinement.SequentialRefinement;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.uplink.ReadUplink;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;

/**
 * What a committed round says about its nodes' logits: the uplinks are read once more, as the
 * average read them, and the moments of what they decode to and of the teacher written down.
 */
public final class MomentsRound {
  private MomentsRound() {}

  /**
   * Adds the moments of a round to a pipeline.
   *
   * @param refined the rounds that it refines, in order, as {@link PlannedRound#refined} has them
   */
  public static void build(Pipeline pipeline, CommittedRound committed, List<Uplinks> refined) {
    build(pipeline, committed, Uplinks.of(committed.round(), committed.directory()), refined);
  }

  /** The same from uplinks that may have been scanned before. */
  public static void build(
      Pipeline pipeline, CommittedRound committed, Uplinks own, List<Uplinks> refined) {
    PlannedRound round = committed.round();
    PCollection<BlockClaim> claims =
        Uplinks.flatten("Claims", own.read(pipeline), ReadUplink.CLAIMS);
    if (!refined.isEmpty()) {
      claims =
          Uplinks.withEarlier(claims, refined)
              .apply("SequentialRefinement", SequentialRefinement.of(round))
              .get(SequentialRefinement.CLAIMS);
    }
    PCollection<NodeMoments> nodes =
        claims.apply("WarmUpSecondMoments", WarmUpSecondMoments.of(round));
    PCollection<SecondMoments> teacher =
        pipeline
            .apply(
                "TeacherShards",
                Create.of(IntStream.range(0, round.shards()).boxed().toList())
                    .withCoder(VarIntCoder.of()))
            .apply("Spread", Reshuffle.viaRandomKey())
            .apply("TeacherSecondMoment", TeacherSecondMoment.of(committed));
    PCollectionTuple.of(CommitMoments.NODES, nodes)
        .and(CommitMoments.TEACHER, teacher)
        .apply("CommitMoments", CommitMoments.of(committed));
  }
}
