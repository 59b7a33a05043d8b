package dev.sluice.transforms.reference;

import dev.sluice.transforms.channel.BadLogitException;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * What both ends derive from p rows of the reference: how improbable each coordinate is, on a grid
 * of quarter octaves, and how much probability each class of them holds. FORMAT 15.2. Reusable; not
 * thread-safe.
 */
public final class ReferenceBlock {
  /** Classes of probability: class h is of probabilities in (2^-(h+1)/4, 2^-h/4]. */
  public static final int CLASSES = 256;

  /** Classes an octave. */
  public static final int CLASSES_AN_OCTAVE = 4;

  /** Octaves, which is what has a scale and is sent or not. */
  public static final int OCTAVES = CLASSES / CLASSES_AN_OCTAVE;

  /**
   * A reference may not reach further from its row's largest: e^-700 has no reciprocal to trust.
   */
  static final double LOWEST = -700;

  private static final double CLASSES_A_NAT = CLASSES_AN_OCTAVE / StrictMath.log(2);

  private final int vocabulary;
  private final double[] probability;
  private final byte[] classes;
  private final double[] masses;
  private final double[] logSums;
  private final int[] counts = new int[CLASSES];
  private int probes;
  private int checksum;

  /**
   * Room for a block.
   *
   * @param probes most probes of a block
   * @param vocabulary V
   */
  public ReferenceBlock(int probes, int vocabulary) {
    this.vocabulary = vocabulary;
    this.probability = new double[probes * vocabulary];
    this.classes = new byte[probes * vocabulary];
    this.masses = new double[probes * CLASSES];
    this.logSums = new double[probes];
  }

  /**
   * Derives p rows.
   *
   * @param rows [p, V] logits of the reference; not changed
   * @param probes p
   * @throws BadLogitException at what is not finite, or 700 below its row's largest
   */
  public void derive(double[] rows, int probes) throws BadLogitException {
    this.probes = probes;
    Arrays.fill(counts, 0);
    for (int probe = 0; probe < probes; probe++) {
      deriveRow(rows, probe);
    }
    CRC32C crc = new CRC32C();
    crc.update(classes, 0, probes * vocabulary);
    checksum = (int) crc.getValue();
  }

  private void deriveRow(double[] rows, int probe) throws BadLogitException {
    int from = probe * vocabulary;
    int to = from + vocabulary;
    double max = Double.NEGATIVE_INFINITY;
    for (int c = from; c < to; c++) {
      if (rows[c] > max) { // not Math.max, which is slow; NaN is noticed below
        max = rows[c];
      }
    }
    if (!Double.isFinite(max)) {
      int c = from;
      while (Double.isFinite(rows[c])) {
        c++;
      }
      throw badLogit(probe, c - from, rows[c]);
    }
    double sum = 0;
    for (int c = from; c < to; c++) {
      double below = rows[c] - max;
      if (!(below >= LOWEST)) {
        throw badLogit(probe, c - from, rows[c]);
      }
      double e = Exp.of(below);
      probability[c] = e;
      sum += e;
    }
    double logSum = StrictMath.log(sum) + max;
    logSums[probe] = logSum;
    double scale = 1 / sum;
    int mass = probe * CLASSES;
    Arrays.fill(masses, mass, mass + CLASSES, 0);
    for (int c = from; c < to; c++) {
      int h = Math.min(CLASSES - 1, Math.max(0, (int) ((logSum - rows[c]) * CLASSES_A_NAT)));
      double p = probability[c] * scale;
      classes[c] = (byte) h;
      probability[c] = p;
      masses[mass + h] += p;
      counts[h]++;
    }
  }

  private static BadLogitException badLogit(int probe, int coordinate, double found) {
    return new BadLogitException(
        probe, coordinate, found, "a finite logit, at most 700 below the row's largest");
  }

  /** p. */
  public int probes() {
    return probes;
  }

  /** V. */
  public int vocabulary() {
    return vocabulary;
  }

  /** The class of a coordinate of the block, 0 .. {@link #CLASSES} − 1. */
  public int classAt(int coordinate) {
    return classes[coordinate] & 0xff;
  }

  /** The probability of a coordinate of the block. */
  public double probabilityAt(int coordinate) {
    return probability[coordinate];
  }

  /** CRC-32C of the classes of all coordinates in order. */
  int checksum() {
    return checksum;
  }

  /** Classes of the coordinates, [p, V], unsigned. Owned by this. */
  byte[] classes() {
    return classes;
  }

  /** Probabilities of the coordinates, [p, V]. Owned by this. */
  double[] probability() {
    return probability;
  }

  /** How many coordinates of the block are of each class. Owned by this. */
  int[] counts() {
    return counts;
  }

  /** The logarithm of the sum of e^logit over a probe's row. */
  double logSum(int probe) {
    return logSums[probe];
  }

  /** Probability of a probe's coordinates of a class. */
  double mass(int probe, int h) {
    return masses[probe * CLASSES + h];
  }

  /**
   * Probability of a probe's coordinates in the classes that are not sent, added in their order.
   *
   * @param sent by class
   */
  double unsent(int probe, boolean[] sent) {
    double sum = 0;
    for (int h = 0; h < CLASSES; h++) {
      if (!sent[h]) {
        sum += masses[probe * CLASSES + h];
      }
    }
    return sum;
  }

  /** The class of a probability. */
  static int classOf(double probability) {
    double h = -StrictMath.log(probability) * CLASSES_A_NAT;
    return Math.min(CLASSES - 1, Math.max(0, (int) h));
  }

  /** The probability that stands for a class: the geometric mean of its ends. */
  static double weight(int h) {
    return Exp.power(-(2L * h + 1) * (Exp.PARTS / CLASSES_AN_OCTAVE / 2));
  }
}
