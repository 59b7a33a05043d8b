package dev.sluice.transforms.fuzz;

import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/** The plans that seeds are of, as committed: their digests are in the seeds. */
final class FuzzRounds {
  private FuzzRounds() {}

  static byte[] resource(String name) {
    try (InputStream in = FuzzRounds.class.getResourceAsStream("/fuzz/" + name)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static PlannedRound round(String name) {
    try {
      return PlannedRound.parse(resource(name), name);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
