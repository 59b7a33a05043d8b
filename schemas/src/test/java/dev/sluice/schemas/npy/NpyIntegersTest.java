package dev.sluice.schemas.npy;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NpyIntegersTest {
  private static final long[] VALUES = {0, -1, 8191, Integer.MAX_VALUE, Integer.MIN_VALUE};

  /** As numpy.save writes it, format version 1.0. */
  private static byte[] npy(String descr, String shape, long... values) {
    String header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
    int padded = (10 + header.length() + 1 + 63) / 64 * 64;
    header = header + " ".repeat(padded - 10 - header.length() - 1) + "\n";
    int size = descr.charAt(2) - '0';
    ByteBuffer bytes = ByteBuffer.allocate(padded + size * values.length);
    bytes.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    bytes.order(ByteOrder.LITTLE_ENDIAN).putShort((short) header.length());
    bytes.put(header.getBytes(StandardCharsets.US_ASCII));
    bytes.order(descr.charAt(0) == '<' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    for (long value : values) {
      if (size == 4) {
        bytes.putInt((int) value);
      } else {
        bytes.putLong(value);
      }
    }
    return bytes.array();
  }

  private static long[] read(byte[] bytes, int count) throws IOException {
    return NpyIntegers.read(Channels.newChannel(new ByteArrayInputStream(bytes)), "x.npy", count);
  }

  @ParameterizedTest
  @CsvSource({"<i4", ">i4", "<i8", ">i8"})
  void readsBothWidthsInBothOrders(String descr) throws IOException {
    assertThat(read(npy(descr, "(5,)", VALUES), 5), is(VALUES));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "<f4|(5,)|dtype '<f4', expected '<i4', '<i8', '>i4' or '>i8'",
        "<i4|(5, 1)|shape (5, 1) has 2 dimensions, expected 1: (5,)",
        "<i4|(4,)|shape (4,), expected (5,)",
        "<i4|(-5,)|shape (-5,) is negative",
        "<i4|5|shape is 5, expected (5,)"
      })
  void refusesOtherArrays(String descr, String shape, String message) {
    NpyException thrown =
        assertThrows(NpyException.class, () -> read(npy(descr, shape, VALUES), 5));
    assertThat(thrown.getMessage(), containsString("x.npy: " + message));
  }

  @Test
  void refusesFilesThatAreTooShortOrTooLong() {
    byte[] bytes = npy("<i4", "(5,)", VALUES);
    for (int length = 0; length < bytes.length; length++) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThrows(NpyException.class, () -> read(cut, 5));
    }
    NpyException thrown =
        assertThrows(NpyException.class, () -> read(Arrays.copyOf(bytes, bytes.length + 1), 5));
    assertThat(thrown.getMessage(), containsString("too long: data after the last of 5 elements"));
  }
}
