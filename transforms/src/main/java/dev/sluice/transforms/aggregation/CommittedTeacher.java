package dev.sluice.transforms.aggregation;

import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.security.MessageDigest;
import java.util.HexFormat;

/** The teacher of a round that is done, and no other file in its place. */
public final class CommittedTeacher {
  private static final int BUFFER_BYTES = 1 << 16;

  private CommittedTeacher() {}

  /**
   * The rows of one shard, from the shard's first probe on.
   *
   * @throws IOException if the file is not there, or not the one that the manifest names
   */
  public static NpyRows open(RoundDirectory directory, Manifest manifest, int shard)
      throws IOException {
    String file = directory.teacher() + "/" + RoundDirectory.teacherShard(shard) + ".npy";
    checkDigest(file, manifest.getTeacher().get(shard).getNpySha256());
    return NpyRows.open(channel(file), file);
  }

  private static void checkDigest(String file, String expected) throws IOException {
    MessageDigest sha = CodeBlocks.sha256();
    try (InputStream in = Channels.newInputStream(channel(file))) {
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
        sha.update(buffer, 0, got);
      }
    }
    String found = HexFormat.of().formatHex(sha.digest());
    if (!found.equals(expected)) {
      throw new BadInputException(
          file
              + ": found SHA-256 "
              + found
              + ", expected "
              + expected
              + " as in manifest.json: the file was changed after the round was committed");
    }
  }

  private static ReadableByteChannel channel(String file) throws IOException {
    return Storage.openIfExists(file)
        .orElseThrow(() -> new FileNotFoundException(file + ": no such file"));
  }
}
