package dev.sluice.transforms.channel;

import java.util.Arrays;
import java.util.List;

/**
 * Sums the reconstructions of one block over nodes, in logits. Each is first put on a grid of 2^-30
 * (FORMAT 5), which makes every partial sum exact: the mean is a function of the set of blocks
 * added, whatever their order. The grid costs at most 2^-31 logits a node.
 *
 * <p>Where f nodes at either end are trimmed, a coordinate's sum is of the values that {@link
 * Extremes} lets pass. Any sum over some of the K nodes is a multiple of 2^-30 and, as |y| &le; 2L
 * and K*L &le; 2^19, at most 2^20 in magnitude: a double. So it is exact in any order whichever
 * nodes are left out, and a trimmed mean too is a function of the set.
 *
 * <p>Holds its scratch, so it can be used again; one thread at a time.
 */
public final class Accumulator {
  private final int maxProbes;
  private final int vocabulary;
  private final AveragingKernel kernel;
  private final double[] sums;
  private final Extremes extremes;
  private final double[] row; // of one node on its way through the extremes; zeros between
  private final double[] clips;
  private int[] symbols = new int[0];
  private double[] wide = new double[0];
  private int probes;

  /**
   * An accumulator with no probes, to be {@link #reset}.
   *
   * @param maxProbes most probes of a block
   * @param vocabulary V
   * @throws IllegalArgumentException unless their product is in [2, 2^20]
   */
  public Accumulator(int maxProbes, int vocabulary) {
    this(maxProbes, vocabulary, 0);
  }

  /**
   * An accumulator of trimmed means. It holds 2f + 1 doubles a coordinate.
   *
   * @param trim f, nodes left out at either end of each coordinate, at least 0
   */
  public Accumulator(int maxProbes, int vocabulary, int trim) {
    this(maxProbes, vocabulary, trim, AveragingKernel.BEST);
  }

  Accumulator(int maxProbes, int vocabulary, int trim, AveragingKernel kernel) {
    if (maxProbes < 1
        || vocabulary < 2
        || (long) maxProbes * vocabulary > BlockShape.MAX_COORDINATES) {
      throw new IllegalArgumentException(
          "maxProbes*vocabulary must be in [2, 2^20], got " + maxProbes + "*" + vocabulary);
    }
    this.maxProbes = maxProbes;
    this.vocabulary = vocabulary;
    this.kernel = kernel;
    this.sums = new double[maxProbes * vocabulary];
    this.extremes = new Extremes(trim, sums.length);
    this.row = new double[trim == 0 ? 0 : vocabulary];
    this.clips = new double[maxProbes];
  }

  /**
   * The kernel that this JVM runs: "scalar", or "vector-" and the width in bits. Both give the same
   * bits.
   */
  public static String kernelLabel() {
    return AveragingKernel.BEST.label();
  }

  /**
   * Starts a block: all sums 0.
   *
   * @param probes p, in [1, maxProbes]
   */
  public void reset(int probes) {
    if (probes < 1 || probes > maxProbes) {
      throw new IllegalArgumentException("probes must be in [1, " + maxProbes + "], got " + probes);
    }
    this.probes = probes;
    Arrays.fill(sums, 0, probes * vocabulary, 0.0);
    extremes.reset();
  }

  /**
   * Adds one node's block. The codes are checked before a sum is touched: after a failure the sums
   * are what they were.
   *
   * @param quantizer that of the shape
   * @param block block index, from 0
   * @param firstProbe of the block, counted in the whole round
   * @param clip L, in logits; not read if the shape has a clip per probe
   * @param nodesInPlan K, at least 1; K*L must be at most 2^19
   * @param codes {@link BlockShape#payloadBytes()} bytes; not changed
   * @throws BadCodesException if the length, a clip level or the symbol stream is none of this
   *     shape
   * @throws IllegalArgumentException if the arguments contradict the shape, or the shape this
   *     accumulator
   */
  public void add(
      BlockShape shape,
      Quantizer quantizer,
      ChannelKey key,
      int block,
      long firstProbe,
      double clip,
      int nodesInPlan,
      byte[] codes)
      throws BadCodesException {
    BlockDecoder.checkPlaneZero(shape, quantizer);
    check(shape, nodesInPlan);
    BlockDecoder.readClips(shape, clip, nodesInPlan, codes, clips);
    RadixCode code = shape.code();
    int n = shape.coordinates();
    boolean bytes = code.isBytes();
    int base = 0;
    if (bytes) {
      base = shape.clipBytes();
    } else {
      if (symbols.length < n) {
        symbols = new int[n];
      }
      code.decode(codes, shape.clipBytes(), symbols);
    }
    extremes.next();
    boolean dithered = quantizer.isDithered();
    boolean trims = extremes.trim() > 0;
    double[] into = trims ? row : sums;
    int start = key.start(0, block, n);
    // Runs of one row and one step. A row's end is the only place where coordinates wrap.
    for (int j = 0; j < n; ) {
      int c = start + j < n ? start + j : start + j - n;
      int probe = c / vocabulary;
      int v = c % vocabulary;
      boolean finer = j < shape.finer();
      int run = Math.min(vocabulary - v, (finer ? shape.finer() : n) - j);
      double level = clips[probe];
      double step = shape.step(level, finer);
      int at = trims ? 0 : c;
      if (!dithered) {
        addPlain(codes, bytes, base + j, run, step, level, into, at);
      } else {
        long dither = Dither.row(key.dither(), vocabulary, firstProbe + probe);
        double scale = step * 0x1p-33;
        if (bytes) {
          kernel.addBytes(codes, base + j, dither, v, v + run, scale, level, into, at);
        } else {
          kernel.addInts(symbols, j, dither, v, v + run, scale, level, into, at);
        }
      }
      if (trims) {
        pass(row, run, c);
        Arrays.fill(row, 0, run, 0.0);
      }
      j += run;
    }
  }

  /**
   * Adds one node's block from its first digit planes, at the precision that they have together.
   * With one plane, {@link #add(BlockShape, Quantizer, ChannelKey, int, long, double, int, byte[])}
   * to the bit.
   *
   * @param planes shapes of planes 0, 1, ..., t
   * @param codes of planes 0, 1, ..., t
   */
  public void add(
      List<BlockShape> planes,
      ChannelKey key,
      int block,
      long firstProbe,
      double clip,
      int nodesInPlan,
      List<byte[]> codes)
      throws BadCodesException {
    if (planes.size() == 1 && codes.size() == 1) {
      BlockShape shape = planes.get(0);
      add(shape, shape.quantizer(), key, block, firstProbe, clip, nodesInPlan, codes.get(0));
      return;
    }
    NestedDigits.checkPlanes(planes);
    BlockShape first = planes.get(0);
    check(first, nodesInPlan);
    BlockDecoder.readClips(first, clip, nodesInPlan, codes.get(0), clips);
    int n = first.coordinates();
    if (wide.length < n) {
      wide = new double[n];
    }
    NestedDigits.decode(planes, key, block, firstProbe, clip, codes, wide, clips);
    for (int c = 0; c < n; c++) {
      wide[c] = onGrid(wide[c]);
    }
    extremes.next();
    pass(wide, n, 0);
  }

  /**
   * A logit below 2^21 to the nearest multiple of 2^-30, so that sums of them are exact. FORMAT 5.
   */
  public static double onGrid(double y) {
    return (y + AveragingKernel.GRID) - AveragingKernel.GRID;
  }

  /** Adds what the extremes let pass of a node's values of coordinates from c on. */
  private void pass(double[] values, int count, int c) {
    extremes.exchange(values, 0, count, c);
    for (int i = 0; i < count; i++) {
      sums[c + i] += values[i];
    }
  }

  /** Clip levels of the p probes of the block added last, in logits; a copy. */
  public double[] clips() {
    return Arrays.copyOf(clips, probes);
  }

  /**
   * Writes {@code float32(sum / (activeNodes - 2*trim))} of the p*V coordinates.
   *
   * @param activeNodes number of blocks added, at least 2*trim + 1
   * @param out [p, V], in logits
   */
  public void mean(int activeNodes, float[] out) {
    int averaged = activeNodes - 2 * extremes.trim();
    if (averaged < 1) {
      throw new IllegalArgumentException(
          "activeNodes must be at least " + (2 * extremes.trim() + 1) + ", got " + activeNodes);
    }
    int n = probes * vocabulary;
    if (out.length < n) {
      throw new IllegalArgumentException("out must hold " + n + " logits, has " + out.length);
    }
    for (int c = 0; c < n; c++) {
      out[c] = (float) (sums[c] / averaged);
    }
  }

  /** The sums, for tests; a copy. */
  double[] sums() {
    return Arrays.copyOf(sums, probes * vocabulary);
  }

  private void check(BlockShape shape, int nodesInPlan) {
    if (shape.probes() != probes || shape.vocabulary() != vocabulary) {
      throw new IllegalArgumentException(
          "the accumulator is set to "
              + probes
              + " probes of "
              + vocabulary
              + " coordinates, the shape has "
              + shape.probes()
              + " of "
              + shape.vocabulary());
    }
    if (nodesInPlan < 1) {
      throw new IllegalArgumentException("nodesInPlan must be at least 1, got " + nodesInPlan);
    }
  }

  /** y = (k + 1/2)*step - L: no dither. Symbols are bytes of codes or ints of the scratch. */
  private void addPlain(
      byte[] codes,
      boolean bytes,
      int at,
      int run,
      double step,
      double clip,
      double[] into,
      int intoAt) {
    for (int i = 0; i < run; i++) {
      int k = bytes ? codes[at + i] & 0xff : symbols[at + i];
      double y = (k + 0.5) * step - clip;
      into[intoAt + i] += onGrid(y);
    }
  }
}
