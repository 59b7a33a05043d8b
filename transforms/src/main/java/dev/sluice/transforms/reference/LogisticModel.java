package dev.sluice.transforms.reference;

/**
 * Frequencies of the cells of a dithered lattice under a centred logistic law, the dither known.
 * FORMAT 15.4. With step d in units of the law's scale and cell q covering {@code [(q - o)d, (q + 1
 * - o)d)}, one table for each d on a grid of eighth octaves and each o on a grid of {@value
 * #OFFSETS}; frequencies are 15-bit integers, at least 1. The outermost cell on each side stands
 * for all that is further out.
 */
final class LogisticModel {
  /** Bits of a frequency. */
  static final int BITS = 15;

  /** All frequencies of a table together. */
  static final int TOTAL = 1 << BITS;

  /** Ratios an octave. */
  static final int RATIOS_AN_OCTAVE = 8;

  /** Least ratio of step to scale that has tables, 2^-2: finer steps send low bits as they are. */
  static final int MIN_RATIO = -2 * RATIOS_AN_OCTAVE;

  /** Largest, 2^4; beyond, its tables serve. */
  static final int MAX_RATIO = 4 * RATIOS_AN_OCTAVE;

  /** Offsets that have tables. */
  static final int OFFSETS = 32;

  /** The law is cut where this many scales are left and right. */
  private static final double REACH = 11;

  /** One unit of {@link #cost} is 2^-8 bits. */
  static final int COST_UNITS = 256;

  private static final int SLICES = 128;
  private static final int SLICE_SHIFT = BITS - 7;
  private static final int RATIOS = MAX_RATIO - MIN_RATIO + 1;

  /** By ratio: largest |q| that is not an end. */
  private static final int[] REACHES = new int[RATIOS];

  /** By ratio: where the table of offset 0 begins, and how far it is to the next. */
  private static final int[] BASES = new int[RATIOS];

  private static final int[] STRIDES = new int[RATIOS];

  /** Cumulated frequencies: table by table, one more than it has cells. */
  private static final int[] CUMULATED;

  /** First cell that may hold a slot, by table and the slot's first 7 bits. */
  private static final byte[] FIRST = new byte[RATIOS * OFFSETS * SLICES];

  /** Cost of cells, in 2^-8 bits, laid out as CUMULATED. */
  private static final int[] COSTS;

  static {
    int size = 0;
    for (int ratio = 0; ratio < RATIOS; ratio++) {
      double step = StrictMath.pow(2, (double) (ratio + MIN_RATIO) / RATIOS_AN_OCTAVE);
      REACHES[ratio] = (int) Math.ceil(REACH / step);
      STRIDES[ratio] = 2 * REACHES[ratio] + 4;
      BASES[ratio] = size;
      size += STRIDES[ratio] * OFFSETS;
    }
    CUMULATED = new int[size];
    COSTS = new int[size];
    for (int ratio = 0; ratio < RATIOS; ratio++) {
      for (int offset = 0; offset < OFFSETS; offset++) {
        fill(ratio, offset);
      }
    }
  }

  private LogisticModel() {}

  private static void fill(int ratio, int offset) {
    double step = StrictMath.pow(2, (double) (ratio + MIN_RATIO) / RATIOS_AN_OCTAVE);
    double o = (offset + 0.5) / OFFSETS;
    int reach = REACHES[ratio];
    int cells = 2 * reach + 3;
    int base = BASES[ratio] + offset * STRIDES[ratio];
    int spare = TOTAL - cells;
    for (int i = 1; i < cells; i++) {
      double edge = (i - 1 - reach - o) * step; // the lower edge of cell q = i - 1 - reach
      double below = 1 / (1 + StrictMath.exp(-edge));
      CUMULATED[base + i] = i + (int) (spare * below);
    }
    CUMULATED[base + cells] = TOTAL;
    for (int i = 0; i < cells; i++) {
      double share = (double) (CUMULATED[base + i + 1] - CUMULATED[base + i]) / TOTAL;
      COSTS[base + i] = (int) Math.round(-COST_UNITS * StrictMath.log(share) / StrictMath.log(2));
    }
    int cell = 0;
    for (int slice = 0; slice < SLICES; slice++) {
      while (CUMULATED[base + cell + 1] <= slice << SLICE_SHIFT) {
        cell++;
      }
      FIRST[((ratio * OFFSETS) + offset) * SLICES + slice] = (byte) cell;
    }
  }

  /** The largest |q| that is not an end, at a ratio. */
  static int reach(int ratio) {
    return REACHES[ratio - MIN_RATIO];
  }

  /** Where a table begins, for the methods below. */
  static int table(int ratio, int offset) {
    int r = ratio - MIN_RATIO;
    return BASES[r] + offset * STRIDES[r];
  }

  /**
   * The offset of a dither's 32 bits, where so many low bits of the cell's number are sent as they
   * are.
   */
  static int offset(long numerator, int plain) {
    return (int) (numerator >>> (27 + plain));
  }

  /** The cell of a number q, the ends standing for all beyond. */
  static int cellOf(int ratio, int q) {
    int end = reach(ratio) + 1;
    return Math.max(-end, Math.min(end, q)) + end;
  }

  /** Frequency below a cell, cells counted from 0, the lower end. */
  static int start(int table, int cell) {
    return CUMULATED[table + cell];
  }

  /** Frequency of a cell. */
  static int frequency(int table, int cell) {
    return CUMULATED[table + cell + 1] - CUMULATED[table + cell];
  }

  /** Code length of a cell, 2^-8 bits. */
  static int cost(int table, int cell) {
    return COSTS[table + cell];
  }

  /** The cell of a slot in [0, 2^15). */
  static int cell(int ratio, int offset, int table, int slot) {
    int r = ratio - MIN_RATIO;
    int cell = FIRST[(r * OFFSETS + offset) * SLICES + (slot >>> SLICE_SHIFT)] & 0xff;
    while (CUMULATED[table + cell + 1] <= slot) {
      cell++;
    }
    return cell;
  }
}
