package dev.sluice.transforms.round;

import java.io.IOException;

/** Input that cannot be used. The message names the file, what was found and what was expected. */
public final class BadInputException extends IOException {
  private static final long serialVersionUID = 1L;

  public BadInputException(String message) {
    super(message);
  }

  public BadInputException(String message, Throwable cause) {
    super(message, cause);
  }
}
