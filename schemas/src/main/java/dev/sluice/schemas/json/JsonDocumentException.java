package dev.sluice.schemas.json;

import java.io.IOException;

/** A JSON document that is not what its schema says. The message is meant for people. */
public final class JsonDocumentException extends IOException {
  private static final long serialVersionUID = 1L;

  JsonDocumentException(String message) {
    super(message);
  }

  JsonDocumentException(String source, String path, String found, String expected) {
    super(
        source
            + (path.isEmpty() ? "" : ": field '" + path + "'")
            + ": found "
            + found
            + ", expected "
            + expected);
  }
}
