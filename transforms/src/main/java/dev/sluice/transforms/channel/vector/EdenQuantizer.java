package dev.sluice.transforms.channel.vector;

import java.util.Optional;

/**
 * DRIVE and EDEN: {@link EdenCode} at any rate up to 8 bits, or at one bit alone.
 *
 * @param unbiased whether the scale is the unbiased one
 * @param oneBitOnly whether other rates are left out
 */
record EdenQuantizer(
    String name, String what, Declaration declaration, boolean unbiased, boolean oneBitOnly)
    implements VectorQuantizer {
  private static final String SIDE = "32 bits a vector: scale and number of rounds";

  /** One bit. */
  static final VectorQuantizer DRIVE =
      new EdenQuantizer(
          "drive",
          "the sign of each coordinate of the rotated vector, unbiased scale",
          new Declaration(
              Declaration.Bias.NONE_BY_ROTATION,
              Optional.of("vNMSE near pi/2 - 1 = 0.571 for large d"),
              SIDE,
              "none",
              "Vargaftik, Ben Basat, Portnoy, Mendelson, Ben-Itzhak and Mitzenmacher, \"DRIVE:"
                  + " One-bit Distributed Mean Estimation\", NeurIPS 2021"),
          true,
          true);

  private static final String SOURCE =
      "Vargaftik, Ben Basat, Portnoy, Mendelson, Ben-Itzhak and Mitzenmacher, \"EDEN:"
          + " Communication-Efficient and Robust Distributed Mean Estimation for Federated"
          + " Learning\", ICML 2022";

  /** The unbiased scale. */
  static final VectorQuantizer EDEN =
      new EdenQuantizer(
          "eden",
          "Lloyd and Max's levels for each coordinate of the rotated vector, unbiased scale",
          new Declaration(
              Declaration.Bias.NONE_BY_ROTATION,
              Optional.of("vNMSE near D/(1 - D) for large d, D the mean squared error on N(0, 1)"),
              SIDE,
              "none",
              SOURCE),
          true,
          false);

  /** The scale of least error. */
  static final VectorQuantizer EDEN_BIASED =
      new EdenQuantizer(
          "eden-biased",
          "Lloyd and Max's levels for each coordinate of the rotated vector, scale of least error",
          new Declaration(
              Declaration.Bias.BIASED,
              Optional.of("vNMSE near D for large d, D the mean squared error on N(0, 1)"),
              SIDE,
              "none",
              SOURCE),
          false,
          false);

  @Override
  public Optional<VectorCode> at(double rate, int dimension) {
    if (oneBitOnly ? rate != 1 : !(rate > 0 && rate <= EdenCode.MAX_RATE)) {
      return Optional.empty();
    }
    // A rate that is a quotient of bits by d means those bits, whatever its last digit.
    return code((long) Math.floor(rate * dimension * (1 + 0x1p-50)), dimension);
  }

  @Override
  public Optional<VectorCode> within(long bits, int dimension) {
    long left = bits - EdenCode.SIDE_BITS;
    if (oneBitOnly) {
      return left < dimension ? Optional.empty() : code(dimension, dimension);
    }
    return code(Math.min(left, (long) EdenCode.MAX_RATE * dimension), dimension);
  }

  private Optional<VectorCode> code(long symbolBits, int dimension) {
    return symbolBits < EdenCode.leastBits(dimension)
        ? Optional.empty()
        : Optional.of(new EdenCode(symbolBits, dimension, unbiased));
  }
}
