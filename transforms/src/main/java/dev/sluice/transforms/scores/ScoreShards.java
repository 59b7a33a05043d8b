package dev.sluice.transforms.scores;

import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/** Which part of a node's scores a query is in: a function of names and numbers alone. */
final class ScoreShards {
  /** Most queries of a part on average; a part is sorted in memory. */
  static final int QUERIES = 1 << 14;

  /** And most bytes of packets with their names, on average. */
  private static final long BYTES = 1 << 24;

  /** Fewest buckets, for workers to share. */
  private static final long FEWEST_BUCKETS = 16;

  private static final long MOST_BUCKETS = 1 << 20;

  private ScoreShards() {}

  /**
   * How many parts.
   *
   * @param queries of the node
   * @param packetBytes length of a packet
   */
  static int count(long queries, int packetBytes) {
    long each = Math.min(QUERIES, BYTES / (packetBytes + 2L * ScoreNames.MAX_BYTES));
    long parts = Math.max(1, (queries + each - 1) / each);
    return (int) Math.min(NodeChannel.MAX_FILES, parts);
  }

  /**
   * How many buckets to group records into.
   *
   * @param records how many there are
   * @param each of a bucket, on average
   */
  static int buckets(long records, long each) {
    return (int) Math.min(MOST_BUCKETS, Math.max(FEWEST_BUCKETS, records / each));
  }

  /** The part of a query: the CRC-32C of its name's UTF-8 modulo their number. */
  static int of(String query, int parts) {
    CRC32C crc = new CRC32C();
    crc.update(query.getBytes(StandardCharsets.UTF_8));
    return (int) (crc.getValue() % parts);
  }
}
