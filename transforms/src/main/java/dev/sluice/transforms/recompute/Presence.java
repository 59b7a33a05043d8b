package dev.sluice.transforms.recompute;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * Which nodes have sent what they were asked for, and which have not, by the blocks that they have
 * sound claims to.
 *
 * @param nodes how many were asked
 * @param missing names of those that lack some block, in the plan's order
 * @param fewest over blocks, how many nodes have it
 */
public record Presence(int nodes, List<String> missing, int fewest) {
  public Presence {
    missing = List.copyOf(missing);
  }

  /**
   * Counts.
   *
   * @param names of the nodes that were asked
   * @param sent blocks of each of them, in the same order
   * @param blocks how many there are, at least 1
   */
  public static Presence of(List<String> names, List<BitSet> sent, int blocks) {
    List<String> missing = new ArrayList<>();
    int[] nodes = new int[blocks];
    for (int node = 0; node < names.size(); node++) {
      if (sent.get(node).nextClearBit(0) < blocks) {
        missing.add(names.get(node));
      }
      sent.get(node).stream().takeWhile(block -> block < blocks).forEach(block -> nodes[block]++);
    }
    int fewest = names.size();
    for (int had : nodes) {
      fewest = Math.min(fewest, had);
    }
    return new Presence(names.size(), missing, fewest);
  }
}
