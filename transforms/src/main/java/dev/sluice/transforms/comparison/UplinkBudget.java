package dev.sluice.transforms.comparison;

import dev.sluice.schemas.CodeBlock;
import java.io.IOException;

/**
 * How the bytes that a node has for its uplink files are divided: what heads, headers and framing
 * take of them, and the codes of its blocks.
 */
final class UplinkBudget {
  /** No code takes more of a coordinate. */
  private static final int MOST_CODES_BYTES = 8;

  /** A checksum that takes as many bytes as any. */
  private static final int LONG_CHECKSUM = Integer.MIN_VALUE;

  private final long probes;
  private final int probesPerBlock;
  private final long codesBytes;

  /**
   * Divides.
   *
   * @param bitsPerProbe most bits a probe and node
   * @param blocksPerFile at least 1
   * @throws TooFewBitsException if nothing is left for codes
   */
  UplinkBudget(ProbeSet set, int probesPerBlock, int blocksPerFile, long bitsPerProbe)
      throws TooFewBitsException, IOException {
    this.probes = set.probes();
    this.probesPerBlock = probesPerBlock;
    long bytes = set.bytes(bitsPerProbe);
    String node = set.names().get(set.nodes() - 1);
    CountedUplink empty = new CountedUplink(node, blocksPerFile);
    int blocks = blocks();
    byte[] codes =
        new byte
            [(int)
                Math.min(
                    Math.ceil(bitsPerProbe / 8.0 * probesPerBlock),
                    (double) MOST_CODES_BYTES * probesPerBlock * set.vocabulary())];
    for (int block = 0; block < blocks; block++) {
      CodeBlock widest =
          CountedUplink.block(
              node, block, firstProbe(block), probesIn(block), 8L * codes.length, codes);
      widest.getHeader().setClipped((long) probesIn(block) * set.vocabulary());
      widest.setCrc32c(LONG_CHECKSUM);
      empty.append(widest);
    }
    long overhead = empty.bytes() - empty.codesBytes();
    this.codesBytes = bytes - overhead;
    if (codesBytes <= 0) {
      throw new TooFewBitsException(
          "a node's files take "
              + overhead
              + " bytes without any codes, and "
              + probes
              + " probes of "
              + bitsPerProbe
              + " bits are "
              + bytes);
    }
  }

  /** Number of blocks. */
  int blocks() {
    return Math.toIntExact((probes + probesPerBlock - 1) / probesPerBlock);
  }

  long firstProbe(int block) {
    return (long) block * probesPerBlock;
  }

  int probesIn(int block) {
    return (int) Math.min(probesPerBlock, probes - firstProbe(block));
  }

  /** Bytes of all codes together. */
  long codesBytes() {
    return codesBytes;
  }

  /** Bytes of a block's codes, in proportion to its probes. */
  long codesBytes(int block) {
    return upTo(firstProbe(block) + probesIn(block)) - upTo(firstProbe(block));
  }

  private long upTo(long probe) {
    return (long) Math.floor((double) codesBytes * probe / probes);
  }

  /** Whole bits a probe for codes, such that every block's fit when it ends with a whole byte. */
  long codesBitsPerProbe() {
    return Math.max(0, (8 * codesBytes - 7L * blocks()) / probes);
  }
}
