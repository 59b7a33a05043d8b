package dev.sluice.runners;

import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.NestedDigits;
import dev.sluice.transforms.channel.StepLaw;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.theory.KlBounds;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What a plan implies before anything is sent. */
final class Forecast {
  /** Magic, sync marker, codec and the framing of the metadata of an Avro container. */
  private static final int CONTAINER_BYTES = 60;

  /** Frame and sync marker of an Avro block, checksum and length of a record. */
  private static final int RECORD_BYTES = 30;

  /** A signature, and what its length takes beside that of none. */
  private static final int SIGNATURE_BYTES = 65;

  private final PlannedRound round;

  Forecast(PlannedRound round) {
    this.round = round;
  }

  /** Exact bits of codes a probe, over a whole uplink. */
  double payloadBitsPerProbe(int node) {
    return (double) sum(node, false) / round.plan().getProbes();
  }

  /** Size of a node's uplink in bytes, to a few bytes a block. */
  long uplinkBytes(int node) {
    return round.nodes().get(node).getBitsPerProbe() == 0 ? 0 : sum(node, true);
  }

  /** The last block may be shorter; all others are alike. */
  private long sum(int node, boolean asFiles) {
    if (round.nodes().get(node).getBitsPerProbe() == 0) {
      return 0;
    }
    long blocks = round.blocks();
    BlockShape whole = round.shape(node, 0);
    BlockShape last = round.shape(node, round.blocks() - 1);
    if (!asFiles) {
      return (blocks - 1) * whole.payloadBits() + last.payloadBits();
    }
    long header =
        headerBytes(node) + (long) RECORD_BYTES + (round.isSigned() ? SIGNATURE_BYTES : 0);
    int container =
        CONTAINER_BYTES
            + CodeBlocks.fileSchema().toString().getBytes(StandardCharsets.UTF_8).length;
    return (long) round.shards() * container
        + (blocks - 1) * (whole.payloadBytes() + header)
        + last.payloadBytes()
        + header;
  }

  private int headerBytes(int node) {
    int block = round.blocks() - 1;
    return CodeBlocks.headerBytes(
            BlockHeader.newBuilder()
                .setRound(round.plan().getId())
                .setPlan(round.digest())
                .setNode(round.nodes().get(node).getName())
                .setPlane(round.plane(node))
                .setBlock(block)
                .setFirstProbe(round.firstProbe(block))
                .setProbes(round.probesIn(block))
                .setClip(1)
                .setClipped(0)
                .setMasked(0)
                .setPayloadBits(round.shape(node, 0).payloadBits())
                .build())
        .length;
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
