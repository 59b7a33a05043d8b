package dev.sluice.transforms.export;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * Logits as a .safetensors file of one tensor: the header's length in 8 bytes, little-endian; the
 * header, JSON, padded with spaces to a multiple of 8; the rows, float32, little-endian. The number
 * of rows is fixed at the start. FORMAT.md 13.
 */
final class SafetensorsLogits implements RowSink {
  /** The tensor's name. */
  static final String TENSOR = "logits";

  private static final int ALIGNMENT_BYTES = 8;

  private final WritableByteChannel channel;
  private final String name;
  private final long probes;
  private final ByteBuffer buffer;
  private long written;

  /**
   * Takes the channel over and writes the header.
   *
   * @param name what errors call the file
   * @param metadata texts under {@code __metadata__}, in their order
   */
  SafetensorsLogits(
      WritableByteChannel channel,
      String name,
      long probes,
      int vocabulary,
      Map<String, String> metadata)
      throws IOException {
    this.channel = channel;
    this.name = name;
    this.probes = probes;
    this.buffer = ByteBuffer.allocate(vocabulary * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    Storage.writeFully(channel, ByteBuffer.wrap(header(probes, vocabulary, metadata)));
  }

  static byte[] header(long probes, int vocabulary, Map<String, String> metadata)
      throws IOException {
    ObjectNode tree = JsonNodeFactory.instance.objectNode();
    ObjectNode about = tree.putObject("__metadata__");
    metadata.forEach(about::put);
    ObjectNode tensor = tree.putObject(TENSOR);
    tensor.put("dtype", "F32");
    tensor.putArray("shape").add(probes).add(vocabulary);
    tensor.putArray("data_offsets").add(0).add(probes * vocabulary * Float.BYTES);
    byte[] json = new ObjectMapper().writeValueAsString(tree).getBytes(StandardCharsets.UTF_8);
    int length = -Math.floorDiv(-json.length, ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    ByteBuffer header =
        ByteBuffer.allocate(Long.BYTES + length).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
    header.put(json);
    while (header.hasRemaining()) {
      header.put((byte) ' ');
    }
    return header.array();
  }

  @Override
  public void write(double[] row) throws IOException {
    buffer.clear();
    for (double logit : row) {
      buffer.putFloat((float) logit);
    }
    Storage.writeFully(channel, buffer.flip());
    written++;
  }

  @Override
  public void close() throws IOException {
    channel.close();
    if (written != probes) {
      throw new IOException(
          name + ": " + written + " rows written, but " + probes + " were promised");
    }
  }
}
