package dev.sluice.runners;

import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.NestedDigits;
import dev.sluice.transforms.channel.StepLaw;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.UplinkFrame;
import dev.sluice.transforms.theory.KlBounds;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What a plan implies before anything is sent. */
final class Forecast {
  private final PlannedRound round;

  Forecast(PlannedRound round) {
    this.round = round;
  }

  /** Bits of codes a probe, over a whole uplink: exact, or at most in the reference channel. */
  double payloadBitsPerProbe(int node) {
    return (double) sum(node, false) / round.plan().getProbes();
  }

  /**
   * Size of a node's uplink in bytes, to some bytes a block; the most it may be, in the reference
   * channel.
   */
  long uplinkBytes(int node) {
    return round.nodes().get(node).getBitsPerProbe() == 0 ? 0 : sum(node, true);
  }

  /** The last block may be shorter; all others are alike. */
  private long sum(int node, boolean asFiles) {
    if (round.nodes().get(node).getBitsPerProbe() == 0) {
      return 0;
    }
    long blocks = round.blocks();
    int last = round.blocks() - 1;
    if (!asFiles) {
      return (blocks - 1) * payloadBits(node, 0) + payloadBits(node, last);
    }
    return (long) round.shards() * UplinkFrame.head()
        + (blocks - 1) * (round.maxCodesBytes(node, 0) + UplinkFrame.record(round, node, 0))
        + round.maxCodesBytes(node, last)
        + UplinkFrame.record(round, node, last);
  }

  private long payloadBits(int node, int block) {
    return round.isRelative()
        ? 8L * round.maxCodesBytes(node, block)
        : round.shape(node, block).payloadBits();
  }

  /**
   * (U) if every node sends every block, nats, mean over probes; empty where clips follow the data
   * or errors have no law.
   */
  Optional<Double> upper() {
    if (round.fixedClip(0).isEmpty() || !round.hasErrorLaw()) {
      return Optional.empty();
    }
    int last = round.blocks() - 1;
    double probes = round.plan().getProbes();
    double lastShare = round.probesIn(last) / probes;
    return Optional.of((1 - lastShare) * upper(0) + lastShare * upper(last));
  }

  private double upper(int block) {
    List<StepLaw> laws = new ArrayList<>();
    List<Double> clips = new ArrayList<>();
    for (int node = 0; node < round.nodes().size(); node++) {
      List<BlockShape> planes = round.planes(node, block);
      if (!planes.isEmpty()) {
        laws.add(NestedDigits.law(planes));
        clips.add(round.fixedClip(node).orElseThrow());
      }
    }
    return KlBounds.upper(laws, clips.stream().mapToDouble(Double::doubleValue).toArray());
  }
}
