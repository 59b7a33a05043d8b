package dev.sluice.transforms.export;

import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.beam.sdk.io.fs.MatchResult;

/**
 * What is exported, and where to.
 *
 * @param committed the round
 * @param k tokens kept of each probe, at least 1; read by {@link ExportFormat#PARQUET} alone
 * @param directory where the files go, on any Beam filesystem
 * @param attempt a name that no other attempt at this directory uses
 */
public record TeacherExport(
    CommittedRound committed, ExportFormat format, int k, String directory, String attempt)
    implements Serializable {
  /** Value of the document's field 'format'. */
  public static final String FORMAT = "sluice-export-1";

  public TeacherExport {
    if (k < 1) {
      throw new IllegalArgumentException("k must be at least 1, got " + k);
    }
  }

  /** The document that says what was exported, written last. */
  public String document() {
    return directory + "/export.json";
  }

  /** Where this attempt writes before it commits. */
  public String aside() {
    return directory + "/.attempt-" + attempt;
  }

  /**
   * Refuses a directory whose files could be another's: those of a teacher, above all.
   *
   * @throws BadInputException where there are files of such names, and no export.json beside them
   */
  public void checkDirectory() throws IOException {
    if (Storage.find(document()).isPresent()) {
      return;
    }
    for (ExportFormat kind : ExportFormat.values()) {
      List<MatchResult.Metadata> there = Storage.match(directory + "/teacher-*." + kind.label());
      if (!there.isEmpty()) {
        throw new BadInputException(
            there.get(0).resourceId()
                + ": found a file in the way and no export.json beside it, expected an empty"
                + " directory or an earlier export; choose another, or delete what is there");
      }
    }
  }

  /** Name of a shard's file. */
  String file(int shard) {
    return committed.manifest().getTeacher().get(shard).getName() + "." + format.label();
  }

  /** min(k, V). */
  int kept() {
    return Math.min(k, committed.round().vocabulary());
  }

  /** What is said of a file in its own header. */
  Map<String, String> metadata() {
    Map<String, String> metadata = new TreeMap<>();
    metadata.put("sluice.round", committed.round().plan().getId());
    metadata.put("sluice.plan", committed.round().digestHex());
    return metadata;
  }
}
