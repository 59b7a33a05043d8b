package dev.sluice.transforms.channel.codebook;

import java.util.Arrays;

/**
 * Finds the nearest of N words of k coordinates, by trying all: a few coordinates at a time over
 * all words, which compilers turn into vector instructions. Of words at one distance, the first. Holds
 * scratch: not thread-safe.
 */
public final class NearestWord {
  /** By coordinate, then word. */
  private final float[][] coordinates;

  private final float[] distances;

  /**
   * Among N words.
   *
   * @param words one after another; copied
   */
  NearestWord(float[] words, int block) {
    int count = words.length / block;
    coordinates = new float[block][count];
    distances = new float[count];
    for (int i = 0; i < words.length; i++) {
      coordinates[i % block][i / block] = words[i];
    }
  }

  /**
   * The word nearest to {@code x[at .. at + length)} in its first coordinates.
   *
   * @param length in [1, k]
   */
  public int of(float[] x, int at, int length) {
    float[] sums = distances;
    Arrays.fill(sums, 0);
    int j = 0;
    for (; j + 4 <= length; j += 4) {
      addFour(sums, coordinates, j, x, at + j);
    }
    for (; j < length; j++) {
      add(sums, coordinates[j], x[at + j]);
    }
    int nearest = 0;
    float least = sums[0];
    for (int word = 1; word < sums.length; word++) {
      if (sums[word] < least) {
        least = sums[word];
        nearest = word;
      }
    }
    return nearest;
  }

  private static void addFour(float[] sums, float[][] words, int j, float[] x, int at) {
    float[] w0 = words[j];
    float[] w1 = words[j + 1];
    float[] w2 = words[j + 2];
    float[] w3 = words[j + 3];
    float x0 = x[at];
    float x1 = x[at + 1];
    float x2 = x[at + 2];
    float x3 = x[at + 3];
    for (int word = 0; word < sums.length; word++) {
      float d0 = w0[word] - x0;
      float d1 = w1[word] - x1;
      float d2 = w2[word] - x2;
      float d3 = w3[word] - x3;
      sums[word] += d0 * d0 + d1 * d1 + (d2 * d2 + d3 * d3);
    }
  }

  private static void add(float[] sums, float[] words, float x) {
    for (int word = 0; word < sums.length; word++) {
      float difference = words[word] - x;
      sums[word] += difference * difference;
    }
  }
}
