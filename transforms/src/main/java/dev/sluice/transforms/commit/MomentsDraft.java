package dev.sluice.transforms.commit;

import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.Moments;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.allocation.SecondMoments;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.CommittedRound;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** Puts together what a committed round says about its nodes. Pure; order-free. FORMAT.md 8. */
final class MomentsDraft {
  private MomentsDraft() {}

  /**
   * The moments of a round.
   *
   * @param nodes one for each node that has any block averaged, in any order
   * @param teacher raw second moments of its shards' rows, in any order
   * @throws BadInputException if some node's blocks are not those that the round averaged
   */
  static Moments of(
      CommittedRound committed, Iterable<NodeMoments> nodes, Iterable<SecondMoments> teacher)
      throws BadInputException {
    Manifest manifest = committed.manifest();
    Map<String, NodeMoments> found = new HashMap<>();
    nodes.forEach(node -> found.put(node.getName(), node));
    List<NodeMoments> inOrder = new ArrayList<>();
    for (NodeAccount account : manifest.getNodes()) {
      NodeMoments node = found.get(account.getName());
      check(manifest.getRound(), account, node);
      if (node != null) {
        inOrder.add(node);
      }
    }
    SecondMoments rows = new SecondMoments();
    teacher.forEach(rows::merge);
    Double error = manifest.getCertificate().getMeanVariance();
    double teacherSecondMoment = rows.result().rawSecondMoment() - (error == null ? 0 : error);
    long probes = committed.round().plan().getProbes();
    return Moments.newBuilder()
        .setFormat(CommitMoments.FORMAT)
        .setRound(manifest.getRound())
        .setPlanDigest(committed.round().digestHex())
        .setManifestDigest(committed.manifestDigestHex())
        .setProbes(probes)
        .setVocabulary(committed.round().vocabulary())
        .setNodes(inOrder)
        .setTeacherSecondMoment(teacherSecondMoment)
        .setSpread(
            committed.round().trim() > 0 ? null : spread(probes, inOrder, teacherSecondMoment))
        .build();
  }

  /** Moments of other blocks than the teacher was made of are moments of nothing in this round. */
  private static void check(String round, NodeAccount account, NodeMoments node)
      throws BadInputException {
    String nothing = HexFormat.of().formatHex(CodeBlocks.sha256().digest());
    String found = node == null ? nothing : node.getDigest();
    long probes = node == null ? 0 : node.getProbes();
    boolean sameDigits = found.equals(account.getDigest());
    if (!sameDigits || probes != account.getProbes()) {
      throw new BadInputException(
          "the uplink of '"
              + account.getName()
              + "' in round '"
              + round
              + (sameDigits ? "', or in one that it refines," : "'")
              + " has changed since the round was aggregated: found "
              + probes
              + " probes of digest "
              + found
              + ", expected "
              + account.getProbes()
              + " of "
              + account.getDigest()
              + "; aggregate it again");
    }
  }

  /**
   * τ²: of K nodes that all sent every probe, the teacher is x̄ = Σx_i/K but for its error, and for
   * each logit {@code Σ(x_i − x̄)² = Σx_i² − K·x̄²}. Over K − 1, and averaged over probes and
   * coordinates, that is the sample variance of a logit between nodes, with the variances of the
   * errors taken out of each square. Each node's logits are centred by their own midrange, so it is
   * the variance of the centred logits, as clipped. Where it is small beside the errors the
   * difference may come out below 0, and is then 0. Of a trimmed mean none of this holds.
   */
  private static Double spread(long probes, List<NodeMoments> nodes, double teacher) {
    if (nodes.size() < 2 || nodes.stream().anyMatch(node -> node.getProbes() != probes)) {
      return null;
    }
    double sum = 0;
    for (NodeMoments node : nodes) {
      sum += node.getSecondMoment();
    }
    return Math.max(0, (sum - nodes.size() * teacher) / (nodes.size() - 1));
  }
}
