package dev.sluice.transforms.comparison;

import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.avro.CodeBlocks;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;

/**
 * One node's uplink files, written to nowhere and counted: heads, code blocks and framing as {@link
 * dev.sluice.transforms.uplink.EncodeUplink} writes them. FORMAT 4.
 */
final class CountedUplink {
  private static final Sha256 NO_PLAN = new Sha256(new byte[32]);

  private final String node;
  private final int blocksPerFile;
  private final Counter counter = new Counter();
  private DataFileWriter<CodeBlock> writer;
  private int blocks;
  private long codes;

  private static final class Counter extends OutputStream {
    private long bytes;

    @Override
    public void write(int b) {
      bytes++;
    }

    @Override
    public void write(byte[] from, int at, int length) {
      bytes += length;
    }
  }

  CountedUplink(String node, int blocksPerFile) {
    this.node = node;
    this.blocksPerFile = blocksPerFile;
  }

  /** Appends a block. */
  void append(CodeBlock block) throws IOException {
    if (blocks % blocksPerFile == 0) {
      close();
      writer = new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class));
      writer.create(
          CodeBlocks.fileSchema(),
          counter,
          CodeBlocks.syncMarker(NO_PLAN, node, blocks / blocksPerFile));
    }
    writer.append(block);
    writer.sync();
    blocks++;
    codes += block.getCodes().remaining();
  }

  private void close() throws IOException {
    if (writer != null) {
      writer.close();
      writer = null;
    }
  }

  /** Bytes of the files of the blocks so far, the last file ended. */
  long bytes() throws IOException {
    close();
    return counter.bytes;
  }

  /** Bytes of the codes among them. */
  long codesBytes() {
    return codes;
  }

  /**
   * A block of codes with its header and checksum.
   *
   * @param firstProbe of the block
   * @param payloadBits of the codes
   */
  static CodeBlock block(
      String node, int block, long firstProbe, int probes, long payloadBits, byte[] codes) {
    BlockHeader header =
        BlockHeader.newBuilder()
            .setRound(ProbeSet.ROUND)
            .setPlan(NO_PLAN)
            .setNode(node)
            .setPlane(0)
            .setBlock(block)
            .setFirstProbe(firstProbe)
            .setProbes(probes)
            .setClip(0)
            .setClipped(0)
            .setMasked(0)
            .setPayloadBits(payloadBits)
            .build();
    return CodeBlock.newBuilder()
        .setHeader(header)
        .setCrc32c(CodeBlocks.crc32c(CodeBlocks.headerBytes(header), codes, 0, codes.length))
        .setCodes(ByteBuffer.wrap(codes))
        .setSignature(ByteBuffer.allocate(0))
        .build();
  }
}
