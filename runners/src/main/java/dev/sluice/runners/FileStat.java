package dev.sluice.runners;

import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * What a file's directory entry says of it.
 *
 * @param bytes -1 for what is no plain file
 * @param modified last modification, nanoseconds since 1970
 * @param changed last change of contents or attributes, which nobody can set back; empty where the
 *     filesystem has no such time
 */
record FileStat(long bytes, long modified, Optional<Long> changed) {
  /**
   * Looks, if there is something: a link to nowhere is no plain file, nor one that was listed under
   * a name that is no text.
   */
  static Optional<FileStat> find(Path file) throws IOException {
    try {
      return Optional.of(of(file));
    } catch (AccessDeniedException e) {
      return Optional.of(new FileStat(-1, 0, Optional.empty())); // the directory that it is in
    } catch (NoSuchFileException e) {
      return Storage.isUnsayable(file) || Files.isSymbolicLink(file)
          ? Optional.of(new FileStat(-1, 0, Optional.empty()))
          : Optional.empty();
    }
  }

  /** Looks, through links. */
  static FileStat of(Path file) throws IOException {
    boolean unix = file.getFileSystem().supportedFileAttributeViews().contains("unix");
    Map<String, Object> found =
        Files.readAttributes(
            file,
            unix
                ? "unix:isRegularFile,size,lastModifiedTime,ctime"
                : "isRegularFile,size,lastModifiedTime");
    boolean plain = (Boolean) found.get("isRegularFile");
    return new FileStat(
        plain ? (Long) found.get("size") : -1,
        nanos(found.get("lastModifiedTime")),
        Optional.ofNullable(found.get("ctime")).map(FileStat::nanos));
  }

  private static long nanos(Object time) {
    return ((FileTime) time).to(TimeUnit.NANOSECONDS);
  }
}
