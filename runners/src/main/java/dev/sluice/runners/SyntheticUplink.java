package dev.sluice.runners;

import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.BlockSeal;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.Arrays;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;

/**
 * Uplinks of logits that nobody has: for benchmarks, which need codes by the gigabyte and no file
 * of logits four times as large. A logit is a sum of four uniform variables with standard deviation
 * 2, keyed by (node, probe, coordinate).
 */
final class SyntheticUplink {
  private static final double CLIP = 8; // above the sum's largest magnitude, 2·√12

  private SyntheticUplink() {}

  /** Writes the uplink of one node of a plan whose clip is fixed at 8. */
  static void write(PlannedRound round, RoundDirectory directory, int node) throws IOException {
    String name = round.nodes().get(node).getName();
    double[] logits = new double[round.probesIn(0) * round.vocabulary()];
    double[] magnitudes = new double[round.probesIn(0)];
    double[] clips = new double[round.probesIn(0)];
    Arrays.fill(clips, CLIP);
    for (int shard = 0; shard < round.shards(); shard++) {
      String file = directory.uplink(name) + "/" + RoundDirectory.uplinkFile(shard);
      try (DataFileWriter<CodeBlock> writer =
          new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class))) {
        writer.create(
            CodeBlocks.fileSchema(),
            Channels.newOutputStream(Storage.create(file)),
            CodeBlocks.syncMarker(round.digest(), name, shard));
        for (int block = round.firstBlock(shard); block < round.endBlock(shard); block++) {
          fill(node, round.firstProbe(block), round.probesIn(block), round.vocabulary(), logits);
          writer.append(encode(round, node, block, logits, magnitudes, clips));
          writer.sync();
        }
      }
    }
  }

  private static CodeBlock encode(
      PlannedRound round,
      int node,
      int block,
      double[] logits,
      double[] magnitudes,
      double[] clips) {
    int probes = round.probesIn(block);
    try {
      Centring.centre(logits, probes, round.vocabulary(), Centring.Masking.FORBIDDEN, magnitudes);
    } catch (dev.sluice.transforms.channel.BadLogitException e) {
      throw new IllegalStateException("made logits are finite", e);
    }
    return new BlockSeal(round, node).seal(block, logits, Arrays.copyOf(clips, probes));
  }

  private static void fill(int node, long firstProbe, int probes, int vocabulary, double[] logits) {
    // Each 16-bit part is uniform on 0..65535: mean 32767.5, variance (65536² − 1)/12.
    double scale = 2 / Math.sqrt(4 * (65536.0 * 65536.0 - 1) / 12);
    for (int c = 0; c < probes * vocabulary; c++) {
      long word = Dither.mix(((long) node << 48) + firstProbe * vocabulary + c);
      long sum = (word & 0xffff) + (word >>> 16 & 0xffff) + (word >>> 32 & 0xffff) + (word >>> 48);
      logits[c] = (sum - 4 * 32767.5) * scale;
    }
  }
}
