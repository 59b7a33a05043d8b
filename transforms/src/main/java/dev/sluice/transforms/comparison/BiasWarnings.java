package dev.sluice.transforms.comparison;

import dev.sluice.transforms.channel.vector.Declaration;
import dev.sluice.transforms.channel.vector.VectorQuantizers;
import java.util.ArrayList;
import java.util.List;

/** What to say of biased channels whose uplinks are averaged over many nodes. */
public final class BiasWarnings {
  /** From so many nodes on. */
  public static final int MANY = 16;

  private BiasWarnings() {}

  /**
   * One sentence for all that are biased, and one for those that are in so few coordinates.
   *
   * @param biased names
   * @param sent names of all that sent anything
   * @param dimension d
   * @param nodes K
   */
  public static List<String> of(List<String> biased, List<String> sent, int dimension, int nodes) {
    List<String> warnings = new ArrayList<>();
    if (nodes < MANY) {
      return warnings;
    }
    if (!biased.isEmpty()) {
      warnings.add(
          "Biased, so that a mean over "
              + nodes
              + " nodes keeps an error that no number of nodes removes: "
              + String.join(", ", biased)
              + ".");
    }
    List<String> lost =
        sent.stream()
            .filter(
                name ->
                    VectorQuantizers.find(name)
                        .filter(code -> code.declaration().bias().isLostIn(dimension))
                        .isPresent())
            .toList();
    if (!lost.isEmpty()) {
      warnings.add(
          "Unbiased by rotation, but in "
              + dimension
              + " coordinates, fewer than "
              + Declaration.Bias.SHORT
              + ", Hadamard rounds are far from a uniform rotation, and a bias remains: "
              + String.join(", ", lost)
              + ".");
    }
    return warnings;
  }
}
