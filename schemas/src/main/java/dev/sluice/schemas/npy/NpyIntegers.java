package dev.sluice.schemas.npy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ReadableByteChannel;
import java.util.Map;

/**
 * Reads a {@code .npy} file that holds a vector of integers: dtypes {@code i4} and {@code i8} of
 * either byte order, one dimension. Everything else is refused.
 */
public final class NpyIntegers {
  private static final Map<String, Integer> SIZES = Map.of("<i4", 4, ">i4", 4, "<i8", 8, ">i8", 8);

  private NpyIntegers() {}

  /**
   * Reads the whole file.
   *
   * @param name what errors call the file
   * @param count how many there must be
   * @throws NpyException when it is not such a file, or holds another number of them
   */
  public static long[] read(ReadableByteChannel channel, String name, int count)
      throws IOException {
    NpyHeader.Preamble preamble = NpyHeader.preamble(channel, name);
    Object descr = preamble.fields().get("descr");
    if (!(descr instanceof String text) || !SIZES.containsKey(text)) {
      throw new NpyException(
          name, "dtype " + PythonLiteral.show(descr) + ", expected '<i4', '<i8', '>i4' or '>i8'");
    }
    long found = preamble.shape(1, "(" + count + ",)", name).get(0);
    if (found != count) {
      throw new NpyException(name, "shape (" + found + ",), expected (" + count + ",)");
    }
    int size = SIZES.get(text);
    ByteOrder order = preamble.order();
    ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(count, size)).order(order);
    int read = NpyHeader.readFully(channel, bytes);
    if (read < bytes.capacity()) {
      throw new NpyException(name, "truncated after " + read / size + " of " + count + " elements");
    }
    if (NpyHeader.readFully(channel, ByteBuffer.allocate(1)) > 0) {
      throw new NpyException(name, "too long: data after the last of " + count + " elements");
    }
    bytes.flip();
    long[] integers = new long[count];
    for (int i = 0; i < count; i++) {
      integers[i] = size == 4 ? bytes.getInt() : bytes.getLong();
    }
    return integers;
  }
}
