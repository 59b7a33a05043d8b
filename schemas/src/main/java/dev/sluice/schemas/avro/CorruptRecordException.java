package dev.sluice.schemas.avro;

/** Bytes that are no record of the expected schema; the message says where and why. */
public final class CorruptRecordException extends Exception {
  private static final long serialVersionUID = 1L;

  public CorruptRecordException(String message) {
    super(message);
  }
}
