package dev.sluice.pipelines;

import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.SwarmPart;
import dev.sluice.schemas.SwarmParts;
import dev.sluice.schemas.SwarmQuery;
import dev.sluice.transforms.scores.ReadLabels;
import dev.sluice.transforms.scores.ReadScores;
import dev.sluice.transforms.scores.SwarmChannel;
import dev.sluice.transforms.scores.SwarmScores;
import java.util.List;
import java.util.Optional;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.transforms.MapElements;
import org.apache.beam.sdk.transforms.SimpleFunction;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;

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
        calibrated.map(
            known -> pipeline.apply("ReadCalibration", ReadScores.of(known).inBucketsOf(swarm)));
    PCollectionList<KV<Integer, SwarmParts>> parts =
        PCollectionList.of(packets.get(ReadScores.PACKETS)).and(labels.get(ReadLabels.ANSWERS));
    if (earlier.isPresent()) {
      parts = parts.and(labelledIn(earlier.get().get(ReadScores.PACKETS)));
    }
    PCollectionTuple averaged =
        parts
            .apply("Parts", Flatten.pCollections())
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

  private static PCollection<KV<Integer, SwarmParts>> labelledIn(
      PCollection<KV<Integer, SwarmParts>> packets) {
    return packets
        .apply("CalibratedWith", MapElements.via(new Labelled()))
        .setCoder(packets.getCoder());
  }

  /** The labelled queries among packets, without the packets. */
  private static class Labelled
      extends SimpleFunction<KV<Integer, SwarmParts>, KV<Integer, SwarmParts>> {
    private static final long serialVersionUID = 1L;

    @Override
    public KV<Integer, SwarmParts> apply(KV<Integer, SwarmParts> packets) {
      return KV.of(
          packets.getKey(),
          new SwarmParts(
              packets.getValue().getParts().stream()
                  .filter(SwarmPart::getLabelled)
                  .map(packet -> SwarmPart.newBuilder().setQuery(packet.getQuery()).build())
                  .toList()));
    }
  }
}
