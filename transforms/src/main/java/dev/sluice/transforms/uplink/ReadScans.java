package dev.sluice.transforms.uplink;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.ScanRecord;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import org.apache.avro.file.DataFileStream;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * From scans that {@link ScanUplinks} wrote to what they say, under the tags of {@link ReadUplink}:
 * the uplinks themselves are not read.
 */
@AutoValue
public abstract class ReadScans extends PTransform<PCollection<String>, PCollectionTuple> {
  abstract RoundDirectory directory();

  /** Reads scans of the uplinks of a round. */
  public static ReadScans of(RoundDirectory directory) {
    return new AutoValue_ReadScans(directory);
  }

  @Override
  public PCollectionTuple expand(PCollection<String> scans) {
    PCollectionTuple read =
        scans.apply(
            "ReadRecords",
            ParDo.of(new ReadFn(directory().uplinks()))
                .withOutputTags(
                    ReadUplink.CLAIMS, TupleTagList.of(ReadUplink.REJECTED).and(ReadUplink.FILES)));
    read.get(ReadUplink.CLAIMS).setCoder(AvroCoder.of(BlockClaim.class));
    read.get(ReadUplink.REJECTED).setCoder(AvroCoder.of(RejectedRecord.class));
    read.get(ReadUplink.FILES).setCoder(AvroCoder.of(UplinkFile.class));
    return read;
  }

  private static class ReadFn extends DoFn<String, BlockClaim> {
    private static final long serialVersionUID = 1L;
    private final String uplinks;

    ReadFn(String uplinks) {
      this.uplinks = uplinks;
    }

    @ProcessElement
    public void read(@Element String scan, MultiOutputReceiver out) throws IOException {
      try (DataFileStream<ScanRecord> records =
          new DataFileStream<>(
              new BufferedInputStream(
                  Channels.newInputStream(Storage.open(Storage.resource(scan)))),
              new SpecificDatumReader<>(ScanRecord.class))) {
        while (records.hasNext()) {
          ScanRecord record = records.next();
          if (record.getFile() != null) {
            out.get(ReadUplink.FILES).output(record.getFile());
          } else if (record.getClaim() != null) {
            record.getClaim().setFile(uplinks + "/" + record.getClaim().getFile());
            out.get(ReadUplink.CLAIMS).output(record.getClaim());
          } else {
            out.get(ReadUplink.REJECTED).output(record.getReject());
          }
        }
      }
    }
  }
}
