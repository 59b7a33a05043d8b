package dev.sluice.transforms.scores;

import dev.sluice.schemas.ScoreChannel;
import dev.sluice.schemas.ScoreFile;
import dev.sluice.schemas.ScorePacket;
import dev.sluice.schemas.TrueAnswer;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.conformal.OutOfRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;

/** Directories of scores as sites would write them, and wrong ones. */
public final class ScoreFixture {
  private final Path root;
  private final List<String> candidates;
  private final double maxScore;
  private final String scorer;

  /**
   * One query at one node.
   *
   * @param group null for none
   * @param truth null where the node does not know it
   * @param scores [Y] nats
   */
  public record Row(String query, String group, String truth, double... scores) {}

  public ScoreFixture(Path root, List<String> candidates, double maxScore, String scorer) {
    this.root = root;
    this.candidates = candidates;
    this.maxScore = maxScore;
    this.scorer = scorer;
  }

  /** Four candidates a, b, c, d, scores in [0, 20], scorer "test". */
  public static ScoreFixture in(Path root) {
    return new ScoreFixture(root, List.of("a", "b", "c", "d"), 20, "test");
  }

  /** The directory. */
  public ScoreDirectory directory() {
    return new ScoreDirectory(root.toString());
  }

  /** Writes a node's scores, in the order given, and its labels where truths are there. */
  public ScoreFixture node(String name, int bits, int top, List<Row> rows) throws IOException {
    NodeChannel channel = NodeChannel.draft(name, candidates, bits, top, maxScore, 7, scorer);
    Path scores = Files.createDirectories(root.resolve("scores").resolve(name));
    List<ScoreFile> files = new ArrayList<>();
    List<TrueAnswer> answers = new ArrayList<>();
    int parts = rows.size() > 1 ? 2 : 1;
    for (int part = 0; part < parts; part++) {
      List<ScorePacket> packets = new ArrayList<>();
      for (int i = part; i < rows.size(); i += parts) {
        Row row = rows.get(i);
        byte[] packet =
            channel
                .quantizer(OutOfRange.REFUSE)
                .encode(channel.budget(), row.query(), row.scores())
                .bytes();
        packets.add(
            new ScorePacket(
                row.query(), row.group(), row.truth() != null, ByteBuffer.wrap(packet)));
        if (row.truth() != null) {
          answers.add(new TrueAnswer(row.query(), row.truth()));
        }
      }
      Path file = scores.resolve(ScoreDirectory.part("scores", part));
      write(file, ScorePacket.class, packets);
      files.add(new ScoreFile(file.getFileName().toString(), (long) packets.size(), sha256(file)));
    }
    if (!answers.isEmpty()) {
      Path labels = Files.createDirectories(root.resolve("labels").resolve(name));
      write(labels.resolve(ScoreDirectory.part("labels", 0)), TrueAnswer.class, answers);
    }
    ScoreChannel document = ScoreChannel.newBuilder(channel.document()).build();
    document.setFiles(files);
    document.setQueries((long) rows.size());
    document.setLabelled((long) answers.size());
    Files.write(scores.resolve("channel.json"), PlainJson.write(document));
    return this;
  }

  /** Writes an Avro file of records, one Avro block in all. */
  public static <T extends org.apache.avro.specific.SpecificRecordBase> void write(
      Path file, Class<T> type, List<T> records) throws IOException {
    try (DataFileWriter<T> writer = new DataFileWriter<>(new SpecificDatumWriter<>(type))) {
      writer.create(
          org.apache.avro.specific.SpecificData.get().getSchema(type), Files.newOutputStream(file));
      for (T record : records) {
        writer.append(record);
      }
    }
  }

  /** Hexadecimal SHA-256 of a file. */
  public static String sha256(Path file) throws IOException {
    return HexFormat.of()
        .formatHex(dev.sluice.schemas.avro.CodeBlocks.sha256().digest(Files.readAllBytes(file)));
  }
}
