package dev.sluice.transforms.reference;

import dev.sluice.transforms.channel.BadCodesException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Reads what {@link AnsWriter} wrote, first symbol first. The state is the caller's, who passes it
 * and receives the next: a local variable is what makes a loop fast. Reusable; not thread-safe.
 */
final class AnsReader {
  private static final VarHandle INTS =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private byte[] bytes;
  private int at;

  /**
   * Begins a stream, which goes to the end of the bytes.
   *
   * @return the first state
   * @throws BadCodesException if that is none
   */
  long open(byte[] bytes, int from) throws BadCodesException {
    int length = bytes.length - from;
    if (length < 8 || length % 4 != 0) {
      throw new BadCodesException(
          "a stream of " + length + " bytes, expected 8 and a multiple of 4");
    }
    this.bytes = bytes;
    this.at = from + 8;
    long state = (long) LONGS.get(bytes, from);
    if (state < AnsWriter.LEAST) {
      throw new BadCodesException("the stream begins with a state out of range");
    }
    return state;
  }

  /** Where in [0, 2^15) the next symbol lies. */
  static int slot(long state) {
    return (int) state & (LogisticModel.TOTAL - 1);
  }

  /**
   * Takes the symbol that the slot lies in; its frequencies as {@link AnsWriter#symbol} has them.
   */
  long take(long state, int frequencies) throws BadCodesException {
    long frequency = frequencies & 0xffff;
    long next = frequency * (state >>> LogisticModel.BITS) + slot(state) - (frequencies >>> 16);
    return next < AnsWriter.LEAST ? pull(next) : next;
  }

  /** The next bits as they are, at most 16. */
  static int bits(long state, int count) {
    return (int) state & ((1 << count) - 1);
  }

  /** Takes these. */
  long drop(long state, int count) throws BadCodesException {
    long next = state >>> count;
    return next < AnsWriter.LEAST ? pull(next) : next;
  }

  private long pull(long state) throws BadCodesException {
    if (at == bytes.length) {
      throw new BadCodesException("the stream ends before the block does");
    }
    long next = state << 32 | ((int) INTS.get(bytes, at) & 0xffffffffL);
    at += 4;
    return next;
  }

  /**
   * After the last symbol.
   *
   * @throws BadCodesException if this is not the end
   */
  void close(long state) throws BadCodesException {
    if (at != bytes.length || state != AnsWriter.LEAST) {
      throw new BadCodesException(
          "the block ends, the stream does not: "
              + (bytes.length - at)
              + " bytes left, state "
              + state);
    }
  }
}
