package dev.sluice.transforms.comparison;

import java.io.IOException;

/** The logits that are sent, a block of rows at a time, in any order. */
interface LogitRows {
  /**
   * Rows of a node.
   *
   * @param into receives [probes, V] finite logits
   */
  void node(int node, long firstProbe, int probes, double[] into) throws IOException;

  /**
   * Rows of the reference, as good as any other that both ends hold where there is none.
   *
   * @param into receives [probes, V] finite logits
   */
  void reference(long firstProbe, int probes, double[] into) throws IOException;

  /** Whether the tokens that followed are known. */
  boolean hasNextTokens();

  /** The token that followed a probe. */
  int nextToken(long probe);
}
