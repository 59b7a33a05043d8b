package dev.sluice.transforms.channel;

/**
 * Codes that are no valid block for the plan's shape. The message says what was found and what was
 * expected.
 */
public final class BadCodesException extends Exception {
  private static final long serialVersionUID = 1;

  public BadCodesException(String message) {
    super(message);
  }
}
