package dev.sluice.transforms.uplink;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.avro.ContainerScanner;
import dev.sluice.schemas.avro.CorruptRecordException;
import dev.sluice.schemas.avro.NotAContainerException;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.channels.Channels;
import java.util.Optional;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.ResourceId;

/**
 * Reads one uplink file from end to end: every byte once, every checksum and, in a signed round,
 * every signature verified. What the plan asks for is a claim; whatever else is there is a reject
 * with its reason, and reading goes on behind it. Holds one Avro block.
 */
public final class UplinkScan {
  /** Where what is found goes. */
  public interface Sink {
    /** A file was there, whatever it holds. */
    void file(UplinkFile file);

    /** A block that the plan asks for. */
    void claim(BlockClaim claim);

    /** Something else. */
    void reject(RejectedRecord reject);
  }

  /** Stands for whatever is in a directory that cannot be read. */
  public static final String UNREAD = "(not to be read)";

  /** What is rejected is sorted in memory, and one file of rubbish must not fill it. */
  static final int MAX_REJECTS = 1000;

  private final PlannedRound round;
  private final ResourceId file;
  private final long bytes;
  private final String directory;
  private final String name;
  private final Sink sink;
  private int rejects;

  private UplinkScan(PlannedRound round, MatchResult.Metadata file, Sink sink) {
    this.round = round;
    this.file = file.resourceId();
    this.bytes = file.sizeBytes();
    this.directory = Storage.directoryName(this.file);
    String filename = this.file.getFilename();
    this.name = filename == null ? "" : filename;
    this.sink = sink;
  }

  /** Reads a file into a sink. Names that begin with a dot are work in progress: nothing comes. */
  public static void scan(PlannedRound round, MatchResult.Metadata file, Sink sink)
      throws IOException {
    new UplinkScan(round, file, sink).scan();
  }

  private void scan() throws IOException {
    if (name.isEmpty() || name.startsWith(".") || directory.startsWith(".")) {
      return;
    }
    sink.file(UplinkFile.newBuilder().setNode(directory).setBytes(counted()).build());
    if (round.indexOf(directory).isEmpty()) {
      reject(
          null,
          Reason.UNKNOWN_NODE,
          0,
          "no node '" + HeaderCheck.shown(directory) + "' in the plan");
      return;
    }
    if (name.equals(UNREAD)) {
      reject(null, Reason.UNREADABLE, 0, "the node's directory: permission denied");
      return;
    }
    if (bytes < 0) {
      reject(
          null,
          Reason.NOT_AVRO,
          0,
          name.indexOf('\uFFFD') < 0
              ? "it is no plain file"
              : "its name is not in this system's encoding");
      return;
    }
    long most = mostBytes();
    if (bytes > most) {
      reject(
          null,
          Reason.OVERSIZED,
          0,
          "a file of " + bytes + " bytes, at most " + most + " for a node of this plan; not read");
      return;
    }
    try (ContainerScanner scanner =
        new ContainerScanner(
            Channels.newInputStream(Storage.open(file)), CodeBlock.getClassSchema())) {
      for (Optional<ContainerScanner.Item> item = scanner.next();
          item.isPresent();
          item = scanner.next()) {
        if (item.get() instanceof ContainerScanner.Damage damage) {
          reject(
              null,
              damage.oversized() ? Reason.OVERSIZED : Reason.CORRUPT_CONTAINER,
              damage.offset(),
              damage.detail());
        } else {
          records((ContainerScanner.Block) item.get(), scanner.headDigest());
        }
        if (rejects >= MAX_REJECTS) {
          reject(
              null,
              Reason.TOO_MANY,
              item.get().offset(),
              MAX_REJECTS + " rejects in this file; the rest of it is not read");
          return;
        }
      }
    } catch (NotAContainerException e) {
      reject(null, Reason.NOT_AVRO, 0, e.getMessage());
    } catch (IOException e) {
      if (Storage.find(file.toString()).isEmpty()) { // it was there when it was listed
        throw new BadInputException(
            file
                + ": gone, or not to be seen from "
                + InetAddress.getLocalHost().getHostName()
                + "; every machine must see the round directory under this path",
            e);
      }
      reject(
          null,
          Reason.UNREADABLE,
          0,
          "reading it failed: " + HeaderCheck.shown("" + e.getMessage()));
    }
  }

  /** Its size, as far as it is read. */
  private long counted() {
    return round.indexOf(directory).isEmpty() || bytes <= mostBytes() ? Math.max(0, bytes) : 0;
  }

  /** Four times what the plan asks of the node that the file is of, and 1 MiB. */
  private long mostBytes() {
    int node = round.indexOf(directory).orElseThrow();
    if (round.nodes().get(node).getBitsPerProbe() == 0) {
      return 1 << 20;
    }
    long block = round.maxCodesBytes(node, 0) + 1024L;
    return 4 * block * round.blocks() + (1 << 20);
  }

  private void records(ContainerScanner.Block block, Sha256 head) {
    int at = block.from();
    int end = block.from() + block.lengthBytes();
    for (long i = 0; i < block.records() && rejects < MAX_REJECTS; i++) {
      long offset = block.offset() + (at - block.from());
      CodeBlocks.Parsed record;
      try {
        record = CodeBlocks.parse(block.window(), at, end);
      } catch (CorruptRecordException e) {
        reject(
            null,
            Reason.CORRUPT_RECORD,
            offset,
            "record " + (i + 1) + " of " + block.records() + ": " + e.getMessage());
        return;
      }
      at = record.end();
      record(record, offset, block, head);
    }
    if (at != end && rejects < MAX_REJECTS) {
      reject(
          null,
          Reason.CORRUPT_RECORD,
          block.offset() + (at - block.from()),
          (end - at) + " bytes after the last record of an Avro block");
    }
  }

  private void record(
      CodeBlocks.Parsed record, long offset, ContainerScanner.Block block, Sha256 head) {
    BlockHeader header = record.header();
    byte[] headerBytes = CodeBlocks.headerBytes(header);
    int crc = CodeBlocks.crc32c(headerBytes, block.window(), record.from(), record.lengthBytes());
    if (crc != record.crc32c()) {
      reject(
          null,
          Reason.CHECKSUM,
          offset,
          String.format(
              "header and codes have CRC-32C %08x, the record says %08x", crc, record.crc32c()));
      return;
    }
    Optional<HeaderCheck.Fault> fault =
        HeaderCheck.of(round, directory, header, record.lengthBytes());
    if (fault.isPresent()) {
      reject(header.getBlock(), fault.get().reason(), offset, fault.get().detail());
      return;
    }
    Sha256 digest =
        CodeBlocks.digest(headerBytes, block.window(), record.from(), record.lengthBytes());
    Optional<HeaderCheck.Fault> unsigned =
        SignatureCheck.of(round, directory, head, digest, record.signature());
    if (unsigned.isPresent()) {
      reject(header.getBlock(), unsigned.get().reason(), offset, unsigned.get().detail());
      return;
    }
    sink.claim(
        BlockClaim.newBuilder()
            .setHeader(header)
            .setCrc32c(crc)
            .setDigest(digest)
            .setFile(file.toString())
            .setOffset(block.offset() + (record.from() - block.from()))
            .setLengthBytes(record.lengthBytes())
            .setCodes(null)
            .build());
  }

  private void reject(Integer block, Reason reason, long offset, String detail) {
    rejects++;
    sink.reject(
        RejectedRecord.newBuilder()
            .setRound(round.plan().getId())
            .setNode(directory)
            .setBlock(block)
            .setReason(reason.label())
            .setDetail(detail)
            .setFile(HeaderCheck.shown(name))
            .setOffset(offset)
            .build());
  }
}
