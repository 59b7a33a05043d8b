package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.codebook.FibCodebook;
import java.util.Optional;

/**
 * FibQuant with blocks of some lengths k, at rates of a/k bits a coordinate for addresses of 1 to
 * 12 bits, or 11 for k = 8. Of two k with one rate, the larger is taken: its words include all
 * products of the smaller one's.
 */
final class FibQuant implements VectorQuantizer {
  private final String name;
  private final String what;
  private final int[] blocks;

  private FibQuant(String name, String what, int... blocks) {
    this.name = name;
    this.what = what;
    this.blocks = blocks;
  }

  /** The best k for a rate. */
  static VectorQuantizer best() {
    return new FibQuant(
        "fibquant",
        "FibQuant: a rotation and codebooks for blocks, the longest block that has the rate",
        FibCodebook.blocks());
  }

  /** Blocks of k alone. */
  static VectorQuantizer ofBlock(int block) {
    return new FibQuant(
        "fibquant-" + block, "FibQuant with blocks of " + block + " coordinates", block);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String what() {
    return what;
  }

  @Override
  public Declaration declaration() {
    return new Declaration(
        Declaration.Bias.BIASED,
        Optional.empty(),
        "scale and rounds of the rotation: 32 bits; a whole address for the last block",
        "none",
        "Lee and Kim, FibQuant, arXiv 2605.11478");
  }

  @Override
  public Optional<VectorCode> at(double rate, int dimension) {
    for (int i = blocks.length - 1; i >= 0; i--) {
      long addressBits = Math.round(rate * blocks[i]);
      if (Math.abs(rate * blocks[i] - addressBits) < 1e-9
          && addressBits >= 1
          && addressBits <= FibCodebook.longestAddress(blocks[i])) {
        return Optional.of(new FibQuantCode(blocks[i], (int) addressBits, dimension));
      }
    }
    return Optional.empty();
  }

  @Override
  public Optional<VectorCode> within(long bits, int dimension) {
    int bestBlock = 0;
    int bestAddress = 0;
    for (int block : blocks) {
      for (int address = 1; address <= FibCodebook.longestAddress(block); address++) {
        boolean fits = FibQuantCode.size(block, address, dimension) <= bits;
        if (fits && (long) address * bestBlock >= (long) bestAddress * block) {
          bestBlock = block;
          bestAddress = address;
        }
      }
    }
    return bestBlock == 0
        ? Optional.empty()
        : Optional.of(new FibQuantCode(bestBlock, bestAddress, dimension));
  }
}
