package dev.sluice.transforms.comparison;

import java.util.ArrayList;
import java.util.List;

/** What to say of biased channels whose uplinks are averaged over many nodes. */
public final class BiasWarnings {
  /** From so many nodes on. */
  public static final int MANY = 16;

  private BiasWarnings() {}

  /**
   * One sentence for all that are biased.
   *
   * @param biased names
   * @param nodes K
   * @return none or one
   */
  public static List<String> of(List<String> biased, int nodes) {
    List<String> warnings = new ArrayList<>();
    if (nodes >= MANY && !biased.isEmpty()) {
      warnings.add(
          "Biased, so that a mean over "
              + nodes
              + " nodes keeps an error that no number of nodes removes: "
              + String.join(", ", biased)
              + ".");
    }
    return warnings;
  }
}
