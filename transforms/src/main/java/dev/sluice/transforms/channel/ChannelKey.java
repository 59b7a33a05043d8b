package dev.sluice.transforms.channel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Objects;

/**
 * What one node's dither and its rotation of finer coordinates start from: pure functions of the
 * run's seed, the dither round and the node's name. FORMAT 3.1 and 3.4.
 */
public final class ChannelKey {
  private final long dither;
  private final long rotation;

  private ChannelKey(long dither, long rotation) {
    this.dither = dither;
    this.rotation = rotation;
  }

  /**
   * The first 8 bytes, little-endian, of SHA-256("sluice-dither-1|seed|ditherRound|node"), and the
   * same of "sluice-rotation-1|...", seed in signed decimal.
   */
  public static ChannelKey of(long seed, String ditherRound, String node) {
    Objects.requireNonNull(ditherRound, "ditherRound");
    Objects.requireNonNull(node, "node");
    String rest = "|" + seed + "|" + ditherRound + "|" + node;
    return new ChannelKey(head("sluice-dither-1" + rest), head("sluice-rotation-1" + rest));
  }

  /** Where the node's dither begins. */
  public long dither() {
    return dither;
  }

  /** Where the node's block rotations begin. */
  public long rotation() {
    return rotation;
  }

  /**
   * The coordinate of a block's first symbol, {@code floor(mix(rotation + (plane*2^32 + block +
   * 1)*gamma) * n / 2^64)}.
   *
   * @param plane digit plane, from 0
   * @param block block index, from 0
   * @param coordinates n, at least 1
   * @return in {@code [0, n)}
   */
  public int start(int plane, int block, int coordinates) {
    long count = ((long) plane << 32) + block + 1;
    long word = Dither.mix(rotation + count * Dither.GAMMA);
    // The high half of an unsigned product from the signed one.
    return (int) (Math.multiplyHigh(word, coordinates) + ((word >> 63) & coordinates));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ChannelKey that && that.dither == dither && that.rotation == rotation;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(dither * 31 + rotation);
  }

  @Override
  public String toString() {
    return String.format("ChannelKey[dither=%016x, rotation=%016x]", dither, rotation);
  }

  private static long head(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return ByteBuffer.wrap(digest).order(ByteOrder.LITTLE_ENDIAN).getLong();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
