package dev.sluice.transforms.channel;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * How wide the error of one coordinate is, over where the finer arcs of its block fall. FORMAT 3.3
 * to 3.5.
 *
 * <p>Given its width w, the error of a dithered coordinate is uniform on ±w/2 and independent of
 * the logit; without dither it is within ±w/2, and no more is known. An arc's start is uniform on
 * the block's n coordinates and independent of those of other planes and nodes. So a coordinate
 * lies on plane t's arc with probability n1_t/n, whatever the other planes do, and the width has a
 * product law: plane 0 gives one or two widths, and every further plane divides by N_t or N_t + 1.
 * That is the law of a single coordinate; coordinates of a block share their arcs.
 *
 * <p>Dither has 32 bits (FORMAT 3.1): after planes that divide the step by M = N_1·…·N_t, errors
 * are uniform to M·2^-32 of their width. At M = 2^32 nothing is left of the dither below a cell,
 * and the law no longer says anything.
 *
 * <p>Every width is 2L/m, where m cells as wide as the error span [−L, L]: m is N − 1, 2^b or N in
 * plane 0, and is multiplied by the radices of the others. Atoms are kept by m, in ascending order,
 * so widths descend. While m is below 2^53 it is exact: widths of plane 0 are those of {@link
 * BlockShape#step} to the bit, refined ones are rounded once, and equal widths are one atom. Beyond
 * that m has a relative error of 2^-53 a plane, and widths that are equal may stay apart. Atoms of
 * share 0 are left out. There are at most 2^(t + 1).
 *
 * <p>Immutable.
 */
public final class StepLaw {
  /** More than rounding can make of shares that sum to 1. */
  private static final double SUM_TOLERANCE = 0x1p-40;

  private final double[] cells;
  private final double[] shares;
  private final double mean;
  private final double meanSquare;

  private StepLaw(double[] cells, double[] shares) {
    this.cells = cells;
    this.shares = shares;
    double sum = 0;
    double squares = 0;
    for (int a = 0; a < cells.length; a++) {
      double width = width(a, 1);
      sum += shares[a] * width;
      squares += shares[a] * (width * width);
    }
    this.mean = sum;
    this.meanSquare = squares;
  }

  /**
   * The law with these atoms, in any order.
   *
   * @param cells m of each atom, in (0, inf): its width is 2L/m; not kept
   * @param shares of each atom, in [0, 1], with sum 1; not kept
   * @throws IllegalArgumentException outside these ranges
   */
  public static StepLaw of(double[] cells, double[] shares) {
    if (cells.length != shares.length) {
      throw new IllegalArgumentException(
          "each atom has one share, got " + cells.length + " atoms and " + shares.length);
    }
    double sum = 0;
    for (int a = 0; a < cells.length; a++) {
      if (!(cells[a] > 0 && cells[a] < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "cells of atom " + a + " must be in (0, inf), got " + cells[a]);
      }
      if (!(shares[a] >= 0 && shares[a] <= 1)) {
        throw new IllegalArgumentException(
            "share of atom " + a + " must be in [0, 1], got " + shares[a]);
      }
      sum += shares[a];
    }
    if (!(Math.abs(sum - 1) <= SUM_TOLERANCE)) {
      throw new IllegalArgumentException("shares must sum to 1, got " + sum);
    }
    int[] ascending =
        IntStream.range(0, cells.length)
            .filter(a -> shares[a] > 0)
            .boxed()
            .sorted(Comparator.comparingDouble(a -> cells[a]))
            .mapToInt(Integer::intValue)
            .toArray();
    double[] apart = new double[ascending.length];
    double[] merged = new double[ascending.length];
    int atoms = 0;
    for (int a : ascending) {
      if (atoms == 0 || cells[a] != apart[atoms - 1]) {
        apart[atoms++] = cells[a];
      }
      merged[atoms - 1] += shares[a];
    }
    return new StepLaw(Arrays.copyOf(apart, atoms), Arrays.copyOf(merged, atoms));
  }

  /**
   * The law after one more digit plane of the same block: each width divided by N + 1 with
   * probability n1/n, else by N.
   *
   * @param plane shape of a plane above 0
   * @throws IllegalArgumentException for plane 0
   */
  public StepLaw refined(BlockShape plane) {
    if (plane.plane() == 0) {
      throw new IllegalArgumentException("only a plane above 0 refines, got " + plane);
    }
    double[] finerCells = new double[2 * cells.length];
    double[] finerShares = new double[2 * cells.length];
    for (int a = 0; a < cells.length; a++) {
      finerCells[2 * a] = cells[a] * plane.symbols();
      finerShares[2 * a] = shares[a] * plane.coarseShare();
      finerCells[2 * a + 1] = cells[a] * (plane.symbols() + 1);
      finerShares[2 * a + 1] = shares[a] * plane.finerShare();
    }
    return of(finerCells, finerShares);
  }

  /** Number of different widths, at least 1. */
  public int atoms() {
    return cells.length;
  }

  /**
   * The width of one atom at clip level 1.
   *
   * @param atom 0 for the largest width, {@code atoms() - 1} for the smallest
   */
  public double width(int atom) {
    return width(atom, 1);
  }

  /**
   * The width of one atom in logits.
   *
   * @param clip L, in logits
   */
  public double width(int atom, double clip) {
    return 2.0 * clip / cells[atom];
  }

  /** The probability of one atom, above 0. */
  public double share(int atom) {
    return shares[atom];
  }

  /** The largest width, at clip level 1. */
  public double largest() {
    return width(0);
  }

  /** E w at clip level 1. */
  public double mean() {
    return mean;
  }

  /**
   * E w² at clip level 1. The error of a dithered coordinate has the variance L²·{@code
   * meanSquare()}/12, over dither and arcs.
   */
  public double meanSquare() {
    return meanSquare;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof StepLaw that
        && Arrays.equals(cells, that.cells)
        && Arrays.equals(shares, that.shares);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(cells) + Arrays.hashCode(shares);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("StepLaw[");
    for (int a = 0; a < cells.length; a++) {
      text.append(a == 0 ? "" : ", ").append("2L/").append(cells[a]).append(": ").append(shares[a]);
    }
    return text.append(']').toString();
  }
}
