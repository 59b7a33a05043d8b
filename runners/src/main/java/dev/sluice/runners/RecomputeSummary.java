package dev.sluice.runners;

import dev.sluice.runners.Recomputation.Result;
import dev.sluice.runners.Recomputation.State;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What one pass over a root came to, on one line and as an exit code. Not thread-safe. */
final class RecomputeSummary {
  private static final int DETAILS_SHOWN = 3;

  private final Map<State, List<String>> rounds = new EnumMap<>(State.class);
  private int count;
  private long rejects;
  private int incomplete;
  private boolean stopped;
  private Optional<String> failure = Optional.empty();

  /** That of a pass that failed as a whole. */
  static RecomputeSummary failed(String reason) {
    RecomputeSummary summary = new RecomputeSummary();
    summary.failure = Optional.of(reason);
    return summary;
  }

  /** Adds a round. */
  void add(String round, Result result) {
    rounds
        .computeIfAbsent(result.state(), state -> new ArrayList<>())
        .add(round + (result.detail().isEmpty() ? "" : ": " + result.detail()));
    count++;
    rejects += result.rejects();
    incomplete += result.whole() ? 0 : 1;
  }

  /** Notes that the pass was ended before all rounds were looked at. */
  void stop() {
    stopped = true;
  }

  /** How many rounds ended in a state. */
  int count(State state) {
    return rounds.getOrDefault(state, List.of()).size();
  }

  /** How many rounds there are. */
  int count() {
    return count;
  }

  /** Records that versions made in this pass do not use, and those of rounds that wait. */
  long rejects() {
    return rejects;
  }

  /**
   * One line.
   *
   * @param seconds that the pass took
   */
  String line(double seconds) {
    String took = String.format(Locale.ROOT, "; %.1f s", seconds);
    if (failure.isPresent()) {
      return "recompute: failed, " + Texts.printable(failure.get()) + took;
    }
    StringBuilder line =
        new StringBuilder("recompute: ").append(Texts.count(count, "round")).append(": ");
    List<String> parts = new ArrayList<>();
    for (State state : State.values()) {
      int n = count(state);
      if (n > 0 || state == State.UNCHANGED || state == State.FAILED) {
        boolean explained =
            EnumSet.of(State.WAITING, State.OVERDUE, State.FAILED, State.POSTPONED).contains(state);
        parts.add(n + " " + state.label() + (explained ? details(state) : ""));
      }
    }
    line.append(String.join(", ", parts));
    if (rejects > 0) {
      line.append("; ").append(Texts.count(rejects, "record")).append(" rejected");
    }
    if (incomplete > 0) {
      line.append("; ").append(incomplete).append(" without an allocation");
    }
    return line.append(stopped ? "; stopped before the end" : "").append(took).toString();
  }

  private String details(State state) {
    List<String> all = rounds.getOrDefault(state, List.of());
    if (all.isEmpty()) {
      return "";
    }
    List<String> shown = all.subList(0, Math.min(DETAILS_SHOWN, all.size()));
    String text = Texts.printable(String.join("; ", shown));
    return " ("
        + text
        + (all.size() > shown.size() ? "; and " + (all.size() - shown.size()) + " more" : "")
        + ")";
  }

  /** For the shell: the worst that happened. */
  int exitCode() {
    if (count(State.BROKEN) > 0) {
      return ExitCodes.FAILED;
    }
    if (count(State.POSTPONED) > 0) {
      return ExitCodes.CLUSTER;
    }
    if (failure.isPresent() || count(State.FAILED) + count(State.OVERDUE) > 0) {
      return ExitCodes.BAD_INPUT;
    }
    return rejects + incomplete > 0 ? ExitCodes.DONE_WITH_REJECTS : ExitCodes.OK;
  }
}
