package dev.sluice.transforms.uplink;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.avro.ContainerScanner;
import dev.sluice.schemas.avro.CorruptRecordException;
import dev.sluice.schemas.avro.NotAContainerException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.Optional;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.ResourceId;
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
 * <p>The node of a file is the name of its directory. Files and directories whose names begin with
 * a dot are work in progress and are passed over.
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

    private final Counter claims = Metrics.counter(ReadUplink.class, "blocks");
    private final Counter bytes = Metrics.counter(ReadUplink.class, "bytes");
    private final PlannedRound round;

    ReadFn(PlannedRound round) {
      this.round = round;
    }

    @ProcessElement
    public void read(@Element MatchResult.Metadata file, MultiOutputReceiver out)
        throws IOException {
      ResourceId resource = file.resourceId();
      String name = resource.getFilename();
      String directory = directoryName(resource);
      if (name == null || name.startsWith(".") || directory.startsWith(".")) {
        return;
      }
      out.get(FILES)
          .output(UplinkFile.newBuilder().setNode(directory).setBytes(file.sizeBytes()).build());
      bytes.inc(file.sizeBytes());
      Rejects rejects = new Rejects(round, directory, name, out.get(REJECTED));
      if (round.indexOf(directory).isEmpty()) {
        rejects.add(
            Reason.UNKNOWN_NODE, 0, "no node '" + HeaderCheck.shown(directory) + "' in the plan");
        return;
      }
      try (ContainerScanner scanner =
          new ContainerScanner(
              Channels.newInputStream(Storage.open(resource)), CodeBlock.getClassSchema())) {
        for (Optional<ContainerScanner.Item> item = scanner.next();
            item.isPresent();
            item = scanner.next()) {
          if (item.get() instanceof ContainerScanner.Damage damage) {
            rejects.add(
                damage.oversized() ? Reason.OVERSIZED : Reason.CORRUPT_CONTAINER,
                damage.offset(),
                damage.detail());
          } else {
            records(
                (ContainerScanner.Block) item.get(), directory, resource, rejects, out.get(CLAIMS));
          }
        }
      } catch (NotAContainerException e) {
        rejects.add(Reason.NOT_AVRO, 0, e.getMessage());
      }
    }

    private void records(
        ContainerScanner.Block block,
        String directory,
        ResourceId file,
        Rejects rejects,
        OutputReceiver<BlockClaim> out) {
      int at = block.from();
      int end = block.from() + block.lengthBytes();
      for (long i = 0; i < block.records(); i++) {
        long offset = block.offset() + (at - block.from());
        CodeBlocks.Parsed record;
        try {
          record = CodeBlocks.parse(block.window(), at, end);
        } catch (CorruptRecordException e) {
          rejects.add(
              Reason.CORRUPT_RECORD,
              offset,
              "record " + (i + 1) + " of " + block.records() + ": " + e.getMessage());
          return;
        }
        at = record.end();
        claim(record, offset, block, directory, file, rejects, out);
      }
      if (at != end) {
        rejects.add(
            Reason.CORRUPT_RECORD,
            block.offset() + (at - block.from()),
            (end - at) + " bytes after the last record of an Avro block");
      }
    }

    private void claim(
        CodeBlocks.Parsed record,
        long offset,
        ContainerScanner.Block block,
        String directory,
        ResourceId file,
        Rejects rejects,
        OutputReceiver<BlockClaim> out) {
      BlockHeader header = record.header();
      byte[] headerBytes = CodeBlocks.headerBytes(header);
      int crc = CodeBlocks.crc32c(headerBytes, block.window(), record.from(), record.lengthBytes());
      if (crc != record.crc32c()) {
        rejects.add(
            Reason.CHECKSUM,
            offset,
            String.format(
                "header and codes have CRC-32C %08x, the record says %08x", crc, record.crc32c()));
        return;
      }
      Optional<HeaderCheck.Fault> fault =
          HeaderCheck.of(round, directory, header, record.lengthBytes());
      if (fault.isPresent()) {
        rejects.add(header.getBlock(), fault.get().reason(), offset, fault.get().detail());
        return;
      }
      claims.inc();
      out.output(
          BlockClaim.newBuilder()
              .setHeader(header)
              .setCrc32c(crc)
              .setDigest(
                  CodeBlocks.digest(
                      headerBytes, block.window(), record.from(), record.lengthBytes()))
              .setFile(file.toString())
              .setOffset(block.offset() + (record.from() - block.from()))
              .setLengthBytes(record.lengthBytes())
              .setCodes(null)
              .build());
    }
  }

  /** The name of the directory that holds a file: the node it claims to be of. */
  public static String directoryName(ResourceId file) {
    String directory = file.getCurrentDirectory().toString();
    String trimmed =
        directory.endsWith("/") ? directory.substring(0, directory.length() - 1) : directory;
    return trimmed.substring(trimmed.lastIndexOf('/') + 1);
  }

  /** Counts and emits rejects of one file. */
  private static final class Rejects {
    private final PlannedRound round;
    private final String node;
    private final String file;
    private final DoFn.OutputReceiver<RejectedRecord> out;

    Rejects(PlannedRound round, String node, String file, DoFn.OutputReceiver<RejectedRecord> out) {
      this.round = round;
      this.node = node;
      this.file = file;
      this.out = out;
    }

    void add(Reason reason, long offset, String detail) {
      add(null, reason, offset, detail);
    }

    void add(Integer block, Reason reason, long offset, String detail) {
      Metrics.counter("rejects", reason.label()).inc();
      out.output(
          RejectedRecord.newBuilder()
              .setRound(round.plan().getId())
              .setNode(node)
              .setBlock(block)
              .setReason(reason.label())
              .setDetail(detail)
              .setFile(HeaderCheck.shown(file))
              .setOffset(offset)
              .build());
    }
  }
}
