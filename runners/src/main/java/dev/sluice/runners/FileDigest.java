package dev.sluice.runners;

import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.HexFormat;

/** SHA-256 of files that hub and sites must share. */
final class FileDigest {
  private FileDigest() {}

  /** Hexadecimal SHA-256 of a file. */
  static String of(String typed) throws IOException {
    MessageDigest sha = CodeBlocks.sha256();
    try (InputStream in =
        new DigestInputStream(
            Channels.newInputStream(Storage.open(Locations.existing(typed).resourceId())), sha)) {
      in.transferTo(java.io.OutputStream.nullOutputStream());
    }
    return HexFormat.of().formatHex(sha.digest());
  }

  /**
   * Holds a site's file against the plan.
   *
   * @param what for messages, as 'probe set'
   * @param option the flag that names the file
   * @param planned the plan's digest, or null
   * @param typed the site's file, or null
   */
  static void check(String source, String what, String option, String planned, String typed)
      throws IOException {
    if (planned == null) {
      if (typed != null) {
        throw new BadInputException(
            source
                + ": the plan names no "
                + what
                + ", so there is nothing to hold "
                + typed
                + " against; leave "
                + option
                + " out");
      }
      return;
    }
    if (typed == null) {
      throw new BadInputException(
          source
              + ": the plan is for the "
              + what
              + " with SHA-256 "
              + planned
              + "; give this site's with "
              + option
              + " FILE, so that it can be compared");
    }
    String found = of(typed);
    if (!found.equals(planned)) {
      throw new BadInputException(
          typed
              + ": another "
              + what
              + " than the plan's: found SHA-256 "
              + found
              + ", expected "
              + planned);
    }
  }
}
