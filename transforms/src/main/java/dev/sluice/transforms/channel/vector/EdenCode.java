package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.channel.RadixCode;
import dev.sluice.transforms.channel.codebook.LloydMax;
import dev.sluice.transforms.channel.codebook.ScalarLevels;
import dev.sluice.transforms.channel.rotation.MomentCheck;
import dev.sluice.transforms.channel.rotation.Rotation;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;

/**
 * A vector rotated, each coordinate at the nearest of Lloyd and Max's levels for N(0, 1), and one
 * scale: {@code x' = S R^T Q} with {@code Q} the levels next to {@code y = R x sqrt(d)/|x|}. With
 * fewer bits than coordinates, the signs of a keyed subset of them are sent and Q is 0 elsewhere.
 *
 * <p><b>Scales.</b> The unbiased one is {@code S = |x|^2 / <Rx, Q>}: then {@code <x, x'> = |x|^2}
 * for every rotation; and under a uniform one the mean of x' is fixed by every rotation that fixes
 * x, hence a multiple of x, and so x itself. That holds for any quantiser and any mixture of them
 * over coordinates. The other, {@code S = <Rx, Q>/|Q|^2}, has the least error for one vector. Where
 * the levels have caught next to nothing of y, below a sixteenth of what is usual, the unbiased
 * scale would blow up and the other is taken; that needs few coordinates, or many of them 0.
 *
 * <p><b>The code.</b> 32 bits: the number of rounds in the first two, and S, a positive float32
 * less its sign and its mantissa's last bit, rounded, in 30. Then the symbols as {@link RadixCode}
 * has them, the first {@code finer} of n + 1 levels and the others of n. A vector whose scale is 0,
 * or whose root mean square is below 2^-128, is all zeros.
 */
final class EdenCode implements VectorCode {
  /** Bits beside the symbols. */
  static final int SIDE_BITS = 32;

  /** The most bits a coordinate. */
  static final int MAX_RATE = 8;

  /** The fewest coordinates of a subset: with fewer the scale's own error takes over. */
  static final int MIN_SUBSET = 8;

  private static final int SCALE_BITS = 30;

  /** Places of the key's words: those below are the rotation's. */
  private static final int SUBSET_STREAM = 2 * Rotation.MAX_ROUNDS + 1;

  /** Of the mean of y*Q over that of Q^2, which is 1 for N(0, 1): below, the scale is not exact. */
  private static final double LEAST_CAUGHT = 1.0 / 16;

  private final int dimension;
  private final boolean unbiased;
  private final int sent;
  private final int finer;
  private final RadixCode code;
  private final ScalarLevels coarse;
  private final ScalarLevels fine;
  private final Rotation rotation;
  private final float[] rotated;
  private final int[] symbols;
  private final double largestScale;

  /**
   * The code that fills so many bits of symbols.
   *
   * @param symbolBits at least min(d, {@link #MIN_SUBSET}) and at most 8 d
   */
  EdenCode(long symbolBits, int dimension, boolean unbiased) {
    this.dimension = dimension;
    this.unbiased = unbiased;
    this.sent = (int) Math.min(symbolBits, dimension);
    int radix = radix(symbolBits, sent);
    this.finer = radix == 1 << MAX_RATE ? 0 : finer(radix, symbolBits, sent);
    this.code = RadixCode.of(radix, finer, sent);
    this.coarse = ScalarLevels.of(LloydMax.gaussian(radix).levels());
    this.fine = finer == 0 ? coarse : ScalarLevels.of(LloydMax.gaussian(radix + 1).levels());
    this.rotation = Rotation.of(dimension);
    this.rotated = new float[dimension];
    this.symbols = new int[sent];
    // |x'| is S*|Q|; a little less, for rounding in the rotation.
    this.largestScale = Float.MAX_VALUE / (fine.reach() * Math.sqrt(sent)) * (1 - 1e-3);
  }

  /** The fewest bits of symbols in a dimension. */
  static int leastBits(int dimension) {
    return Math.min(dimension, MIN_SUBSET);
  }

  /** The largest N in [2, 256] whose code of n symbols fits. */
  private static int radix(long bits, int n) {
    int radix = (int) Math.min(1 << MAX_RATE, StrictMath.pow(2, (double) bits / n) + 1);
    while (RadixCode.bits(radix, 0, n) > bits) {
      radix--;
    }
    return radix;
  }

  /** The most symbols of N + 1 that fit, by bisection between 0, which fits, and n. */
  private static int finer(int radix, long bits, int n) {
    int low = 0;
    int high = n;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (RadixCode.bits(radix, middle, n) <= bits) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  @Override
  public int dimension() {
    return dimension;
  }

  @Override
  public String setting() {
    if (sent < dimension) {
      return "signs of " + sent + " coordinates";
    }
    int n = coarse.size();
    return n + " levels" + (finer > 0 ? ", " + (n + 1) + " for " + finer + " coordinates" : "");
  }

  @Override
  public long bits() {
    return SIDE_BITS + code.bits();
  }

  @Override
  public long encode(float[] x, int from, long key, byte[] out, int at) {
    MomentCheck check = MomentCheck.of(x, from, rotation);
    return encode(x, from, key, check.rounds(), check.energy(), out, at);
  }

  /** With as many rounds, whatever the vector needs. */
  long encode(float[] x, int from, long key, int rounds, byte[] out, int at) {
    return encode(x, from, key, rounds, MomentCheck.of(x, from, rotation).energy(), out, at);
  }

  private long encode(
      float[] x, int from, long key, int rounds, double energy, byte[] out, int at) {
    if (!(energy < Double.POSITIVE_INFINITY)) {
      throw FieldCode.notFinite(x, from);
    }
    float inverse = (float) Math.sqrt(dimension / energy);
    if (!(inverse < Float.POSITIVE_INFINITY)) {
      return bits();
    }
    for (int i = 0; i < dimension; i++) {
      rotated[i] = x[from + i] * inverse;
    }
    rotation.forward(rotated, 0, key, rounds);
    if (sent < dimension) {
      gather(key);
    }
    fine.nearest(rotated, 0, finer, symbols);
    coarse.nearest(rotated, finer, sent, symbols);
    int word = word(rounds, scale(energy * inverse * inverse) / inverse);
    if (word != 0) {
      ByteBuffer.wrap(out).putInt(at, word);
      code.encode(symbols, out, at + Integer.BYTES);
    }
    return bits();
  }

  @Override
  public long decode(byte[] in, int at, long key, float[] out, int to) throws BadCodesException {
    Objects.checkFromIndexSize(to, dimension, out.length);
    int word = ByteBuffer.wrap(in).getInt(at);
    if (word == 0) {
      for (int i = at; i < at + Integer.BYTES + code.bytes(); i++) {
        if (in[i] != 0) {
          throw new BadCodesException("symbols beside a scale of 0");
        }
      }
      Arrays.fill(out, to, to + dimension, 0);
      return bits();
    }
    int rounds = word >>> SCALE_BITS;
    float scale = Float.intBitsToFloat((word & (1 << SCALE_BITS) - 1) << 1);
    if (rounds < 1 || rounds > Rotation.MAX_ROUNDS || !(scale > 0 && scale <= largestScale)) {
      throw new BadCodesException(
          rounds
              + " rounds and a scale of "
              + scale
              + ", expected 1 to "
              + Rotation.MAX_ROUNDS
              + " and a scale above 0 and at most "
              + largestScale);
    }
    code.decode(in, at + Integer.BYTES, symbols);
    fine.levels(symbols, 0, finer, out, to);
    coarse.levels(symbols, finer, sent, out, to);
    if (sent < dimension) {
      scatter(key, out, to);
    }
    rotation.inverse(out, to, key, rounds);
    for (int i = to; i < to + dimension; i++) {
      out[i] *= scale;
    }
    return bits();
  }

  /** S for the rotated vector as it is held here, of a squared norm near to d. */
  private double scale(double energy) {
    double product = product(fine, 0, finer) + product(coarse, finer, sent);
    if (unbiased && product >= LEAST_CAUGHT * sent) {
      return energy / product;
    }
    double square = square(fine, 0, finer) + square(coarse, finer, sent);
    return square > 0 ? product / square : 0;
  }

  /** Sum of y*Q: products in float32, four sums in float64. */
  private double product(ScalarLevels levels, int from, int to) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    int fours = from + (to - from & -4);
    for (int i = from; i < fours; i += 4) {
      a += rotated[i] * levels.level(symbols[i]);
      b += rotated[i + 1] * levels.level(symbols[i + 1]);
      c += rotated[i + 2] * levels.level(symbols[i + 2]);
      d += rotated[i + 3] * levels.level(symbols[i + 3]);
    }
    for (int i = fours; i < to; i++) {
      a += rotated[i] * levels.level(symbols[i]);
    }
    return (a + b) + (c + d);
  }

  /** Sum of Q^2. */
  private double square(ScalarLevels levels, int from, int to) {
    double sum = 0;
    for (int i = from; i < to; i++) {
      double level = levels.level(symbols[i]);
      sum += level * level;
    }
    return sum;
  }

  private int word(int rounds, double scale) {
    // The last bit is rounded off.
    int bits = (Float.floatToRawIntBits((float) Math.max(0, scale)) + 1) >>> 1;
    if (!(Float.intBitsToFloat(bits << 1) <= largestScale)) {
      throw new IllegalArgumentException(
          "the scale must be at most " + largestScale + ", got " + scale);
    }
    return bits == 0 ? 0 : rounds << SCALE_BITS | bits;
  }

  /** The subset's coordinates, to the front. */
  private void gather(long key) {
    int taken = 0;
    Subset subset = new Subset(key);
    for (int i = 0; taken < sent; i++) {
      if (subset.takes(i, taken)) {
        rotated[taken++] = rotated[i];
      }
    }
  }

  /** From the front to where they were, and zeros elsewhere. */
  private void scatter(long key, float[] out, int to) {
    System.arraycopy(out, to, rotated, 0, sent);
    int taken = 0;
    Subset subset = new Subset(key);
    for (int i = 0; i < dimension; i++) {
      out[to + i] = subset.takes(i, taken) ? rotated[taken++] : 0;
    }
  }

  /**
   * A uniform subset, in order: Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S, on 31
   * bits of a keyed word for each coordinate.
   */
  private final class Subset {
    private final long start;

    Subset(long key) {
      start = Dither.word(key, SUBSET_STREAM) + Dither.GAMMA;
    }

    boolean takes(int i, int taken) {
      long draw = Dither.word(start, i) >>> 33;
      return (draw * (dimension - i)) >>> 31 < sent - taken;
    }
  }
}
