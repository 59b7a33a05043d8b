package dev.sluice.transforms.reference;

import dev.sluice.transforms.channel.BadCodesException;

/**
 * Steps and tables of one block: what follows from its water level and its scales, the same at both
 * ends. FORMAT 15.3.
 *
 * <p>With water level {@code theta = 2^(-level/64)} nats, class h has step {@code sqrt(12 theta /
 * w_h)}, w_h the probability that stands for it: every sent coordinate then costs the same, {@code
 * w_h step^2 / 12 = theta}. Class h is sent where it is none above the last, and its octave's
 * scale, {@code 2^((scale - 128)/8)} logits, is not 0. Its octave's place, in eighths of that
 * scale, is what its logits are about. What is not sent shares one correction a probe, sent as one
 * more coordinate whose probability is theirs together.
 */
final class Lattice {
  /** Levels an octave of theta. */
  static final int LEVELS_AN_OCTAVE = 64;

  /** Largest level. */
  static final int MAX_LEVEL = 64 * LEVELS_AN_OCTAVE;

  /** Most bits that a coordinate sends as they are. */
  static final int MAX_PLAIN_BITS = 16;

  /** Bytes of the terms but the scales. */
  static final int FIXED_BYTES = 2 + 1 + 1 + 1;

  private static final int SCALES_AN_OCTAVE = 8;

  /** In the byte of the number of octaves: costs of what is not sent are by probe. */
  static final int BY_PROBE = 1 << 7;

  private static final int SCALE_BIAS = 128;
  private static final int PLACES_A_SCALE = 8;

  /** Largest ratio at which a correction is sent: a step of 4 scales. */
  private static final int MAX_REST_RATIO = 2 * LogisticModel.RATIOS_AN_OCTAVE;

  private final Law[] laws = new Law[ReferenceBlock.CLASSES];
  private final Law[] rests = new Law[ReferenceBlock.CLASSES];
  private final boolean[] sent = new boolean[ReferenceBlock.CLASSES];
  private int level;
  private int last;

  /**
   * How the coordinates of one class are sent. Where they are not: one cell, which costs nothing.
   */
  static final class Law {
    /** 1 where they are sent, 0 where not. */
    int sent;

    /** Of the lattice, logits. */
    double step;

    /** One over that. */
    double inverse;

    /** What they are about. */
    double place;

    /** Low bits that are sent as they are. */
    int plain;

    /** What they cost, in units of LogisticModel. */
    long plainCost;

    /** The dither's 32 bits less those that tell the offset of a table. */
    int shift;

    /** The ratio of the tables. */
    int ratio;

    /** {@link LogisticModel#middle}. */
    int middle;

    /** {@link LogisticModel#table}. */
    int table;

    /** {@link LogisticModel#stride}. */
    int stride;

    /** {@link LogisticModel#slices}. */
    int slices;

    private void set(double step, double place, int ratio) {
      this.sent = 1;
      this.step = step;
      this.inverse = 1 / step;
      this.place = place;
      this.plain = plainBits(ratio);
      this.plainCost = plain == 0 ? 0 : (long) plain * LogisticModel.COST_UNITS + AnsWriter.EXCESS;
      this.shift = 27 + plain;
      this.ratio = ratio + plain * LogisticModel.RATIOS_AN_OCTAVE;
      this.middle = LogisticModel.middle(this.ratio);
      this.table = LogisticModel.table(this.ratio);
      this.stride = LogisticModel.stride(this.ratio);
      this.slices = LogisticModel.slices(this.ratio);
    }

    private void none() {
      sent = 0;
      step = 0;
      inverse = 0;
      place = 0;
      plain = 0;
      plainCost = 0;
      shift = 27;
      ratio = LogisticModel.MAX_RATIO;
      middle = 1;
      table = LogisticModel.free();
      stride = 0;
      slices = 0;
    }
  }

  Lattice() {
    for (int h = 0; h < laws.length; h++) {
      laws[h] = new Law();
      rests[h] = new Law();
    }
  }

  /** The byte of a scale, 1 .. 255. */
  static int scaleOf(double logits) {
    double eighths = SCALES_AN_OCTAVE * StrictMath.log(logits) / StrictMath.log(2);
    return (int) Math.min(255, Math.max(1, Math.round(eighths) + SCALE_BIAS));
  }

  /** The scale of a byte, logits. */
  static double scale(int scale) {
    return Exp.power((long) (scale - SCALE_BIAS) * (Exp.PARTS / SCALES_AN_OCTAVE));
  }

  /** The byte of a place, -128 .. 127, where octaves have the scale of a byte. */
  static int placeOf(double logits, int scale) {
    return (int) Math.max(-128, Math.min(127, Math.round(logits * PLACES_A_SCALE / scale(scale))));
  }

  /** theta, nats. */
  static double theta(int level) {
    return Exp.power(-(long) level * (Exp.PARTS / LEVELS_AN_OCTAVE));
  }

  /** sqrt(12 theta / w_h), logits. */
  static double step(int level, int h) {
    // In 1/128 of an octave: from theta, half; from w_h, half of h + 1/2 quarters.
    int parts = 16 * h + 8 - level;
    return StrictMath.sqrt(12) * Exp.power((long) parts * (Exp.PARTS / (2 * LEVELS_AN_OCTAVE)));
  }

  /** Step over scale in eighths of an octave, at most what has a table. */
  static int ratio(int level, int h, int scale) {
    int ratio = Math.floorDiv(stepsOverScale(level, h, scale) + 8, 16);
    return Math.min(LogisticModel.MAX_RATIO, ratio);
  }

  /** Step over scale in 1/128 of an octave. */
  private static int stepsOverScale(int level, int h, int scale) {
    // sqrt(12) is 2^(229.4/128).
    return 229 - level + 16 * h + 8 - 16 * (scale - SCALE_BIAS);
  }

  /**
   * What a coordinate costs on average that has the law it is coded by, in units of {@link
   * LogisticModel}: between those of two ratios on the straight line. No end if its step would be
   * too fine.
   */
  static double rate(int level, int h, int scale) {
    int steps = stepsOverScale(level, h, scale);
    int ratio = Math.floorDiv(steps, 16);
    if (plainBits(ratio) > MAX_PLAIN_BITS) {
      return Double.POSITIVE_INFINITY;
    }
    double above = Math.floorMod(steps, 16) / 16.0;
    return (1 - above) * rate(ratio) + above * rate(ratio + 1);
  }

  private static double rate(int ratio) {
    int plain = plainBits(ratio);
    int table = Math.min(LogisticModel.MAX_RATIO, ratio) + plain * LogisticModel.RATIOS_AN_OCTAVE;
    return LogisticModel.rate(table) + (double) plain * LogisticModel.COST_UNITS;
  }

  /** Low bits that are sent as they are at a ratio, so that what is left has a table. */
  static int plainBits(int ratio) {
    return ratio >= LogisticModel.MIN_RATIO
        ? 0
        : -Math.floorDiv(ratio - LogisticModel.MIN_RATIO, LogisticModel.RATIOS_AN_OCTAVE);
  }

  /**
   * Sets the terms.
   *
   * @param level 0 .. {@link #MAX_LEVEL}
   * @param last class that is sent
   * @param scales by octave, 0 .. 255; not kept
   * @param placing by octave, -128 .. 127; not kept
   * @param restScale of the correction, 0 .. 255
   * @throws BadCodesException if a step would be too fine for its scale
   */
  void set(int level, int last, int[] scales, int[] placing, int restScale)
      throws BadCodesException {
    if (level > MAX_LEVEL) {
      throw new BadCodesException("water level " + level + ", expected 0 to " + MAX_LEVEL);
    }
    this.level = level;
    this.last = last;
    for (int h = 0; h < ReferenceBlock.CLASSES; h++) {
      int octave = h / ReferenceBlock.CLASSES_AN_OCTAVE;
      sent[h] = h <= last && scales[octave] != 0;
      if (!sent[h]) {
        laws[h].none();
        continue;
      }
      int ratio = ratio(level, h, scales[octave]);
      if (plainBits(ratio) > MAX_PLAIN_BITS) {
        throw new BadCodesException(
            "steps of 2^"
                + (double) ratio / LogisticModel.RATIOS_AN_OCTAVE
                + " scales in octave "
                + octave
                + ", expected at least 2^-"
                + (MAX_PLAIN_BITS - LogisticModel.MIN_RATIO / LogisticModel.RATIOS_AN_OCTAVE));
      }
      double place = placing[octave] * scale(scales[octave]) / PLACES_A_SCALE;
      laws[h].set(step(level, h), place, ratio);
    }
    for (int h = 0; h < ReferenceBlock.CLASSES; h++) {
      int ratio = ratio(level, h, restScale);
      if (restScale != 0 && ratio <= MAX_REST_RATIO && plainBits(ratio) <= MAX_PLAIN_BITS) {
        rests[h].set(step(level, h), 0, ratio);
      } else {
        rests[h].none();
      }
    }
  }

  int level() {
    return level;
  }

  int last() {
    return last;
  }

  /** The steps of all classes, logits; 0 where one is not sent. A copy. */
  double[] sentSteps() {
    double[] sentSteps = new double[ReferenceBlock.CLASSES];
    for (int h = 0; h < sentSteps.length; h++) {
      sentSteps[h] = laws[h].step;
    }
    return sentSteps;
  }

  /** By class, whether it is sent; owned by this. */
  boolean[] sent() {
    return sent;
  }

  /** By class, how it is sent; owned by this. */
  Law[] laws() {
    return laws;
  }

  /**
   * How the correction of a probe is sent, by the class of its probability; step 0 where it is not:
   * nothing is unsent, or its step is above 4 scales, so that its noise would say more than it, or
   * it is too fine.
   */
  Law rest(ReferenceBlock reference, int probe) {
    double unsent = reference.unsent(probe, sent);
    return unsent > 0 ? rests[ReferenceBlock.classOf(unsent)] : NONE;
  }

  private static final Law NONE = new Law();

  static {
    NONE.none();
  }
}
