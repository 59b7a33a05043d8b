package dev.sluice.pipelines;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.ActiveRange;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.ReasonCount;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.TeacherBlock;
import dev.sluice.schemas.TeacherShard;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.beam.sdk.testing.TestPipeline;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AggregateRoundTest {
  private static final HexFormat HEX = HexFormat.of();

  @TempDir Path directory;

  private Outcome aggregate(PlannedRound round, int minNodes, String attempt) throws IOException {
    return aggregate(round, directory, directory.toString(), minNodes, attempt);
  }

  private static Outcome aggregate(
      PlannedRound round, Path at, String root, int minNodes, String attempt) throws IOException {
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    AggregateRound.build(pipeline, round, new RoundDirectory(root), List.of(), minNodes, attempt);
    pipeline.run().waitUntilFinish();
    return PlainJson.read(
        Outcome.class,
        Outcome.getClassSchema(),
        Files.readAllBytes(at.resolve(".attempt-" + attempt + "/outcome.json")),
        "outcome.json");
  }

  private Manifest manifest() throws IOException {
    return PlainJson.read(
        Manifest.class,
        Manifest.getClassSchema(),
        Files.readAllBytes(directory.resolve("manifest.json")),
        "manifest.json");
  }

  /** Names and digests of everything below the round directory but uplinks and attempts. */
  private Map<String, String> results() throws Exception {
    Map<String, String> files = new TreeMap<>();
    try (Stream<Path> tree = Files.walk(directory)) {
      for (Path file : tree.filter(Files::isRegularFile).toList()) {
        String name = directory.relativize(file).toString();
        if (!name.startsWith("uplink/") && !name.startsWith(".attempt-")) {
          files.put(name, sha256(Files.readAllBytes(file)));
        }
      }
    }
    return files;
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HEX.formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private List<RejectedRecord> rejects(String node) throws IOException {
    List<RejectedRecord> records = new ArrayList<>();
    try (DataFileReader<RejectedRecord> reader =
        new DataFileReader<>(
            directory.resolve("rejects/" + node + ".avro").toFile(),
            new SpecificDatumReader<>(RejectedRecord.class))) {
      reader.forEach(records::add);
    }
    return records;
  }

  @ParameterizedTest
  @CsvSource({"dither, 2.5", "dither, auto", "dither, probe", "dither-paper, auto", "midrise, 3"})
  void everyNumberOfTheManifestIsThatOfAPlainCalculation(String quantizer, String clip)
      throws Exception {
    RoundFixture fixture = Rounds.of(quantizer, clip, 3, 2.5, 0, 6);
    PlannedRound round = fixture.round();
    fixture.writeUplinks(directory);
    Outcome outcome = aggregate(round, 3, "a");
    assertThat(outcome, equalTo(new Outcome(true, 0L, 0L, List.of(), List.of())));
    assertThat(Rounds.leftovers(directory), equalTo(List.of(".attempt-a/outcome.json")));

    Manifest manifest = manifest();
    assertThat(manifest.getFormat(), equalTo("sluice-manifest-1"));
    assertThat(manifest.getRound(), equalTo("r1"));
    assertThat(manifest.getPlanDigest(), equalTo(sha256(round.json())));
    assertThat(manifest.getMinNodes(), equalTo(3));
    assertThat(
        manifest.getActive(),
        equalTo(
            List.of(
                new ActiveRange(0, 5, List.of("node-0", "node-1", "node-3"), List.of(1, 1, 1)))));
    assertThat(manifest.getRejects(), equalTo(List.of()));
    for (int node = 0; node < 4; node++) {
      checkAccount(fixture, node, manifest.getNodes().get(node));
    }
    boolean dithered = !quantizer.equals("midrise");
    assertThat(manifest.getCertificate().getErrorLaw(), equalTo(dithered ? "uniform" : "none"));
    checkCertificate(fixture, manifest);
    assertThat(manifest.getTeacher().size(), equalTo(3));
    for (int shard = 0; shard < 3; shard++) {
      checkShard(fixture, shard, manifest.getTeacher().get(shard));
    }
  }

  private void checkAccount(RoundFixture fixture, int node, NodeAccount account) throws Exception {
    PlannedRound round = fixture.round();
    boolean silent = round.nodes().get(node).getBitsPerProbe() == 0;
    MessageDigest all = MessageDigest.getInstance("SHA-256");
    long bits = 0;
    long clipped = 0;
    double clipSum = 0;
    double clipMax = 0;
    double stepSum = 0;
    for (int shard = 0; shard < 3 && !silent; shard++) {
      MessageDigest digests = MessageDigest.getInstance("SHA-256");
      for (int block = 2 * shard; block < 2 * shard + 2; block++) {
        CodeBlock sent = fixture.block(node, block);
        digests.update(
            MessageDigest.getInstance("SHA-256")
                .digest(concat(CodeBlocks.headerBytes(sent.getHeader()), sent.getCodes().array())));
        bits += sent.getHeader().getPayloadBits();
        double[] clips = fixture.clips(node, block);
        double[] rows = fixture.centred(node, block);
        for (int i = 0; i < rows.length; i++) {
          clipped += Math.abs(rows[i]) > clips[i / 20] ? 1 : 0;
        }
        for (double clip : clips) {
          clipSum += clip;
          clipMax = Math.max(clipMax, clip);
          stepSum += meanStep(round.shape(node, block), clip, round.plan().getQuantizer(), node);
        }
      }
      all.update(digests.digest());
    }
    long bytes = silent ? 0 : Files.size(fixture.uplink(directory, node, "all.avro"));
    NodeAccount expected =
        new NodeAccount(
            "node-" + node,
            silent ? 0 : 6,
            0,
            0,
            0L,
            silent ? 0L : 17L,
            round.nodes().get(node).getBitsPerCoordinate(),
            round.nodes().get(node).getBitsPerProbe(),
            bits / 17.0,
            8.0 * bytes / 17,
            silent ? 0 : (8.0 * bytes / 17) / (bits / 17.0) - 1,
            clipped / (17.0 * 20),
            clipped,
            0L,
            account.getMeanClip(),
            clipMax,
            account.getMeanStep(),
            HEX.formatHex(all.digest()),
            List.of(silent ? 0 : 6));
    assertThat(account, equalTo(expected));
    assertThat(account.getMeanClip(), closeTo(clipSum / 17, 1e-12 * clipSum));
    assertThat(account.getMeanStep(), closeTo(stepSum / 17, 1e-12 * stepSum));
  }

  private static double step(int symbols, double bits, double clip, String quantizer) {
    return switch (quantizer) {
      case "dither" -> 2 * clip / (symbols - 1);
      case "dither-paper" -> 2 * clip / (Math.floor(Math.pow(2, bits) * 0x1p20 + 0.5) * 0x1p-20);
      default -> 2 * clip / symbols;
    };
  }

  private static final double[] BITS = {3, 2.5, 0, 6};

  private static double meanStep(BlockShape shape, double clip, String quantizer, int node) {
    double f = (double) shape.finer() / shape.coordinates();
    return f * step(shape.symbols() + 1, BITS[node], clip, quantizer)
        + (1 - f) * step(shape.symbols(), BITS[node], clip, quantizer);
  }

  /** (U), (L), the worst case and the variance by their formulas. */
  private static void checkCertificate(RoundFixture fixture, Manifest manifest) {
    PlannedRound round = fixture.round();
    String quantizer = round.plan().getQuantizer();
    double upper = 0;
    double lower = 0;
    double worst = 0;
    double variance = 0;
    for (int block = 0; block < 6; block++) {
      float[] teacher = fixture.teacher(block, List.of(0, 1, 3));
      for (int probe = 0; probe < round.probesIn(block); probe++) {
        double mean = 0;
        double here = 0;
        for (int node : new int[] {0, 1, 3}) {
          BlockShape shape = round.shape(node, block);
          double clip = fixture.clips(node, block)[probe];
          double f = (double) shape.finer() / shape.coordinates();
          double coarse = step(shape.symbols(), BITS[node], clip, quantizer);
          double fine = step(shape.symbols() + 1, BITS[node], clip, quantizer);
          upper +=
              Math.log(
                  f * Math.sinh(fine / 6) / (fine / 6)
                      + (1 - f) * Math.sinh(coarse / 6) / (coarse / 6));
          mean += (f == 1 ? fine : coarse) / 3;
          here += (f * fine * fine + (1 - f) * coarse * coarse) / 12 / 9;
        }
        double h = 2 * (Math.exp(-mean) - 1 + mean) / (mean * mean);
        float[] row = Arrays.copyOfRange(teacher, probe * 20, probe * 20 + 20);
        lower += 0.5 * h * here * leastSpread(row, mean);
        variance += here;
        worst += mean * mean / 8;
      }
    }
    assertThat(manifest.getCertificate().getWorstCase(), closeTo(worst / 17, 1e-12 * worst));
    if (quantizer.equals("midrise")) {
      assertThat(manifest.getCertificate().getUpper(), nullValue());
      assertThat(manifest.getCertificate().getLower(), nullValue());
      assertThat(manifest.getCertificate().getMeanVariance(), nullValue());
      return;
    }
    assertThat(manifest.getCertificate().getUpper(), closeTo(upper / 17, 1e-10 * upper));
    assertThat(
        manifest.getCertificate().getMeanVariance(), closeTo(variance / 17, 1e-12 * variance));
    assertThat(lower, greaterThan(0.0));
    assertThat(manifest.getCertificate().getLower(), closeTo(lower / 17, 1e-6 * lower / 17));
    assertThat(
        manifest.getCertificate().getUpper(), greaterThan(manifest.getCertificate().getLower()));
  }

  /** The least 1 - |p|^2 of all softmaxes whose logits are within the mean step of a row. */
  private static double leastSpread(float[] row, double meanStep) {
    double[] sorted = IntStream.range(0, row.length).mapToDouble(v -> row[v]).sorted().toArray();
    double largest = Math.max(Math.abs(sorted[0]), Math.abs(sorted[row.length - 1]));
    double range = meanStep + largest * 0x1p-23 + 0x1p-29;
    double least = 1;
    for (int top = 0; top <= row.length; top++) {
      double sum = 0;
      double squares = 0;
      for (int v = 0; v < row.length; v++) {
        double x = Math.exp(sorted[v] - (v < row.length - top ? range : 0));
        sum += x;
        squares += x * x;
      }
      least = Math.min(least, 1 - squares / (sum * sum));
    }
    return least;
  }

  private void checkShard(RoundFixture fixture, int shard, TeacherShard entry) throws Exception {
    PlannedRound round = fixture.round();
    byte[] npy = Files.readAllBytes(directory.resolve("teacher/" + entry.getName() + ".npy"));
    byte[] avro = Files.readAllBytes(directory.resolve("teacher/" + entry.getName() + ".avro"));
    assertThat(
        entry,
        equalTo(
            new TeacherShard(
                "teacher-0000" + shard,
                6L * shard,
                shard == 2 ? 5L : 6L,
                sha256(npy),
                (long) npy.length,
                sha256(avro),
                (long) avro.length)));
    List<TeacherBlock> blocks = new ArrayList<>();
    try (DataFileReader<TeacherBlock> reader =
            new DataFileReader<>(
                directory.resolve("teacher/" + entry.getName() + ".avro").toFile(),
                new SpecificDatumReader<>(TeacherBlock.class));
        NpyRows rows =
            NpyRows.open(
                FileChannel.open(directory.resolve("teacher/" + entry.getName() + ".npy")),
                entry.getName())) {
      reader.forEach(blocks::add);
      assertThat(rows.rows(), equalTo(entry.getProbes()));
      assertThat(rows.columns(), equalTo(20));
      long row = 0;
      for (int i = 0; i < blocks.size(); i++) {
        int block = 2 * shard + i;
        float[] expected = fixture.teacher(block, List.of(0, 1, 3));
        float[] found = new float[expected.length];
        FloatBuffer logits =
            blocks.get(i).getLogits().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
        assertThat(logits.remaining(), equalTo(expected.length));
        logits.get(found);
        assertThat(found, equalTo(expected));
        double[] read = new double[expected.length];
        rows.read(row, row + round.probesIn(block), read, 0);
        assertThat(
            read, equalTo(IntStream.range(0, read.length).mapToDouble(k -> expected[k]).toArray()));
        row += round.probesIn(block);
        assertThat(blocks.get(i).getActiveNodes(), equalTo(List.of(0, 1, 3)));
        assertThat(blocks.get(i).getBlock(), equalTo(block));
        assertThat(blocks.get(i).getPlan(), equalTo(round.digest()));
      }
    }
    assertThat(blocks.size(), equalTo(2));
  }

  @Test
  void aSecondRunGivesTheSameBytesHoweverTheUplinksAreCut() throws Exception {
    RoundFixture fixture = Rounds.of("auto", 3, 2.5);
    fixture.writeUplinks(directory);
    aggregate(fixture.round(), 2, "a");
    Map<String, String> first = results();
    String manifest = Files.readString(directory.resolve("manifest.json"));
    aggregate(fixture.round(), 2, "b");
    assertThat(results(), equalTo(first));

    // Renamed and in another order: the same bytes in all.
    List<CodeBlock> blocks = new ArrayList<>(fixture.blocks(0));
    java.util.Collections.reverse(blocks);
    Files.delete(fixture.uplink(directory, 0, "all.avro"));
    RoundFixture.write(fixture.uplink(directory, 0, "zz"), RoundFixture.container(blocks));
    aggregate(fixture.round(), 2, "c");
    assertThat(results(), equalTo(first));

    // Over more files: more headers, so uplinkBitsPerProbe and the overhead of that node.
    RoundFixture.write(
        fixture.uplink(directory, 0, "zz"), RoundFixture.container(blocks.subList(0, 2)));
    RoundFixture.write(
        fixture.uplink(directory, 0, "a.avro"), RoundFixture.container(blocks.subList(2, 6)));
    aggregate(fixture.round(), 2, "d");
    Map<String, String> split = results();
    for (String file : List.of("manifest.json", "report/index.html")) {
      assertThat(file, split.remove(file).equals(first.remove(file)), equalTo(false));
    }
    assertThat(split, equalTo(first));
    String[] before = manifest.split("\"report\"", -1)[0].split("\n", -1);
    String[] after =
        Files.readString(directory.resolve("manifest.json"))
            .split("\"report\"", -1)[0]
            .split("\n", -1);
    assertThat(after.length, equalTo(before.length));
    List<String> changed = new ArrayList<>();
    for (int i = 0; i < before.length; i++) {
      if (!before[i].equals(after[i])) {
        changed.add(after[i].replaceAll("[^A-Za-z]", ""));
      }
    }
    assertThat(changed, equalTo(List.of("uplinkBitsPerProbe", "overhead")));
  }

  @Test
  void anIncompleteRoundSaysWhyAndLeavesAnEarlierCommitAlone() throws Exception {
    RoundFixture fixture = Rounds.of("auto", 3, 2.5, 4);
    fixture.writeUplinks(directory);
    aggregate(fixture.round(), 3, "a");
    Map<String, String> first = results();
    Files.write(
        fixture.uplink(directory, 1, "all.avro"),
        RoundFixture.container(fixture.blocks(1).subList(0, 4)));
    Files.write(fixture.uplink(directory, 2, "bad"), new byte[] {1});
    Outcome outcome = aggregate(fixture.round(), 3, "b");
    assertThat(results(), equalTo(first));
    assertThat(
        outcome,
        equalTo(
            new Outcome(
                false,
                1L,
                2L,
                List.of(
                    "block 4 has 2 nodes, at least 3 needed; missing node-1",
                    "block 5 has 2 nodes, at least 3 needed; missing node-1",
                    "rejected from node-2: 1 not-avro"),
                List.of())));
    Files.delete(directory.resolve("manifest.json"));
    aggregate(fixture.round(), 3, "c");
    assertThat(Files.exists(directory.resolve("manifest.json")), equalTo(false));
    assertThat(rejects("node-2").size(), equalTo(1));
    // With fewer nodes allowed it is complete, and the manifest says over which.
    aggregate(fixture.round(), 2, "d");
    assertThat(
        manifest().getActive(),
        equalTo(
            List.of(
                new ActiveRange(0, 3, List.of("node-0", "node-1", "node-2"), List.of(1, 1, 1)),
                new ActiveRange(4, 5, List.of("node-0", "node-2"), List.of(1, 1)))));
    assertThat(manifest().getNodes().get(1).getMissingBlocks(), equalTo(2));
    assertThat(manifest().getNodes().get(2).getRejects(), equalTo(1L));
  }

  @Test
  void rejectsAreSortedCountedAndReplaced() throws Exception {
    RoundFixture fixture = Rounds.of("auto", 3, 2.5);
    fixture.writeUplinks(directory);
    CodeBlock conflict = fixture.block(1, 2);
    byte[] codes = conflict.getCodes().array().clone();
    codes[0] ^= 1;
    RoundFixture.write(
        fixture.uplink(directory, 1, "more.avro"),
        RoundFixture.container(
            List.of(
                RoundFixture.sealed(conflict.getHeader(), codes),
                fixture.block(0, 3),
                fixture.block(0, 1),
                fixture.block(1, 5))));
    RoundFixture.write(fixture.uplink(directory, 1, "zz.txt"), new byte[3]);
    RoundFixture.write(directory.resolve("uplink/-odd name-/x"), new byte[3]);
    RoundFixture.write(directory.resolve("rejects/old.avro"), new byte[3]);
    Outcome outcome = aggregate(fixture.round(), 1, "a");
    assertThat(outcome.getComplete(), equalTo(true));
    assertThat(outcome.getRejects(), equalTo(6L));
    List<RejectedRecord> rejects = rejects("node-1");
    assertThat(
        rejects.stream().map(r -> r.getBlock() + " " + r.getReason() + " " + r.getFile()).toList(),
        equalTo(
            List.of(
                "null not-avro zz.txt",
                "1 wrong-node more.avro",
                "2 conflict all.avro",
                "2 conflict more.avro",
                "3 wrong-node more.avro")));
    Manifest manifest = manifest();
    assertThat(manifest.getNodes().get(1).getDuplicateBlocks(), equalTo(1));
    assertThat(manifest.getNodes().get(1).getBlocks(), equalTo(5));
    assertThat(manifest.getRejects().get(0).getNode(), equalTo("-odd name-"));
    assertThat(
        manifest.getRejects().get(1).getByReason(),
        equalTo(
            List.of(
                new ReasonCount("conflict", 2L),
                new ReasonCount("not-avro", 1L),
                new ReasonCount("wrong-node", 2L))));
    assertThat(
        manifest.getRejects().get(1).getSha256(),
        equalTo(sha256(Files.readAllBytes(directory.resolve("rejects/node-1.avro")))));
    try (Stream<Path> files = Files.list(directory.resolve("rejects"))) {
      assertThat(files.count(), equalTo(2L)); // the old one is gone
    }
  }

  @Test
  void fortyNodesAreReadByOneBranch() throws Exception {
    double[] bits = new double[40];
    Arrays.fill(bits, 2);
    RoundFixture fixture = Rounds.of("3", bits);
    fixture.writeUplinks(directory);
    RoundFixture.write(directory.resolve("uplink/stranger/x"), new byte[1]);
    Outcome outcome = aggregate(fixture.round(), 40, "a");
    assertThat(outcome.getComplete(), equalTo(true));
    assertThat(outcome.getDetails(), equalTo(List.of("rejected from stranger: 1 unknown-node")));
    assertThat(manifest().getActive().size(), equalTo(1));
    assertThat(manifest().getActive().get(0).getNodes().size(), equalTo(40));
    List<Integer> all = IntStream.range(0, 40).boxed().toList();
    try (DataFileReader<TeacherBlock> reader =
        new DataFileReader<>(
            directory.resolve("teacher/teacher-00002.avro").toFile(),
            new SpecificDatumReader<>(TeacherBlock.class))) {
      float[] found = new float[3 * 20];
      reader.next().getLogits().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(found);
      assertThat(found, equalTo(fixture.teacher(4, all)));
    }
  }

  @Test
  void withoutUplinksEveryBlockIsShort() throws Exception {
    RoundFixture fixture = Rounds.of("auto", 3, 2);
    Outcome outcome = aggregate(fixture.round(), 1, "a");
    assertThat(outcome.getComplete(), equalTo(false));
    assertThat(outcome.getShortBlocks(), equalTo(6L));
    assertThat(
        outcome.getDetails().get(0),
        allOf(containsString("block 0 has 0 nodes"), containsString("node-0, node-1")));
    assertThat(results(), equalTo(Map.of()));
  }

  @Test
  void aDirectoryMayBeRelativeOrHaveAnyName() throws Exception {
    RoundFixture fixture = Rounds.of("auto", 3);
    Path odd = directory.resolve("a b+c%20é/rönd");
    fixture.writeUplinks(odd);
    String[] roots = {
      odd + "/",
      Path.of("").toAbsolutePath().relativize(odd).toString(),
      odd.getParent() + "/./" + odd.getFileName(),
    };
    for (int i = 0; i < roots.length; i++) {
      assertThat(
          aggregate(fixture.round(), odd, roots[i], 1, "x" + i).getComplete(), equalTo(true));
      assertThat(roots[i], Files.exists(odd.resolve("manifest.json")), equalTo(true));
      try (Stream<Path> files = Files.list(odd.resolve("teacher"))) {
        assertThat(roots[i], files.count(), equalTo(6L));
      }
    }
  }

  @Test
  void aCommitThatWasCutShortIsMadeGoodByTheNext() throws Exception {
    RoundFixture fixture = Rounds.of("auto", 3, 2.5);
    fixture.writeUplinks(directory);
    aggregate(fixture.round(), 2, "a");
    Map<String, String> first = results();
    Files.delete(directory.resolve("manifest.json"));
    Files.delete(directory.resolve("teacher/teacher-00001.npy"));
    Files.write(directory.resolve("teacher/teacher-00007.npy"), new byte[3]);
    aggregate(fixture.round(), 2, "b");
    assertThat(results(), equalTo(first));
  }

  private static byte[] concat(byte[] a, byte[] b) {
    byte[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }
}
