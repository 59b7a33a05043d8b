package dev.sluice.transforms.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.io.fs.EmptyMatchTreatment;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.MoveOptions.StandardMoveOptions;
import org.apache.beam.sdk.io.fs.ResourceId;
import org.apache.beam.sdk.util.MimeTypes;

/** Files on any Beam filesystem: read with a bound, written aside and then moved into place. */
public final class Storage {
  private Storage() {}

  /** The resource of a path, which need not exist. */
  public static ResourceId resource(String file) {
    return FileSystems.matchNewResource(file, false);
  }

  /** Whether a path is on this machine's own filesystem. */
  public static boolean isLocal(String file) {
    return FileSystems.matchNewResource(file, true).getScheme().equals("file");
  }

  /** The name of the directory that holds a file. */
  public static String directoryName(ResourceId file) {
    String directory = file.getCurrentDirectory().toString();
    String trimmed =
        directory.endsWith("/") ? directory.substring(0, directory.length() - 1) : directory;
    return trimmed.substring(trimmed.lastIndexOf('/') + 1);
  }

  /**
   * Files that match a pattern; none where nothing does, nor where its directory does not exist.
   *
   * <p>On this machine's own filesystem a name without '*' is that file's, whatever it is made of,
   * and a pattern whose '*' are in its last part, as {@code DIR/codes-*.avro}, looks at DIR alone:
   * Beam would walk all that lies below the directory that DIR is in, and round in circles where a
   * symbolic link leads back up.
   */
  public static List<MatchResult.Metadata> match(String pattern) throws IOException {
    if (!isLocal(pattern)) {
      return FileSystems.match(pattern, EmptyMatchTreatment.ALLOW).metadata();
    }
    String local = resource(pattern).toString();
    int star = local.indexOf('*');
    if (star < 0) {
      return find(pattern).stream().toList();
    }
    String directory = local.substring(0, local.lastIndexOf('/', star) + 1);
    String names = local.substring(directory.length());
    if (names.indexOf('/') >= 0) {
      return Files.isDirectory(Path.of(directory))
          ? FileSystems.match(local, EmptyMatchTreatment.ALLOW).metadata()
          : List.of();
    }
    PathMatcher matcher = java.nio.file.FileSystems.getDefault().getPathMatcher("glob:" + names);
    return list(directory).stream()
        .filter(file -> file.sizeBytes() >= 0)
        .filter(file -> matcher.matches(Path.of(file.resourceId().toString()).getFileName()))
        .toList();
  }

  /** The metadata of the file of exactly this name, no pattern; empty where it does not exist. */
  public static Optional<MatchResult.Metadata> find(String file) throws IOException {
    ResourceId exactly = resource(file);
    if (isLocal(file)) {
      Path local = Path.of(exactly.toString());
      return Files.exists(local) ? Optional.of(metadata(local)) : Optional.empty();
    }
    return match(file).stream().filter(found -> found.resourceId().equals(exactly)).findFirst();
  }

  /**
   * What lies in a directory, one level deep and by name; nothing where it does not exist. On this
   * machine's own filesystem an entry that is no plain file (a directory, a pipe, a broken link)
   * has a size of -1, and so has one whose name cannot be said in this system's encoding. Unlike a
   * pattern, it never walks what lies deeper.
   */
  public static List<MatchResult.Metadata> list(String directory) throws IOException {
    if (!isLocal(directory)) {
      return match(directory + "/*");
    }
    List<MatchResult.Metadata> entries = new ArrayList<>();
    Path root = Path.of(directory);
    if (!Files.isDirectory(root)) {
      return entries;
    }
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(root)) {
      for (Path entry : stream) {
        try {
          entries.add(metadata(entry));
        } catch (NoSuchFileException e) {
          // moved or deleted since it was listed
        }
      }
    }
    entries.sort(Comparator.comparing(entry -> entry.resourceId().toString()));
    return entries;
  }

  private static MatchResult.Metadata metadata(Path file) throws IOException {
    boolean plain = Files.isRegularFile(file) && !isUnsayable(file);
    return MatchResult.Metadata.builder()
        .setResourceId(resource(file.toString()))
        .setSizeBytes(plain ? Files.size(file) : -1)
        .setLastModifiedMillis(plain ? Files.getLastModifiedTime(file).toMillis() : 0)
        .setIsReadSeekEfficient(true)
        .build();
  }

  /** An entry of this path, which need not be there: its size, -1 for what is no plain file. */
  public static MatchResult.Metadata entry(String path, long bytes) {
    return MatchResult.Metadata.builder()
        .setResourceId(resource(path))
        .setSizeBytes(bytes)
        .setLastModifiedMillis(0)
        .setIsReadSeekEfficient(true)
        .build();
  }

  /** Whether an entry that was listed cannot be found again under its name as a text. */
  public static boolean isUnsayable(Path file) {
    return file.toString().indexOf('\uFFFD') >= 0 && Files.notExists(Path.of(file.toString()));
  }

  /**
   * Reads a whole file.
   *
   * @param maxBytes refuse a longer one before allocating
   * @throws FileNotFoundException if it does not exist
   */
  public static byte[] read(String file, int maxBytes) throws IOException {
    MatchResult.Metadata found =
        find(file).orElseThrow(() -> new FileNotFoundException(file + ": no such file"));
    checkPlain(found);
    if (found.sizeBytes() > maxBytes) {
      throw new IOException(
          file + ": " + found.sizeBytes() + " bytes, expected at most " + maxBytes);
    }
    try (InputStream in = Channels.newInputStream(FileSystems.open(found.resourceId()))) {
      return in.readNBytes(maxBytes);
    }
  }

  /** Opens the file of exactly this name for reading from the start; empty where it is not. */
  public static Optional<ReadableByteChannel> openIfExists(String file) throws IOException {
    Optional<MatchResult.Metadata> found = find(file);
    if (found.isEmpty()) {
      return Optional.empty();
    }
    checkPlain(found.get());
    return Optional.of(open(found.get().resourceId()));
  }

  /** A pipe or a device may never end. */
  private static void checkPlain(MatchResult.Metadata found) throws IOException {
    if (found.sizeBytes() < 0) {
      throw new IOException(found.resourceId() + ": it is no plain file");
    }
  }

  /** Opens a file for reading from the start. */
  public static ReadableByteChannel open(ResourceId file) throws IOException {
    return FileSystems.open(file);
  }

  /**
   * Opens a file for reading anywhere.
   *
   * @throws IOException also where its filesystem cannot seek
   */
  public static SeekableByteChannel openSeekable(ResourceId file) throws IOException {
    ReadableByteChannel channel = FileSystems.open(file);
    if (channel instanceof SeekableByteChannel seekable) {
      return seekable;
    }
    channel.close();
    throw new IOException(file + ": its filesystem cannot read from the middle of a file");
  }

  /** Creates a file; whoever opened it closes it. */
  public static WritableByteChannel create(String file) throws IOException {
    return FileSystems.create(resource(file), MimeTypes.BINARY);
  }

  /** Writes a small file whole: aside first, then moved over what was there. */
  public static void replace(String file, byte[] bytes) throws IOException {
    int slash = file.lastIndexOf('/') + 1;
    String aside = file.substring(0, slash) + "." + file.substring(slash) + "." + UUID.randomUUID();
    try {
      try (WritableByteChannel out = create(aside)) {
        writeFully(out, ByteBuffer.wrap(bytes));
      }
      move(aside, file);
    } catch (IOException e) {
      deleteIfExists(aside);
      throw new IOException("cannot write " + file + ": " + e.getMessage(), e);
    }
  }

  /** Writes all of a buffer. */
  public static void writeFully(WritableByteChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  /** Moves a file over whatever was there. */
  public static void move(String from, String to) throws IOException {
    try {
      FileSystems.rename(List.of(resource(from)), List.of(resource(to)));
    } catch (IllegalArgumentException e) { // Beam's way to say that there can be no such directory
      throw new IOException(e.getMessage(), e);
    }
  }

  /**
   * Moves a file that an earlier try may already have moved.
   *
   * @return the resource in place
   * @throws IOException also if the file is neither here nor there
   */
  public static ResourceId moveOnce(String from, String to) throws IOException {
    if (find(from).isPresent()) {
      move(from, to);
    } else if (find(to).isEmpty()) {
      throw new IOException("neither " + from + " nor " + to + " exists; run it again");
    }
    return resource(to);
  }

  /**
   * Gives a file that nobody will change a second name; where its filesystem has no such thing, a
   * copy.
   */
  public static void link(String from, String to) throws IOException {
    if (isLocal(from) && isLocal(to)) {
      Path target = Path.of(to);
      Files.createDirectories(target.getParent());
      try {
        Files.createLink(target, Path.of(from));
        return;
      } catch (UnsupportedOperationException | FileSystemException e) {
        Files.deleteIfExists(target); // another filesystem, or too many names: it is copied
      }
    }
    FileSystems.copy(List.of(resource(from)), List.of(resource(to)));
  }

  /** Deletes a file that may not be there. */
  public static void deleteIfExists(String file) throws IOException {
    if (isLocal(file)) {
      Files.deleteIfExists(Path.of(file)); // Beam would look for it by its match
      return;
    }
    FileSystems.delete(List.of(resource(file)), StandardMoveOptions.IGNORE_MISSING_FILES);
  }

  /** Deletes the files that match a pattern, but those to keep. */
  public static void deleteOthers(String pattern, Set<ResourceId> keep) throws IOException {
    for (MatchResult.Metadata file : match(pattern)) {
      if (!keep.contains(file.resourceId())) {
        deleteIfExists(file.resourceId().toString());
      }
    }
  }

  /** Deletes the files below a directory, and the directory where its filesystem has such. */
  public static void deleteTree(String directory) throws IOException {
    if (isLocal(directory)) {
      deleteLocal(Path.of(directory));
      return;
    }
    List<ResourceId> files = new ArrayList<>();
    for (MatchResult.Metadata file : match(directory + "/**")) {
      files.add(file.resourceId());
    }
    FileSystems.delete(files, StandardMoveOptions.IGNORE_MISSING_FILES);
  }

  /** Links are deleted, not followed. */
  private static void deleteLocal(Path root) throws IOException {
    if (!Files.isDirectory(root)) {
      return;
    }
    try (Stream<Path> tree = Files.walk(root)) {
      for (Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
