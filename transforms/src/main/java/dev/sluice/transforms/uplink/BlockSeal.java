package dev.sluice.transforms.uplink;

import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.channel.BlockEncoder;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.NestedDigits;
import dev.sluice.transforms.reference.ReferenceCodes;
import dev.sluice.transforms.reference.ReferenceEncoder;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.trust.SignedMessage;
import dev.sluice.transforms.trust.SigningKey;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;

/** Encodes a node's blocks and seals them with header and checksum. Pure. FORMAT.md 4. */
public final class BlockSeal {
  private final PlannedRound round;
  private final int node;

  /**
   * Blocks of one node.
   *
   * @param node index in the plan
   */
  public BlockSeal(PlannedRound round, int node) {
    this.round = round;
    this.node = node;
  }

  /**
   * The block that the node sends in this round.
   *
   * @param centred p × V, logits; −∞ where masked
   * @param clips of the p probes, logits
   */
  public CodeBlock seal(int block, double[] centred, double[] clips) {
    List<BlockShape> planes = round.planes(node, block);
    return seal(round.plan().getId(), round.digest(), planes, block, centred, clips);
  }

  /**
   * The block that the node sent in the round of an earlier plane, if these are the logits it had
   * then.
   *
   * @param plane 0 .. {@link PlannedRound#plane} − 1
   */
  public CodeBlock sealAgain(int plane, int block, double[] centred, double[] clips) {
    RefinedRound earlier = round.refined().get(round.earlierRounds(node).get(plane));
    return seal(
        earlier.getId(),
        new Sha256(HexFormat.of().parseHex(earlier.getPlanDigest())),
        round.planes(node, block).subList(0, plane + 1),
        block,
        centred,
        clips);
  }

  private CodeBlock seal(
      String id,
      Sha256 plan,
      List<BlockShape> planes,
      int block,
      double[] centred,
      double[] clips) {
    long first = round.firstProbe(block);
    BlockShape shape = planes.get(planes.size() - 1);
    BlockEncoder.Encoded encoded =
        planes.size() == 1
            ? BlockEncoder.encode(
                shape, round.quantizer(), round.key(node), block, first, centred, clips)
            : NestedDigits.encode(planes, round.key(node), block, first, centred, clips);
    return sealed(
        id,
        plan,
        block,
        planes.size() - 1,
        round.clipPerProbe() ? 0 : clips[0],
        encoded.clipped(),
        encoded.masked(),
        shape.payloadBits(),
        encoded.codes());
  }

  /**
   * The block that the node sends in a round of the reference channel.
   *
   * @param logits p × V of the node, up to a constant for each probe; −∞ where masked
   * @param reference with the same block read
   */
  CodeBlock seal(int block, double[] logits, ReferenceRows reference, ReferenceEncoder encoder)
      throws IOException {
    ReferenceEncoder.Encoded encoded =
        encoder.encode(
            reference.derived(),
            reference.base(node),
            logits,
            round.key(node).dither(),
            round.firstProbe(block),
            round.maxCodesBytes(node, block) - ReferenceCodes.CHECKSUM_BYTES);
    byte[] codes = ReferenceCodes.wrap(reference.derived(), encoded.codes());
    return sealed(
        round.plan().getId(),
        round.digest(),
        block,
        0,
        0,
        0,
        encoded.masked(),
        8L * codes.length,
        codes);
  }

  private CodeBlock sealed(
      String id,
      Sha256 plan,
      int block,
      int plane,
      double clip,
      long clipped,
      long masked,
      long payloadBits,
      byte[] codes) {
    BlockHeader header =
        BlockHeader.newBuilder()
            .setRound(id)
            .setPlan(plan)
            .setNode(round.nodes().get(node).getName())
            .setPlane(plane)
            .setBlock(block)
            .setFirstProbe(round.firstProbe(block))
            .setProbes(round.probesIn(block))
            .setClip(clip)
            .setClipped(clipped)
            .setMasked(masked)
            .setPayloadBits(payloadBits)
            .build();
    return CodeBlock.newBuilder()
        .setHeader(header)
        .setCrc32c(CodeBlocks.crc32c(CodeBlocks.headerBytes(header), codes, 0, codes.length))
        .setCodes(ByteBuffer.wrap(codes))
        .setSignature(ByteBuffer.allocate(0))
        .build();
  }

  /**
   * Signs a block in the file that it will lie in. FORMAT.md 4.5.
   *
   * @param head SHA-256 of the head of that file
   */
  public static void sign(CodeBlock block, Sha256 head, SigningKey key) {
    byte[] message = SignedMessage.ofBlock(head.bytes(), digest(block).bytes());
    block.setSignature(ByteBuffer.wrap(key.sign(message)));
  }

  /** A block's content digest. FORMAT.md 4.3. */
  public static Sha256 digest(CodeBlock block) {
    byte[] codes = block.getCodes().array();
    return CodeBlocks.digest(CodeBlocks.headerBytes(block.getHeader()), codes, 0, codes.length);
  }
}
