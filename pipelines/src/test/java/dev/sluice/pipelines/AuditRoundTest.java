package dev.sluice.pipelines;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.ActiveRange;
import dev.sluice.schemas.Audit;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodeAudit;
import dev.sluice.schemas.Predicted;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Split;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole rounds from .npy to audit.json, beside a plain calculation from the same logits. */
@Tag("long")
class AuditRoundTest {
  private static final double[] BITS = {3, 2.5, 0, 6};
  private static final int VOCABULARY = 20;

  @TempDir Path directory;

  // ---- the round ----

  /** Encodes all nodes that have bits; their logits by node. */
  private Map<String, String> encode(RoundFixture fixture) throws IOException {
    Map<String, String> logits = new LinkedHashMap<>();
    Pipeline pipeline = Pipeline.create(PipelineOptionsFactory.create());
    for (int node : new int[] {0, 1, 3}) {
      Path file = directory.resolve("logits-" + node + ".npy");
      RoundFixture.write(file, RoundFixture.npy("<f4", fixture.logits(node), 17, VOCABULARY));
      logits.put("node-" + node, file.toString());
      EncodeNode.build(
          pipeline,
          fixture.round(),
          new RoundDirectory(directory.toString()),
          node,
          file.toString(),
          Centring.Masking.FORBIDDEN,
          "e" + node);
    }
    pipeline.run().waitUntilFinish();
    return logits;
  }

  private Manifest aggregate(RoundFixture fixture, int minNodes) throws IOException {
    Pipeline pipeline = Pipeline.create(PipelineOptionsFactory.create());
    RoundDirectory round = new RoundDirectory(directory.toString());
    AggregateRound.build(pipeline, fixture.round(), round, List.of(), minNodes, "a");
    pipeline.run().waitUntilFinish();
    return PlainJson.read(
        Manifest.class,
        Manifest.getClassSchema(),
        Files.readAllBytes(directory.resolve("manifest.json")),
        "manifest.json");
  }

  private Audit audit(RoundFixture fixture, Manifest manifest, Map<String, String> logits)
      throws IOException {
    Pipeline pipeline = Pipeline.create(PipelineOptionsFactory.create());
    Path output = directory.resolve("audit.json");
    AuditRound.build(
        pipeline,
        fixture.round(),
        manifest,
        new RoundDirectory(directory.toString()),
        logits,
        output.toString());
    pipeline.run().waitUntilFinish();
    return PlainJson.read(
        Audit.class, Audit.getClassSchema(), Files.readAllBytes(output), "audit.json");
  }

  /** Takes one block out of what a node sent. */
  private void lose(int node, int block) throws IOException {
    int lost = 0;
    List<Path> files;
    try (Stream<Path> list = Files.list(directory.resolve("uplink/node-" + node))) {
      files = list.filter(file -> file.toString().endsWith(".avro")).toList();
    }
    for (Path file : files) {
      List<CodeBlock> blocks = new ArrayList<>();
      try (DataFileReader<CodeBlock> reader =
          new DataFileReader<>(file.toFile(), new SpecificDatumReader<>(CodeBlock.class))) {
        reader.forEach(blocks::add);
      }
      if (blocks.removeIf(sent -> sent.getHeader().getBlock() == block)) {
        lost++;
        Files.write(file, RoundFixture.container(blocks));
      }
    }
    assertThat(lost, equalTo(1));
  }

  // ---- the plain calculation ----

  /** Averages over probes. */
  private static final class Expected {
    double kl;
    double klStandardError;
    double clipKl;
    double mse;
    double bias;
    double upper;
    double lower;
    double worstCase;
    double variance;
  }

  /** THEORY 3.2 to 3.4, probe by probe; node 1 is not in block {@code lost}. */
  private Expected expected(RoundFixture fixture, int lost) throws IOException {
    PlannedRound round = fixture.round();
    Expected sums = new Expected();
    double[] kls = new double[17];
    for (int block = 0; block < 6; block++) {
      int[] nodes = block == lost ? new int[] {0, 3} : new int[] {0, 1, 3};
      int first = (int) round.firstProbe(block);
      for (int probe = 0; probe < round.probesIn(block); probe++) {
        double[] mean = new double[VOCABULARY];
        double[] clippedMean = new double[VOCABULARY];
        for (int node : nodes) {
          double clip = fixture.clips(node, block)[probe];
          double[] row = row(fixture, node, first + probe);
          for (int v = 0; v < VOCABULARY; v++) {
            mean[v] += row[v] / nodes.length;
            clippedMean[v] += Math.max(-clip, Math.min(clip, row[v])) / nodes.length;
          }
        }
        double[] teacher = teacher(block / 2, first + probe - 6 * (block / 2));
        for (int v = 0; v < VOCABULARY; v++) {
          double error = teacher[v] - clippedMean[v];
          sums.bias += error / (17 * VOCABULARY);
          sums.mse += error * error / (17 * VOCABULARY);
        }
        kls[first + probe] = kl(clippedMean, teacher);
        sums.kl += kls[first + probe] / 17;
        sums.clipKl += kl(mean, clippedMean) / 17;
        addBounds(sums, fixture, block, probe, nodes, clippedMean);
      }
    }
    double squares = 0;
    for (double kl : kls) {
      squares += (kl - sums.kl) * (kl - sums.kl);
    }
    sums.klStandardError = Math.sqrt(squares / (17 * 16));
    return sums;
  }

  private static void addBounds(
      Expected sums, RoundFixture fixture, int block, int probe, int[] nodes, double[] logits) {
    String quantizer = fixture.round().plan().getQuantizer();
    double k = nodes.length;
    double step = 0;
    double variance = 0;
    for (int node : nodes) {
      BlockShape shape = fixture.round().shape(node, block);
      double clip = fixture.clips(node, block)[probe];
      double f = (double) shape.finer() / shape.coordinates();
      double coarse = step(shape.symbols(), BITS[node], clip, quantizer);
      double fine = step(shape.symbols() + 1, BITS[node], clip, quantizer);
      step += (f == 1 ? fine : coarse) / k;
      variance += (f * fine * fine + (1 - f) * coarse * coarse) / (12 * k * k);
      double a = fine / (2 * k);
      double b = coarse / (2 * k);
      sums.upper += Math.log(f * Math.sinh(a) / a + (1 - f) * Math.sinh(b) / b) / 17;
    }
    double collision = Arrays.stream(softmax(logits)).map(p -> p * p).sum();
    double h = 2 * (Math.exp(-step) - 1 + step) / (step * step);
    sums.lower += 0.5 * h * variance * (1 - collision) / 17;
    sums.worstCase += step * step / 8 / 17;
    sums.variance += variance / 17;
  }

  private static double step(int symbols, double bits, double clip, String quantizer) {
    return switch (quantizer) {
      case "dither" -> 2 * clip / (symbols - 1);
      case "dither-paper" -> 2 * clip / (Math.floor(Math.pow(2, bits) * 0x1p20 + 0.5) * 0x1p-20);
      default -> 2 * clip / symbols;
    };
  }

  /** A node's logits of a probe about their midrange. */
  private static double[] row(RoundFixture fixture, int node, int probe) {
    double[] row =
        Arrays.copyOfRange(fixture.logits(node), probe * VOCABULARY, (probe + 1) * VOCABULARY);
    double max = Arrays.stream(row).max().orElseThrow();
    double min = Arrays.stream(row).min().orElseThrow();
    return Arrays.stream(row).map(x -> x - (max + min) / 2).toArray();
  }

  /** A row of a teacher's .npy, float32 behind a header that says how long it is. */
  private double[] teacher(int shard, int row) throws IOException {
    ByteBuffer file =
        ByteBuffer.wrap(
                Files.readAllBytes(directory.resolve("teacher/teacher-0000" + shard + ".npy")))
            .order(ByteOrder.LITTLE_ENDIAN);
    int data = 10 + file.getShort(8);
    double[] logits = new double[VOCABULARY];
    for (int v = 0; v < VOCABULARY; v++) {
      logits[v] = file.getFloat(data + 4 * (row * VOCABULARY + v));
    }
    return logits;
  }

  private static double[] softmax(double[] logits) {
    double total = Arrays.stream(logits).map(Math::exp).sum();
    return Arrays.stream(logits).map(x -> Math.exp(x) / total).toArray();
  }

  private static double kl(double[] from, double[] to) {
    double[] p = softmax(from);
    double[] q = softmax(to);
    double sum = 0;
    for (int v = 0; v < p.length; v++) {
      sum += p[v] * Math.log(p[v] / q[v]);
    }
    return sum;
  }

  // ---- one beside the other ----

  private static void check(Audit audit, Expected expected, Manifest manifest, boolean dithered) {
    assertThat(audit.getRound(), equalTo("r1"));
    assertThat(audit.getProbes(), equalTo(17L));
    assertThat(audit.getKl(), closeTo(expected.kl, 1e-11 * expected.kl));
    assertThat(
        audit.getKlStandardError(),
        closeTo(expected.klStandardError, 1e-10 * expected.klStandardError));
    assertThat(audit.getClipKl(), closeTo(expected.clipKl, 1e-14 + 1e-11 * expected.clipKl));
    assertThat(audit.getMse(), closeTo(expected.mse, 1e-12 * expected.mse));
    assertThat(audit.getBias(), closeTo(expected.bias, 1e-14));
    assertThat(audit.getWorstCase(), closeTo(expected.worstCase, 1e-12 * expected.worstCase));
    assertThat(audit.getKl(), lessThan(audit.getWorstCase()));
    if (dithered) {
      assertThat(audit.getUpper(), closeTo(expected.upper, 1e-10 * expected.upper));
      assertThat(audit.getLower(), closeTo(expected.lower, 1e-10 * expected.lower));
      assertThat(audit.getExpectedMse(), closeTo(expected.variance, 1e-12 * expected.variance));
      // The hub, which knows only the teacher, may not claim more from below.
      assertThat(manifest.getCertificate().getLower(), lessThanOrEqualTo(audit.getLower()));
      assertThat(
          manifest.getCertificate().getUpper(), closeTo(audit.getUpper(), 1e-12 * expected.upper));
    } else {
      assertThat(audit.getUpper(), nullValue());
      assertThat(audit.getLower(), nullValue());
      assertThat(audit.getExpectedMse(), nullValue());
    }
    List<NodeAudit> nodes = new ArrayList<>();
    for (NodeAccount node : manifest.getNodes()) {
      nodes.add(
          new NodeAudit(
              node.getName(),
              node.getBitsPerProbe(),
              node.getPayloadBitsPerProbe(),
              node.getOverhead(),
              node.getClippedFraction(),
              node.getMeanStep(),
              audit.getNodes().get(nodes.size()).getSecondMoment(),
              audit.getNodes().get(nodes.size()).getChannelWeight(),
              null));
    }
    assertThat(audit.getNodes(), equalTo(nodes));
    assertThat(audit.getPrice(), nullValue());
  }

  private static void checkLogits(RoundFixture fixture, int node, NodeAudit audit) {
    double squares = 0;
    double weights = 0;
    for (int block = 0; block < fixture.round().blocks() && BITS[node] > 0; block++) {
      double[] clips = fixture.clips(node, block);
      double[] rows = fixture.centred(node, block);
      for (int i = 0; i < rows.length; i++) {
        double x = Math.min(clips[i / 20], Math.max(-clips[i / 20], rows[i]));
        squares += x * x / (17 * 20);
        weights += clips[i / 20] * clips[i / 20] / 3 / (17 * 20);
      }
    }
    assertThat(audit.getSecondMoment(), closeTo(squares, 1e-12 * squares));
    assertThat(audit.getChannelWeight(), closeTo(weights, 1e-12 * weights));
  }

  @ParameterizedTest
  @ValueSource(strings = {"clip", "second-moment"})
  void aSplitByEstimatesHasItsPrice(String weights) throws IOException {
    RoundFixture plain = Rounds.of("dither", "4", 3, 3, 0, 3);
    RoundPlan plan = plain.round().plan();
    plan.setSplit(
        new Split(
            "water-filling",
            weights,
            12.0,
            List.of(4.0, 2.0, 1.0, 8.0),
            new Predicted(0.1, null, null),
            null));
    RoundFixture fixture =
        new RoundFixture(PlannedRound.parse(PlainJson.write(plan), "plan.json"), 5);
    Map<String, String> logits = encode(fixture);
    Manifest manifest = aggregate(fixture, 3);
    assertThat(manifest.getSplit(), equalTo(plan.getSplit()));
    Audit audit = audit(fixture, manifest, logits);
    double[] estimates = {4, 2, 8};
    int[] nodes = {0, 1, 3};
    double sum = 0;
    double product = 1;
    double moments = 0;
    double momentProduct = 1;
    for (int i = 0; i < estimates.length; i++) {
      double channel = 16 / 3.0 / estimates[i];
      sum += channel / estimates.length;
      product *= channel;
      double moment = audit.getNodes().get(nodes[i]).getSecondMoment() / estimates[i];
      moments += moment / estimates.length;
      momentProduct *= moment;
    }
    double channelPrice = sum / Math.pow(product, 1.0 / estimates.length);
    double momentPrice = moments / Math.pow(momentProduct, 1.0 / estimates.length);
    assertThat(audit.getChannelPrice(), closeTo(channelPrice, 1e-9));
    assertThat(
        audit.getPrice(), closeTo(weights.equals("clip") ? channelPrice : momentPrice, 1e-9));
    assertThat(audit.getPrice(), greaterThan(1.01));
  }

  @ParameterizedTest
  @CsvSource({
    "dither, auto",
    "dither, 2.5",
    "dither, probe",
    "dither-paper, auto",
    "midrise, auto",
    "midrise, 2.5"
  })
  void everyNumberIsThatOfAPlainCalculation(String quantizer, String clip) throws IOException {
    RoundFixture fixture = Rounds.of(quantizer, clip, BITS);
    Map<String, String> logits = encode(fixture);
    Manifest manifest = aggregate(fixture, 3);
    Audit audit = audit(fixture, manifest, logits);
    Expected expected = expected(fixture, -1);
    check(audit, expected, manifest, !quantizer.equals("midrise"));
    for (int node = 0; node < BITS.length; node++) {
      checkLogits(fixture, node, audit.getNodes().get(node));
    }
    if (clip.equals("2.5")) {
      assertThat(audit.getClipKl(), greaterThan(0.01));
    } else {
      assertThat(audit.getClipKl(), closeTo(0, 1e-14));
    }
  }

  @ParameterizedTest
  @CsvSource({"auto", "2.5", "probe"})
  void aBlockIsHeldAgainstTheNodesThatAreInIt(String clip) throws IOException {
    RoundFixture fixture = Rounds.of(clip, BITS);
    Map<String, String> logits = encode(fixture);
    lose(1, 2);
    Manifest manifest = aggregate(fixture, 2);
    assertThat(
        manifest.getActive(),
        equalTo(
            List.of(
                new ActiveRange(0, 1, List.of("node-0", "node-1", "node-3"), List.of(1, 1, 1)),
                new ActiveRange(2, 2, List.of("node-0", "node-3"), List.of(1, 1)),
                new ActiveRange(3, 5, List.of("node-0", "node-1", "node-3"), List.of(1, 1, 1)))));
    check(audit(fixture, manifest, logits), expected(fixture, 2), manifest, true);
  }

  @Test
  void everyNodeThatWasAveragedMustShowItsLogits() throws IOException {
    RoundFixture fixture = Rounds.of("auto", BITS);
    Map<String, String> logits = encode(fixture);
    Manifest manifest = aggregate(fixture, 3);
    logits.remove("node-3");
    BadInputException e =
        assertThrows(BadInputException.class, () -> audit(fixture, manifest, logits));
    assertThat(e.getMessage(), containsString("node-3"));
  }
}
