package dev.sluice.transforms.round;

import dev.sluice.schemas.Average;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.ReferencePlan;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.RevokedKey;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.Split;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.allocation.Policy;
import dev.sluice.transforms.allocation.ResidualSplit;
import dev.sluice.transforms.allocation.Weighting;
import dev.sluice.transforms.channel.BlockDecoder;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.channel.Quantizer;
import dev.sluice.transforms.reference.ReferenceCodes;
import dev.sluice.transforms.trust.BadKeyException;
import dev.sluice.transforms.trust.KeyRing;
import dev.sluice.transforms.trust.VerifyingKey;
import java.io.IOException;
import java.io.ObjectStreamException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A plan that has been checked, and everything both ends derive from it. FORMAT.md 2.
 *
 * <p>Immutable and thread-safe; serialises as the bytes of plan.json, of which its digest is the
 * SHA-256, and where the hub has revoked keys of it, those of revoked.json.
 */
public final class PlannedRound implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Value of the plan's field 'format'. */
  public static final String FORMAT = "sluice-plan-1";

  /** Largest vocabulary: one probe's accumulator stays at 8 MiB. */
  public static final int MAX_VOCABULARY = 1 << 20;

  /** Most bits per coordinate in one digit plane. */
  public static final double MAX_BITS = 16;

  /** Most keys of a node. */
  public static final int MAX_KEYS = 4;

  /** Most rounds that a plan refines. */
  public static final int MAX_REFINED = 7;

  /** Nodes times the clip level stays at or below this, so that sums are exact. FORMAT.md 3.2. */
  public static final double MAX_NODES_TIMES_CLIP = BlockDecoder.MAX_CLIP;

  /** Least weighted power, in water levels, that a plan may have coordinates sent from. */
  public static final double MIN_KAPPA = 1.0 / 16;

  /** Largest. */
  public static final double MAX_KAPPA = 64;

  /** The average that leaves out nodes at either end of each coordinate. FORMAT.md 5. */
  public static final String TRIMMED_MEAN = "trimmed-mean";

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");
  private static final Pattern DIRECTORY = Pattern.compile("[^\\p{Cntrl}*?\\[\\]{}]+");
  private static final SortedSet<String> POLICIES = labels(Policy.values(), Policy::label);
  private static final SortedSet<String> WEIGHTS = labels(Weighting.values(), Weighting::label);

  static {
    WEIGHTS.add(ResidualSplit.WEIGHTS);
  }

  private static final Pattern HEX = Pattern.compile("[0-9a-f]{64}");

  private final byte[] json;
  private final String source;
  private final List<RevokedKey> revoked;
  private final transient RoundPlan plan;
  private final transient Sha256 digest;
  private final transient Quantizer quantizer;
  private final transient Map<String, Integer> indices;
  private final transient ChannelKey[] keys;
  private final transient List<KeyRing> keyRings; // by node; none where the round is not signed
  private final transient List<List<Integer>>
      earlier; // by node: the refined rounds with its digits
  private final transient Map<ShapeKey, BlockShape> shapes = new ConcurrentHashMap<>();

  /** A worker reads the same plan once per function and bundle; deriving it once is enough. */
  private static volatile PlannedRound lastRead;

  private record ShapeKey(int plane, double bitsPerCoordinate, int probes) {}

  private PlannedRound(byte[] json, String source, List<RevokedKey> revoked) throws IOException {
    this.json = json.clone();
    this.source = source;
    this.revoked = List.copyOf(revoked);
    this.plan = PlainJson.read(RoundPlan.class, RoundPlan.getClassSchema(), json, source);
    this.digest = new Sha256(CodeBlocks.sha256().digest(json));
    this.indices = new HashMap<>();
    checkScalars();
    checkReference();
    this.quantizer = Quantizer.of(plan.getQuantizer());
    checkClip();
    checkLayout();
    checkRefined();
    this.earlier = earlierRounds();
    checkNodes();
    this.keyRings = keyRings();
    checkAverage();
    checkSplit();
    this.keys = new ChannelKey[nodes().size()];
    long[] ditherKeys = new long[keys.length];
    for (int i = 0; i < keys.length; i++) {
      keys[i] = ChannelKey.of(plan.getSeed(), plan.getDitherRound(), nodes().get(i).getName());
      ditherKeys[i] = keys[i].dither();
    }
    if (quantizer.isDithered()) {
      long words = Math.multiplyExact(plan.getProbes(), (plan.getVocabulary() + 1L) / 2);
      Optional<Dither.SharedPair> shared = Dither.firstSharedPair(ditherKeys, words);
      require(
          shared.isEmpty(),
          "seed",
          () ->
              plan.getSeed()
                  + ", under which nodes '"
                  + nodes().get(shared.orElseThrow().first()).getName()
                  + "' and '"
                  + nodes().get(shared.orElseThrow().second()).getName()
                  + "' would share dither",
          "any other seed");
    }
  }

  /**
   * Reads and checks a plan.
   *
   * @param json bytes of plan.json
   * @param source its name, for messages
   * @throws IOException a JsonDocumentException or BadPlanException that says what is wrong
   */
  public static PlannedRound parse(byte[] json, String source) throws IOException {
    return new PlannedRound(json, source, List.of());
  }

  /**
   * The same round without the signatures of some keys.
   *
   * @param keys of its plan, by node and key, each once
   */
  PlannedRound withRevoked(List<RevokedKey> keys) throws IOException {
    return new PlannedRound(json, source, keys);
  }

  private Object readResolve() throws ObjectStreamException {
    PlannedRound last = lastRead;
    if (last != null
        && Arrays.equals(last.json, json)
        && last.source.equals(source)
        && last.revoked.equals(revoked)) {
      return last;
    }
    try {
      PlannedRound read = new PlannedRound(json, source, revoked);
      lastRead = read;
      return read;
    } catch (IOException e) {
      throw new java.io.InvalidObjectException(e.getMessage());
    }
  }

  /**
   * Most bits per coordinate in all digit planes of a node together: 20 − ½ log2 K, or 16 where
   * that is less. The teacher is float32: at b bits its rounding adds about K·4^b·2^-48 of the
   * error's variance, which stays below 2^-8 or what one plane of 16 bits has; and within a cell so
   * wide the dither's 32 bits are still uniform to 2^-12 of it.
   *
   * @param nodes K
   */
  public static double maxDepth(int nodes) {
    return Math.max(MAX_BITS, 20 - 0.5 * Math.log(nodes) / Math.log(2));
  }

  /** Whether a text may name a node or a round. */
  public static boolean isName(String text) {
    return NAME.matcher(text).matches();
  }

  /** The plan as read. Treat as immutable. */
  public RoundPlan plan() {
    return plan;
  }

  /** The bytes of plan.json. */
  public byte[] json() {
    return json.clone();
  }

  /** SHA-256 of the bytes of plan.json. */
  public Sha256 digest() {
    return digest;
  }

  /** The same in hexadecimal. */
  public String digestHex() {
    return HexFormat.of().formatHex(digest.bytes());
  }

  /** Name of the document the plan was read from. */
  public String source() {
    return source;
  }

  /** The quantiser of every node. */
  public Quantizer quantizer() {
    return quantizer;
  }

  /** The nodes, in the plan's order. */
  public List<NodePlan> nodes() {
    return plan.getNodes();
  }

  /** Index of a node in the plan's order; empty for a name the plan does not know. */
  public OptionalInt indexOf(String node) {
    Integer index = indices.get(node);
    return index == null ? OptionalInt.empty() : OptionalInt.of(index);
  }

  /** How many nodes have bits in this round. */
  public int speakingNodes() {
    return (int) nodes().stream().filter(node -> node.getBitsPerProbe() > 0).count();
  }

  /** Whether blocks count only under a signature of their node. */
  public boolean isSigned() {
    return !keyRings.isEmpty();
  }

  /** A node's keys, in a round that is signed. */
  public KeyRing keyRing(int node) {
    return keyRings.get(node);
  }

  /** Keys of the plan whose signatures no longer count, by node and key. */
  public List<RevokedKey> revoked() {
    return revoked;
  }

  /** f, how many nodes the average leaves out at either end of each coordinate; 0 for a mean. */
  public int trim() {
    return plan.getAverage() == null ? 0 : plan.getAverage().getTrim();
  }

  /**
   * Whether the teacher's error has the law of THEORY 3.3: every node's has one, and the average is
   * their mean. Not in the reference channel, whose law is by coordinate.
   */
  public boolean hasErrorLaw() {
    return quantizer.isDithered() && trim() == 0 && !isRelative();
  }

  /** Whether logits are sent relative to a public reference. FORMAT.md 15. */
  public boolean isRelative() {
    return plan.getReference() != null;
  }

  /** SHA-256 of the reference's file, hexadecimal; empty where it is uniform, or there is none. */
  public Optional<String> referenceSha256() {
    return Optional.ofNullable(plan.getReference()).map(ReferencePlan::getSha256);
  }

  /**
   * The least that --min-nodes may be: 2f + 1, without which there is no average. In a refinement
   * it counts nodes with digits of this round, and the others are averaged too: 1.
   */
  public int leastMinNodes() {
    return refined().isEmpty() ? 2 * trim() + 1 : 1;
  }

  /** Keys of a node's dither and rotation. */
  public ChannelKey key(int node) {
    return keys[node];
  }

  /** V. */
  public int vocabulary() {
    return plan.getVocabulary();
  }

  /** Whether each probe carries its own clip. */
  public boolean clipPerProbe() {
    return plan.getClip().getPolicy().equals("probe");
  }

  /** Number of blocks of a node that sends everything. */
  public int blocks() {
    return Math.toIntExact(ceilDiv(plan.getProbes(), plan.getLayout().getProbesPerBlock()));
  }

  /** Number of teacher shards. */
  public int shards() {
    return Math.toIntExact(ceilDiv(blocks(), plan.getLayout().getBlocksPerShard()));
  }

  /** First probe of a block. */
  public long firstProbe(int block) {
    return (long) block * plan.getLayout().getProbesPerBlock();
  }

  /** Probes in a block. */
  public int probesIn(int block) {
    return (int)
        Math.min(plan.getLayout().getProbesPerBlock(), plan.getProbes() - firstProbe(block));
  }

  /** The shard that holds a block. */
  public int shardOf(int block) {
    return block / plan.getLayout().getBlocksPerShard();
  }

  /** First block of a shard. */
  public int firstBlock(int shard) {
    return shard * plan.getLayout().getBlocksPerShard();
  }

  /** First block after a shard. */
  public int endBlock(int shard) {
    return (int)
        Math.min(blocks(), (long) firstBlock(shard) + plan.getLayout().getBlocksPerShard());
  }

  /** The clip level of a node where the plan sets it, logits; empty where it follows the data. */
  public OptionalDouble fixedClip(int node) {
    ClipPolicy clip = plan.getClip();
    if (clip.getLevels() != null) {
      return OptionalDouble.of(clip.getLevels().get(node));
    }
    return clip.getLevel() == null ? OptionalDouble.empty() : OptionalDouble.of(clip.getLevel());
  }

  /** The rounds that this one refines, in order; none where it stands alone. */
  public List<RefinedRound> refined() {
    return plan.getRefines() == null ? List.of() : plan.getRefines();
  }

  /** Indices into {@link #refined()} of the rounds that hold a node's earlier planes, in order. */
  public List<Integer> earlierRounds(int node) {
    return earlier.get(node);
  }

  /**
   * The digit plane that a node sends in this round, if it has bits: its earlier planes' number.
   */
  public int plane(int node) {
    return earlier.get(node).size();
  }

  /** The same of what a node's logits are sent relative to; empty where that is the public one. */
  public Optional<String> ownReferenceSha256(int node) {
    return Optional.ofNullable(plan.getReference())
        .map(ReferencePlan::getNodes)
        .map(own -> own.get(node));
  }

  /**
   * Most bytes of codes that a node sends of a block in this round. In the reference channel the
   * budget is for whole files: what a record and a share of its file's head need is taken off, and
   * what is left may be negative.
   */
  public int maxCodesBytes(int node, int block) {
    if (!isRelative()) {
      return shape(node, block).payloadBytes();
    }
    long bytes = nodes().get(node).getBitsPerProbe() * probesIn(block) / 8;
    return Math.toIntExact(bytes - UplinkFrame.bytes(this, node, block));
  }

  /**
   * Radices and lengths of what one node sends of a block in this round; not of the reference
   * channel.
   */
  public BlockShape shape(int node, int block) {
    return shape(plane(node), nodes().get(node).getBitsPerCoordinate(), probesIn(block));
  }

  /**
   * The same of the node's planes, from its first: those of the rounds that this one refines, and
   * last its own if it has bits in this round. Empty for a node that never had any.
   */
  public List<BlockShape> planes(int node, int block) {
    List<BlockShape> planes = new ArrayList<>();
    for (int round : earlier.get(node)) {
      double bits = refined().get(round).getBitsPerCoordinate().get(node);
      planes.add(shape(planes.size(), bits, probesIn(block)));
    }
    if (nodes().get(node).getBitsPerProbe() > 0) {
      planes.add(shape(node, block));
    }
    return planes;
  }

  private BlockShape shape(int plane, double bitsPerCoordinate, int probes) {
    if (isRelative()) {
      throw new IllegalStateException("the reference channel has no radices");
    }
    return shapes.computeIfAbsent(
        new ShapeKey(plane, bitsPerCoordinate, probes),
        key ->
            BlockShape.ofPlane(
                key.plane(),
                quantizer,
                clipPerProbe(),
                vocabulary(),
                key.probes(),
                key.bitsPerCoordinate(),
                (long) Math.floor(key.bitsPerCoordinate() * vocabulary())));
  }

  private void checkScalars() throws BadPlanException {
    require(plan.getFormat().equals(FORMAT), "format", plan::getFormat, FORMAT);
    require(isName(plan.getId()), "id", plan::getId, "1 to 64 of [A-Za-z0-9._-]");
    // Dither is used once. Another round's is for a round that refines it with further planes.
    String ditherRound = refined().isEmpty() ? plan.getId() : refined().get(0).getId();
    require(
        plan.getDitherRound().equals(ditherRound),
        "ditherRound",
        plan::getDitherRound,
        (refined().isEmpty() ? "the round's own id, " : "the first round refined, ") + ditherRound);
    long probes = plan.getProbes();
    require(
        probes >= 1 && probes <= Integer.MAX_VALUE,
        "probes",
        () -> "" + probes,
        "1 to " + Integer.MAX_VALUE);
    int vocabulary = plan.getVocabulary();
    require(
        vocabulary >= 2 && vocabulary <= MAX_VOCABULARY,
        "vocabulary",
        () -> "" + vocabulary,
        "2 to " + MAX_VOCABULARY);
    try {
      Quantizer.of(plan.getQuantizer());
    } catch (IllegalArgumentException e) {
      throw new BadPlanException(source, "quantizer", e.getMessage());
    }
  }

  private void checkReference() throws BadPlanException {
    if (!isRelative()) {
      return;
    }
    ReferencePlan reference = plan.getReference();
    require(
        reference.getSha256() == null || HEX.matcher(reference.getSha256()).matches(),
        "reference.sha256",
        reference::getSha256,
        "64 hexadecimal digits, or null");
    List<String> own = reference.getNodes();
    if (own != null) {
      require(
          own.size() == nodes().size(),
          "reference.nodes",
          () -> own.size() + " digests",
          "one, or null, for each of " + nodes().size() + " nodes");
      for (int i = 0; i < own.size(); i++) {
        String sha256 = own.get(i);
        require(
            sha256 == null || HEX.matcher(sha256).matches(),
            "reference.nodes[" + i + "]",
            () -> sha256,
            "64 hexadecimal digits, or null");
      }
    }
    double kappa = reference.getKappa();
    require(
        kappa >= MIN_KAPPA && kappa <= MAX_KAPPA,
        "reference.kappa",
        () -> "" + kappa,
        MIN_KAPPA + " to " + MAX_KAPPA);
    require(
        plan.getQuantizer().equals(Quantizer.DITHER.label()),
        "quantizer",
        plan::getQuantizer,
        "'" + Quantizer.DITHER.label() + "' in the reference channel");
    require(
        plan.getRefines() == null,
        "refines",
        () -> refined().size() + " rounds",
        "null in the reference channel: a round goes on from a teacher that is its reference");
    require(
        trim() == 0,
        "average.trim",
        () -> "" + trim(),
        "0 in the reference channel: its certificate is of a mean");
    require(plan.getSplit() == null, "split", () -> "a split", "null in the reference channel");
  }

  private void checkClip() throws BadPlanException {
    ClipPolicy clip = plan.getClip();
    Double level = clip.getLevel();
    require(
        !isRelative() || clip.getPolicy().equals("none"),
        "clip.policy",
        () -> "'" + clip.getPolicy().replaceAll("\\p{Cntrl}", "?") + "'",
        "'none' in the reference channel");
    switch (clip.getPolicy()) {
      case "fixed":
        if (clip.getLevels() == null) {
          checkLevel(level, "clip.level");
          break;
        }
        require(level == null, "clip.level", () -> "" + level, "null beside clip.levels");
        require(
            clip.getLevels().size() == nodes().size(),
            "clip.levels",
            () -> clip.getLevels().size() + " levels",
            "one for each of " + nodes().size() + " nodes");
        for (int i = 0; i < nodes().size(); i++) {
          checkLevel(clip.getLevels().get(i), "clip.levels[" + i + "]");
        }
        break;
      case "auto":
      case "probe":
      case "none":
        require(
            isRelative() || !clip.getPolicy().equals("none"),
            "clip.policy",
            () -> "'none'",
            "'fixed', 'auto' or 'probe'");
        require(level == null, "clip.level", () -> "" + level, "null with this policy");
        require(
            clip.getLevels() == null,
            "clip.levels",
            () -> "" + clip.getLevels(),
            "null with this policy");
        break;
      default:
        throw new BadPlanException(
            source,
            "clip.policy",
            "found '" + clip.getPolicy() + "', expected 'fixed', 'auto' or 'probe'");
    }
  }

  private void checkLevel(Double level, String field) throws BadPlanException {
    double max = MAX_NODES_TIMES_CLIP / Math.max(1, nodes().size());
    require(
        level != null && level >= Centring.MIN_CLIP && level <= max,
        field,
        () -> "" + level,
        "2^-24 to " + max + " (2^19 over the number of nodes)");
  }

  private void checkRefined() throws BadPlanException {
    if (plan.getRefines() == null) {
      return;
    }
    require(
        !refined().isEmpty() && refined().size() <= MAX_REFINED,
        "refines",
        () -> refined().size() + " rounds",
        "1 to " + MAX_REFINED + ", or null");
    Set<String> ids = new HashSet<>();
    ids.add(plan.getId());
    for (int r = 0; r < refined().size(); r++) {
      RefinedRound base = refined().get(r);
      String field = "refines[" + r + "]";
      require(
          isName(base.getId()) && ids.add(base.getId()),
          field + ".id",
          base::getId,
          "1 to 64 of [A-Za-z0-9._-], and a round's only once");
      require(
          DIRECTORY.matcher(base.getDirectory()).matches(),
          field + ".directory",
          () -> "'" + base.getDirectory().replaceAll("\\p{Cntrl}", "?") + "'",
          "a path without control characters or any of *?[]{}");
      require(
          HEX.matcher(base.getPlanDigest()).matches(),
          field + ".planDigest",
          base::getPlanDigest,
          "64 hexadecimal digits");
      int known = nodes().size();
      require(
          base.getBitsPerCoordinate().size() == known
              && base.getBlocks().size() == known
              && base.getDigests().size() == known,
          field,
          () ->
              base.getBitsPerCoordinate().size()
                  + " bitsPerCoordinate, "
                  + base.getBlocks().size()
                  + " blocks, "
                  + base.getDigests().size()
                  + " digests",
          known + " of each, one for every node");
      for (int i = 0; i < known; i++) {
        double bits = base.getBitsPerCoordinate().get(i);
        int sent = base.getBlocks().get(i);
        require(
            bits == 0 || (bits >= 1 && bits <= MAX_BITS),
            field + ".bitsPerCoordinate[" + i + "]",
            () -> "" + bits,
            "0 or 1 to 16");
        require(
            sent >= 0 && sent <= blocks() && (bits > 0 || sent == 0),
            field + ".blocks[" + i + "]",
            () -> "" + sent,
            bits > 0 ? "0 to " + blocks() : "0, as the node had no bits");
        String digest = base.getDigests().get(i);
        require(
            HEX.matcher(digest).matches(),
            field + ".digests[" + i + "]",
            () -> digest,
            "64 hexadecimal digits");
      }
    }
  }

  private List<List<Integer>> earlierRounds() {
    List<List<Integer>> rounds = new ArrayList<>();
    for (int node = 0; node < nodes().size(); node++) {
      List<Integer> its = new ArrayList<>();
      for (int r = 0; r < refined().size(); r++) {
        if (refined().get(r).getBlocks().get(node) > 0) {
          its.add(r);
        }
      }
      rounds.add(List.copyOf(its));
    }
    return rounds;
  }

  private static <T> SortedSet<String> labels(T[] values, Function<T, String> label) {
    return Arrays.stream(values).map(label).collect(Collectors.toCollection(TreeSet::new));
  }

  private void checkSplit() throws BadPlanException {
    if (plan.getSplit() != null) {
      Split split = plan.getSplit();
      require(
          POLICIES.contains(split.getPolicy()),
          "split.policy",
          () -> "'" + split.getPolicy().replaceAll("\\p{Cntrl}", "?") + "'",
          String.join(", ", POLICIES));
      require(
          WEIGHTS.contains(split.getWeights()),
          "split.weights",
          () -> "'" + split.getWeights().replaceAll("\\p{Cntrl}", "?") + "'",
          String.join(", ", WEIGHTS));
      for (int i = 0; i < split.getNodeWeights().size(); i++) {
        double weight = split.getNodeWeights().get(i);
        require(weight >= 0, "split.nodeWeights[" + i + "]", () -> "" + weight, "0 or more");
      }
      require(
          split.getPredicted().getThisSplit() >= 0,
          "split.predicted.thisSplit",
          () -> "" + split.getPredicted().getThisSplit(),
          "0 or more");
      int weights = plan.getSplit().getNodeWeights().size();
      require(
          weights == nodes().size(),
          "split.nodeWeights",
          () -> weights + " weights",
          "one for each of " + nodes().size() + " nodes");
    }
  }

  private void checkLayout() throws BadPlanException {
    int perBlock = plan.getLayout().getProbesPerBlock();
    int most = PlanDraft.maxProbesPerBlock(vocabulary(), isRelative());
    require(
        perBlock >= 1 && perBlock <= most,
        "layout.probesPerBlock",
        () -> "" + perBlock,
        "1 to "
            + most
            + ", so that a block of the teacher stays at "
            + (isRelative() ? "4 MiB" : "1 MiB"));
    int perShard = plan.getLayout().getBlocksPerShard();
    require(perShard >= 1, "layout.blocksPerShard", () -> "" + perShard, "1 or more");
  }

  private void checkNodes() throws BadPlanException {
    require(!nodes().isEmpty(), "nodes", () -> "none", "at least one node");
    for (int i = 0; i < nodes().size(); i++) {
      NodePlan node = nodes().get(i);
      String field = "nodes[" + i + "]";
      require(isName(node.getName()), field + ".name", node::getName, "1 to 64 of [A-Za-z0-9._-]");
      require(
          indices.putIfAbsent(node.getName(), i) == null,
          field + ".name",
          () -> node.getName() + ", a second time",
          "unique names");
      double bits = node.getBitsPerCoordinate();
      require(
          bits == 0 || ((bits >= 1 || (isRelative() && bits > 0)) && bits <= MAX_BITS),
          field + ".bitsPerCoordinate",
          () -> "" + (isRelative() ? bits * vocabulary() : bits),
          "0 (silent this round) or "
              + (isRelative()
                  ? "up to " + (long) (MAX_BITS * vocabulary()) + ", 16 for each of its logits"
                  : "1 to 16"));
      long whole = (long) Math.floor(bits * vocabulary());
      require(
          node.getBitsPerProbe() == whole,
          field + ".bitsPerProbe",
          () -> "" + node.getBitsPerProbe(),
          whole + ", the whole part of bitsPerCoordinate times the vocabulary");
      checkShapes(i, field);
      double depth = depth(i);
      require(
          plane(i) == 0 || depth <= maxDepth(nodes().size()),
          field + ".bitsPerCoordinate",
          () -> depth + " bits per coordinate in all planes of the node",
          "at most " + maxDepth(nodes().size()) + " for " + nodes().size() + " nodes");
    }
    require(speakingNodes() > 0, "nodes", () -> "no node with bits", "at least one");
  }

  private List<KeyRing> keyRings() throws BadPlanException {
    List<KeyRing> rings = new ArrayList<>();
    Map<String, String> owners = new HashMap<>();
    Set<String> taken = revoked.stream().map(RevokedKey::getKey).collect(Collectors.toSet());
    boolean signed = nodes().get(0).getKeys() != null;
    for (int i = 0; i < nodes().size(); i++) {
      NodePlan node = nodes().get(i);
      String field = "nodes[" + i + "].keys";
      require(
          (node.getKeys() != null) == signed,
          field,
          () -> signed ? "null" : "keys",
          "keys of all nodes, or of none");
      if (!signed) {
        continue;
      }
      int found = node.getKeys().size();
      require(found >= 1 && found <= MAX_KEYS, field, () -> found + " keys", "1 to " + MAX_KEYS);
      List<VerifyingKey> valid = new ArrayList<>();
      List<VerifyingKey> gone = new ArrayList<>();
      for (int k = 0; k < found; k++) {
        VerifyingKey key = key(node.getKeys().get(k), field + "[" + k + "]");
        String owner = owners.putIfAbsent(key.base64(), node.getName());
        require(
            owner == null,
            field + "[" + k + "]",
            () -> "a key of node '" + owner + "' again",
            "each key once");
        (taken.contains(key.base64()) ? gone : valid).add(key);
      }
      rings.add(new KeyRing(valid, gone));
    }
    return List.copyOf(rings);
  }

  private VerifyingKey key(String text, String field) throws BadPlanException {
    try {
      return VerifyingKey.of(text);
    } catch (BadKeyException e) {
      throw new BadPlanException(source, field, e.getMessage());
    }
  }

  private void checkAverage() throws BadPlanException {
    Average average = plan.getAverage();
    if (average == null) {
      return;
    }
    String rule = average.getRule();
    require(
        rule.equals("mean") || rule.equals(TRIMMED_MEAN),
        "average.rule",
        () -> "'" + rule.replaceAll("\\p{Cntrl}", "?") + "'",
        "'mean' or '" + TRIMMED_MEAN + "'");
    int trim = average.getTrim();
    if (rule.equals("mean")) {
      require(trim == 0, "average.trim", () -> "" + trim, "0 with 'mean'");
      return;
    }
    long averaged =
        IntStream.range(0, nodes().size()).filter(node -> !planes(node, 0).isEmpty()).count();
    require(
        trim >= 1 && 2L * trim < averaged,
        "average.trim",
        () -> "" + trim,
        averaged < 3
            ? "at least 3 nodes to average, of which 1 is left at either end; there are " + averaged
            : "1 to "
                + (averaged - 1) / 2
                + ": of "
                + averaged
                + " nodes to average, twice as many are left out");
    require(
        plan.getSplit() == null,
        "split",
        () -> "a split",
        "null with '" + TRIMMED_MEAN + "': it predicts the error of a mean");
    long block = 16L * plan.getLayout().getProbesPerBlock() * vocabulary();
    require(
        trim * block <= PlanDraft.EXTREMES_BYTES,
        "average.trim",
        () -> trim + ", which holds back " + trim * block + " bytes of a block",
        "at most "
            + PlanDraft.EXTREMES_BYTES
            + " bytes, 16 for each of the "
            + plan.getLayout().getProbesPerBlock()
            + " probes times "
            + vocabulary()
            + " coordinates of a block and each node left out at one end");
  }

  private double depth(int node) {
    double sum = nodes().get(node).getBitsPerCoordinate();
    for (int round : earlier.get(node)) {
      sum += refined().get(round).getBitsPerCoordinate().get(node);
    }
    return sum;
  }

  private void checkShapes(int node, String field) throws BadPlanException {
    if (isRelative()) {
      checkBudget(node, field);
      return;
    }
    for (int block : new int[] {0, blocks() - 1}) {
      try {
        for (BlockShape shape : planes(node, block)) {
          require(
              shape.payloadBytes() <= CodeBlocks.MAX_CODES_BYTES,
              field + ".bitsPerProbe",
              () -> "codes of " + shape.payloadBytes() + " bytes a block",
              "at most " + CodeBlocks.MAX_CODES_BYTES);
        }
      } catch (IllegalArgumentException e) {
        throw new BadPlanException(source, field, e.getMessage());
      }
    }
  }

  /** The frame is largest in the last block; its shard, which may be short, has the fewest. */
  private void checkBudget(int node, String field) throws BadPlanException {
    if (nodes().get(node).getBitsPerCoordinate() == 0) {
      return;
    }
    long bits = nodes().get(node).getBitsPerProbe();
    for (int block : new int[] {0, blocks() - 1}) {
      int probes = probesIn(block);
      int frame = UplinkFrame.bytes(this, node, block);
      long least = -Math.floorDiv(-8L * (frame + ReferenceCodes.MIN_BYTES), probes);
      require(
          maxCodesBytes(node, block) >= ReferenceCodes.MIN_BYTES,
          field + ".bitsPerProbe",
          () -> "" + bits,
          "at least "
              + least
              + ": headers and the terms of a block of "
              + probes
              + (probes == 1 ? " probe" : " probes")
              + " take that of each");
      require(
          maxCodesBytes(node, block) <= CodeBlocks.MAX_CODES_BYTES,
          field + ".bitsPerProbe",
          () -> "codes of " + maxCodesBytes(node, block) + " bytes a block",
          "at most " + CodeBlocks.MAX_CODES_BYTES);
    }
  }

  private void require(
      boolean holds, String field, java.util.function.Supplier<String> found, String expected)
      throws BadPlanException {
    if (!holds) {
      throw new BadPlanException(source, field, "found " + found.get() + ", expected " + expected);
    }
  }

  private static long ceilDiv(long a, long b) {
    return -Math.floorDiv(-a, b);
  }
}
