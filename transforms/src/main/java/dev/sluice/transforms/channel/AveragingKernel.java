package dev.sluice.transforms.channel;

import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Adds the reconstructions of one row's dithered symbols to running sums. Two implementations, one
 * set of bits.
 *
 * <pre>
 *   y    = ((k + 1/2) - (r + 1/2)*2^-32)*step - L           FORMAT 3.3
 *   sum += (y + 1.5*2^22) - 1.5*2^22                        FORMAT 5: a multiple of 2^-30, so sums are exact
 * </pre>
 *
 * The bracket times 2^33 is the integer {@code (k << 33) + 2^33 - 2r - 1 - 2^32}; put below the
 * exponent of 2^52 and taken from it, that becomes a double without a conversion instruction, whose
 * false dependency halves the speed on JDK 17. Scaling by 2^-33 is exact and goes into the step:
 * {@code scale = step*2^-33}, normal for every L of at least 2^-24.
 */
abstract class AveragingKernel {
  /** The exponent of 2^52, and the lowest bit: 2^33 - 2r - 1 = 2*(2^32 - 1 - r) + 1. */
  static final long BIAS = 0x4330000000000001L;

  /** What BIAS put there, and the 2^32 of the bracket. */
  static final double UNBIAS = 0x1p52 + 0x1p32;

  /** 1.5*2^22: a sum with it has an ulp of 2^-30 while |y| is below 2^21. */
  static final double GRID = 0x1.8p22;

  /**
   * What this JVM runs: the vector kernel where its incubating module is resolved and the vectors
   * are wide enough.
   */
  static final AveragingKernel BEST = choose();

  /**
   * Adds symbols that are bytes.
   *
   * @param codes symbol of coordinate {@code from} at {@code codes[at]}, read as unsigned
   * @param row {@link Dither#row}
   * @param from first coordinate within the row
   * @param to one past the last
   * @param scale step*2^-33, in logits
   * @param clip L, in logits
   * @param sums in logits, coordinate {@code from} at {@code sums[sumsAt]}
   */
  abstract void addBytes(
      byte[] codes,
      int at,
      long row,
      int from,
      int to,
      double scale,
      double clip,
      double[] sums,
      int sumsAt);

  /** As {@link #addBytes}, with symbols in [0, 2^19). */
  abstract void addInts(
      int[] codes,
      int at,
      long row,
      int from,
      int to,
      double scale,
      double clip,
      double[] sums,
      int sumsAt);

  /** Doubles that one operation takes. */
  abstract int lanes();

  /** Name for logs and benchmarks. */
  abstract String label();

  private static AveragingKernel choose() {
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()) {
      try {
        // By name, so that the class is not linked where the module is absent.
        AveragingKernel vector =
            Class.forName("dev.sluice.transforms.channel.VectorKernel")
                .asSubclass(AveragingKernel.class)
                .getDeclaredConstructor()
                .newInstance();
        if (vector.lanes() >= 4) {
          return vector;
        }
      } catch (ReflectiveOperationException | LinkageError e) {
        Logger.getLogger(AveragingKernel.class.getName())
            .log(Level.INFO, "no vector kernel here; the scalar one gives the same bits", e);
      }
    }
    return new ScalarKernel();
  }
}
