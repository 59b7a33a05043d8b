package dev.sluice.runners;

import dev.sluice.schemas.AllocatedNode;
import dev.sluice.schemas.Allocation;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.Moments;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Predicted;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Split;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.allocation.Policy;
import dev.sluice.transforms.allocation.ResidualSplit;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;

/** Plans that follow from an earlier round: with its bits divided anew, or refining it. */
final class SuccessorPlan {
  private SuccessorPlan() {}

  /**
   * A plan with its nodes, whose other terms can still be changed.
   *
   * @param names the nodes' names, in order
   */
  record Drafted(PlanDraft draft, List<String> names) {}

  /**
   * A round like another, with its bits divided by an allocation.
   *
   * @param directory the new round's
   * @param file allocation document
   * @throws IOException if it is no allocation of that round, or not one that a plan takes
   */
  static Drafted allocated(RoundDirectory warmUp, RoundDirectory directory, String file, String id)
      throws IOException {
    checkApart(warmUp, directory);
    PlannedRound base = RoundRunner.plan(warmUp);
    checkId(base, id);
    MomentsRunner.checkClipped(base);
    String path = Locations.existing(file).resourceId().toString();
    byte[] json = Storage.read(path, PlainJson.MAX_BYTES);
    Allocation split = PlainJson.read(Allocation.class, Allocation.getClassSchema(), json, path);
    checkTerms(path, split, base);
    // Of several warm-up rounds, the allocation has all digests.
    if (split.getPlanDigest() == null
        || !List.of(split.getPlanDigest().split(",", -1)).contains(base.digestHex())) {
      throw new BadInputException(
          path
              + ": an allocation of "
              + (split.getPlanDigest() == null
                  ? "weights from a file"
                  : "the plan of digest " + split.getPlanDigest())
              + ", expected one of "
              + base.source()
              + ", whose digest is "
              + base.digestHex());
    }
    List<String> names = base.nodes().stream().map(NodePlan::getName).toList();
    List<String> found = split.getNodes().stream().map(AllocatedNode::getName).toList();
    if (!found.equals(names)) {
      throw new BadInputException(
          path
              + ": found the nodes "
              + SluiceCommand.names(found)
              + ", expected those of "
              + base.source()
              + ": "
              + SluiceCommand.names(names));
    }
    PlanDraft draft = PlanDraft.like(base.plan(), id);
    double spent = 0;
    for (AllocatedNode node : split.getNodes()) {
      double bits = node.getBitsPerCoordinate();
      if (bits != 0 && !(bits >= 1 && bits <= PlannedRound.MAX_BITS)) {
        throw new BadInputException(
            path
                + ": node '"
                + node.getName()
                + "': found "
                + bits
                + " bits per coordinate, expected 0 or 1 to 16, which is what a plan takes");
      }
      spent += bits;
      draft.withNode(node.getName(), bits);
    }
    if (!(spent <= split.getTotalBitsPerCoordinate())) {
      throw new BadInputException(
          path
              + ": the nodes have "
              + spent
              + " bits per coordinate, more than the total of "
              + split.getTotalBitsPerCoordinate());
    }
    if (base.plan().getClip().getPolicy().equals("fixed")) {
      List<Double> levels = new ArrayList<>();
      for (int i = 0; i < names.size(); i++) {
        Double level = split.getNodes().get(i).getClip();
        levels.add(level == null ? plannedLevel(base.plan().getClip(), i) : level); // left out
      }
      draft.withClip(PlanDraft.fixedClips(levels));
    }
    draft.withSplit(
        new Split(
            split.getPolicy(),
            split.getWeights(),
            split.getTotalBitsPerCoordinate(),
            split.getNodes().stream().map(AllocatedNode::getWeight).toList(),
            split.getPredicted(),
            HexFormat.of().formatHex(CodeBlocks.sha256().digest(json))));
    return new Drafted(draft, names);
  }

  private static double plannedLevel(ClipPolicy clip, int node) {
    return clip.getLevel() == null ? clip.getLevels().get(node) : clip.getLevel();
  }

  /**
   * A round that refines another, which must be committed and as it was then.
   *
   * @param directory the new round's
   */
  static Refinement refining(RoundDirectory refined, RoundDirectory directory, String id)
      throws IOException {
    checkApart(refined, directory);
    PlannedRound base = RoundRunner.plan(refined);
    checkId(base, id);
    if (base.isRelative()) {
      throw new BadInputException(
          base.source()
              + ": a round of the reference channel has no further digits; a new round with"
              + " --channel reference --reference "
              + refined.root()
              + " goes on from its teacher");
    }
    Moments moments = MomentsRunner.measure(base, refined);
    Manifest manifest = RoundRunner.manifest(refined);
    List<RefinedRound> rounds = new ArrayList<>();
    for (RefinedRound earlier : base.refined()) {
      String there = RefinedRounds.resolve(refined.root(), earlier.getDirectory());
      rounds.add(
          RefinedRound.newBuilder(earlier)
              .setDirectory(RefinedRounds.relative(directory.root(), there))
              .build());
    }
    rounds.add(
        new RefinedRound(
            base.plan().getId(),
            base.digestHex(),
            RefinedRounds.relative(directory.root(), refined.root()),
            base.nodes().stream().map(NodePlan::getBitsPerCoordinate).toList(),
            manifest.getNodes().stream().map(NodeAccount::getBlocks).toList(),
            manifest.getNodes().stream().map(NodeAccount::getDigest).toList()));
    if (rounds.size() > PlannedRound.MAX_REFINED) {
      throw new BadInputException(
          base.source()
              + ": refines "
              + base.refined().size()
              + " rounds; a plan refines at most "
              + PlannedRound.MAX_REFINED
              + ". Plan a round that refines nothing");
    }
    return new Refinement(base, moments, rounds, id);
  }

  private static void checkTerms(String path, Allocation split, PlannedRound base)
      throws BadInputException {
    check(path, "format", split.getFormat(), AllocationTask.FORMAT);
    check(path, "vocabulary", "" + split.getVocabulary(), "" + base.vocabulary());
    for (AllocatedNode node : split.getNodes()) {
      Double clip = node.getClip();
      if (!(node.getWeight() >= 0) || (clip != null && !(clip > 0))) {
        throw new BadInputException(
            path
                + ": node '"
                + node.getName()
                + "': found weight "
                + node.getWeight()
                + " and clip "
                + clip
                + ", expected a weight of at least 0 and a clip above 0");
      }
    }
  }

  private static void check(String path, String field, String found, String expected)
      throws BadInputException {
    if (!found.equals(expected)) {
      throw new BadInputException(
          path
              + ": field '"
              + field
              + "': found '"
              + Texts.printable(found)
              + "', expected "
              + expected);
    }
  }

  private static void checkApart(RoundDirectory earlier, RoundDirectory directory)
      throws BadInputException {
    if (earlier.equals(directory)) {
      throw new BadInputException(
          directory.root()
              + ": the directory of the round that this one follows; its plan would take the place"
              + " of the plan that the earlier round's uplinks need. It goes into a directory of"
              + " its own");
    }
  }

  /** Ids tell rounds apart; and under the same one, errors would repeat. */
  private static void checkId(PlannedRound base, String id) throws BadInputException {
    boolean taken =
        base.plan().getId().equals(id)
            || base.refined().stream().anyMatch(earlier -> earlier.getId().equals(id));
    if (taken) {
      throw new BadInputException(
          base.source()
              + ": id '"
              + id
              + "' is of "
              + (base.plan().getId().equals(id) ? "this round" : "a round that this one refines")
              + " already; a round that follows needs a new one");
    }
  }

  /** A refinement whose bits are still to be said. */
  static final class Refinement {
    private final PlannedRound base;
    private final Moments moments;
    private final List<RefinedRound> rounds;
    private final String id;

    private Refinement(PlannedRound base, Moments moments, List<RefinedRound> rounds, String id) {
      this.base = base;
      this.moments = moments;
      this.rounds = rounds;
      this.id = id;
    }

    /** The nodes, in order. */
    List<String> names() {
      return base.nodes().stream().map(NodePlan::getName).toList();
    }

    /** Nodes of which some blocks lack earlier digits. */
    List<String> gaps() {
      List<String> gaps = new ArrayList<>();
      for (RefinedRound round : rounds) {
        for (int node = 0; node < names().size(); node++) {
          int blocks = round.getBlocks().get(node);
          if (blocks > 0 && blocks < base.blocks()) {
            gaps.add(
                (base.blocks() - blocks)
                    + " of "
                    + base.blocks()
                    + " blocks of '"
                    + names().get(node)
                    + "' have no digits in round '"
                    + round.getId()
                    + "'");
          }
        }
      }
      return gaps;
    }

    /** Nodes of which nothing was averaged so far: they have no digits to go on from. */
    List<String> newcomers() {
      List<String> averaged = moments.getNodes().stream().map(NodeMoments::getName).toList();
      return names().stream().filter(name -> !averaged.contains(name)).toList();
    }

    /** With bits per coordinate by node, in the plan's order. */
    PlanDraft withBits(Map<String, Double> bits) {
      RoundPlan plan = base.plan();
      PlanDraft draft = PlanDraft.like(plan, id).refining(rounds, plan.getLayout());
      bits.forEach(draft::withNode);
      return draft;
    }

    /**
     * With bits by water-filling over the variances of the nodes' errors so far.
     *
     * @param asked sum over nodes of bits per coordinate; null for as many as the refined round had
     */
    PlanDraft byWaterFilling(Double asked) throws BadInputException {
      double had = base.nodes().stream().mapToDouble(NodePlan::getBitsPerCoordinate).sum();
      double total = asked == null ? had : asked;
      if (!base.quantizer().isDithered()) {
        throw new BadInputException(
            base.source()
                + ": quantizer '"
                + base.plan().getQuantizer()
                + "' has no error law to divide bits by; say them with --bits-per-coordinate");
      }
      if (base.trim() > 0) {
        throw new BadInputException(
            base.source()
                + ": its average is a trimmed mean, and bits are divided for the error of a mean; say"
                + " them with --bits-per-coordinate");
      }
      Map<String, NodeMoments> known = new HashMap<>();
      moments.getNodes().forEach(node -> known.put(node.getName(), node));
      double[] residuals = new double[names().size()];
      double[] caps = new double[residuals.length];
      for (int i = 0; i < residuals.length; i++) {
        NodeMoments node = known.get(names().get(i));
        residuals[i] = node == null ? 0 : node.getDitherVariance();
        caps[i] = node == null ? 0 : room(i);
      }
      if (known.size() > 0 && Arrays.stream(caps).allMatch(cap -> cap < 1)) {
        throw new BadInputException(
            base.source()
                + ": no node has room for another digit: all planes of a node have at most "
                + PlannedRound.maxDepth(names().size())
                + " bits per coordinate together, where "
                + names().size()
                + " nodes are averaged in float32");
      }
      ResidualSplit split;
      try {
        split = ResidualSplit.of(names(), residuals, caps, total);
      } catch (IllegalArgumentException e) {
        throw new BadInputException(base.source() + ": " + e.getMessage(), e);
      }
      Map<String, Double> bits = new LinkedHashMap<>();
      for (int i = 0; i < residuals.length; i++) {
        bits.put(names().get(i), split.bits()[i]);
      }
      return withBits(bits)
          .withSplit(
              new Split(
                  Policy.WATER_FILLING.label(),
                  ResidualSplit.WEIGHTS,
                  total,
                  DoubleStream.of(residuals).boxed().toList(),
                  new Predicted(split.predicted(), split.uniform(), split.inverse()),
                  null));
    }

    /** Bits that a node's further digits may still have. */
    private double room(int node) {
      double had = 0;
      for (RefinedRound round : rounds) {
        if (round.getBlocks().get(node) > 0) {
          had += round.getBitsPerCoordinate().get(node);
        }
      }
      return Math.min(PlannedRound.MAX_BITS, PlannedRound.maxDepth(names().size()) - had);
    }
  }
}
