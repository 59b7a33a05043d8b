package dev.sluice.transforms.distillation;

import dev.sluice.transforms.channel.Dither;
import java.util.Objects;

/**
 * The sparse features of a context: one that is always there, and one for each of its last 1, 2,
 * ..., n tokens. A feature is a number below {@code 1 + n·2^bits}: 0 for the one that is always
 * there, else a keyed hash of order and tokens, in a range of 2^bits of its order's own. Two
 * contexts that end in the same tokens share that feature; others share it with probability
 * 2^-bits.
 *
 * <p>Immutable. A context is what stands before a place in a text.
 */
public final class ContextFeatures {
  /** The longest n-gram that a feature stands for. */
  public static final int MAX_ORDER = 3;

  private final int order;
  private final int bits;
  private final long key;

  private ContextFeatures(int order, int bits, long key) {
    this.order = order;
    this.bits = bits;
    this.key = key;
  }

  /**
   * Features of up to so many tokens.
   *
   * @param order n, in [0, 3]
   * @param bits of a hash, in [1, 28]
   * @param key of the hash
   */
  public static ContextFeatures of(int order, int bits, long key) {
    if (order < 0 || order > MAX_ORDER) {
      throw new IllegalArgumentException(
          "order must be in [0, " + MAX_ORDER + "] tokens, got " + order);
    }
    if (bits < 1 || bits > 28) {
      throw new IllegalArgumentException("bits of a feature must be in [1, 28], got " + bits);
    }
    return new ContextFeatures(order, bits, key);
  }

  /** How many features a context has, n + 1. */
  public int count() {
    return order + 1;
  }

  /**
   * The features of the context before {@code tokens[end]}, shortest n-gram first.
   *
   * @param tokens of which those from {@code end - n} to {@code end - 1} are read
   * @param end at least n
   */
  public int[] before(int[] tokens, int end) {
    Objects.checkFromToIndex(end - order, end, tokens.length);
    int[] features = new int[order + 1];
    long hash = key;
    for (int n = 1; n <= order; n++) {
      hash = Dither.mix(hash ^ (tokens[end - n] + 1L));
      features[n] = 1 + ((n - 1) << bits) + (int) (Dither.mix(hash + n) >>> (64 - bits));
    }
    return features;
  }
}
