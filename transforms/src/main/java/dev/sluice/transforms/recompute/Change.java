package dev.sluice.transforms.recompute;

import dev.sluice.schemas.RecomputeInput;
import dev.sluice.schemas.VersionState;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What a round's inputs are, seen from those that its current version was made from. */
public enum Change {
  /** The same names and contents under the same terms. */
  UNCHANGED("unchanged"),
  /** There is no version yet. */
  NEW("new"),
  /** More files from nodes, and all others as they were. */
  LATE("late"),
  /** A file, the plan or the terms are others, a file is gone, or keys were revoked. */
  CHANGED("changed");

  private final String label;

  Change(String label) {
    this.label = label;
  }

  /** A word for people. */
  public String label() {
    return label;
  }

  /** Whether a file came from a node for this round, and does not lie beside the plan. */
  private static boolean isSent(RecomputeInput input) {
    return input.getName().indexOf('/') >= 0 && !input.getName().startsWith("../");
  }

  /**
   * Compares inputs.
   *
   * @param made those of the current version; empty where there is none
   * @param terms what the policy now says of contents
   * @param inputs the files now, each name once
   */
  public static Change of(Optional<VersionState> made, String terms, List<RecomputeInput> inputs) {
    if (made.isEmpty()) {
      return NEW;
    }
    Map<String, RecomputeInput> now =
        inputs.stream().collect(Collectors.toMap(RecomputeInput::getName, input -> input));
    List<RecomputeInput> then = made.get().getInputs();
    boolean kept = then.stream().allMatch(input -> input.equals(now.get(input.getName())));
    if (!kept || !made.get().getTerms().equals(terms)) {
      return CHANGED;
    }
    if (then.size() == now.size()) {
      return UNCHANGED;
    }
    long beside = then.stream().filter(input -> !isSent(input)).count();
    return inputs.stream().filter(input -> !isSent(input)).count() == beside ? LATE : CHANGED;
  }
}
