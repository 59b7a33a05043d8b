package dev.sluice.transforms.round;

import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.ObjectStreamException;
import java.io.Serializable;
import java.util.HexFormat;

/**
 * A round that is done: its plan, its directory and its manifest, as they were when it was read.
 *
 * <p>Immutable and thread-safe, the manifest as long as nobody sets its fields; serialises as the
 * bytes of both documents.
 */
public final class CommittedRound implements Serializable {
  private static final long serialVersionUID = 1L;

  private final PlannedRound round;
  private final RoundDirectory directory;
  private final byte[] manifestJson;
  private final transient Manifest manifest;

  private CommittedRound(PlannedRound round, RoundDirectory directory, byte[] manifestJson)
      throws IOException {
    this.round = round;
    this.directory = directory;
    this.manifestJson = manifestJson;
    this.manifest =
        PlainJson.read(
            Manifest.class, Manifest.getClassSchema(), manifestJson, directory.manifest());
    if (!manifest.getPlanDigest().equals(round.digestHex())) {
      throw new BadInputException(
          directory.manifest()
              + ": found plan digest "
              + manifest.getPlanDigest()
              + ", expected "
              + round.digestHex()
              + ": the plan was replaced after this round was aggregated");
    }
    if (manifest.getTeacher().size() != round.shards()
        || manifest.getNodes().size() != round.nodes().size()) {
      throw new BadInputException(
          directory.manifest()
              + ": found "
              + manifest.getTeacher().size()
              + " teacher shards of "
              + manifest.getNodes().size()
              + " nodes, expected "
              + round.shards()
              + " of "
              + round.nodes().size()
              + " by the plan: it was changed by hand");
    }
  }

  /**
   * Reads a round's manifest.
   *
   * @throws IOException if there is none, or it is another plan's
   */
  public static CommittedRound read(PlannedRound round, RoundDirectory directory)
      throws IOException {
    byte[] json;
    try {
      json = Storage.read(directory.manifest(), PlainJson.MAX_BYTES);
    } catch (FileNotFoundException e) {
      throw new BadInputException(
          directory.manifest() + ": no such file; 'sluice aggregate' writes it, last of all", e);
    }
    return new CommittedRound(round, directory, json);
  }

  private Object readResolve() throws ObjectStreamException {
    try {
      return new CommittedRound(round, directory, manifestJson);
    } catch (IOException e) {
      throw new java.io.InvalidObjectException(e.getMessage());
    }
  }

  /** Its plan. */
  public PlannedRound round() {
    return round;
  }

  /** Where it is. */
  public RoundDirectory directory() {
    return directory;
  }

  /** Its manifest. Treat as immutable. */
  public Manifest manifest() {
    return manifest;
  }

  /** Hexadecimal SHA-256 of the bytes of manifest.json. */
  public String manifestDigestHex() {
    return HexFormat.of().formatHex(CodeBlocks.sha256().digest(manifestJson));
  }
}
