package dev.sluice.transforms.channel.vector;

import java.util.Optional;

/** A family with a code for every whole number of bits a coordinate, in [1, mostBits]. */
record IntegerRates(
    String name,
    String what,
    Declaration declaration,
    int mostBits,
    int mostDimension,
    boolean isCostly,
    Sizes sizes,
    Codes codes)
    implements VectorQuantizer {

  /** The most bits of a vector. */
  interface Sizes {
    long of(int bits, int dimension);
  }

  /** The code. */
  interface Codes {
    VectorCode of(int bits, int dimension);
  }

  @Override
  public Optional<VectorCode> at(double rate, int dimension) {
    int bits = (int) rate;
    if (bits != rate || bits < 1 || bits > mostBits || dimension > mostDimension) {
      return Optional.empty();
    }
    return Optional.of(codes.of(bits, dimension));
  }

  @Override
  public Optional<VectorCode> within(long budget, int dimension) {
    for (int bits = mostBits; bits >= 1 && dimension <= mostDimension; bits--) {
      if (sizes.of(bits, dimension) <= budget) {
        return Optional.of(codes.of(bits, dimension));
      }
    }
    return Optional.empty();
  }
}
