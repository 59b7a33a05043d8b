package dev.sluice.transforms.export;

import dev.sluice.transforms.round.CommittedRound;
import java.io.Serializable;
import java.util.Map;
import java.util.TreeMap;

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
