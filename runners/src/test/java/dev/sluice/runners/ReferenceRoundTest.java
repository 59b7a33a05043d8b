package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.Audit;
import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.Certificate;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.commons.io.FileUtils;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A round in the reference channel, from the command line. */
class ReferenceRoundTest {
  private static final int PROBES = 48;
  private static final int VOCABULARY = 128;
  private static final String[] NAMES = {"a", "b", "c"};

  /** A round of two shards of two blocks whose three nodes have sent; every test has a copy. */
  @TempDir static Path sent;

  @TempDir Path directory;
  private Path round;

  @BeforeAll
  static void send() throws IOException {
    npy(sent.resolve("base.npy"), base());
    for (int node = 0; node < NAMES.length; node++) {
      npy(sent.resolve(NAMES[node] + ".npy"), logits(node));
    }
    Path round = sent.resolve("round");
    Cli.Result planned = plan(round, "r1", "--reference", base0(), "--bits-per-probe", "700,b=900");
    assertThat(planned.toString(), planned.code(), is(0));
    assertThat(planned.out(), containsString("relative to reference.npy"));
    inSmallBlocks(round);
    for (String name : NAMES) {
      Site.send(round, name, sent.resolve(name + ".npy"));
    }
  }

  @BeforeEach
  void copy() throws IOException {
    round = directory.resolve("round");
    FileUtils.copyDirectory(sent.resolve("round").toFile(), round.toFile());
  }

  private static String base0() {
    return sent.resolve("base.npy").toString();
  }

  private static float[] base() {
    SplittableRandom random = new SplittableRandom(1);
    float[] logits = new float[PROBES * VOCABULARY];
    for (int c = 0; c < logits.length; c++) {
      logits[c] = (float) (10 * Math.log(random.nextDouble() + 1e-3) / Math.log(10));
    }
    return logits;
  }

  private static float[] logits(int node) {
    SplittableRandom random = new SplittableRandom(10 + node);
    float[] logits = base();
    for (int c = 0; c < logits.length; c++) {
      logits[c] += (float) (2 * random.nextDouble() + 4); // a constant of its own
    }
    return logits;
  }

  private static Path npy(Path file, float... logits) throws IOException {
    return Site.npy(
        file, "'<f4'", "False", "(" + logits.length / VOCABULARY + ", " + VOCABULARY + ")", logits);
  }

  private static Cli.Result plan(Path where, String id, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of("plan", "--round", where.toString(), "--id", id, "--nodes", "a,b,c"));
    args.addAll(List.of("--channel", "reference"));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(new String[0]));
  }

  private static void inSmallBlocks(Path round) throws IOException {
    Site.inSmallBlocks(
        round,
        plan -> {
          plan.getLayout().setProbesPerBlock(16);
          plan.getLayout().setBlocksPerShard(2);
        });
  }

  private static Cli.Result aggregate(Path round) {
    return Cli.run("aggregate", "--round", round.toString());
  }

  private static Manifest manifest(Path round) throws IOException {
    return RoundRunner.manifest(new RoundDirectory(round.toString()));
  }

  private static Audit audit(Path round) throws IOException {
    List<String> args = new ArrayList<>(List.of("audit", "--json", "--round", round.toString()));
    for (String name : NAMES) {
      args.addAll(List.of("--logits", name + "=" + sent.resolve(name + ".npy")));
    }
    Cli.Result audited = Cli.run(args.toArray(new String[0]));
    assertThat(audited.toString(), audited.code(), is(0));
    return PlainJson.read(
        Audit.class,
        Audit.getClassSchema(),
        audited.out().getBytes(StandardCharsets.UTF_8),
        "audit");
  }

  @Test
  void aTeacherIsCertifiedFromCodesWithinTheirBudgets() throws Exception {
    Cli.Result aggregated = aggregate(round);
    assertThat(aggregated.toString(), aggregated.code(), is(0));
    Manifest manifest = manifest(round);
    for (NodeAccount node : manifest.getNodes()) {
      double bits = node.getUplinkBitsPerProbe();
      assertThat(node.getName(), bits, lessThanOrEqualTo((double) node.getBitsPerProbe()));
      assertThat(node.getName() + " wastes", node.getBitsPerProbe() * .8, lessThan(bits));
    }
    Certificate certificate = manifest.getCertificate();
    assertThat(certificate.getErrorLaw(), is("relative"));
    assertThat(certificate.getWorstCase(), is(nullValue()));
    assertThat(certificate.getLower(), is(nullValue()));
    assertThat(certificate.getUnsent(), lessThan(certificate.getUpper()));
    Audit audit = audit(round);
    assertThat(audit.getUpper(), is(certificate.getUpper()));
    assertThat(audit.getKl(), lessThan(audit.getUpper()));
    assertThat(audit.getKl(), lessThan(.02));
    String page = Files.readString(round.resolve("report/index.html"));
    assertThat(page, containsString("for what was not sent"));
  }

  @Test
  void everyRunnerWritesTheSameBytes() throws Exception {
    RoundDirectory at = new RoundDirectory(round.toString());
    Map<String, String> expected = null;
    for (RunnerChoice choice : RunnersAgreeTest.CHOICES) {
      Outcome outcome = new RoundRunner().aggregate(RoundRunner.plan(at), at, 3, choice);
      assertThat(choice + ": " + outcome, outcome.getComplete(), is(true));
      Map<String, String> results = AggregateCommandTest.results(round);
      expected = expected == null ? results : expected;
      assertThat(choice.toString(), results, is(expected));
    }
  }

  @Test
  void encodingAgainGivesTheSameBytes() throws Exception {
    byte[] first = Files.readAllBytes(round.resolve("uplink/b/codes-00001.avro"));
    Site.send(round, "b", sent.resolve("b.npy"));
    byte[] again = Files.readAllBytes(round.resolve("uplink/b/codes-00001.avro"));
    assertThat(Arrays.equals(first, again), is(true));
  }

  @Test
  void theNextReferenceIsTheTeacher() throws Exception {
    aggregate(round);
    Path next = directory.resolve("next");
    Cli.Result planned =
        plan(next, "r2", "--reference", round.toString(), "--bits-per-probe", "700,b=900");
    assertThat(planned.toString(), planned.code(), is(0));
    inSmallBlocks(next);
    for (String name : NAMES) {
      Site.send(next, name, sent.resolve(name + ".npy"));
    }
    assertThat(aggregate(next).code(), is(0));
    assertThat(audit(next).getKl(), lessThan(audit(round).getKl()));
  }

  @Test
  void theUniformReferenceHasNoFile() throws Exception {
    Path uniform = directory.resolve("uniform");
    Cli.Result planned =
        plan(uniform, "r2", "--probes", "48", "--vocab", "128", "--bits-per-probe", "900");
    assertThat(planned.toString(), planned.code(), is(0));
    assertThat(Files.exists(uniform.resolve("reference.npy")), is(false));
    for (String name : NAMES) {
      Site.send(uniform, name, sent.resolve(name + ".npy"));
    }
    assertThat(aggregate(uniform).code(), is(0));
    Audit audit = audit(uniform);
    assertThat(audit.getKl(), lessThan(audit.getUpper()));
  }

  @Test
  void anotherReferenceIsRefusedAtBothEnds() throws Exception {
    float[] other = base();
    other[5] += .5f;
    npy(round.resolve("reference.npy"), other);
    String said = "reference.npy: another reference than the plan's: found SHA-256 ";
    assertThat(aggregate(round).toString(), allOf(containsString("exit 3"), containsString(said)));
    String[] encode = {
      "encode", "--round", round.toString(), "--node", "a", "--logits", sent.resolve("a.npy") + ""
    };
    assertThat(Cli.run(encode).toString(), allOf(containsString("exit 3"), containsString(said)));
    Files.delete(round.resolve("reference.npy"));
    assertThat(
        Cli.run(encode).toString(),
        allOf(containsString("exit 3"), containsString("reference.npy: no such file")));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY, -800})
  void aReferenceGivesEveryTokenSomeProbability(float wrong) throws Exception {
    float[] other = base();
    other[3 * VOCABULARY + 7] = wrong;
    Path file = npy(directory.resolve("other.npy"), other);
    Path fresh = directory.resolve("fresh");
    Cli.Result planned =
        plan(fresh, "r2", "--reference", file.toString(), "--bits-per-probe", "700");
    assertThat(planned.code(), is(3));
    assertThat(
        planned.err(), containsString("other.npy: probe 3, coordinate 7: found " + (double) wrong));
    assertThat(Files.exists(fresh.resolve("plan.json")), is(false));
    try (var left = Files.list(fresh)) {
      assertThat(left.toList(), is(List.of()));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--bits-per-probe 20 | --bits-per-probe: node 'a': found 20, expected at least",
        "--bits-per-probe 9000 | --bits-per-probe: node 'a': found 9000.0, expected 0 (silent this round) or up to 2048",
        "--bits-per-probe 700 --kappa 0 | --kappa",
        "--bits-per-probe 700 --kappa NaN | --kappa",
        "--bits-per-probe 700 --trim 1 | --trim",
        "--bits-per-probe 700 --clip auto | --clip",
        "--bits-per-probe 700 --refines x | --refines",
        "--bits-per-coordinate 4 | --bits-per-coordinate",
        "--kappa 1 | --bits-per-probe is missing",
      })
  void whatHasNoMeaningIsRefused(String options, String said) throws Exception {
    List<String> more = new ArrayList<>(List.of("--reference", base0()));
    more.addAll(List.of(options.split(" ")));
    Path fresh = directory.resolve("fresh");
    Cli.Result planned = plan(fresh, "r2", more.toArray(new String[0]));
    assertThat(planned.toString(), planned.code(), is(2));
    assertThat(planned.err(), containsString(said));
    assertThat(Files.exists(fresh.resolve("plan.json")), is(false));
    assertThat(Files.exists(fresh.resolve("reference.npy")), is(false));
  }

  @Test
  void aReferenceOfAnotherShapeIsRefused() {
    Cli.Result planned =
        plan(
            directory.resolve("fresh"),
            "r2",
            "--probes",
            "47",
            "--reference",
            base0(),
            "--bits-per-probe",
            "700");
    assertThat(planned.code(), is(3));
    assertThat(planned.err(), containsString("found shape (48, 128), expected (47, 128)"));
  }

  @Test
  void whatIsOfTheOtherChannelSaysSo() throws Exception {
    aggregate(round);
    String at = round.toString();
    String next = directory.resolve("next").toString();
    for (String[] command :
        new String[][] {
          {"allocate", "--round", at, "--total-bits-per-coordinate", "8", "--json"},
          {"bounds", "--round", at},
          {"plan", "--round", next, "--id", "r2", "--refines", at},
        }) {
      Cli.Result result = Cli.run(command);
      assertThat(result.toString(), result.code(), is(3));
      assertThat(result.err(), containsString("reference"));
    }
    Cli.Result exported = Cli.run("export", "--round", at, "--format", "npy", "--out", next);
    assertThat(exported.toString(), exported.code(), is(0));
    Cli.Result inspected = Cli.run("inspect", at);
    assertThat(inspected.toString(), inspected.code(), is(0));
  }

  /** Rewrites the first block of node a, its checksum made right again. */
  private void forge(Consumer<CodeBlock> change) throws IOException {
    Path file = round.resolve("uplink/a/codes-00000.avro");
    List<CodeBlock> blocks = new ArrayList<>();
    try (DataFileReader<CodeBlock> reader =
        new DataFileReader<>(file.toFile(), new SpecificDatumReader<>(CodeBlock.class))) {
      reader.forEach(blocks::add);
    }
    CodeBlock first = blocks.get(0);
    change.accept(first);
    byte[] codes = first.getCodes().array();
    byte[] header = CodeBlocks.headerBytes(first.getHeader());
    first.setCrc32c(CodeBlocks.crc32c(header, codes, 0, codes.length));
    try (DataFileWriter<CodeBlock> writer =
        new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class))) {
      writer.create(CodeBlocks.fileSchema(), file.toFile());
      for (CodeBlock block : blocks) {
        writer.append(block);
        writer.sync();
      }
    }
  }

  private void rejected(String reason, String detail) throws IOException {
    Cli.Result result = Cli.run("aggregate", "--round", round.toString(), "--min-nodes", "2");
    assertThat(result.toString(), result.code(), is(4));
    List<String> rejects;
    try (var files = Files.walk(round.resolve("rejects"))) {
      rejects = files.filter(Files::isRegularFile).map(Path::toString).toList();
    }
    assertThat(rejects.size(), is(1));
    String shown = Cli.run("inspect", rejects.get(0)).out();
    assertThat(shown, allOf(containsString(reason), containsString(detail)));
    assertThat(manifest(round).getNodes().get(0).getMissingBlocks(), is(1));
    assertThat(audit(round).getKl(), lessThan(audit(round).getUpper()));
  }

  private static void codes(CodeBlock block, byte... codes) {
    block.setCodes(ByteBuffer.wrap(codes));
    block.getHeader().setPayloadBits(8L * codes.length);
  }

  @Test
  void aStreamCutShortIsAReject() throws Exception {
    forge(block -> codes(block, Arrays.copyOf(block.getCodes().array(), 200)));
    rejected("bad-codes", "stream");
  }

  @Test
  void codesOfAnotherReferenceAreAReject() throws Exception {
    forge(block -> block.getCodes().array()[0] ^= 1);
    rejected("bad-codes", "relative to another reference");
  }

  @Test
  void codesBeyondTheBudgetAreAReject() throws Exception {
    PlannedRound planned = RoundRunner.plan(new RoundDirectory(round.toString()));
    int most = planned.maxCodesBytes(0, 0);
    forge(block -> codes(block, Arrays.copyOf(block.getCodes().array(), most + 1)));
    rejected("bad-header", "length of codes: found " + (most + 1));
  }

  @Test
  void aHeaderSaysHowLongItsCodesAre() throws Exception {
    forge(block -> block.getHeader().setPayloadBits(block.getHeader().getPayloadBits() - 1));
    rejected("bad-header", "payloadBits");
  }

  @Test
  void maskedTokensAreTheLeastOfTheirRow() throws Exception {
    float[] logits = logits(0);
    logits[9] = Float.NEGATIVE_INFINITY;
    Path masked = npy(directory.resolve("masked.npy"), logits);
    String[] encode = {
      "encode", "--round", round.toString(), "--node", "a", "--logits", masked.toString()
    };
    Cli.Result refused = Cli.run(encode);
    assertThat(refused.code(), is(3));
    assertThat(refused.err(), containsString("probe 0, coordinate 9: found -Infinity"));
    String[] allowed = Arrays.copyOf(encode, encode.length + 2);
    allowed[encode.length] = "--masked";
    allowed[encode.length + 1] = "floor";
    Cli.Result encoded = Cli.run(allowed);
    assertThat(encoded.toString(), encoded.code(), is(0));
    assertThat(encoded.out(), allOf(containsString("masked     1"), not(containsString("NaN"))));
    aggregate(round);
    assertThat(manifest(round).getNodes().get(0).getMaskedCoordinates(), is(1L));
  }

  @Test
  void aBlockSaysNothingOfAClip() throws Exception {
    forge(block -> block.getHeader().setClip(1));
    rejected("bad-header", "clip: found 1.0, expected 0");
  }

  @Test
  void aReplacedPlanTakesItsReferenceAlong() throws Exception {
    Cli.Result planned =
        Cli.run(
            "plan",
            "--round",
            round.toString(),
            "--id",
            "r1",
            "--nodes",
            "a,b,c",
            "--probes",
            "48",
            "--vocab",
            "128",
            "--bits-per-coordinate",
            "4",
            "--force");
    assertThat(planned.toString(), planned.code(), is(0));
    assertThat(Files.exists(round.resolve("reference.npy")), is(false));
  }

  /** What a header is, so that the tests above are of blocks as sites write them. */
  @Test
  void headersAreOfOnePlane() throws Exception {
    try (DataFileReader<CodeBlock> reader =
        new DataFileReader<>(
            round.resolve("uplink/a/codes-00001.avro").toFile(),
            new SpecificDatumReader<>(CodeBlock.class))) {
      BlockHeader header = reader.next().getHeader();
      assertThat(header.getBlock(), is(2));
      assertThat(header.getPlane(), is(0));
      assertThat(header.getClipped(), is(0L));
    }
  }
}
