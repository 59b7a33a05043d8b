package dev.sluice.transforms.channel;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link ScalarKernel} with the Vector API: a tile of dither, then a tile of sums. The dither's
 * words are stored as they are, and read back as pairs of 32-bit numbers, which needs no shuffle.
 * Only {@link AveragingKernel} may name this class, and only as a string.
 *
 * <p>A tile of scratch for each thread.
 */
final class VectorKernel extends AveragingKernel {
  private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_PREFERRED;
  private static final int LANES = LONGS.length();
  private static final VectorSpecies<Double> DOUBLES =
      VectorSpecies.of(double.class, LONGS.vectorShape());
  // Half as wide as LONGS, so as many lanes; at least the narrowest shape there is.
  private static final VectorSpecies<Integer> INTS =
      VectorSpecies.of(int.class, VectorShape.forBitSize(Math.max(64, LONGS.vectorBitSize() / 2)));
  private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_64;

  /** Coordinates in a tile: with its codes and sums it stays in the first-level cache. */
  private static final int TILE = 1024;

  /** 0, 1, 2, ... times GAMMA. */
  private static final LongVector STEPS = steps();

  private static final ThreadLocal<int[]> DITHER = ThreadLocal.withInitial(() -> new int[TILE]);
  private static final ThreadLocal<int[]> WIDE = ThreadLocal.withInitial(() -> new int[TILE]);

  private final ScalarKernel scalar = new ScalarKernel();

  VectorKernel() {}

  private static LongVector steps() {
    long[] steps = new long[LANES];
    for (int i = 0; i < LANES; i++) {
      steps[i] = i * Dither.GAMMA;
    }
    return LongVector.fromArray(LONGS, steps, 0);
  }

  @Override
  int lanes() {
    return LANES;
  }

  @Override
  String label() {
    return "vector-" + LONGS.vectorBitSize();
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
    int v = from;
    if ((v & 1) != 0 && v < to) {
      scalar.addBytes(codes, at, row, v, v + 1, scale, clip, sums, sumsAt);
      v++;
    }
    int[] r = DITHER.get();
    int[] wide = LANES == 8 ? r : WIDE.get();
    for (; to - v >= 2 * LANES; ) {
      int tile = Math.min(TILE, to - v) & -(2 * LANES);
      int i = at + (v - from);
      int s = sumsAt + (v - from);
      fill(row + (v >>> 1) * Dither.GAMMA, r, tile);
      if (LANES == 8) {
        sumBytes(codes, i, r, tile, scale, clip, sums, s);
      } else {
        for (int j = 0; j < tile; j++) {
          wide[j] = codes[i + j] & 0xff;
        }
        sumInts(wide, 0, r, tile, scale, clip, sums, s);
      }
      v += tile;
    }
    scalar.addBytes(codes, at + (v - from), row, v, to, scale, clip, sums, sumsAt + (v - from));
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
    int v = from;
    if ((v & 1) != 0 && v < to) {
      scalar.addInts(codes, at, row, v, v + 1, scale, clip, sums, sumsAt);
      v++;
    }
    int[] r = DITHER.get();
    for (; to - v >= 2 * LANES; ) {
      int tile = Math.min(TILE, to - v) & -(2 * LANES);
      fill(row + (v >>> 1) * Dither.GAMMA, r, tile);
      sumInts(codes, at + (v - from), r, tile, scale, clip, sums, sumsAt + (v - from));
      v += tile;
    }
    scalar.addInts(codes, at + (v - from), row, v, to, scale, clip, sums, sumsAt + (v - from));
  }

  /** mix(z), mix(z + GAMMA), ...: two numbers of 32 bits each, the low half first. */
  private static void fill(long z, int[] r, int count) {
    LongVector state = STEPS.add(z);
    for (int i = 0; i < count; i += 2 * LANES) {
      LongVector w = state;
      w = w.lanewise(VectorOperators.XOR, w.lanewise(VectorOperators.LSHR, 30));
      w = w.mul(0xBF58476D1CE4E5B9L);
      w = w.lanewise(VectorOperators.XOR, w.lanewise(VectorOperators.LSHR, 27));
      w = w.mul(0x94D049BB133111EBL);
      w = w.lanewise(VectorOperators.XOR, w.lanewise(VectorOperators.LSHR, 31));
      w.reinterpretAsInts().intoArray(r, i);
      state = state.add(LANES * Dither.GAMMA);
    }
  }

  private static void sumBytes(
      byte[] codes,
      int at,
      int[] r,
      int count,
      double scale,
      double clip,
      double[] sums,
      int sumsAt) {
    for (int i = 0; i < count; i += LANES) {
      LongVector k =
          (LongVector)
              ByteVector.fromArray(BYTES, codes, at + i)
                  .convertShape(VectorOperators.B2L, LONGS, 0);
      add(k.and(0xffL), r, i, scale, clip, sums, sumsAt + i);
    }
  }

  private static void sumInts(
      int[] codes,
      int at,
      int[] r,
      int count,
      double scale,
      double clip,
      double[] sums,
      int sumsAt) {
    for (int i = 0; i < count; i += LANES) {
      LongVector k =
          (LongVector)
              IntVector.fromArray(INTS, codes, at + i).convertShape(VectorOperators.I2L, LONGS, 0);
      add(k, r, i, scale, clip, sums, sumsAt + i);
    }
  }

  private static void add(
      LongVector k, int[] r, int i, double scale, double clip, double[] sums, int at) {
    LongVector inverse =
        (LongVector)
            IntVector.fromArray(INTS, r, i).not().convertShape(VectorOperators.I2L, LONGS, 0);
    LongVector word =
        k.lanewise(VectorOperators.LSHL, 33)
            .or(inverse.and(0xffffffffL).lanewise(VectorOperators.LSHL, 1))
            .or(BIAS);
    DoubleVector bracket = word.reinterpretAsDoubles().sub(UNBIAS);
    DoubleVector y = bracket.mul(scale).sub(clip);
    DoubleVector.fromArray(DOUBLES, sums, at).add(y.add(GRID).sub(GRID)).intoArray(sums, at);
  }
}
