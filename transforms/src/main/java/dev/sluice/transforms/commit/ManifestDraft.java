package dev.sluice.transforms.commit;

import dev.sluice.schemas.ActiveBlocks;
import dev.sluice.schemas.ActiveRange;
import dev.sluice.schemas.Certificate;
import dev.sluice.schemas.EarlierShare;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.NodeShare;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.TeacherShard;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;

/**
 * Adds up the accounts of shards, files and rejects to a manifest. Pure; order-free. FORMAT.md 7.
 */
final class ManifestDraft {
  /** Value of the manifest's field 'format'. */
  static final String FORMAT = "sluice-manifest-1";

  private static final Comparator<ShardAccount> SHARDS =
      Comparator.comparingInt(ShardAccount::getShard);

  private ManifestDraft() {}

  /**
   * The manifest of a complete round.
   *
   * @param accounts one for each shard, in any order
   */
  static Manifest of(
      PlannedRound round,
      int minNodes,
      Iterable<ShardAccount> accounts,
      Iterable<RejectFile> rejects,
      Iterable<UplinkFile> files) {
    List<ShardAccount> shards = sorted(accounts, SHARDS);
    List<RejectFile> rejectFiles = sorted(rejects, Comparator.comparing(RejectFile::getNode));
    NodeSums[] sums = nodeSums(round, shards);
    for (UplinkFile file : files) {
      round.indexOf(file.getNode()).ifPresent(node -> sums[node].uplinkBytes += file.getBytes());
    }
    for (RejectFile file : rejectFiles) {
      round.indexOf(file.getNode()).ifPresent(node -> sums[node].rejects = file.getRecords());
    }
    List<NodeAccount> nodes = new ArrayList<>();
    for (int i = 0; i < sums.length; i++) {
      nodes.add(sums[i].account(round, round.nodes().get(i)));
    }
    return Manifest.newBuilder()
        .setFormat(FORMAT)
        .setRound(round.plan().getId())
        .setPlanDigest(round.digestHex())
        .setMinNodes(minNodes)
        .setNodes(nodes)
        .setActive(active(round, shards))
        .setCertificate(certificate(round, shards, sums))
        .setTeacher(teacher(round, shards))
        .setRejects(rejectFiles)
        .setSplit(round.plan().getSplit())
        .setAverage(round.plan().getAverage())
        .setRevoked(round.isSigned() ? round.revoked() : null)
        .build();
  }

  /**
   * What of the refined rounds' digits is not what the plan says was there when it was written.
   *
   * @param accounts of a round in which no block is short, one for each shard, in any order
   */
  static List<String> changed(PlannedRound round, Iterable<ShardAccount> accounts) {
    NodeSums[] sums = nodeSums(round, sorted(accounts, SHARDS));
    List<String> changed = new ArrayList<>();
    for (int node = 0; node < sums.length; node++) {
      for (int r : round.earlierRounds(node)) {
        RefinedRound earlier = round.refined().get(r);
        String found = HexFormat.of().formatHex(sums[node].earlierDigests[r].digest());
        if (!found.equals(earlier.getDigests().get(node))) {
          changed.add(
              "the uplink of '"
                  + round.nodes().get(node).getName()
                  + "' in round '"
                  + earlier.getId()
                  + "' has changed since it was refined: found "
                  + sums[node].earlierBlocks[r]
                  + " blocks of digest "
                  + found
                  + ", expected "
                  + earlier.getBlocks().get(node)
                  + " of "
                  + earlier.getDigests().get(node));
        }
      }
    }
    return changed;
  }

  private static NodeSums[] nodeSums(PlannedRound round, List<ShardAccount> shards) {
    NodeSums[] sums = new NodeSums[round.nodes().size()];
    for (int i = 0; i < sums.length; i++) {
      sums[i] = new NodeSums(round.refined().size());
    }
    for (ShardAccount shard : shards) {
      for (NodeShare share : shard.getNodes()) {
        sums[share.getNode()].add(share);
      }
    }
    return sums;
  }

  private static Certificate certificate(
      PlannedRound round, List<ShardAccount> shards, NodeSums[] nodes) {
    double upper = 0;
    double lower = 0;
    double unsent = 0;
    double worstCase = 0;
    double variance = 0;
    for (ShardAccount shard : shards) {
      unsent += shard.getUnsent();
      upper += shard.getUpper();
      lower += shard.getLower();
      worstCase += shard.getWorstCase();
      variance += shard.getVariance();
    }
    long clipped = 0;
    long probes = 0;
    for (NodeSums node : nodes) {
      clipped += node.clipped;
      probes += node.probes;
    }
    double m = round.plan().getProbes();
    if (round.isRelative()) {
      return Certificate.newBuilder()
          .setErrorLaw("relative")
          .setUpper(finite(upper / m))
          .setUnsent(finite(unsent / m))
          .setClippedFraction(0)
          .build();
    }
    boolean uniform = round.hasErrorLaw();
    return Certificate.newBuilder()
        .setErrorLaw(uniform ? "uniform" : "none")
        .setUpper(uniform ? upper / m : null)
        .setLower(uniform ? lower / m : null)
        .setWorstCase(worstCase / m)
        .setMeanVariance(uniform ? variance / m : null)
        .setClippedFraction(probes == 0 ? 0 : clipped / ((double) probes * round.vocabulary()))
        .build();
  }

  /** A node may say that what it does not send is too much to be said: then there is no bound. */
  private static Double finite(double bound) {
    return Double.isFinite(bound) ? bound : null;
  }

  private static List<ActiveRange> active(PlannedRound round, List<ShardAccount> shards) {
    List<ActiveRange> runs = new ArrayList<>();
    for (ShardAccount shard : shards) {
      for (ActiveBlocks run : shard.getActive()) {
        List<String> names =
            run.getNodes().stream().map(node -> round.nodes().get(node).getName()).toList();
        ActiveRange last = runs.isEmpty() ? null : runs.get(runs.size() - 1);
        if (last != null
            && last.getLastBlock() == run.getFirstBlock() - 1
            && last.getNodes().equals(names)
            && last.getPlanes().equals(run.getPlanes())) {
          last.setLastBlock(run.getLastBlock());
        } else {
          runs.add(
              new ActiveRange(run.getFirstBlock(), run.getLastBlock(), names, run.getPlanes()));
        }
      }
    }
    return runs;
  }

  private static List<TeacherShard> teacher(PlannedRound round, List<ShardAccount> shards) {
    List<TeacherShard> teacher = new ArrayList<>();
    for (ShardAccount shard : shards) {
      int index = shard.getShard();
      long first = round.firstProbe(round.firstBlock(index));
      int last = round.endBlock(index) - 1;
      teacher.add(
          TeacherShard.newBuilder()
              .setName(RoundDirectory.teacherShard(index))
              .setFirstProbe(first)
              .setProbes(round.firstProbe(last) + round.probesIn(last) - first)
              .setNpySha256(shard.getNpySha256())
              .setNpyBytes(shard.getNpyBytes())
              .setAvroSha256(shard.getAvroSha256())
              .setAvroBytes(shard.getAvroBytes())
              .build());
    }
    return teacher;
  }

  private static <T> List<T> sorted(Iterable<T> items, Comparator<T> order) {
    List<T> list = new ArrayList<>();
    items.forEach(list::add);
    list.sort(order);
    return list;
  }

  /** One node's sums over shards, added in the order of shards. */
  private static final class NodeSums {
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
    private long uplinkBytes;
    private final List<Integer> prefixes = new ArrayList<>();
    private final MessageDigest[] earlierDigests;
    private final int[] earlierBlocks;
    private long rejects;

    NodeSums(int refined) {
      earlierDigests = new MessageDigest[refined];
      Arrays.setAll(earlierDigests, r -> CodeBlocks.sha256());
      earlierBlocks = new int[refined];
    }

    void add(NodeShare share) {
      for (int i = 0; i < share.getPrefixes().size(); i++) {
        if (i == prefixes.size()) {
          prefixes.add(0);
        }
        prefixes.set(i, prefixes.get(i) + share.getPrefixes().get(i));
      }
      for (EarlierShare earlier : share.getEarlier()) {
        if (earlier.getBlocks() > 0) {
          earlierDigests[earlier.getRound()].update(earlier.getDigest().bytes());
        }
        earlierBlocks[earlier.getRound()] += earlier.getBlocks();
      }
      if (share.getBlocks() > 0) {
        digests.update(share.getDigest().bytes()); // copies of rejected codes are nothing averaged
      }
      blocks += share.getBlocks();
      duplicates += share.getDuplicates();
      probes += share.getProbes();
      payloadBits += share.getPayloadBits();
      clipped += share.getClipped();
      masked += share.getMasked();
      clipSum += share.getClipSum();
      clipMax = Math.max(clipMax, share.getClipMax());
      stepSum += share.getStepSum();
    }

    NodeAccount account(PlannedRound round, NodePlan plan) {
      double payload = probes == 0 ? 0 : (double) payloadBits / probes;
      double uplink = probes == 0 ? 0 : 8.0 * uplinkBytes / probes;
      return NodeAccount.newBuilder()
          .setName(plan.getName())
          .setBlocks(blocks)
          .setMissingBlocks(plan.getBitsPerProbe() == 0 ? 0 : round.blocks() - blocks)
          .setDuplicateBlocks(duplicates)
          .setRejects(rejects)
          .setProbes(probes)
          .setBitsPerCoordinate(plan.getBitsPerCoordinate())
          .setBitsPerProbe(plan.getBitsPerProbe())
          .setPayloadBitsPerProbe(payload)
          .setUplinkBitsPerProbe(uplink)
          .setOverhead(payload == 0 ? 0 : uplink / payload - 1)
          .setClippedFraction(probes == 0 ? 0 : clipped / ((double) probes * round.vocabulary()))
          .setClippedCoordinates(clipped)
          .setMaskedCoordinates(masked)
          .setMeanClip(probes == 0 ? 0 : clipSum / probes)
          .setMaxClip(clipMax)
          .setMeanStep(probes == 0 ? 0 : stepSum / probes)
          .setDigest(HexFormat.of().formatHex(digests.digest()))
          .setPrefixes(prefixes.isEmpty() ? List.of(0) : prefixes)
          .build();
    }
  }
}
