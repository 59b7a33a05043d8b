package dev.sluice.runners;

import dev.sluice.pipelines.CalibrateRound;
import dev.sluice.schemas.CalibrationTerms;
import dev.sluice.schemas.Threshold;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.CalibrationPlan;
import dev.sluice.transforms.scores.ConformalQuantile;
import dev.sluice.transforms.scores.NodeChannel;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.scores.SummaryMethod;
import dev.sluice.transforms.scores.SwarmChannel;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * What is asked of a calibration, as the command line of {@code sluice calibrate} has it.
 *
 * @param groupBy null: all queries together
 * @param nodes null: all that have scores
 * @param minNodes fewest nodes that answered a query that counts; null: all
 * @param maxDensity per nat; null: none
 * @param meanKl nats; null: none
 */
record Calibration(
    List<String> alphas,
    int bitsCal,
    String method,
    String groupBy,
    int minCell,
    int maxLevels,
    double density,
    List<String> nodes,
    Integer minNodes,
    Double maxDensity,
    Double meanKl,
    double delta) {
  /**
   * Checks what can be checked before scores are read.
   *
   * @param usage refuses a value that cannot be meant; its message begins with the option
   */
  void check(Function<String, RuntimeException> usage) {
    checkAlphas(usage);
    SummaryMethod how;
    try {
      how = SummaryMethod.of(method);
    } catch (IllegalArgumentException e) {
      throw usage.apply("--" + e.getMessage());
    }
    int most = how == SummaryMethod.PAPER ? 20 : CalibrationPlan.MAX_BITS;
    check(
        usage,
        bitsCal >= 0 && bitsCal <= most,
        "--bits-cal must be 0 to " + most + " with --method " + method,
        bitsCal);
    check(
        usage,
        groupBy == null || groupBy.equals("group"),
        "--group-by must be 'group', the column that scores carry",
        groupBy);
    check(usage, minCell >= 1, "--min-cell must be at least 1", minCell);
    check(
        usage,
        maxLevels >= 1 && maxLevels <= CalibrationPlan.MAX_LEVELS,
        "--max-levels must be 1 to " + CalibrationPlan.MAX_LEVELS,
        maxLevels);
    check(usage, density > 0 && density < 1e300, "--density must be above 0", density);
    check(usage, delta > 0 && delta < 1, "--delta must be in (0, 1)", delta);
    check(
        usage,
        maxDensity == null || (maxDensity >= 0 && maxDensity < 1e300),
        "--max-density must be a number from 0 to 1e300",
        maxDensity);
    check(
        usage,
        meanKl == null || (meanKl >= 0 && meanKl < 1e300),
        "--mean-kl must be a number from 0 to 1e300",
        meanKl);
    check(
        usage,
        how == SummaryMethod.CONSERVATIVE
            || (minCell == 1 && maxLevels == CalibrationPlan.MAX_LEVELS),
        "--min-cell and --max-levels are of --method conservative",
        method);
  }

  private void checkAlphas(Function<String, RuntimeException> usage) {
    TreeSet<Alpha> seen = new TreeSet<>();
    for (String alpha : alphas) {
      try {
        if (!seen.add(Alpha.of(alpha.strip()))) {
          throw usage.apply("--alpha: " + alpha + " is there twice");
        }
      } catch (IllegalArgumentException e) {
        throw usage.apply("--alpha: " + e.getMessage());
      }
    }
  }

  /** Checks what depends on whose scores there are. */
  void check(SwarmChannel swarm, Function<String, RuntimeException> usage) {
    check(
        usage,
        leastNodes(swarm) >= 1 && leastNodes(swarm) <= swarm.nodes().size(),
        "--min-nodes must be 1 to " + swarm.nodes().size() + ", the nodes with scores",
        leastNodes(swarm));
  }

  private static void check(
      Function<String, RuntimeException> usage, boolean holds, String expected, Object found) {
    if (!holds) {
      throw usage.apply(expected + ", got " + found);
    }
  }

  private int leastNodes(SwarmChannel swarm) {
    return minNodes == null ? swarm.nodes().size() : minNodes;
  }

  /**
   * Calibrates, and commits the threshold.
   *
   * @param runner never AUTO
   * @param attempt a name that no other attempt at the directory uses
   * @throws IOException if there is nothing to calibrate with, or files cannot be used
   */
  Threshold run(SwarmChannel swarm, RunnerChoice runner, Progress progress, String attempt)
      throws IOException {
    List<String> levels = new ArrayList<>();
    alphas.forEach(alpha -> levels.add(alpha.strip()));
    levels.sort((a, b) -> Alpha.of(a).compareTo(Alpha.of(b)));
    CalibrationTerms terms =
        CalibrationTerms.newBuilder()
            .setMethod(method)
            .setAlphas(levels)
            .setBitsCal(bitsCal)
            .setNodes(Math.max(1, swarm.owners().size()))
            .setMaxScore(swarm.maxSwarmScore())
            .setMinCell(minCell)
            .setMaxLevels(maxLevels)
            .setDensity(density)
            .setGrouped(groupBy != null)
            .build();
    double[] variances = swarm.nodes().stream().mapToDouble(NodeChannel::scoreVariance).toArray();
    ConformalQuantile.SlackInputs slack =
        new ConformalQuantile.SlackInputs(delta, variances, meanKl, maxDensity);
    ScoreDirectory directory = swarm.directory();
    return new ScoreAttempt("calibrate", swarm, directory)
        .run(
            runner,
            progress,
            attempt,
            (pipeline, name) ->
                CalibrateRound.build(
                    pipeline, swarm, terms, leastNodes(swarm), slack, directory.aside(name)),
            aside ->
                PlainJson.read(
                    Threshold.class,
                    Threshold.getClassSchema(),
                    Storage.read(directory.threshold(), PlainJson.MAX_BYTES),
                    directory.threshold()));
  }
}
