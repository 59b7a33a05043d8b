package dev.sluice.schemas.npy;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NpyWriterTest {

  @ParameterizedTest
  @CsvSource({"1,1", "3,7", "10,64", "129,65"})
  void equalsNumpySaveByteForByte(int rows, int columns) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (NpyWriter writer = NpyWriter.open(Channels.newChannel(out), "x", rows, columns)) {
      float[] row = new float[columns + 2];
      for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
          row[j + 1] = ((i * columns + j) * 37 % 1009 - 504) / 8f;
        }
        writer.write(row, 1, columns + 1);
      }
      assertThat(writer.rowsWritten(), is((long) rows));
    }
    assertThat(
        out.toByteArray(),
        equalTo(NpyHeaderTest.resource("save-" + rows + "x" + columns + ".npy")));
  }

  /** The data begin at a multiple of 64 bytes whatever the digits of the shape. */
  @Property(tries = 200)
  void headersAreAlignedAndRead(
      @ForAll @IntRange(min = 1) int rows, @ForAll @IntRange(min = 1, max = 1 << 28) int columns)
      throws IOException {
    byte[] bytes = NpyWriter.headerBytes(rows, columns);
    NpyHeader header = NpyHeader.read(Channels.newChannel(new ByteArrayInputStream(bytes)), "x");
    assertThat(header.rows(), is((long) rows));
    assertThat(header.columns(), is(columns));
    assertThat(header.dataOffsetBytes(), is((long) bytes.length));
    assertThat(bytes.length % 64, is(0));
  }

  @Property(tries = 200)
  void everyFloatComesBack(
      @ForAll @IntRange(min = 1, max = 40) int rows,
      @ForAll @IntRange(min = 1, max = 70) int columns,
      @ForAll @Size(100) float[] values)
      throws IOException {
    float[] all = new float[rows * columns];
    for (int i = 0; i < all.length; i++) {
      all[i] = values[(i * 31 + i / 100) % 100];
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (NpyWriter writer = NpyWriter.open(Channels.newChannel(out), "x", rows, columns)) {
      writer.write(all, 0, rows / 2 * columns);
      writer.write(all, rows / 2 * columns, all.length);
    }
    double[] back = new double[all.length];
    try (NpyRows read =
        NpyRows.open(Channels.newChannel(new ByteArrayInputStream(out.toByteArray())), "x")) {
      read.read(0, rows, back, 0);
    }
    for (int i = 0; i < all.length; i++) {
      assertThat(back[i], equalTo((double) all[i]));
    }
  }

  @Test
  void fewerRowsThanPromisedDoNotCloseQuietly() throws IOException {
    WritableByteChannel channel = Channels.newChannel(new ByteArrayOutputStream());
    NpyWriter writer = NpyWriter.open(channel, "t.npy", 3, 2);
    writer.write(new float[4], 0, 4);

    assertThat(
        assertThrows(NpyException.class, writer::close).getMessage(),
        equalTo("t.npy: 2 rows written, but 3 were promised"));
    assertThat(channel.isOpen(), is(false));
    writer.close();
    assertThrows(IllegalStateException.class, () -> writer.write(new float[2], 0, 2));
  }

  @Test
  void moreRowsThanPromisedAreRefused() throws IOException {
    try (NpyWriter writer =
        NpyWriter.open(Channels.newChannel(new ByteArrayOutputStream()), "t.npy", 3, 2)) {
      writer.write(new float[4], 0, 4);
      assertThat(
          assertThrows(NpyException.class, () -> writer.write(new float[4], 0, 4)).getMessage(),
          containsString("t.npy: row 3 written, but 3 rows were promised (0 to 2)"));
      writer.write(new float[2], 0, 2);
    }
  }

  @Test
  void refusesPartsOfRowsAndEmptyShapes() throws IOException {
    WritableByteChannel channel = Channels.newChannel(new ByteArrayOutputStream());
    for (long[] shape : new long[][] {{0, 1}, {1, 0}, {-1, 1}}) {
      assertThat(
          assertThrows(
                  IllegalArgumentException.class,
                  () -> NpyWriter.open(channel, "t.npy", shape[0], (int) shape[1]))
              .getMessage(),
          containsString("must be at least (1, 1)"));
    }
    try (NpyWriter writer = NpyWriter.open(channel, "t.npy", 1, 2)) {
      assertThat(
          assertThrows(IllegalArgumentException.class, () -> writer.write(new float[3], 0, 3))
              .getMessage(),
          containsString("3 values are not whole rows of 2 columns"));
      writer.write(new float[2], 0, 2);
    }
  }
}
