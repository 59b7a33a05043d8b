package dev.sluice.pipelines;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.uplink.ListUplinks;
import dev.sluice.transforms.uplink.ReadScans;
import dev.sluice.transforms.uplink.ReadUplink;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;

/**
 * The uplinks of one round, each node's read as a collection of its own; or what reading them came
 * to, where that is known.
 *
 * @param round the plan that they are held against
 * @param directory where they lie
 * @param scans files that {@link ScanRound} wrote, one for each uplink file; empty where the
 *     uplinks themselves are read
 */
public record Uplinks(PlannedRound round, RoundDirectory directory, Optional<List<String>> scans) {
  /** The uplinks of a round. */
  public static Uplinks of(PlannedRound round, RoundDirectory directory) {
    return new Uplinks(round, directory, Optional.empty());
  }

  /** The same by scans of them. */
  public Uplinks scanned(List<String> files) {
    return new Uplinks(round, directory, Optional.of(List.copyOf(files)));
  }

  /** Reads them all, and what lies beside them: outputs of {@link ReadUplink}. */
  List<PCollectionTuple> read(Pipeline pipeline) {
    if (scans.isPresent()) {
      return List.of(
          pipeline
              .apply("Scans", Create.of(scans.get()).withCoder(StringUtf8Coder.of()))
              .apply("Spread", Reshuffle.viaRandomKey())
              .apply("ReadScans", ReadScans.of(directory)));
    }
    List<String> names = new ArrayList<>();
    round.nodes().forEach(node -> names.add(node.getName()));
    List<PCollectionTuple> uplinks = new ArrayList<>();
    if (names.size() > pipeline.getOptions().as(UplinkOptions.class).getNodeBranches()) {
      uplinks.add(read(pipeline, "Nodes", names));
    } else {
      names.forEach(name -> uplinks.add(read(pipeline, name, List.of(name))));
    }
    uplinks.add(read(pipeline, "Others", List.of(ListUplinks.STRANGERS)));
    return uplinks;
  }

  private PCollectionTuple read(Pipeline pipeline, String label, List<String> nodes) {
    return pipeline
        .apply("Name-" + label, Create.of(nodes).withCoder(StringUtf8Coder.of()))
        .apply("List-" + label, ListUplinks.of(round, directory))
        .apply("Read-" + label, ReadUplink.of(round));
  }

  /**
   * Claims together with those of earlier rounds, each held against its own plan; what those rounds
   * rejected is in their own manifests.
   */
  static PCollection<BlockClaim> withEarlier(
      PCollection<BlockClaim> claims, List<Uplinks> refined) {
    PCollectionList<BlockClaim> all = PCollectionList.of(claims);
    for (Uplinks earlier : refined) {
      List<String> names = new ArrayList<>();
      earlier.round().nodes().forEach(node -> names.add(node.getName()));
      String label = "Refined-" + earlier.round().plan().getId();
      all = all.and(earlier.read(claims.getPipeline(), label, names).get(ReadUplink.CLAIMS));
    }
    return all.apply("WithEarlierPlanes", Flatten.pCollections());
  }

  static <T> PCollection<T> flatten(String name, List<PCollectionTuple> parts, TupleTag<T> tag) {
    List<PCollection<T>> collections = new ArrayList<>();
    parts.forEach(part -> collections.add(part.get(tag)));
    return PCollectionList.of(collections).apply(name, Flatten.pCollections());
  }
}
