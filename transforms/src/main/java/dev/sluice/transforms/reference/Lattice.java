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

  private final double[] steps = new double[ReferenceBlock.CLASSES];
  private final int[] ratios = new int[ReferenceBlock.CLASSES];
  private final int[] plain = new int[ReferenceBlock.CLASSES];
  private final double[] places = new double[ReferenceBlock.CLASSES];
  private final boolean[] sent = new boolean[ReferenceBlock.CLASSES];
  private int level;
  private int last;
  private int restScale;

  /** The byte of a scale, 1 .. 255. */
  static int scaleOf(double logits) {
    double eighths = SCALES_AN_OCTAVE * StrictMath.log(logits) / StrictMath.log(2);
    return (int) Math.min(255, Math.max(1, Math.round(eighths) + SCALE_BIAS));
  }

  /** The scale of a byte, logits. */
  static double scale(int scale) {
    return StrictMath.pow(2, (double) (scale - SCALE_BIAS) / SCALES_AN_OCTAVE);
  }

  /** The byte of a place, -128 .. 127, where octaves have the scale of a byte. */
  static int placeOf(double logits, int scale) {
    return (int) Math.max(-128, Math.min(127, Math.round(logits * PLACES_A_SCALE / scale(scale))));
  }

  /** theta, nats. */
  static double theta(int level) {
    return StrictMath.pow(2, -(double) level / LEVELS_AN_OCTAVE);
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
    this.restScale = restScale;
    for (int h = 0; h < ReferenceBlock.CLASSES; h++) {
      int octave = h / ReferenceBlock.CLASSES_AN_OCTAVE;
      sent[h] = h <= last && scales[octave] != 0;
      // In 1/128 of an octave, but for sqrt(12): from theta, half; from w_h, half of h + 1/2
      // quarters.
      steps[h] =
          StrictMath.sqrt(12)
              * StrictMath.pow(2, (-level + 16.0 * (h + 0.5)) / (2 * LEVELS_AN_OCTAVE));
      if (sent[h]) {
        places[h] = placing[octave] * scale(scales[octave]) / PLACES_A_SCALE;
        ratios[h] = ratio(h, scales[octave]);
        plain[h] = plainBits(ratios[h]);
        if (plain[h] > MAX_PLAIN_BITS) {
          throw new BadCodesException(
              "steps of 2^"
                  + (double) ratios[h] / LogisticModel.RATIOS_AN_OCTAVE
                  + " scales in octave "
                  + octave
                  + ", expected at least 2^-"
                  + (MAX_PLAIN_BITS - LogisticModel.MIN_RATIO / LogisticModel.RATIOS_AN_OCTAVE));
        }
      }
    }
  }

  /** Step over scale in eighth octaves, at most what has a table. */
  private int ratio(int h, int scale) {
    // sqrt(12) is 2^(14.34/8); the rest is integers, in 1/128 octave.
    int steps = 229 - level + 16 * h + 8;
    int ratio = Math.floorDiv(steps - 16 * (scale - SCALE_BIAS) + 8, 16);
    return Math.min(LogisticModel.MAX_RATIO, ratio);
  }

  private static int plainBits(int ratio) {
    return ratio >= LogisticModel.MIN_RATIO
        ? 0
        : -Math.floorDiv(ratio - LogisticModel.MIN_RATIO, LogisticModel.RATIOS_AN_OCTAVE);
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
      sentSteps[h] = sent[h] ? steps[h] : 0;
    }
    return sentSteps;
  }

  /** By class, whether it is sent; owned by this. */
  boolean[] sent() {
    return sent;
  }

  /** The step of a class, logits. */
  double step(int h) {
    return steps[h];
  }

  /** What the logits of a class are about. */
  double place(int h) {
    return places[h];
  }

  /** Low bits that a coordinate of a class sends as they are. */
  int plain(int h) {
    return plain[h];
  }

  /** The ratio of the tables of a class. */
  int ratio(int h) {
    return ratios[h] + plain[h] * LogisticModel.RATIOS_AN_OCTAVE;
  }

  /**
   * Whether a correction of a class is sent: not where its step is above 4 scales, so that its
   * noise would say more than it, nor where it is too fine.
   */
  boolean sendsRest(int h) {
    int ratio = ratio(h, restScale);
    return restScale != 0
        && ratio <= 2 * LogisticModel.RATIOS_AN_OCTAVE
        && plainBits(ratio) <= MAX_PLAIN_BITS;
  }

  /** Low bits that a correction of a class sends as they are. */
  int restPlain(int h) {
    return plainBits(ratio(h, restScale));
  }

  /** The ratio of the tables of a correction of a class. */
  int restRatio(int h) {
    int ratio = ratio(h, restScale);
    return ratio + plainBits(ratio) * LogisticModel.RATIOS_AN_OCTAVE;
  }
}
