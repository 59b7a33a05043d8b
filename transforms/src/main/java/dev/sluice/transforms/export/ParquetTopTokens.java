package dev.sluice.transforms.export;

import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.conf.ParquetConfiguration;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.api.WriteSupport;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.OutputFile;
import org.apache.parquet.io.PositionOutputStream;
import org.apache.parquet.io.api.RecordConsumer;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;

/**
 * The likeliest tokens as Parquet, a row for each probe, not compressed: bytes then depend on
 * Parquet's version alone. FORMAT.md 13.
 */
final class ParquetTopTokens implements RowSink {
  /** What is held in memory before it is written. */
  private static final long ROW_GROUP_BYTES = 8 << 20;

  static final MessageType SCHEMA =
      MessageTypeParser.parseMessageType(
          """
          message teacher {
            required int64 probe;
            required group ids (LIST) { repeated group list { required int32 element; } }
            required group logprobs (LIST) { repeated group list { required float element; } }
            required double tail_mass;
          }
          """);

  private final ParquetWriter<TopTokens> writer;
  private final TopTokens top;
  private final RowSupport rows;

  /**
   * Takes the channel over.
   *
   * @param name what errors call the file
   * @param firstProbe of the first row; the others follow
   * @param metadata of the file, by key
   */
  ParquetTopTokens(
      WritableByteChannel channel,
      String name,
      long firstProbe,
      int vocabulary,
      int k,
      Map<String, String> metadata)
      throws IOException {
    top = new TopTokens(k, vocabulary);
    rows = new RowSupport(firstProbe, metadata);
    writer =
        new Builder(new ChannelFile(channel, name), rows)
            .withConf(new PlainParquetConfiguration())
            .withCompressionCodec(CompressionCodecName.UNCOMPRESSED)
            .withRowGroupSize(ROW_GROUP_BYTES)
            .build();
  }

  @Override
  public void write(double[] row) throws IOException {
    top.read(row);
    writer.write(top);
  }

  @Override
  public void close() throws IOException {
    writer.close();
  }

  private static final class Builder extends ParquetWriter.Builder<TopTokens, Builder> {
    private final RowSupport rows;

    Builder(OutputFile file, RowSupport rows) {
      super(file);
      this.rows = rows;
    }

    @Override
    protected Builder self() {
      return this;
    }

    @Override
    protected WriteSupport<TopTokens> getWriteSupport(ParquetConfiguration configuration) {
      return rows;
    }

    @Override
    protected WriteSupport<TopTokens> getWriteSupport(Configuration configuration) {
      return rows;
    }
  }

  /** One row after the other. */
  private static final class RowSupport extends WriteSupport<TopTokens> {
    private final Map<String, String> metadata;
    private long probe;
    private RecordConsumer out;

    RowSupport(long firstProbe, Map<String, String> metadata) {
      this.probe = firstProbe;
      this.metadata = metadata;
    }

    @Override
    public WriteContext init(ParquetConfiguration configuration) {
      return new WriteContext(SCHEMA, metadata);
    }

    @Override
    public WriteContext init(Configuration configuration) {
      return new WriteContext(SCHEMA, metadata);
    }

    @Override
    public void prepareForWrite(RecordConsumer consumer) {
      out = consumer;
    }

    @Override
    public void write(TopTokens top) {
      out.startMessage();
      out.startField("probe", 0);
      out.addLong(probe++);
      out.endField("probe", 0);
      list("ids", 1, top, i -> out.addInteger(top.id(i)));
      list("logprobs", 2, top, i -> out.addFloat(top.logprob(i)));
      out.startField("tail_mass", 3);
      out.addDouble(top.tailMass());
      out.endField("tail_mass", 3);
      out.endMessage();
    }

    private interface Element {
      void add(int i);
    }

    private void list(String name, int field, TopTokens top, Element element) {
      out.startField(name, field);
      out.startGroup();
      out.startField("list", 0);
      for (int i = 0; i < top.size(); i++) {
        out.startGroup();
        out.startField("element", 0);
        element.add(i);
        out.endField("element", 0);
        out.endGroup();
      }
      out.endField("list", 0);
      out.endGroup();
      out.endField(name, field);
    }
  }

  /** A channel as Parquet takes it. */
  private record ChannelFile(WritableByteChannel channel, String name) implements OutputFile {
    @Override
    public PositionOutputStream create(long blockSizeHint) {
      return new ChannelStream(channel);
    }

    @Override
    public PositionOutputStream createOrOverwrite(long blockSizeHint) {
      return new ChannelStream(channel);
    }

    @Override
    public boolean supportsBlockSize() {
      return false;
    }

    @Override
    public long defaultBlockSize() {
      return 0;
    }

    @Override
    public String getPath() {
      return name;
    }
  }

  private static final class ChannelStream extends PositionOutputStream {
    private final WritableByteChannel channel;
    private long position;

    ChannelStream(WritableByteChannel channel) {
      this.channel = channel;
    }

    @Override
    public long getPos() {
      return position;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      Storage.writeFully(channel, ByteBuffer.wrap(bytes, from, length));
      position += length;
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
