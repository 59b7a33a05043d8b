package dev.sluice.transforms.channel.codebook;

import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * An unbiased scalar code with shared randomness, of least mean squared error for N(0, 1) cut at
 * +-T: sender and receiver share h, uniform among H; the sender sends one of 2^b symbols x, the
 * receiver takes r[h][x], and the mean over h and the sender's own draw is z for every |z| up to T.
 * Ben Basat, Vargaftik, Portnoy, Einziger, Ben-Itzhak and Mitzenmacher, QUIC-FL, arXiv 2205.13341.
 *
 * <p><b>The sender, given r.</b> Among laws p(x | h, z) of mean z, that of least E(r - z)^2 is that
 * of least E r^2. A linear programme, whose Lagrangian is the mean over h of sum_x p (r^2 - 2tr) +
 * 2tz: for a multiplier t it is least where each x is nearest to t, {@code x_h(t)} with r[h][x_h]
 * nearest to t. The mean g(t) of r[h][x_h(t)] over h is a step function that climbs from the mean
 * of the least values to the mean of the greatest, jumping where t passes midway between two
 * neighbours of one h. So for every z between, there is one boundary {@code t(z)} at which g jumps
 * from at most z to at least z. The sender sends x_h(t) for every other h, for which nothing is
 * drawn, and for the h of that boundary the upper neighbour with the probability that makes the
 * mean z. That is feasible, and least by duality. Two boundaries in one place may be taken in
 * either order.
 *
 * <p><b>The values.</b> By the envelope theorem the derivative of E r^2 by r[h][x] is 2/H E[(r -
 * t(z)); x sent | h], so that at an optimum each value is the mean of t(z) where it is what is
 * sent: {@code r[h][x] = E[t(z) | h, x]}. Iterated from Lloyd and Max's levels, dithered, halfway
 * at a time. That the greatest values average at least T is a constraint with a multiplier mu of
 * its own, which raises each by mu/P(h, x). By symmetry r[H-1-h][2^b-1-x] = -r[h][x]. The best of
 * all iterates is kept, and rounded to float32; what the sender does is computed from the rounded
 * ones, and is unbiased for them.
 *
 * <p>Tables are computed when first asked for, in a fraction of a second, and kept. Immutable.
 */
public final class QuicTable {
  /** The most bits. */
  public static final int MAX_BITS = 6;

  /** Where coordinates are cut: one in 1484 of N(0, 1) is beyond. */
  static final double CUT = 3.4;

  private static final int MAX_ITERATIONS = 400;
  private static final double PART = 0.5;

  /** A value sent less often is left where it is. */
  private static final double RARE = 1e-9;

  private static final Map<Integer, QuicTable> CACHE = new ConcurrentHashMap<>();

  private final int shared;
  private final int symbols;
  private final float[][] values;

  /** Where g is before each jump, and after the last. */
  private final double[] means;

  /** Whose jump it is, h. */
  private final int[] jumping;

  /** x_h before each jump. */
  private final byte[][] before;

  private final double reach;
  private final double mse;

  private QuicTable(float[][] values) {
    this.shared = values.length;
    this.symbols = values[0].length;
    this.values = values;
    Boundaries boundaries = new Boundaries(widened(values));
    boundaries.sweep(CUT);
    this.mse = boundaries.mse;
    this.means = boundaries.means;
    this.reach = Math.min(CUT, Math.min(-means[0], means[means.length - 1]));
    this.jumping = new int[boundaries.count];
    this.before = new byte[boundaries.count][shared];
    byte[] now = new byte[shared];
    for (int i = 0; i < boundaries.count; i++) {
      before[i] = now.clone();
      jumping[i] = boundaries.order[i] / (symbols - 1);
      now[jumping[i]]++;
    }
  }

  /**
   * The table of so many bits.
   *
   * @param bits b, in [1, 6]
   */
  public static QuicTable of(int bits) {
    if (bits < 1 || bits > MAX_BITS) {
      throw new IllegalArgumentException("bits must be in [1, " + MAX_BITS + "], got " + bits);
    }
    return CACHE.computeIfAbsent(
        bits, b -> new QuicTable(optimised(1 << Math.min(6, 10 - b), 1 << b)));
  }

  /** H, a power of two up to 64. */
  public int sharedValues() {
    return shared;
  }

  /** T: for |z| up to this the code is unbiased. Near to 3.4. */
  public double reach() {
    return reach;
  }

  /** Mean squared error for N(0, 1) cut at +-T. */
  public double mse() {
    return mse;
  }

  /** r[h][x]. */
  public float value(int h, int x) {
    return values[h][x];
  }

  /**
   * What the sender sends.
   *
   * @param z in [-T, T]
   * @param h what is shared, in [0, H)
   * @param u the sender's own draw, uniform in [0, 1)
   * @return x, in [0, 2^b)
   */
  public int symbol(double z, int h, double u) {
    int low = 0;
    int high = jumping.length - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (means[middle] <= z) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    int x = before[low][h];
    if (jumping[low] != h) {
      return x;
    }
    return u * (means[low + 1] - means[low]) < z - means[low] ? x + 1 : x;
  }

  /** A uniform quantiser whose points are shifted by h, those of all h together evenly apart. */
  static double[][] dithered(int shared, int symbols, double step) {
    double[][] values = new double[shared][symbols];
    for (int h = 0; h < shared; h++) {
      for (int x = 0; x < symbols; x++) {
        values[h][x] = (x - symbols / 2.0 + (h + 0.5) / shared) * step;
      }
    }
    return values;
  }

  /**
   * Lloyd and Max's levels, shifted by h as a dithered uniform quantiser's are, by interpolation.
   */
  private static double[][] start(int shared, int symbols) {
    double[] levels = LloydMax.gaussian(symbols).levels();
    double[][] values = dithered(shared, symbols, 1);
    for (double[] row : values) {
      for (int x = 0; x < symbols; x++) {
        double place = row[x] + (symbols - 1) / 2.0;
        int left = Math.max(0, Math.min(symbols - 2, (int) Math.floor(place)));
        row[x] = levels[left] + (place - left) * (levels[left + 1] - levels[left]);
      }
    }
    return values;
  }

  private static float[][] optimised(int shared, int symbols) {
    Boundaries boundaries = new Boundaries(start(shared, symbols));
    double[][] best = null;
    double least = Double.POSITIVE_INFINITY;
    boundaries.reachTo(CUT);
    for (int i = 0; i < MAX_ITERATIONS; i++) {
      boundaries.sweep(CUT);
      boolean better = boundaries.mse < least;
      boolean settled = boundaries.mse > least * (1 - 1e-6);
      if (better) {
        least = boundaries.mse;
        best = copy(boundaries.values);
      }
      if (settled && i > 20) {
        break;
      }
      boundaries.move();
      boundaries.reachTo(CUT);
    }
    float[][] rounded = new float[shared][symbols];
    for (int h = 0; h < shared; h++) {
      for (int x = 0; x < symbols; x++) {
        rounded[h][x] = (float) best[h][x];
      }
    }
    return rounded;
  }

  private static double[][] copy(double[][] values) {
    double[][] copy = new double[values.length][];
    for (int h = 0; h < values.length; h++) {
      copy[h] = values[h].clone();
    }
    return copy;
  }

  private static double[][] widened(float[][] values) {
    double[][] wide = new double[values.length][values[0].length];
    for (int h = 0; h < wide.length; h++) {
      for (int x = 0; x < wide[h].length; x++) {
        wide[h][x] = values[h][x];
      }
    }
    return wide;
  }

  /** Mean squared error of the best unbiased sender for some values, N(0, 1) cut at +-T. */
  static double mse(double[][] values) {
    Boundaries boundaries = new Boundaries(copy(values));
    boundaries.sweep(CUT);
    return boundaries.mse;
  }

  /**
   * All boundaries between neighbouring values of every h, in order, and what comes of them. Those
   * of h are at h*(2^b - 1) + x, between x and x + 1.
   */
  private static final class Boundaries {
    final double[][] values;
    final int count;
    final int[] order;
    final double[] means;
    double mse;

    private final int shared;
    private final int symbols;
    private final double[] place;
    private final int[] rank;

    /** Of the interval of z at each boundary: its mass, below and above the draw; sums before. */
    private final double[] lower;

    private final double[] upper;
    private final double[] mass;
    private final double[] placed;

    /** P(x sent | h) of each greatest value. */
    private final double[] greatest;

    Boundaries(double[][] values) {
      this.values = values;
      this.shared = values.length;
      this.symbols = values[0].length;
      this.count = shared * (symbols - 1);
      this.order = new int[count];
      Arrays.setAll(order, i -> i);
      this.means = new double[count + 1];
      this.place = new double[count];
      this.rank = new int[count];
      this.lower = new double[count];
      this.upper = new double[count];
      this.mass = new double[count + 1];
      this.placed = new double[count + 1];
      this.greatest = new double[shared];
      Arrays.fill(greatest, 1);
    }

    /** Walks up the boundaries: the means between, and the mean squared error. */
    void sweep(double cut) {
      double mean = 0;
      double square = 0;
      for (int h = 0; h < shared; h++) {
        for (int x = 0; x < symbols - 1; x++) {
          place[h * (symbols - 1) + x] = (values[h][x] + values[h][x + 1]) / 2;
        }
        mean += values[h][0] / shared;
        square += values[h][0] * values[h][0] / shared;
      }
      sort();
      double all = 2 * Normal.fromZero(cut);
      double error = 0;
      double a = clip(mean, cut);
      double belowA = Normal.fromZero(a);
      double densityA = Normal.density(a);
      for (int i = 0; i < count; i++) {
        int boundary = order[i];
        rank[boundary] = i;
        int h = boundary / (symbols - 1);
        int x = boundary % (symbols - 1);
        double low = values[h][x];
        double high = values[h][x + 1];
        means[i] = mean;
        double width = (high - low) / shared;
        double squares = (high * high - low * low) / shared;
        double b = clip(mean + width, cut);
        double belowB = Normal.fromZero(b);
        double densityB = Normal.density(b);
        double p = (belowB - belowA) / all;
        double up = width > 0 ? ((densityA - densityB) / all - mean * p) / width : 0;
        upper[i] = Math.max(0, Math.min(p, up));
        lower[i] = p - upper[i];
        mass[i + 1] = mass[i] + p;
        placed[i + 1] = placed[i] + p * place[boundary];
        error += p * square + upper[i] * squares;
        mean += width;
        square += squares;
        belowA = belowB;
        densityA = densityB;
      }
      means[count] = mean;
      mse = error - (1 - 2 * cut * Normal.density(cut) / all);
    }

    /** Moves every value part of the way to the mean of t(z) where it is sent. */
    void move() {
      double[][] next = new double[shared][symbols];
      for (int h = 0; h < shared; h++) {
        for (int x = 0; x < symbols; x++) {
          int last = h * (symbols - 1) + x;
          int from = x == 0 ? -1 : rank[last - 1];
          int to = x == symbols - 1 ? count : rank[last];
          double sent = mass[to] - mass[from + 1];
          double sum = placed[to] - placed[from + 1];
          if (from >= 0) {
            sent += upper[from];
            sum += upper[from] * place[last - 1];
          }
          if (to < count) {
            sent += lower[to];
            sum += lower[to] * place[last];
          }
          double now = values[h][x];
          next[h][x] = sent > RARE ? now + PART * (sum / sent - now) : now;
          if (x == symbols - 1) {
            greatest[h] = Math.max(sent, RARE);
          }
        }
      }
      for (int h = 0; h < shared; h++) {
        for (int x = 0; x < symbols; x++) {
          values[h][x] = (next[h][x] - next[shared - 1 - h][symbols - 1 - x]) / 2;
        }
        // Values that were in one place may have passed each other.
        Arrays.sort(values[h]);
      }
    }

    /** Raises the greatest values, as their constraint has it, until they average T. */
    void reachTo(double cut) {
      double lacking = cut;
      double weights = 0;
      for (int h = 0; h < shared; h++) {
        lacking -= values[h][symbols - 1] / shared;
        weights += 1 / greatest[h] / shared;
      }
      if (lacking > 0) {
        for (int h = 0; h < shared; h++) {
          double more = lacking / weights / greatest[h];
          values[h][symbols - 1] += more;
          values[shared - 1 - h][0] -= more;
        }
      }
    }

    /** By place, ties by number. Nearly sorted from the sweep before. */
    private void sort() {
      for (int i = 1; i < count; i++) {
        int boundary = order[i];
        int j = i - 1;
        while (j >= 0
            && (place[order[j]] > place[boundary]
                || (place[order[j]] == place[boundary] && order[j] > boundary))) {
          order[j + 1] = order[j];
          j--;
        }
        order[j + 1] = boundary;
      }
    }

    private static double clip(double z, double cut) {
      return Math.max(-cut, Math.min(cut, z));
    }
  }
}
