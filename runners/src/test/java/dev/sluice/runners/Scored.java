package dev.sluice.runners;

import dev.sluice.schemas.GroupThreshold;
import dev.sluice.transforms.scores.ScoreFixture;
import dev.sluice.transforms.scores.ScoreFixture.Row;
import dev.sluice.transforms.scores.ThresholdFixture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Directories of scores for the commands that answer queries: four candidates, three nodes. */
final class Scored {
  static final List<String> CANDIDATES = List.of("a", "b", "c", "d");

  private Scored() {}

  /**
   * Rows of n queries, the first so many of them labelled, in an order of their own.
   *
   * @param groups null for none
   */
  static List<Row> rows(String prefix, int n, int labelled, String[] groups, long order) {
    Random random = new Random(prefix.hashCode());
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      double[] scores = random.doubles(4, 0, 8).toArray();
      scores[i % 4] /= 4;
      rows.add(
          new Row(
              prefix + i,
              groups == null ? null : groups[i % groups.length],
              i < labelled ? CANDIDATES.get(i % 4) : null,
              scores));
    }
    Collections.shuffle(rows, new Random(order));
    return rows;
  }

  /** Scores at n0 (all bits), n1 and n2 (which names two candidates), labels at n0. */
  static ScoreFixture nodes(Path root, List<Row> rows) throws IOException {
    List<Row> unlabelled =
        rows.stream().map(r -> new Row(r.query(), r.group(), null, r.scores())).toList();
    return ScoreFixture.in(root)
        .node("n0", 40, 4, rows)
        .node("n1", 24, 4, unlabelled)
        .node("n2", 16, 2, unlabelled);
  }

  /** A calibrated directory of 40 labelled queries and 10 others. */
  static Path calibrated(Path root, GroupThreshold... thresholds) throws IOException {
    ThresholdFixture.write(
        nodes(Files.createDirectories(root), rows("cal", 50, 40, null, 1)).directory(), thresholds);
    return root;
  }

  /** Runs predict or coverage of queries by a calibrated directory. */
  static Cli.Result run(String command, Path round, Path queries, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(command, "--round", round.toString(), "--queries", queries.toString()));
    args.addAll(List.of(more));
    return Cli.run(args.toArray(new String[0]));
  }

  /** Every file below a directory but scores and labels: name to digest. */
  static Map<String, String> results(Path root) throws IOException {
    Map<String, String> results = new TreeMap<>();
    try (Stream<Path> tree = Files.walk(root)) {
      for (Path path : tree.filter(Files::isRegularFile).toList()) {
        String name = root.relativize(path).toString();
        if (!name.startsWith("scores/") && !name.startsWith("labels/")) {
          results.put(name, ScoreFixture.sha256(path));
        }
      }
    }
    return results;
  }
}
