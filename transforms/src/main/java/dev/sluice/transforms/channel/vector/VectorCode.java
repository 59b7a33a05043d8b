package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;

/**
 * Sends vectors of one dimension at one rate. What it does is a function of the vector and the key
 * alone, the same on every platform. Holds scratch: not thread-safe.
 */
public interface VectorCode {
  /** d. */
  int dimension();

  /** How the bits are spent, for people. */
  String setting();

  /** The most bits that a vector takes, side information and all. */
  long bits();

  /**
   * Encodes a vector.
   *
   * @param x holds d coordinates from {@code from} on; not changed
   * @param key what sender and receiver share; another for each vector and each node. Senders may
   *     draw further words from it that the receiver has no use for
   * @param out receives the code from byte {@code at} on, where {@code (bits() + 7) / 8} bytes must
   *     be 0
   * @return bits of the code, at most {@link #bits}
   * @throws IllegalArgumentException if a coordinate is not finite, or so large that the code has
   *     no number for it
   */
  long encode(float[] x, int from, long key, byte[] out, int at);

  /**
   * Decodes what {@link #encode} wrote. Zeros decode to zeros.
   *
   * @param in holds the code from byte {@code at} on; bytes beyond its end are not read
   * @param out receives d finite coordinates from {@code to} on
   * @return bits of the code
   * @throws BadCodesException if no vector has this code
   */
  long decode(byte[] in, int at, long key, float[] out, int to) throws BadCodesException;
}
