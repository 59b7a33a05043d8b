package dev.sluice.transforms.conformal;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/**
 * How a node spends B bits in all on its calibration scores: which ranks it reports and on which
 * grid. Both ends derive it from this plan and the node's n_i. THEORY 7.6.
 *
 * <pre>
 * bits = ceil(log2(max n - min n + 1)) for n_i + ceil(log2 C(L + r, r)) for the points <= B
 * </pre>
 *
 * <p>Points are r order statistics, each rounded up to one of L values S/L, 2S/L, ..., S or to
 * +infinity; they ascend, so they are a multiset of r of L+1 symbols and are numbered as such. L
 * need not be a power of two: it is the largest that fits, at most 65535.
 *
 * <p><b>Which ranks.</b> At the pooled threshold node i's own rank is (1-alpha)·n_i within a
 * standard deviation {@code sigma = sqrt(alpha·(1-alpha)·n_i·(1-1/K))}, binomial sampling less the
 * node's own share in the threshold. So points stand d ranks apart about the local conformal rank
 * k_i, b of them above it and a = r-1-b below, and the ranks by which the threshold overshoots are
 * about
 *
 * <pre>
 * (d-1)/2·(1 + 1/K) + sigma·(u + E(M - w)+)    w = (a·d + (d-1)/2)/sigma + u
 * </pre>
 *
 * <p>first those lost between points, at every node and once more where the last count is waited
 * for. Then u, what nodes lose that are beyond their last point: others must make up for it, {@code
 * E min(Z + u, b·d/sigma) = 0} for a standard normal Z, and u is no more than E M. Last what it
 * takes until every node has reached its first point, for one that has not certifies nothing: M is
 * the largest of K normal deviates, so a window reaches further down than up. The cost in coverage
 * is this over n_i and (3/4)·D/L for the rise of a value to the grid, D being the scores' density
 * at the threshold times S (1 unless the caller knows better). r, d and b minimise it, d and b for
 * each alpha, r shared evenly, r in steps of an eighth; ties go to the smaller. All in float64 by
 * {@link StrictMath}, so that both ends choose alike. Only the choice rests on the approximation:
 * the guarantee of {@link PooledThreshold} holds for any.
 *
 * <p>Local ranks add up to the pooled one or more, {@code sum k_i >= k}, so a centre at k_i keeps
 * the threshold finite where every k_i is at most n_i and no minimum cell is set.
 *
 * <p>With {@link #withMinCell} c above 1, ranks are at least c apart and c from either end: each
 * reported value lies above c scores or more since the one before, and below c or more. {@link
 * #withMaxLevels} makes the grid coarser than the bits would.
 *
 * <p>Immutable.
 */
public final class CalibrationPlan {
  /** The most bits of a node's summary. */
  public static final int MAX_BITS = 1 << 16;

  /** The most levels of a grid. */
  public static final int MAX_LEVELS = (1 << 16) - 1;

  private static final int MAX_POINTS = 1024;

  private final int bits;
  private final double maxScore;
  private final int nodes;
  private final List<Alpha> alphas;
  private final int minScores;
  private final int maxScores;
  private final int minCell;
  private final int maxLevels;
  private final double density;
  private final Tails tails;

  private CalibrationPlan(
      int bits,
      double maxScore,
      int nodes,
      List<Alpha> alphas,
      int minScores,
      int maxScores,
      int minCell,
      int maxLevels,
      double density,
      Tails tails) {
    this.bits = bits;
    this.maxScore = maxScore;
    this.nodes = nodes;
    this.alphas = alphas;
    this.minScores = minScores;
    this.maxScores = maxScores;
    this.minCell = minCell;
    this.maxLevels = maxLevels;
    this.density = density;
    this.tails = tails;
  }

  /**
   * A plan for nodes with 0 to 65535 scores, no minimum cell and D = 1.
   *
   * @param bits B of one node, in [0, 65536]; what does not pay n_i and one bit leaves the node
   *     silent and every threshold infinite
   * @param maxScore S in nats, above 0; larger scores count as +infinity
   * @param nodes K, at least 1
   * @param alphas whose thresholds are wanted, at least one
   */
  public static CalibrationPlan of(int bits, double maxScore, int nodes, List<Alpha> alphas) {
    if (bits < 0 || bits > MAX_BITS) {
      throw new IllegalArgumentException("bits must be in [0, " + MAX_BITS + "], got " + bits);
    }
    if (!(maxScore > 0x1p-500 && maxScore < 0x1p500)) {
      throw new IllegalArgumentException("maxScore must be in (0, inf), got " + maxScore);
    }
    if (nodes < 1) {
      throw new IllegalArgumentException("nodes must be at least 1, got " + nodes);
    }
    if (alphas.isEmpty()) {
      throw new IllegalArgumentException("alphas must name at least one, got none");
    }
    List<Alpha> sorted = alphas.stream().sorted().distinct().toList();
    return new CalibrationPlan(
        bits, maxScore, nodes, sorted, 0, 65535, 1, MAX_LEVELS, 1, new Tails(nodes));
  }

  /**
   * Numbers of scores that a node may have: ceil(log2(max - min + 1)) bits say which, none where
   * both are equal.
   */
  public CalibrationPlan withScores(int min, int max) {
    if (min < 0 || max < min || max > 1 << 30) {
      throw new IllegalArgumentException(
          "scores of a node must be in [0, 2^30] and min at most max, got " + min + " to " + max);
    }
    return new CalibrationPlan(
        bits, maxScore, nodes, alphas, min, max, minCell, maxLevels, density, tails);
  }

  /** c, at least 1; with 1 any order statistic may be reported, the largest too. */
  public CalibrationPlan withMinCell(int minCell) {
    if (minCell < 1) {
      throw new IllegalArgumentException("minCell must be at least 1, got " + minCell);
    }
    return new CalibrationPlan(
        bits, maxScore, nodes, alphas, minScores, maxScores, minCell, maxLevels, density, tails);
  }

  /** The most levels of the grid, in [1, 65535]: values are multiples of S over these or fewer. */
  public CalibrationPlan withMaxLevels(int maxLevels) {
    if (maxLevels < 1 || maxLevels > MAX_LEVELS) {
      throw new IllegalArgumentException(
          "maxLevels must be in [1, " + MAX_LEVELS + "], got " + maxLevels);
    }
    return new CalibrationPlan(
        bits, maxScore, nodes, alphas, minScores, maxScores, minCell, maxLevels, density, tails);
  }

  /** D, the density of scores over [0, S] at the threshold where 1 is a uniform one; above 0. */
  public CalibrationPlan withDensity(double density) {
    if (!(density > 0 && density < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("density must be in (0, inf), got " + density);
    }
    return new CalibrationPlan(
        bits, maxScore, nodes, alphas, minScores, maxScores, minCell, maxLevels, density, tails);
  }

  /** B. */
  public int bits() {
    return bits;
  }

  /** S. */
  public double maxScore() {
    return maxScore;
  }

  /** K. */
  public int nodes() {
    return nodes;
  }

  /** Ascending. */
  public List<Alpha> alphas() {
    return alphas;
  }

  /** The fewest scores of a node. */
  public int minScores() {
    return minScores;
  }

  /** The most scores of a node. */
  public int maxScores() {
    return maxScores;
  }

  /** c. */
  public int minCell() {
    return minCell;
  }

  /** The most levels of the grid. */
  public int maxLevels() {
    return maxLevels;
  }

  /** The bits that say n_i. */
  public int countBits() {
    return 32 - Integer.numberOfLeadingZeros(maxScores - minScores);
  }

  /** Whether the bits do not pay for n_i: a node then sends nothing, and its n_i is not known. */
  public boolean isSilent() {
    return bits < countBits();
  }

  /**
   * What a node with n_i scores reports.
   *
   * @param scores n_i, in [minScores, maxScores]
   */
  public Shape shape(int scores) {
    if (scores < minScores || scores > maxScores) {
      throw new IllegalArgumentException(
          "a node's scores must be " + minScores + " to " + maxScores + ", got " + scores);
    }
    int payload = bits - countBits();
    int first = minCell;
    int last = largestRank(scores);
    if (payload < 1 || last < first) {
      return new Shape(scores, new int[0], 0, 0);
    }
    Window[] windows = new Window[0];
    int points = 0;
    double least = Double.POSITIVE_INFINITY;
    // About eight sizes an octave.
    for (int r = 1; r <= Math.min(MAX_POINTS, last); r += 1 + r / 8) {
      int total = r * alphas.size();
      int levels = levelsBelow(total, payload);
      if (levels < 1 || 0.75 * density / levels > least) {
        break; // levels only become fewer
      }
      Window[] best = new Window[alphas.size()];
      double cost = 0.75 * density / levels;
      for (int a = 0; a < best.length; a++) {
        best[a] = window(alphas.get(a), scores, r);
        cost += best[a].overshoot / scores / best.length;
      }
      if (cost < least) {
        least = cost;
        points = r;
        windows = best;
      }
    }
    if (points == 0) {
      // Not one point for each alpha: one for the smallest, whose threshold serves all.
      points = 1;
      windows = new Window[] {new Window(first, 0, 0)};
    }
    int[] ranks = ranks(scores, points, windows, first, last);
    int levels = largestLevels(ranks.length, payload);
    if (levels < 1) {
      return new Shape(scores, new int[0], 0, 0);
    }
    return new Shape(scores, ranks, levels, multisetBits(levels, ranks.length));
  }

  /** d, b, and what they cost in ranks. */
  private record Window(int gap, int above, double overshoot) {}

  private Window window(Alpha alpha, int scores, int r) {
    double p = alpha.toDouble();
    double sigma = Math.sqrt(p * (1 - p) * scores * (1 - 1.0 / nodes));
    int from = minCell;
    int to = from + (int) (8 * sigma / r);
    Window least = new Window(from, 0, Double.POSITIVE_INFINITY);
    for (int gap = from; gap <= to; gap++) {
      double between = (gap - 1) / 2.0;
      for (int above = 0; above < r; above++) {
        double cost = between * (1 + 1.0 / nodes);
        if (sigma > 0) {
          double up = tails.makeUp(above * (double) gap / sigma);
          double reach = ((r - 1 - above) * (double) gap + between) / sigma;
          cost += sigma * (up + tails.largest(reach + up));
        }
        if (cost < least.overshoot) {
          least = new Window(gap, above, cost);
        }
      }
    }
    return least;
  }

  /** Tables over w = 0, 1/16, ..., 8, read by linear interpolation. */
  private static final class Tails {
    private static final int STEPS = 128;

    private final double[] one = new double[STEPS + 1]; // E(Z - w)+
    private final double[] largest = new double[STEPS + 1]; // E(M - w)+
    private final double[] makeUp = new double[STEPS + 1]; // u at b*d/sigma = w

    Tails(int nodes) {
      // E(M - w)+ is the integral of P(M > x) from w, by trapezoids from the far end.
      for (int i = STEPS - 1; i >= 0; i--) {
        one[i] = one[i + 1] + (above(i, 1) + above(i + 1, 1)) / 32;
        largest[i] = largest[i + 1] + (above(i, nodes) + above(i + 1, nodes)) / 32;
      }
      for (int i = 0; i <= STEPS; i++) {
        // u - E(Z - (c - u))+ rises with u from below 0 to c.
        double low = 0;
        double high = largest[0];
        for (int j = 0; j < 40; j++) {
          double u = (low + high) / 2;
          double x = i / 16.0 - u;
          double lost = x >= 0 ? at(one, x) : at(one, -x) - x;
          if (u < lost) {
            low = u;
          } else {
            high = u;
          }
        }
        makeUp[i] = high;
      }
    }

    double largest(double w) {
      return at(largest, w);
    }

    double makeUp(double c) {
      return at(makeUp, c);
    }

    private static double at(double[] table, double w) {
      double x = Math.min(16 * w, STEPS);
      int i = Math.min((int) x, STEPS - 1);
      return table[i] + (x - i) * (table[i + 1] - table[i]);
    }

    /** P(M > i/16), the tail of one between Birnbaum's and Sampford's bounds: to 2 %. */
    private static double above(int i, int nodes) {
      double x = i / 16.0;
      double pdf = 0.3989422804014327 * StrictMath.exp(-x * x / 2);
      double tail = 2 * pdf / (x + Math.sqrt(x * x + 8 / Math.PI));
      return 1 - StrictMath.pow(1 - tail, nodes);
    }
  }

  /**
   * The largest rank of n_i scores that may be reported; none where it is below the minimum cell.
   */
  public int largestRank(int scores) {
    return minCell == 1 ? scores : Math.max(0, scores - minCell);
  }

  /** Ranks about each alpha's k_i, distinct, ascending, at least {@code first} apart. */
  private int[] ranks(int scores, int points, Window[] windows, int first, int last) {
    List<Integer> wanted = new ArrayList<>();
    for (int a = 0; a < windows.length; a++) {
      long d = windows[a].gap;
      long centre = Math.min(ConformalRank.of(alphas.get(a), scores), last);
      long top = Math.min(centre + windows[a].above * d, last);
      for (int j = 0; j < points && top - j * d >= first; j++) {
        wanted.add((int) (top - j * d));
      }
    }
    // From the top, for the top is what keeps a threshold finite.
    int[] descending = wanted.stream().mapToInt(x -> -x).sorted().toArray();
    int[] kept = new int[descending.length];
    int used = 0;
    for (int negative : descending) {
      if (used == 0 || kept[used - 1] + negative >= first) {
        kept[used++] = -negative;
      }
    }
    int[] ranks = new int[used];
    for (int j = 0; j < used; j++) {
      ranks[j] = kept[used - 1 - j];
    }
    return ranks;
  }

  /** The largest L by float64 logarithms, near enough to compare with. */
  private int levelsBelow(int points, int bits) {
    double payload = bits * 0.6931471805599453; // ln 2
    int low = 0;
    int high = maxLevels + 1;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      double log = 0;
      for (int i = 1; i <= points && log <= payload; i++) {
        log += StrictMath.log((double) (middle + i) / i);
      }
      if (log <= payload) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** The largest L with C(L + r, r) at most 2^payload. */
  private int largestLevels(int points, int payload) {
    int low = 0;
    int high = maxLevels + 1;
    BigInteger states = BigInteger.ONE.shiftLeft(payload);
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (SubsetCode.count(middle + points, points).compareTo(states) <= 0) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private static int multisetBits(int levels, int points) {
    return SubsetCode.bits(levels + points, points);
  }

  /** The value of symbol v in [0, L): (v+1)·S/L, S itself at the last. */
  public double value(int symbol, int levels) {
    return symbol == levels - 1 ? maxScore : maxScore / levels * (symbol + 1);
  }

  /**
   * The first symbol whose value is at least a score, or L, which is +infinity.
   *
   * @param levels L of a {@link Shape}, at least 1
   */
  public int symbolAbove(double score, int levels) {
    if (score > maxScore) {
      return levels;
    }
    int v = (int) Math.max(0, Math.min(levels - 1.0, Math.ceil(score / maxScore * levels) - 1));
    while (v > 0 && value(v - 1, levels) >= score) {
      v--;
    }
    while (value(v, levels) < score) {
      v++;
    }
    return v;
  }

  /**
   * What a node with so many scores reports. Not to be changed.
   *
   * @param scores n_i
   * @param ranks R_1 < ... < R_r, from 1; none where the bits do not pay for a point
   * @param levels L, 0 where there are no ranks
   * @param pointBits bits of the points
   */
  public record Shape(int scores, int[] ranks, int levels, int pointBits) {}
}
