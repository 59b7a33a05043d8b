package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.codebook.FibCodebook;
import dev.sluice.transforms.channel.codebook.NearestWord;
import java.util.Arrays;
import java.util.Objects;

/**
 * FibQuant: the vector rotated, each block of k coordinates at the nearest of 2^a words, and one
 * scale, that of least error: {@code |x|/sqrt(d) <z, z'>/|z'|^2} for z rotated, of mean square 1,
 * and z' its words. Lee and Kim, arXiv 2605.11478.
 *
 * <p>Where k does not divide d, the last block's coordinates are the first of a word, the nearest
 * in these.
 *
 * <p>The code: 32 bits as in {@link ScaledRotation}; then the address of block i, a bits, at bit 32
 * + i a, so that each can be had without the others.
 */
final class FibQuantCode implements VectorCode {
  private final int dimension;
  private final int block;
  private final int addressBits;
  private final int blocks;
  private final FibCodebook codebook;
  private final NearestWord nearest;
  private final ScaledRotation vector;

  FibQuantCode(int block, int addressBits, int dimension) {
    this.dimension = dimension;
    this.block = block;
    this.addressBits = addressBits;
    this.blocks = blocks(block, dimension);
    this.codebook = FibCodebook.of(block, addressBits);
    this.nearest = codebook.nearest();
    double reach = 0;
    for (int word = 0; word < 1 << addressBits; word++) {
      for (int j = 0; j < block; j++) {
        reach = Math.max(reach, Math.abs(codebook.coordinate(word, j)));
      }
    }
    this.vector = new ScaledRotation(dimension, reach);
  }

  private static int blocks(int block, int dimension) {
    return (dimension - 1) / block + 1;
  }

  static long size(int block, int addressBits, int dimension) {
    return ScaledRotation.SIDE_BITS + (long) addressBits * blocks(block, dimension);
  }

  @Override
  public int dimension() {
    return dimension;
  }

  @Override
  public String setting() {
    return (1 << addressBits) + " words for blocks of " + block;
  }

  @Override
  public long bits() {
    return size(block, addressBits, dimension);
  }

  @Override
  public long encode(float[] x, int from, long key, byte[] out, int at) {
    if (!vector.load(x, from, key)) {
      return bits();
    }
    float[] rotated = vector.rotated();
    int[] addresses = new int[blocks];
    double product = 0;
    double square = 0;
    for (int i = 0; i < blocks; i++) {
      int first = i * block;
      int length = Math.min(block, dimension - first);
      addresses[i] = nearest.of(rotated, first, length);
      for (int j = 0; j < length; j++) {
        double q = codebook.coordinate(addresses[i], j);
        product += rotated[first + j] * q;
        square += q * q;
      }
    }
    int word = product > 0 ? vector.wordNear(vector.deviation() * product / square) : 0;
    if (word == 0) {
      return bits();
    }
    BitFields fields = new BitFields(out, 8L * at);
    fields.write(word, ScaledRotation.SIDE_BITS);
    for (int address : addresses) {
      fields.write(address, addressBits);
    }
    return bits();
  }

  @Override
  public long decode(byte[] in, int at, long key, float[] out, int to) throws BadCodesException {
    Objects.checkFromIndexSize(to, dimension, out.length);
    int word = new BitFields(in, 8L * at).read(ScaledRotation.SIDE_BITS);
    if (word == 0) {
      Arrays.fill(out, to, to + dimension, 0);
      return bits();
    }
    vector.check(word);
    for (int i = 0; i < blocks; i++) {
      rotatedBlock(in, at, i, out, to + i * block);
    }
    vector.unload(word, key, out, to);
    return bits();
  }

  /**
   * Reads one block of the rotated vector, in units of its scale.
   *
   * @param index i, in [0, ceil(d/k))
   * @param out receives k coordinates from {@code to} on, or what is left of d
   */
  void rotatedBlock(byte[] in, int at, int index, float[] out, int to) {
    long bit = 8L * at + ScaledRotation.SIDE_BITS + (long) addressBits * index;
    int address = new BitFields(in, bit).read(addressBits);
    int length = Math.min(block, dimension - index * block);
    for (int j = 0; j < length; j++) {
      out[to + j] = codebook.coordinate(address, j);
    }
  }
}
