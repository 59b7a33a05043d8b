package dev.sluice.transforms.channel.codebook;

import java.util.Arrays;

/**
 * Levels on a line and the nearest to a number, at the cost of one look-up and one comparison: a
 * grid so fine that no interval of it holds two boundaries tells the number of boundaries before
 * the interval. Exact for boundaries rounded to float32. Immutable.
 */
public final class ScalarLevels {
  private static final int MAX_INTERVALS = 1 << 20;

  private final float[] levels;
  private final float[] boundaries;
  private final float scale;
  private final float shift;
  private final int[] before;

  private ScalarLevels(float[] levels, float[] boundaries, float scale, float shift, int[] before) {
    this.levels = levels;
    this.boundaries = boundaries;
    this.scale = scale;
    this.shift = shift;
    this.before = before;
  }

  /**
   * For some levels.
   *
   * @param levels increasing, at least 2
   * @throws IllegalArgumentException if two boundaries are so near for their span that the grid
   *     would have more than 2^20 intervals
   */
  public static ScalarLevels of(double[] levels) {
    int n = levels.length;
    float[] boundaries = new float[n];
    for (int i = 0; i < n - 1; i++) {
      boundaries[i] = (float) ((levels[i] + levels[i + 1]) / 2);
    }
    boundaries[n - 1] = Float.POSITIVE_INFINITY;
    float[] rounded = new float[n];
    for (int i = 0; i < n; i++) {
      rounded[i] = (float) levels[i];
    }
    float first = boundaries[0];
    float span = Math.max(boundaries[n - 2] - first, 1e-3f);
    for (int intervals = 4; intervals <= MAX_INTERVALS; intervals *= 2) {
      float scale = (intervals - 2) / span;
      float shift = 1 - first * scale;
      int[] before = new int[intervals + 1];
      for (int i = 0; i < n - 1; i++) {
        before[interval(boundaries[i], scale, shift, intervals) + 1]++;
      }
      if (Arrays.stream(before).max().getAsInt() == 1) {
        for (int i = 1; i < intervals; i++) {
          before[i] += before[i - 1];
        }
        return new ScalarLevels(
            rounded, boundaries, scale, shift, Arrays.copyOf(before, intervals));
      }
    }
    throw new IllegalArgumentException("boundaries are too near to each other");
  }

  /** How many. */
  public int size() {
    return levels.length;
  }

  /** One of them, from 0 on, in float32. */
  public float level(int index) {
    return levels[index];
  }

  /** The largest of their magnitudes. */
  public float reach() {
    return Math.max(Math.abs(levels[0]), Math.abs(levels[levels.length - 1]));
  }

  /** Index of the level next to each of {@code x[from .. to)}, all finite. */
  public void nearest(float[] x, int from, int to, int[] indices) {
    int intervals = before.length;
    for (int i = from; i < to; i++) {
      int index = before[interval(x[i], scale, shift, intervals)];
      // One more where the boundary lies below: its sign, for a branch would be a coin's toss.
      indices[i] = index + (Float.floatToRawIntBits(boundaries[index] - x[i]) >>> 31);
    }
  }

  /** Levels of {@code indices[from .. to)}, to the same places from {@code at} on. */
  public void levels(int[] indices, int from, int to, float[] out, int at) {
    for (int i = from; i < to; i++) {
      out[at + i] = levels[indices[i]];
    }
  }

  /** Never decreases with x, by monotony of rounding: all that is asked of it. */
  private static int interval(float x, float scale, float shift, int intervals) {
    return Math.max(0, Math.min(intervals - 1, (int) (x * scale + shift)));
  }
}
