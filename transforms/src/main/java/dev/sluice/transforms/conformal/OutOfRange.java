package dev.sluice.transforms.conformal;

/** What becomes of a score outside the range, NaN included. */
public enum OutOfRange {
  /** An error. */
  REFUSE,
  /**
   * The nearest end of the range, and a count. NaN becomes the largest score: the candidate is as
   * unlikely as one can be.
   */
  CLIP
}
