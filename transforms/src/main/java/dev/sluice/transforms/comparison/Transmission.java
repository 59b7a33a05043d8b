package dev.sluice.transforms.comparison;

import java.io.IOException;
import java.util.OptionalDouble;

/**
 * The uplinks of K nodes through one channel at one budget, block by block, and what the hub
 * decodes of them. Within a block all nodes are sent in their order. Not thread-safe.
 */
public interface Transmission {
  /** Probes of a block; the last may have fewer. */
  int probesPerBlock();

  /** How the budget is spent, for people. */
  String setting();

  /**
   * Begins a block.
   *
   * @param block from 0
   * @param probes p
   * @param reference [p, V] logits of the public reference; kept until the block ends
   */
  void begin(int block, int probes, double[] reference) throws IOException;

  /**
   * Sends one node's block, and decodes it from the bytes that were sent.
   *
   * @param node from 0, ascending
   * @param logits [p, V], finite; overwritten
   * @param decoded receives [p, V] logits, each row up to a shift, which softmax does not see
   * @throws TooFewBitsException if it turns out that nothing fits the budget
   */
  void send(int node, double[] logits, double[] decoded) throws TooFewBitsException, IOException;

  /**
   * Ends a block that all nodes have sent.
   *
   * @param teacher [p, V], float32 of the mean of what was decoded
   * @return an upper bound on the expectation of the block's divergence, nats, the sum over its
   *     probes; empty where there is none
   */
  OptionalDouble end(float[] teacher);

  /** Bytes of all nodes' files after the last block. */
  long bytes() throws IOException;

  /** Of these, what is not codes. */
  long overheadBytes() throws IOException;

  /** Coordinates that were moved to their clip so far. */
  long clipped();
}
