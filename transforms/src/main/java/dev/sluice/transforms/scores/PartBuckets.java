package dev.sluice.transforms.scores;

import dev.sluice.schemas.SwarmPart;
import dev.sluice.schemas.SwarmParts;
import java.util.ArrayList;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.apache.beam.sdk.values.KV;

/**
 * Sorts what is known of queries into buckets by a hash of their names, so that a runner moves a
 * few large elements instead of many small ones. Holds so many parts at most.
 */
final class PartBuckets {
  private static final int HELD = 1 << 14;

  /** Packets of a bucket, on average. */
  private static final long PACKETS = 1 << 16;

  private final int buckets;
  private final Consumer<KV<Integer, SwarmParts>> out;
  private final Map<Integer, SwarmParts> held = new TreeMap<>();
  private int parts;

  PartBuckets(int buckets, Consumer<KV<Integer, SwarmParts>> out) {
    this.buckets = buckets;
    this.out = out;
  }

  /** How many buckets the packets of a swarm need. */
  static int of(SwarmChannel swarm) {
    return ScoreShards.buckets(swarm.mostQueries() * swarm.nodes().size(), PACKETS);
  }

  void add(SwarmPart part) {
    held.computeIfAbsent(
            ScoreShards.of(part.getQuery(), buckets), b -> new SwarmParts(new ArrayList<>()))
        .getParts()
        .add(part);
    if (++parts == HELD) {
      flush();
    }
  }

  /** Gives out what is held. */
  void flush() {
    held.forEach((bucket, some) -> out.accept(KV.of(bucket, some)));
    held.clear();
    parts = 0;
  }
}
