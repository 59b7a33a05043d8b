package dev.sluice.transforms.uplink;

import dev.sluice.schemas.BlockHeader;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.reference.ReferenceCodes;
import dev.sluice.transforms.round.PlannedRound;
import java.util.HexFormat;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/** Holds a block's header against the plan. Pure. FORMAT.md 4.1. */
final class HeaderCheck {
  private HeaderCheck() {}

  /** What is wrong with a header. */
  record Fault(Reason reason, String detail) {}

  /**
   * The first thing that contradicts the plan.
   *
   * @param directory name of the directory under uplink/ in which the block was found
   * @param lengthBytes length of its codes
   */
  static Optional<Fault> of(
      PlannedRound round, String directory, BlockHeader header, int lengthBytes) {
    if (!header.getRound().equals(round.plan().getId())) {
      return fault(
          Reason.WRONG_ROUND, "round", "'" + shown(header.getRound()) + "'", round.plan().getId());
    }
    if (!header.getPlan().equals(round.digest())) {
      return fault(
          Reason.WRONG_PLAN,
          "plan",
          HexFormat.of().formatHex(header.getPlan().bytes()),
          round.digestHex());
    }
    if (!header.getNode().equals(directory)) {
      return fault(Reason.WRONG_NODE, "node", "'" + shown(header.getNode()) + "'", directory);
    }
    OptionalInt node = round.indexOf(directory);
    if (node.isEmpty()) {
      return Optional.of(
          new Fault(Reason.UNKNOWN_NODE, "no node '" + shown(directory) + "' in the plan"));
    }
    if (round.nodes().get(node.getAsInt()).getBitsPerProbe() == 0) {
      return Optional.of(
          new Fault(Reason.SILENT_NODE, "node '" + directory + "' has no bits in this round"));
    }
    return numbers(round, node.getAsInt(), header, lengthBytes);
  }

  private static Optional<Fault> numbers(
      PlannedRound round, int node, BlockHeader header, int lengthBytes) {
    if (header.getPlane() != round.plane(node)) {
      return bad("plane", header.getPlane(), "" + round.plane(node));
    }
    int block = header.getBlock();
    if (block < 0 || block >= round.blocks()) {
      return bad("block", block, "0 to " + (round.blocks() - 1));
    }
    if (header.getFirstProbe() != round.firstProbe(block)) {
      return bad("firstProbe", header.getFirstProbe(), "" + round.firstProbe(block));
    }
    if (header.getProbes() != round.probesIn(block)) {
      return bad("probes", header.getProbes(), "" + round.probesIn(block));
    }
    if (round.isRelative()) {
      return relative(round, node, header, lengthBytes);
    }
    BlockShape shape = round.shape(node, block);
    if (header.getPayloadBits() != shape.payloadBits()) {
      return bad("payloadBits", header.getPayloadBits(), "" + shape.payloadBits());
    }
    if (lengthBytes != shape.payloadBytes()) {
      return bad("length of codes", lengthBytes, shape.payloadBytes() + " bytes");
    }
    long coordinates = shape.coordinates();
    if (header.getClipped() < 0 || header.getClipped() > coordinates) {
      return bad("clipped", header.getClipped(), "0 to " + coordinates);
    }
    if (header.getMasked() < 0 || header.getMasked() > coordinates - header.getClipped()) {
      return bad("masked", header.getMasked(), "0 to " + (coordinates - header.getClipped()));
    }
    return clip(round, node, header.getClip());
  }

  private static Optional<Fault> relative(
      PlannedRound round, int node, BlockHeader header, int lengthBytes) {
    int most = round.maxCodesBytes(node, header.getBlock());
    if (lengthBytes < ReferenceCodes.MIN_BYTES || lengthBytes > most) {
      return bad(
          "length of codes", lengthBytes, ReferenceCodes.MIN_BYTES + " to " + most + " bytes");
    }
    if (header.getPayloadBits() != 8L * lengthBytes) {
      return bad("payloadBits", header.getPayloadBits(), "" + 8L * lengthBytes);
    }
    if (header.getClipped() != 0) {
      return bad("clipped", header.getClipped(), "0: nothing is");
    }
    long coordinates = (long) header.getProbes() * round.vocabulary();
    if (header.getMasked() < 0 || header.getMasked() > coordinates) {
      return bad("masked", header.getMasked(), "0 to " + coordinates);
    }
    return header.getClip() == 0 ? Optional.empty() : bad("clip", header.getClip(), "0");
  }

  private static Optional<Fault> clip(PlannedRound round, int node, double clip) {
    if (round.clipPerProbe()) {
      return clip == 0 ? Optional.empty() : bad("clip", clip, "0: each probe carries its own");
    }
    OptionalDouble level = round.fixedClip(node);
    if (level.isPresent()) {
      return clip == level.getAsDouble()
          ? Optional.empty()
          : bad("clip", clip, "" + level.getAsDouble());
    }
    double most = PlannedRound.MAX_NODES_TIMES_CLIP / round.nodes().size();
    return clip >= Centring.MIN_CLIP && clip <= most
        ? Optional.empty()
        : bad("clip", clip, "2^-24 to " + most);
  }

  private static Optional<Fault> bad(String field, Number found, String expected) {
    return fault(Reason.BAD_HEADER, field, "" + found, expected);
  }

  private static Optional<Fault> fault(Reason reason, String field, String found, String expected) {
    return Optional.of(new Fault(reason, field + ": found " + found + ", expected " + expected));
  }

  /** Text from outside, made safe to print. */
  static String shown(String text) {
    String clean = text.replaceAll("[^\\x20-\\x7e]", "?");
    return clean.length() <= 64 ? clean : clean.substring(0, 61) + "...";
  }
}
