package dev.sluice.transforms.recompute;

import java.util.BitSet;

/** Sets of blocks as text: runs in order, as {@code 0-9,12}. */
public final class BlockSet {
  private BlockSet() {}

  /** The text of a set; empty where it is. */
  public static String text(BitSet blocks) {
    StringBuilder text = new StringBuilder();
    for (int from = blocks.nextSetBit(0); from >= 0; ) {
      int to = blocks.nextClearBit(from);
      text.append(text.isEmpty() ? "" : ",").append(from);
      if (to > from + 1) {
        text.append('-').append(to - 1);
      }
      from = blocks.nextSetBit(to);
    }
    return text.toString();
  }

  /**
   * Adds the blocks of a text to a set.
   *
   * @throws NumberFormatException if it is none that {@link #text} makes
   */
  public static void add(BitSet blocks, String text) {
    if (text.isEmpty()) {
      return;
    }
    for (String run : text.split(",", -1)) {
      int dash = run.indexOf('-');
      int from = Integer.parseUnsignedInt(dash < 0 ? run : run.substring(0, dash));
      int to = dash < 0 ? from : Integer.parseUnsignedInt(run.substring(dash + 1));
      if (from > to) {
        throw new NumberFormatException("a run that ends before it begins: " + run);
      }
      blocks.set(from, to + 1);
    }
  }
}
