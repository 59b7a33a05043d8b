package dev.sluice.transforms.reference;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.Dither;
import java.util.Arrays;

/**
 * A site's end of the reference channel: one block of logits to codes that are within its budget.
 * FORMAT 15. Reusable; not thread-safe.
 */
public final class ReferenceEncoder {
  /** Coordinates of which one in so many has part in the first search for the water level. */
  private static final int SAMPLE = 16;

  /** How often that search is corrected. */
  private static final int LOOKS = 3;

  /** Bytes a probe from which what is not sent is said probe by probe. */
  private static final int BY_PROBE_FROM = 128;

  private static final double LARGEST = 700;

  /** The mean of |x| under a logistic law with scale 1. */
  private static final double LN_4 = StrictMath.log(4);

  /** The variance under it. */
  private static final double VARIANCE = StrictMath.PI * StrictMath.PI / 3;

  private final int vocabulary;
  private final double kappa;
  private final double[] residual;
  private final double[] rest;
  private final double[] tilted;
  private final int[] scales = new int[ReferenceBlock.OCTAVES];
  private final int[] places = new int[ReferenceBlock.OCTAVES];
  private final int[] octavePlaces = new int[ReferenceBlock.OCTAVES];
  private final int[] octaveScales = new int[ReferenceBlock.OCTAVES];
  private final Lattice lattice = new Lattice();
  private final AnsWriter writer = new AnsWriter();

  private ReferenceBlock reference;
  private long dither;
  private long firstProbe;
  private int last;
  private int restScale;

  /**
   * What a block came to.
   *
   * @param codes at most the budget's bytes
   * @param level its water level: theta = 2^(-level/64) nats
   * @param sent coordinates that were sent, corrections not counted
   * @param masked coordinates of -infinity, sent as their row's least
   */
  // The array is the point of the record; it is handed over, not shared.
  @SuppressWarnings("ArrayRecordComponent")
  public record Encoded(byte[] codes, int level, long sent, long masked) {}

  /**
   * Room for blocks.
   *
   * @param probes most probes of a block
   * @param vocabulary V
   * @param kappa an octave is sent where its weighted power is at least kappa times the level
   */
  public ReferenceEncoder(int probes, int vocabulary, double kappa) {
    this.vocabulary = vocabulary;
    this.kappa = kappa;
    this.residual = new double[probes * vocabulary];
    this.rest = new double[probes];
    this.tilted = new double[probes * ReferenceBlock.CLASSES];
  }

  /**
   * Encodes a block.
   *
   * @param reference the derived block of the reference
   * @param rows [p, V] logits of the reference
   * @param logits [p, V] of the site, finite or -infinity
   * @param dither the node's key
   * @param firstProbe of the block, counted in the whole round
   * @param budget most bytes of the codes
   * @throws IllegalArgumentException if not even the terms of a block that sends nothing fit
   */
  public Encoded encode(
      ReferenceBlock reference,
      double[] rows,
      double[] logits,
      long dither,
      long firstProbe,
      int budget) {
    this.reference = reference;
    this.dither = dither;
    this.firstProbe = firstProbe;
    long masked = residuals(rows, logits);
    octaves();
    int level = level(budget);
    set(level);
    return write(level, masked, budget);
  }

  /** The site's logits less the reference's, without their weighted mean. */
  private long residuals(double[] rows, double[] logits) {
    double[] probability = reference.probability();
    long masked = 0;
    for (int probe = 0; probe < reference.probes(); probe++) {
      int from = probe * vocabulary;
      int to = from + vocabulary;
      double least = Double.POSITIVE_INFINITY;
      int holes = 0;
      for (int c = from; c < to; c++) {
        double r = logits[c] - rows[c];
        residual[c] = r;
        if (r == Double.NEGATIVE_INFINITY) {
          holes++;
        } else {
          least = Math.min(least, r);
        }
      }
      double mean = 0;
      for (int c = from; c < to; c++) {
        if (holes > 0 && residual[c] == Double.NEGATIVE_INFINITY) {
          residual[c] = least;
        }
        mean += probability[c] * residual[c];
      }
      for (int c = from; c < to; c++) {
        residual[c] -= mean;
      }
      masked += holes;
    }
    return masked;
  }

  /**
   * By octave the place and the scale of a logistic law, as they are sent: the mean of r, and of |r
   * - mean| the mean over ln 4. Scale 0 where there is nobody, or all are alike.
   */
  private void octaves() {
    double[] sums = new double[ReferenceBlock.OCTAVES];
    long[] counts = new long[ReferenceBlock.OCTAVES];
    byte[] classes = reference.classes();
    double[] probability = reference.probability();
    int octaves = ReferenceBlock.OCTAVES;
    Arrays.fill(tilted, 0);
    for (int probe = 0; probe < reference.probes(); probe++) {
      for (int c = probe * vocabulary; c < (probe + 1) * vocabulary; c++) {
        int h = classes[c] & 0xff;
        int octave = h / ReferenceBlock.CLASSES_AN_OCTAVE;
        double r = residual[c];
        sums[octave] += r;
        counts[octave]++;
        tilted[probe * ReferenceBlock.CLASSES + h] += probability[c] * Exp.of(Math.min(r, LARGEST));
      }
    }
    double[] means = new double[octaves];
    for (int octave = 0; octave < octaves; octave++) {
      means[octave] = counts[octave] == 0 ? 0 : sums[octave] / counts[octave];
    }
    Arrays.fill(sums, 0);
    for (int c = 0; c < reference.probes() * vocabulary; c++) {
      int octave = (classes[c] & 0xff) / ReferenceBlock.CLASSES_AN_OCTAVE;
      sums[octave] += Math.abs(residual[c] - means[octave]);
    }
    for (int octave = 0; octave < octaves; octave++) {
      double scale = counts[octave] == 0 ? 0 : sums[octave] / (counts[octave] * LN_4);
      octaveScales[octave] = scale > 0 ? Lattice.scaleOf(scale) : 0;
      octavePlaces[octave] = scale > 0 ? Lattice.placeOf(means[octave], octaveScales[octave]) : 0;
    }
  }

  /** What is sent at a level, with which scales; false if a step would be too fine. */
  private boolean set(int level) {
    double theta = Lattice.theta(level);
    boolean[] sent = new boolean[ReferenceBlock.CLASSES];
    last = 0;
    Arrays.fill(scales, 0);
    Arrays.fill(places, 0); // also of octaves between those that are sent
    for (int octave = 0; octave < scales.length; octave++) {
      if (octaveScales[octave] == 0) {
        continue;
      }
      double s = Lattice.scale(octaveScales[octave]);
      int first = octave * ReferenceBlock.CLASSES_AN_OCTAVE;
      for (int h = first; h < first + ReferenceBlock.CLASSES_AN_OCTAVE; h++) {
        if (ReferenceBlock.weight(h) * VARIANCE * s * s >= kappa * theta) {
          scales[octave] = octaveScales[octave];
          places[octave] = octavePlaces[octave];
          last = h;
        }
      }
    }
    for (int h = 0; h <= last; h++) {
      sent[h] = scales[h / ReferenceBlock.CLASSES_AN_OCTAVE] != 0;
    }
    double sum = 0;
    double mass = 0;
    int probes = reference.probes();
    for (int probe = 0; probe < probes; probe++) {
      double unsent = reference.unsent(probe, sent);
      double tilt = 0;
      for (int h = 0; h < sent.length; h++) {
        if (!sent[h]) {
          tilt += tilted[probe * ReferenceBlock.CLASSES + h];
        }
      }
      rest[probe] = unsent > 0 && tilt > 0 ? StrictMath.log(tilt / unsent) : 0;
      sum += Math.abs(rest[probe]);
      mass += unsent;
    }
    restScale = 0;
    if (sum > 0) {
      int scale = Lattice.scaleOf(sum / (probes * LN_4));
      double s = Lattice.scale(scale);
      if (mass / probes * VARIANCE * s * s >= kappa * theta) {
        restScale = scale;
      }
    }
    try {
      lattice.set(level, last, scales, places, restScale);
      return true;
    } catch (BadCodesException e) {
      return false;
    }
  }

  /**
   * A level whose codes fit, close to the finest: by bisection on a sample of the coordinates,
   * which is then held against all of them, and corrected. A function of the block alone.
   */
  private int level(int budget) {
    long bits = 8L * budget * LogisticModel.COST_UNITS;
    double share = 1;
    int fits = -1;
    for (int look = 0; look < LOOKS; look++) {
      int at = sampled((long) (bits * share), budget);
      if (at == fits) {
        break;
      }
      set(at);
      long sample = cost(SAMPLE, budget);
      long all = cost(1, budget);
      if (all <= bits) {
        fits = Math.max(fits, at);
      }
      share = (double) sample / all;
    }
    int at = Math.max(fits, 0);
    while (fits < 0 && at > 0) { // the sample is no guide here
      at /= 2;
      fits = fits(at, budget) ? at : -1;
    }
    while (fits(at + 1, budget)) {
      at++;
    }
    return at;
  }

  /** The finest level at which a sample of the coordinates says that codes are within some bits. */
  private int sampled(long bits, int budget) {
    int low = 0;
    int high = Lattice.MAX_LEVEL + 1;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (set(middle) && cost(SAMPLE, budget) <= bits) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private boolean fits(int level, int budget) {
    return set(level) && cost(1, budget) <= 8L * budget * LogisticModel.COST_UNITS;
  }

  /** Whether two bytes for each probe are little against the budget. */
  private boolean isByProbe(int budget) {
    return budget >= BY_PROBE_FROM * reference.probes();
  }

  private int termBytes(int budget) {
    return Lattice.FIXED_BYTES
        + 2 * terms()
        + Unsent.SLOTS * (isByProbe(budget) ? reference.probes() : 1);
  }

  private int terms() {
    int octaves = ReferenceBlock.OCTAVES;
    while (octaves > 0 && scales[octaves - 1] == 0) {
      octaves--;
    }
    return octaves;
  }

  /**
   * Length of the codes as they are set, 2^-8 bits, an upper bound.
   *
   * @param stride of the coordinates, one in so many is looked at
   */
  private long cost(int stride, int budget) {
    long cost = 0;
    byte[] classes = reference.classes();
    boolean[] sent = lattice.sent();
    long restCost = 0;
    for (int probe = 0; probe < reference.probes(); probe++) {
      long row = Dither.row(dither, vocabulary + 1, firstProbe + probe);
      int base = probe * vocabulary;
      for (int v = probe % stride; v < vocabulary; v += stride) {
        int h = classes[base + v] & 0xff;
        if (sent[h]) {
          cost +=
              cost(
                  residual[base + v] - lattice.place(h),
                  lattice.step(h),
                  lattice.ratio(h),
                  lattice.plain(h),
                  Dither.numerator(row, v));
        }
      }
      int h = restClass(probe);
      if (h >= 0) {
        restCost +=
            cost(
                rest[probe],
                lattice.step(h),
                lattice.restRatio(h),
                lattice.restPlain(h),
                Dither.numerator(row, vocabulary));
      }
    }
    long bytes = termBytes(budget) + 8L + 4; // 4: words are whole
    return cost * stride + restCost + 8 * bytes * LogisticModel.COST_UNITS;
  }

  /** The class of a probe's correction, -1 where it has none. */
  private int restClass(int probe) {
    return ReferenceDecoder.restClass(reference, lattice, probe);
  }

  private static long cost(double r, double step, int ratio, int plain, long numerator) {
    int q = quantize(r, step, numerator);
    int high = q >> plain;
    int table = LogisticModel.table(ratio, LogisticModel.offset(numerator, plain));
    int cell = LogisticModel.cellOf(ratio, high);
    long cost = LogisticModel.cost(table, cell) + (long) plain * LogisticModel.COST_UNITS;
    int beyond = Math.abs(high) - LogisticModel.reach(ratio) - 1;
    return beyond < 0 ? cost : cost + LogisticModel.COST_UNITS * (5L + log2(beyond + 1));
  }

  private static int quantize(double r, double step, long numerator) {
    return (int) Math.floor(r / step + Dither.offset(numerator));
  }

  private static int log2(int positive) {
    return 31 - Integer.numberOfLeadingZeros(positive);
  }

  private Encoded write(int level, long masked, int budget) {
    byte[] classes = reference.classes();
    boolean[] sent = lattice.sent();
    int probes = reference.probes();
    long count = 0;
    boolean byProbe = isByProbe(budget);
    double[][] unsent = new double[Unsent.SLOTS][byProbe ? probes : 1];
    writer.reset();
    // The last symbol first.
    for (int probe = probes - 1; probe >= 0; probe--) {
      long row = Dither.row(dither, vocabulary + 1, firstProbe + probe);
      int base = probe * vocabulary;
      int rest = restClass(probe);
      double shift = rest < 0 ? 0 : this.rest[probe];
      double tilt = byProbe ? 1 : Exp.of(Math.min(shift, LARGEST)) / probes;
      if (rest >= 0) {
        write(
            this.rest[probe],
            lattice.step(rest),
            lattice.restRatio(rest),
            lattice.restPlain(rest),
            Dither.numerator(row, vocabulary));
      }
      for (int v = vocabulary - 1; v >= 0; v--) {
        int h = classes[base + v] & 0xff;
        if (sent[h]) {
          write(
              residual[base + v] - lattice.place(h),
              lattice.step(h),
              lattice.ratio(h),
              lattice.plain(h),
              Dither.numerator(row, v));
          count++;
        } else {
          unsent[Unsent.slot(h, last)][byProbe ? probe : 0] +=
              reference.probability()[base + v] * tilt * Unsent.cost(residual[base + v] - shift);
        }
      }
    }
    int octaves = terms();
    int at = termBytes(budget);
    byte[] codes = new byte[at + writer.bytes()];
    if (codes.length > budget) {
      throw new IllegalArgumentException(
          "a block of " + probes + " probes needs " + codes.length + " bytes, has " + budget);
    }
    codes[0] = (byte) level;
    codes[1] = (byte) (level >>> 8);
    codes[2] = (byte) last;
    codes[3] = (byte) (octaves | (byProbe ? Lattice.BY_PROBE : 0));
    for (int octave = 0; octave < octaves; octave++) {
      codes[4 + octave] = (byte) scales[octave];
      codes[4 + octaves + octave] = (byte) places[octave];
    }
    codes[4 + 2 * octaves] = (byte) restScale;
    int next = 5 + 2 * octaves;
    for (double[] slot : unsent) {
      for (double cost : slot) {
        codes[next++] = (byte) Unsent.byteOf(cost);
      }
    }
    writer.write(codes, at);
    return new Encoded(codes, level, count, masked);
  }

  private void write(double r, double step, int ratio, int plain, long numerator) {
    int q = quantize(r, step, numerator);
    int high = q >> plain;
    int table = LogisticModel.table(ratio, LogisticModel.offset(numerator, plain));
    int cell = LogisticModel.cellOf(ratio, high);
    writer.bits(q & ((1 << plain) - 1), plain);
    int beyond = Math.abs(high) - LogisticModel.reach(ratio) - 1;
    if (beyond >= 0) {
      int length = log2(beyond + 1);
      int low = (beyond + 1) & ((1 << length) - 1);
      writer.bits(low & 0xffff, Math.min(length, 16));
      if (length > 16) {
        writer.bits(low >>> 16, length - 16);
      }
      writer.bits(length, 5);
    }
    writer.symbol(LogisticModel.start(table, cell), LogisticModel.frequency(table, cell));
  }
}
