package dev.sluice.transforms.channel.vector;

import java.util.Optional;

/**
 * A family with a code for every whole number of bits a coordinate in a range, one alone included.
 *
 * @param least fewest bits
 * @param most most bits
 * @param codes the code of some bits in a dimension
 */
record WholeBitCodes(
    String name, String what, Declaration declaration, int least, int most, Codes codes)
    implements VectorQuantizer {
  /** The code of a rate. */
  interface Codes {
    VectorCode of(int bits, int dimension);
  }

  @Override
  public Optional<VectorCode> at(double rate, int dimension) {
    return rate == Math.rint(rate) && rate >= least && rate <= most
        ? Optional.of(codes.of((int) rate, dimension))
        : Optional.empty();
  }

  @Override
  public Optional<VectorCode> within(long bits, int dimension) {
    for (int rate = most; rate >= least; rate--) {
      VectorCode code = codes.of(rate, dimension);
      if (code.bits() <= bits) {
        return Optional.of(code);
      }
    }
    return Optional.empty();
  }
}
