package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.schemas.Audit;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Rounds, by the command line, on the logits of four language models that were fine-tuned apart.
 * The logits are not part of the project: without them beside the checkout, tests are skipped.
 */
final class ProbeLogits {
  static final int NODES = 4;
  static final int VOCABULARY = 8192;

  /** All that there are. */
  static final int PROBES = 256;

  private static final Path LOGITS = Path.of("../../shared/data/probe-logits");

  private final Path directory;
  private final int probes;
  private final double[] clips = new double[NODES];
  private final double[] secondMoments = new double[NODES];

  /**
   * Writes logits times a factor for each node, float32.
   *
   * @param probes the first so many, 1 to 256
   * @param factors [4] powers of two, so that scaling is exact
   */
  ProbeLogits(Path directory, int probes, double... factors) throws IOException {
    assumeTrue(Files.isDirectory(LOGITS), "no language models' logits beside this checkout");
    this.directory = directory;
    this.probes = probes;
    for (int node = 0; node < NODES; node++) {
      String source = LOGITS.resolve("node" + node + ".npy").toAbsolutePath().toString();
      double[] rows = new double[probes * VOCABULARY];
      try (NpyRows npy = NpyRows.open(Storage.open(Storage.resource(source)), source)) {
        npy.read(0, probes, rows, 0);
      }
      float[] scaled = new float[rows.length];
      for (int i = 0; i < rows.length; i++) {
        scaled[i] = (float) (factors[node] * rows[i]);
      }
      Site.npy(npy(node), "'<f4'", "False", "(" + probes + ", " + VOCABULARY + ")", scaled);
      centre(scaled, rows);
      double squares = 0;
      for (double centred : rows) {
        clips[node] = Math.max(clips[node], Math.abs(centred));
        squares += centred * centred;
      }
      secondMoments[node] = squares / rows.length;
    }
  }

  /** Less the midrange of each probe. */
  private static void centre(float[] rows, double[] centred) {
    for (int from = 0; from < rows.length; from += VOCABULARY) {
      double least = Double.POSITIVE_INFINITY;
      double most = Double.NEGATIVE_INFINITY;
      for (int i = from; i < from + VOCABULARY; i++) {
        least = Math.min(least, rows[i]);
        most = Math.max(most, rows[i]);
      }
      for (int i = from; i < from + VOCABULARY; i++) {
        centred[i] = rows[i] - (least + most) / 2;
      }
    }
  }

  private Path npy(int node) {
    return directory.resolve("n" + node + ".npy");
  }

  Path round(String id) {
    return directory.resolve(id);
  }

  /** [4] largest centred magnitudes, logits. */
  double[] clips() {
    return clips.clone();
  }

  /** [4] mean squares of centred logits, logits². */
  double[] secondMoments() {
    return secondMoments.clone();
  }

  /** Runs a command that must succeed. */
  static String run(String... args) {
    Cli.Result result = Cli.run(args);
    assertThat(String.join(" ", args) + ": " + result, result.code(), is(ExitCodes.OK));
    return result.out();
  }

  /** Plans a round over all nodes. */
  void plan(String id, String bits) {
    run(
        "plan",
        "--round",
        round(id).toString(),
        "--id",
        id,
        "--nodes",
        "n0,n1,n2,n3",
        "--probes",
        "" + probes,
        "--vocab",
        "" + VOCABULARY,
        "--bits-per-coordinate",
        bits);
  }

  /** Plans a round that refines another, with its budget. */
  void refine(String refined, String id) {
    run(
        "plan",
        "--round",
        round(id).toString(),
        "--id",
        id,
        "--refines",
        round(refined).toString());
  }

  /** Encodes the first so many nodes, and averages over as many. */
  Manifest close(String id, int nodes) throws IOException {
    for (int node = 0; node < nodes; node++) {
      Site.send(round(id), "n" + node, npy(node));
    }
    run("aggregate", "--round", round(id).toString(), "--min-nodes", "" + nodes);
    return RoundRunner.manifest(new RoundDirectory(round(id).toString()));
  }

  Audit audit(String id) throws IOException {
    List<String> logits = new ArrayList<>();
    for (int node = 0; node < NODES; node++) {
      logits.add("n" + node + "=" + npy(node));
    }
    String json =
        run(
            "audit",
            "--json",
            "--round",
            round(id).toString(),
            "--logits",
            String.join(",", logits));
    return PlainJson.read(
        Audit.class, Audit.getClassSchema(), json.getBytes(StandardCharsets.UTF_8), "audit");
  }

  /** The teacher, probes × V. */
  double[] teacher(String id) throws IOException {
    return RoundFixture.teacher(round(id), probes, VOCABULARY);
  }

  /** The mean over nodes of centred logits, probes × V. */
  double[] exactMean() throws IOException {
    double[] mean = new double[probes * VOCABULARY];
    double[] rows = new double[mean.length];
    float[] floats = new float[mean.length];
    for (int node = 0; node < NODES; node++) {
      String file = npy(node).toString();
      try (NpyRows npy = NpyRows.open(Storage.open(Storage.resource(file)), file)) {
        npy.read(0, probes, rows, 0);
      }
      for (int i = 0; i < rows.length; i++) {
        floats[i] = (float) rows[i];
      }
      centre(floats, rows);
      for (int i = 0; i < rows.length; i++) {
        mean[i] += rows[i] / NODES;
      }
    }
    return mean;
  }
}
