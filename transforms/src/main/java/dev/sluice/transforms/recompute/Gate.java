package dev.sluice.transforms.recompute;

import java.time.Instant;
import java.util.Optional;

/** Whether a round whose inputs have changed is to be computed now. */
public enum Gate {
  /** It is. */
  OPEN,
  /** Nodes are missing, and may still come. */
  WAITING,
  /** The deadline has passed, and there are not nodes enough. */
  OVERDUE;

  /**
   * Until the deadline every node is waited for; from it on, and where there is none, as many as
   * the round needs are enough. What comes later makes another version. The clock decides on when
   * alone: what a round comes to depends on what has come and on {@code minNodes}, whenever it
   * runs.
   *
   * @param minNodes fewest nodes for a block, 1 .. nodes
   * @param deadline until when to wait for all; empty: not beyond minNodes
   */
  public static Gate of(Presence presence, int minNodes, Optional<Instant> deadline, Instant now) {
    if (presence.missing().isEmpty()) {
      return OPEN;
    }
    boolean passed = deadline.isPresent() && !now.isBefore(deadline.get());
    if (deadline.isPresent() && !passed) {
      return WAITING;
    }
    if (presence.fewest() >= minNodes) {
      return OPEN;
    }
    return passed ? OVERDUE : WAITING;
  }
}
