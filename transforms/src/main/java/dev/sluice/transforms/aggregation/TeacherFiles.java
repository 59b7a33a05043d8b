package dev.sluice.transforms.aggregation;

import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.TeacherBlock;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.npy.NpyWriter;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.DigestingChannel;
import dev.sluice.transforms.storage.Storage;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.UUID;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;

/**
 * One teacher shard as .npy and as Avro blocks, written aside. A retried shard writes the same
 * bytes under another name, so that attempts never share a file. FORMAT.md 5.
 */
public final class TeacherFiles implements TeacherSink {
  private static final int BUFFER_BYTES = 256 << 10;

  private final String aside;
  private final DigestingChannel npyBytes;
  private final NpyWriter npy;
  private final DigestingChannel avroBytes;
  private final DataFileWriter<TeacherBlock> avro;
  private boolean complete = true;

  /**
   * Opens both files.
   *
   * @param directory where to write aside
   */
  public TeacherFiles(PlannedRound round, int shard, String directory) throws IOException {
    aside = directory + "/" + RoundDirectory.teacherShard(shard) + "." + UUID.randomUUID();
    long first = round.firstProbe(round.firstBlock(shard));
    int lastBlock = round.endBlock(shard) - 1;
    long probes = round.firstProbe(lastBlock) + round.probesIn(lastBlock) - first;
    npyBytes = new DigestingChannel(Storage.create(aside + ".npy"));
    npy = NpyWriter.open(npyBytes, aside + ".npy", probes, round.vocabulary());
    avroBytes = new DigestingChannel(Storage.create(aside + ".avro"));
    avro = new DataFileWriter<>(new SpecificDatumWriter<>(TeacherBlock.class));
    avro.create(
        TeacherBlock.getClassSchema(),
        new BufferedOutputStream(Channels.newOutputStream(avroBytes), BUFFER_BYTES),
        CodeBlocks.syncMarker(round.digest(), "teacher", shard));
  }

  @Override
  public void write(TeacherBlock block, float[] logits) throws IOException {
    if (!complete) {
      return; // a file with a gap is no teacher
    }
    npy.write(logits, 0, block.getProbes() * block.getVocabulary());
    avro.append(block);
    avro.sync();
  }

  @Override
  public void skip() {
    complete = false;
  }

  @Override
  public void finish(ShardAccount account) throws IOException {
    if (!complete) {
      abandon();
      return;
    }
    npy.close();
    avro.close();
    account.setAside(aside);
    account.setNpyBytes(npyBytes.bytes());
    account.setNpySha256(npyBytes.sha256());
    account.setAvroBytes(avroBytes.bytes());
    account.setAvroSha256(avroBytes.sha256());
  }

  @Override
  public void abandon() throws IOException {
    try {
      npyBytes.close();
      avroBytes.close();
    } finally {
      Storage.deleteIfExists(aside + ".npy");
      Storage.deleteIfExists(aside + ".avro");
    }
  }
}
