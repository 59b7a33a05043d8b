package dev.sluice.transforms.channel.codebook;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * 2^a words of k coordinates for blocks of a random unit vector times sqrt(d), as {@link
 * FibCodebookDesign} makes them for d = 128. The law of a block hardly depends on d, and a scale
 * sent with each vector takes up most of what does: against tables made for d itself, the error is
 * larger by at most 1 % at d = 16 and 0.4 % at d = 32, and by nothing that a sample of 300 000
 * blocks tells at d = 512 (k = 2, 4 and 8, 0.6 to 2.5 bits). Immutable.
 */
public final class FibCodebook {
  private static final int LONGEST_ADDRESS = 12;

  /** A search tries nearly all words of 8 coordinates: as long as one of 2^12 shorter words. */
  private static final int LONGEST_ADDRESS_OF_8 = 11;

  private static final int[] BLOCKS = {2, 3, 4, 8};

  private static final Map<Integer, FibCodebook> CACHE = new ConcurrentHashMap<>();

  private final int block;
  private final int addressBits;
  private final float[] words;

  FibCodebook(int block, int addressBits, float[] words) {
    this.block = block;
    this.addressBits = addressBits;
    this.words = words;
  }

  /** The lengths k of blocks, in increasing order. */
  public static int[] blocks() {
    return BLOCKS.clone();
  }

  /** The longest address for blocks of k coordinates, in bits: 12, but 11 for k = 8. */
  public static int longestAddress(int block) {
    return block == 8 ? LONGEST_ADDRESS_OF_8 : LONGEST_ADDRESS;
  }

  /**
   * The codebook of a block and an address length; kept once read.
   *
   * @param block k, one of {@link #blocks}
   * @param addressBits a, in [1, {@link #longestAddress}]
   */
  public static FibCodebook of(int block, int addressBits) {
    boolean known = false;
    for (int k : BLOCKS) {
      known |= k == block;
    }
    if (!known || addressBits < 1 || addressBits > longestAddress(block)) {
      throw new IllegalArgumentException(
          "no codebook of " + addressBits + " bits for " + block + " coordinates");
    }
    return CACHE.computeIfAbsent(block * 100 + addressBits, key -> read(block, addressBits));
  }

  /** k. */
  public int block() {
    return block;
  }

  /** a. */
  public int addressBits() {
    return addressBits;
  }

  /** Finds the nearest word. */
  public NearestWord nearest() {
    return new NearestWord(words, block);
  }

  /** Coordinate j of a word. */
  public float coordinate(int word, int j) {
    return words[word * block + j];
  }

  static String file(int block, int addressBits) {
    return "fib-" + block + "-" + addressBits + ".f32";
  }

  private static FibCodebook read(int block, int addressBits) {
    String file = file(block, addressBits);
    try (InputStream in = FibCodebook.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException("the jar lacks " + file);
      }
      byte[] bytes = in.readAllBytes();
      float[] words = new float[block << addressBits];
      if (bytes.length != 4 * words.length) {
        throw new IllegalStateException(
            file + ": " + bytes.length + " bytes, expected " + 4 * words.length);
      }
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(words);
      return new FibCodebook(block, addressBits, words);
    } catch (IOException e) {
      throw new UncheckedIOException(file, e);
    }
  }
}
