package dev.sluice.transforms.channel;

import java.util.Arrays;

/**
 * Holds back the f smallest and the f largest of the values that come to each coordinate, and lets
 * the others pass: what a trimmed mean sums. FORMAT 5.
 *
 * <p>A value is exchanged for the one that it pushes out: of the f smallest so far and itself the
 * largest, and of the f largest that came out there and that one the smallest. After c ≥ 2f values
 * those held are the f smallest and the f largest of them all, and those that passed are the c − 2f
 * others; of equal values it does not matter which is held. The order in which values come decides
 * only when each passes. So memory is 2f values a coordinate however many come, and nothing is
 * taken out of a sum again.
 *
 * <p>One thread at a time.
 */
public final class Extremes {
  private final int trim;
  private final double[][] lowest; // ascending at each coordinate
  private final double[][] highest; // descending
  private int rounds;

  /**
   * Nothing held.
   *
   * @param trim f, at least 0
   * @param coordinates most coordinates
   */
  public Extremes(int trim, int coordinates) {
    if (trim < 0) {
      throw new IllegalArgumentException("trim must be at least 0, got " + trim);
    }
    this.trim = trim;
    this.lowest = new double[trim][coordinates];
    this.highest = new double[trim][coordinates];
  }

  /** f. */
  public int trim() {
    return trim;
  }

  /** Lets go of everything. */
  public void reset() {
    rounds = 0;
    for (int f = 0; f < trim; f++) {
      Arrays.fill(lowest[f], Double.POSITIVE_INFINITY);
      Arrays.fill(highest[f], Double.NEGATIVE_INFINITY);
    }
  }

  /** Says that the values of one more node follow, one for each coordinate. */
  public void next() {
    rounds++;
  }

  /**
   * Exchanges values of the node that {@link #next} announced.
   *
   * @param values {@code values[from + i]} is that of coordinate {@code first + i}; each becomes
   *     the value that passes instead, or 0 where none does yet. No NaN; infinite ones are no
   *     values either
   * @param first coordinate
   */
  public void exchange(double[] values, int from, int count, int first) {
    for (double[] held : lowest) {
      for (int i = 0; i < count; i++) {
        double value = values[from + i];
        double other = held[first + i];
        held[first + i] = Math.min(other, value);
        values[from + i] = Math.max(other, value);
      }
    }
    if (rounds > trim) { // else what came out was no value but the infinity that held its place
      for (double[] held : highest) {
        for (int i = 0; i < count; i++) {
          double value = values[from + i];
          double other = held[first + i];
          held[first + i] = Math.max(other, value);
          values[from + i] = Math.min(other, value);
        }
      }
    }
    if (rounds <= 2 * trim) {
      Arrays.fill(values, from, from + count, 0.0);
    }
  }
}
