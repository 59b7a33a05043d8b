package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.Audit;
import dev.sluice.schemas.Average;
import dev.sluice.schemas.Certificate;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.Moments;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BlockDecoder;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.theory.Softmax;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.commons.io.FileUtils;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A round averaged by a trimmed mean, from the command line. */
class TrimmedMeanRoundTest {
  private static final String[] NAMES = {"a", "b", "c", "d", "e"};

  /** A round whose five nodes have sent; every test has a copy. */
  @TempDir static Path sent;

  @TempDir Path directory;
  private Path round;

  @BeforeAll
  static void send() throws IOException {
    Path round = sent.resolve("round");
    Cli.Result planned = plan(round, "r1", "--average", "trimmed-mean", "--trim", "1");
    assertThat(planned.toString(), planned.code(), is(0));
    assertThat(
        planned.out(),
        allOf(containsString("the 1 lowest and the 1 highest"), not(containsString("(U)"))));
    Site.inSmallBlocks(round, plan -> {});
    for (int i = 0; i < NAMES.length; i++) {
      Site.send(round, NAMES[i], logits(i));
    }
  }

  private static Path logits(int node) throws IOException {
    return Site.npy(sent.resolve(NAMES[node] + ".npy"), Site.logits(node));
  }

  @BeforeEach
  void copy() throws IOException {
    round = directory.resolve("round");
    FileUtils.copyDirectory(sent.resolve("round").toFile(), round.toFile());
  }

  private static Cli.Result plan(Path where, String id, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "plan",
                "--round",
                where.toString(),
                "--id",
                id,
                "--nodes",
                "a,b,c,d,e",
                "--probes",
                "" + Site.PROBES,
                "--vocab",
                "" + Site.VOCABULARY,
                "--bits-per-coordinate",
                "4",
                "--clip",
                "5"));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(new String[0]));
  }

  private Cli.Result aggregate(String... more) {
    List<String> args = new ArrayList<>(List.of("aggregate", "--round", round.toString()));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(new String[0]));
  }

  private PlannedRound planned() throws IOException {
    return RoundRunner.plan(new RoundDirectory(round.toString()));
  }

  private Manifest manifest() throws IOException {
    return RoundRunner.manifest(new RoundDirectory(round.toString()));
  }

  /** y' of a node by its blocks, probes × V; NaN where nothing was sent. */
  private double[] sent(String node) throws IOException, BadCodesException {
    PlannedRound planned = planned();
    int index = planned.indexOf(node).orElseThrow();
    double[] all = new double[Site.PROBES * Site.VOCABULARY];
    java.util.Arrays.fill(all, Double.NaN);
    try (Stream<Path> files = Files.list(round.resolve("uplink/" + node))) {
      for (Path file : files.toList()) {
        try (DataFileReader<CodeBlock> reader =
            new DataFileReader<>(file.toFile(), new SpecificDatumReader<>(CodeBlock.class))) {
          for (CodeBlock block : reader) {
            ByteBuffer bytes = block.getCodes();
            byte[] codes = new byte[bytes.remaining()];
            bytes.get(codes);
            int number = block.getHeader().getBlock();
            int probes = planned.probesIn(number);
            double[] y = new double[probes * Site.VOCABULARY];
            BlockDecoder.decode(
                planned.shape(index, number),
                planned.quantizer(),
                planned.key(index),
                number,
                planned.firstProbe(number),
                block.getHeader().getClip(),
                codes,
                y,
                new double[probes]);
            int at = (int) planned.firstProbe(number) * Site.VOCABULARY;
            for (int c = 0; c < y.length; c++) {
              all[at + c] = (y[c] + 0x1.8p22) - 0x1.8p22;
            }
          }
        }
      }
    }
    return all;
  }

  /** Of those that are there, without the lowest and the highest. */
  private static double trimmed(List<double[]> rows, int c) {
    double[] sorted =
        rows.stream().mapToDouble(row -> row[c]).filter(y -> !Double.isNaN(y)).sorted().toArray();
    double sum = 0;
    for (int i = 1; i < sorted.length - 1; i++) {
      sum += sorted[i];
    }
    return sum / (sorted.length - 2);
  }

  private float[] teacher() throws IOException {
    float[] teacher = new float[Site.PROBES * Site.VOCABULARY];
    int at = 0;
    for (int shard = 0; shard < 4; shard++) {
      String file = round.resolve("teacher/teacher-0000" + shard + ".npy").toString();
      try (NpyRows rows = NpyRows.open(Files.newByteChannel(Path.of(file)), file)) {
        double[] values = new double[(int) rows.rows() * Site.VOCABULARY];
        rows.read(0, rows.rows(), values, 0);
        for (double value : values) {
          teacher[at++] = (float) value;
        }
      }
    }
    return teacher;
  }

  private void checkTeacher() throws IOException, BadCodesException {
    List<double[]> rows = new ArrayList<>();
    for (String name : NAMES) {
      rows.add(sent(name));
    }
    float[] teacher = teacher();
    for (int c = 0; c < teacher.length; c++) {
      assertThat(teacher[c], is((float) trimmed(rows, c)));
    }
  }

  @Test
  void theTeacherIsTheTrimmedMeanHoweverItIsRun() throws Exception {
    assertThat(planned().plan().getAverage(), equalTo(new Average("trimmed-mean", 1)));
    Cli.Result result = aggregate();
    assertThat(result.toString(), result.code(), is(0));
    assertThat(result.out(), allOf(containsString("no error law"), containsString("trimmed mean")));
    checkTeacher();
    Map<String, String> first = AggregateCommandTest.results(round);
    assertThat(aggregate("--parallelism", "1").code(), is(0));
    assertThat(AggregateCommandTest.results(round), is(first));
    assertThat(aggregate("--runner", "flink", "--parallelism", "2").code(), is(0));
    assertThat(AggregateCommandTest.results(round), is(first));

    Certificate certificate = manifest().getCertificate();
    assertThat(manifest().getAverage(), equalTo(new Average("trimmed-mean", 1)));
    assertThat(certificate.getErrorLaw(), is("none"));
    assertThat(certificate.getUpper(), nullValue());
    assertThat(certificate.getLower(), nullValue());
    assertThat(certificate.getMeanVariance(), nullValue());
    double step = planned().shape(0, 0).step(5, false); // of all nodes alike
    assertThat(certificate.getWorstCase(), closeTo(step * step / 8, 1e-12));
    String page = Files.readString(round.resolve("report/index.html"));
    assertThat(
        page,
        allOf(
            containsString("It is a trimmed mean, whose error has no law"),
            containsString("the 1 lowest and the 1 highest")));
    Cli.Result inspected = Cli.run("inspect", round.resolve("manifest.json").toString());
    assertThat(inspected.out(), containsString("average    trimmed mean"));
  }

  @Test
  void anAuditHoldsItAgainstTheTrimmedMeanOfTheLogits() throws Exception {
    assertThat(aggregate().code(), is(0));
    List<String> logits = new ArrayList<>();
    List<double[]> rows = new ArrayList<>();
    for (int i = 0; i < NAMES.length; i++) {
      logits.add(NAMES[i] + "=" + sent.resolve(NAMES[i] + ".npy"));
      rows.add(centred(Site.logits(i)));
    }
    String files = String.join(",", logits);
    Cli.Result json = Cli.run("audit", "--round", round.toString(), "--logits", files, "--json");
    assertThat(json.toString(), json.code(), is(0));
    Audit audit =
        PlainJson.read(
            Audit.class,
            Audit.getClassSchema(),
            json.out().getBytes(java.nio.charset.StandardCharsets.UTF_8),
            "audit");
    float[] teacher = teacher();
    double[] truth = new double[teacher.length];
    double[] taught = new double[teacher.length];
    double squares = 0;
    for (int c = 0; c < truth.length; c++) {
      truth[c] = trimmed(rows, c); // no logit is beyond the clip
      taught[c] = teacher[c];
      squares += (truth[c] - taught[c]) * (truth[c] - taught[c]);
    }
    double kl = 0;
    for (int probe = 0; probe < Site.PROBES; probe++) {
      int from = probe * Site.VOCABULARY;
      kl += Softmax.kl(truth, from, taught, from, Site.VOCABULARY) / Site.PROBES;
    }
    assertThat(audit.getKl(), closeTo(kl, 1e-12));
    assertThat(audit.getMse(), closeTo(squares / truth.length, 1e-12));
    assertThat(audit.getUpper(), nullValue());
    assertThat(audit.getExpectedMse(), nullValue());
    assertThat(audit.getWorstCase(), closeTo(manifest().getCertificate().getWorstCase(), 1e-12));
    assertThat(audit.getKl(), lessThan(audit.getWorstCase()));
    Cli.Result text = Cli.run("audit", "--round", round.toString(), "--logits", files);
    assertThat(text.out(), containsString("trimmed mean of clipped logits || teacher"));
  }

  private static double[] centred(float[] logits) {
    double[] centred = new double[logits.length];
    for (int from = 0; from < logits.length; from += Site.VOCABULARY) {
      double max = Double.NEGATIVE_INFINITY;
      double min = Double.POSITIVE_INFINITY;
      for (int c = from; c < from + Site.VOCABULARY; c++) {
        max = Math.max(max, logits[c]);
        min = Math.min(min, logits[c]);
      }
      for (int c = from; c < from + Site.VOCABULARY; c++) {
        centred[c] = logits[c] - (max + min) * 0.5;
      }
    }
    return centred;
  }

  @Test
  void aNodeThatLiesMovesNoLogitOutOfTheOthersRange() throws Exception {
    float[] wild = new float[Site.PROBES * Site.VOCABULARY];
    for (int i = 0; i < wild.length; i++) {
      wild[i] = i % 2 == 0 ? 1e6f : -1e6f;
    }
    Site.send(round, "c", Site.npy(directory.resolve("c.npy"), wild));
    assertThat(aggregate().code(), is(0));
    checkTeacher();
    float[] teacher = teacher();
    for (int c = 0; c < teacher.length; c++) {
      double low = Double.POSITIVE_INFINITY;
      double high = Double.NEGATIVE_INFINITY;
      for (String honest : List.of("a", "b", "d", "e")) {
        double y = sentOnce(honest)[c];
        low = Math.min(low, y);
        high = Math.max(high, y);
      }
      assertThat(teacher[c] >= (float) low && teacher[c] <= (float) high, is(true));
    }
  }

  private final Map<String, double[]> read = new java.util.HashMap<>();

  private double[] sentOnce(String node) throws IOException, BadCodesException {
    if (!read.containsKey(node)) {
      read.put(node, sent(node));
    }
    return read.get(node);
  }

  @Test
  void aBlockNeedsTwoMoreThanAreLeftOut() throws Exception {
    Cli.Result two = aggregate("--min-nodes", "2");
    assertThat(two.toString(), two.code(), is(2));
    assertThat(
        two.err(),
        containsString(
            "--min-nodes must be 3 (of a trimmed mean 1 are left out at either end, and one must be"
                + " left) to 5, the nodes with bits in the plan; got 2"));
    for (String gone : List.of("a", "d")) {
      Files.delete(round.resolve("uplink/" + gone + "/codes-00001.avro"));
    }
    Cli.Result three = aggregate("--min-nodes", "3");
    assertThat(three.toString(), three.code(), is(0));
    checkTeacher();
    Files.delete(round.resolve("uplink/b/codes-00001.avro"));
    Cli.Result fewer = aggregate("--min-nodes", "3");
    assertThat(fewer.toString(), fewer.code(), is(3));
    assertThat(
        fewer.err(),
        containsString(
            "block 3 has 2 nodes, at least 3 needed, and 3 in all for the trimmed mean"));
  }

  @Test
  void whatIsOfAMeanIsNotSaidOfIt() throws Exception {
    assertThat(aggregate().code(), is(0));
    Moments said = MomentsRunner.moments(new RoundDirectory(round.toString()), planned());
    assertThat(said.getSpread(), nullValue());
    double squares = 0;
    for (float logit : teacher()) {
      squares += (double) logit * logit;
    }
    assertThat(
        said.getTeacherSecondMoment(), closeTo(squares / (Site.PROBES * Site.VOCABULARY), 1e-9));

    Cli.Result allocated =
        Cli.run(
            "allocate",
            "--round",
            round.toString(),
            "--total-bits-per-coordinate",
            "20",
            "--out",
            directory.resolve("allocation.json").toString());
    assertThat(allocated.toString(), allocated.code(), is(3));
    assertThat(allocated.err(), containsString("its average is a trimmed mean"));
    Cli.Result bounds = Cli.run("bounds", "--round", round.toString());
    assertThat(bounds.toString(), bounds.code(), is(3));
    assertThat(bounds.err(), containsString("its average is a trimmed mean"));
  }

  /** Digits of a further plane narrow the steps, and the average stays the refined round's. */
  @Test
  void aRefinementIsTrimmedLikeTheRoundThatItRefines() throws Exception {
    assertThat(aggregate().code(), is(0));
    Path finer = directory.resolve("finer");
    List<String> args =
        List.of("plan", "--round", finer.toString(), "--id", "r2", "--refines", round.toString());
    Cli.Result split = Cli.run(args.toArray(new String[0]));
    assertThat(split.toString(), split.code(), is(3));
    assertThat(split.err(), containsString("say them with --bits-per-coordinate"));
    List<String> said = new ArrayList<>(args);
    said.addAll(List.of("--bits-per-coordinate", "2,b=0,c=0,d=0"));
    Cli.Result planned = Cli.run(said.toArray(new String[0]));
    assertThat(planned.toString(), planned.code(), is(0));
    for (String node : List.of("a", "e")) {
      Site.send(finer, node, sent.resolve(node + ".npy"));
    }
    Cli.Result result = Cli.run("aggregate", "--round", finer.toString(), "--min-nodes", "1");
    assertThat(result.toString(), result.code(), is(0));
    Manifest refined = RoundRunner.manifest(new RoundDirectory(finer.toString()));
    assertThat(refined.getAverage(), equalTo(new Average("trimmed-mean", 1)));
    // The three largest of five steps are those of the nodes without further digits.
    double before = manifest().getCertificate().getWorstCase();
    assertThat(refined.getCertificate().getWorstCase(), closeTo(before, 1e-12));
    assertThat(refined.getActive().get(0).getPlanes(), equalTo(List.of(2, 1, 1, 1, 2)));
    assertThat(before, greaterThan(0.0));
  }

  @Test
  void wrongUsageIsRefused() {
    refused("--trim has no meaning without", "--trim", "1");
    refused("needs --trim", "--average", "trimmed-mean");
    refused("expected mean or trimmed-mean", "--average", "median");
    refused("--trim: found 0", "--average", "trimmed-mean", "--trim", "0");
    refused(
        "--trim: found 3, expected 1 to 2: of 5 nodes to average, twice as many are left out",
        "--average",
        "trimmed-mean",
        "--trim",
        "3");
    assertThat(plan(directory.resolve("y"), "r9", "--average", "mean").code(), is(0));
  }

  private void refused(String why, String... options) {
    Cli.Result result = plan(directory.resolve("x"), "r9", options);
    assertThat(result.toString(), result.code(), is(2));
    assertThat(result.err(), containsString(why));
  }
}
