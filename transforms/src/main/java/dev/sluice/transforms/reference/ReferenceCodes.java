package dev.sluice.transforms.reference;

import dev.sluice.transforms.channel.BadCodesException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Codes of the reference channel as they lie in a block: a checksum of what was derived from the
 * reference, and what the encoder wrote. A hub with another reference, or another arithmetic, finds
 * out before it decodes. FORMAT 15.3.
 */
public final class ReferenceCodes {
  /** Bytes of the checksum. */
  public static final int CHECKSUM_BYTES = Integer.BYTES;

  /** Least that codes of a block need, bytes: those of one that sends nothing. */
  public static final int MIN_BYTES = CHECKSUM_BYTES + Lattice.FIXED_BYTES + Unsent.SLOTS + 8;

  private ReferenceCodes() {}

  /** Puts the checksum of a derived block before its codes. */
  public static byte[] wrap(ReferenceBlock reference, byte[] codes) {
    return ByteBuffer.allocate(CHECKSUM_BYTES + codes.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(reference.checksum())
        .put(codes)
        .array();
  }

  /**
   * The codes behind the checksum of a derived block; a copy.
   *
   * @throws BadCodesException if they are of another reference
   */
  public static byte[] unwrap(ReferenceBlock reference, byte[] wrapped) throws BadCodesException {
    if (wrapped.length < MIN_BYTES) {
      throw new BadCodesException(wrapped.length + " bytes, expected at least " + MIN_BYTES);
    }
    int found = ByteBuffer.wrap(wrapped).order(ByteOrder.LITTLE_ENDIAN).getInt();
    if (found != reference.checksum()) {
      throw new BadCodesException(
          String.format(
              "relative to another reference: its classes have CRC-32C %08x, expected %08x",
              found, reference.checksum()));
    }
    return Arrays.copyOfRange(wrapped, CHECKSUM_BYTES, wrapped.length);
  }
}
