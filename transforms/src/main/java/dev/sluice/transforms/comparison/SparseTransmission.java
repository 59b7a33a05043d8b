package dev.sluice.transforms.comparison;

import dev.sluice.transforms.channel.BitFields;
import java.util.OptionalDouble;

/**
 * Uplinks of a few tokens of each probe, without any headers: rows one after another. What is not
 * sent is filled in by a {@link Tail}; the hub averages log-probabilities.
 */
abstract class SparseTransmission implements Transmission {
  /** Float32 logits of a block, which nobody sends as such: it bounds memory. */
  static final int BLOCK_BYTES = 4 << 20;

  private final ProbeSet probes;
  private final Tail tail;
  private final int probesPerBlock;
  private final double[] row;
  private final int[] ids;
  private final double[] logs;
  private double[] reference;
  private int count;

  /**
   * @param k tokens of a row
   */
  SparseTransmission(ProbeSet probes, int k, Tail tail) {
    this.probes = probes;
    this.tail = tail;
    this.probesPerBlock = probesPerBlock(probes);
    this.row = new double[probes.vocabulary()];
    this.ids = new int[k];
    this.logs = new double[k];
  }

  /** Probes of a block that is nobody's but the measurement's. */
  static int probesPerBlock(ProbeSet probes) {
    return (int) Math.max(1, Math.min(probes.probes(), BLOCK_BYTES / (4L * probes.vocabulary())));
  }

  /** Bits of a row. */
  abstract long rowBits();

  /** Writes the row of a place in the block. */
  abstract void write(double[] row, byte[] out, int place);

  /** Reads the same. */
  abstract void read(byte[] in, int place, int[] ids, double[] logs);

  @Override
  public final int probesPerBlock() {
    return probesPerBlock;
  }

  @Override
  public final void begin(int block, int count, double[] reference) {
    this.count = count;
    this.reference = reference;
  }

  @Override
  public final void send(int node, double[] logits, double[] decoded) {
    int vocabulary = probes.vocabulary();
    byte[] bytes = new byte[Math.toIntExact(BitFields.bytes(count * rowBits()))];
    for (int probe = 0; probe < count; probe++) {
      System.arraycopy(logits, probe * vocabulary, row, 0, vocabulary);
      write(row, bytes, probe);
    }
    for (int probe = 0; probe < count; probe++) {
      read(bytes, probe, ids, logs);
      tail.complete(ids, logs, ids.length, reference, decoded, probe * vocabulary, vocabulary, row);
    }
  }

  @Override
  public final OptionalDouble end(float[] teacher) {
    return OptionalDouble.empty();
  }

  @Override
  public final long bytes() {
    return probes.nodes() * BitFields.bytes(probes.probes() * rowBits());
  }

  @Override
  public final long overheadBytes() {
    return 0;
  }

  @Override
  public final long clipped() {
    return 0;
  }
}
