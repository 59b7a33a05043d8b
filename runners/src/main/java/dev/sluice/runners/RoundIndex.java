package dev.sluice.runners;

import dev.sluice.schemas.AttemptedRound;
import dev.sluice.schemas.IndexedFile;
import dev.sluice.schemas.RecomputeIndex;
import dev.sluice.schemas.RecomputeInput;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.JsonDocumentException;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.recompute.Freshness;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What a round's files were when last looked at, and the scans of its uplinks. A cache: where it is
 * not as it was written it is as good as not there. FORMAT.md 14.3. Not thread-safe.
 */
final class RoundIndex {
  private static final String FORMAT = "sluice-index-1";
  private static final int BUFFER_BYTES = 1 << 16;

  private final Path round;
  private final Path file;
  private final Path scans;
  private RecomputeIndex document;
  private boolean stale;
  private long bytesRead;

  private RoundIndex(Path round, RecomputeIndex document, boolean stale) {
    this.round = round;
    this.file = file(round);
    this.scans = round.resolve(RoundDirectory.CACHE).resolve("scans");
    this.document = document;
    this.stale = stale;
  }

  private static Path file(Path round) {
    return round.resolve(RoundDirectory.CACHE).resolve("index.json");
  }

  /** Reads a round's index; an empty one where it has none that can be believed. */
  static RoundIndex read(Path round) throws IOException {
    Path file = file(round);
    try {
      byte[] json = Files.readAllBytes(file);
      RecomputeIndex found =
          PlainJson.read(RecomputeIndex.class, RecomputeIndex.getClassSchema(), json, "" + file);
      if (found.getFormat().equals(FORMAT) && found.getCheck().equals(check(found))) {
        return new RoundIndex(round, found, false);
      }
    } catch (NoSuchFileException | JsonDocumentException e) {
      // made anew
    }
    RecomputeIndex empty = new RecomputeIndex(FORMAT, 0L, "", new ArrayList<>(), null, "");
    return new RoundIndex(round, empty, true);
  }

  /** A file as the index names it; of another round, its name begins with "../". */
  private Path at(String name) {
    return round.resolve(name).normalize();
  }

  private static String check(RecomputeIndex index) {
    String said = index.getCheck();
    index.setCheck("");
    byte[] json = PlainJson.write(index);
    index.setCheck(said);
    return HexFormat.of().formatHex(CodeBlocks.sha256().digest(json));
  }

  /**
   * Looks at files, and reads those that may not be as the index has them.
   *
   * @param names paths seen from the round, in order, each once
   * @param asOf the file system's time before this, nanoseconds
   * @param trusting whether size and times are believed
   */
  void survey(List<String> names, long asOf, boolean trusting) throws IOException {
    Map<String, IndexedFile> known = new HashMap<>();
    document.getFiles().forEach(entry -> known.put(entry.getInput().getName(), entry));
    List<IndexedFile> files = new ArrayList<>();
    boolean clean = true;
    for (String name : names) {
      IndexedFile entry = known.get(name);
      Optional<FileStat> found = FileStat.find(at(name));
      if (found.isEmpty()) {
        continue; // deleted since it was listed
      }
      FileStat stat = found.get();
      if (trusting
          && entry != null
          && Freshness.isClean(
              entry, document.getAsOf(), stat.bytes(), stat.modified(), stat.changed())
          && isReadable(entry.getInput())) {
        files.add(entry);
        continue;
      }
      clean = false;
      RecomputeInput input =
          new RecomputeInput(name, stat.bytes(), stat.bytes() < 0 ? "" : sha256(name));
      IndexedFile now =
          new IndexedFile(input, stat.modified(), stat.changed().orElse(null), null, null);
      if (entry != null && entry.getInput().equals(input) && isReadable(input)) {
        now.setScan(entry.getScan());
        now.setBlocks(entry.getBlocks());
      }
      files.add(now);
    }
    stale |= !clean || files.size() != known.size();
    document.setFiles(files);
    if (stale) {
      document.setAsOf(asOf); // of files that were clean it still holds
    }
  }

  /** What could not be read is looked at each time. */
  private static boolean isReadable(RecomputeInput input) {
    return !input.getSha256().isEmpty() || input.getBytes() < 0;
  }

  private String sha256(String name) throws IOException {
    MessageDigest sha = CodeBlocks.sha256();
    try (InputStream in = Files.newInputStream(at(name))) {
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
        sha.update(buffer, 0, got);
        bytesRead += got;
      }
    } catch (AccessDeniedException e) {
      return ""; // a reject, with its reason, once it is scanned
    }
    return HexFormat.of().formatHex(sha.digest());
  }

  /** Where the index is. */
  Path directory() {
    return file.getParent();
  }

  /** The files that were looked at. */
  List<IndexedFile> files() {
    return document.getFiles();
  }

  /** The same without what only the index needs. */
  List<RecomputeInput> inputs() {
    return document.getFiles().stream().map(IndexedFile::getInput).toList();
  }

  /** Bytes that had to be read to know their digests. */
  long bytesRead() {
    return bytesRead;
  }

  /** Whether all files are still as they were when looked at. */
  boolean isStill() throws IOException {
    for (IndexedFile entry : document.getFiles()) {
      FileStat then =
          new FileStat(
              entry.getInput().getBytes(),
              entry.getModified(),
              Optional.ofNullable(entry.getChanged()));
      if (!FileStat.find(at(entry.getInput().getName())).equals(Optional.of(then))) {
        return false;
      }
    }
    return true;
  }

  /** Forgets the scans if they were held against something else. */
  void scansOf(String against) {
    if (!document.getScansOf().equals(against)) {
      document.getFiles().forEach(RoundIndex::forget);
      document.setScansOf(against);
      stale = true;
    }
  }

  /** Forgets all scans. */
  void forgetScans() {
    document.getFiles().forEach(RoundIndex::forget);
    stale = true;
  }

  private static void forget(IndexedFile entry) {
    entry.setScan(null);
    entry.setBlocks(null);
  }

  /** Where the scan of a file is; empty where there is none, or it is not as it was written. */
  Optional<Path> scan(IndexedFile entry) throws IOException {
    if (entry.getScan() == null) {
      return Optional.empty();
    }
    Path scan = scans.resolve(entry.getScan() + ".avro");
    if (Files.isRegularFile(scan) && entry.getScan().equals(sha256("" + round.relativize(scan)))) {
      return Optional.of(scan);
    }
    forget(entry);
    stale = true;
    return Optional.empty();
  }

  /**
   * Takes a file's scan.
   *
   * @param scan file that is moved
   * @param blocks as {@link dev.sluice.transforms.recompute.BlockSet} has them
   */
  void keepScan(IndexedFile entry, Path scan, String blocks) throws IOException {
    String sha256 = sha256("" + round.relativize(scan));
    Files.createDirectories(scans);
    Storage.move(scan.toString(), scans.resolve(sha256 + ".avro").toString());
    entry.setScan(sha256);
    entry.setBlocks(blocks);
    stale = true;
  }

  /** Why the last attempt at these inputs ended without a version, and would again. */
  Optional<String> attempted(String inputs) {
    AttemptedRound last = document.getAttempted();
    return last == null || !last.getInputs().equals(inputs)
        ? Optional.empty()
        : Optional.of(last.getReason());
  }

  /** Keeps in mind that an attempt at these inputs ended without a version. */
  void setAttempted(String inputs, String reason) {
    document.setAttempted(new AttemptedRound(inputs, reason));
    stale = true;
  }

  /** Writes the index if anything in it is new, and deletes scans that it does not name. */
  void write() throws IOException {
    if (!stale) {
      return;
    }
    if (!Files.isWritable(round)) {
      throw new AccessDeniedException(round.toString());
    }
    document.setCheck("");
    document.setCheck(check(document));
    Storage.replace(file.toString(), PlainJson.write(document));
    stale = false;
    Set<String> kept = new HashSet<>();
    document.getFiles().forEach(entry -> kept.add(entry.getScan() + ".avro"));
    try (Stream<Path> entries = Files.isDirectory(scans) ? Files.list(scans) : Stream.empty()) {
      for (Path scan : entries.toList()) {
        if (!kept.contains("" + scan.getFileName())) {
          Files.deleteIfExists(scan);
        }
      }
    }
  }
}
