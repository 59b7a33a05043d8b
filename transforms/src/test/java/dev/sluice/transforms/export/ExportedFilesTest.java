package dev.sluice.transforms.export;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.theory.Softmax;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.convert.GroupRecordConverter;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.LocalInputFile;
import org.apache.parquet.io.MessageColumnIO;
import org.apache.parquet.io.RecordReader;
import org.apache.parquet.schema.MessageType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files of a few rows, read back. */
class ExportedFilesTest {
  private static final Map<String, String> METADATA = Map.of("sluice.round", "r1");

  @TempDir Path directory;

  /** The rows of a file, by Parquet's own reader. */
  private static List<Group> groups(Path file) throws IOException {
    List<Group> groups = new ArrayList<>();
    try (ParquetFileReader reader =
        new ParquetFileReader(
            new LocalInputFile(file),
            ParquetReadOptions.builder(new PlainParquetConfiguration()).build())) {
      MessageType schema = reader.getFileMetaData().getSchema();
      MessageColumnIO columns = new ColumnIOFactory().getColumnIO(schema);
      for (PageReadStore pages = reader.readNextRowGroup();
          pages != null;
          pages = reader.readNextRowGroup()) {
        RecordReader<Group> records =
            columns.getRecordReader(pages, new GroupRecordConverter(schema));
        for (long row = 0; row < pages.getRowCount(); row++) {
          groups.add(records.read());
        }
      }
      assertThat(reader.getFileMetaData().getKeyValueMetaData().get("sluice.round"), equalTo("r1"));
    }
    return groups;
  }

  private static double[] row(int i, int vocabulary) {
    double[] row = new double[vocabulary];
    for (int v = 0; v < vocabulary; v++) {
      row[v] = (float) (3 * Math.sin(1.7 * i + 0.37 * v));
    }
    return row;
  }

  private Path parquet(String name, int rows, int vocabulary, int k) throws IOException {
    Path file = directory.resolve(name);
    try (RowSink sink =
        new ParquetTopTokens(
            Storage.create(file.toString()), name, 1000, vocabulary, k, METADATA)) {
      for (int i = 0; i < rows; i++) {
        sink.write(row(i, vocabulary));
      }
    }
    return file;
  }

  @Test
  void parquetIsReadBackAsItWasWritten() throws IOException {
    Path file = parquet("t.parquet", 300, 40, 7);
    List<Group> groups = groups(file);
    assertThat(groups.size(), is(300));
    for (int i = 0; i < 300; i++) {
      Group group = groups.get(i);
      TopTokens top = new TopTokens(7, 40);
      top.read(row(i, 40));
      assertThat(group.getLong("probe", 0), is(1000L + i));
      assertThat(group.getDouble("tail_mass", 0), equalTo(top.tailMass()));
      Group ids = group.getGroup("ids", 0);
      Group logprobs = group.getGroup("logprobs", 0);
      assertThat(ids.getFieldRepetitionCount("list"), is(7));
      for (int j = 0; j < 7; j++) {
        assertThat(ids.getGroup("list", j).getInteger("element", 0), is(top.id(j)));
        assertThat(logprobs.getGroup("list", j).getFloat("element", 0), is(top.logprob(j)));
      }
    }
    assertThat(
        Files.readAllBytes(parquet("again.parquet", 300, 40, 7)),
        equalTo(Files.readAllBytes(file)));
  }

  @Test
  void safetensorsIsAHeaderAndTheRows() throws IOException {
    Path file = directory.resolve("t.safetensors");
    try (RowSink sink =
        new SafetensorsLogits(Storage.create(file.toString()), "t", 3, 5, METADATA)) {
      for (int i = 0; i < 3; i++) {
        sink.write(row(i, 5));
      }
    }
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    int length = (int) bytes.getLong();
    assertThat(length % 8, is(0));
    byte[] header = new byte[length];
    bytes.get(header);
    assertThat(
        new String(header, StandardCharsets.UTF_8).stripTrailing(),
        equalTo(
            "{\"__metadata__\":{\"sluice.round\":\"r1\"},\"logits\":{\"dtype\":\"F32\","
                + "\"shape\":[3,5],\"data_offsets\":[0,60]}}"));
    for (int i = 0; i < 3; i++) {
      for (double logit : row(i, 5)) {
        assertThat((double) bytes.getFloat(), equalTo(logit));
      }
    }
    assertThat(bytes.hasRemaining(), is(false));
  }

  @Test
  void aFileWithTooFewRowsDoesNotCloseQuietly() throws IOException {
    Path file = directory.resolve("short.safetensors");
    RowSink sink = new SafetensorsLogits(Storage.create(file.toString()), "short", 3, 5, METADATA);
    sink.write(row(0, 5));
    IOException e = assertThrows(IOException.class, sink::close);
    assertThat(e.getMessage(), equalTo("short: 1 rows written, but 3 were promised"));
  }

  @Test
  void logProbabilitiesSumToOne() throws IOException {
    Path file = directory.resolve("t.npy");
    try (RowSink sink = new NpyLogProbabilities(Storage.create(file.toString()), "t", 2, 9)) {
      sink.write(row(0, 9));
      sink.write(row(1, 9));
    }
    byte[] all = Files.readAllBytes(file);
    ByteBuffer data =
        ByteBuffer.wrap(Arrays.copyOfRange(all, all.length - 2 * 9 * 4, all.length))
            .order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 2; i++) {
      double sum = 0;
      double normaliser = Softmax.logSumExp(row(i, 9), 0, 9);
      for (int v = 0; v < 9; v++) {
        float logprob = data.getFloat();
        assertThat(logprob, equalTo((float) (row(i, 9)[v] - normaliser)));
        sum += Math.exp(logprob);
      }
      assertThat(sum, closeTo(1, 1e-6));
    }
  }
}
