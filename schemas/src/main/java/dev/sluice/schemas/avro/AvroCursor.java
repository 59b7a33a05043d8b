package dev.sluice.schemas.avro;

import java.nio.charset.StandardCharsets;

/** Takes Avro's binary encoding off a buffer that nobody vouches for: no length is believed. */
public final class AvroCursor {
  private final byte[] buffer;
  private final int to;
  private int at;

  /** Reads from one place of a buffer to another. */
  public AvroCursor(byte[] buffer, int from, int to) {
    this.buffer = buffer;
    this.at = from;
    this.to = to;
  }

  /** Bytes that are left. */
  public int remaining() {

    return to - at;
  }

  /** A long, zigzag in at most ten bytes. */
  public long readLong(String field) throws CorruptRecordException {
    long raw = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      require(field, 1);
      byte b = buffer[at++];
      raw |= (b & 0x7fL) << shift;
      if (b >= 0) {
        return raw >>> 1 ^ -(raw & 1);
      }
    }
    throw new CorruptRecordException(field + " is no Avro number: more than ten bytes");
  }

  /** A long that fits 32 bits. */
  public int readInt(String field) throws CorruptRecordException {
    long value = readLong(field);
    if (value != (int) value) {
      throw new CorruptRecordException(field + " is " + value + ", outside 32 bits");
    }
    return (int) value;
  }

  /** A double. */
  public double readDouble(String field) throws CorruptRecordException {
    byte[] raw = readFixed(field, 8);
    long bits = 0;
    for (int i = 7; i >= 0; i--) {
      bits = (bits << 8) | (raw[i] & 0xff);
    }
    return Double.longBitsToDouble(bits);
  }

  /** So many bytes. */
  public byte[] readFixed(String field, int length) throws CorruptRecordException {
    require(field, length);
    byte[] raw = java.util.Arrays.copyOfRange(buffer, at, at + length);
    at += length;
    return raw;
  }

  /** A string of at most so many bytes of UTF-8. */
  public String readString(String field, int maxBytes) throws CorruptRecordException {
    long length = readLong(field);
    if (length < 0 || length > maxBytes) {
      throw new CorruptRecordException(
          field + " claims " + length + " bytes, at most " + maxBytes + " allowed");
    }
    return new String(readFixed(field, (int) length), StandardCharsets.UTF_8);
  }

  /** Passes over so many bytes. */
  public void skip(int length) throws CorruptRecordException {
    require("bytes passed over", length);
    at += length;
  }

  /** Where the next byte is. */
  public int position() {
    return at;
  }

  private void require(String field, int length) throws CorruptRecordException {
    if (remaining() < length) {
      throw new CorruptRecordException("the record ends inside " + field);
    }
  }
}
