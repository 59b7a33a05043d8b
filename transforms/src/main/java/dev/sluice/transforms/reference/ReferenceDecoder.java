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
  /** Most bits of how far beyond an end cell a value lies. */
  static final int MAX_LENGTH = 24;

  private final int[] scales = new int[ReferenceBlock.OCTAVES];
  private final int[] places = new int[ReferenceBlock.OCTAVES];
  private final Lattice lattice = new Lattice();
  private final AnsReader reader = new AnsReader();
  private long state;
  private int[] sent = new int[0];
  private double[] values = new double[0];
  private boolean byProbe;
  private double[][] unsent = new double[0][];
  private double[] rests = new double[0];
  private double[] restSteps = new double[0];

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
    if (sent.length < vocabulary) {
      sent = new int[vocabulary];
      values = new double[vocabulary + 1];
    }
    for (int probe = 0; probe < reference.probes(); probe++) {
      long row = Dither.row(dither, vocabulary + 1, firstProbe + probe);
      int base = probe * vocabulary;
      int count = listSent(reference.classes(), base, vocabulary);
      read(reference.classes(), base, count, row);
      double largest = 0;
      for (int i = 0; i < count; i++) {
        if (Math.abs(values[i]) > largest) {
          largest = Math.abs(values[i]);
        }
      }
      double correction = 0;
      Lattice.Law rest = lattice.rest(reference, probe);
      if (rest.sent > 0) {
        state = read(state, rest, Dither.numerator(row, vocabulary), count);
        correction = values[count];
        largest = Math.max(largest, Math.abs(correction));
        correction = Accumulator.onGrid(correction);
        rests[probe] = correction;
        restSteps[probe] = rest.step;
      }
      if (!(largest <= limit)) {
        throw new BadCodesException(
            "probe " + probe + " of the block: " + largest + " logits, expected at most " + limit);
      }
      Arrays.fill(y, base, base + vocabulary, correction);
      for (int i = 0; i < count; i++) {
        y[base + sent[i]] = Accumulator.onGrid(values[i]);
      }
    }
    reader.close(state);
  }

  /** Lists what is sent of a probe; how many these are. */
  private int listSent(byte[] classes, int base, int vocabulary) {
    Lattice.Law[] laws = lattice.laws();
    int count = 0;
    for (int v = 0; v < vocabulary; v++) {
      sent[count] = v; // and perhaps another over it: a jump would be foreseen by nobody
      count += laws[classes[base + v] & 0xff].sent;
    }
    return count;
  }

  /** Reads what is listed. */
  private void read(byte[] classes, int base, int count, long row) throws BadCodesException {
    Lattice.Law[] laws = lattice.laws();
    long next = state;
    for (int i = 0; i < count; i++) {
      int v = sent[i];
      next = read(next, laws[classes[base + v] & 0xff], Dither.numerator(row, v), i);
    }
    state = next;
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
    state = reader.open(codes, next);
  }

  /** Reads one value to a place in the list; the next state. */
  private long read(long state, Lattice.Law law, long numerator, int at) throws BadCodesException {
    int offset = (int) (numerator >>> law.shift);
    int table = law.table + offset * law.stride;
    int cell = LogisticModel.cell(law.slices, offset, table, AnsReader.slot(state));
    long next = reader.take(state, LogisticModel.frequencies(table, cell));
    int high = cell - law.middle;
    if (Math.abs(high) == law.middle) {
      int length = AnsReader.bits(next, 5);
      next = reader.drop(next, 5);
      if (length > MAX_LENGTH) {
        throw new BadCodesException("a length of " + length + ", expected at most " + MAX_LENGTH);
      }
      int low = 0;
      if (length > 16) {
        low = AnsReader.bits(next, length - 16) << 16;
        next = reader.drop(next, length - 16);
      }
      int rest = Math.min(length, 16);
      low |= AnsReader.bits(next, rest);
      next = reader.drop(next, rest);
      int beyond = (1 << length | low) - 1;
      high += high < 0 ? -beyond : beyond;
    }
    long q = (long) high << law.plain | AnsReader.bits(next, law.plain);
    values[at] = law.place + ((q + 0.5) - Dither.offset(numerator)) * law.step;
    return reader.drop(next, law.plain);
  }

  /** Terms of the last block. Owned by this. */
  Lattice lattice() {
    return lattice;
  }

  /** The water level of the last block: theta = 2^(-level/64) nats. */
  public int level() {
    return lattice.level();
  }

  /** What the certificate needs of the last block. */
  public NodeTerms terms() {
    return new NodeTerms(lattice.sentSteps(), lattice.last(), rests, restSteps, byProbe, unsent);
  }
}
