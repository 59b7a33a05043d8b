package dev.sluice.pipelines;

import dev.sluice.schemas.RejectFile;
import dev.sluice.transforms.aggregation.KFoldAverage;
import dev.sluice.transforms.commit.CommitRound;
import dev.sluice.transforms.commit.WriteRejects;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.uplink.ListUplinks;
import dev.sluice.transforms.uplink.ReadUplink;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Flatten;
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
    List<String> names = new ArrayList<>();
    round.nodes().forEach(node -> names.add(node.getName()));
    List<PCollectionTuple> uplinks = new ArrayList<>();
    if (names.size() > NODE_BRANCHES) {
      uplinks.add(readUplink(pipeline, round, directory, "Nodes", names));
    } else {
      names.forEach(
          name -> uplinks.add(readUplink(pipeline, round, directory, name, List.of(name))));
    }
    uplinks.add(readUplink(pipeline, round, directory, "Others", List.of(ListUplinks.STRANGERS)));
    return uplinks;
  }

  private static PCollectionTuple readUplink(
      Pipeline pipeline,
      PlannedRound round,
      RoundDirectory directory,
      String label,
      List<String> nodes) {
    return pipeline
        .apply("Name-" + label, Create.of(nodes).withCoder(StringUtf8Coder.of()))
        .apply("List-" + label, ListUplinks.of(round, directory))
        .apply("Read-" + label, ReadUplink.of(round));
  }

  private static <T> PCollection<T> flatten(
      String name, List<PCollectionTuple> parts, TupleTag<T> tag) {
    List<PCollection<T>> collections = new ArrayList<>();
    parts.forEach(part -> collections.add(part.get(tag)));
    return PCollectionList.of(collections).apply(name, Flatten.pCollections());
  }
}
