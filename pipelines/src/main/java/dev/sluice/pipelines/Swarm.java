package dev.sluice.pipelines;

import dev.sluice.schemas.NodePacket;
import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.SwarmQuery;
import dev.sluice.transforms.scores.ReadLabels;
import dev.sluice.transforms.scores.ReadScores;
import dev.sluice.transforms.scores.SwarmChannel;
import dev.sluice.transforms.scores.SwarmScores;
import java.util.List;
import java.util.Optional;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.BooleanCoder;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Filter;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.transforms.MapElements;
import org.apache.beam.sdk.transforms.join.KeyedPCollectionTuple;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TypeDescriptors;

/**
 * What a swarm said of each query of a directory, and what came and does not count.
 *
 * @param queries that count
 * @param rejected all else
 */
record Swarm(PCollection<SwarmQuery> queries, PCollection<ScoreReject> rejected) {
  /**
   * Reads packets and labels, and averages.
   *
   * @param owners indices of the nodes whose labels to read
   * @param calibrated the swarm whose labelled queries are not to be among these
   * @param minNodes fewest nodes that must have answered a query
   */
  static Swarm read(
      Pipeline pipeline,
      SwarmChannel swarm,
      List<Integer> owners,
      Optional<SwarmChannel> calibrated,
      int minNodes) {
    PCollectionTuple packets = pipeline.apply("ReadScores", ReadScores.of(swarm));
    PCollectionTuple labels = pipeline.apply("ReadLabels", ReadLabels.of(swarm, owners));
    Optional<PCollectionTuple> earlier =
        calibrated.map(known -> pipeline.apply("ReadCalibration", ReadScores.of(known)));
    PCollectionTuple averaged =
        KeyedPCollectionTuple.of(SwarmScores.PACKETS, packets.get(ReadScores.PACKETS))
            .and(SwarmScores.ANSWERS, labels.get(ReadLabels.ANSWERS))
            .and(SwarmScores.CALIBRATED, labelledIn(pipeline, earlier))
            .apply("SwarmScores", SwarmScores.of(swarm).withMinNodes(minNodes));
    PCollectionList<ScoreReject> rejected =
        PCollectionList.of(packets.get(ReadScores.REJECTED))
            .and(labels.get(ReadLabels.REJECTED))
            .and(averaged.get(SwarmScores.REJECTED));
    if (earlier.isPresent() && !calibrated.get().directory().equals(swarm.directory())) {
      // What cannot be read there cannot be compared with. In one directory they are known already.
      rejected = rejected.and(earlier.get().get(ReadScores.REJECTED));
    }
    return new Swarm(
        averaged.get(SwarmScores.QUERIES), rejected.apply("Rejected", Flatten.pCollections()));
  }

  private static PCollection<KV<String, Boolean>> labelledIn(
      Pipeline pipeline, Optional<PCollectionTuple> packets) {
    KvCoder<String, Boolean> coder = KvCoder.of(StringUtf8Coder.of(), BooleanCoder.of());
    if (packets.isEmpty()) {
      return pipeline.apply("NoneCalibrated", Create.empty(coder));
    }
    return packets
        .get()
        .get(ReadScores.PACKETS)
        .apply("Labelled", Filter.by((KV<String, NodePacket> p) -> p.getValue().getLabelled()))
        .apply(
            "Queries",
            MapElements.into(
                    TypeDescriptors.kvs(TypeDescriptors.strings(), TypeDescriptors.booleans()))
                .via((KV<String, NodePacket> p) -> KV.of(p.getKey(), true)))
        .setCoder(coder);
  }
}
