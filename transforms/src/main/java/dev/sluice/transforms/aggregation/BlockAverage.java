package dev.sluice.transforms.aggregation;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.ShardAccount;
import java.io.Closeable;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;

/**
 * The hub's end of a channel: the average of one block over the nodes whose codes are codes. Begin
 * a block, add its seats, then take mean and certificate. Not thread-safe.
 */
interface BlockAverage extends Closeable {
  /**
   * What of one node's block was added.
   *
   * @param node index in the plan
   * @param claims of planes 0, 1, ...
   * @param clips of the p probes, logits; none where nothing is clipped
   * @param meanStep of the node's quantiser in units of its clip
   */
  // Arrays are handed over, not shared.
  @SuppressWarnings("ArrayRecordComponent")
  record Prefix(int node, List<BlockClaim> claims, double[] clips, double meanStep) {}

  /** Begins a block. */
  void begin(int block) throws IOException;

  /**
   * Adds the longest prefix of a seat's planes whose codes are codes; null where none are.
   *
   * @param rejects takes this round's claim if it does not count
   */
  Prefix add(Quorum.Seat seat, Consumer<RejectedRecord> rejects) throws IOException;

  /**
   * Writes the mean over what was added.
   *
   * @param out [p, V], logits
   */
  void mean(float[] out);

  /** Adds the certificate of the block to an account, after its mean. */
  void certify(ShardAccount account, float[] mean);
}
