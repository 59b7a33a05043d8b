package dev.sluice.runners;

import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.ListUplinks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Rounds of made-up uplinks by the hundred megabytes, and the command line in processes of its own.
 */
final class LargeRound {
  static final int NODES = 8;
  private static final int VOCABULARY = 32_768;
  private static final int PROBES_PER_BLOCK = 8;
  private static final int BLOCKS_PER_SHARD = 10;

  private LargeRound() {}

  /** Eight nodes' uplinks at eight bits, 262 144 bytes of codes for a probe. */
  static Path write(Path round, int probes) throws IOException {
    RoundDirectory directory = new RoundDirectory(round.toString());
    PlanDraft draft =
        new PlanDraft("large", probes, VOCABULARY).withClip(new ClipPolicy("fixed", 8.0, null));
    for (int node = 0; node < NODES; node++) {
      draft.withNode("n" + node, 8);
    }
    RoundPlan plan =
        PlainJson.read(
            RoundPlan.class,
            RoundPlan.getClassSchema(),
            draft.finish(directory.plan()).json(),
            "plan");
    plan.getLayout().setProbesPerBlock(PROBES_PER_BLOCK);
    plan.getLayout().setBlocksPerShard(BLOCKS_PER_SHARD);
    Storage.replace(directory.plan(), PlainJson.write(plan));
    PlannedRound planned = RoundRunner.plan(directory);
    for (int node = 0; node < NODES; node++) {
      SyntheticUplink.write(planned, directory, node);
    }
    return round;
  }

  /** Bytes under uplink/. */
  static long uplinkBytes(Path round) throws IOException {
    return ListUplinks.everything(new RoundDirectory(round.toString())).stream()
        .mapToLong(file -> file.sizeBytes())
        .sum();
  }

  /** Every file below the round but uplinks and what lies aside: name to SHA-256. */
  static Map<String, String> results(Path round) throws IOException {
    Map<String, String> results = new TreeMap<>();
    try (Stream<Path> tree = Files.walk(round)) {
      for (Path path : tree.filter(Files::isRegularFile).toList()) {
        String name = round.relativize(path).toString();
        if (!name.startsWith("uplink") && !name.startsWith(RoundDirectory.ATTEMPT)) {
          results.put(name, FileDigest.of(path.toString()));
        }
      }
    }
    return results;
  }

  /** Takes away what an aggregation has committed. */
  static void forget(Path round) throws IOException {
    for (String part : List.of("manifest.json", "teacher", "rejects", "report")) {
      Path path = round.resolve(part);
      if (Files.isDirectory(path)) {
        Storage.deleteTree(path.toString());
      } else {
        Files.deleteIfExists(path);
      }
    }
  }

  /** The shaded jar with a command line. */
  static List<String> command(String... args) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xmx512m");
    command.addAll(StandaloneFlink.QUICK);
    command.add("-jar");
    command.add(System.getProperty("sluice.jar"));
    command.addAll(List.of(args));
    return command;
  }

  /** Starts the shaded jar with a command line; what it says goes to a file. */
  static Process start(Path log, String... args) throws IOException {
    return new ProcessBuilder(command(args))
        .redirectErrorStream(true)
        .redirectOutput(log.toFile())
        .start();
  }

  /** Runs the shaded jar with a command line to its end. */
  static Cli.Result run(Path log, String... args) throws IOException, InterruptedException {
    int code = start(log, args).waitFor();
    return new Cli.Result(code, Files.readString(log), "");
  }
}
