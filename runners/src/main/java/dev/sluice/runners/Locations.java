package dev.sluice.runners;

import java.nio.file.Path;

/** Places named on the command line. */
final class Locations {
  private Locations() {}

  /** A local path made absolute; anything with a scheme as it is. */
  static String absolute(String place) {
    return place.matches("[A-Za-z][A-Za-z0-9+.-]+://.*")
        ? place
        : Path.of(place).toAbsolutePath().normalize().toString();
  }
}
