package dev.sluice.transforms.channel.vector;

import java.util.List;
import java.util.Optional;

/** The codes for vectors, by name. */
public final class VectorQuantizers {
  /** A family that is drawn together; at most eight, so that lines can be told apart. */
  private record Family(String name, List<VectorQuantizer> members) {}

  private static final List<Family> FAMILIES = List.of();

  private static final List<VectorQuantizer> ALL =
      FAMILIES.stream().flatMap(family -> family.members().stream()).toList();

  private VectorQuantizers() {}

  /** All of them, in the order of tables. */
  public static List<VectorQuantizer> all() {
    return ALL;
  }

  /** The one of a name. */
  public static Optional<VectorQuantizer> find(String name) {
    return ALL.stream().filter(quantizer -> quantizer.name().equals(name)).findFirst();
  }

  /** Which others it is drawn with. */
  public static String family(VectorQuantizer quantizer) {
    return FAMILIES.stream()
        .filter(family -> family.members().contains(quantizer))
        .findFirst()
        .orElseThrow()
        .name();
  }

  /** Where it stands in tables. */
  public static int index(String name) {
    return ALL.stream().map(VectorQuantizer::name).toList().indexOf(name);
  }
}
