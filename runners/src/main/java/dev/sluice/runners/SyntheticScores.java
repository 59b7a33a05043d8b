package dev.sluice.runners;

import dev.sluice.schemas.ScoreChannel;
import dev.sluice.schemas.ScoreFile;
import dev.sluice.schemas.ScorePacket;
import dev.sluice.schemas.TrueAnswer;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.scores.NodeChannel;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;

/** Made-up labelled queries, each answered by one node, for the benchmark. */
final class SyntheticScores {
  private static final List<String> CANDIDATES = List.of("a", "b", "c", "d");
  private static final int QUERIES_PER_FILE = 16384;

  private SyntheticScores() {}

  /**
   * Writes packets and labels.
   *
   * @param queries over all nodes
   * @return their bytes
   */
  static long write(ScoreDirectory directory, int nodes, long queries) throws IOException {
    long bytes = 0;
    for (int node = 0; node < nodes; node++) {
      long from = queries * node / nodes;
      long to = queries * (node + 1) / nodes;
      bytes += node(directory, "n" + node, from, to);
    }
    return bytes;
  }

  private static long node(ScoreDirectory directory, String name, long from, long to)
      throws IOException {
    NodeChannel channel = NodeChannel.draft(name, CANDIDATES, 32, 4, 20, 0, "synthetic");
    ScoreQuantizer quantizer = channel.quantizer(OutOfRange.REFUSE);
    List<ScoreFile> files = new ArrayList<>();
    long bytes = 0;
    for (long first = from; first < to; first += QUERIES_PER_FILE) {
      String file = ScoreDirectory.part("scores", files.size());
      MessageDigest sha = CodeBlocks.sha256();
      long last = Math.min(to, first + QUERIES_PER_FILE);
      String scoresFile = directory.scores(name) + "/" + file;
      String labelsFile =
          directory.labels(name) + "/" + ScoreDirectory.part("labels", files.size());
      try (OutputStream out =
              new DigestOutputStream(Channels.newOutputStream(Storage.create(scoresFile)), sha);
          DataFileWriter<ScorePacket> packets =
              new DataFileWriter<>(new SpecificDatumWriter<>(ScorePacket.class));
          DataFileWriter<TrueAnswer> labels =
              new DataFileWriter<>(new SpecificDatumWriter<>(TrueAnswer.class))) {
        packets.create(ScorePacket.getClassSchema(), out);
        labels.create(
            TrueAnswer.getClassSchema(), Channels.newOutputStream(Storage.create(labelsFile)));
        double[] scores = new double[CANDIDATES.size()];
        for (long query = first; query < last; query++) {
          for (int y = 0; y < scores.length; y++) {
            scores[y] = 20 * ((Dither.mix(4 * query + y) >>> 11) * 0x1p-53);
          }
          String id = "q" + query;
          byte[] packet = quantizer.encode(channel.budget(), id, scores).bytes();
          packets.append(new ScorePacket(id, null, true, ByteBuffer.wrap(packet)));
          labels.append(new TrueAnswer(id, CANDIDATES.get((int) (query & 3))));
        }
      }
      files.add(new ScoreFile(file, last - first, HexFormat.of().formatHex(sha.digest())));
      bytes += Storage.find(scoresFile).orElseThrow().sizeBytes();
      bytes += Storage.find(labelsFile).orElseThrow().sizeBytes();
    }
    ScoreChannel document = ScoreChannel.newBuilder(channel.document()).build();
    document.setFiles(files);
    document.setQueries(to - from);
    document.setLabelled(to - from);
    Storage.replace(directory.channel(name), PlainJson.write(document));
    return bytes;
  }
}
