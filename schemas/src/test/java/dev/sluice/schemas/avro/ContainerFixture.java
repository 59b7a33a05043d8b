package dev.sluice.schemas.avro;

import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Sha256;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.apache.avro.Schema;
import org.apache.avro.file.CodecFactory;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;

/** Containers of code blocks as Avro's own writer makes them, and what a scan of bytes finds. */
final class ContainerFixture {
  static final byte[] SYNC = CodeBlocks.syncMarker(new Sha256(new byte[32]), "fixture", 0);

  private ContainerFixture() {}

  /** A block with random codes and a right checksum. */
  static CodeBlock block(int index, int codesBytes, long seed) {
    byte[] codes = new byte[codesBytes];
    new SplittableRandom(seed * 1000 + index).nextBytes(codes);
    BlockHeader header =
        new BlockHeader(
            "round-7",
            new Sha256(new byte[32]),
            "lund",
            0,
            index,
            100L * index,
            100,
            3.25,
            1L,
            0L,
            8L * codesBytes);
    return new CodeBlock(
        header,
        CodeBlocks.crc32c(CodeBlocks.headerBytes(header), codes, 0, codesBytes),
        ByteBuffer.wrap(codes),
        ByteBuffer.allocate(0));
  }

  static List<CodeBlock> blocks(int count, int codesBytes, long seed) {
    List<CodeBlock> blocks = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      blocks.add(block(i, codesBytes, seed));
    }
    return blocks;
  }

  /**
   * A container.
   *
   * @param boundaries receives the position after the header and after every Avro block
   */
  static byte[] container(
      List<CodeBlock> blocks, int recordsPerBlock, CodecFactory codec, List<Integer> boundaries) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DataFileWriter<CodeBlock> writer =
        new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class))) {
      writer.setCodec(codec);
      writer.setSyncInterval(1 << 22);
      writer.create(CodeBlock.getClassSchema(), out, SYNC);
      boundaries.add((int) writer.sync());
      for (int i = 0; i < blocks.size(); i++) {
        writer.append(blocks.get(i));
        if ((i + 1) % recordsPerBlock == 0 || i == blocks.size() - 1) {
          boundaries.add((int) writer.sync());
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /**
   * What a scan found.
   *
   * @param sound indices of the blocks whose checksum holds, in the order of the file
   */
  record Scan(List<Integer> sound, List<ContainerScanner.Damage> damages, int corrupt) {
    boolean clean() {
      return damages.isEmpty() && corrupt == 0;
    }
  }

  /** Scans and parses to the end, through a stream that gives a few bytes at a time. */
  static Scan scan(byte[] bytes) throws NotAContainerException {
    List<Integer> sound = new ArrayList<>();
    List<ContainerScanner.Damage> damages = new ArrayList<>();
    int corrupt = 0;
    try (ContainerScanner scanner = open(bytes)) {
      for (Optional<ContainerScanner.Item> item = scanner.next();
          item.isPresent();
          item = scanner.next()) {
        if (item.get() instanceof ContainerScanner.Damage damage) {
          damages.add(damage);
          continue;
        }
        ContainerScanner.Block block = (ContainerScanner.Block) item.get();
        int at = block.from();
        int end = at + block.lengthBytes();
        try {
          for (long i = 0; i < block.records(); i++) {
            CodeBlocks.Parsed parsed = CodeBlocks.parse(block.window(), at, end);
            at = parsed.end();
            if (CodeBlocks.crc32c(
                    CodeBlocks.headerBytes(parsed.header()),
                    block.window(),
                    parsed.from(),
                    parsed.lengthBytes())
                == parsed.crc32c()) {
              sound.add(parsed.header().getBlock());
            } else {
              corrupt++;
            }
          }
          corrupt += at == end ? 0 : 1;
        } catch (CorruptRecordException e) {
          corrupt++;
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new Scan(sound, damages, corrupt);
  }

  static ContainerScanner open(byte[] bytes) throws NotAContainerException {
    return open(bytes, CodeBlock.getClassSchema());
  }

  static ContainerScanner open(byte[] bytes, Schema schema) throws NotAContainerException {
    try {
      return new ContainerScanner(new Trickle(bytes), schema);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns 1 to 97 bytes a read, as a network may. */
  private static final class Trickle extends ByteArrayInputStream {
    private int next = 1;

    Trickle(byte[] bytes) {
      super(bytes);
    }

    @Override
    public synchronized int read(byte[] into, int off, int len) {
      next = next % 97 + 1;
      return super.read(into, off, Math.min(len, next));
    }
  }
}
