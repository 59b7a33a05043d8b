package dev.sluice.transforms.round;

import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.avro.CodeBlocks;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;

/** What an uplink's files hold beside codes, in bytes: heads, headers, framing, signatures. */
public final class UplinkFrame {
  /** Count and size of an Avro block of one record of at most some MiB, and the sync marker. */
  private static final int BLOCK_BYTES = 1 + 4 + 16;

  /** Checksum, and the lengths of codes and signature, in Avro's variable length. */
  private static final int RECORD_BYTES = 5 + 4 + 2;

  private static final int SIGNATURE_BYTES = 64;

  private static final int HEAD_BYTES = headBytes();

  private UplinkFrame() {}

  private static int headBytes() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataFileWriter<CodeBlock> writer =
        new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class))) {
      writer.create(CodeBlocks.fileSchema(), bytes, new byte[16]);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.size();
  }

  /** Bytes of an uplink file before its first record. */
  public static int head() {
    return HEAD_BYTES;
  }

  /** At most how many bytes of a file a record of a node takes beside its codes. */
  public static int record(PlannedRound round, int node, int block) {
    long coordinates = (long) round.probesIn(block) * round.vocabulary();
    int header =
        CodeBlocks.headerBytes(
                BlockHeader.newBuilder()
                    .setRound(round.plan().getId())
                    .setPlan(round.digest())
                    .setNode(round.nodes().get(node).getName())
                    .setPlane(round.plane(node))
                    .setBlock(block)
                    .setFirstProbe(round.firstProbe(block))
                    .setProbes(round.probesIn(block))
                    .setClip(0)
                    .setClipped(round.isRelative() ? 0 : coordinates)
                    .setMasked(coordinates)
                    .setPayloadBits(8L * CodeBlocks.MAX_CODES_BYTES)
                    .build())
            .length;
    boolean signed = round.nodes().get(node).getKeys() != null;
    return header + RECORD_BYTES + BLOCK_BYTES + (signed ? SIGNATURE_BYTES : 0);
  }

  /** The same with the block's share of its file's head, rounded up. */
  public static int bytes(PlannedRound round, int node, int block) {
    int shard = round.shardOf(block);
    int blocks = round.endBlock(shard) - round.firstBlock(shard);
    return record(round, node, block) + (HEAD_BYTES + blocks - 1) / blocks;
  }
}
