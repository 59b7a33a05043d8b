package dev.sluice.transforms.aggregation;

import dev.sluice.schemas.ActiveBlocks;
import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.NodeShare;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.ShortBlock;
import dev.sluice.schemas.TeacherBlock;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.channel.Accumulator;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.RangeReader;
import dev.sluice.transforms.uplink.Reason;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * The K-fold average of one shard: block by block, reads each seated node's codes, adds what they
 * decode to, divides, and hands the block to a sink. Holds one block's sums, one block's codes and
 * the shard's claims. Not thread-safe; reusable for shard after shard.
 */
public final class ShardAverager {
  private static final int MISSING_SHOWN = 8;
  private static final int SHORT_SHOWN = 64;

  private final PlannedRound round;
  private final int minNodes;
  private final RangeReader reader;
  private final Accumulator sums;
  private final float[] mean;
  private final ByteBuffer logits;
  private final double[] scratch;
  private byte[] codes = new byte[0];

  /**
   * An averager for a round.
   *
   * @param minNodes fewest nodes for a block, 1 .. nodes with bits
   * @param reader where claims without inline codes are read from
   */
  public ShardAverager(PlannedRound round, int minNodes, RangeReader reader) {
    this.round = round;
    this.minNodes = minNodes;
    this.reader = reader;
    int probes = round.probesIn(0);
    this.sums = new Accumulator(probes, round.vocabulary());
    this.mean = new float[probes * round.vocabulary()];
    this.scratch = new double[round.vocabulary()];
    this.logits = ByteBuffer.allocate(4 * mean.length).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Averages one shard.
   *
   * @param claims claims whose headers agree with the plan, in any order; iterated once
   * @param sink takes the averaged blocks
   * @param rejects takes claims that turn out not to count
   */
  public ShardAccount average(
      int shard, Iterable<BlockClaim> claims, TeacherSink sink, Consumer<RejectedRecord> rejects)
      throws IOException {
    ShardAccount account = emptyAccount(shard);
    Share[] shares = new Share[round.nodes().size()];
    try {
      Quorum quorum = Quorum.of(round, shard, claims, rejects);
      for (int node = 0; node < shares.length; node++) {
        if (quorum.duplicates(node) > 0) {
          share(shares, node).duplicates = quorum.duplicates(node);
        }
      }
      for (int block = round.firstBlock(shard); block < round.endBlock(shard); block++) {
        average(block, quorum.seats(block), account, shares, sink, rejects);
      }
      for (int node = 0; node < shares.length; node++) {
        if (shares[node] != null) {
          account.getNodes().add(shares[node].record(node));
        }
      }
      sink.finish(account);
      return account;
    } catch (IOException | RuntimeException e) {
      try {
        sink.abandon();
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
  }

  private void average(
      int block,
      List<Quorum.Seat> seats,
      ShardAccount account,
      Share[] shares,
      TeacherSink sink,
      Consumer<RejectedRecord> rejects)
      throws IOException {
    int probes = round.probesIn(block);
    sums.reset(probes);
    List<Quorum.Seat> active = new ArrayList<>(seats.size());
    List<double[]> clips = new ArrayList<>(seats.size());
    for (Quorum.Seat seat : seats) {
      BlockClaim claim = seat.claim();
      byte[] bytes = codes(claim);
      try {
        sums.add(
            round.shape(seat.node(), block),
            round.quantizer(),
            round.key(seat.node()),
            block,
            round.firstProbe(block),
            claim.getHeader().getClip(),
            round.nodes().size(),
            bytes);
        active.add(seat);
        clips.add(sums.clips());
      } catch (BadCodesException e) {
        rejects.accept(Quorum.reject(round, claim, Reason.BAD_CODES, e.getMessage()));
      }
    }
    if (active.size() < minNodes) {
      tooFew(block, active, account);
      sink.skip();
      return;
    }
    BlockShape[] shapes = new BlockShape[active.size()];
    List<Integer> nodes = new ArrayList<>(active.size());
    for (int i = 0; i < shapes.length; i++) {
      shapes[i] = round.shape(active.get(i).node(), block);
      nodes.add(active.get(i).node());
      share(shares, nodes.get(i)).add(active.get(i).claim(), shapes[i], clips.get(i));
    }
    activate(account.getActive(), block, nodes);
    sums.mean(active.size(), mean);
    certify(account, shapes, clips, probes);
    sink.write(teacher(block, probes, nodes), mean);
  }

  private void certify(
      ShardAccount account, BlockShape[] shapes, List<double[]> clips, int probes) {
    int vocabulary = round.vocabulary();
    BlockCertificate certificate =
        new BlockCertificate(
            round.quantizer().isDithered(),
            Arrays.stream(shapes).map(BlockShape::law).toList(),
            clips.toArray(new double[0][]));
    for (int probe = 0; probe < probes; probe++) {
      certificate.add(probe, mean, probe * vocabulary, vocabulary, scratch);
    }
    account.setUpper(account.getUpper() + certificate.upper());
    account.setLower(account.getLower() + certificate.lower());
    account.setWorstCase(account.getWorstCase() + certificate.worstCase());
    account.setVariance(account.getVariance() + certificate.variance());
  }

  private TeacherBlock teacher(int block, int probes, List<Integer> nodes) {
    logits.clear();
    logits.asFloatBuffer().put(mean, 0, probes * round.vocabulary());
    logits.limit(4 * probes * round.vocabulary());
    return TeacherBlock.newBuilder()
        .setRound(round.plan().getId())
        .setPlan(round.digest())
        .setBlock(block)
        .setFirstProbe(round.firstProbe(block))
        .setProbes(probes)
        .setVocabulary(round.vocabulary())
        .setActiveNodes(nodes)
        .setLogits(logits.duplicate().order(ByteOrder.LITTLE_ENDIAN))
        .build();
  }

  /** The claim's codes, verified against its checksum; valid until the next call. */
  private byte[] codes(BlockClaim claim) throws IOException {
    int length = claim.getLengthBytes();
    if (codes.length != length) {
      codes = new byte[length];
    }
    if (claim.getCodes() != null) {
      claim.getCodes().asReadOnlyBuffer().get(codes);
    } else {
      reader.read(claim.getFile(), claim.getOffset(), codes, length);
    }
    int crc = CodeBlocks.crc32c(CodeBlocks.headerBytes(claim.getHeader()), codes, 0, length);
    if (crc != claim.getCrc32c()) {
      throw new IOException(
          claim.getFile()
              + ": block "
              + claim.getHeader().getBlock()
              + " at byte "
              + claim.getOffset()
              + " changed while the round was being aggregated; run it again");
    }
    return codes;
  }

  private void tooFew(int block, List<Quorum.Seat> active, ShardAccount account) {
    account.setShortBlocks(account.getShortBlocks() + 1);
    if (account.getShortfalls().size() >= SHORT_SHOWN) {
      return;
    }
    List<Integer> missing = new ArrayList<>();
    int at = 0;
    for (int node = 0; node < round.nodes().size() && missing.size() < MISSING_SHOWN; node++) {
      if (at < active.size() && active.get(at).node() == node) {
        at++;
      } else if (round.nodes().get(node).getBitsPerProbe() > 0) {
        missing.add(node);
      }
    }
    account.getShortfalls().add(new ShortBlock(block, active.size(), missing));
  }

  private static void activate(List<ActiveBlocks> runs, int block, List<Integer> nodes) {
    ActiveBlocks last = runs.isEmpty() ? null : runs.get(runs.size() - 1);
    if (last != null && last.getLastBlock() == block - 1 && last.getNodes().equals(nodes)) {
      last.setLastBlock(block);
    } else {
      runs.add(
          new ActiveBlocks(block, block, nodes, java.util.Collections.nCopies(nodes.size(), 1)));
    }
  }

  private static ShardAccount emptyAccount(int shard) {
    return ShardAccount.newBuilder()
        .setShard(shard)
        .setAside("")
        .setNpySha256("")
        .setNpyBytes(0)
        .setAvroSha256("")
        .setAvroBytes(0)
        .setUpper(0)
        .setLower(0)
        .setWorstCase(0)
        .setVariance(0)
        .setActive(new ArrayList<>())
        .setShortfalls(new ArrayList<>())
        .setShortBlocks(0)
        .setNodes(new ArrayList<>())
        .build();
  }

  private static Share share(Share[] shares, int node) {
    if (shares[node] == null) {
      shares[node] = new Share();
    }
    return shares[node];
  }

  /** One node's part, as it grows. */
  private static final class Share {
    private final MessageDigest digests = CodeBlocks.sha256();
    private int blocks;
    private int duplicates;
    private long probes;
    private long payloadBits;
    private long clipped;
    private long masked;
    private double clipSum;
    private double clipMax;
    private double stepSum;

    void add(BlockClaim claim, BlockShape shape, double[] clips) {
      BlockHeader header = claim.getHeader();
      digests.update(claim.getDigest().bytes());
      blocks++;
      probes += header.getProbes();
      payloadBits += header.getPayloadBits();
      clipped += header.getClipped();
      masked += header.getMasked();
      for (double clip : clips) {
        clipSum += clip;
        clipMax = Math.max(clipMax, clip);
        stepSum += shape.meanStep(clip);
      }
    }

    NodeShare record(int node) {
      return NodeShare.newBuilder()
          .setNode(node)
          .setBlocks(blocks)
          .setDuplicates(duplicates)
          .setProbes(probes)
          .setPayloadBits(payloadBits)
          .setClipped(clipped)
          .setMasked(masked)
          .setClipSum(clipSum)
          .setClipMax(clipMax)
          .setStepSum(stepSum)
          .setDigest(new Sha256(digests.digest()))
          .setPrefixes(new ArrayList<>(List.of(blocks)))
          .setEarlier(new ArrayList<>())
          .build();
    }
  }
}
