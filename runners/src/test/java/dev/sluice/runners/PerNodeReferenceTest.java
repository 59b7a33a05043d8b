package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import dev.sluice.schemas.Audit;
import dev.sluice.schemas.json.PlainJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A second round whose nodes send what the hub does not know of them yet. */
@Tag("long")
class PerNodeReferenceTest {
  private static final int PROBES = 96;
  private static final int VOCABULARY = 256;
  private static final int NODES = 3;
  private static final int FACTORS = 4;

  @TempDir static Path directory;
  private static Path first;

  /** Logits of few factors: what a node has learnt is much the same thing at every probe. */
  @BeforeAll
  static void firstRound() throws IOException {
    SplittableRandom random = new SplittableRandom(1);
    double[][] factors = matrix(random, PROBES, FACTORS);
    double[][] tokens = matrix(random, FACTORS, VOCABULARY);
    npy("base", logits(factors, tokens, random));
    for (int node = 0; node < NODES; node++) {
      double[][] learnt = matrix(new SplittableRandom(10 + node), FACTORS, VOCABULARY);
      for (int f = 0; f < FACTORS; f++) {
        for (int v = 0; v < VOCABULARY; v++) {
          learnt[f][v] = tokens[f][v] + .4 * learnt[f][v];
        }
      }
      npy("n" + node, logits(factors, learnt, new SplittableRandom(20 + node)));
    }
    first = round("first", 800, "--reference", directory.resolve("base.npy").toString());
  }

  private static double[][] matrix(SplittableRandom random, int rows, int columns) {
    double[][] matrix = new double[rows][columns];
    for (double[] row : matrix) {
      for (int i = 0; i < columns; i++) {
        row[i] = 3 * (random.nextDouble() - .5);
      }
    }
    return matrix;
  }

  private static float[] logits(double[][] factors, double[][] tokens, SplittableRandom random) {
    float[] logits = new float[PROBES * VOCABULARY];
    for (int probe = 0; probe < PROBES; probe++) {
      for (int v = 0; v < VOCABULARY; v++) {
        double sum = .2 * random.nextDouble();
        for (int f = 0; f < FACTORS; f++) {
          sum += 2 * factors[probe][f] * tokens[f][v];
        }
        logits[probe * VOCABULARY + v] = (float) sum;
      }
    }
    return logits;
  }

  private static void npy(String name, float... logits) throws IOException {
    String shape = "(" + PROBES + ", " + VOCABULARY + ")";
    Site.npy(directory.resolve(name + ".npy"), "'<f4'", "False", shape, logits);
  }

  private static Path plan(String id, int bits, String... more) {
    Path round = directory.resolve(id);
    List<String> args =
        new ArrayList<>(
            List.of(
                "plan",
                "--round",
                round.toString(),
                "--id",
                id,
                "--nodes",
                "n0,n1,n2",
                "--channel",
                "reference",
                "--bits-per-probe",
                "" + bits));
    args.addAll(List.of(more));
    ProbeLogits.run(args.toArray(new String[0]));
    return round;
  }

  private static Path round(String id, int bits, String... more) {
    Path round = plan(id, bits, more);
    for (int node = 0; node < NODES; node++) {
      Site.send(round, "n" + node, directory.resolve("n" + node + ".npy"));
    }
    ProbeLogits.run("aggregate", "--round", round.toString());
    return round;
  }

  private static Audit audit(Path round) throws IOException {
    List<String> args = new ArrayList<>(List.of("audit", "--json", "--round", round.toString()));
    for (int node = 0; node < NODES; node++) {
      args.addAll(List.of("--logits", "n" + node + "=" + directory.resolve("n" + node + ".npy")));
    }
    String json = ProbeLogits.run(args.toArray(new String[0]));
    return PlainJson.read(
        Audit.class, Audit.getClassSchema(), json.getBytes(StandardCharsets.UTF_8), "audit");
  }

  @Test
  void whatTheHubKnowsNeedNotBeSentAgain() throws Exception {
    Path whole = round("whole", 1600, "--reference", directory.resolve("base.npy").toString());
    Path teacher = round("teacher", 800, "--reference", first.toString());
    Path perNode = round("per-node", 800, "--reference", first.toString(), "--per-node");
    Audit audit = audit(perNode);
    assertThat(audit.getKl(), lessThan(audit.getUpper()));
    assertThat(audit.getKl(), lessThan(audit(teacher).getKl()));
    assertThat(audit.getKl(), lessThan(1.5 * audit(whole).getKl()));
  }

  @Test
  void referencesAreTheSameBytesAgain() throws Exception {
    Path once = plan("once", 800, "--reference", first.toString(), "--per-node");
    Map<String, byte[]> before = references(once);
    assertThat(before.size(), is(1 + NODES));
    plan("once", 800, "--reference", first.toString(), "--per-node");
    references(once).forEach((name, bytes) -> assertThat(name, bytes, is(before.get(name))));
  }

  private static Map<String, byte[]> references(Path round) throws IOException {
    Map<String, byte[]> references = new TreeMap<>();
    try (var files = Files.newDirectoryStream(round, "reference*.npy")) {
      for (Path file : files) {
        references.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    return references;
  }

  @Test
  void aNodeNeedsItsOwnAndNoOther() throws Exception {
    Path round = plan("own", 800, "--reference", first.toString(), "--per-node");
    Files.delete(round.resolve("reference-n1.npy"));
    Site.send(round, "n0", directory.resolve("n0.npy"));
    Cli.Result lacking =
        Cli.run(
            "encode",
            "--round",
            round.toString(),
            "--node",
            "n1",
            "--logits",
            directory.resolve("n1.npy").toString());
    assertThat(lacking.code(), is(3));
    assertThat(lacking.err(), containsString("reference-n1.npy: no such file"));
  }

  @Test
  void itTakesARoundOfTheChannel() throws Exception {
    String next = directory.resolve("next").toString();
    String[] plan = {
      "plan",
      "--round",
      next,
      "--id",
      "x",
      "--nodes",
      "n0",
      "--channel",
      "reference",
      "--bits-per-probe",
      "900",
      "--per-node",
      "--reference",
      directory.resolve("base.npy").toString()
    };
    Cli.Result file = Cli.run(plan);
    assertThat(file.toString(), file.code(), is(2));
    assertThat(file.err(), containsString("--per-node needs --reference DIR"));
    Path other = Site.sent(Files.createDirectories(directory.resolve("other")), "a", "b");
    ProbeLogits.run("aggregate", "--round", other.toString());
    plan[plan.length - 1] = other.toString();
    Cli.Result clipped = Cli.run(plan);
    assertThat(clipped.toString(), clipped.code(), is(3));
    assertThat(
        clipped.err(), allOf(containsString("channel is 'logits'"), containsString("--per-node")));
  }
}
