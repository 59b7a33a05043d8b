package dev.sluice.runners;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.OperatingSystemMXBean;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.channel.Accumulator;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.ListUplinks;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code sluice bench}. */
@Command(
    name = "bench",
    description = {
      "Times the whole of 'aggregate' on generated uplinks, against the same work as a plain loop.",
      "",
      "Writes uplinks of made-up logits, then aggregates them in a process of its own each on the"
          + " direct runner, on embedded Flink, and as a single-threaded loop without Beam; and the"
          + " same with a round of a single block, which costs what starting costs. Prints CPU and"
          + " wall seconds, what is left of them without the start, their ratios to the loop's, and"
          + " peak resident memory. All three must write the same bytes."
    })
final class BenchCommand extends SluiceCommand {
  private static final List<String> VARIANTS = List.of("plain", "direct", "flink");
  private static final double CLIP = 8;

  @Option(names = "--nodes", defaultValue = "4", description = "K. Default: 4.")
  private int nodes;

  @Option(names = "--probes", defaultValue = "2048", description = "m. Default: 2048.")
  private long probes;

  @Option(names = "--vocab", defaultValue = "50257", description = "V. Default: 50257.")
  private int vocabulary;

  @Option(
      names = "--bits-per-coordinate",
      defaultValue = "8",
      description =
          "b, the same for every node. Default: 8, with which the default round has 412 MB of"
              + " codes.")
  private double bits;

  @Option(
      names = "--parallelism",
      defaultValue = "2",
      description = "Parallelism of both runners. Default: 2.")
  private int parallelism;

  @Option(
      names = "--runs",
      defaultValue = "3",
      description = "Runs of each, of whose figures the medians are printed. Default: 3.")
  private int runs;

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description =
          "Where to write, about three times the codes; emptied afterwards. Default: a temporary"
              + " directory.")
  private Path dir;

  @Option(
      names = "--calibration-scores",
      paramLabel = "N",
      description =
          "Time 'calibrate' on embedded Flink instead: N labelled queries, each answered by one of"
              + " the nodes, at 128 bits a node.")
  private Long calibrationScores;

  @Option(names = "--json", description = "Print one JSON object and nothing else.")
  private boolean json;

  @Option(names = "--child", hidden = true, description = "Run one variant and print its cost.")
  private String child;

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (child != null) {
      return runChild();
    }
    if (runs < 1 || nodes < 1 || parallelism < 1) {
      throw usage("--runs, --nodes and --parallelism must be at least 1");
    }
    if (calibrationScores != null
        && (calibrationScores < nodes || calibrationScores > Integer.MAX_VALUE)) {
      throw usage("--calibration-scores must be at least --nodes and below 2^31");
    }
    Path root = dir == null ? Files.createTempDirectory("sluice-bench-") : dir.toAbsolutePath();
    try {
      return calibrationScores == null ? measure(root) : calibrate(root);
    } finally {
      Storage.deleteTree(root.toString());
    }
  }

  private int measure(Path root) throws IOException, InterruptedException {
    RoundDirectory start = new RoundDirectory(root + "/start");
    RoundDirectory whole = new RoundDirectory(root + "/whole");
    err().println("writing uplinks under " + root);
    generate(start, "start", Math.min(probes, PlanDraft.maxProbesPerBlock(vocabulary, false)));
    long bytes = generate(whole, "whole", probes);
    ObjectNode result = new ObjectMapper().createObjectNode();
    result.put("nodes", nodes).put("probes", probes).put("vocabulary", vocabulary);
    result.put("bitsPerCoordinate", bits).put("uplinkBytes", bytes).put("parallelism", parallelism);
    result.put("runs", runs);
    result.put(
        "java", System.getProperty("java.vm.name") + " " + System.getProperty("java.version"));
    result.put("kernel", Accumulator.kernelLabel());
    ArrayNode rows = result.putArray("variants");
    byte[] expected = null;
    JsonNode plain = null;
    for (String variant : VARIANTS) {
      err().println("running " + variant);
      JsonNode started = median(variant, start.root());
      JsonNode worked = median(variant, whole.root());
      byte[] manifest = Storage.read(whole.manifest(), PlainJson.MAX_BYTES);
      if (expected != null && !Arrays.equals(expected, manifest)) {
        throw new IllegalStateException(variant + " wrote another manifest than plain did");
      }
      expected = manifest;
      ObjectNode row = rows.addObject();
      row.put("variant", variant);
      row.put("startCpuSeconds", started.get("cpuSeconds").asDouble());
      row.put("startWallSeconds", started.get("wallSeconds").asDouble());
      row.put("cpuSeconds", worked.get("cpuSeconds").asDouble());
      row.put("wallSeconds", worked.get("wallSeconds").asDouble());
      row.put("workCpuSeconds", difference(worked, started, "cpuSeconds"));
      row.put("workWallSeconds", difference(worked, started, "wallSeconds"));
      row.put("peakResidentBytes", worked.get("peakResidentBytes").asLong());
      plain = plain == null ? row : plain;
      row.put(
          "workCpuOverPlain",
          row.get("workCpuSeconds").asDouble() / plain.get("workCpuSeconds").asDouble());
      row.put(
          "wallOverPlain", row.get("wallSeconds").asDouble() / plain.get("wallSeconds").asDouble());
    }
    out()
        .print(
            json ? new String(PlainJson.write(result), StandardCharsets.UTF_8) : forPeople(result));
    return 0;
  }

  private int calibrate(Path root) throws IOException, InterruptedException {
    ScoreDirectory start = new ScoreDirectory(root + "/start");
    ScoreDirectory whole = new ScoreDirectory(root + "/whole");
    err().println("writing scores under " + root);
    SyntheticScores.write(start, nodes, nodes);
    long bytes = SyntheticScores.write(whole, nodes, calibrationScores);
    ObjectNode result = new ObjectMapper().createObjectNode();
    result.put("nodes", nodes).put("calibrationScores", calibrationScores);
    result.put("scoreBytes", bytes).put("parallelism", parallelism).put("runs", runs);
    result.put(
        "java", System.getProperty("java.vm.name") + " " + System.getProperty("java.version"));
    ArrayNode rows = result.putArray("variants");
    err().println("running flink");
    JsonNode started = median("calibrate-flink", start.root());
    JsonNode worked = median("calibrate-flink", whole.root());
    ObjectNode cost = rows.addObject();
    cost.put("variant", "flink");
    cost.put("startCpuSeconds", started.get("cpuSeconds").asDouble());
    cost.put("cpuSeconds", worked.get("cpuSeconds").asDouble());
    cost.put("wallSeconds", worked.get("wallSeconds").asDouble());
    cost.put("workCpuSeconds", difference(worked, started, "cpuSeconds"));
    cost.put("peakResidentBytes", worked.get("peakResidentBytes").asLong());
    if (json) {
      out().print(new String(PlainJson.write(result), StandardCharsets.UTF_8));
      return 0;
    }
    out()
        .printf(
            Locale.ROOT,
            "%d nodes, %d calibration scores: %.1f MB of packets and labels; parallelism %d; %s;"
                + " medians of %d%n%n",
            nodes,
            calibrationScores,
            bytes * 1e-6,
            parallelism,
            result.get("java").asText(),
            runs);
    Texts.Table table =
        new Texts.Table("", "CPU s", "of it start", "work", "wall s", "peak RSS MB");
    for (JsonNode row : rows) {
      table.row(
          row.get("variant").asText(),
          one(row, "cpuSeconds"),
          one(row, "startCpuSeconds"),
          one(row, "workCpuSeconds"),
          one(row, "wallSeconds"),
          String.format(Locale.ROOT, "%.0f", row.get("peakResidentBytes").asLong() * 1e-6));
    }
    out().print(table);
    return 0;
  }

  private static double difference(JsonNode whole, JsonNode start, String figure) {
    return whole.get(figure).asDouble() - start.get(figure).asDouble();
  }

  private long generate(RoundDirectory directory, String id, long rows) throws IOException {
    PlanDraft draft =
        new PlanDraft(id, rows, vocabulary).withClip(new ClipPolicy("fixed", CLIP, null));
    for (int node = 0; node < nodes; node++) {
      draft.withNode("n" + node, bits);
    }
    PlannedRound round = draft.finish(directory.plan());
    Storage.replace(directory.plan(), round.json());
    for (int node = 0; node < nodes; node++) {
      SyntheticUplink.write(round, directory, node);
    }
    return ListUplinks.everything(directory).stream().mapToLong(file -> file.sizeBytes()).sum();
  }

  /** Runs one variant a few times; the median of each of its figures. */
  private JsonNode median(String variant, String directory)
      throws IOException, InterruptedException {
    List<JsonNode> costs = new ArrayList<>();
    for (int run = 0; run < runs; run++) {
      costs.add(child(variant, directory));
    }
    ObjectNode median = new ObjectMapper().createObjectNode();
    for (String figure : List.of("cpuSeconds", "wallSeconds", "peakResidentBytes")) {
      double[] found = costs.stream().mapToDouble(cost -> cost.get(figure).asDouble()).toArray();
      Arrays.sort(found);
      median.put(figure, (found[(runs - 1) / 2] + found[runs / 2]) / 2);
    }
    return median;
  }

  /** Runs one variant in a fresh process with this one's settings. */
  private JsonNode child(String variant, String directory)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(Sluice.class.getName());
    command.addAll(List.of("bench", "--child", variant, "--dir", directory));
    command.addAll(List.of("--parallelism", Integer.toString(parallelism)));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    byte[] output = process.getInputStream().readAllBytes();
    if (process.waitFor() != 0) {
      throw new BadInputException("the " + variant + " run failed, see above");
    }
    return new ObjectMapper().readTree(output);
  }

  private int runChild() throws IOException {
    if (child.equals("calibrate-flink")) {
      int code =
          new CommandLine(new CalibrateCommand())
              .setOut(new PrintWriter(Writer.nullWriter()))
              .execute(
                  "--round",
                  dir.toString(),
                  "--alpha",
                  "0.05,0.1,0.2",
                  "--bits-cal",
                  "128",
                  "--min-nodes",
                  "1",
                  "--parallelism",
                  Integer.toString(parallelism),
                  "--runner",
                  "flink");
      if (code != ExitCodes.OK) {
        throw new IOException("calibrate ended with " + code);
      }
    } else {
      aggregateChild();
    }
    OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    ObjectNode cost = new ObjectMapper().createObjectNode();
    cost.put("cpuSeconds", system.getProcessCpuTime() * 1e-9);
    cost.put(
        "wallSeconds",
        (System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime()) * 1e-3);
    cost.put("peakResidentBytes", peakResidentBytes());
    out().print(cost);
    return 0;
  }

  private void aggregateChild() throws IOException {
    RoundDirectory directory = new RoundDirectory(dir.toString());
    PlannedRound round = RoundRunner.plan(directory);
    Outcome outcome =
        switch (child) {
          case "plain" -> PlainLoop.aggregate(round, directory, "bench");
          case "direct" -> aggregate(round, directory, RunnerChoice.direct());
          case "flink" -> aggregate(round, directory, RunnerChoice.flink());
          default -> throw new IllegalArgumentException("no variant " + child);
        };
    if (!outcome.getComplete() || outcome.getRejects() > 0) {
      throw new IOException("the round did not come out whole: " + outcome.getDetails());
    }
  }

  private Outcome aggregate(PlannedRound round, RoundDirectory directory, RunnerChoice runner)
      throws IOException {
    return new RoundRunner()
        .aggregate(round, directory, round.speakingNodes(), runner.withParallelism(parallelism));
  }

  /** High-water mark of resident memory; 0 where the system does not tell. */
  private static long peakResidentBytes() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return 0;
    }
    for (String line : Files.readAllLines(status)) {
      if (line.startsWith("VmHWM:")) {
        return 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    return 0;
  }

  private static String forPeople(JsonNode result) {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "K = %d, m = %d, V = %d, b = %s: %.1f MB of uplinks; parallelism %d; %s; %s kernel;"
                + " medians of %d%n%n",
            result.get("nodes").asInt(),
            result.get("probes").asLong(),
            result.get("vocabulary").asInt(),
            Texts.number(result.get("bitsPerCoordinate").asDouble()),
            result.get("uplinkBytes").asLong() * 1e-6,
            result.get("parallelism").asInt(),
            result.get("java").asText(),
            result.get("kernel").asText(),
            result.get("runs").asInt()));
    Texts.Table table =
        new Texts.Table(
            "",
            "CPU s",
            "of it start",
            "work",
            "work / plain",
            "wall s",
            "wall / plain",
            "peak RSS MB");
    for (JsonNode row : result.get("variants")) {
      table.row(
          row.get("variant").asText(),
          one(row, "cpuSeconds"),
          one(row, "startCpuSeconds"),
          one(row, "workCpuSeconds"),
          two(row, "workCpuOverPlain"),
          one(row, "wallSeconds"),
          two(row, "wallOverPlain"),
          String.format(Locale.ROOT, "%.0f", row.get("peakResidentBytes").asLong() * 1e-6));
    }
    return text.append(table).toString();
  }

  private static String one(JsonNode row, String figure) {
    return String.format(Locale.ROOT, "%.1f", row.get(figure).asDouble());
  }

  private static String two(JsonNode row, String figure) {
    return String.format(Locale.ROOT, "%.2f", row.get(figure).asDouble());
  }
}
