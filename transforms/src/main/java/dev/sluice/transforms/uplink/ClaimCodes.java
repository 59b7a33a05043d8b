package dev.sluice.transforms.uplink;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.RangeReader;
import java.io.IOException;

/**
 * The codes behind claims, each held against its checksum as it is read; in a signed round, where
 * others may write what a checksum does not see, against its digest. Keeps one buffer for each
 * digit plane. Not thread-safe.
 */
public final class ClaimCodes {
  private final RangeReader reader;
  private final boolean signed;
  private final byte[][] buffers = new byte[PlannedRound.MAX_REFINED + 1][0];

  /**
   * Codes of a round and of those that it refines.
   *
   * @param reader where claims without inline codes are read from
   */
  public ClaimCodes(PlannedRound round, RangeReader reader) {
    this.signed = round.isSigned();
    this.reader = reader;
  }

  /**
   * The codes of a claim, as many bytes as it says.
   *
   * @param plane index of the buffer, at most {@link PlannedRound#MAX_REFINED}
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
    byte[] header = CodeBlocks.headerBytes(claim.getHeader());
    boolean same =
        signed
            ? CodeBlocks.digest(header, codes, 0, length).equals(claim.getDigest())
            : CodeBlocks.crc32c(header, codes, 0, length) == claim.getCrc32c();
    if (!same) {
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
