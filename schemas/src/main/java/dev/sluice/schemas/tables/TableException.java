package dev.sluice.schemas.tables;

import java.io.IOException;

/**
 * A table that cannot be used. The message names the file, the line, what was found and what was
 * expected.
 */
public final class TableException extends IOException {
  private static final long serialVersionUID = 1L;

  TableException(String message) {
    super(message);
  }
}
