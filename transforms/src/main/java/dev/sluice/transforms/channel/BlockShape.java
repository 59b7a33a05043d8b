package dev.sluice.transforms.channel;

import java.util.concurrent.ConcurrentHashMap;

/**
 * What both ends of the channel derive from the plan for one block of p probes: the radices of its
 * {@code n = p*V} symbols, their code and the steps. FORMAT 3.3, 3.4 and 3.5.
 *
 * <p>N is the largest radix that fits the budget at all coordinates; n1 coordinates have N+1, n1 by
 * bisection on the exact length. Mixing N and N+1 is optimal, for the variance is convex in log2 N
 * (THEORY 2.5).
 *
 * <p>Immutable, and kept: asking twice for the same shape costs a look-up.
 */
public final class BlockShape {
  /** The largest number of coordinates of a block. */
  public static final int MAX_COORDINATES = 1 << 20;

  /** The largest radix that a budget buys. */
  public static final int MAX_SYMBOLS = 1 << 16;

  private static final int MAX_KEPT = 256;
  private static final ConcurrentHashMap<Spec, BlockShape> KEPT = new ConcurrentHashMap<>();

  private record Spec(
      int plane,
      Quantizer quantizer,
      boolean clipPerProbe,
      int vocabulary,
      int probes,
      double bitsPerCoordinate,
      long bitsPerProbe) {}

  private final Spec spec;
  private final double levels;
  private final int symbols;
  private final int finer;
  private final RadixCode code;
  private final StepLaw law;

  private BlockShape(Spec spec, double levels, int symbols, int finer) {
    this.spec = spec;
    this.levels = levels;
    this.symbols = symbols;
    this.finer = finer;
    this.code = RadixCode.of(symbols, finer, spec.vocabulary * spec.probes);
    this.law =
        spec.plane == 0
            ? StepLaw.of(
                new double[] {cells(false), cells(true)},
                new double[] {coarseShare(), finerShare()})
            : null;
  }

  /**
   * The shape of a block's plane 0.
   *
   * @param clipPerProbe whether 16 bits of each probe's budget carry its own clip level
   * @param vocabulary V, at least 2
   * @param probes p, at least 1, with p*V at most 2^20
   * @param bitsPerCoordinate b, in (0, 16]; used by {@link Quantizer#DITHER_PAPER} alone
   * @param bitsPerProbe B, in bits; not used by {@link Quantizer#DITHER_PAPER}
   * @throws IllegalArgumentException outside these ranges, or if the budget buys no two symbols for
   *     a coordinate
   */
  public static BlockShape of(
      Quantizer quantizer,
      boolean clipPerProbe,
      int vocabulary,
      int probes,
      double bitsPerCoordinate,
      long bitsPerProbe) {
    return ofPlane(0, quantizer, clipPerProbe, vocabulary, probes, bitsPerCoordinate, bitsPerProbe);
  }

  /**
   * The shape of digit plane t. Later planes take their radices from the budget whatever the
   * quantiser, and carry no clip levels: those of plane 0 hold.
   *
   * @param plane t, at least 0; the other arguments are those of {@link #of}, the budget being the
   *     plane's own
   */
  public static BlockShape ofPlane(
      int plane,
      Quantizer quantizer,
      boolean clipPerProbe,
      int vocabulary,
      int probes,
      double bitsPerCoordinate,
      long bitsPerProbe) {
    Spec spec =
        new Spec(
            plane,
            quantizer,
            clipPerProbe && plane == 0,
            vocabulary,
            probes,
            bitsPerCoordinate,
            bitsPerProbe);
    BlockShape kept = KEPT.get(spec);
    if (kept == null) {
      kept = derive(spec);
      if (KEPT.size() >= MAX_KEPT) {
        KEPT.clear();
      }
      KEPT.put(spec, kept);
    }
    return kept;
  }

  private static BlockShape derive(Spec spec) {
    if (spec.plane < 0) {
      throw new IllegalArgumentException("plane must be at least 0, got " + spec.plane);
    }
    long n = (long) spec.vocabulary * spec.probes;
    if (spec.vocabulary < 2 || spec.probes < 1 || n > MAX_COORDINATES) {
      throw new IllegalArgumentException(
          "a block must have at least 1 probe of at least 2 coordinates and at most "
              + MAX_COORDINATES
              + " in all, got "
              + spec.probes
              + " probes of "
              + spec.vocabulary);
    }
    if (spec.quantizer == Quantizer.DITHER_PAPER && spec.plane == 0) {
      double b = spec.bitsPerCoordinate;
      if (!(b > 0 && b <= 16)) {
        throw new IllegalArgumentException("bits per coordinate must be in (0, 16], got " + b);
      }
      // To 2^-20, so that libraries whose last bits of 2^b differ agree; whole b are exact.
      double levels = Math.floor(StrictMath.pow(2, b) * 0x1p20 + 0.5) * 0x1p-20;
      return new BlockShape(spec, levels, (int) Math.ceil(levels) + 1, 0);
    }
    long budget;
    try {
      budget = Math.multiplyExact(spec.bitsPerProbe, (long) spec.probes);
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException("bits per probe overflow: " + spec.bitsPerProbe, e);
    }
    if (spec.clipPerProbe) {
      budget -= 16L * spec.probes;
    }
    int symbols = largestRadix((int) n, budget);
    if (symbols < 2) {
      throw new IllegalArgumentException(
          spec.bitsPerProbe
              + " bits per probe are too few for 2 symbols at "
              + spec.vocabulary
              + " coordinates"
              + (spec.clipPerProbe ? " and a clip level of 16 bits" : "")
              + "; at least "
              + (spec.vocabulary + (spec.clipPerProbe ? 16 : 0))
              + " are needed");
    }
    return new BlockShape(spec, 0, symbols, mostFiner(symbols, (int) n, budget));
  }

  /** The largest N in [2, 65536] with bits(N, 0) within the budget, or 1. */
  private static int largestRadix(int n, long budget) {
    if (budget < n) {
      return 1;
    }
    // A code of n symbols cannot be shorter than n*log2 N, so no radix above 2^(budget/n) fits; one
    // more for rounding.
    double top = Math.pow(2, (double) budget / n);
    int radix = (int) Math.min(MAX_SYMBOLS, Math.floor(top) + 1);
    while (!fits(radix, 0, n, budget)) {
      radix--;
    }
    return radix;
  }

  /** n1 by bisection between 0, which fits, and n, which does not count. */
  private static int mostFiner(int radix, int n, long budget) {
    if (radix == MAX_SYMBOLS) {
      return 0;
    }
    int low = 0;
    int high = n;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (fits(radix, middle, n, budget)) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /**
   * bits(N, n1) <= budget, by the entropy where that is clear (see {@link RadixCode} for the loss),
   * else exactly.
   */
  private static boolean fits(int radix, int finer, int n, long budget) {
    double entropy =
        (finer * Math.log(radix + 1.0) + (double) (n - finer) * Math.log(radix)) / Math.log(2);
    if (entropy > budget + 1e-3) {
      return false;
    }
    if (entropy * (1 + 3e-6) + 1.01 < budget) {
      return true;
    }
    return RadixCode.bits(radix, finer, n) <= budget;
  }

  /** The quantiser of plane 0. */
  public Quantizer quantizer() {
    return spec.quantizer;
  }

  /** Digit plane, 0 for the first. */
  public int plane() {
    return spec.plane;
  }

  /** Whether the codes begin with a clip level for each probe. */
  public boolean clipPerProbe() {
    return spec.clipPerProbe;
  }

  /** V. */
  public int vocabulary() {
    return spec.vocabulary;
  }

  /** p. */
  public int probes() {
    return spec.probes;
  }

  /** n = p*V. */
  public int coordinates() {
    return spec.vocabulary * spec.probes;
  }

  /** N, the radix of all symbols but the first {@link #finer()}. */
  public int symbols() {
    return symbols;
  }

  /** n1, the number of leading symbols with radix N+1. */
  public int finer() {
    return finer;
  }

  /** Length of the symbol stream in bits. */
  public long codeBits() {
    return code.bits();
  }

  /** Length of the codes in bits: the symbols, and 16 for each probe that brings its clip level. */
  public long payloadBits() {
    return code.bits() + 8L * clipBytes();
  }

  /** Length of the codes in bytes. */
  public int payloadBytes() {
    return code.bytes() + clipBytes();
  }

  /**
   * The step in logits: 2L/(N'-1), 2L/2^b or 2L/N', with N' = N+1 for a finer coordinate.
   *
   * @param clip L, in logits
   * @throws IllegalStateException for a plane above 0, whose digits have no step of their own
   */
  public double step(double clip, boolean finer) {
    checkPlaneZero();
    return 2.0 * clip / cells(finer);
  }

  /** How many steps span [-L, L]: N'-1, 2^b or N'. */
  private double cells(boolean finer) {
    int radix = finer ? symbols + 1 : symbols;
    return switch (spec.quantizer) {
      case DITHER -> radix - 1;
      case DITHER_PAPER -> levels;
      case MIDRISE -> radix;
    };
  }

  private void checkPlaneZero() {
    if (spec.plane != 0) {
      throw new IllegalStateException("plane " + spec.plane + " has no step; ask that of plane 0");
    }
  }

  /**
   * The law of a coordinate's step: one or two widths, those of {@link #step}.
   *
   * @throws IllegalStateException for a plane above 0, which refines a law
   */
  public StepLaw law() {
    checkPlaneZero();
    return law;
  }

  /** The mean step over the block's coordinates, in logits. */
  public double meanStep(double clip) {
    return clip * law().mean();
  }

  /**
   * The mean over the block's coordinates of step^2/12, in squared logits: the error's variance, if
   * it is dithered.
   */
  public double meanVariance(double clip) {
    return clip * clip * law().meanSquare() / 12;
  }

  /** n1/n. */
  double finerShare() {
    return (double) finer / coordinates();
  }

  /** 1 - n1/n, rounded once. */
  double coarseShare() {
    return (double) (coordinates() - finer) / coordinates();
  }

  RadixCode code() {
    return code;
  }

  int clipBytes() {
    return spec.clipPerProbe ? 2 * spec.probes : 0;
  }

  /** N or N+1, for the coordinate c of a block that starts at {@code start}. */
  int radixAt(int c, int start) {
    int j = c - start;
    return (j < 0 ? j + coordinates() : j) < finer ? symbols + 1 : symbols;
  }

  @Override
  public String toString() {
    return "BlockShape["
        + spec
        + ": "
        + finer
        + " symbols of radix "
        + (symbols + 1)
        + ", "
        + (coordinates() - finer)
        + " of "
        + symbols
        + ", "
        + payloadBits()
        + " bits]";
  }
}
