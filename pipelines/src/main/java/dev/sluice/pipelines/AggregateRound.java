package dev.sluice.pipelines;

import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.RejectFile;
import dev.sluice.transforms.aggregation.KFoldAverage;
import dev.sluice.transforms.commit.CommitRound;
import dev.sluice.transforms.commit.WriteRejects;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.uplink.ReadUplink;
import dev.sluice.transforms.uplink.UplinkScan;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.io.FileIO;
import org.apache.beam.sdk.io.fs.EmptyMatchTreatment;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.transforms.Filter;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.transforms.SerializableFunction;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;

/**
 * The hub's end of a round. Each node's uplink is read as a collection of its own; the claims are
 * flattened, the K nodes averaged block by block, the teacher and the rejects written aside, and
 * the round committed by its manifest.
 */
public final class AggregateRound {
  /**
   * Up to this many nodes, each uplink is its own branch of the graph, and shows under its own
   * name; beyond, one branch reads all, so that building the graph does not take longer than the
   * work.
   */
  public static final int NODE_BRANCHES = 32;

  private AggregateRound() {}

  /**
   * Adds the round to a pipeline.
   *
   * @param minNodes fewest nodes over which a block is averaged
   * @param attempt a name that no other attempt at this round uses
   */
  public static void build(
      Pipeline pipeline,
      PlannedRound round,
      RoundDirectory directory,
      int minNodes,
      String attempt) {
    String aside = directory.aside(attempt);
    List<PCollectionTuple> uplinks = readUplinks(pipeline, round, directory);

    PCollectionTuple teacher =
        flatten("Claims", uplinks, ReadUplink.CLAIMS)
            .apply("KFoldAverage", KFoldAverage.of(round).withMinNodes(minNodes).into(aside));

    PCollection<KV<String, RejectFile>> rejects =
        PCollectionList.of(flatten("Rejects", uplinks, ReadUplink.REJECTED))
            .and(teacher.get(KFoldAverage.REJECTED))
            .apply("AllRejects", Flatten.pCollections())
            .apply("WriteRejects", WriteRejects.into(round, aside));

    PCollectionTuple.of(CommitRound.ACCOUNTS, teacher.get(KFoldAverage.ACCOUNTS))
        .and(CommitRound.REJECTS, rejects)
        .and(CommitRound.FILES, flatten("Files", uplinks, ReadUplink.FILES))
        .apply("CommitRound", CommitRound.of(round, directory, aside, minNodes));
  }

  private static List<PCollectionTuple> readUplinks(
      Pipeline pipeline, PlannedRound round, RoundDirectory directory) {
    List<PCollectionTuple> uplinks = new ArrayList<>();
    uplinks.add(
        pipeline
            .apply("MatchMisplaced", match(directory.uplinks() + "/*"))
            .apply("ReadMisplaced", ReadUplink.of(round)));
    if (round.nodes().size() > NODE_BRANCHES) {
      uplinks.add(
          pipeline
              .apply("MatchUplinks", match(directory.uplinks() + "/*/*"))
              .apply("ReadUplinks", ReadUplink.of(round)));
      return uplinks;
    }
    for (NodePlan node : round.nodes()) {
      uplinks.add(
          pipeline
              .apply("Match-" + node.getName(), match(directory.uplink(node.getName()) + "/*"))
              .apply("Read-" + node.getName(), ReadUplink.of(round)));
    }
    uplinks.add(
        pipeline
            .apply("MatchOthers", match(directory.uplinks() + "/*/*"))
            .apply("NotInThePlan", Filter.by(new IsStranger(round)))
            .apply("ReadOthers", ReadUplink.of(round)));
    return uplinks;
  }

  private static FileIO.Match match(String pattern) {
    return FileIO.match().filepattern(pattern).withEmptyMatchTreatment(EmptyMatchTreatment.ALLOW);
  }

  private static <T> PCollection<T> flatten(
      String name, List<PCollectionTuple> parts, TupleTag<T> tag) {
    List<PCollection<T>> collections = new ArrayList<>();
    parts.forEach(part -> collections.add(part.get(tag)));
    return PCollectionList.of(collections).apply(name, Flatten.pCollections());
  }

  /** Whether a file lies in the directory of no node of the plan. */
  private static final class IsStranger
      implements SerializableFunction<MatchResult.Metadata, Boolean> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;

    IsStranger(PlannedRound round) {
      this.round = round;
    }

    @Override
    public Boolean apply(MatchResult.Metadata file) {
      return round.indexOf(UplinkScan.directoryName(file.resourceId())).isEmpty();
    }
  }
}
