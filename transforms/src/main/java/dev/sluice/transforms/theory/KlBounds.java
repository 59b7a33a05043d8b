package dev.sluice.transforms.theory;

import dev.sluice.transforms.channel.StepLaw;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * What dithered uplinks cost, before any site has sent anything: bounds on E KL(P̄*‖P̄) in nats,
 * where P̄* = softmax(mean of the K nodes' clipped logits), P̄ = softmax(mean of what the hub
 * decodes), and E is over dither and rotation. THEORY 3.3, 3.4 and 4.2.
 *
 * <p><b>The channel.</b> Coordinate v of node i has an error uniform on ± half its width,
 * independent of the logits, over nodes and over coordinates. Its width depends on the keyed arcs
 * that v lies on, one for each digit plane that the node has sent (FORMAT 3.4, 3.5). The arcs'
 * starts are uniform and independent of everything else, so the width is a random variable w_i,
 * independent over nodes, with the same law for every v: the node's {@link StepLaw}, of few atoms.
 * Widths of two coordinates of one node are dependent. K is the number of nodes that are averaged:
 * a silent node is not one of them.
 *
 * <p><b>Arguments.</b> {@code laws} and {@code clips} are indexed by node, K = {@code laws.size()}
 * = {@code clips.length} ≥ 1; node i's atoms are {@code laws.get(i).width(a, clips[i])} logits,
 * with 0 &lt; clip &lt; inf. Arrays are only read. Sums run in ascending order and transcendental
 * functions are StrictMath's.
 */
public final class KlBounds {
  /** Most entries that {@link #oneMinusSquaredNormFloor} sorts. */
  private static final int MOST_SORTED = 1024;

  private KlBounds() {}

  // ---- the step's law ----

  /**
   * log(sinh(a)/a), even, 0 at 0; relative error below 2^-48. Domain: finite a. It is the log-MGF
   * of a uniform on (−a, a) at 1.
   */
  public static double logSinhc(double a) {
    double x = Math.abs(a);
    if (!(x < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("argument of logSinhc must be finite, got " + a);
    }
    if (x > 1) {
      return (x - StrictMath.log(2 * x)) + StrictMath.log1p(-StrictMath.exp(-2 * x));
    }
    // sinh(x)/x − 1 = Σ x^{2k}/(2k + 1)!, k ≥ 1; up to k = 10, as 23! > 2^74.
    double square = x * x;
    double series = 1;
    for (int k = 10; k >= 2; k--) {
      series = 1 + series * square / (2 * k * (2 * k + 1));
    }
    return StrictMath.log1p(square / 6 * series);
  }

  /** Beyond this, e^gap may overflow in a sum. */
  private static final double LARGE_GAP = 700;

  /**
   * log E sinhc(w/2K) of one node, without cancellation when widths are small, or overflow when
   * large. Relative to the smallest width all terms are positive, and so they are relative to the
   * largest where the smallest no longer matters.
   */
  private static double logMeanSinhc(StepLaw law, double clip, double nodes) {
    int last = law.atoms() - 1;
    double least = logSinhc(law.width(last, clip) / (2 * nodes));
    if (last == 0) {
      return least;
    }
    double most = logSinhc(law.width(0, clip) / (2 * nodes));
    boolean near = most - least < LARGE_GAP;
    double sum = law.share(0) * (near ? StrictMath.expm1(most - least) : 1);
    for (int a = 1; a < last; a++) {
      double log = logSinhc(law.width(a, clip) / (2 * nodes));
      sum += law.share(a) * (near ? StrictMath.expm1(log - least) : StrictMath.exp(log - most));
    }
    return near ? least + StrictMath.log1p(sum) : most + StrictMath.log(sum);
  }

  private static int checkNodes(List<StepLaw> laws, double[] clips) {
    if (laws.isEmpty()) {
      throw new IllegalArgumentException("nodes must be at least 1, got none");
    }
    if (laws.size() != clips.length) {
      throw new IllegalArgumentException(
          "each node has one clip, got " + laws.size() + " laws and " + clips.length + " clips");
    }
    for (int i = 0; i < clips.length; i++) {
      if (!(clips[i] > 0 && clips[i] < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "clip of node " + i + " must be in (0, inf) logits, got " + clips[i]);
      }
    }
    return clips.length;
  }

  /**
   * σ² = K⁻² Σ_i E w_i²/12, logits²: the variance of a coordinate of the mean error, over dither
   * and arcs. It is the same for every coordinate.
   */
  public static double variance(List<StepLaw> laws, double[] clips) {
    double nodes = checkNodes(laws, clips);
    double sum = 0;
    for (int i = 0; i < clips.length; i++) {
      sum += clips[i] * clips[i] * laws.get(i).meanSquare();
    }
    return sum / (12 * nodes * nodes);
  }

  /**
   * Δ̄ = K⁻¹ Σ_i max w_i, logits, of every node's largest width: whatever dither and arcs, max ξ̄ −
   * min ξ̄ ≤ Δ̄.
   */
  public static double meanStep(List<StepLaw> laws, double[] clips) {
    double nodes = checkNodes(laws, clips);
    double sum = 0;
    for (int i = 0; i < clips.length; i++) {
      sum += laws.get(i).width(0, clips[i]);
    }
    return sum / nodes;
  }

  /**
   * The same for a mean that leaves out the f smallest and the f largest of the K nodes at each
   * coordinate: the mean of the K − 2f largest of the nodes' largest widths, logits. For f = 0 it
   * is {@link #meanStep(List, double[])}, to the bit.
   *
   * <p><i>Proof.</i> Let T be the trimmed mean of K numbers, x those of one coordinate and y = x +
   * e what is decoded, |e_i| ≤ w_i/2. T is non-decreasing in each argument and continuous, and
   * where no two are equal it is linear, with slope 1/(K − 2f) for the K − 2f in the middle and 0
   * for the others. So T(y) ≤ T(x + w/2), and along the segment from x to x + w/2, on which two
   * arguments change places at most finitely often (equal ones are interchangeable), T grows by at
   * most the mean of the K − 2f largest w_i/2; likewise downwards. The error T(y) − T(x) of every
   * coordinate thus lies in an interval of that mean's double, the same for all coordinates. ∎ It
   * is at most the largest step: T is 1-Lipschitz in the sup norm.
   *
   * @param trim f, at least 0, with 2f &lt; K
   */
  public static double meanStep(List<StepLaw> laws, double[] clips, int trim) {
    int nodes = checkNodes(laws, clips);
    if (trim < 0 || 2L * trim >= nodes) {
      throw new IllegalArgumentException(
          "trim must be at least 0 and leave one of " + nodes + " nodes, got " + trim);
    }
    if (trim == 0) {
      return meanStep(laws, clips);
    }
    double[] widths = new double[nodes];
    for (int i = 0; i < nodes; i++) {
      widths[i] = laws.get(i).width(0, clips[i]);
    }
    Arrays.sort(widths);
    double sum = 0;
    for (int i = 2 * trim; i < nodes; i++) {
      sum += widths[i];
    }
    return sum / (nodes - 2 * trim);
  }

  // ---- upper bounds ----

  /**
   * (U): E KL(P̄*‖P̄) ≤ U = Σ_i log E sinhc(w_i/2K) = Σ_i log Σ_a share_a·sinhc(width_a/2K), sinhc
   * a = sinh(a)/a. THEORY 3.3, for any law of widths.
   *
   * <p><i>Proof.</i> Let p = P̄*, which depends on neither dither nor arcs. E ξ̄ = 0 given the
   * arcs, so by (I1) E KL = E log Σ_v p_v e^{ξ̄_v} ≤ log Σ_v p_v E e^{ξ̄_v} (Jensen, over dither
   * and arcs at once). The K errors of one coordinate are independent, the i-th uniform on ±w_i/2
   * given w_i, and E e^{ξ/K} = sinhc(w/2K) for ξ uniform on ±w/2. So E e^{ξ̄_v} = Π_i E
   * sinhc(w_i/2K) for every v, and Σ_v p_v = 1. ∎ Dependence between coordinates, of which those on
   * one arc have some, does not matter. The dither's 32 bits make the error uniform to 2^-32 of a
   * step (FORMAT 3.1), far below what a bound is read to; after planes that divide the step by M,
   * to M·2^-32 of a width.
   *
   * @return nats; at most a third of {@link #worstCase} of the mean step
   */
  public static double upper(List<StepLaw> laws, double[] clips) {
    double nodes = checkNodes(laws, clips);
    double sum = 0;
    for (int i = 0; i < clips.length; i++) {
      sum += logMeanSinhc(laws.get(i), clips[i], nodes);
    }
    return sum;
  }

  /** (U) for {@code nodes} ≥ 1 nodes with one step each, all the same: K·log sinhc(Δ/2K), nats. */
  public static double upper(int nodes, double step) {
    if (nodes < 1) {
      throw new IllegalArgumentException("nodes must be at least 1, got " + nodes);
    }
    if (!(step > 0 && step < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("step must be in (0, inf) logits, got " + step);
    }
    return nodes * logSinhc(step / (2.0 * nodes));
  }

  /**
   * ½σ², nats, the bound's leading term: {@link #upper} ≤ ½σ² where every node's widths are within
   * a factor 2. In one plane, radices N and N + 1 with N ≥ 2 always are; in several they are while
   * the product of their ratios is at most 2. From a factor of about 2.11 on the inequality can
   * fail.
   *
   * <p><i>Proof.</i> For a node with x = (w/2K)², a random variable on [c, 4c], E sinhc = Σ_k E
   * x^k/(2k + 1)! and e^{E x/6} = Σ_k (E x)^k/(6^k k!). It suffices that M_k = max E x^k/(E x)^k ≤
   * C_k = (2k + 1)!/(6^k k!), the maximum over all laws on [c, 4c], of any number of atoms. Both
   * are 1 for k ≤ 1. x^k is convex, so it is at most its chord over [c, 4c], and at a given mean
   * the maximum is at the law on {c, 4c}. It is 25/16 ≤ 5/3 for k = 2, below 3.44 ≤ 3.88 for k = 3,
   * 9.30 ≤ 11.6 for k = 4, 28.6 ≤ 42.7 for k = 5. Beyond, M_{k+1} ≤ 4 M_k, as E x^{k+1} ≤ 4c E x^k
   * and E x ≥ c, while C_{k+1}/C_k = (2k + 3)/3 > 4. ∎
   *
   * @throws IllegalArgumentException when a node's smallest width is below half its largest
   */
  public static double quadraticUpper(List<StepLaw> laws, double[] clips) {
    double variance = variance(laws, clips);
    for (int i = 0; i < clips.length; i++) {
      StepLaw law = laws.get(i);
      double largest = law.width(0, clips[i]);
      double smallest = law.width(law.atoms() - 1, clips[i]);
      if (largest > 2 * smallest) {
        throw new IllegalArgumentException(
            "smallest width of node "
                + i
                + " must be at least half of the largest, "
                + largest
                + ", got "
                + smallest);
      }
    }
    return variance / 2;
  }

  /**
   * Δ̄²/8, nats: KL(P̄*‖P̄) is at most this for every dither and arc (Hoeffding's lemma on a range
   * of Δ̄). THEORY 3.3.
   *
   * <p><i>Proof.</i> By (I1) KL(softmax ℓ‖softmax(ℓ + η)) = log E e^{η_Y − E η_Y}, Y ~ softmax ℓ,
   * and all η_v lie in one interval of length Δ̄. Nothing else is used of η: it need be no mean of
   * errors, nor have a law. ∎
   *
   * @param meanStep max η − min η at most, logits: that of a mean, or of a trimmed one
   */
  public static double worstCase(double meanStep) {
    checkRange(meanStep);
    return meanStep * meanStep / 8;
  }

  /**
   * Hoeffding: how far the average over probes of KL(P̄*‖P̄) may be from its mean, {@code
   * worst}·√(log(2/δ)/(2·units)) nats, two-sided, with probability at least 1 − δ over the dither.
   * THEORY 3.3.
   *
   * <p>Units are what is independent. Given the arcs, probes are: then the mean is the one given
   * the arcs. Where widths are mixed, the probes of a block share their arcs, and about the mean
   * over arcs too, which {@link #upper} bounds, the units are whole blocks (of equal size; of
   * unequal size, m²/Σ p_j² rounded down).
   *
   * @param worst {@link #worstCase}; where it differs between units, the root of the mean of its
   *     squares
   * @param units at least 1
   * @param delta in (0, 1)
   */
  public static double deviation(double worst, long units, double delta) {
    if (!(worst >= 0)) {
      throw new IllegalArgumentException("worst case must be at least 0 nats, got " + worst);
    }
    if (units < 1) {
      throw new IllegalArgumentException("units must be at least 1, got " + units);
    }
    if (!(delta > 0 && delta < 1)) {
      throw new IllegalArgumentException("delta must be in (0, 1), got " + delta);
    }
    return worst * Math.sqrt(StrictMath.log(2 / delta) / (2.0 * units));
  }

  // ---- lower bounds ----

  /**
   * h(R) = 2(e^{−R} − 1 + R)/R², h(0) = 1, decreasing; relative error below 2^-48. It is 2∫₀¹(1 −
   * s)e^{−sR} ds. Domain: 0 ≤ R &lt; inf logits. THEORY 3.4.
   */
  public static double h(double range) {
    checkRange(range);
    if (range == 0) {
      return 1;
    }
    if (range > 0.5) {
      return 2 * ((StrictMath.expm1(-range) + range) / range) / range;
    }
    // 2·Σ (−R)^j/(j + 2)!, and not φ(−R)/R², whose square underflows.
    double series = 1;
    for (int j = 16; j >= 3; j--) {
      series = 1 - series * range / j;
    }
    return series;
  }

  /**
   * (L): E KL(P̄*‖P̄) ≥ ½·h(Δ̄)·σ²·(1 − ‖P̄*‖²) nats. THEORY 3.4, for any law of widths.
   *
   * <p><i>Proof.</i> In (I3), p_s(v) ≥ p_v e^{−sR} with R = max ξ̄ − min ξ̄ ≤ Δ̄, so Var_{p_s}(ξ̄)
   * ≥ e^{−sΔ̄} Var_p(ξ̄), and KL ≥ ½h(Δ̄) Var_p(ξ̄) for every dither and arc. Given the arcs,
   * errors of different coordinates are uncorrelated with mean 0 and variances σ_v², so E Var_p(ξ̄)
   * = Σ_v p_v(1 − p_v)σ_v²; over the arcs E σ_v² = σ² for every v, as the law of a width does not
   * depend on v. That coordinates share their arcs does not matter: σ_v² enters linearly. ∎
   *
   * @param variance σ², {@link #variance}
   * @param meanStep Δ̄, {@link #meanStep}
   * @param oneMinusSquaredNorm 1 − ‖P̄*‖² in [0, 1], {@link Softmax#oneMinusSquaredNorm}
   */
  public static double lower(double variance, double meanStep, double oneMinusSquaredNorm) {
    if (!(variance >= 0 && variance < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("variance must be in [0, inf) logits², got " + variance);
    }
    if (!(oneMinusSquaredNorm >= 0 && oneMinusSquaredNorm <= 1)) {
      throw new IllegalArgumentException("1 - |p|^2 must be in [0, 1], got " + oneMinusSquaredNorm);
    }
    return 0.5 * h(meanStep) * variance * oneMinusSquaredNorm;
  }

  /**
   * (L) from the teacher that was decoded, for all that is known of P̄*: ½·h(Δ̄)·σ²·{@link
   * #oneMinusSquaredNormFloor}. It is at most {@link #lower} of the true P̄* for every dither and
   * arc, so its average over probes is a lower bound too, whatever was drawn.
   *
   * <p>A float32 entry of the teacher is off by up to 2^-24 of itself, and by 2^-31 from the
   * decoded values' rounding (FORMAT 5); the range is widened by twice the largest such error.
   *
   * @param teacher ℓ̄, finite
   * @param scratch at least to − from long, overwritten
   */
  public static double lowerFromTeacher(
      double variance, double meanStep, float[] teacher, int from, int to, double[] scratch) {
    Objects.checkFromToIndex(from, to, teacher.length);
    double largest = 0;
    for (int i = from; i < to; i++) {
      largest = Math.max(largest, Math.abs(teacher[i]));
    }
    double range = meanStep + (largest * 0x1p-23 + 0x1p-29);
    return lower(variance, meanStep, floor(null, teacher, from, to - from, range, scratch));
  }

  /** As for float32, of a teacher without rounding errors. */
  public static double lowerFromTeacher(
      double variance, double meanStep, double[] teacher, int from, int to, double[] scratch) {
    return lower(
        variance, meanStep, oneMinusSquaredNormFloor(teacher, from, to, meanStep, scratch));
  }

  /**
   * The least 1 − ‖p‖² of all p = softmax(x) with max(x − row) − min(x − row) ≤ R, exact but for
   * rounding, which is downwards, where at most {@value #MOST_SORTED} entries need sorting. Where
   * more do, softmax(row) is flat, and the larger of two bounds below it is returned: e^{−2R}(1 −
   * ‖softmax(row)‖²), and 1 − max p, as ‖p‖² ≤ max p. At least e^{−2R}(1 − ‖softmax(row)‖²) always,
   * and 1 for no row.
   *
   * <p>Let q = softmax(row) sorted downwards and a = e^{−R}. The p in question are p ∝ wq, w ∈ [a,
   * 1]^V. <b>Claim:</b> ‖p‖² is largest where w is 1 on the j largest q and a on the others, for
   * some j.
   *
   * <p><i>Proof.</i> With x = wq, F = ‖x‖²/(Σx)² is quasi-convex on x ≥ 0, x ≠ 0: {F ≤ c²} is {‖x‖
   * ≤ c·Σx}. So a maximum over the box is at a vertex, w ∈ {a, 1}^V. Take a maximal vertex with the
   * fewest inversions (pairs q_u ≥ q_v with w_u = a, w_v = 1), and suppose it has one; let u be the
   * first index with w = a and v the last with w = 1, so u &lt; v. Leave the others as they are: F
   * is then a function of (x_u, x_v), quasi-convex and symmetric in the two, and we are at A =
   * (a·q_u, q_v). Let B = (q_u, a·q_v), C = (q_u, q_v), D = (a·q_u, a·q_v), and c the largest F of
   * B, C, D: the convex set {F ≤ c} has them and their mirror images B', C', D'. If a·q_u ≤ q_v,
   * the segment from B' = (a·q_v, q_u) to C' = (q_v, q_u) passes (a·q_u, q_u), above A, and D is
   * below A. Otherwise the segment from C' to C passes (a·q_u, q_u + q_v − a·q_u), above A or at
   * it, and D is below A. Either way F(A) ≤ c, so B, C or D is maximal too. Each has fewer
   * inversions: nothing before u is a, nothing after v is 1. A contradiction. ∎
   *
   * <p>With S_j, Q_j the sums of q and q² over the j largest and Q that over all, F is (a²Q + (1 −
   * a²)Q_j)/(a + (1 − a)S_j)². As a function of S_j the numerator is concave and the denominator
   * convex, so F is unimodal in j. And at the maximum no w_j = 1 has q_j &lt; Σx²/Σx = F·Σx, or a
   * smaller w_j would do better; F ≥ ‖q‖² and Σx ≥ a. So only the q_j ≥ a‖q‖² need sorting, of
   * which there are at most 1/(a‖q‖²). Cost: O(V) and a sort of those.
   *
   * <p>1 − F is Σ_{u≠v} x_u x_v/(Σx)², and its numerator is E_j + 2a·S_j(S − S_j) + a²(E − E_j −
   * 2S_j(S − S_j)), E the sum over all pairs and E_j that over the largest; an error of some ulps
   * of E in the last bracket is one of some ulps of the whole.
   *
   * @param row logits; -inf has mass zero, and NaN comes of what has no softmax
   * @param range R ≥ 0, logits
   * @param scratch at least to − from long, overwritten
   */
  public static double oneMinusSquaredNormFloor(
      double[] row, int from, int to, double range, double[] scratch) {
    Objects.checkFromToIndex(from, to, row.length);
    return floor(row, null, from, to - from, range, scratch);
  }

  private static double floor(
      double[] wide, float[] narrow, int from, int length, double range, double[] scratch) {
    checkRange(range);
    Objects.checkFromIndexSize(0, length, scratch.length);
    int largest = Softmax.argMax(wide, narrow, from, length);
    if (largest < 0) {
      return Double.NaN;
    }
    // e_v in units of the largest; F does not depend on the unit.
    double max = wide != null ? wide[largest] : narrow[largest];
    if (wide != null) {
      for (int v = 0; v < length; v++) {
        scratch[v] = StrictMath.exp(wide[from + v] - max);
      }
    } else {
      Softmax.quickExps(narrow, from, length, max, scratch);
    }
    scratch[largest - from] = 0;
    double rest = 0;
    double restSquares = 0;
    double rest2 = 0; // in pairs: an addition need not wait for the one before
    double restSquares2 = 0;
    int paired = length & ~1;
    for (int v = 0; v < paired; v += 2) {
      rest += scratch[v];
      restSquares += scratch[v] * scratch[v];
      rest2 += scratch[v + 1];
      restSquares2 += scratch[v + 1] * scratch[v + 1];
    }
    if (paired < length) {
      rest += scratch[paired];
      restSquares += scratch[paired] * scratch[paired];
    }
    rest += rest2;
    restSquares += restSquares2;
    scratch[largest - from] = 1;
    double a = StrictMath.exp(-range);
    double sum = 1 + rest;
    double pairs = 2 * rest + (rest * rest - restSquares);
    double slack = (length + 64.0) * 0x1p-50 + (wide != null ? 0 : 4 * Softmax.QUICK_EXP_ERROR);
    // Half of the threshold, so that no rounding decides what is sorted.
    double threshold = 0.5 * a * ((1 + restSquares) / sum);
    int candidates = 0;
    for (int v = 0; v < length && candidates <= MOST_SORTED; v++) {
      if (scratch[v] >= threshold) {
        scratch[candidates++] = scratch[v];
      }
    }
    if (candidates > MOST_SORTED) {
      double flat = Math.max(a * a * (pairs / (sum * sum)), a * rest / (1 + a * rest));
      return Math.max(0, flat * (1 - slack));
    }
    Arrays.sort(scratch, 0, candidates);
    double least = pairs / (sum * sum);
    double top = 0;
    double topPairs = 0;
    double others = sum;
    for (int j = candidates - 1; j >= 0; j--) {
      topPairs += 2 * scratch[j] * top;
      top += scratch[j];
      // The first leaves exactly the sum of the rest, whose digits a difference would lose.
      others = j == candidates - 1 ? rest : Math.max(0, others - scratch[j]);
      double cross = top * others;
      double otherPairs = Math.max(0, pairs - topPairs - 2 * cross);
      double x = top + a * others;
      double found = (topPairs + 2 * a * cross + a * a * otherPairs) / (x * x);
      if (found > least * (1 + 0x1p-40)) {
        break;
      }
      least = Math.min(least, found);
    }
    return Math.max(0, least * (1 - slack));
  }

  private static void checkRange(double range) {
    if (!(range >= 0 && range < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("range must be in [0, inf) logits, got " + range);
    }
  }
}
