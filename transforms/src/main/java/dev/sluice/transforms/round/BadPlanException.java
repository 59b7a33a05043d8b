package dev.sluice.transforms.round;

import java.io.IOException;

/** A plan that no round can follow. The message names the document, the field and the range. */
public final class BadPlanException extends IOException {
  private static final long serialVersionUID = 1L;

  BadPlanException(String message) {
    super(message);
  }
}
