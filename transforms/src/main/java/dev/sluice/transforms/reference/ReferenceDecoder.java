package dev.sluice.transforms.reference;

import dev.sluice.transforms.channel.Accumulator;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.Dither;
import java.util.Arrays;

/**
 * The hub's end of the reference channel: adds what a node's codes say, relative to the reference,
 * to running sums. FORMAT 15. Reusable; not thread-safe.
 */
public final class ReferenceDecoder {
  private static final int MAX_LENGTH = 24;

  private final int[] scales = new int[ReferenceBlock.OCTAVES];
  private final int[] places = new int[ReferenceBlock.OCTAVES];
  private final Lattice lattice = new Lattice();
  private final AnsReader reader = new AnsReader();
  private boolean byProbe;
  private double[][] unsent = new double[0][];
  private double[] rests = new double[0];
  private double[] restSteps = new double[0];

  /** The class of a probe's correction, -1 where it has none. */
  static int restClass(ReferenceBlock reference, Lattice lattice, int probe) {
    double unsent = reference.unsent(probe, lattice.sent());
    if (!(unsent > 0)) {
      return -1;
    }
    int h = ReferenceBlock.classOf(unsent);
    return lattice.sendsRest(h) ? h : -1;
  }

  /**
   * Decodes one node's block into a row-major array, each value on the grid of 2^-30.
   *
   * @param reference the derived block of the reference
   * @param dither the node's key
   * @param firstProbe of the block, counted in the whole round
   * @param codes of the block; not changed
   * @param limit most that |y| may be, logits
   * @param y receives [p, V], logits relative to the reference; undefined on failure
   * @throws BadCodesException if the codes are no codes of such a block
   */
  public void decode(
      ReferenceBlock reference,
      long dither,
      long firstProbe,
      byte[] codes,
      double limit,
      double[] y)
      throws BadCodesException {
    open(codes, reference.probes());
    rests = new double[reference.probes()];
    restSteps = new double[reference.probes()];
    int vocabulary = reference.vocabulary();
    byte[] classes = reference.classes();
    boolean[] sent = lattice.sent();
    for (int probe = 0; probe < reference.probes(); probe++) {
      long row = Dither.row(dither, vocabulary + 1, firstProbe + probe);
      int base = probe * vocabulary;
      double largest = 0;
      for (int v = 0; v < vocabulary; v++) {
        int h = classes[base + v] & 0xff;
        if (sent[h]) {
          double value =
              lattice.place(h)
                  + value(
                      lattice.step(h),
                      lattice.ratio(h),
                      lattice.plain(h),
                      Dither.numerator(row, v));
          largest = Math.max(largest, Math.abs(value));
          y[base + v] = Accumulator.onGrid(value);
        }
      }
      double correction = 0;
      int rest = restClass(reference, lattice, probe);
      if (rest >= 0) {
        correction =
            value(
                lattice.step(rest),
                lattice.restRatio(rest),
                lattice.restPlain(rest),
                Dither.numerator(row, vocabulary));
        largest = Math.max(largest, Math.abs(correction));
        correction = Accumulator.onGrid(correction);
        rests[probe] = correction;
        restSteps[probe] = lattice.step(rest);
      }
      if (!(largest <= limit)) {
        throw new BadCodesException(
            "probe " + probe + " of the block: " + largest + " logits, expected at most " + limit);
      }
      for (int v = 0; v < vocabulary; v++) {
        if (!sent[classes[base + v] & 0xff]) {
          y[base + v] = correction;
        }
      }
    }
    reader.close();
  }

  /** Reads the terms and opens the stream. */
  private void open(byte[] codes, int probes) throws BadCodesException {
    if (codes.length < Lattice.FIXED_BYTES) {
      throw new BadCodesException(
          codes.length + " bytes, expected at least " + Lattice.FIXED_BYTES);
    }
    int octaves = codes[3] & (Lattice.BY_PROBE - 1);
    byProbe = (codes[3] & Lattice.BY_PROBE) != 0;
    int bytes = Lattice.FIXED_BYTES + 2 * octaves + Unsent.SLOTS * (byProbe ? probes : 1);
    if (octaves > ReferenceBlock.OCTAVES || codes.length < bytes) {
      throw new BadCodesException(
          octaves
              + " octaves in "
              + codes.length
              + " bytes, expected at most "
              + ReferenceBlock.OCTAVES
              + " and "
              + bytes
              + " bytes");
    }
    Arrays.fill(scales, 0);
    for (int octave = 0; octave < octaves; octave++) {
      scales[octave] = codes[4 + octave] & 0xff;
      places[octave] = codes[4 + octaves + octave];
    }
    if (octaves > 0 && scales[octaves - 1] == 0) {
      throw new BadCodesException("the last scale is none");
    }
    int level = (codes[0] & 0xff) | (codes[1] & 0xff) << 8;
    int at = 4 + 2 * octaves;
    lattice.set(level, codes[2] & 0xff, scales, places, codes[at] & 0xff);
    int next = at + 1;
    unsent = new double[Unsent.SLOTS][byProbe ? probes : 1];
    for (double[] slot : unsent) {
      for (int i = 0; i < slot.length; i++) {
        slot[i] = Unsent.of(codes[next++] & 0xff);
      }
    }
    reader.open(codes, next);
  }

  private double value(double step, int ratio, int plain, long numerator) throws BadCodesException {
    int offset = LogisticModel.offset(numerator, plain);
    int reach = LogisticModel.reach(ratio);
    int table = LogisticModel.table(ratio, offset);
    int cell = LogisticModel.cell(ratio, offset, table, reader.slot());
    reader.take(LogisticModel.start(table, cell), LogisticModel.frequency(table, cell));
    int high = cell - reach - 1;
    if (cell == 0 || cell == 2 * reach + 2) {
      int length = reader.bits(5);
      if (length > MAX_LENGTH) {
        throw new BadCodesException("a length of " + length + ", expected at most " + MAX_LENGTH);
      }
      int low = 0;
      if (length > 16) {
        low = reader.bits(length - 16) << 16;
      }
      low |= reader.bits(Math.min(length, 16));
      int beyond = (1 << length | low) - 1;
      high += cell == 0 ? -beyond : beyond;
    }
    long q = plain == 0 ? high : (long) high << plain | reader.bits(plain);
    return ((q + 0.5) - Dither.offset(numerator)) * step;
  }

  /** Terms of the last block. Owned by this. */
  Lattice lattice() {
    return lattice;
  }

  /** What the certificate needs of the last block. */
  public NodeTerms terms() {
    return new NodeTerms(lattice.sentSteps(), lattice.last(), rests, restSteps, byProbe, unsent);
  }
}
