package dev.sluice.transforms.comparison;

/** A budget for which a channel can send nothing. The message says what it would need. */
public final class TooFewBitsException extends Exception {
  private static final long serialVersionUID = 1L;

  public TooFewBitsException(String message) {
    super(message);
  }
}
