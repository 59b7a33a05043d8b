package dev.sluice.runners;

/** How a command ended, for the shell that started it. */
final class ExitCodes {
  /** Done. */
  static final int OK = 0;

  /** Something that no input explains: a bug, or a machine that gave out. */
  static final int FAILED = 1;

  /** The command line itself. */
  static final int USAGE = 2;

  /** Input, files or a round that is not complete. */
  static final int BAD_INPUT = 3;

  /** Done, and some of what came was rejected. */
  static final int DONE_WITH_REJECTS = 4;

  /** The Flink cluster could not do it, for no fault of the input: run it again. */
  static final int CLUSTER = 5;

  /** Another recomputation is at work on the same root. */
  static final int LOCKED = 6;

  private ExitCodes() {}
}
