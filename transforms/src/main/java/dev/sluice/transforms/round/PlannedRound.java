package dev.sluice.transforms.round;

import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.channel.Quantizer;
import java.io.IOException;
import java.io.ObjectStreamException;
import java.io.Serializable;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/**
 * A plan that has been checked, and everything both ends derive from it. FORMAT.md 2.
 *
 * <p>Immutable and thread-safe; serialises as the bytes of plan.json, of which its digest is the
 * SHA-256.
 */
public final class PlannedRound implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Value of the plan's field 'format'. */
  public static final String FORMAT = "sluice-plan-1";

  /** Largest vocabulary: one probe's accumulator stays at 8 MiB. */
  public static final int MAX_VOCABULARY = 1 << 20;

  /** Most bits per coordinate in one digit plane. */
  public static final double MAX_BITS = 16;

  /** Nodes times the clip level stays at or below this, so that sums are exact. FORMAT.md 3.2. */
  public static final double MAX_NODES_TIMES_CLIP = 1 << 19;

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

  private final byte[] json;
  private final String source;
  private final transient RoundPlan plan;
  private final transient Sha256 digest;
  private final transient Quantizer quantizer;
  private final transient Map<String, Integer> indices;
  private final transient ChannelKey[] keys;
  private final transient Map<ShapeKey, BlockShape> shapes = new ConcurrentHashMap<>();

  /** A worker reads the same plan once per function and bundle; deriving it once is enough. */
  private static volatile PlannedRound lastRead;

  private record ShapeKey(double bitsPerCoordinate, long bitsPerProbe, int probes) {}

  private PlannedRound(byte[] json, String source) throws IOException {
    this.json = json.clone();
    this.source = source;
    this.plan = PlainJson.read(RoundPlan.class, RoundPlan.getClassSchema(), json, source);
    this.digest = new Sha256(CodeBlocks.sha256().digest(json));
    this.indices = new HashMap<>();
    checkScalars();
    this.quantizer = Quantizer.of(plan.getQuantizer());
    checkClip();
    checkLayout();
    checkNodes();
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
    return new PlannedRound(json, source);
  }

  private Object readResolve() throws ObjectStreamException {
    PlannedRound last = lastRead;
    if (last != null && Arrays.equals(last.json, json) && last.source.equals(source)) {
      return last;
    }
    try {
      PlannedRound read = new PlannedRound(json, source);
      lastRead = read;
      return read;
    } catch (IOException e) {
      throw new java.io.InvalidObjectException(e.getMessage());
    }
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

  /** Radices and lengths of one node's block. */
  public BlockShape shape(int node, int block) {
    NodePlan who = nodes().get(node);
    return shape(who, probesIn(block));
  }

  private BlockShape shape(NodePlan who, int probes) {
    return shapes.computeIfAbsent(
        new ShapeKey(who.getBitsPerCoordinate(), who.getBitsPerProbe(), probes),
        key ->
            BlockShape.of(
                quantizer,
                clipPerProbe(),
                vocabulary(),
                key.probes(),
                key.bitsPerCoordinate(),
                key.bitsPerProbe()));
  }

  private void checkScalars() throws BadPlanException {
    require(plan.getFormat().equals(FORMAT), "format", plan::getFormat, FORMAT);
    require(isName(plan.getId()), "id", plan::getId, "1 to 64 of [A-Za-z0-9._-]");
    // Dither is used once. Another round's is for a round that refines it with further planes.
    require(
        plan.getDitherRound().equals(plan.getId()),
        "ditherRound",
        plan::getDitherRound,
        "the round's own id, " + plan.getId());
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
      throw new BadPlanException(source + ": field 'quantizer': " + e.getMessage());
    }
  }

  private void checkClip() throws BadPlanException {
    ClipPolicy clip = plan.getClip();
    Double level = clip.getLevel();
    switch (clip.getPolicy()) {
      case "fixed":
        double max = MAX_NODES_TIMES_CLIP / Math.max(1, nodes().size());
        require(
            level != null && level >= 0x1p-24 && level <= max,
            "clip.level",
            () -> "" + level,
            "2^-24 to " + max + " (2^19 over the number of nodes)");
        break;
      case "auto":
      case "probe":
        require(level == null, "clip.level", () -> "" + level, "null with this policy");
        break;
      default:
        throw new BadPlanException(
            source
                + ": field 'clip.policy': found '"
                + clip.getPolicy()
                + "', expected 'fixed', 'auto' or 'probe'");
    }
  }

  private void checkLayout() throws BadPlanException {
    int perBlock = plan.getLayout().getProbesPerBlock();
    int most = PlanDraft.maxProbesPerBlock(vocabulary());
    require(
        perBlock >= 1 && perBlock <= most,
        "layout.probesPerBlock",
        () -> "" + perBlock,
        "1 to " + most + ", so that a block of the teacher stays at 1 MiB");
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
          bits == 0 || (bits >= 1 && bits <= MAX_BITS),
          field + ".bitsPerCoordinate",
          () -> "" + bits,
          "0 (silent this round) or 1 to 16");
      long whole = (long) Math.floor(bits * vocabulary());
      require(
          node.getBitsPerProbe() == whole,
          field + ".bitsPerProbe",
          () -> "" + node.getBitsPerProbe(),
          whole + ", the whole part of bitsPerCoordinate times the vocabulary");
      if (bits > 0) {
        checkShapes(node, field);
      }
    }
    require(speakingNodes() > 0, "nodes", () -> "no node with bits", "at least one");
  }

  private void checkShapes(NodePlan node, String field) throws BadPlanException {
    for (int block : new int[] {0, blocks() - 1}) {
      try {
        BlockShape shape = shape(node, probesIn(block));
        require(
            shape.payloadBytes() <= CodeBlocks.MAX_CODES_BYTES,
            field + ".bitsPerProbe",
            () -> "codes of " + shape.payloadBytes() + " bytes a block",
            "at most " + CodeBlocks.MAX_CODES_BYTES);
      } catch (IllegalArgumentException e) {
        throw new BadPlanException(source + ": field '" + field + "': " + e.getMessage());
      }
    }
  }

  private void require(
      boolean holds, String field, java.util.function.Supplier<String> found, String expected)
      throws BadPlanException {
    if (!holds) {
      throw new BadPlanException(
          source + ": field '" + field + "': found " + found.get() + ", expected " + expected);
    }
  }

  private static long ceilDiv(long a, long b) {
    return -Math.floorDiv(-a, b);
  }
}
