package dev.sluice.schemas.avro;

/** A file that is no uncompressed Avro container of the expected records; the message says why. */
public final class NotAContainerException extends Exception {
  private static final long serialVersionUID = 1L;

  NotAContainerException(String message) {
    super(message);
  }
}
