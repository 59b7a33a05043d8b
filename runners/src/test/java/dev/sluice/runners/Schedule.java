package dev.sluice.runners;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/** Roots with small rounds, and what recomputing them comes to. */
final class Schedule {
  private Schedule() {}

  static Cli.Result recompute(Path root, String... more) {
    List<String> args = new ArrayList<>(List.of("recompute", "--root", root.toString()));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(new String[0]));
  }

  /** A round below a root that nodes have sent to; 10 blocks in 4 shards. */
  static Path round(Path root, String name, String plannedNodes, String... senders)
      throws IOException {
    Path round = root.resolve(name);
    Site.plan(round, plannedNodes, plan -> {});
    for (String node : senders) {
      send(round, node);
    }
    return round;
  }

  /** What nodes sent, by plan and node: the same each time, so that it is encoded once. */
  private static final Map<String, Map<String, byte[]>> SENT = new ConcurrentHashMap<>();

  /** Encodes what a node says, which depends on its name alone. */
  static void send(Path round, String node) throws IOException {
    Path logits = logits(round, node);
    String key = Files.readString(round.resolve("plan.json")) + node;
    Path uplink = round.resolve("uplink").resolve(node);
    Map<String, byte[]> sent = SENT.get(key);
    if (sent == null) {
      Site.send(round, node, logits);
      sent = new TreeMap<>();
      for (String name : contents(uplink).keySet()) {
        sent.put(name, Files.readAllBytes(uplink.resolve(name)));
      }
      SENT.put(key, sent);
    }
    Files.createDirectories(uplink);
    for (Map.Entry<String, byte[]> file : sent.entrySet()) {
      Files.write(uplink.resolve(file.getKey()), file.getValue());
    }
  }

  /** A node's logits, beside its round. */
  static Path logits(Path round, String node) throws IOException {
    Path logits = round.resolveSibling("." + node + ".npy");
    return Files.exists(logits) ? logits : Site.npy(logits, Site.logits(node.hashCode()));
  }

  /** The directory of the current version. */
  static Path current(Path round) throws IOException {
    return Path.of(Locations.round(round.toString()).outputs());
  }

  /** Every file below a directory: name to contents. */
  static Map<String, String> contents(Path directory) throws IOException {
    Map<String, String> contents = new TreeMap<>();
    try (Stream<Path> tree = Files.walk(directory)) {
      for (Path path : tree.filter(Files::isRegularFile).toList()) {
        contents.put(
            directory.relativize(path).toString(),
            HexFormat.of().formatHex(Files.readAllBytes(path)));
      }
    }
    return contents;
  }

  /** The same without what a recomputation keeps for itself. */
  static Map<String, String> results(Path version) throws IOException {
    Map<String, String> results = contents(version);
    results.keySet().removeIf(name -> name.startsWith(".recompute/"));
    return results;
  }

  /** What 'sluice aggregate' makes of a copy of a round. */
  static Map<String, String> aggregated(Path round, Path copy, String... options)
      throws IOException {
    copy(round.resolve("plan.json"), copy.resolve("plan.json"));
    copy(round.resolve("uplink"), copy.resolve("uplink"));
    List<String> args = new ArrayList<>(List.of("aggregate", "--round", copy.toString()));
    args.addAll(List.of(options));
    Cli.Result result = Cli.run(args.toArray(new String[0]));
    if (result.code() != ExitCodes.OK && result.code() != ExitCodes.DONE_WITH_REJECTS) {
      throw new IllegalStateException(result.toString());
    }
    Map<String, String> results = contents(copy);
    results.keySet().removeIf(name -> name.startsWith("uplink/"));
    return results;
  }

  /** Copies a file or a tree. */
  static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> tree = Files.walk(from)) {
      for (Path path : tree.toList()) {
        Path target = to.resolve(from.relativize(path).toString());
        if (Files.isDirectory(path)) {
          Files.createDirectories(target);
        } else {
          Files.createDirectories(target.getParent());
          Files.copy(path, target);
        }
      }
    }
  }
}
