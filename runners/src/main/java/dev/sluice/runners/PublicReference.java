package dev.sluice.runners;

import dev.sluice.schemas.TeacherShard;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.schemas.npy.NpyWriter;
import dev.sluice.transforms.aggregation.CommittedTeacher;
import dev.sluice.transforms.channel.BadLogitException;
import dev.sluice.transforms.reference.ReferenceBlock;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.ReferenceRows;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.util.UUID;

/**
 * The public reference of a round: taken at planning from a file, or from the teacher of a
 * committed round, and put beside plan.json; held against the plan's digest before it is used. A
 * buffer, or a block of rows, at a time.
 */
final class PublicReference {
  private static final int BUFFER_BYTES = 1 << 18;

  private final String aside;
  private final String sha256;
  private final long probes;
  private final int vocabulary;

  private PublicReference(String aside, String sha256, long probes, int vocabulary) {
    this.aside = aside;
    this.sha256 = sha256;
    this.probes = probes;
    this.vocabulary = vocabulary;
  }

  /**
   * Copies a reference aside.
   *
   * @param typed a .npy file of m × V logits, or the directory of a committed round
   * @param directory the round that it is for
   * @throws IOException if it is none, with what and where; nothing is left then
   */
  static PublicReference copy(String typed, RoundDirectory directory) throws IOException {
    String aside = directory.reference() + "." + UUID.randomUUID();
    try {
      if (Locations.isLocalDirectory(Locations.of(typed))) {
        copyTeacher(Locations.round(typed), aside);
      } else {
        copyFile(Locations.existing(typed).resourceId().toString(), aside);
      }
      String name = Locations.of(typed);
      try (NpyRows rows = open(aside, name)) {
        check(rows, name);
        return new PublicReference(aside, FileDigest.of(aside), rows.rows(), rows.columns());
      }
    } catch (IOException | RuntimeException e) {
      try {
        Storage.deleteIfExists(aside);
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
  }

  private static NpyRows open(String file, String name) throws IOException {
    return NpyRows.open(Storage.open(Storage.resource(file)), name);
  }

  private static void copyFile(String file, String aside) throws IOException {
    try (InputStream in = Channels.newInputStream(Storage.open(Storage.resource(file)));
        WritableByteChannel out = Storage.create(aside)) {
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
        Storage.writeFully(out, ByteBuffer.wrap(buffer, 0, got));
      }
    }
  }

  private static void copyTeacher(RoundDirectory round, String aside) throws IOException {
    CommittedRound committed = CommittedRound.read(RoundRunner.plan(round), round);
    int vocabulary = committed.round().vocabulary();
    long probes = committed.round().plan().getProbes();
    int atOnce = PlanDraft.maxProbesPerBlock(vocabulary, false);
    double[] logits = new double[atOnce * vocabulary];
    float[] floats = new float[logits.length];
    try (NpyWriter out = NpyWriter.open(Storage.create(aside), aside, probes, vocabulary)) {
      int shard = 0;
      for (TeacherShard ignored : committed.manifest().getTeacher()) {
        try (NpyRows rows = CommittedTeacher.open(round, committed.manifest(), shard++)) {
          for (long from = 0; from < rows.rows(); from += atOnce) {
            int count = (int) Math.min(atOnce, rows.rows() - from);
            rows.read(from, from + count, logits, 0);
            for (int c = 0; c < count * vocabulary; c++) {
              floats[c] = (float) logits[c];
            }
            out.write(floats, 0, count * vocabulary);
          }
        }
      }
    }
  }

  private static void check(NpyRows rows, String name) throws IOException {
    int vocabulary = rows.columns();
    if (vocabulary > PlannedRound.MAX_VOCABULARY) {
      return; // which the plan's own check says
    }
    int atOnce = PlanDraft.maxProbesPerBlock(vocabulary, false);
    double[] logits = new double[atOnce * vocabulary];
    ReferenceBlock block = new ReferenceBlock(atOnce, vocabulary);
    for (long from = 0; from < rows.rows(); from += atOnce) {
      int count = (int) Math.min(atOnce, rows.rows() - from);
      rows.read(from, from + count, logits, 0);
      try {
        block.derive(logits, count);
      } catch (BadLogitException e) {
        throw new BadInputException(ReferenceRows.message(name, from + e.row(), e), e);
      }
    }
  }

  /** Hexadecimal SHA-256 of the file. */
  String sha256() {
    return sha256;
  }

  /** m. */
  long probes() {
    return probes;
  }

  /** V. */
  int vocabulary() {
    return vocabulary;
  }

  /** Puts it beside the plan. */
  void commit(RoundDirectory directory) throws IOException {
    Storage.move(aside, directory.reference());
  }

  /** Deletes the copy, where it was not committed. */
  void discard() throws IOException {
    Storage.deleteIfExists(aside);
  }

  /**
   * Holds the reference beside a plan against the plan.
   *
   * @throws IOException if the plan names one, and this is another, or there is none
   */
  static void verify(PlannedRound round, RoundDirectory directory) throws IOException {
    if (round.referenceSha256().isEmpty()) {
      return;
    }
    String file = directory.reference();
    if (Storage.find(file).isEmpty()) {
      throw new BadInputException(
          file
              + ": no such file; logits are sent relative to it. The hub's 'sluice plan' put it"
              + " beside plan.json, and every site needs both");
    }
    String found = FileDigest.of(file);
    if (!found.equals(round.referenceSha256().get())) {
      throw new BadInputException(
          file
              + ": another reference than the plan's: found SHA-256 "
              + found
              + ", expected "
              + round.referenceSha256().get());
    }
  }
}
