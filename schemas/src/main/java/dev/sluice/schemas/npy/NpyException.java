package dev.sluice.schemas.npy;

import java.io.IOException;

/**
 * A file that is not the {@code .npy} matrix it should be: names it, what was found, what was
 * expected.
 */
public final class NpyException extends IOException {
  private static final long serialVersionUID = 1L;

  NpyException(String name, String problem) {
    super(name + ": " + problem);
  }
}
