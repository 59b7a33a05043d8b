package dev.sluice.transforms.uplink;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.ScanRecord;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.UUID;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PDone;

/**
 * Reads uplink files as {@link ReadUplink} does, and writes what each of them comes to into a file
 * of its own, so that it need not be read again while it stays as it is. FORMAT.md 14.3.
 */
@AutoValue
public abstract class ScanUplinks extends PTransform<PCollection<MatchResult.Metadata>, PDone> {
  /**
   * Names what a scan is: raise it when the same file under the same plan comes to other claims or
   * rejects.
   */
  public static final String FORMAT = "sluice-scan-1";

  private static final int BUFFER_BYTES = 64 << 10;

  abstract PlannedRound round();

  abstract RoundDirectory directory();

  abstract String into();

  /** Scans uplinks of a round into a directory. */
  public static ScanUplinks of(PlannedRound round, RoundDirectory directory, String into) {
    return new AutoValue_ScanUplinks(round, directory, into);
  }

  /**
   * The scan of a file, within the directory of scans.
   *
   * @param file resource name
   */
  public static String name(String file) {
    byte[] sha = CodeBlocks.sha256().digest(file.getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(sha) + ".avro";
  }

  @Override
  public PDone expand(PCollection<MatchResult.Metadata> files) {
    files.apply("ScanFiles", ParDo.of(new ScanFn(round(), directory(), into())));
    return PDone.in(files.getPipeline());
  }

  private static class ScanFn extends DoFn<MatchResult.Metadata, Void> {
    private static final long serialVersionUID = 1L;

    private final Counter blocks = Metrics.counter(ReadUplink.class, "blocks");
    private final Counter bytes = Metrics.counter(ReadUplink.class, "bytes");
    private final PlannedRound round;
    private final RoundDirectory directory;
    private final String into;

    ScanFn(PlannedRound round, RoundDirectory directory, String into) {
      this.round = round;
      this.directory = directory;
      this.into = into;
    }

    @ProcessElement
    public void scan(@Element MatchResult.Metadata file) throws IOException {
      String target = into + "/" + name(file.resourceId().toString());
      String aside = target + "." + UUID.randomUUID();
      try (DataFileWriter<ScanRecord> writer =
          new DataFileWriter<>(new SpecificDatumWriter<>(ScanRecord.class))) {
        writer.create(
            ScanRecord.getClassSchema(),
            new BufferedOutputStream(Channels.newOutputStream(Storage.create(aside)), BUFFER_BYTES),
            CodeBlocks.syncMarker(round.digest(), "scan", 0));
        UplinkScan.scan(round, file, new Written(writer));
      } catch (UncheckedIOException e) {
        throw e.getCause();
      }
      Storage.move(aside, target);
    }

    /** Writes what is found, claims with their file's name below the round's uplinks. */
    private final class Written implements UplinkScan.Sink {
      private final DataFileWriter<ScanRecord> writer;

      Written(DataFileWriter<ScanRecord> writer) {
        this.writer = writer;
      }

      @Override
      public void file(UplinkFile found) {
        bytes.inc(found.getBytes());
        append(new ScanRecord(found, null, null));
      }

      @Override
      public void claim(BlockClaim claim) {
        blocks.inc();
        claim.setFile(claim.getFile().substring(directory.uplinks().length() + 1));
        append(new ScanRecord(null, claim, null));
      }

      @Override
      public void reject(RejectedRecord reject) {
        Metrics.counter("rejects", reject.getReason()).inc();
        append(new ScanRecord(null, null, reject));
      }

      private void append(ScanRecord record) {
        try {
          writer.append(record);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }
}
