package dev.sluice.schemas.npy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.util.Objects;

/**
 * Rows of a {@code .npy} matrix as doubles, each the exact value of the element stored, a buffer of
 * {@value #BUFFER_BYTES} bytes at a time.
 *
 * <p>On a {@link SeekableByteChannel} the length of the file is checked at once and rows are read
 * in any order. On any other channel rows are read forwards, the ones between are skipped, and a
 * file that is too long is noticed when its last row has been read. Not thread-safe.
 */
public final class NpyRows implements AutoCloseable {
  private static final int BUFFER_BYTES = 1 << 16;

  private final ReadableByteChannel channel;
  private final String name;
  private final NpyHeader header;
  private final long base;
  private final ByteBuffer buffer;

  /** The row whose first byte is the next to come out of the buffer. */
  private long nextRow;

  private NpyRows(ReadableByteChannel channel, String name, NpyHeader header, long base) {
    this.channel = channel;
    this.name = name;
    this.header = header;
    this.base = base;
    this.buffer = ByteBuffer.allocate(BUFFER_BYTES).order(header.order()).limit(0);
  }

  /**
   * Takes the channel over, and closes it when the file is not such a matrix. The file starts where
   * the channel stands.
   *
   * @param name what errors call the file
   * @throws NpyException when the header is refused, or the file is shorter or longer than it says
   */
  public static NpyRows open(ReadableByteChannel channel, String name) throws IOException {
    try {
      long base = channel instanceof SeekableByteChannel seekable ? seekable.position() : 0;
      NpyHeader header = NpyHeader.read(channel, name);
      if (channel instanceof SeekableByteChannel seekable) {
        header.checkFileBytes(seekable.size() - base, name);
      }
      return new NpyRows(channel, name, header, base);
    } catch (IOException | RuntimeException e) {
      try {
        channel.close();
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
  }

  public NpyHeader header() {
    return header;
  }

  public long rows() {
    return header.rows();
  }

  public int columns() {
    return header.columns();
  }

  /**
   * Reads rows [from, to) into {@code into[at ..]}, row-major; nothing else of it is written.
   *
   * @throws NpyException when the file ends before they do
   * @throws IllegalArgumentException when a channel that cannot seek is asked to go back
   */
  public void read(long from, long to, double[] into, int at) throws IOException {
    Objects.requireNonNull(into, "into");
    if (from < 0 || from > to || to > rows()) {
      throw new IndexOutOfBoundsException(
          name + ": rows [" + from + ", " + to + ") are not within [0, " + rows() + ")");
    }
    if (at < 0 || at > into.length || (to - from) > (into.length - at) / columns()) {
      throw new IndexOutOfBoundsException(
          name
              + ": "
              + (to - from)
              + " rows of "
              + columns()
              + " columns do not fit at "
              + at
              + " of an array of "
              + into.length);
    }
    if (from == to) {
      return;
    }
    moveTo(from);
    int out = at;
    for (long row = from; row < to; row++) {
      readRow(row, into, out);
      out += columns();
      nextRow = row + 1;
    }
    if (nextRow == rows() && !(channel instanceof SeekableByteChannel)) {
      checkEnd();
    }
  }

  private void readRow(long row, double[] into, int at) throws IOException {
    int size = header.type().sizeBytes();
    int column = 0;
    while (column < columns()) {
      if (buffer.remaining() < size) {
        fill(row, column, size);
      }
      int count = Math.min(columns() - column, buffer.remaining() / size);
      int out = at + column;
      switch (header.type()) {
        case FLOAT16 -> {
          for (int i = 0; i < count; i++) {
            into[out + i] = widen(buffer.getShort());
          }
        }
        case FLOAT32 -> {
          for (int i = 0; i < count; i++) {
            into[out + i] = buffer.getFloat();
          }
        }
        case FLOAT64 -> {
          for (int i = 0; i < count; i++) {
            into[out + i] = buffer.getDouble();
          }
        }
      }
      column += count;
    }
  }

  /** Makes at least {@code needed} bytes available, or says where the file ends. */
  private void fill(long row, long column, int needed) throws IOException {
    buffer.compact();
    while (buffer.position() < needed) {
      if (channel.read(buffer) < 0) {
        buffer.flip();
        throw new NpyException(
            name,
            "truncated in row "
                + row
                + " of "
                + rows()
                + ", column "
                + column
                + " of "
                + columns()
                + ": expected "
                + header.expectedBytes());
      }
    }
    buffer.flip();
  }

  private void moveTo(long row) throws IOException {
    if (row == nextRow) {
      return;
    }
    if (channel instanceof SeekableByteChannel seekable) {
      seekable.position(base + header.dataOffsetBytes() + row * header.rowBytes());
      buffer.limit(0);
      nextRow = row;
      return;
    }
    if (row < nextRow) {
      throw new IllegalArgumentException(
          name
              + ": row "
              + row
              + " asked for after row "
              + (nextRow - 1)
              + ", but this channel cannot seek: ask for rows in order");
    }
    for (; nextRow < row; nextRow++) {
      long left = header.rowBytes();
      while (left > 0) {
        if (!buffer.hasRemaining()) {
          fill(nextRow, (header.rowBytes() - left) / header.type().sizeBytes(), 1);
        }
        int step = (int) Math.min(left, buffer.remaining());
        buffer.position(buffer.position() + step);
        left -= step;
      }
    }
  }

  private void checkEnd() throws IOException {
    buffer.compact();
    int read = 0;
    while (buffer.position() == 0 && read == 0) {
      read = channel.read(buffer);
    }
    buffer.flip();
    if (buffer.hasRemaining()) {
      throw new NpyException(
          name, "too long: data after the last row, expected " + header.expectedBytes());
    }
  }

  /**
   * The value of an IEEE 754 binary16, exactly; a NaN's payload moves to the top of the wider
   * one's.
   */
  static double widen(short half) {
    int exponent = (half >>> 10) & 0x1f;
    long mantissa = half & 0x3ff;
    double magnitude;
    if (exponent == 0) {
      magnitude = mantissa * 0x1p-24;
    } else {
      long wide = exponent == 31 ? 2047 : exponent - 15 + 1023;
      magnitude = Double.longBitsToDouble((wide << 52) | (mantissa << 42));
    }
    return half < 0 ? -magnitude : magnitude;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
