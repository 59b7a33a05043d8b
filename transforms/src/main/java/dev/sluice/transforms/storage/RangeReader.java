package dev.sluice.transforms.storage;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/** Reads byte ranges of many files, keeping a bounded number of them open. Not thread-safe. */
public final class RangeReader implements Closeable {
  private static final int OPEN_FILES = 128;

  private final LinkedHashMap<String, SeekableByteChannel> open =
      new LinkedHashMap<>(16, 0.75f, true);

  /**
   * Reads {@code length} bytes at {@code offset} of a file into the start of a buffer.
   *
   * @throws IOException also if the file ends before
   */
  public void read(String file, long offset, byte[] into, int length) throws IOException {
    SeekableByteChannel channel = open.get(file);
    if (channel == null) {
      if (open.size() >= OPEN_FILES) {
        Iterator<Map.Entry<String, SeekableByteChannel>> eldest = open.entrySet().iterator();
        eldest.next().getValue().close();
        eldest.remove();
      }
      channel = Storage.openSeekable(Storage.resource(file));
      open.put(file, channel);
    }
    channel.position(offset);
    ByteBuffer buffer = ByteBuffer.wrap(into, 0, length);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer) < 0) {
        throw new IOException(
            file
                + ": ends "
                + buffer.remaining()
                + " bytes before the end of a range of "
                + length
                + " at "
                + offset);
      }
    }
  }

  @Override
  public void close() throws IOException {
    IOException first = null;
    for (SeekableByteChannel channel : open.values()) {
      try {
        channel.close();
      } catch (IOException e) {
        first = first == null ? e : first;
      }
    }
    open.clear();
    if (first != null) {
      throw first;
    }
  }
}
