package dev.sluice.transforms.scores;

import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.avro.ContainerScanner;
import dev.sluice.schemas.avro.CorruptRecordException;
import dev.sluice.schemas.avro.NotAContainerException;
import dev.sluice.transforms.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.avro.Schema;

/**
 * Reads one Avro file of a site from end to end. What cannot be read is a reject with its reason,
 * and what follows is read on. Holds one Avro block.
 */
final class ScoreFiles {
  private static final int MAX_REJECTS = 1000;

  /** Takes one record off the front of a block's. */
  interface RecordReader {
    void read(ScoreRecords records) throws CorruptRecordException;
  }

  private final String node;
  private final String path;
  private final String name;
  private final Consumer<ScoreReject> rejects;
  private int rejected;
  private long read;

  /**
   * A file.
   *
   * @param node whose it is
   * @param path where it is
   */
  ScoreFiles(String node, String path, Consumer<ScoreReject> rejects) {
    this.node = node;
    this.path = path;
    this.name = NodeChannel.shown(path.substring(path.lastIndexOf('/') + 1));
    this.rejects = rejects;
  }

  /** Whether the file is there and has this digest; what it has instead is a reject. */
  boolean hasDigest(String expected) {
    try {
      return digests(expected);
    } catch (IOException e) {
      reject(ScoreReason.DIGEST, "reading it failed: " + NodeChannel.shown("" + e.getMessage()));
      return false;
    }
  }

  private boolean digests(String expected) throws IOException {
    Optional<ReadableByteChannel> channel = Storage.openIfExists(path);
    if (channel.isEmpty()) {
      reject(ScoreReason.DIGEST, "no such file, expected one of SHA-256 " + expected);
      return false;
    }
    MessageDigest sha = CodeBlocks.sha256();
    try (InputStream in = new DigestInputStream(Channels.newInputStream(channel.get()), sha)) {
      byte[] buffer = new byte[1 << 16];
      while (in.read(buffer) >= 0) {
        // digested on the way
      }
    }
    String found = HexFormat.of().formatHex(sha.digest());
    if (!found.equals(expected)) {
      reject(
          ScoreReason.DIGEST,
          "SHA-256 " + found + ", expected " + expected + " by the node's channel.json");
      return false;
    }
    return true;
  }

  /**
   * Reads every record.
   *
   * @param most records that are to be there at most; what is over is not read
   * @return how many were read
   */
  long read(Schema schema, long most, RecordReader reader) throws IOException {
    Optional<ReadableByteChannel> channel = Storage.openIfExists(path);
    if (channel.isEmpty()) {
      throw new FileNotFoundException(path + ": no such file");
    }
    try (ContainerScanner scanner =
        new ContainerScanner(Channels.newInputStream(channel.get()), schema)) {
      for (Optional<ContainerScanner.Item> item = scanner.next();
          item.isPresent() && rejected < MAX_REJECTS && read <= most;
          item = scanner.next()) {
        if (item.get() instanceof ContainerScanner.Damage damage) {
          reject(ScoreReason.CORRUPT, "byte " + damage.offset() + ": " + damage.detail());
        } else {
          block((ContainerScanner.Block) item.get(), most, reader);
        }
      }
    } catch (NotAContainerException e) {
      reject(ScoreReason.NOT_AVRO, e.getMessage());
    }
    if (read > most) {
      reject(ScoreReason.TOO_MANY, "more than " + most + " records; the rest is not read");
    }
    if (rejected >= MAX_REJECTS) {
      reject(ScoreReason.TOO_MANY, MAX_REJECTS + " rejects in this file; the rest is not read");
    }
    return Math.min(read, most);
  }

  private void block(ContainerScanner.Block block, long most, RecordReader reader) {
    ScoreRecords records =
        new ScoreRecords(block.window(), block.from(), block.from() + block.lengthBytes());
    for (long i = 0; i < block.records(); i++) {
      if (++read > most) {
        return;
      }
      try {
        reader.read(records);
      } catch (CorruptRecordException e) {
        reject(
            ScoreReason.BAD_RECORD,
            "record "
                + (i + 1)
                + " of "
                + block.records()
                + " at byte "
                + block.offset()
                + ": "
                + e.getMessage());
        return;
      }
    }
    if (!records.atEnd()) {
      reject(ScoreReason.BAD_RECORD, "bytes after the last record at byte " + block.offset());
    }
  }

  /** Says that records are missing. */
  void isShort(long found, long expected) {
    reject(
        ScoreReason.CORRUPT,
        found + " records, expected " + expected + " by the node's channel.json");
  }

  private void reject(ScoreReason reason, String detail) {
    rejected++;
    rejects.accept(
        ScoreReject.newBuilder()
            .setNode(node)
            .setQuery(null)
            .setReason(reason.label())
            .setDetail(detail)
            .setFile(name)
            .build());
  }
}
