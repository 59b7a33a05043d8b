package dev.sluice.transforms.channel;

import java.util.Objects;

/** Unsigned fields of 1 to 32 bits one after another in an array, the highest bit first. */
public final class BitFields {
  private final byte[] bytes;
  private long at;

  /**
   * Over an array, from a bit on.
   *
   * @param bytes written into or read from; zeros where it is written
   */
  public BitFields(byte[] bytes, long firstBit) {
    this.bytes = bytes;
    this.at = firstBit;
  }

  /** Bytes that hold some bits. */
  public static long bytes(long bits) {
    return (bits + 7) >>> 3;
  }

  /** The bit that is next. */
  public long at() {
    return at;
  }

  /** Writes the low bits of a value. */
  public void write(int value, int bits) {
    int left = bits;
    while (left > 0) {
      int room = 8 - (int) (at & 7);
      int count = Math.min(room, left);
      int part = (value >>> (left - count)) & ((1 << count) - 1);
      bytes[(int) (at >>> 3)] |= (byte) (part << (room - count));
      at += count;
      left -= count;
    }
  }

  /** Reads as many bits. */
  public int read(int bits) {
    Objects.checkFromToIndex(at, at + bits, 8L * bytes.length);
    int value = 0;
    int left = bits;
    while (left > 0) {
      int room = 8 - (int) (at & 7);
      int count = Math.min(room, left);
      int part = (bytes[(int) (at >>> 3)] >>> (room - count)) & ((1 << count) - 1);
      value = value << count | part;
      at += count;
      left -= count;
    }
    return value;
  }
}
