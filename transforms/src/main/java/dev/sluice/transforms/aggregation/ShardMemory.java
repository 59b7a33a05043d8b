package dev.sluice.transforms.aggregation;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.RememberedShard;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.file.DataFileStream;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.beam.sdk.io.fs.MatchResult;

/**
 * What averaging shards came to in an earlier version of a round, and that a shard whose claims are
 * still the same need not be averaged again: its teacher's files are linked. What does not check
 * out by its digests is as good as not there. FORMAT.md 14.3. Not thread-safe.
 */
public final class ShardMemory {
  /**
   * Names what an average is: raise it when the same claims come to another teacher, account or
   * rejects.
   */
  public static final String FORMAT = "sluice-shard-1";

  private static final int MAX_BYTES = 256 << 20;
  private static final int BUFFER_BYTES = 1 << 16;
  private static final List<String> EXTENSIONS = List.of(".npy", ".avro");

  private final RoundDirectory before;
  private Map<Integer, String> files; // by shard, once they were listed

  /**
   * The memory of a version.
   *
   * @param before the round with that version's outputs
   */
  public ShardMemory(RoundDirectory before) {
    this.before = before;
  }

  /**
   * All that the average of a shard depends on, rejects included: hexadecimal SHA-256.
   *
   * @param claims of the shard, in any order, none with earlier planes
   */
  public static String key(PlannedRound round, int shard, int minNodes, List<BlockClaim> claims) {
    MessageDigest sha = CodeBlocks.sha256();
    text(sha, FORMAT + "|" + round.digestHex() + "|" + shard + "|" + minNodes);
    List<BlockClaim> sorted = new ArrayList<>(claims);
    sorted.sort(
        Comparator.comparing((BlockClaim claim) -> claim.getHeader().getNode())
            .thenComparing(BlockClaim::getFile)
            .thenComparingLong(BlockClaim::getOffset));
    ByteBuffer place = ByteBuffer.allocate(Long.BYTES);
    for (BlockClaim claim : sorted) {
      text(sha, claim.getHeader().getNode());
      text(sha, claim.getFile().substring(claim.getFile().lastIndexOf('/') + 1));
      sha.update(place.putLong(0, claim.getOffset()).rewind());
      sha.update(claim.getDigest().bytes());
    }
    return HexFormat.of().formatHex(sha.digest());
  }

  private static void text(MessageDigest sha, String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    sha.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, utf8.length));
    sha.update(utf8);
  }

  /** Writes a shard aside to be remembered, and says in the account where. */
  public static void write(ShardAccount account, List<RejectedRecord> rejects, String directory)
      throws IOException {
    RememberedShard remembered =
        new RememberedShard(ShardAccount.newBuilder(account).setAside("").build(), rejects);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataFileWriter<RememberedShard> writer =
        new DataFileWriter<>(new SpecificDatumWriter<>(RememberedShard.class))) {
      writer.create(RememberedShard.getClassSchema(), bytes, new byte[16]);
      writer.append(remembered);
    }
    String aside = aside(directory, name(account.getShard(), sha256(bytes.toByteArray())));
    try (WritableByteChannel channel = Storage.create(aside)) {
      Storage.writeFully(channel, ByteBuffer.wrap(bytes.toByteArray()));
    }
    account.setMemory(aside);
  }

  /** A retried shard writes the same bytes elsewhere, under the name that they are to have. */
  private static String aside(String directory, String name) {
    return directory + "/" + UUID.randomUUID() + "/" + name;
  }

  private static String name(int shard, String sha256) {
    return prefix(shard) + sha256 + ".avro";
  }

  private static String prefix(int shard) {
    return RoundDirectory.teacherShard(shard) + ".";
  }

  /**
   * A shard as it was averaged, its teacher's files linked aside; empty where other claims were
   * averaged, or something is not as it was written.
   *
   * @param key of the claims now
   * @param directory where to link the files
   */
  public Optional<RememberedShard> recall(int shard, String key, String directory)
      throws IOException {
    Optional<RememberedShard> found = read(shard);
    if (found.isEmpty() || !found.get().getAccount().getClaims().equals(key)) {
      return Optional.empty();
    }
    ShardAccount account = found.get().getAccount();
    String from = before.teacher() + "/" + RoundDirectory.teacherShard(shard);
    String aside = directory + "/" + prefix(shard) + UUID.randomUUID();
    List<String> digests = List.of(account.getNpySha256(), account.getAvroSha256());
    for (int i = 0; i < EXTENSIONS.size(); i++) {
      String file = from + EXTENSIONS.get(i);
      if (Storage.find(file).isEmpty() || !sha256(file).equals(digests.get(i))) {
        return Optional.empty();
      }
    }
    for (String extension : EXTENSIONS) {
      Storage.link(from + extension, aside + extension);
    }
    account.setAside(aside);
    String memory = files.get(shard);
    account.setMemory(aside(directory, memory));
    Storage.link(before.rememberedShards() + "/" + memory, account.getMemory());
    return found;
  }

  private Optional<RememberedShard> read(int shard) throws IOException {
    if (files == null) {
      files = new HashMap<>();
      for (MatchResult.Metadata file : Storage.match(before.rememberedShards() + "/*.avro")) {
        String name = file.resourceId().getFilename();
        if (name != null && name.matches("teacher-[0-9]{5,9}\\.[0-9a-f]{64}\\.avro")) {
          files.put(Integer.valueOf(name.substring(8, name.indexOf('.'))), name);
        }
      }
    }
    String name = files.get(shard);
    if (name == null) {
      return Optional.empty();
    }
    byte[] bytes = Storage.read(before.rememberedShards() + "/" + name, MAX_BYTES);
    if (!name.equals(name(shard, sha256(bytes)))) {
      return Optional.empty();
    }
    try (DataFileStream<RememberedShard> records =
        new DataFileStream<>(
            new ByteArrayInputStream(bytes), new SpecificDatumReader<>(RememberedShard.class))) {
      return records.hasNext() ? Optional.of(records.next()) : Optional.empty();
    } catch (AvroRuntimeException e) {
      return Optional.empty(); // of another build, whose records are others
    }
  }

  private static String sha256(byte[] bytes) {
    return HexFormat.of().formatHex(CodeBlocks.sha256().digest(bytes));
  }

  private static String sha256(String file) throws IOException {
    MessageDigest sha = CodeBlocks.sha256();
    try (InputStream in = Channels.newInputStream(Storage.open(Storage.resource(file)))) {
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
        sha.update(buffer, 0, got);
      }
    }
    return HexFormat.of().formatHex(sha.digest());
  }
}
