package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;

import dev.sluice.schemas.ActiveRange;
import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Rounds that things go wrong with: uplinks that are late, damaged, copied, renamed, lost or of
 * another round; plans that are replaced; recomputations that ended somewhere in their work, caches
 * that are not as they were written. After each step, of every round: its teacher is what a plain
 * loop makes of the blocks that are sound, what is not sound is counted, the version is that of a
 * run from scratch, and a further look costs nothing.
 *
 * <p>{@code -Dsluice.soak.rounds=300} does more of it, {@code -Dsluice.soak.seed} others.
 */
@Tag("long")
class RecomputeSoakTest {
  private static final int ROUNDS = Integer.getInteger("sluice.soak.rounds", 12);
  private static final long SEED = Long.getLong("sluice.soak.seed", 1);
  private static final int AT_ONCE = 6;
  private static final int STEPS = 4;
  private static final int MIN_NODES = 2;
  private static final int NODES = 3;

  /** One look in so many is held against a run from scratch, file by file. */
  private static final int SCRATCH = 3;

  @TempDir Path directory;

  /** What a round's files hold, as far as it is known without reading them. */
  private static final class Played {
    private final Path path;
    private final SplittableRandom random;
    private RoundFixture fixture;
    private long seed;

    /** Contents of what lies in uplink/: by file, its sound blocks as the node that sent them. */
    private final Map<String, Sent> files = new TreeMap<>();

    /** What came last of the look at it. */
    private Optional<Map<String, String>> version = Optional.empty();

    private final List<String> story = new ArrayList<>();

    Played(Path path, SplittableRandom random) {
      this.path = path;
      this.random = random;
    }

    @Override
    public String toString() {
      return path.getFileName() + ": " + String.join(", ", story);
    }
  }

  /**
   * One file.
   *
   * @param contents bytes
   * @param blocks those of the planned node that are sound: which, and whether they are its own
   *     logits ({@code true}) or others
   * @param unsound least number of rejects that it makes by itself
   * @param unsure whether there may be more where that is 0
   */
  private record Sent(byte[] contents, Map<Integer, Boolean> blocks, int unsound, boolean unsure) {
    Sent(byte[] contents, Map<Integer, Boolean> blocks, int unsound) {
      this(contents, blocks, unsound, false);
    }
  }

  @Test
  void whateverHappensTheTeacherIsThatOfTheSoundBlocks() throws IOException {
    int steps = 0;
    int made = 0;
    for (int from = 0; from < ROUNDS; from += AT_ONCE) {
      Path root = Files.createDirectories(directory.resolve("rounds-" + from));
      Files.writeString(root.resolve("policy.json"), "{\"minNodes\": " + MIN_NODES + "}");
      List<Played> rounds = new ArrayList<>();
      for (int i = from; i < Math.min(ROUNDS, from + AT_ONCE); i++) {
        Played round =
            new Played(
                Files.createDirectories(root.resolve("r" + i)),
                new SplittableRandom(SEED * 1_000_003 + i));
        begin(round, round.random.nextInt(1000));
        rounds.add(round);
      }
      for (int step = 0; step < STEPS; step++) {
        for (Played round : rounds) {
          if (step > 0) {
            for (int happens = 1 + round.random.nextInt(2); happens > 0; happens--) {
              happen(round);
            }
          }
          write(round);
        }
        Schedule.recompute(root, options(rounds.get(0).random));
        for (Played round : rounds) {
          made += check(round) ? 1 : 0;
          steps++;
        }
        Map<String, String> before = contents(root);
        Cli.Result again = Schedule.recompute(root);
        assertThat(again.err(), contents(root), is(before));
      }
      Storage.deleteTree(root.toString());
    }
    System.out.println(
        "soak: " + ROUNDS + " rounds, " + steps + " looks at one, " + made + " versions held");
    assertThat(made, greaterThanOrEqualTo(ROUNDS));
  }

  private static String[] options(SplittableRandom random) {
    return switch (random.nextInt(6)) {
      case 0 -> new String[] {"--verify"};
      case 1 -> new String[] {"--full"};
      default -> new String[0];
    };
  }

  /** All but index and lock: those say when. */
  private static Map<String, String> contents(Path root) throws IOException {
    Map<String, String> contents = Schedule.contents(root);
    contents
        .keySet()
        .removeIf(name -> name.endsWith("/.recompute/index.json") || name.endsWith(".lock"));
    return contents;
  }

  // ---- a round ----

  private static RoundFixture fixture(long seed) throws IOException {
    PlanDraft draft = new PlanDraft("r1", 17, 20).withSeed(seed);
    for (int node = 0; node < NODES; node++) {
      draft.withNode("node-" + node, new double[] {3, 2.5, 6}[node]);
    }
    RoundPlan plan = draft.finish("plan.json").plan();
    plan.setLayout(new BlockLayout(3, 2)); // 6 blocks in 3 shards, the last block short
    return new RoundFixture(PlannedRound.parse(PlainJson.write(plan), "plan.json"), 5);
  }

  /** A plan, and one file for each shard of each node; a node may be late. */
  private static void begin(Played round, long seed) throws IOException {
    round.seed = seed;
    round.fixture = fixture(seed);
    round.files.clear();
    int late = round.random.nextInt(2 * NODES);
    for (int node = 0; node < NODES; node++) {
      if (node != late) {
        send(round, node);
      }
    }
  }

  private static void send(Played round, int node) {
    for (int shard = 0; shard < round.fixture.round().shards(); shard++) {
      round.files.put("node-" + node + "/codes-" + shard + ".avro", sound(round, node, shard));
    }
  }

  private static Sent sound(Played round, int node, int shard) {
    PlannedRound planned = round.fixture.round();
    List<CodeBlock> blocks = new ArrayList<>();
    Map<Integer, Boolean> sound = new HashMap<>();
    for (int block = planned.firstBlock(shard); block < planned.endBlock(shard); block++) {
      blocks.add(round.fixture.block(node, block));
      sound.put(block, true);
    }
    return new Sent(RoundFixture.container(blocks), sound, 0);
  }

  /** Puts the files where they belong, as far as they are not there. */
  private static void write(Played round) throws IOException {
    byte[] plan = round.fixture.round().json();
    Path file = round.path.resolve("plan.json");
    if (!Files.exists(file) || !Arrays.equals(Files.readAllBytes(file), plan)) {
      Files.write(file, plan);
    }
    Path uplink = Files.createDirectories(round.path.resolve("uplink"));
    Map<String, String> there = Schedule.contents(uplink);
    for (String name : there.keySet()) {
      if (!round.files.containsKey(name)) {
        Files.delete(uplink.resolve(name));
      }
    }
    for (Map.Entry<String, Sent> sent : round.files.entrySet()) {
      Path target = uplink.resolve(sent.getKey());
      if (!Files.exists(target)
          || !Arrays.equals(Files.readAllBytes(target), sent.getValue().contents())) {
        Files.createDirectories(target.getParent());
        Files.write(target, sent.getValue().contents());
      }
    }
  }

  // ---- what happens ----

  private static void happen(Played round) throws IOException {
    SplittableRandom random = round.random;
    List<String> names = List.copyOf(round.files.keySet());
    String name = names.isEmpty() ? "" : names.get(random.nextInt(names.size()));
    Sent sent = round.files.get(name);
    int node = random.nextInt(NODES);
    int shard = random.nextInt(round.fixture.round().shards());
    String other = "node-" + node + "/" + "other-" + random.nextInt(100) + ".avro";
    int what = sent == null ? 0 : random.nextInt(20);
    switch (what) {
      case 0, 1 -> {
        round.story.add("node-" + node + " sends");
        send(round, node);
      }
      case 2, 3, 4 -> {
        int at = random.nextInt(Math.max(1, sent.contents().length));
        round.story.add(name + " has another byte " + at);
        round.files.put(name, flipped(round, name, sent, at));
      }
      case 5 -> {
        int length = random.nextInt(Math.max(1, sent.contents().length));
        round.story.add(name + " ends at " + length);
        round.files.put(name, cut(round, name, sent, length));
      }
      case 6 -> {
        round.story.add(name + " is copied");
        round.files.put(copyName(name, random), sent);
      }
      case 7 -> {
        round.story.add(name + " is renamed");
        round.files.remove(name);
        round.files.put(copyName(name, random), sent);
      }
      case 8 -> {
        round.story.add(name + " is lost");
        round.files.remove(name);
      }
      case 9 -> {
        round.story.add(other + " is of another node");
        Sent stray = sound(round, (node + 1) % NODES, shard);
        round.files.put(other, new Sent(stray.contents(), Map.of(), stray.blocks().size()));
      }
      case 10 -> {
        round.story.add(other + " is of another plan");
        round.files.put(other, ofAnotherPlan(round, node, shard));
      }
      case 11 -> {
        round.story.add(other + " says something else");
        round.files.put(other, rival(round, node, shard));
      }
      case 12 -> {
        round.story.add(other + " is no container");
        byte[] rubbish = new byte[random.nextInt(300)];
        IntStream.range(0, rubbish.length).forEach(i -> rubbish[i] = (byte) random.nextInt());
        round.files.put(other, new Sent(rubbish, Map.of(), 1));
      }
      case 13 -> {
        round.story.add("a stranger sends");
        Sent stray = sound(round, node, shard);
        round.files.put("stranger/codes.avro", new Sent(stray.contents(), Map.of(), 1));
      }
      case 14 -> {
        round.story.add("a new plan");
        boolean obeyed = random.nextBoolean();
        Map<String, Sent> old = new TreeMap<>(round.files);
        begin(round, round.seed + 1);
        if (!obeyed) { // all that is there is of the plan before
          round.files.clear();
          old.forEach((file, before) -> round.files.put(file, ofThePlanBefore(before)));
        }
      }
      case 15 -> {
        round.story.add("killed before it was current");
        Files.deleteIfExists(round.path.resolve("current.json"));
      }
      case 16 -> {
        round.story.add("killed at work");
        Path attempt = round.path.resolve(".attempt-recompute-x/version/teacher");
        Files.createDirectories(attempt);
        Files.write(attempt.resolve("teacher-00000.npy"), new byte[7]);
      }
      case 17 -> {
        round.story.add("index lost or damaged");
        damage(round.path.resolve(".recompute"), random);
      }
      case 18 -> {
        round.story.add("what was remembered is damaged");
        damage(round.path.resolve("versions"), random);
      }
      default -> {
        round.story.add("mended");
        Set<String> kept = new HashSet<>();
        for (int i = 0; i < NODES; i++) {
          send(round, i);
          for (int s = 0; s < round.fixture.round().shards(); s++) {
            kept.add("node-" + i + "/codes-" + s + ".avro");
          }
        }
        round.files.keySet().retainAll(kept);
      }
    }
  }

  private static Sent ofThePlanBefore(Sent sent) {
    boolean unknown = sent.blocks() == null;
    int least = !unknown && sent.blocks().size() + sent.unsound() > 0 ? 1 : 0;
    return new Sent(sent.contents(), Map.of(), least, unknown || sent.unsure());
  }

  private static String copyName(String name, SplittableRandom random) {
    return name.substring(0, name.indexOf('/')) + "/copy-" + random.nextInt(1000) + ".avro";
  }

  /** Where the records of a container begin and end, sync marker included; the header before. */
  private static List<int[]> records(byte[] contents) {
    byte[] sync = new byte[16]; // as RoundFixture has it
    List<int[]> records = new ArrayList<>();
    int at = 0;
    for (int i = 0; i + 16 <= contents.length; i++) {
      if (Arrays.equals(contents, i, i + 16, sync, 0, 16)) {
        records.add(new int[] {at, i + 16});
        at = i + 16;
        i += 15;
      }
    }
    return records;
  }

  /** Another byte: what is known is what became of the record that it is in. */
  private static Sent flipped(Played round, String name, Sent sent, int at) {
    if (sent.contents().length == 0) {
      return sent;
    }
    byte[] contents = sent.contents().clone();
    contents[at] ^= (byte) (1 + round.random.nextInt(255));
    return damaged(round, name, sent, contents, at, at + 1);
  }

  private static Sent cut(Played round, String name, Sent sent, int length) {
    byte[] contents = Arrays.copyOf(sent.contents(), length);
    return damaged(round, name, sent, contents, length, Integer.MAX_VALUE);
  }

  /**
   * A file that is not as it was between two bytes. What was sound there is not any more; where it
   * is the header, or the file had been damaged before, nothing is known of it (null).
   */
  private static Sent damaged(
      Played round, String name, Sent sent, byte[] contents, int from, int to) {
    if (sent.blocks() == null || sent.unsound() > 0 || !ownFile(name, sent)) {
      return new Sent(
          contents, sent.blocks() == null || !sent.blocks().isEmpty() ? null : Map.of(), 0, true);
    }
    List<int[]> records = records(sent.contents());
    if (records.isEmpty() || from < records.get(0)[1]) {
      return new Sent(contents, null, 0);
    }
    List<Integer> blocks = sent.blocks().keySet().stream().sorted().toList();
    if (records.size() != blocks.size() + 1) {
      return new Sent(contents, null, 0); // codes that look like a sync marker
    }
    Map<Integer, Boolean> left = new HashMap<>(sent.blocks());
    boolean between = false;
    for (int i = 1; i < records.size(); i++) {
      if (from < records.get(i)[1] && to > records.get(i)[0]) {
        left.remove(blocks.get(i - 1));
        between |= from > records.get(i)[0] || to < Integer.MAX_VALUE;
      }
    }
    // A file that ends between two records is one that has fewer.
    return new Sent(contents, left, between ? 1 : 0);
  }

  private static boolean ownFile(String name, Sent sent) {
    return !name.startsWith("stranger/") && !sent.blocks().isEmpty();
  }

  private static Sent ofAnotherPlan(Played round, int node, int shard) throws IOException {
    RoundFixture other = fixture(round.seed + 100_000);
    List<CodeBlock> blocks = new ArrayList<>();
    for (int block = other.round().firstBlock(shard);
        block < other.round().endBlock(shard);
        block++) {
      blocks.add(other.block(node, block));
    }
    return new Sent(RoundFixture.container(blocks), Map.of(), blocks.size());
  }

  /** One block that is as sound as its rival, with other codes. */
  private static Sent rival(Played round, int node, int shard) {
    int block = round.fixture.round().firstBlock(shard);
    CodeBlock sent = round.fixture.block(node, block);
    byte[] codes = sent.getCodes().array().clone();
    codes[0] ^= 1;
    return new Sent(
        RoundFixture.container(List.of(RoundFixture.sealed(sent.getHeader(), codes))),
        Map.of(block, false),
        0);
  }

  /** Changes a byte of some file below a directory, or deletes it. */
  private static void damage(Path below, SplittableRandom random) throws IOException {
    if (!Files.isDirectory(below)) {
      return;
    }
    List<Path> files;
    try (Stream<Path> tree = Files.walk(below)) {
      files =
          tree.filter(Files::isRegularFile)
              .filter(
                  file -> below.endsWith(".recompute") || file.toString().contains(".recompute/"))
              .sorted()
              .toList();
    }
    if (files.isEmpty()) {
      return;
    }
    Path file = files.get(random.nextInt(files.size()));
    byte[] contents = Files.readAllBytes(file);
    Files.delete(file);
    if (contents.length > 0 && random.nextInt(3) > 0) {
      contents[random.nextInt(contents.length)] ^= (byte) (1 + random.nextInt(255));
      Files.write(file, contents);
    }
  }

  // ---- what is to hold ----

  /** Holds a round against what its files hold; whether there is a version of just these. */
  private boolean check(Played round) throws IOException {
    PlannedRound planned = round.fixture.round();
    // By block and node: whether the node's block is sound, contradicted, or not known to be.
    boolean[][] claimed = new boolean[planned.blocks()][NODES];
    boolean[][] sound = new boolean[planned.blocks()][NODES];
    boolean[] unknown = new boolean[NODES];
    boolean[] unsure = new boolean[NODES];
    long[] unsound = new long[NODES];
    for (int block = 0; block < planned.blocks(); block++) {
      for (int node = 0; node < NODES; node++) {
        Set<Boolean> contents = new HashSet<>();
        for (Map.Entry<String, Sent> file : round.files.entrySet()) {
          if (file.getKey().startsWith("node-" + node + "/")
              && file.getValue().blocks() != null
              && file.getValue().blocks().containsKey(block)) {
            contents.add(file.getValue().blocks().get(block));
          }
        }
        claimed[block][node] = !contents.isEmpty();
        sound[block][node] = contents.size() == 1;
        unsound[node] += contents.size() > 1 ? 2 : 0;
      }
    }
    round.files.forEach(
        (name, sent) -> {
          if (name.startsWith("node-")) {
            int node = name.charAt(5) - '0';
            unknown[node] |= sent.blocks() == null;
            unsure[node] |= sent.blocks() == null || sent.unsure();
            unsound[node] += sent.unsound();
          }
        });
    boolean anyUnknown = unknown[0] || unknown[1] || unknown[2];
    boolean quorum = true;
    for (int block = 0; block < planned.blocks(); block++) {
      int nodes = 0;
      for (int node = 0; node < NODES; node++) {
        nodes += sound[block][node] ? 1 : 0;
      }
      quorum &= nodes >= MIN_NODES;
    }
    Optional<Versions.Version> version = new Versions(round.path).current();
    boolean isOfNow = version.isPresent() && isOfNow(round, version.get());
    if (!anyUnknown) {
      assertThat(round.toString(), isOfNow, is(quorum));
    }
    if (version.isPresent()) {
      Path at = round.path.resolve("versions/" + version.get().name());
      Map<String, String> results = Schedule.results(at);
      if (!isOfNow) { // what was current still is
        round.version.ifPresent(before -> assertThat(round.toString(), results, is(before)));
        return false;
      }
      holds(round, at, sound, unknown, unsure, unsound);
      if (round.random.nextInt(SCRATCH) == 0) {
        Path copy = directory.resolve("copy");
        assertThat(
            round.toString(),
            results,
            is(Schedule.aggregated(round.path, copy, "--min-nodes", "" + MIN_NODES)));
        Storage.deleteTree(copy.toString());
      }
      round.version = Optional.of(results);
    }
    return isOfNow;
  }

  private static boolean isOfNow(Played round, Versions.Version version) throws IOException {
    Map<String, String> now = new TreeMap<>();
    round.files.forEach((name, sent) -> now.put("uplink/" + name, digest(sent.contents())));
    now.put("plan.json", digest(Files.readAllBytes(round.path.resolve("plan.json"))));
    Map<String, String> made = new TreeMap<>();
    version.state().getInputs().forEach(input -> made.put(input.getName(), input.getSha256()));
    return made.equals(now);
  }

  private static String digest(byte[] contents) {
    return HexFormat.of().formatHex(CodeBlocks.sha256().digest(contents));
  }

  private static void holds(
      Played round,
      Path version,
      boolean[][] sound,
      boolean[] unknown,
      boolean[] unsure,
      long[] unsound)
      throws IOException {
    PlannedRound planned = round.fixture.round();
    Manifest manifest =
        RoundRunner.manifest(new RoundDirectory(round.path.toString()).withOutputs("" + version));
    double[] teacher =
        RoundFixture.teacher(version, (int) planned.plan().getProbes(), planned.vocabulary());
    for (ActiveRange range : manifest.getActive()) {
      for (int block = range.getFirstBlock(); block <= range.getLastBlock(); block++) {
        List<Integer> nodes =
            range.getNodes().stream().map(name -> planned.indexOf(name).orElseThrow()).toList();
        boolean rivals = false;
        for (int node = 0; node < NODES; node++) {
          if (!unknown[node]) {
            assertThat(
                round + ", block " + block + " of node-" + node,
                nodes.contains(node),
                is(sound[block][node]));
          }
          rivals |= nodes.contains(node) && isRival(round, node, block);
        }
        if (!rivals) {
          float[] expected = round.fixture.teacher(block, nodes);
          int at = (int) planned.firstProbe(block) * planned.vocabulary();
          for (int i = 0; i < expected.length; i++) {
            assertThat(round.toString(), (float) teacher[at + i], is(expected[i]));
          }
        }
      }
    }
    for (NodeAccount node : manifest.getNodes()) {
      int i = planned.indexOf(node.getName()).orElseThrow();
      assertThat(
          round + ": rejects of " + node.getName(),
          node.getRejects(),
          greaterThanOrEqualTo(unsound[i]));
      if (!unsure[i] && unsound[i] == 0) {
        assertThat(round + ": rejects of " + node.getName(), node.getRejects(), is(0L));
      }
    }
    boolean stranger = round.files.keySet().stream().anyMatch(name -> name.startsWith("stranger/"));
    assertThat(
        round.toString(),
        manifest.getRejects().stream().anyMatch(file -> file.getNode().equals("stranger")),
        is(stranger));
  }

  /** Whether a node's block may be the one with other codes than its logits have. */
  private static boolean isRival(Played round, int node, int block) {
    return round.files.entrySet().stream()
        .filter(file -> file.getKey().startsWith("node-" + node + "/"))
        .anyMatch(
            file ->
                file.getValue().blocks() == null
                    || !file.getValue().blocks().getOrDefault(block, true));
  }
}
