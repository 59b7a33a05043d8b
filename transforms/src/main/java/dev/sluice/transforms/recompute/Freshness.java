package dev.sluice.transforms.recompute;

import dev.sluice.schemas.IndexedFile;
import java.util.Optional;

/** Whether a file need not be read to know that its contents are those of the index. */
public final class Freshness {
  private Freshness() {}

  /**
   * A file is as it was if its size and times are, unless it was as young as the index when that
   * was written: then it may have been written once more within the same tick of the file system's
   * clock, and its times tell nothing. (Git's rule for its own index.)
   *
   * @param entry what the index says
   * @param asOf the file system's time before the index's files were looked at, nanoseconds
   * @param bytes its size now
   * @param modified its last modification now, nanoseconds
   * @param changed its last change now; empty where the file system has no such time
   */
  public static boolean isClean(
      IndexedFile entry, long asOf, long bytes, long modified, Optional<Long> changed) {
    boolean same =
        entry.getInput().getBytes() == bytes
            && entry.getModified() == modified
            && Optional.ofNullable(entry.getChanged()).equals(changed);
    return same && changed.orElse(modified) < asOf;
  }
}
