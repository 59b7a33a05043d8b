package dev.sluice.transforms.comparison;

import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.synthetic.BigramSites;
import java.io.Closeable;
import java.io.IOException;

/** The vectors of a comparison, one a trial, and what each node holds of it. Not thread-safe. */
final class Vectors implements Closeable {
  private final VectorSettings settings;
  private final NpyRows rows; // null where vectors are drawn
  private final double[] row;
  private final float[] common;
  private final float[] own;
  private final double[] normal;
  private long trial;
  private double energy;

  private Vectors(VectorSettings settings, NpyRows rows) {
    this.settings = settings;
    this.rows = rows;
    this.row = new double[settings.dimension()];
    this.normal = new double[settings.dimension()];
    this.common = new float[settings.dimension()];
    this.own = settings.spread() > 0 ? new float[settings.dimension()] : common;
  }

  static Vectors open(VectorSettings settings) throws IOException {
    return new Vectors(
        settings,
        settings.source() == VectorSource.FILE ? NpyLogits.rows(settings.file().path()) : null);
  }

  /**
   * Goes to a trial.
   *
   * @return [d], what all nodes have in common; the same array at each trial
   * @throws BadInputException if a file's row has a number that is not finite as float32, or is all
   *     zeros, so that no error is relative to it
   */
  float[] trial(int index) throws IOException {
    trial = index;
    if (rows == null) {
      settings.source().draw(settings.seed(), index, common);
    } else {
      rows.read(index, index + 1, row, 0);
      for (int c = 0; c < common.length; c++) {
        common[c] = (float) row[c];
        if (!Float.isFinite(common[c])) {
          throw bad("coordinate " + c + ": found " + row[c] + ", expected a finite float32");
        }
      }
    }
    energy = 0;
    for (float x : common) {
      energy += (double) x * x;
    }
    if (energy == 0) {
      throw bad("found only zeros, to which no error is relative");
    }
    return common;
  }

  private BadInputException bad(String what) {
    String where = rows == null ? "trial " + trial : settings.file().path() + ": row " + trial;
    return new BadInputException(where + ": " + what);
  }

  /** Squared length of what nodes have in common. */
  double energy() {
    return energy;
  }

  /**
   * What a node holds at this trial.
   *
   * @return [d], valid until the next call
   */
  float[] node(int node) {
    if (settings.spread() > 0) {
      double deviation = settings.spread() * Math.sqrt(energy / common.length);
      // Streams of nodes are below 0, those of trials not.
      long stream = -1 - (trial * VectorSettings.MAX_NODES + node);
      BigramSites.fillNormal(BigramSites.generator(settings.seed(), stream), normal);
      for (int c = 0; c < own.length; c++) {
        own[c] = (float) (common[c] + deviation * normal[c]);
      }
    }
    return own;
  }

  @Override
  public void close() throws IOException {
    if (rows != null) {
      rows.close();
    }
  }
}
