package dev.sluice.transforms.round;

import dev.sluice.schemas.Average;
import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.ReferencePlan;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Split;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.allocation.Levels;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What a hub decides about a round; {@link #finish} adds what follows from it (whole bits, block
 * layout) and checks the whole.
 */
public final class PlanDraft {
  /** Logits of a teacher block, and so the accumulator of a block, in bytes as float32. */
  private static final int BLOCK_BYTES = 1 << 20;

  /** The same in the reference channel, whose headers would weigh too much in smaller blocks. */
  private static final int RELATIVE_BLOCK_BYTES = 4 << 20;

  /** Logits of a teacher shard in bytes as float32. */
  private static final int SHARD_BYTES = 64 << 20;

  /**
   * Most block claims of one round that one shard's average sorts in memory; a refinement has as
   * many for each round that it refines.
   */
  private static final int SHARD_CLAIMS = 1 << 14;

  /** Most that a trimmed mean holds back of a block, in bytes as float64. */
  static final long EXTREMES_BYTES = 128 << 20;

  private final RoundPlan plan = new RoundPlan();

  /**
   * @param id round id
   * @param probes m
   * @param vocabulary V
   */
  public PlanDraft(String id, long probes, int vocabulary) {
    plan.setFormat(PlannedRound.FORMAT);
    plan.setId(id);
    plan.setDitherRound(id);
    plan.setProbes(probes);
    plan.setVocabulary(vocabulary);
    plan.setSeed(0);
    plan.setQuantizer("dither");
    plan.setClip(new ClipPolicy("auto", null, null));
    plan.setNodes(new ArrayList<>());
  }

  /** Another round's plan under a new id, without its nodes. */
  public static PlanDraft like(RoundPlan other, String id) {
    return new PlanDraft(id, other.getProbes(), other.getVocabulary())
        .withSeed(other.getSeed())
        .withQuantizer(other.getQuantizer())
        .withClip(other.getClip())
        .withProbeSet(other.getProbeSetDigest())
        .withTokenizer(other.getTokenizerDigest())
        .withAverage(other.getAverage())
        .withReference(other.getReference());
  }

  /** m, in place of what was said before. */
  public PlanDraft withProbes(long probes) {
    plan.setProbes(probes);
    return this;
  }

  /**
   * Refines earlier rounds.
   *
   * @param rounds in order; the first one's dither is used
   * @param layout theirs
   */
  public PlanDraft refining(List<RefinedRound> rounds, BlockLayout layout) {
    plan.setRefines(rounds);
    plan.setDitherRound(rounds.get(0).getId());
    plan.setLayout(layout);
    return this;
  }

  /** Says how the bits were divided. */
  public PlanDraft withSplit(Split split) {
    plan.setSplit(split);
    return this;
  }

  /**
   * Adds a node with b bits per coordinate, 0 or in [1, 16].
   *
   * <p>A b that is B/V to the last digit means B bits per probe, and becomes the next float64 above
   * where ⌊b·V⌋ would lose one of them: 4.35 is a little less than 435/100 in float64, and with V =
   * 100 the plan says 4.350000000000001.
   */
  public PlanDraft withNode(String name, double bitsPerCoordinate) {
    double bits = keepingWholeBits(bitsPerCoordinate, plan.getVocabulary());
    long whole = (long) Math.floor(bits * plan.getVocabulary());
    plan.getNodes().add(new NodePlan(name, bits, whole, null));
    return this;
  }

  /** Values out of range are left for the check of the whole plan to name. */
  private static double keepingWholeBits(double bits, int vocabulary) {
    if (!(bits >= 0 && bits <= Levels.MAX_BITS) || vocabulary < 2) {
      return bits;
    }
    long nearest = Math.round(bits * vocabulary);
    return (double) nearest / vocabulary == bits
        ? Levels.bitsPerCoordinate(nearest, vocabulary)
        : bits;
  }

  /** Adds nodes with a common b and exceptions by name. */
  public PlanDraft withNodes(List<String> names, double bits, Map<String, Double> exceptions) {
    for (String name : names) {
      withNode(name, exceptions.getOrDefault(name, bits));
    }
    return this;
  }

  /**
   * Gives nodes their public keys, in place of those they had: the round will be signed.
   *
   * @param keys by name of node, in base64; of no use to nodes that are added later
   */
  public PlanDraft withKeys(Map<String, List<String>> keys) {
    plan.getNodes().forEach(node -> node.setKeys(keys.get(node.getName())));
    return this;
  }

  /** Names of the nodes so far, in order. */
  public List<String> names() {
    return plan.getNodes().stream().map(NodePlan::getName).toList();
  }

  /** Seed of the run; 0 by default, fresh dither coming from the round's id. */
  public PlanDraft withSeed(long seed) {
    plan.setSeed(seed);
    return this;
  }

  /** One of the quantizer labels; 'dither' by default. */
  public PlanDraft withQuantizer(String label) {
    plan.setQuantizer(label);
    return this;
  }

  /** 'auto' (default), 'probe', or a level in logits. */
  public PlanDraft withClip(ClipPolicy policy) {
    plan.setClip(policy);
    return this;
  }

  /** Hexadecimal digest of the probe set that sites must match, or null. */
  public PlanDraft withProbeSet(String digest) {
    plan.setProbeSetDigest(digest);
    return this;
  }

  /** Hexadecimal digest of the tokenizer that sites must match, or null. */
  public PlanDraft withTokenizer(String digest) {
    plan.setTokenizerDigest(digest);
    return this;
  }

  /** How nodes are averaged; null, the default, is their mean. */
  public PlanDraft withAverage(Average average) {
    plan.setAverage(average);
    return this;
  }

  /** The public reference that logits are sent relative to; null, the default, is none. */
  public PlanDraft withReference(ReferencePlan reference) {
    plan.setReference(reference);
    return this;
  }

  /** Policy 'fixed': one level where all are equal, else one for each node in the plan's order. */
  public static ClipPolicy fixedClips(List<Double> levels) {
    return levels.stream().distinct().count() == 1
        ? new ClipPolicy("fixed", levels.get(0), null)
        : new ClipPolicy("fixed", null, levels);
  }

  /**
   * The checked plan.
   *
   * @param source name of the document it will become, for messages
   */
  public PlannedRound finish(String source) throws IOException {
    if (plan.getLayout() == null) {
      plan.setLayout(layout());
    }
    return PlannedRound.parse(PlainJson.write(plan), source);
  }

  private BlockLayout layout() {
    int vocabulary = Math.max(2, plan.getVocabulary());
    long probes = Math.max(1, plan.getProbes());
    int trim = plan.getAverage() == null ? 0 : plan.getAverage().getTrim();
    long held = Math.max(1, EXTREMES_BYTES / (16L * Math.max(1, trim) * vocabulary));
    boolean relative = plan.getReference() != null;
    long fits = relative ? codesFit() : held;
    int perBlock = (int) Math.min(Math.min(probes, fits), maxProbesPerBlock(vocabulary, relative));
    long blockBytes = 4L * vocabulary * perBlock;
    long perShard =
        Math.min(SHARD_BYTES / blockBytes, SHARD_CLAIMS / Math.max(1, plan.getNodes().size()));
    return new BlockLayout(perBlock, (int) Math.max(1, perShard));
  }

  /** Most probes of which all that the best node may send fits a block's codes. */
  private long codesFit() {
    long most = plan.getNodes().stream().mapToLong(NodePlan::getBitsPerProbe).max().orElse(1);
    return Math.max(1, 8L * CodeBlocks.MAX_CODES_BYTES / Math.max(1, most));
  }

  /**
   * Most probes of which a block's float32 logits fit 1 MiB, 4 MiB in the reference channel; one
   * where a single probe exceeds it.
   */
  public static int maxProbesPerBlock(int vocabulary, boolean relative) {
    return Math.max(1, (int) ((relative ? RELATIVE_BLOCK_BYTES : BLOCK_BYTES) / (4L * vocabulary)));
  }
}
