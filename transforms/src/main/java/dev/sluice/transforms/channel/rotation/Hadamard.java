package dev.sluice.transforms.channel.rotation;

import java.util.Objects;

/**
 * The fast Walsh–Hadamard transform, in place and without a factor: {@code y[i] = sum_j
 * (-1)^popcount(i & j) x[j]}, n log2 n additions. Twice is n times the vector. The additions are
 * made in an order fixed by n: the same bits on every JVM.
 *
 * <p>From 4096 on, blocks of 16^3 go through a tile of 16 rows of 256 in which a stride is a whole
 * row, so that the compiler makes vectors of every stage: transform the rows, turn the index's
 * three hexadecimal digits by one place, three times over. Longer strides take rows of 256 from as
 * far apart as they are, up to 16 of them, so that four stages cost one pass over memory.
 *
 * <p>Holds scratch: not thread-safe.
 */
public final class Hadamard {
  private static final int ROWS = 16;
  private static final int ROW = 256;
  private static final int TILE = ROWS * ROW;

  private final float[] tile = new float[TILE];
  private final float[] turned = new float[TILE];

  /**
   * Transforms {@code x[at .. at + n)}.
   *
   * @param n a power of two
   * @throws IllegalArgumentException if n is none
   * @throws IndexOutOfBoundsException if x ends before
   */
  public void transform(float[] x, int at, int n) {
    if (Integer.bitCount(n) != 1 || n < 1) {
      throw new IllegalArgumentException("length must be a power of two, got " + n);
    }
    Objects.checkFromIndexSize(at, n, x.length);
    if (n < TILE) {
      shortOne(x, at, n);
      return;
    }
    for (int i = at; i < at + n; i += TILE) {
      turn(x, i, tile);
      rowsOf4(tile, ROWS);
      foursOfRows(tile);
      turn(tile, 0, turned);
      rowsOf4(turned, ROWS);
      foursOfRows(turned);
      turn(turned, 0, tile);
      rowsOf4(tile, ROWS);
      foursOfRows(tile);
      System.arraycopy(tile, 0, x, i, TILE);
    }
    int stride = TILE;
    while (stride < n) {
      int rows = Math.min(ROWS, n / stride);
      for (int i = at; i < at + n; i += rows * stride) {
        for (int from = i; from < i + stride; from += ROW) {
          across(x, from, stride, rows);
        }
      }
      stride *= rows;
    }
  }

  private static void shortOne(float[] x, int at, int n) {
    int stride = 1;
    for (; 4 * stride <= n; stride *= 4) {
      for (int i = at; i < at + n; i += 4 * stride) {
        for (int j = i; j < i + stride; j++) {
          float a = x[j];
          float b = x[j + stride];
          float c = x[j + 2 * stride];
          float d = x[j + 3 * stride];
          x[j] = (a + b) + (c + d);
          x[j + stride] = (a - b) + (c - d);
          x[j + 2 * stride] = (a + b) - (c + d);
          x[j + 3 * stride] = (a - b) - (c - d);
        }
      }
    }
    if (stride < n) {
      for (int j = at; j < at + stride; j++) {
        float a = x[j];
        float b = x[j + stride];
        x[j] = a + b;
        x[j + stride] = a - b;
      }
    }
  }

  /** A row's length from each of 2, 4, 8 or 16 places a stride apart. */
  private void across(float[] x, int from, int stride, int rows) {
    for (int row = 0; row < rows; row++) {
      System.arraycopy(x, from + row * stride, tile, row * ROW, ROW);
    }
    if (rows == 2) {
      pairOfRows(tile);
    } else {
      rowsOf4(tile, rows);
      if (rows == 8) {
        pairOfFours(tile);
      } else if (rows == ROWS) {
        foursOfRows(tile);
      }
    }
    for (int row = 0; row < rows; row++) {
      System.arraycopy(tile, row * ROW, x, from + row * stride, ROW);
    }
  }

  // Strides below are constants, which is what lets the compiler see that loads and stores of one
  // array do not overlap.

  /** Strides of one row and of two. */
  private static void rowsOf4(float[] t, int rows) {
    for (int i = 0; i < rows * ROW; i += 4 * ROW) {
      for (int j = i; j < i + ROW; j++) {
        float a = t[j];
        float b = t[j + ROW];
        float c = t[j + 2 * ROW];
        float d = t[j + 3 * ROW];
        t[j] = (a + b) + (c + d);
        t[j + ROW] = (a - b) + (c - d);
        t[j + 2 * ROW] = (a + b) - (c + d);
        t[j + 3 * ROW] = (a - b) - (c - d);
      }
    }
  }

  /** Strides of four rows and of eight. */
  private static void foursOfRows(float[] t) {
    for (int j = 0; j < 4 * ROW; j++) {
      float a = t[j];
      float b = t[j + 4 * ROW];
      float c = t[j + 8 * ROW];
      float d = t[j + 12 * ROW];
      t[j] = (a + b) + (c + d);
      t[j + 4 * ROW] = (a - b) + (c - d);
      t[j + 8 * ROW] = (a + b) - (c + d);
      t[j + 12 * ROW] = (a - b) - (c - d);
    }
  }

  /** A stride of four rows, of eight rows in all. */
  private static void pairOfFours(float[] t) {
    for (int j = 0; j < 4 * ROW; j++) {
      float a = t[j];
      float b = t[j + 4 * ROW];
      t[j] = a + b;
      t[j + 4 * ROW] = a - b;
    }
  }

  /** A stride of one row, of two rows in all. */
  private static void pairOfRows(float[] t) {
    for (int j = 0; j < ROW; j++) {
      float a = t[j];
      float b = t[j + ROW];
      t[j] = a + b;
      t[j + ROW] = a - b;
    }
  }

  /** {@code to[256 c + j] = from[at + 16 j + c]}: the last hexadecimal digit comes first. */
  private static void turn(float[] from, int at, float[] to) {
    for (int c = 0; c < ROWS; c++) {
      for (int j = 0; j < ROW; j++) {
        to[c * ROW + j] = from[at + c + ROWS * j];
      }
    }
  }
}
