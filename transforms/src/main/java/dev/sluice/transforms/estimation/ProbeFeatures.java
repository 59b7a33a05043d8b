package dev.sluice.transforms.estimation;

import dev.sluice.transforms.channel.Dither;
import java.io.IOException;
import java.io.Serializable;
import java.util.Arrays;

/**
 * A few numbers that say what a probe is like: 1, and the coordinates of its row of the reference
 * on the rows' leading principal axes, each with mean 0 and mean square 1. The axes are found by
 * subspace iteration, a block of rows in memory.
 */
public final class ProbeFeatures implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final int ITERATIONS = 4;

  /** Of the rows' mean square, below which an axis says nothing. */
  private static final double NOTHING = 1e-12;

  private final double[] mean; // V
  private final double[][] axes; // each V, scaled

  private ProbeFeatures(double[] mean, double[][] axes) {
    this.mean = mean;
    this.axes = axes;
  }

  /** Rows of a matrix, in blocks. */
  public interface Rows {
    /** Blocks that there are. */
    int blocks();

    /** Rows of a block. */
    int rows(int block);

    /** The logits of a block, rows × V, valid until the next. */
    double[] read(int block) throws IOException;
  }

  /**
   * The features of a reference.
   *
   * @param most axes, fewer where rows are few or alike
   */
  public static ProbeFeatures of(Rows rows, int vocabulary, int most) throws IOException {
    double[] mean = new double[vocabulary];
    long count = 0;
    for (int block = 0; block < rows.blocks(); block++) {
      double[] logits = rows.read(block);
      for (int row = 0; row < rows.rows(block); row++) {
        for (int v = 0; v < vocabulary; v++) {
          mean[v] += logits[row * vocabulary + v];
        }
        count++;
      }
    }
    for (int v = 0; v < vocabulary; v++) {
      mean[v] /= count;
    }
    double[][] axes = new double[(int) Math.min(most, Math.max(0, count - 1))][vocabulary];
    for (int k = 0; k < axes.length; k++) {
      for (int v = 0; v < vocabulary; v++) {
        axes[k][v] = Dither.offset(Dither.numerator(Dither.row(1, vocabulary, k), v)) - 0.5;
      }
    }
    orthogonalize(axes);
    double[] squares = new double[axes.length];
    for (int iteration = 0; iteration < ITERATIONS; iteration++) {
      double[][] next = new double[axes.length][vocabulary];
      Arrays.fill(squares, 0);
      for (int block = 0; block < rows.blocks(); block++) {
        double[] logits = rows.read(block);
        for (int row = 0; row < rows.rows(block); row++) {
          add(logits, row * vocabulary, mean, axes, next, squares);
        }
      }
      if (iteration < ITERATIONS - 1) {
        axes = next;
        orthogonalize(axes);
      }
    }
    return new ProbeFeatures(mean, scaled(axes, squares, count));
  }

  private static void add(
      double[] logits,
      int from,
      double[] mean,
      double[][] axes,
      double[][] next,
      double[] squares) {
    for (int k = 0; k < axes.length; k++) {
      double dot = dot(logits, from, mean, axes[k]);
      squares[k] += dot * dot;
      for (int v = 0; v < mean.length; v++) {
        next[k][v] += dot * (logits[from + v] - mean[v]);
      }
    }
  }

  private static double dot(double[] logits, int from, double[] mean, double[] axis) {
    double dot = 0;
    for (int v = 0; v < mean.length; v++) {
      dot += (logits[from + v] - mean[v]) * axis[v];
    }
    return dot;
  }

  /** Gram and Schmidt's; what is nothing beside the others becomes 0. */
  private static void orthogonalize(double[][] axes) {
    double largest = 0;
    for (double[] axis : axes) {
      for (int pass = 0; pass < 2; pass++) {
        for (double[] before : axes) {
          if (before == axis) {
            break;
          }
          double dot = 0;
          for (int v = 0; v < axis.length; v++) {
            dot += axis[v] * before[v];
          }
          for (int v = 0; v < axis.length; v++) {
            axis[v] -= dot * before[v];
          }
        }
      }
      double square = 0;
      for (double x : axis) {
        square += x * x;
      }
      largest = Math.max(largest, square);
      double scale = square > NOTHING * largest ? 1 / Math.sqrt(square) : 0;
      for (int v = 0; v < axis.length; v++) {
        axis[v] *= scale;
      }
    }
  }

  private static double[][] scaled(double[][] axes, double[] squares, long count) {
    double largest = Arrays.stream(squares).max().orElse(0);
    int kept = 0;
    for (int k = 0; k < axes.length; k++) {
      if (squares[k] > NOTHING * largest) {
        double scale = 1 / Math.sqrt(squares[k] / count);
        for (int v = 0; v < axes[k].length; v++) {
          axes[k][v] *= scale;
        }
        axes[kept++] = axes[k];
      }
    }
    return Arrays.copyOf(axes, kept);
  }

  /** How many features a probe has. */
  public int count() {
    return axes.length + 1;
  }

  /**
   * The features of one row.
   *
   * @param logits of the reference, V from {@code from} on
   * @param into [count]
   */
  public void of(double[] logits, int from, double[] into) {
    into[0] = 1;
    for (int k = 0; k < axes.length; k++) {
      into[k + 1] = dot(logits, from, mean, axes[k]);
    }
  }
}
