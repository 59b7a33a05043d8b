package dev.sluice.transforms.channel.vector;

import java.util.List;
import java.util.Optional;

/** The codes for vectors, by name. */
public final class VectorQuantizers {
  private static final List<VectorQuantizer> ALL =
      List.of(
          EdenQuantizer.DRIVE,
          EdenQuantizer.EDEN,
          EdenQuantizer.EDEN_BIASED,
          TurboQuantMseCode.FAMILY,
          TurboQuantProdCode.DENSE,
          TurboQuantProdCode.HADAMARD,
          QuicFlCode.FAMILY,
          FibQuant.best(),
          FibQuant.ofBlock(2),
          FibQuant.ofBlock(3),
          FibQuant.ofBlock(4),
          FibQuant.ofBlock(8));

  private VectorQuantizers() {}

  /** All of them, in the order of tables. */
  public static List<VectorQuantizer> all() {
    return ALL;
  }

  /** The one of a name. */
  public static Optional<VectorQuantizer> find(String name) {
    return ALL.stream().filter(quantizer -> quantizer.name().equals(name)).findFirst();
  }
}
