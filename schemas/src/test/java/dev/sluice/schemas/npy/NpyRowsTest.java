package dev.sluice.schemas.npy;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NpyRowsTest {
  @TempDir Path folder;

  /** What the fixtures hold, all of it exact in binary16. */
  private static final double[] VALUES = {
    0.0, -0.0, 1.0, -2.5, 65504.0,
    0x1p-14, 0x1p-24, -0.333251953125, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY,
    3.140625, -7.0, 0.0999755859375, 1024.0, -0.5
  };

  @ParameterizedTest
  @ValueSource(
      strings = {
        "f2-le-v1", "f2-be-v1", "f2-le-v2", "f2-be-v2", "f4-le-v1", "f4-be-v1", "f4-le-v2",
        "f4-be-v2", "f4-le-v3", "f4-be-v3", "f8-le-v1", "f8-be-v1", "f8-le-v2", "f8-be-v2"
      })
  void readsWhatNumpyWrites(String file) throws IOException {
    byte[] bytes = NpyHeaderTest.resource(file + ".npy");
    for (boolean seekable : new boolean[] {true, false}) {
      try (NpyRows rows = NpyRows.open(channel(bytes, seekable), file)) {
        double[] found = new double[15];
        rows.read(0, 3, found, 0);
        assertThat(bits(found), equalTo(bits(VALUES)));
      }
    }
  }

  @Test
  void writesOnlyTheRowsAskedFor() throws IOException {
    try (NpyRows rows = NpyRows.open(channel(NpyHeaderTest.resource("f8-be-v1.npy"), true), "x")) {
      double[] found = new double[9];
      Arrays.fill(found, 77);
      rows.read(2, 3, found, 2);
      assertThat(
          found,
          equalTo(new double[] {77, 77, 3.140625, -7.0, 0.0999755859375, 1024.0, -0.5, 77, 77}));
      rows.read(0, 0, found, 9);
      rows.read(3, 3, found, 0);
      rows.read(0, 1, found, 0);
      assertThat(found[4], is(65504.0));
    }
  }

  /**
   * 129 rows of 65 floats, 33 540 bytes, and buffers of 7, so that every way of splitting an
   * element occurs.
   */
  @Test
  void rowsDoNotDependOnHowTheChannelDeliversThem() throws IOException {
    byte[] bytes = NpyHeaderTest.resource("save-129x65.npy");
    for (int most : new int[] {1, 3, 7, 64, 100_000}) {
      try (NpyRows rows = NpyRows.open(new Trickle(bytes, most), "x")) {
        double[] row = new double[65];
        for (int i = 0; i < 129; i += i % 3 == 0 ? 1 : 4) {
          rows.read(i, i + 1, row, 0);
          for (int j = 0; j < 65; j++) {
            assertThat(row[j], is(((i * 65 + j) * 37 % 1009 - 504) / 8.0));
          }
        }
      }
    }
  }

  /** 300 000 columns of float64 are 2.4 MB a row, many buffers. */
  @Test
  void rowsLongerThanTheBuffer() throws IOException {
    int columns = 300_000;
    String text = "{'descr': '>f8', 'fortran_order': False, 'shape': (2, " + columns + ")}";
    byte[] head = NpyHeaderTest.file(1, 0, text);
    ByteBuffer bytes = ByteBuffer.allocate(head.length + 16 * columns).put(head);
    for (int i = 0; i < 2 * columns; i++) {
      bytes.putDouble(i / 3.0);
    }
    for (boolean seekable : new boolean[] {true, false}) {
      try (NpyRows rows = NpyRows.open(channel(bytes.array(), seekable), "x")) {
        double[] row = new double[columns];
        rows.read(1, 2, row, 0);
        for (int i = 0; i < columns; i++) {
          assertThat(row[i], is((columns + i) / 3.0));
        }
      }
    }
  }

  @Test
  void aTruncatedFileSaysAtWhichRow() throws IOException {
    byte[] whole = NpyHeaderTest.resource("save-10x64.npy");
    byte[] cut = Arrays.copyOf(whole, 128 + 7 * 256 + 5 * 4 + 3);

    NpyException atOnce =
        assertThrows(NpyException.class, () -> NpyRows.open(channel(cut, true), "a.npy"));
    assertThat(
        atOnce.getMessage(),
        containsString(
            "a.npy: truncated in row 7 of 10: 1943 bytes, expected 2688 = 128 of header"));

    double[] into = new double[640];
    try (NpyRows rows = NpyRows.open(channel(cut, false), "a.npy")) {
      rows.read(0, 7, into, 0);
      NpyException later = assertThrows(NpyException.class, () -> rows.read(7, 8, into, 0));
      assertThat(
          later.getMessage(),
          containsString("a.npy: truncated in row 7 of 10, column 5 of 64: expected 2688 ="));
    }
    try (NpyRows rows = NpyRows.open(channel(cut, false), "a.npy")) {
      NpyException skipped = assertThrows(NpyException.class, () -> rows.read(9, 10, into, 0));
      assertThat(
          skipped.getMessage(), containsString("a.npy: truncated in row 7 of 10, column 5 of 64"));
    }
  }

  @Test
  void aLongFileIsRefused() throws IOException {
    byte[] whole = NpyHeaderTest.resource("save-10x64.npy");
    byte[] longer = Arrays.copyOf(whole, whole.length + 1);

    NpyException atOnce =
        assertThrows(NpyException.class, () -> NpyRows.open(channel(longer, true), "a.npy"));
    assertThat(atOnce.getMessage(), containsString("a.npy: too long: 2689 bytes, expected 2688 ="));
    try (NpyRows rows = NpyRows.open(channel(longer, false), "a.npy")) {
      NpyException later =
          assertThrows(NpyException.class, () -> rows.read(0, 10, new double[640], 0));
      assertThat(later.getMessage(), containsString("a.npy: too long: data after the last row"));
    }
  }

  @Test
  void aFileChangedWhileItIsReadSaysAtWhichRow() throws IOException {
    Path file = folder.resolve("a.npy");
    Files.write(file, NpyHeaderTest.resource("save-129x65.npy"));
    try (NpyRows rows = NpyRows.open(FileChannel.open(file), "a.npy")) {
      try (FileChannel other = FileChannel.open(file, StandardOpenOption.WRITE)) {
        other.truncate(128 + 100 * 260 + 2);
      }
      NpyException e =
          assertThrows(NpyException.class, () -> rows.read(0, 129, new double[129 * 65], 0));
      assertThat(e.getMessage(), containsString("truncated in row 100 of 129, column 0 of 65"));
    }
  }

  @Test
  void aMatrixMayFollowOtherBytesOfAFile() throws IOException {
    byte[] whole = NpyHeaderTest.resource("save-3x7.npy");
    Path file = folder.resolve("b");
    Files.write(file, ByteBuffer.allocate(9 + whole.length).position(9).put(whole).array());
    FileChannel channel = FileChannel.open(file);
    channel.position(9);
    try (NpyRows rows = NpyRows.open(channel, "b")) {
      double[] row = new double[7];
      rows.read(2, 3, row, 0);
      assertThat(row[0], is((14 * 37 - 504) / 8.0));
      rows.read(1, 2, row, 0);
      assertThat(row[0], is((7 * 37 - 504) / 8.0));
    }
  }

  @Test
  void refusesRowsThatAreNotThereOrDoNotFit() throws IOException {
    byte[] bytes = NpyHeaderTest.resource("save-10x64.npy");
    try (NpyRows rows = NpyRows.open(channel(bytes, false), "a.npy")) {
      double[] into = new double[128];
      for (long[] range :
          new long[][] {{-1, 1}, {2, 1}, {9, 11}, {Long.MIN_VALUE, Long.MAX_VALUE}}) {
        String message =
            assertThrows(
                    IndexOutOfBoundsException.class, () -> rows.read(range[0], range[1], into, 0))
                .getMessage();
        assertThat(message, containsString("are not within [0, 10)"));
      }
      for (int at : new int[] {-1, 1, 128, 129}) {
        assertThat(
            assertThrows(IndexOutOfBoundsException.class, () -> rows.read(0, 2, into, at))
                .getMessage(),
            containsString("2 rows of 64 columns do not fit at " + at + " of an array of 128"));
      }
      rows.read(4, 6, into, 0);
      assertThat(
          assertThrows(IllegalArgumentException.class, () -> rows.read(5, 6, into, 0)).getMessage(),
          containsString("a.npy: row 5 asked for after row 5, but this channel cannot seek"));
    }
  }

  @Test
  void aRefusedFileIsClosed() {
    ReadableByteChannel channel = channel(new byte[20], false);
    assertThrows(NpyException.class, () -> NpyRows.open(channel, "a.npy"));
    assertThat(channel.isOpen(), is(false));
  }

  /**
   * Against (-1)^s * 2^(e-15) * (1 + m/1024), or 2^-14 * m/1024 where e is 0, in doubles, where
   * every step of it is exact.
   */
  @Test
  void widensEveryHalf() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      int sign = bits >> 15;
      int e = bits % 32768 / 1024;
      double m = bits % 1024 / 1024.0;
      double expected;
      if (e == 31) {
        expected = m == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
      } else {
        expected = e == 0 ? Math.pow(2, -14) * m : Math.pow(2, e - 15) * (1 + m);
      }
      expected = sign == 1 ? -expected : expected;
      assertThat(
          Double.doubleToLongBits(NpyRows.widen((short) bits)),
          is(Double.doubleToLongBits(expected)));
    }
  }

  private static long[] bits(double[] values) {
    return Arrays.stream(values).mapToLong(Double::doubleToLongBits).toArray();
  }

  private ReadableByteChannel channel(byte[] bytes, boolean seekable) {
    if (!seekable) {
      return Channels.newChannel(new ByteArrayInputStream(bytes));
    }
    try {
      Path file = Files.createTempFile(folder, "rows", ".npy");
      Files.write(file, bytes);
      return FileChannel.open(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** At most so many bytes a read, and none at every other one, as a channel may. */
  private static final class Trickle implements ReadableByteChannel {
    private final ByteBuffer bytes;
    private final int most;
    private boolean pause;

    Trickle(byte[] bytes, int most) {
      this.bytes = ByteBuffer.wrap(bytes);
      this.most = most;
    }

    @Override
    public int read(ByteBuffer into) {
      pause = !pause;
      if (pause) {
        return 0;
      }
      if (!bytes.hasRemaining()) {
        return -1;
      }
      int count = Math.min(Math.min(most, bytes.remaining()), into.remaining());
      into.put(bytes.slice().limit(count));
      bytes.position(bytes.position() + count);
      return count;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {}
  }
}
