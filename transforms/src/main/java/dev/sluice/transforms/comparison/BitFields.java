package dev.sluice.transforms.comparison;

/** Unsigned fields of 1 to 32 bits one after another in an array, the highest bit first. */
final class BitFields {
  private final byte[] bytes;
  private long at;

  /**
   * Over an array, from a bit on.
   *
   * @param bytes written into or read from; zeros where it is written
   */
  BitFields(byte[] bytes, long firstBit) {
    this.bytes = bytes;
    this.at = firstBit;
  }

  /** Bytes that hold some bits. */
  static long bytes(long bits) {
    return (bits + 7) >>> 3;
  }

  /** Writes the low bits of a value. */
  void write(int value, int bits) {
    for (int bit = bits - 1; bit >= 0; bit--, at++) {
      if (((value >>> bit) & 1) != 0) {
        bytes[(int) (at >>> 3)] |= (byte) (0x80 >>> (at & 7));
      }
    }
  }

  /** Reads as many bits. */
  int read(int bits) {
    int value = 0;
    for (int bit = 0; bit < bits; bit++, at++) {
      value = value << 1 | ((bytes[(int) (at >>> 3)] >>> (7 - (at & 7))) & 1);
    }
    return value;
  }
}
