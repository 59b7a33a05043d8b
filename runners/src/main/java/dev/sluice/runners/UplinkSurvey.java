package dev.sluice.runners;

import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.avro.ContainerScanner;
import dev.sluice.schemas.avro.CorruptRecordException;
import dev.sluice.schemas.avro.NotAContainerException;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import org.apache.beam.sdk.io.fs.MatchResult;

/**
 * What uplink files hold, without a plan to hold them against: every block is read and its checksum
 * verified, and damage is described rather than thrown. Not thread-safe.
 */
final class UplinkSurvey {
  private static final int PROBLEMS_KEPT = 20;

  private final List<String> problems = new ArrayList<>();
  private final SortedSet<String> rounds = new TreeSet<>();
  private final SortedSet<String> plans = new TreeSet<>();
  private final SortedSet<String> nodes = new TreeSet<>();
  private long problemCount;
  private long files;
  private long bytes;
  private long blocks;
  private long probes;
  private long payloadBits;
  private long clipped;
  private long masked;
  private int firstBlock = Integer.MAX_VALUE;
  private int lastBlock = Integer.MIN_VALUE;
  private double minClip = Double.POSITIVE_INFINITY;
  private double maxClip;

  /** Adds one file. */
  UplinkSurvey add(MatchResult.Metadata file) throws IOException {
    files++;
    bytes += file.sizeBytes();
    String name = file.resourceId().getFilename();
    try (ContainerScanner scanner =
        new ContainerScanner(
            Channels.newInputStream(Storage.open(file.resourceId())), CodeBlock.getClassSchema())) {
      for (Optional<ContainerScanner.Item> item = scanner.next();
          item.isPresent();
          item = scanner.next()) {
        if (item.get() instanceof ContainerScanner.Block block) {
          records(name, block);
        } else if (item.get() instanceof ContainerScanner.Damage damage) {
          problem(name, damage.offset(), damage.detail());
        }
      }
    } catch (NotAContainerException e) {
      problem(name, 0, e.getMessage());
    }
    return this;
  }

  private void records(String name, ContainerScanner.Block block) {
    int at = block.from();
    int end = block.from() + block.lengthBytes();
    for (long i = 0; i < block.records(); i++) {
      long offset = block.offset() + (at - block.from());
      try {
        CodeBlocks.Parsed record = CodeBlocks.parse(block.window(), at, end);
        at = record.end();
        record(name, offset, record, block.window());
      } catch (CorruptRecordException e) {
        problem(name, offset, e.getMessage());
        return;
      }
    }
    if (at != end) {
      problem(
          name, block.offset() + (at - block.from()), (end - at) + " bytes after the last record");
    }
  }

  private void record(String name, long offset, CodeBlocks.Parsed record, byte[] window) {
    BlockHeader header = record.header();
    int crc =
        CodeBlocks.crc32c(
            CodeBlocks.headerBytes(header), window, record.from(), record.lengthBytes());
    if (crc != record.crc32c()) {
      problem(
          name,
          offset,
          String.format(
              "checksum: header and codes have CRC-32C %08x, the record says %08x",
              crc, record.crc32c()));
      return;
    }
    blocks++;
    rounds.add(header.getRound());
    plans.add(HexFormat.of().formatHex(header.getPlan().bytes()));
    nodes.add(header.getNode());
    probes += header.getProbes();
    payloadBits += header.getPayloadBits();
    clipped += header.getClipped();
    masked += header.getMasked();
    firstBlock = Math.min(firstBlock, header.getBlock());
    lastBlock = Math.max(lastBlock, header.getBlock());
    if (header.getClip() > 0) {
      clip(header.getClip());
    } else {
      int levels = Math.min(header.getProbes(), record.lengthBytes() / 2);
      for (int i = 0; i < levels; i++) {
        int at = record.from() + 2 * i;
        clip(Centring.clipOf((short) ((window[at] & 0xff) | (window[at + 1] << 8))));
      }
    }
  }

  private void clip(double level) {
    minClip = Math.min(minClip, level);
    maxClip = Math.max(maxClip, level);
  }

  private void problem(String file, long offset, String detail) {
    problemCount++;
    if (problems.size() < PROBLEMS_KEPT) {
      problems.add(file + ", byte " + offset + ": " + detail);
    }
  }

  /** The first few problems, in order of discovery. */
  List<String> problems() {
    return problems;
  }

  long problemCount() {
    return problemCount;
  }

  long files() {
    return files;
  }

  long bytes() {
    return bytes;
  }

  /** Sound blocks. */
  long blocks() {
    return blocks;
  }

  long probes() {
    return probes;
  }

  long payloadBits() {
    return payloadBits;
  }

  long clipped() {
    return clipped;
  }

  long masked() {
    return masked;
  }

  int firstBlock() {
    return firstBlock;
  }

  int lastBlock() {
    return lastBlock;
  }

  /** Smallest clip level, logits; infinite where there is no block. */
  double minClip() {
    return minClip;
  }

  /** Largest clip level, logits. */
  double maxClip() {
    return maxClip;
  }

  SortedSet<String> rounds() {
    return rounds;
  }

  /** Hexadecimal digests of the plans named. */
  SortedSet<String> plans() {
    return plans;
  }

  SortedSet<String> nodes() {
    return nodes;
  }
}
