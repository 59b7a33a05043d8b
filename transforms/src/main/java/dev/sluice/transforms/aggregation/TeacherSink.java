package dev.sluice.transforms.aggregation;

import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.TeacherBlock;
import java.io.IOException;

/** Where the averaged blocks of one shard go, in probe order. */
public interface TeacherSink {
  /**
   * Takes the next block.
   *
   * @param block owned by the caller again on return
   * @param logits begins with the block's logits, once more as numbers
   */
  void write(TeacherBlock block, float[] logits) throws IOException;

  /** Passes over the next block, which had too few nodes. */
  void skip() throws IOException;

  /** Ends the shard and, if it is complete, says in its account where it is. */
  void finish(ShardAccount account) throws IOException;

  /** Ends a shard that failed, leaving nothing behind. */
  void abandon() throws IOException;
}
