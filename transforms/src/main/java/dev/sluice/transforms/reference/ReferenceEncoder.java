package dev.sluice.transforms.reference;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.Dither;
import java.util.Arrays;

/**
 * A site's end of the reference channel: one block of logits to codes that are within its budget.
 * FORMAT 15. Reusable; not thread-safe.
 */
public final class ReferenceEncoder {
  /** Most looks at all coordinates in search of the water level, before it is halved. */
  private static final int LOOKS = 6;

  /** Bytes a probe from which what is not sent is said probe by probe. */
  private static final int BY_PROBE_FROM = 120;

  private static final double ROUND = 0x1.8p52;
  private static final long ROUND_BITS = Double.doubleToRawLongBits(ROUND);

  /** The mean of |x| under a logistic law with scale 1. */
  private static final double LN_4 = StrictMath.log(4);

  /** The variance under it. */
  private static final double VARIANCE = StrictMath.PI * StrictMath.PI / 3;

  private final int vocabulary;
  private final double kappa;
  private final double[] residual;
  private final double[] tilted; // by coordinate, p e^residual
  private final double[] tilts; // the same by probe and class
  private final double[] rest; // by probe, its correction
  private final int[] listed; // coordinates of the classes up to a highest, in order
  private final int[] firsts; // by probe, where its own begin; then where the last end
  private final int[] dithers; // of the listed
  private final long[] symbols; // of the listed
  private final int[] octaveScales = new int[ReferenceBlock.OCTAVES];
  private final int[] octavePlaces = new int[ReferenceBlock.OCTAVES];
  private final int[] scales = new int[ReferenceBlock.OCTAVES];
  private final int[] places = new int[ReferenceBlock.OCTAVES];
  private final Lattice lattice = new Lattice();
  private final AnsWriter writer = new AnsWriter();

  private ReferenceBlock reference;
  private long dither;
  private long firstProbe;
  private int budget;
  private int highestListed;
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

  /** What blocks cost, level by level, every {@link RateCurve#STEP} from 0: sums over probes. */
  public static final class Rates {
    private final double[] bits = new double[RateCurve.POINTS];
    private final double[] noise = new double[RateCurve.POINTS];
    private final double[] unsent = new double[RateCurve.POINTS];

    /** Bits of codes. */
    public double[] bits() {
      return bits;
    }

    /** What the noise of what is sent costs, nats, were there no other node. */
    public double[] noise() {
      return noise;
    }

    /** What the rest costs, nats. */
    public double[] unsent() {
      return unsent;
    }
  }

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
    this.tilted = new double[probes * vocabulary];
    this.tilts = new double[probes * ReferenceBlock.CLASSES];
    this.rest = new double[probes];
    this.listed = new int[probes * vocabulary];
    this.firsts = new int[probes + 1];
    this.dithers = new int[probes * vocabulary];
    this.symbols = new long[probes * vocabulary];
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
   * @throws IllegalArgumentException if not even the terms of a block that sends nothing fit, or a
   *     logit is 2^24 cells from the others of its octave
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
    this.budget = budget;
    double[] sums = new double[ReferenceBlock.CLASSES];
    long masked = 0;
    for (int probe = 0; probe < reference.probes(); probe++) {
      masked += residuals(rows, logits, probe, sums);
    }
    octaves(sums);
    highestListed = -1;
    search();
    return write(masked);
  }

  /**
   * Adds what a block would cost, by real code lengths, at every level up to one. Arguments are
   * those of {@link #encode}.
   *
   * @param finest level
   * @param rates receives sums over the probes
   */
  public void measure(
      ReferenceBlock reference,
      double[] rows,
      double[] logits,
      long dither,
      long firstProbe,
      int finest,
      Rates rates) {
    this.reference = reference;
    this.dither = dither;
    this.firstProbe = firstProbe;
    this.budget = 0; // what is not sent is said for the block
    double[] sums = new double[ReferenceBlock.CLASSES];
    for (int probe = 0; probe < reference.probes(); probe++) {
      residuals(rows, logits, probe, sums);
    }
    octaves(sums);
    highestListed = -1;
    for (int point = 0; point * RateCurve.STEP <= finest; point++) {
      int level = point * RateCurve.STEP;
      set(level, ReferenceBlock.CLASSES - 1);
      long cost = quantize() + restCost() + termCost();
      rates.bits[point] += (double) cost / LogisticModel.COST_UNITS;
      rates.noise[point] += noise();
      double[][] unsent = new double[Unsent.SLOTS][1];
      for (int probe = 0; probe < reference.probes(); probe++) {
        unsent(probe, unsent);
      }
      for (double[] slot : unsent) {
        rates.unsent[point] += slot[0] * reference.probes();
      }
    }
  }

  /** Half the sum of p(1 - p) step²/12 over what is sent. */
  private double noise() {
    double[] weights = new double[ReferenceBlock.CLASSES];
    byte[] classes = reference.classes();
    double[] probability = reference.probability();
    for (int c = 0; c < reference.probes() * vocabulary; c++) {
      weights[classes[c] & 0xff] += probability[c] * (1 - probability[c]);
    }
    double noise = 0;
    for (int h = 0; h < weights.length; h++) {
      double step = lattice.sent()[h] ? Lattice.step(lattice.level(), h) : 0;
      noise += weights[h] * step * step / 24;
    }
    return noise;
  }

  /**
   * The site's logits less the reference's, without their weighted mean; and its tilts.
   *
   * @param sums by class, to which these are added
   * @return how many were -infinity
   */
  private long residuals(double[] rows, double[] logits, int probe, double[] sums) {
    double[] probability = reference.probability();
    int from = probe * vocabulary;
    int to = from + vocabulary;
    double mean = 0;
    for (int c = from; c < to; c++) {
      double r = logits[c] - rows[c];
      residual[c] = r;
      mean += probability[c] * r;
    }
    long masked = 0;
    if (mean == Double.NEGATIVE_INFINITY) {
      masked = fill(rows, logits, from, to);
      mean = 0;
      for (int c = from; c < to; c++) {
        mean += probability[c] * residual[c];
      }
    }
    int tilt = probe * ReferenceBlock.CLASSES;
    Arrays.fill(tilts, tilt, tilt + ReferenceBlock.CLASSES, 0);
    byte[] classes = reference.classes();
    for (int c = from; c < to; c++) {
      double r = residual[c] - mean;
      double w = probability[c] * Exp.of(r);
      int h = classes[c] & 0xff;
      residual[c] = r;
      tilted[c] = w;
      tilts[tilt + h] += w;
      sums[h] += r;
    }
    return masked;
  }

  /** A row's least logit in place of -infinity; how many these were. */
  private long fill(double[] rows, double[] logits, int from, int to) {
    double least = Double.POSITIVE_INFINITY;
    long masked = 0;
    for (int c = from; c < to; c++) {
      if (logits[c] == Double.NEGATIVE_INFINITY) {
        masked++;
      } else {
        least = Math.min(least, logits[c]);
      }
    }
    for (int c = from; c < to; c++) {
      if (logits[c] == Double.NEGATIVE_INFINITY) {
        residual[c] = least - rows[c];
      }
    }
    return masked;
  }

  /**
   * By octave the place and the scale of a logistic law, as they are sent: the mean of r, and of |r
   * - mean| the mean over ln 4; where all are alike, |mean| over ln 4. Scale 0 where there is
   * nobody.
   */
  private void octaves(double[] sums) {
    double[] means = new double[ReferenceBlock.CLASSES]; // of the octave of a class
    int[] counts = new int[ReferenceBlock.OCTAVES];
    for (int octave = 0; octave < ReferenceBlock.OCTAVES; octave++) {
      int first = octave * ReferenceBlock.CLASSES_AN_OCTAVE;
      int end = first + ReferenceBlock.CLASSES_AN_OCTAVE;
      for (int h = first; h < end; h++) {
        counts[octave] += reference.counts()[h];
      }
      Arrays.fill(means, first, end, sum(sums, octave) / Math.max(1, counts[octave]));
    }
    double[] deviations = new double[ReferenceBlock.CLASSES];
    byte[] classes = reference.classes();
    for (int c = 0; c < reference.probes() * vocabulary; c++) {
      int h = classes[c] & 0xff;
      deviations[h] += Math.abs(residual[c] - means[h]);
    }
    for (int octave = 0; octave < ReferenceBlock.OCTAVES; octave++) {
      double mean = means[octave * ReferenceBlock.CLASSES_AN_OCTAVE];
      double deviation = sum(deviations, octave) / Math.max(1, counts[octave]);
      double size = deviation > 0 ? deviation : Math.abs(mean);
      octaveScales[octave] = size > 0 ? Lattice.scaleOf(size / LN_4) : 0;
      octavePlaces[octave] = size > 0 ? Lattice.placeOf(mean, octaveScales[octave]) : 0;
    }
  }

  private static double sum(double[] byClass, int octave) {
    double sum = 0;
    for (int i = 0; i < ReferenceBlock.CLASSES_AN_OCTAVE; i++) {
      sum += byClass[octave * ReferenceBlock.CLASSES_AN_OCTAVE + i];
    }
    return sum;
  }

  /**
   * Sets a level close to the finest whose codes fit. What a level costs is first taken from the
   * laws that coordinates are coded by, then corrected by looks at what one does cost. A function
   * of the block alone.
   */
  private void search() {
    long most = 8L * budget * LogisticModel.COST_UNITS;
    double share = 1; // of the cost expected
    long restCost = 0;
    int failed = Lattice.MAX_LEVEL + 1; // the coarsest level that does not fit
    long best = -1;
    int bestLevel = 0;
    int bestEnd = 0;
    for (int look = 0; look < LOOKS && failed > 0; look++) {
      int natural = finest(0, failed, ReferenceBlock.CLASSES - 1, most - restCost, share);
      // Where a finer level would send a class more, which does not fit, do without the class.
      choose(natural, ReferenceBlock.CLASSES - 1);
      int highest = last;
      int finest = finest(natural, failed, highest, most - restCost, share);
      if (best >= 0 && finest == bestLevel && highest == bestEnd) {
        break;
      }
      set(finest, highest);
      long cost = quantize();
      restCost = restCost();
      double expected = expected(finest);
      if (expected > 0) {
        share = cost / expected;
      }
      if (cost + restCost + termCost() > most) {
        failed = finest;
      } else if (cost + restCost > best) {
        best = cost + restCost;
        bestLevel = finest;
        bestEnd = highest;
      }
    }
    int level = failed;
    int end = ReferenceBlock.CLASSES - 1;
    while (best < 0) { // far from all laws: coarser, then less, at last nothing
      if (level > 0) {
        level /= 2;
      } else {
        end = (end + 1) / 2 - 1;
      }
      set(level, end);
      bestLevel = level;
      bestEnd = end;
      best = end < 0 || quantize() + restCost() + termCost() <= most ? 0 : -1;
    }
    boolean isQuantized = lattice.level() == bestLevel && lattice.last() == bestEnd;
    set(bestLevel, bestEnd);
    if (!isQuantized) {
      quantize();
    }
  }

  /** The finest level in [from, to) that is expected to cost at most so much; else the coarsest. */
  private int finest(int from, int to, int end, long most, double share) {
    int low = from;
    int high = to;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      choose(middle, end);
      if (share * expected(middle) + termCost() <= most) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** What is sent at a level, of the classes up to one, -1 for none. */
  private void choose(int level, int end) {
    double theta = Lattice.theta(level);
    last = 0;
    Arrays.fill(scales, 0);
    Arrays.fill(places, 0); // also of octaves between those that are sent
    for (int h = 0; h <= end; h++) {
      int octave = h / ReferenceBlock.CLASSES_AN_OCTAVE;
      if (octaveScales[octave] != 0) {
        double s = Lattice.scale(octaveScales[octave]);
        if (ReferenceBlock.weight(h) * VARIANCE * s * s >= kappa * theta) {
          scales[octave] = octaveScales[octave];
          places[octave] = octavePlaces[octave];
          last = h;
        }
      }
    }
  }

  /**
   * What the coordinates that are chosen would cost if they had the laws that they are coded by; no
   * end if a step would be too fine.
   */
  private double expected(int level) {
    int[] counts = reference.counts();
    double cost = 0;
    for (int h = 0; h <= last; h++) {
      int scale = scales[h / ReferenceBlock.CLASSES_AN_OCTAVE];
      if (scale != 0) {
        double rate = Lattice.rate(level, h, scale);
        if (rate == Double.POSITIVE_INFINITY) {
          return rate;
        }
        cost += counts[h] * rate;
      }
    }
    return cost;
  }

  /** Chooses, and sets the corrections, if there is anything, and the lattice. */
  private void set(int level, int end) {
    choose(level, end);
    boolean[] sent = new boolean[ReferenceBlock.CLASSES];
    for (int h = 0; h <= last; h++) {
      sent[h] = scales[h / ReferenceBlock.CLASSES_AN_OCTAVE] != 0;
    }
    double sum = 0;
    double power = 0;
    int count = 0;
    for (int probe = 0; probe < reference.probes(); probe++) {
      double unsent = reference.unsent(probe, sent);
      double tilt = 0;
      for (int h = 0; h < sent.length; h++) {
        if (!sent[h]) {
          tilt += tilts[probe * ReferenceBlock.CLASSES + h];
        }
      }
      rest[probe] = unsent > 0 && tilt > 0 ? StrictMath.log(tilt / unsent) : 0;
      sum += Math.abs(rest[probe]);
      power += unsent * rest[probe] * rest[probe];
      count += unsent > 0 ? 1 : 0;
    }
    boolean isSent = end >= 0 && sum > 0 && power / count >= kappa * Lattice.theta(level);
    restScale = isSent ? Lattice.scaleOf(sum / (count * LN_4)) : 0;
    try {
      lattice.set(level, last, scales, places, restScale);
    } catch (BadCodesException e) {
      throw new IllegalStateException("a level that cannot be sent was chosen", e);
    }
  }

  /** Whether two bytes for each probe are little against the budget. */
  private boolean isByProbe() {
    return budget >= BY_PROBE_FROM * reference.probes();
  }

  private int termBytes() {
    return Lattice.FIXED_BYTES
        + 2 * terms()
        + Unsent.SLOTS * (isByProbe() ? reference.probes() : 1);
  }

  /** What is not of coordinates: the terms, and the stream's state. */
  private long termCost() {
    return 8L * (termBytes() + 8) * LogisticModel.COST_UNITS;
  }

  private int terms() {
    int octaves = ReferenceBlock.OCTAVES;
    while (octaves > 0 && scales[octaves - 1] == 0) {
      octaves--;
    }
    return octaves;
  }

  /** Lists the coordinates of the classes up to a highest, and draws their dither. */
  private void list(int highest) {
    highestListed = highest;
    int count = 0;
    for (int probe = 0; probe < reference.probes(); probe++) {
      firsts[probe] = count;
      int from = probe * vocabulary;
      count = list(reference.classes(), from, from + vocabulary, count);
      long row = Dither.row(dither, vocabulary + 1, firstProbe + probe);
      for (int i = firsts[probe]; i < count; i++) {
        dithers[i] = (int) Dither.numerator(row, listed[i] - from);
      }
    }
    firsts[reference.probes()] = count;
  }

  private int list(byte[] classes, int from, int to, int count) {
    int end = highestListed + 1;
    for (int c = from; c < to; c++) {
      listed[count] = c; // and perhaps another over it: a jump would be foreseen by nobody
      count += ((classes[c] & 0xff) - end) >>> 31;
    }
    return count;
  }

  /**
   * Makes symbols of what is sent.
   *
   * @return what they cost, at most
   */
  private long quantize() {
    if (last > highestListed) {
      list(last);
    }
    int[] listed = this.listed;
    int[] dithers = this.dithers;
    long[] symbols = this.symbols;
    double[] residual = this.residual;
    byte[] classes = reference.classes();
    Lattice.Law[] laws = lattice.laws();
    int count = firsts[reference.probes()];
    long cost = 0;
    for (int i = 0; i < count; i++) {
      int c = listed[i];
      Lattice.Law law = laws[classes[c] & 0xff];
      long numerator = dithers[i] & 0xffffffffL;
      long q = quantize((residual[c] - law.place) * law.inverse, numerator);
      long cell = (q >> law.plain) + law.middle;
      long symbol = AnsWriter.BEYOND;
      if (0 < cell && cell < 2 * law.middle) {
        int table = law.table + (int) (numerator >>> law.shift) * law.stride;
        int bits = (int) q & ((1 << law.plain) - 1);
        symbol = AnsWriter.pack(LogisticModel.frequencies(table, (int) cell), bits, law.plain);
        cost += LogisticModel.cost(table, (int) cell) + law.plainCost;
      } else {
        cost += cost(law, q, numerator);
      }
      symbols[i] = symbol;
    }
    return cost;
  }

  /** What the corrections cost, at most. */
  private long restCost() {
    long cost = 0;
    for (int probe = 0; probe < reference.probes(); probe++) {
      long row = Dither.row(dither, vocabulary + 1, firstProbe + probe);
      Lattice.Law law = lattice.rest(reference, probe);
      if (law.sent > 0) {
        long numerator = Dither.numerator(row, vocabulary);
        long q = quantize((rest[probe] - law.place) * law.inverse, numerator);
        cost += cost(law, q, numerator);
      }
    }
    return cost;
  }

  /** The number of the cell of a value in steps, {@code floor(value + o)}: low bits of a sum. */
  private static long quantize(double value, long numerator) {
    double cells = value + (Dither.offset(numerator) - 0.5);
    return Double.doubleToRawLongBits(cells + ROUND) - ROUND_BITS;
  }

  /** What a coordinate costs, at most. */
  private static long cost(Lattice.Law law, long q, long numerator) {
    long high = q >> law.plain;
    int table = law.table + (int) (numerator >>> law.shift) * law.stride;
    long cost = LogisticModel.cost(table, cellOf(law, high)) + law.plainCost;
    long beyond = Math.abs(high) - law.middle;
    if (beyond >= 0) {
      if (beyond >= (1L << (ReferenceDecoder.MAX_LENGTH + 1)) - 1) {
        throw new IllegalArgumentException(
            "a logit is "
                + q * law.step
                + " from where its octave's are, in steps of "
                + law.step
                + ": too far");
      }
      cost += (5L + log2(beyond + 1)) * LogisticModel.COST_UNITS + 3 * AnsWriter.EXCESS;
    }
    return cost;
  }

  /** The cell of a number, the ends standing for all beyond. */
  private static int cellOf(Lattice.Law law, long high) {
    return (int) Math.max(0, Math.min(2 * law.middle, high + law.middle));
  }

  private static int log2(long positive) {
    return 63 - Long.numberOfLeadingZeros(positive);
  }

  private Encoded write(long masked) {
    int probes = reference.probes();
    double[][] unsent = new double[Unsent.SLOTS][isByProbe() ? probes : 1];
    for (int probe = 0; probe < probes; probe++) {
      unsent(probe, unsent);
    }
    long state = writer.open();
    for (int probe = probes - 1; probe >= 0; probe--) { // the last symbol first
      long row = Dither.row(dither, vocabulary + 1, firstProbe + probe);
      Lattice.Law law = lattice.rest(reference, probe);
      if (law.sent > 0) {
        state = write(state, law, rest[probe], Dither.numerator(row, vocabulary));
      }
      state = write(state, probe);
    }
    long count = 0;
    for (int h = 0; h <= last; h++) {
      count += (long) lattice.laws()[h].sent * reference.counts()[h];
    }
    int octaves = terms();
    int at = termBytes();
    byte[] codes = new byte[at + writer.bytes()];
    if (codes.length > budget) {
      throw new IllegalArgumentException(
          "a block of " + probes + " probes needs " + codes.length + " bytes, has " + budget);
    }
    codes[0] = (byte) lattice.level();
    codes[1] = (byte) (lattice.level() >>> 8);
    codes[2] = (byte) last;
    codes[3] = (byte) (octaves | (isByProbe() ? Lattice.BY_PROBE : 0));
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
    writer.write(state, codes, at);
    return new Encoded(codes, lattice.level(), count, masked);
  }

  /** Adds what a probe's unsent coordinates cost. */
  private void unsent(int probe, double[][] costs) {
    double[] isNext = new double[ReferenceBlock.CLASSES];
    double[] isOther = new double[ReferenceBlock.CLASSES];
    for (int h = 0; h < isNext.length; h++) {
      if (!lattice.sent()[h]) {
        (Unsent.slot(h, last) == 0 ? isNext : isOther)[h] = 1;
      }
    }
    double shift = lattice.rest(reference, probe).sent * rest[probe];
    double[] sums = unsent(probe, shift, isNext, isOther);
    for (int slot = 0; slot < sums.length; slot++) {
      if (isByProbe()) {
        costs[slot][probe] = sums[slot];
      } else {
        costs[slot][0] += sums[slot] * Exp.of(shift) / reference.probes();
      }
    }
  }

  private double[] unsent(int probe, double shift, double[] isNext, double[] isOther) {
    byte[] classes = reference.classes();
    double[] probability = reference.probability();
    double factor = Exp.of(-shift);
    double next = 0;
    double other = 0;
    for (int c = probe * vocabulary; c < (probe + 1) * vocabulary; c++) {
      int h = classes[c] & 0xff;
      double cost = Unsent.cost(probability[c], tilted[c] * factor, residual[c] - shift);
      next += isNext[h] * cost;
      other += isOther[h] * cost;
    }
    return new double[] {next, other};
  }

  private long write(long state, int probe) {
    for (int i = firsts[probe + 1] - 1; i >= firsts[probe]; i--) {
      long symbol = symbols[i];
      if (symbol == AnsWriter.BEYOND) {
        int c = listed[i];
        Lattice.Law law = lattice.laws()[reference.classes()[c] & 0xff];
        state = write(state, law, residual[c], dithers[i] & 0xffffffffL);
      } else if (symbol != AnsWriter.NOTHING) {
        state = writer.packed(state, symbol);
      }
    }
    return state;
  }

  private long write(long state, Lattice.Law law, double r, long numerator) {
    long q = quantize((r - law.place) * law.inverse, numerator);
    long high = q >> law.plain;
    int table = law.table + (int) (numerator >>> law.shift) * law.stride;
    state = writer.bits(state, (int) q & ((1 << law.plain) - 1), law.plain);
    long beyond = Math.abs(high) - law.middle;
    if (beyond >= 0) {
      int length = log2(beyond + 1);
      int low = (int) (beyond + 1) & ((1 << length) - 1);
      state = writer.bits(state, low & 0xffff, Math.min(length, 16));
      if (length > 16) {
        state = writer.bits(state, low >>> 16, length - 16);
      }
      state = writer.bits(state, length, 5);
    }
    return writer.symbol(state, LogisticModel.frequencies(table, cellOf(law, high)));
  }
}
