package dev.sluice.transforms.channel.codebook;

import java.util.Arrays;
import java.util.Comparator;

/**
 * Finds the nearest of N words of k coordinates, exactly. Words are in increasing order of their
 * first coordinates: the best of some whose first coordinate is about the vector's bounds the
 * distance, and all whose first coordinate alone is not beyond that are tried, coordinate by
 * coordinate over all of them, which compilers turn into vector instructions. Of words at one
 * distance, the first. Holds scratch: not thread-safe.
 */
public final class NearestWord {
  /** Words that are tried for a bound. */
  private static final int TRIED = 64;

  private final int count;

  /** By coordinate, then word. */
  private final float[][] coordinates;

  private final float[] distances;

  /**
   * Among N words.
   *
   * @param words one after another, in increasing order of their first coordinates; copied
   */
  NearestWord(float[] words, int block) {
    count = words.length / block;
    coordinates = new float[block][count];
    distances = new float[count];
    for (int i = 0; i < words.length; i++) {
      coordinates[i % block][i / block] = words[i];
    }
    for (int i = 1; i < count; i++) {
      if (!(coordinates[0][i - 1] <= coordinates[0][i])) {
        throw new IllegalArgumentException("word " + i + " is before word " + (i - 1));
      }
    }
  }

  /** Words in increasing order of their first coordinates, ties as they were. */
  static float[] sorted(float[] words, int block) {
    Integer[] order = new Integer[words.length / block];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, Comparator.comparingDouble(i -> words[i * block]));
    float[] sorted = new float[words.length];
    for (int i = 0; i < order.length; i++) {
      System.arraycopy(words, order[i] * block, sorted, i * block, block);
    }
    return sorted;
  }

  /**
   * The word nearest to {@code x[at .. at + length)} in its first coordinates.
   *
   * @param length in [1, k]
   */
  public int of(float[] x, int at, int length) {
    if (count > TRIED) {
      int from = Math.max(0, Math.min(count - TRIED, below(x[at]) - TRIED / 2));
      float bound = distances[within(x, at, length, from, from + TRIED)];
      // A little more, for rounding.
      float beyond = (float) Math.sqrt(bound) * (1 + 1e-5f) + 1e-6f;
      return within(x, at, length, below(x[at] - beyond), below(x[at] + beyond));
    }
    return within(x, at, length, 0, count);
  }

  /** How many words begin with less. */
  private int below(float x) {
    float[] first = coordinates[0];
    int low = 0;
    int high = count;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (first[middle] < x) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** The nearest of the words [from, to). */
  private int within(float[] x, int at, int length, int from, int to) {
    float[] sums = distances;
    Arrays.fill(sums, from, to, 0);
    for (int j = 0; j < length; j++) {
      add(sums, coordinates[j], x[at + j], from, to);
    }
    int nearest = from;
    float least = sums[from];
    for (int word = from + 1; word < to; word++) {
      if (sums[word] < least) {
        least = sums[word];
        nearest = word;
      }
    }
    return nearest;
  }

  private static void add(float[] sums, float[] words, float x, int from, int to) {
    for (int word = from; word < to; word++) {
      float difference = words[word] - x;
      sums[word] += difference * difference;
    }
  }
}
