package dev.sluice.transforms.uplink;

import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.channel.BadLogitException;
import dev.sluice.transforms.reference.ReferenceBlock;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.Storage;
import java.io.Closeable;
import java.io.IOException;

/**
 * The public reference of a round, one block at a time: read, held against the plan's shape, and
 * derived. Uniform where the plan names no file. Holds one block. Not thread-safe.
 */
public final class ReferenceRows implements Closeable {
  private final PlannedRound round;
  private final String file;
  private final double[] logits;
  private final ReferenceBlock derived;
  private NpyRows rows; // null until it is needed, and for the uniform reference
  private int at = -1;

  /**
   * Room for a block.
   *
   * @param round in the reference channel
   * @param file the reference, .npy of m × V logits; not read where the plan names none
   */
  public ReferenceRows(PlannedRound round, String file) {
    this.round = round;
    this.file = file;
    int probes = round.probesIn(0);
    this.logits = new double[probes * round.vocabulary()];
    this.derived = new ReferenceBlock(probes, round.vocabulary());
  }

  /**
   * Reads and derives a block, unless it is the one that was read last.
   *
   * @throws IOException if there is no such file, or it is no such reference; the message says why
   */
  public void read(int block) throws IOException {
    if (block == at) {
      return;
    }
    at = -1;
    long first = round.firstProbe(block);
    int probes = round.probesIn(block);
    if (round.referenceSha256().isPresent()) {
      open();
      rows.read(first, first + probes, logits, 0);
      for (int probe = 0; probe < probes; probe++) {
        shift(probe * round.vocabulary());
      }
    }
    try {
      derived.derive(logits, probes);
    } catch (BadLogitException e) {
      throw new BadInputException(message(file, first + e.row(), e), e);
    }
    at = block;
  }

  /** What is wrong with a logit of a reference. */
  public static String message(String file, long probe, BadLogitException found) {
    return file
        + ": probe "
        + probe
        + ", coordinate "
        + found.coordinate()
        + ": found "
        + found.value()
        + ", expected a finite logit at most 700 below its row's largest: nodes may have mass there";
  }

  /** Lets a row's largest logit be 0, so that a teacher in float32 does not lose by an offset. */
  private void shift(int from) {
    int to = from + round.vocabulary();
    double max = Double.NEGATIVE_INFINITY;
    for (int c = from; c < to; c++) {
      max = Math.max(max, logits[c]);
    }
    if (Double.isFinite(max)) { // else what is wrong is said of the logits as they are
      for (int c = from; c < to; c++) {
        logits[c] -= max;
      }
    }
  }

  private void open() throws IOException {
    if (rows != null) {
      return;
    }
    NpyRows found =
        NpyRows.open(
            Storage.openIfExists(file)
                .orElseThrow(
                    () ->
                        new BadInputException(
                            file
                                + ": no such file; the plan's logits are relative to it, and 'sluice"
                                + " plan' wrote it beside plan.json")),
            file);
    checkShape(found);
    rows = found;
  }

  private void checkShape(NpyRows found) throws IOException {
    if (found.rows() != round.plan().getProbes() || found.columns() != round.vocabulary()) {
      found.close();
      throw new BadInputException(
          file
              + ": found shape ("
              + found.rows()
              + ", "
              + found.columns()
              + "), expected ("
              + round.plan().getProbes()
              + ", "
              + round.vocabulary()
              + "), as the plan has probes and tokens");
    }
  }

  /** The reference's logits of the block, p × V. Owned by this. */
  public double[] logits() {
    return logits;
  }

  /** What both ends derive of the block. Owned by this. */
  public ReferenceBlock derived() {
    return derived;
  }

  @Override
  public void close() throws IOException {
    at = -1;
    if (rows != null) {
      rows.close();
      rows = null;
    }
  }
}
