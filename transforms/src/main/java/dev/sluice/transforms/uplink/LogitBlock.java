package dev.sluice.transforms.uplink;

import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.channel.BadLogitException;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.Storage;
import java.io.Closeable;
import java.io.IOException;

/**
 * A site's raw logits, one block at a time: read, held against the plan's shape, centred. Holds one
 * block. Not thread-safe.
 */
public final class LogitBlock implements Closeable {
  private final PlannedRound round;
  private final Centring.Masking masking;
  private final double[] centred;
  private final double[] magnitudes;
  private Centring.Centred found;
  private String file;
  private NpyRows rows;

  /** Room for a block of a round, with no file open. */
  public LogitBlock(PlannedRound round, Centring.Masking masking) {
    this.round = round;
    this.masking = masking;
    this.centred = new double[round.probesIn(0) * round.vocabulary()];
    this.magnitudes = new double[round.probesIn(0)];
  }

  /**
   * Opens a file of m × V logits in place of the one that was open.
   *
   * @throws IOException if it is no such file; the message says why
   */
  public LogitBlock open(String file) throws IOException {
    if (file.equals(this.file)) {
      return this;
    }
    close();
    rows =
        NpyRows.open(
            Storage.openIfExists(file)
                .orElseThrow(() -> new BadInputException(file + ": no such file")),
            file);
    this.file = file;
    checkShape();
    return this;
  }

  private void checkShape() throws BadInputException {
    long probes = round.plan().getProbes();
    if (rows.rows() != probes || rows.columns() != round.vocabulary()) {
      throw new BadInputException(
          file
              + ": found shape ("
              + rows.rows()
              + ", "
              + rows.columns()
              + "), expected ("
              + probes
              + ", "
              + round.vocabulary()
              + "): one row for each probe of the plan, one column for each token of its vocabulary");
    }
  }

  /** Reads and centres a block of the open file. */
  public void read(int block) throws IOException {
    long first = round.firstProbe(block);
    int probes = round.probesIn(block);
    rows.read(first, first + probes, centred, 0);
    try {
      found = Centring.centre(centred, probes, round.vocabulary(), masking, magnitudes);
    } catch (BadLogitException e) {
      throw new BadInputException(
          file
              + ": probe "
              + (first + e.row())
              + ", coordinate "
              + e.coordinate()
              + ": found "
              + e.value()
              + ", expected a finite number"
              + (e.value() == Double.NEGATIVE_INFINITY && masking == Centring.Masking.FORBIDDEN
                  ? " (masked tokens: --masked floor sends them as the clip's floor)"
                  : ""),
          e);
    }
  }

  /** The file that is open. */
  String file() {
    return file;
  }

  /** Centred logits of the block read last, p × V; −∞ where masked. Owned by this. */
  public double[] centred() {
    return centred;
  }

  /** Largest |x| of each probe of the block read last, logits. Owned by this. */
  public double[] magnitudes() {
    return magnitudes;
  }

  /** Largest |x| of the block read last, logits. */
  public double maxMagnitude() {
    return found.maxMagnitude();
  }

  /** Number of −∞ in the block read last. */
  public long masked() {
    return found.masked();
  }

  @Override
  public void close() throws IOException {
    file = null;
    if (rows != null) {
      rows.close();
      rows = null;
    }
  }
}
