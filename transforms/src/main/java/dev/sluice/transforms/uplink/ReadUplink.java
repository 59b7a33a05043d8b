package dev.sluice.transforms.uplink;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * From uplink files to claims: the headers of the blocks that the plan asks for, with where their
 * codes lie. Every byte is read once, every checksum verified; whatever is not a claim is a reject
 * with its reason, and the rest of its file is read on.
 *
 * <p>The node of a file is the name of its directory. Files whose names begin with a dot are work
 * in progress and are passed over.
 */
@AutoValue
public abstract class ReadUplink
    extends PTransform<PCollection<MatchResult.Metadata>, PCollectionTuple> {
  /** Blocks that the plan asks for. */
  public static final TupleTag<BlockClaim> CLAIMS = new TupleTag<>() {};

  /** What else was there. */
  public static final TupleTag<RejectedRecord> REJECTED = new TupleTag<>() {};

  /** One for each file. */
  public static final TupleTag<UplinkFile> FILES = new TupleTag<>() {};

  abstract PlannedRound round();

  /** Reads uplinks of a round. */
  public static ReadUplink of(PlannedRound round) {
    return new AutoValue_ReadUplink(round);
  }

  @Override
  public PCollectionTuple expand(PCollection<MatchResult.Metadata> files) {
    PCollectionTuple read =
        files.apply(
            "ReadBlocks",
            ParDo.of(new ReadFn(round()))
                .withOutputTags(CLAIMS, TupleTagList.of(REJECTED).and(FILES)));
    read.get(CLAIMS).setCoder(AvroCoder.of(BlockClaim.class));
    read.get(REJECTED).setCoder(AvroCoder.of(RejectedRecord.class));
    read.get(FILES).setCoder(AvroCoder.of(UplinkFile.class));
    return read;
  }

  private static class ReadFn extends DoFn<MatchResult.Metadata, BlockClaim> {
    private static final long serialVersionUID = 1L;

    private final Counter blocks = Metrics.counter(ReadUplink.class, "blocks");
    private final Counter bytes = Metrics.counter(ReadUplink.class, "bytes");
    private final PlannedRound round;

    ReadFn(PlannedRound round) {
      this.round = round;
    }

    @ProcessElement
    public void read(@Element MatchResult.Metadata file, MultiOutputReceiver out)
        throws IOException {
      UplinkScan.scan(
          round,
          file,
          new UplinkScan.Sink() {
            @Override
            public void file(UplinkFile found) {
              bytes.inc(found.getBytes());
              out.get(FILES).output(found);
            }

            @Override
            public void claim(BlockClaim claim) {
              blocks.inc();
              out.get(CLAIMS).output(claim);
            }

            @Override
            public void reject(RejectedRecord reject) {
              Metrics.counter("rejects", reject.getReason()).inc();
              out.get(REJECTED).output(reject);
            }
          });
    }
  }
}
