package dev.sluice.transforms.fuzz;

import dev.sluice.schemas.npy.NpyException;
import dev.sluice.schemas.npy.NpyRows;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** A matrix of logits, as a file and as a stream: both say the same. */
final class NpyTarget implements FuzzTarget {
  private static final int MOST_COLUMNS = 1 << 12; // who reads rows knows the vocabulary
  private final double[] row = new double[MOST_COLUMNS];
  private final double[] other = new double[MOST_COLUMNS];

  @Override
  public boolean accepts(byte[] input) throws IOException {
    Path file = Scratch.file("logits.npy", input);
    boolean whole;
    try (NpyRows rows = NpyRows.open(Files.newByteChannel(file), "file")) {
      whole = true;
      readBackwards(rows);
    } catch (NpyException e) {
      whole = false;
    }
    ReadableByteChannel stream = Channels.newChannel(new ByteArrayInputStream(input));
    boolean streamed = true;
    try (NpyRows rows = NpyRows.open(stream, "stream")) {
      if (rows.columns() <= MOST_COLUMNS) {
        for (long at = 0; at < rows.rows(); at++) {
          rows.read(at, at + 1, row, 0);
        }
      } else {
        streamed = whole;
      }
    } catch (NpyException e) {
      streamed = false;
    }
    if (streamed != whole) {
      throw new AssertionError("as a file: " + whole + ", as a stream: " + streamed);
    }
    return whole;
  }

  private void readBackwards(NpyRows rows) throws IOException {
    if (rows.columns() > MOST_COLUMNS) {
      return;
    }
    int columns = rows.columns();
    for (long at = rows.rows() - 1; at >= Math.max(0, rows.rows() - 100); at--) {
      rows.read(at, at + 1, row, 0);
      rows.read(at, at + 1, other, 0);
      if (!Arrays.equals(row, 0, columns, other, 0, columns)) {
        throw new AssertionError("row " + at + " differs when read again");
      }
    }
  }
}
