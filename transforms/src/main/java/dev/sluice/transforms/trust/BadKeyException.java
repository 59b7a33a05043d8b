package dev.sluice.transforms.trust;

/** Text that is no usable Ed25519 key. The message says what was found and what was expected. */
public final class BadKeyException extends Exception {
  private static final long serialVersionUID = 1L;

  BadKeyException(String message) {
    super(message);
  }
}
