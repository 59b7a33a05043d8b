package dev.sluice.transforms.comparison;

import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;

/**
 * One node's uplink files, written to nowhere and counted: heads, code blocks and framing as {@link
 * dev.sluice.transforms.uplink.EncodeUplink} writes them. FORMAT 4.
 */
final class CountedUplink {
  private final PlannedRound round;
  private final String node;
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

  CountedUplink(PlannedRound round, int node) {
    this.round = round;
    this.node = round.nodes().get(node).getName();
  }

  /** One for each node of a round. */
  static List<CountedUplink> ofAll(PlannedRound round) {
    return IntStream.range(0, round.nodes().size())
        .mapToObj(node -> new CountedUplink(round, node))
        .toList();
  }

  /** Bytes of all of them. */
  static long bytes(List<CountedUplink> uplinks) throws IOException {
    long bytes = 0;
    for (CountedUplink uplink : uplinks) {
      uplink.close();
      bytes += uplink.counter.bytes;
    }
    return bytes;
  }

  /** Bytes of all of them that are not codes. */
  static long overheadBytes(List<CountedUplink> uplinks) throws IOException {
    return bytes(uplinks) - uplinks.stream().mapToLong(uplink -> uplink.codes).sum();
  }

  /** Appends a block. */
  void append(CodeBlock block) throws IOException {
    int blocksPerFile = round.plan().getLayout().getBlocksPerShard();
    if (blocks % blocksPerFile == 0) {
      close();
      writer = new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class));
      writer.create(
          CodeBlocks.fileSchema(),
          counter,
          CodeBlocks.syncMarker(round.digest(), node, blocks / blocksPerFile));
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
}
