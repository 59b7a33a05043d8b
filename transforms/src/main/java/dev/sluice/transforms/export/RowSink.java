package dev.sluice.transforms.export;

import java.io.Closeable;
import java.io.IOException;

/** Takes a shard's rows in order; its file is whole once it is closed. */
interface RowSink extends Closeable {
  /**
   * Writes the next row.
   *
   * @param row [V], float32 numbers; may be overwritten
   */
  void write(double[] row) throws IOException;
}
