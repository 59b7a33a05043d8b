package dev.sluice.runners;

import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * One pass over the rounds of a root: every directory in it that has a plan, or scores and labels
 * and a policy that says how to calibrate. Rounds that others refine come before those.
 */
final class RecomputeRoot {
  private static final int LOOKS = 3;

  private final Path root;
  private final Recomputation.Pass pass;
  private final BooleanSupplier stopped;
  private final Consumer<Throwable> unexpected;

  /** Hears how the look at a round ended. */
  interface Listener {
    void ended(Path round, Recomputation.Result result, long nanos);
  }

  /**
   * A pass.
   *
   * @param stopped whether it is to end before the next round
   * @param unexpected takes what no input explains
   */
  RecomputeRoot(
      Path root, Recomputation.Pass pass, BooleanSupplier stopped, Consumer<Throwable> unexpected) {
    this.root = root;
    this.pass = pass;
    this.stopped = stopped;
    this.unexpected = unexpected;
  }

  /**
   * Looks at every round; one that fails does not keep others from being looked at.
   *
   * @throws IOException if the root cannot be listed
   */
  void run(Listener listener) throws IOException {
    for (Path round : ordered()) {
      if (stopped.getAsBoolean()) {
        return;
      }
      long begun = System.nanoTime();
      Optional<Recomputation.Result> result = look(round);
      if (result.isPresent() && !stopped.getAsBoolean()) {
        listener.ended(round, result.get(), System.nanoTime() - begun);
      }
    }
  }

  private Optional<Recomputation.Result> look(Path round) {
    try {
      for (int look = 1; ; look++) {
        Optional<Recomputation> recomputation = recomputation(round);
        if (recomputation.isEmpty()) {
          return Optional.empty();
        }
        Recomputation.Result result = recomputation.get().run();
        if (!result.again() || look == LOOKS || stopped.getAsBoolean()) {
          return Optional.of(result);
        }
      }
    } catch (Exception | OutOfMemoryError | StackOverflowError e) {
      if (!Files.isDirectory(round)) {
        return Optional.of(
            Recomputation.Result.of(Recomputation.State.GONE, "deleted while it was looked at"));
      }
      Optional<String> cluster = Failures.cluster(e);
      if (cluster.isPresent()) {
        return Optional.of(Recomputation.Result.of(Recomputation.State.POSTPONED, cluster.get()));
      }
      Optional<String> known = Failures.badInput(e);
      if (known.isPresent()) {
        // A disk that is full does not say where.
        String where = known.get().contains("/") ? "" : round + ": ";
        return Optional.of(
            Recomputation.Result.of(Recomputation.State.FAILED, where + known.get()));
      }
      unexpected.accept(e);
      return Optional.of(
          Recomputation.Result.of(Recomputation.State.BROKEN, Failures.unexpected(e)));
    }
  }

  /** What a directory is; empty where it is nothing to be recomputed. */
  private Optional<Recomputation> recomputation(Path round) throws IOException {
    if (!Files.isReadable(round) || !Files.isExecutable(round)) {
      throw new IOException(round + ": permission denied");
    }
    if (Files.exists(round.resolve("plan.json"))) {
      Locations.inputs(round.toString()); // a name that is a pattern is refused
      return Optional.of(new RoundRecomputation(round, pass));
    }
    boolean scored =
        Files.isDirectory(round.resolve("scores")) && Files.isDirectory(round.resolve("labels"));
    if (scored && pass.layers().over(round).policy().document().getCalibration() != null) {
      return Optional.of(new CalibrationRecomputation(round, pass));
    }
    if (new Versions(round).exist()) {
      throw new BadInputException(
          round
              + ": has versions, but "
              + (scored ? "no policy that says how to calibrate" : "no plan.json"));
    }
    return Optional.empty();
  }

  /** Directories by name, but each behind those that its plan refines. */
  private List<Path> ordered() throws IOException {
    Map<Path, List<Path>> refined = new LinkedHashMap<>();
    for (String name : Recomputation.names(root)) {
      Path round = root.resolve(name);
      if (Files.isDirectory(round) && !name.equals("lost+found")) {
        refined.put(round, refined(round));
      }
    }
    Set<Path> ordered = new LinkedHashSet<>();
    Set<Path> entered = new LinkedHashSet<>();
    refined.keySet().forEach(round -> visit(round, refined, entered, ordered));
    return List.copyOf(ordered);
  }

  private static void visit(
      Path round, Map<Path, List<Path>> refined, Set<Path> entered, Set<Path> ordered) {
    if (!refined.containsKey(round) || !entered.add(round)) {
      return; // elsewhere, or there already; plans that refine each other fail by themselves
    }
    refined.get(round).forEach(earlier -> visit(earlier, refined, entered, ordered));
    ordered.add(round);
  }

  private static List<Path> refined(Path round) {
    try {
      return RefinedRounds.named(round);
    } catch (IOException e) {
      return List.of(); // what is wrong with it is said when it is looked at
    }
  }
}
