package dev.sluice.transforms.channel.vector;

import java.util.Optional;

/** A family of codes for vectors, one for each dimension and rate. Stateless. */
public interface VectorQuantizer {
  /** Its name on the command line and in documents. */
  String name();

  /** What it is, for people: a sentence without a full stop. */
  String what();

  /** What it says of itself. */
  Declaration declaration();

  /** Whether its work grows as d², so that it is compared only where it is named. */
  default boolean isCostly() {
    return false;
  }

  /**
   * The code of a nominal rate.
   *
   * @param rate bits a coordinate before side information, above 0
   * @param dimension d, at least 1
   * @return empty where the family has no such rate, or none in this dimension
   */
  Optional<VectorCode> at(double rate, int dimension);

  /**
   * The code of the highest rate within a budget.
   *
   * @param bits most bits of a vector, side information and all
   * @param dimension d, at least 1
   * @return empty where none fits
   */
  Optional<VectorCode> within(long bits, int dimension);
}
