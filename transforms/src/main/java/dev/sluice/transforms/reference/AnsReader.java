package dev.sluice.transforms.reference;

import dev.sluice.transforms.channel.BadCodesException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Reads what {@link AnsWriter} wrote, first symbol first. Reusable; not thread-safe. */
final class AnsReader {
  private static final VarHandle INTS =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private byte[] bytes;
  private int at;
  private long state;

  /**
   * Begins a stream, which goes to the end of the bytes.
   *
   * @throws BadCodesException if that is none
   */
  void open(byte[] bytes, int from) throws BadCodesException {
    int length = bytes.length - from;
    if (length < 8 || length % 4 != 0) {
      throw new BadCodesException(
          "a stream of " + length + " bytes, expected 8 and a multiple of 4");
    }
    this.bytes = bytes;
    this.at = from + 8;
    this.state = (long) LONGS.get(bytes, from);
    if (state < AnsWriter.LEAST) {
      throw new BadCodesException("the stream begins with a state out of range");
    }
  }

  /** Where in [0, 2^15) the next symbol lies. */
  int slot() {
    return (int) state & (LogisticModel.TOTAL - 1);
  }

  /** Takes the symbol that the slot lies in. */
  void take(int start, int frequency) throws BadCodesException {
    state = frequency * (state >>> LogisticModel.BITS) + slot() - start;
    if (state < AnsWriter.LEAST) {
      pull();
    }
  }

  /** Takes bits as they are. */
  int bits(int count) throws BadCodesException {
    int bits = (int) state & ((1 << count) - 1);
    state >>>= count;
    if (state < AnsWriter.LEAST) {
      pull();
    }
    return bits;
  }

  private void pull() throws BadCodesException {
    if (at == bytes.length) {
      throw new BadCodesException("the stream ends before the block does");
    }
    state = state << 32 | ((int) INTS.get(bytes, at) & 0xffffffffL);
    at += 4;
  }

  /**
   * After the last symbol.
   *
   * @throws BadCodesException if this is not the end
   */
  void close() throws BadCodesException {
    if (at != bytes.length || state != AnsWriter.LEAST) {
      throw new BadCodesException(
          "the block ends, the stream does not: "
              + (bytes.length - at)
              + " bytes left, state "
              + state);
    }
  }
}
