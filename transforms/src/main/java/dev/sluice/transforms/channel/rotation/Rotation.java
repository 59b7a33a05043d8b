package dev.sluice.transforms.channel.rotation;

import dev.sluice.transforms.channel.Dither;
import java.util.Arrays;
import java.util.Objects;

/**
 * Randomised Hadamard rotations of one dimension: keyed signs, then a Hadamard matrix, as often as
 * there are rounds. Orthonormal, in place, without padding and without a bit more to send: what
 * comes out has d coordinates. Ailon and Chazelle, The fast Johnson–Lindenstrauss transform, SIAM
 * J. Comput. 39(1), 2009.
 *
 * <p><b>Dimensions.</b> Where d = r*2^a with r among 1, 12, 20 and 28, a round is one Hadamard
 * matrix over all: Paley's of order r (J. Math. Phys. 12, 1933) times Sylvester's of order 2^a. All
 * entries being +-1/sqrt d, one round gives every coordinate the same variance over keys, |x|^2/d.
 *
 * <p>For any other d the longest such P below d is taken, at least 4/5 d from 12 on, and a round is
 * two windows, each with signs of its own: first the head {@code [0, P)}, then the tail {@code [d -
 * P, d)}. With o = d - P, q = o/P, and e the share of |x|^2 in the last o coordinates, a round
 * leaves variances of (1 - e)/P in the first o coordinates and of (1 - q(1 - e))/P in the others,
 * in units of |x|^2. Energy that was even stays exactly even (e = o/d gives 1/d in both), and a
 * round never leaves more than 1/P. The worst is e = 1: then the first o coordinates, a share q/(1
 * + q) below 1/5, are 0 and sent for nothing. A second round mends that: after it the ratio of the
 * two variances is (1 - q)/(1 - q + q^2) > 0.92 whatever x is. {@link MomentCheck} looks at {@link
 * #evenness} before it is content with one round.
 *
 * <p><b>Signs.</b> Bit i mod 64 of {@code mix(k + (floor(i/64) + 1)*gamma)} for coordinate i of the
 * window, with {@code k = mix(key + (2*round + window + 1)*gamma)}, rounds from 0, the tail's
 * window being 1; see {@link Dither}.
 *
 * <p>Computed in float32; a forward and an inverse return x to about 1e-7*sqrt(log2 d) of its norm.
 * The order of all additions is fixed: the same bits on every JVM. Holds scratch: not thread-safe.
 */
public final class Rotation {
  /** The most rounds. */
  public static final int MAX_ROUNDS = 3;

  /** Columns that pass through Paley's matrix at a time. */
  private static final int COLUMNS = 256;

  private final int dimension;
  private final int order;
  private final int window;
  private final int scale;
  private final Hadamard hadamard = new Hadamard();
  private final float[] matrix;
  private final float[] transpose;
  private final float[][] rows;
  private final float[] sum = new float[COLUMNS];

  private Rotation(int dimension) {
    this.dimension = dimension;
    this.window = window(dimension);
    this.order = order(window);
    this.scale = Float.floatToRawIntBits((float) (1 / Math.sqrt(window)));
    this.matrix = order == 1 ? new float[] {1} : Paley.matrix(order);
    this.transpose = new float[order * order];
    for (int i = 0; i < order; i++) {
      for (int j = 0; j < order; j++) {
        transpose[j * order + i] = matrix[i * order + j];
      }
    }
    this.rows = new float[order][COLUMNS];
  }

  /**
   * Rotations of vectors of d coordinates.
   *
   * @throws IllegalArgumentException if d is below 1
   */
  public static Rotation of(int dimension) {
    if (dimension < 1) {
      throw new IllegalArgumentException("dimension must be at least 1, got " + dimension);
    }
    return new Rotation(dimension);
  }

  /** d. */
  public int dimension() {
    return dimension;
  }

  /** P, the length of a window: the largest r*2^a up to d. */
  public int window() {
    return window;
  }

  /**
   * The variance of the first coordinates over that of the others after one round, by where x has
   * its energy; 1 where one window spans all, or x is 0.
   */
  public double evenness(float[] x, int at) {
    Objects.checkFromIndexSize(at, dimension, x.length);
    if (window == dimension) {
      return 1;
    }
    double head = energy(x, at, at + window);
    double tail = energy(x, at + window, at + dimension);
    if (head + tail == 0) {
      return 1;
    }
    double q = (double) (dimension - window) / window;
    return head / ((1 - q) * head + tail);
  }

  /**
   * Rotates {@code x[at .. at + d)}.
   *
   * @param key what draws the signs
   * @param rounds in [1, 3]
   */
  public void forward(float[] x, int at, long key, int rounds) {
    check(x, at, rounds);
    for (int round = 0; round < rounds; round++) {
      forwardWindow(x, at, key(key, round, 0));
      if (window < dimension) {
        forwardWindow(x, at + dimension - window, key(key, round, 1));
      }
    }
  }

  /** Undoes {@link #forward}, to rounding. */
  public void inverse(float[] x, int at, long key, int rounds) {
    check(x, at, rounds);
    for (int round = rounds - 1; round >= 0; round--) {
      if (window < dimension) {
        inverseWindow(x, at + dimension - window, key(key, round, 1));
      }
      inverseWindow(x, at, key(key, round, 0));
    }
  }

  private void check(float[] x, int at, int rounds) {
    if (rounds < 1 || rounds > MAX_ROUNDS) {
      throw new IllegalArgumentException(
          "rounds must be in [1, " + MAX_ROUNDS + "], got " + rounds);
    }
    Objects.checkFromIndexSize(at, dimension, x.length);
  }

  private static long key(long key, int round, int window) {
    return Dither.word(key, 2 * round + window + 1);
  }

  private void forwardWindow(float[] x, int at, long key) {
    signs(x, at, key);
    sylvester(x, at);
    mixRows(x, at, matrix);
  }

  private void inverseWindow(float[] x, int at, long key) {
    mixRows(x, at, transpose);
    sylvester(x, at);
    signs(x, at, key);
  }

  /** Multiplies by +-1/sqrt P. */
  private void signs(float[] x, int at, long key) {
    int i = 0;
    for (long z = key + Dither.GAMMA; i < window; z += Dither.GAMMA) {
      long word = Dither.mix(z);
      int end = Math.min(i + 64, window);
      for (; i < end; i++) {
        x[at + i] *= Float.intBitsToFloat(scale | (int) (word << 31) & 0x80000000);
        word >>>= 1;
      }
    }
  }

  private void sylvester(float[] x, int at) {
    int length = window / order;
    for (int row = 0; row < order; row++) {
      hadamard.transform(x, at + row * length, length);
    }
  }

  /** {@code x = (M tensor I) x}, M of the order of Paley's matrix. */
  private void mixRows(float[] x, int at, float[] m) {
    if (order == 1) {
      return;
    }
    int length = window / order;
    for (int from = 0; from < length; from += COLUMNS) {
      int columns = Math.min(COLUMNS, length - from);
      for (int j = 0; j < order; j++) {
        System.arraycopy(x, at + j * length + from, rows[j], 0, columns);
      }
      for (int i = 0; i < order; i++) {
        Arrays.fill(sum, 0);
        for (int j = 0; j < order; j += 4) {
          int entry = i * order + j;
          addRows(
              rows[j],
              m[entry],
              rows[j + 1],
              m[entry + 1],
              rows[j + 2],
              m[entry + 2],
              rows[j + 3],
              m[entry + 3],
              columns,
              sum);
        }
        System.arraycopy(sum, 0, x, at + i * length + from, columns);
      }
    }
  }

  /** Adds four rows, each times its entry: products with +-1 are exact. */
  private static void addRows(
      float[] a,
      float ma,
      float[] b,
      float mb,
      float[] c,
      float mc,
      float[] d,
      float md,
      int columns,
      float[] sum) {
    for (int w = 0; w < columns; w++) {
      sum[w] += (ma * a[w] + mb * b[w]) + (mc * c[w] + md * d[w]);
    }
  }

  private static double energy(float[] x, int from, int to) {
    double sum = 0;
    for (int i = from; i < to; i++) {
      sum += (double) x[i] * x[i];
    }
    return sum;
  }

  /** The largest order r*2^a up to d. */
  static int window(int dimension) {
    int power = Integer.highestOneBit(dimension);
    for (int quarters = 7; quarters > 4; quarters--) {
      int candidate = (int) ((long) power * quarters / 4);
      if (candidate <= dimension && order(candidate) > 1) {
        return candidate;
      }
    }
    return power;
  }

  /** r of a length r*2^a: 1, 12, 20 or 28; 1 where there is none. */
  private static int order(int length) {
    int odd = length >> Integer.numberOfTrailingZeros(length);
    return length % 4 == 0 && odd > 1 && odd <= 7 ? 4 * odd : 1;
  }
}
