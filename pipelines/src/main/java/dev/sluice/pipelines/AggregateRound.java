package dev.sluice.pipelines;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.transforms.aggregation.KFoldAverage;
import dev.sluice.transforms.commit.CommitRound;
import dev.sluice.transforms.commit.WriteRejects;
import dev.sluice.transforms.refinement.SequentialRefinement;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.uplink.ReadUplink;
import java.util.List;
import java.util.Optional;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;

/**
 * The hub's end of a round. Each node's uplink is read as a collection of its own; the claims are
 * flattened, in a refinement joined with those of the rounds refined, the K nodes averaged block by
 * block, the teacher and the rejects written aside, and the round committed by its manifest.
 */
public final class AggregateRound {
  private AggregateRound() {}

  /**
   * Adds the round to a pipeline.
   *
   * @param refined the rounds that it refines, in order, as {@link PlannedRound#refined} has them
   * @param minNodes fewest nodes over which a block is averaged
   * @param attempt a name that no other attempt at this round uses
   */
  public static void build(
      Pipeline pipeline,
      PlannedRound round,
      RoundDirectory directory,
      List<Uplinks> refined,
      int minNodes,
      String attempt) {
    build(pipeline, Uplinks.of(round, directory), refined, minNodes, attempt, Optional.empty());
  }

  /**
   * The same from uplinks that may have been scanned before.
   *
   * @param before the round with the outputs of an earlier version, whose shards are not averaged
   *     again where their claims are the same; empty where shards are not to be remembered
   */
  public static void build(
      Pipeline pipeline,
      Uplinks own,
      List<Uplinks> refined,
      int minNodes,
      String attempt,
      Optional<RoundDirectory> before) {
    PlannedRound round = own.round();
    RoundDirectory directory = own.directory();
    String aside = directory.aside(attempt);
    List<PCollectionTuple> uplinks = own.read(pipeline);
    PCollection<BlockClaim> claims = Uplinks.flatten("Claims", uplinks, ReadUplink.CLAIMS);
    PCollectionList<RejectedRecord> rejected =
        PCollectionList.of(Uplinks.flatten("Rejects", uplinks, ReadUplink.REJECTED));

    if (!refined.isEmpty()) {
      PCollectionTuple prefixes =
          Uplinks.withEarlier(claims, refined)
              .apply("SequentialRefinement", SequentialRefinement.of(round));
      claims = prefixes.get(SequentialRefinement.CLAIMS);
      rejected = rejected.and(prefixes.get(SequentialRefinement.REJECTED));
    }
    KFoldAverage mean =
        KFoldAverage.of(round).withMinNodes(minNodes).withReferences(directory).into(aside);
    PCollectionTuple teacher =
        claims.apply("KFoldAverage", before.map(mean::remembering).orElse(mean));

    PCollection<KV<String, RejectFile>> rejects =
        rejected
            .and(teacher.get(KFoldAverage.REJECTED))
            .apply("AllRejects", Flatten.pCollections())
            .apply("WriteRejects", WriteRejects.into(round, aside));

    PCollectionTuple.of(CommitRound.ACCOUNTS, teacher.get(KFoldAverage.ACCOUNTS))
        .and(CommitRound.REJECTS, rejects)
        .and(CommitRound.FILES, Uplinks.flatten("Files", uplinks, ReadUplink.FILES))
        .apply(
            "CommitRound",
            CommitRound.of(
                round,
                directory,
                refined.stream().map(Uplinks::directory).toList(),
                aside,
                minNodes));
  }
}
