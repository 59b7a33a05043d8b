package dev.sluice.schemas.npy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * Streams a float32 matrix to a {@code .npy} file: version 1.0, {@code <f4}, C order, byte for byte
 * what {@code numpy.save} of numpy 2 writes. The number of rows is fixed at the start, and a file
 * that has fewer does not close quietly. Not thread-safe.
 */
public final class NpyWriter implements AutoCloseable {
  private static final int BUFFER_BYTES = 1 << 16;

  /**
   * Width that numpy keeps free for the first dimension (GROWTH_AXIS_MAX_DIGITS in
   * numpy.lib.format).
   */
  private static final int ROW_DIGITS = 21;

  private static final int ALIGNMENT_BYTES = 64;
  private static final int PREAMBLE_BYTES = 10;

  private final WritableByteChannel channel;
  private final String name;
  private final long rows;
  private final int columns;
  private final ByteBuffer buffer =
      ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private long written;
  private boolean open = true;

  private NpyWriter(WritableByteChannel channel, String name, long rows, int columns) {
    this.channel = channel;
    this.name = name;
    this.rows = rows;
    this.columns = columns;
  }

  /**
   * Takes the channel over.
   *
   * @param name what errors call the file
   * @param rows at least 1
   * @param columns at least 1
   */
  public static NpyWriter open(WritableByteChannel channel, String name, long rows, int columns) {
    Objects.requireNonNull(channel, "channel");
    if (rows < 1 || columns < 1) {
      throw new IllegalArgumentException(
          name + ": shape (" + rows + ", " + columns + ") must be at least (1, 1)");
    }
    NpyWriter writer = new NpyWriter(channel, name, rows, columns);
    writer.buffer.put(headerBytes(rows, columns));
    return writer;
  }

  static byte[] headerBytes(long rows, int columns) {
    StringBuilder text = new StringBuilder("{'descr': '<f4', 'fortran_order': False, 'shape': (");
    text.append(rows).append(", ").append(columns).append("), }");
    text.append(" ".repeat(ROW_DIGITS - Long.toString(rows).length()));
    int past = (PREAMBLE_BYTES + text.length() + 1) % ALIGNMENT_BYTES;
    text.append(" ".repeat(ALIGNMENT_BYTES - past)).append('\n');
    ByteBuffer bytes =
        ByteBuffer.allocate(PREAMBLE_BYTES + text.length()).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    bytes.putShort((short) text.length());
    bytes.put(text.toString().getBytes(StandardCharsets.US_ASCII));
    return bytes.array();
  }

  public long rowsWritten() {
    return written;
  }

  /**
   * Writes the whole rows of {@code values[from, to)}, row-major.
   *
   * @throws NpyException when there are more rows than promised; none of them is then written
   */
  public void write(float[] values, int from, int to) throws IOException {
    Objects.checkFromToIndex(from, to, values.length);
    if (!open) {
      throw new IllegalStateException(name + ": already closed");
    }
    int count = to - from;
    if (count % columns != 0) {
      throw new IllegalArgumentException(
          name + ": " + count + " values are not whole rows of " + columns + " columns");
    }
    if (count / columns > rows - written) {
      throw new NpyException(
          name,
          "row "
              + rows
              + " written, but "
              + rows
              + " rows were promised (0 to "
              + (rows - 1)
              + ")");
    }
    for (int i = from; i < to; ) {
      if (buffer.remaining() < Float.BYTES) {
        flush();
      }
      int some = Math.min(to - i, buffer.remaining() / Float.BYTES);
      buffer.asFloatBuffer().put(values, i, some);
      buffer.position(buffer.position() + some * Float.BYTES);
      i += some;
    }
    written += count / columns;
  }

  private void flush() throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
    buffer.clear();
  }

  /**
   * Flushes and closes the channel, once.
   *
   * @throws NpyException when fewer rows were written than promised; the channel is closed all the
   *     same, its file is not a matrix
   */
  @Override
  public void close() throws IOException {
    if (!open) {
      return;
    }
    open = false;
    try {
      flush();
    } finally {
      channel.close();
    }
    if (written < rows) {
      throw new NpyException(name, written + " rows written, but " + rows + " were promised");
    }
  }
}
