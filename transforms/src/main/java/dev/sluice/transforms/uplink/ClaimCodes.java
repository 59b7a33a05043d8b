package dev.sluice.transforms.uplink;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.storage.RangeReader;
import java.io.IOException;

/**
 * The codes behind claims, each held against its checksum as it is read. Keeps one buffer for each
 * digit plane. Not thread-safe.
 */
public final class ClaimCodes {
  private final RangeReader reader;
  private final byte[][] buffers;

  /**
   * @param reader where claims without inline codes are read from
   * @param planes most planes whose codes are needed at one time
   */
  public ClaimCodes(RangeReader reader, int planes) {
    this.reader = reader;
    this.buffers = new byte[planes][0];
  }

  /**
   * The codes of a claim, as many bytes as it says.
   *
   * @param plane index of the buffer, in [0, planes)
   * @return the codes, valid until the next ones of this plane; only to be read
   * @throws IOException also if the codes are not those that the claim was made of
   */
  public byte[] read(BlockClaim claim, int plane) throws IOException {
    int length = claim.getLengthBytes();
    if (buffers[plane].length != length) {
      buffers[plane] = new byte[length];
    }
    byte[] codes = buffers[plane];
    if (claim.getCodes() != null) {
      claim.getCodes().asReadOnlyBuffer().get(codes);
    } else {
      reader.read(claim.getFile(), claim.getOffset(), codes, length);
    }
    int crc = CodeBlocks.crc32c(CodeBlocks.headerBytes(claim.getHeader()), codes, 0, length);
    if (crc != claim.getCrc32c()) {
      throw new IOException(
          claim.getFile()
              + ": block "
              + claim.getHeader().getBlock()
              + " at byte "
              + claim.getOffset()
              + " changed while the round was being read; run it again");
    }
    return codes;
  }
}
