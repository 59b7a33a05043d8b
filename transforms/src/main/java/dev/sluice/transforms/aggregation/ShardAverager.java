package dev.sluice.transforms.aggregation;

import dev.sluice.schemas.ActiveBlocks;
import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.EarlierShare;
import dev.sluice.schemas.NodeShare;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.ShortBlock;
import dev.sluice.schemas.TeacherBlock;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.RangeReader;
import dev.sluice.transforms.uplink.ClaimCodes;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The K-fold average of one shard: block by block, reads each seated node's codes, adds what they
 * decode to, divides, and hands the block to a sink. Holds one block's sums, one block's codes and
 * the shard's claims. Not thread-safe; reusable for shard after shard.
 */
public final class ShardAverager implements Closeable {
  private static final int MISSING_SHOWN = 8;
  private static final int SHORT_SHOWN = 64;

  private final PlannedRound round;
  private final int minNodes;
  private final BlockAverage blocks;
  private final float[] mean;
  private final ByteBuffer logits;

  /**
   * An averager for a round.
   *
   * @param minNodes fewest nodes for a block, 1 .. nodes with bits; a trimmed mean of f nodes needs
   *     2f + 1 in any case
   * @param reader where claims without inline codes are read from
   * @param references where those of the plan lie; null but in the reference channel
   */
  public ShardAverager(
      PlannedRound round, int minNodes, RangeReader reader, RoundDirectory references) {
    this.round = round;
    this.minNodes = minNodes;
    ClaimCodes codes = new ClaimCodes(round, reader);
    this.blocks =
        round.isRelative()
            ? new RelativeAverage(round, codes, references)
            : new ClippedAverage(round, codes);
    this.mean = new float[round.probesIn(0) * round.vocabulary()];
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
    blocks.begin(block);
    List<BlockAverage.Prefix> active = new ArrayList<>(seats.size());
    for (Quorum.Seat seat : seats) {
      BlockAverage.Prefix prefix = blocks.add(seat, rejects);
      if (prefix != null) {
        active.add(prefix);
      }
    }
    if (active.size() <= 2 * round.trim()
        || active.stream().filter(this::hasOwn).count() + excused(active) < minNodes) {
      tooFew(block, active, account);
      sink.skip();
      return;
    }
    List<Integer> nodes = new ArrayList<>(active.size());
    List<Integer> planes = new ArrayList<>(active.size());
    for (BlockAverage.Prefix prefix : active) {
      nodes.add(prefix.node());
      planes.add(prefix.claims().size());
      share(shares, prefix.node()).add(prefix, hasOwn(prefix));
    }
    activate(account.getActive(), block, nodes, planes);
    blocks.mean(mean);
    blocks.certify(account, mean);
    sink.write(teacher(block, probes, nodes), mean);
  }

  /**
   * Nodes whose earlier digits of this block are not whole, so that what they send now cannot count
   * for it. That those digits have not gone since is what the commit sees to, by their digests.
   */
  private long excused(List<BlockAverage.Prefix> active) {
    long excused = 0;
    int at = 0;
    for (int node = 0; node < round.nodes().size(); node++) {
      int planes = 0;
      if (at < active.size() && active.get(at).node() == node) {
        planes = active.get(at++).claims().size();
      }
      if (round.nodes().get(node).getBitsPerProbe() > 0 && planes < round.plane(node)) {
        excused++;
      }
    }
    return excused;
  }

  /** Whether a prefix ends with what its node sent in this round. */
  private boolean hasOwn(BlockAverage.Prefix prefix) {
    BlockClaim last = prefix.claims().get(prefix.claims().size() - 1);
    return last.getHeader().getRound().equals(round.plan().getId());
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

  private void tooFew(int block, List<BlockAverage.Prefix> active, ShardAccount account) {
    account.setShortBlocks(account.getShortBlocks() + 1);
    if (account.getShortfalls().size() >= SHORT_SHOWN) {
      return;
    }
    Set<Integer> present =
        active.stream()
            .filter(this::hasOwn)
            .map(BlockAverage.Prefix::node)
            .collect(Collectors.toSet());
    List<Integer> missing = new ArrayList<>();
    for (int node = 0; node < round.nodes().size() && missing.size() < MISSING_SHOWN; node++) {
      if (round.nodes().get(node).getBitsPerProbe() > 0 && !present.contains(node)) {
        missing.add(node);
      }
    }
    account.getShortfalls().add(new ShortBlock(block, present.size(), missing));
  }

  private static void activate(
      List<ActiveBlocks> runs, int block, List<Integer> nodes, List<Integer> planes) {
    ActiveBlocks last = runs.isEmpty() ? null : runs.get(runs.size() - 1);
    if (last != null
        && last.getLastBlock() == block - 1
        && last.getNodes().equals(nodes)
        && last.getPlanes().equals(planes)) {
      last.setLastBlock(block);
    } else {
      runs.add(new ActiveBlocks(block, block, nodes, planes));
    }
  }

  /** Closes what was opened besides the claims' files; further shards open it again. */
  @Override
  public void close() throws IOException {
    blocks.close();
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
        .setUnsent(0)
        .setWorstCase(0)
        .setVariance(0)
        .setActive(new ArrayList<>())
        .setShortfalls(new ArrayList<>())
        .setShortBlocks(0)
        .setNodes(new ArrayList<>())
        .build();
  }

  private Share share(Share[] shares, int node) {
    if (shares[node] == null) {
      shares[node] = new Share(round, node);
    }
    return shares[node];
  }

  /** One node's part, as it grows. */
  private static final class Share {
    private final List<Integer> earlierRounds;
    private final MessageDigest digests = CodeBlocks.sha256();
    private final MessageDigest[] earlierDigests;
    private final int[] earlierBlocks;
    private final int[] prefixes;
    private int blocks;
    private int duplicates;
    private long probes;
    private long payloadBits;
    private long clipped;
    private long masked;
    private double clipSum;
    private double clipMax;
    private double stepSum;

    Share(PlannedRound round, int node) {
      earlierRounds = round.earlierRounds(node);
      earlierDigests = new MessageDigest[earlierRounds.size()];
      Arrays.setAll(earlierDigests, plane -> CodeBlocks.sha256());
      earlierBlocks = new int[earlierDigests.length];
      int own = round.nodes().get(node).getBitsPerProbe() > 0 ? 1 : 0;
      prefixes = new int[Math.max(1, earlierDigests.length + own)];
    }

    void add(BlockAverage.Prefix prefix, boolean withOwn) {
      int length = prefix.claims().size();
      BlockHeader first = prefix.claims().get(0).getHeader();
      BlockClaim last = prefix.claims().get(length - 1);
      for (int plane = 0; plane < length - (withOwn ? 1 : 0); plane++) {
        earlierDigests[plane].update(prefix.claims().get(plane).getDigest().bytes());
        earlierBlocks[plane]++;
      }
      if (withOwn) {
        digests.update(last.getDigest().bytes());
        payloadBits += last.getHeader().getPayloadBits();
        blocks++;
      }
      prefixes[length - 1]++;
      probes += first.getProbes();
      clipped += first.getClipped();
      masked += first.getMasked();
      for (double clip : prefix.clips()) {
        clipSum += clip;
        clipMax = Math.max(clipMax, clip);
        stepSum += prefix.meanStep() * clip;
      }
    }

    NodeShare record(int node) {
      List<EarlierShare> earlier = new ArrayList<>();
      for (int plane = 0; plane < earlierBlocks.length; plane++) {
        Sha256 digest = new Sha256(earlierDigests[plane].digest());
        earlier.add(new EarlierShare(earlierRounds.get(plane), earlierBlocks[plane], digest));
      }
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
          .setPrefixes(Arrays.stream(prefixes).boxed().toList())
          .setEarlier(earlier)
          .build();
    }
  }
}
