package dev.sluice.transforms.trust;

import java.nio.charset.StandardCharsets;

/**
 * What is signed. Each message begins with a name of its kind, so that no signature can be taken
 * for another's. FORMAT.md 2.1.
 */
public final class SignedMessage {
  private static final int SHA256_BYTES = 32;

  private SignedMessage() {}

  /**
   * What the hub signs of a plan.
   *
   * @param planDigest SHA-256 of the bytes of plan.json
   */
  public static byte[] ofPlan(byte[] planDigest) {
    return concat("sluice-plan-1|", planDigest);
  }

  /**
   * What a node signs of a block.
   *
   * @param headDigest SHA-256 of the file from its first byte to the end of its sync marker
   * @param contentDigest SHA-256 of header and codes, FORMAT.md 4.3
   */
  public static byte[] ofBlock(byte[] headDigest, byte[] contentDigest) {
    return concat("sluice-block-1|", headDigest, contentDigest);
  }

  private static byte[] concat(String kind, byte[]... digests) {
    byte[] name = kind.getBytes(StandardCharsets.US_ASCII);
    byte[] message = java.util.Arrays.copyOf(name, name.length + SHA256_BYTES * digests.length);
    int at = name.length;
    for (byte[] digest : digests) {
      if (digest.length != SHA256_BYTES) {
        throw new IllegalArgumentException(
            "a SHA-256 must have " + SHA256_BYTES + " bytes, got " + digest.length);
      }
      System.arraycopy(digest, 0, message, at, SHA256_BYTES);
      at += SHA256_BYTES;
    }
    return message;
  }
}
