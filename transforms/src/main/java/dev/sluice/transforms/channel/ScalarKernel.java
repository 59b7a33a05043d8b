package dev.sluice.transforms.channel;

/** The reference: one SplitMix64 word, two coordinates. */
final class ScalarKernel extends AveragingKernel {

  @Override
  int lanes() {
    return 1;
  }

  @Override
  String label() {
    return "scalar";
  }

  @Override
  void addBytes(
      byte[] codes,
      int at,
      long row,
      int from,
      int to,
      double scale,
      double clip,
      double[] sums,
      int sumsAt) {
    long z = row + (from >>> 1) * Dither.GAMMA;
    int left = to - from;
    int i = 0;
    if ((from & 1) != 0 && left > 0) {
      sums[sumsAt] += grid(codes[at] & 0xffL, ~Dither.mix(z) >>> 32, scale, clip);
      z += Dither.GAMMA;
      i = 1;
    }
    int end = i + ((left - i) & ~1); // a bound that does not move lets the compiler drop its checks
    for (; i < end; i += 2) {
      long inverse = ~Dither.mix(z);
      z += Dither.GAMMA;
      sums[sumsAt + i] += grid(codes[at + i] & 0xffL, inverse & 0xffffffffL, scale, clip);
      sums[sumsAt + i + 1] += grid(codes[at + i + 1] & 0xffL, inverse >>> 32, scale, clip);
    }
    if (i < left) {
      sums[sumsAt + i] += grid(codes[at + i] & 0xffL, ~Dither.mix(z) & 0xffffffffL, scale, clip);
    }
  }

  @Override
  void addInts(
      int[] codes,
      int at,
      long row,
      int from,
      int to,
      double scale,
      double clip,
      double[] sums,
      int sumsAt) {
    long z = row + (from >>> 1) * Dither.GAMMA;
    int left = to - from;
    int i = 0;
    if ((from & 1) != 0 && left > 0) {
      sums[sumsAt] += grid(codes[at], ~Dither.mix(z) >>> 32, scale, clip);
      z += Dither.GAMMA;
      i = 1;
    }
    int end = i + ((left - i) & ~1); // a bound that does not move lets the compiler drop its checks
    for (; i < end; i += 2) {
      long inverse = ~Dither.mix(z);
      z += Dither.GAMMA;
      sums[sumsAt + i] += grid(codes[at + i], inverse & 0xffffffffL, scale, clip);
      sums[sumsAt + i + 1] += grid(codes[at + i + 1], inverse >>> 32, scale, clip);
    }
    if (i < left) {
      sums[sumsAt + i] += grid(codes[at + i], ~Dither.mix(z) & 0xffffffffL, scale, clip);
    }
  }

  /** y on the grid of 2^-30, of symbol k and 2^32 - 1 - r. */
  private static double grid(long k, long inverse, double scale, double clip) {
    double bracket = Double.longBitsToDouble(BIAS | k << 33 | inverse << 1) - UNBIAS;
    return ((bracket * scale - clip) + GRID) - GRID;
  }
}
