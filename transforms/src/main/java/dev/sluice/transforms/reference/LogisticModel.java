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

  /** One unit of {@link #cost} is 2^-16 bits. */
  static final int COST_UNITS = 1 << 16;

  private static final int SLICES = 128;
  private static final int SLICE_SHIFT = BITS - 7;
  private static final int RATIOS = MAX_RATIO - MIN_RATIO + 1;

  /** By ratio: the number of the cell q = 0. */
  private static final int[] MIDDLES = new int[RATIOS];

  /** By ratio: where the table of offset 0 begins, and how far it is to the next. */
  private static final int[] BASES = new int[RATIOS];

  private static final int[] STRIDES = new int[RATIOS];

  /**
   * Of each cell the frequency below it, and in the low 16 bits its own; table by table, with one
   * that begins at the end of all. Then a table of three cells that have none.
   */
  private static final int[] CELLS;

  /** First cell that may hold a slot, by table and the slot's first 7 bits. */
  private static final byte[] FIRST = new byte[RATIOS * OFFSETS * SLICES];

  /** Cost of cells, laid out as CELLS. */
  private static final int[] COSTS;

  /** Mean cost of a coordinate that has the law, by ratio. */
  private static final double[] RATES = new double[RATIOS];

  static {
    int size = 0;
    for (int ratio = 0; ratio < RATIOS; ratio++) {
      MIDDLES[ratio] = (int) Math.ceil(REACH / step(ratio)) + 1;
      STRIDES[ratio] = 2 * MIDDLES[ratio] + 2;
      BASES[ratio] = size;
      size += STRIDES[ratio] * OFFSETS;
    }
    CELLS = new int[size + 3];
    COSTS = new int[size + 3];
    for (int ratio = 0; ratio < RATIOS; ratio++) {
      for (int offset = 0; offset < OFFSETS; offset++) {
        fill(ratio, offset);
      }
    }
  }

  private LogisticModel() {}

  private static double step(int ratio) {
    return Exp.power((long) (ratio + MIN_RATIO) * (Exp.PARTS / RATIOS_AN_OCTAVE));
  }

  private static void fill(int ratio, int offset) {
    double step = step(ratio);
    double o = (offset + 0.5) / OFFSETS;
    int middle = MIDDLES[ratio];
    int cells = 2 * middle + 1;
    int base = BASES[ratio] + offset * STRIDES[ratio];
    int spare = TOTAL - cells;
    int[] starts = new int[cells + 1];
    for (int i = 1; i < cells; i++) {
      double edge = (i - middle - o) * step; // the lower edge of cell q = i - middle
      double below = 1 / (1 + Exp.of(-edge));
      starts[i] = i + (int) (spare * below);
    }
    starts[cells] = TOTAL;
    CELLS[base + cells] = TOTAL << 16;
    for (int i = 0; i < cells; i++) {
      int frequency = starts[i + 1] - starts[i];
      CELLS[base + i] = starts[i] << 16 | frequency;
      double share = (double) frequency / TOTAL;
      double bits = -StrictMath.log(share) / StrictMath.log(2);
      COSTS[base + i] = (int) Math.ceil(COST_UNITS * bits) + AnsWriter.EXCESS;
      RATES[ratio] += share * COSTS[base + i] / OFFSETS;
    }
    int cell = 0;
    for (int slice = 0; slice < SLICES; slice++) {
      while (starts[cell + 1] <= slice << SLICE_SHIFT) {
        cell++;
      }
      FIRST[((ratio * OFFSETS) + offset) * SLICES + slice] = (byte) cell;
    }
  }

  /** The cell of q = 0, which is in the middle: the ends are 0 and twice that. */
  static int middle(int ratio) {
    return MIDDLES[ratio - MIN_RATIO];
  }

  /** Where the table of a ratio and offset 0 begins, for the methods below. */
  static int table(int ratio) {
    return BASES[ratio - MIN_RATIO];
  }

  /** How far it is from there to the table of the next offset. */
  static int stride(int ratio) {
    return STRIDES[ratio - MIN_RATIO];
  }

  /** A table of three cells that are not to be written: of no frequency, and no cost. */
  static int free() {
    return COSTS.length - 3;
  }

  /** The frequency below a cell, cells counted from 0, the lower end; and its own, 16 bits. */
  static int frequencies(int table, int cell) {
    return CELLS[table + cell];
  }

  /** Code length of a cell, at most what the stream grows by, in {@link #COST_UNITS}. */
  static int cost(int table, int cell) {
    return COSTS[table + cell];
  }

  /** The mean of these for a coordinate that has the law, over all offsets. */
  static double rate(int ratio) {
    return RATES[ratio - MIN_RATIO];
  }

  /** What {@link #cell} begins with at a ratio. */
  static int slices(int ratio) {
    return (ratio - MIN_RATIO) * OFFSETS * SLICES;
  }

  /** The cell of a slot in [0, 2^15) of the table of an offset. */
  static int cell(int slices, int offset, int table, int slot) {
    int cell = FIRST[slices + offset * SLICES + (slot >>> SLICE_SHIFT)] & 0xff;
    while (CELLS[table + cell + 1] >>> 16 <= slot) {
      cell++;
    }
    return cell;
  }
}
