package dev.sluice.runners;

import dev.sluice.pipelines.Uplinks;
import dev.sluice.schemas.Audit;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.Moments;
import dev.sluice.schemas.ReportFile;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.report.RoundPage;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RefinedManifests;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.avro.Schema;
import org.apache.avro.specific.SpecificRecord;

/** The page of a committed round with what became known after the commit. */
final class FullReport {
  private FullReport() {}

  /**
   * Draws the page.
   *
   * @param audit the measured divergence's document, which need not be there
   * @param must whether it must be of this round if it is there; else it is left out, with a
   *     warning
   * @param warn takes what is left out, and why
   * @throws IOException if the round is not committed, or its documents cannot be used
   */
  static byte[] of(
      PlannedRound planned,
      RoundDirectory directory,
      String audit,
      boolean must,
      Consumer<String> warn)
      throws IOException {
    CommittedRound committed = CommittedRound.read(planned, directory);
    Manifest manifest = committed.manifest();
    List<RoundDirectory> refined =
        RefinedRounds.of(planned, directory).stream().map(Uplinks::directory).toList();
    RoundPage page =
        RoundPage.of(planned.plan(), manifest).withEarlier(RefinedManifests.read(planned, refined));
    if (exists(directory.moments())) {
      Moments moments = read(Moments.class, Moments.getClassSchema(), directory.moments());
      if (moments.getManifestDigest().equals(committed.manifestDigestHex())) {
        page = page.withMoments(moments);
      } else {
        warn.accept(directory.moments() + " is of another manifest: left out");
      }
    }
    if (exists(audit)) {
      Audit found = read(Audit.class, Audit.getClassSchema(), audit);
      if (found.getManifestDigest().equals(committed.manifestDigestHex())) {
        page = page.withAudit(found);
      } else if (!must) {
        warn.accept(audit + " is of another manifest: left out");
      } else {
        throw new BadInputException(
            audit
                + ": found an audit of round '"
                + Texts.printable(found.getRound())
                + "' as of a manifest with SHA-256 "
                + Texts.printable(found.getManifestDigest())
                + ", expected round '"
                + planned.plan().getId()
                + "' and "
                + committed.manifestDigestHex()
                + "; 'sluice audit --json' measures what is there now");
      }
    }
    if (!isAsCommitted(directory, manifest.getReport())) {
      warn.accept(
          directory.report()
              + " is not the page that the manifest names; 'sluice aggregate' writes it again");
    }
    return drawn(directory, page::html);
  }

  /** A document that Sluice did not write may hold numbers that no page can show. */
  static byte[] drawn(RoundDirectory directory, Supplier<byte[]> page) throws BadInputException {
    try {
      return page.get();
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new BadInputException(
          directory.root() + ": its documents make no page: " + e.getMessage(), e);
    }
  }

  private static boolean isAsCommitted(RoundDirectory directory, ReportFile page)
      throws IOException {
    return page == null
        || (exists(directory.report())
            && HexFormat.of()
                .formatHex(
                    CodeBlocks.sha256()
                        .digest(Storage.read(directory.report(), PlainJson.MAX_BYTES)))
                .equals(page.getSha256()));
  }

  private static boolean exists(String file) throws IOException {
    return Storage.find(file).isPresent();
  }

  private static <T extends SpecificRecord> T read(Class<T> type, Schema schema, String file)
      throws IOException {
    return PlainJson.read(type, schema, Storage.read(file, PlainJson.MAX_BYTES), file);
  }
}
