package dev.sluice.transforms.refinement;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BlockDecoder;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.NestedDigits;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.RangeReader;
import dev.sluice.transforms.uplink.ClaimCodes;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One node's reconstruction of a block, from the longest run of its planes whose codes are codes:
 * what the average of the round added for it. Holds one block's codes and reconstructions. Not
 * thread-safe.
 */
public final class PrefixDecoder {
  private final PlannedRound round;
  private final ClaimCodes reader;
  private final double[] y;
  private final double[] clips;

  /**
   * What was decoded; the arrays are valid until the next block, and only to be read.
   *
   * @param claims those of planes 0, 1, ..., t
   * @param shapes theirs
   * @param y [p, V] reconstructions, logits; longer where the block is short
   * @param clips p clip levels, logits; longer where the block is short
   */
  public record Prefix(
      List<BlockClaim> claims, List<BlockShape> shapes, double[] y, double[] clips) {}

  /**
   * A decoder for a round.
   *
   * @param reader where claims without inline codes are read from
   */
  public PrefixDecoder(PlannedRound round, RangeReader reader) {
    this.round = round;
    this.reader = new ClaimCodes(round, reader);
    this.y = new double[round.probesIn(0) * round.vocabulary()];
    this.clips = new double[round.probesIn(0)];
  }

  /**
   * Decodes one node's block.
   *
   * @param node index in the plan
   * @param claim of the node's last plane, with those before it
   * @return empty where not even plane 0 is codes: then the round rejected it, and so it did with
   *     what is behind a shorter prefix
   * @throws IOException if codes cannot be read, or are not those that were claimed
   */
  public Optional<Prefix> decode(int node, BlockClaim claim) throws IOException {
    int block = claim.getHeader().getBlock();
    List<BlockClaim> claims = new ArrayList<>();
    if (claim.getEarlier() != null) {
      claims.addAll(claim.getEarlier());
    }
    claims.add(claim);
    List<BlockShape> shapes = round.planes(node, block);
    List<byte[]> codes = new ArrayList<>(claims.size());
    for (int plane = 0; plane < claims.size(); plane++) {
      codes.add(reader.read(claims.get(plane), plane));
    }
    for (int length = claims.size(); length > 0; length--) {
      try {
        decode(node, block, claims.get(0), shapes.subList(0, length), codes.subList(0, length));
        return Optional.of(
            new Prefix(claims.subList(0, length), shapes.subList(0, length), y, clips));
      } catch (BadCodesException e) {
        // one plane less
      }
    }
    return Optional.empty();
  }

  private void decode(
      int node, int block, BlockClaim first, List<BlockShape> shapes, List<byte[]> codes)
      throws BadCodesException {
    NestedDigits.decode(
        shapes,
        round.key(node),
        block,
        round.firstProbe(block),
        first.getHeader().getClip(),
        codes,
        y,
        clips);
    // The decoder asks for what one node may have; the average, for what its sums bear.
    double most = BlockDecoder.MAX_CLIP / round.nodes().size();
    for (int probe = 0; probe < round.probesIn(block); probe++) {
      if (clips[probe] > most) {
        throw new BadCodesException(
            "clip level of probe " + probe + " of the block: " + clips[probe] + ", above " + most);
      }
    }
  }
}
