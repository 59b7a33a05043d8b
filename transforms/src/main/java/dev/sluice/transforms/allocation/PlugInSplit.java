package dev.sluice.transforms.allocation;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;

/**
 * From weights, known or estimated, to a split and what it is predicted to cost, beside the two
 * baselines under the same rules. THEORY 5 and 6.1.
 *
 * <p>There are two kinds of split. {@link #implementable} is what a plan can ask of sites: a node
 * has 1 to 16 bits per coordinate, or none, and is then missing from the mean and no source of
 * noise. {@link #formula} is the published calculation: any number of bits ≥ 0, a distortion of
 * w·4^−b, and K nodes in the mean even where some have no bits, whose w is then counted as noise.
 * That noise is fictitious: a node that sends nothing has no error of that variance, but a bias
 * (THEORY 5.6).
 *
 * <p>Immutable; problems with nodes are IllegalArgumentExceptions that name the node.
 */
public final class PlugInSplit {
  /** In what portions a node gets bits per coordinate. */
  public enum Portions {
    /** Any number. */
    FRACTIONAL,
    /**
     * Whole numbers: floors count as the next whole number, caps and the total as the last. The
     * optimum is by {@link WholeBits#greedy}; a baseline is cut to whole bits, and what that leaves
     * goes one bit to a node, the largest part cut off first, the lowest index first among equals.
     */
    WHOLE
  }

  /** Up to as many nodes, every number of active ones is tried, in O(K²). */
  private static final int MOST_TRIED = 512;

  private final List<String> names;
  private final double[] weights;
  private final double[] floors;
  private final double[] caps;
  private final double[] variances;
  private final Policy policy;
  private final Portions portions;
  private final Distortion distortion;
  private final double spread;
  private final double overhead;

  private PlugInSplit(
      List<String> names,
      double[] weights,
      double[] floors,
      double[] caps,
      double[] variances,
      Policy policy,
      Portions portions,
      Distortion distortion,
      double spread,
      double overhead) {
    this.names = names;
    this.weights = weights;
    this.floors = floors;
    this.caps = caps;
    this.variances = variances;
    this.policy = policy;
    this.portions = portions;
    this.distortion = distortion;
    this.spread = spread;
    this.overhead = overhead;
  }

  /**
   * Water-filling in fractional bits on {@link Distortion#SHRUNK}, to begin with.
   *
   * @param names [K], K ≥ 1, unique
   * @param weights [K], logits², finite and &gt; 0
   * @param floors [K], bits per coordinate, finite, ≥ 0
   * @param caps [K], bits per coordinate, ≥ floor; +inf for none
   */
  public static PlugInSplit among(
      List<String> names, double[] weights, double[] floors, double[] caps) {
    int nodes = names.size();
    if (nodes < 1) {
      throw new IllegalArgumentException("nodes must be at least 1, got none");
    }
    if (weights.length != nodes || floors.length != nodes || caps.length != nodes) {
      throw new IllegalArgumentException(
          "weights, floors and caps must be of the same "
              + nodes
              + " nodes, got "
              + weights.length
              + ", "
              + floors.length
              + " and "
              + caps.length);
    }
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < nodes; i++) {
      String name = names.get(i);
      if (!seen.add(name)) {
        throw new IllegalArgumentException("node '" + name + "' is there twice");
      }
      checkWeight("weight", weights[i], name);
      if (!(floors[i] >= 0 && floors[i] < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "floor of node '"
                + name
                + "' must be in [0, inf) bits per coordinate, got "
                + floors[i]);
      }
      if (!(caps[i] >= floors[i])) {
        throw new IllegalArgumentException(
            "cap of node '"
                + name
                + "' must be at least its floor of "
                + floors[i]
                + " bits per coordinate, got "
                + caps[i]);
      }
    }
    double[] copy = weights.clone();
    return new PlugInSplit(
        List.copyOf(names),
        copy,
        floors.clone(),
        caps.clone(),
        copy,
        Policy.WATER_FILLING,
        Portions.FRACTIONAL,
        Distortion.SHRUNK,
        Double.NaN,
        0);
  }

  /** How bits are divided. */
  public PlugInSplit withPolicy(Policy policy) {
    return new PlugInSplit(
        names, weights, floors, caps, variances, policy, portions, distortion, spread, overhead);
  }

  /** In what portions; {@link #formula} knows only fractional bits. */
  public PlugInSplit withPortions(Portions portions) {
    return new PlugInSplit(
        names, weights, floors, caps, variances, policy, portions, distortion, spread, overhead);
  }

  /**
   * What the quantiser makes of bits: {@link Distortion#SHRUNK} for 'dither', {@link
   * Distortion#MODEL} for the others. {@link #formula} is always the model's.
   */
  public PlugInSplit withDistortion(Distortion distortion) {
    return new PlugInSplit(
        names, weights, floors, caps, variances, policy, portions, distortion, spread, overhead);
  }

  /**
   * The variance of a logit between nodes, by which {@link #implementable} may leave nodes out;
   * NaN, to begin with, where unknown.
   *
   * @param spread τ², logits², ≥ 0
   */
  public PlugInSplit withSpread(double spread) {
    if (spread < 0 || spread == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException("spread must be in [0, inf) logits^2, got " + spread);
    }
    return new PlugInSplit(
        names, weights, floors, caps, variances, policy, portions, distortion, spread, overhead);
  }

  /**
   * What the channel's distortion is a multiple of, where weights are something else: predicted
   * terms are of these.
   *
   * @param variances [K], L²/3 of the nodes' clip levels, logits², finite and &gt; 0; the weights,
   *     to begin with
   */
  public PlugInSplit withChannel(double[] variances) {
    if (variances.length != names.size()) {
      throw new IllegalArgumentException(
          "channel variances must be of the same "
              + names.size()
              + " nodes, got "
              + variances.length);
    }
    for (int i = 0; i < variances.length; i++) {
      checkWeight("channel variance", variances[i], names.get(i));
    }
    return new PlugInSplit(
        names,
        weights,
        floors,
        caps,
        variances.clone(),
        policy,
        portions,
        distortion,
        spread,
        overhead);
  }

  /**
   * What a node with bits spends beside its code, as on the clip level of each probe (FORMAT 3.4):
   * 0, to begin with. Floors, caps and the total of {@link #implementable} include it, and so do a
   * split's bits; distortions are of the code alone, and in whole portions it is the code's bits
   * that are whole. {@link #formula} knows nothing of it.
   *
   * @param overhead bits per coordinate, in [0, 15]: a multiple of 2^-40, so that what is taken off
   *     a bound and added again gives the bound
   */
  public PlugInSplit withOverhead(double overhead) {
    if (!(overhead >= 0
        && overhead <= Levels.MAX_BITS - 1
        && Math.rint(overhead * 0x1p40) == overhead * 0x1p40)) {
      throw new IllegalArgumentException(
          "overhead must be a multiple of 2^-40 in [0, "
              + (Levels.MAX_BITS - 1)
              + "] bits per coordinate, got "
              + overhead);
    }
    return new PlugInSplit(
        names, weights, floors, caps, variances, policy, portions, distortion, spread, overhead);
  }

  private static void checkWeight(String what, double value, String name) {
    if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          what + " of node '" + name + "' must be in (0, inf) logits^2, got " + value);
    }
  }

  /** A split and what it is predicted to cost. */
  public static final class Split {
    private final double[] bits;
    private final double[] codeBits;
    private final double spent;
    private final int active;
    private final double thisSplit;
    private final double uniform;
    private final double inverse;
    private final double waterLevel;

    private Split(
        double[] bits,
        double[] codeBits,
        int active,
        double thisSplit,
        double uniform,
        double inverse,
        double waterLevel) {
      this.bits = bits;
      this.codeBits = codeBits;
      this.spent = sum(bits);
      this.active = active;
      this.thisSplit = thisSplit;
      this.uniform = uniform;
      this.inverse = inverse;
      this.waterLevel = waterLevel;
    }

    /** [K] bits per coordinate; a copy. */
    public double[] bits() {
      return bits.clone();
    }

    /** [K] bits per coordinate without the overhead: of these symbols are made; a copy. */
    public double[] codeBits() {
      return codeBits.clone();
    }

    /** The sum of {@link #bits} in ascending order, at most the total. */
    public double spent() {
      return spent;
    }

    /** Nodes in the mean: those with bits; all, by the formula. */
    public int active() {
      return active;
    }

    /** ½σ² of this split, nats: an upper bound on the expected KL. */
    public double thisSplit() {
      return thisSplit;
    }

    /** The same of {@link Policy#UNIFORM}; NaN where the total does not reach for it. */
    public double uniform() {
      return uniform;
    }

    /** The same of {@link Policy#INVERSE} by the weights; NaN where the total does not reach. */
    public double inverse() {
      return inverse;
    }

    /**
     * The distortion, logits² by the weights, of all nodes between their bounds; 0 where budget is
     * left over; NaN where there is no such level: other policies, whole bits, {@link
     * Distortion#SHRUNK}.
     */
    public double waterLevel() {
      return waterLevel;
    }
  }

  // ---- the formula ----

  /**
   * The published split: {@link Policy#bits}, with (1/2K²)·Σ w_i·4^{−b_i} over all K nodes as its
   * prediction and that of the baselines, which have the same floors and caps.
   *
   * @param total R, bits per coordinate over all nodes, finite, at least the sum of the floors
   */
  public Split formula(double total) {
    checkTotal(total, floors, "");
    double level =
        policy == Policy.WATER_FILLING
            ? WaterFilling.waterLevel(weights, floors, caps, total)
            : Double.NaN;
    double[] bits = policy.bits(weights, floors, caps, total);
    return new Split(
        bits,
        bits,
        bits.length,
        formulaTerm(bits),
        formulaTerm(Policy.UNIFORM.bits(weights, floors, caps, total)),
        formulaTerm(Policy.INVERSE.bits(weights, floors, caps, total)),
        level);
  }

  private double formulaTerm(double[] bits) {
    double nodes = bits.length;
    return WaterFilling.distortion(variances, bits) / (2 * nodes * nodes);
  }

  // ---- what a plan takes ----

  /**
   * A split for a plan. A node whose cap is 0 is left out. Every other has bits in [max(1, floor),
   * min(16, cap)], if its floor is above 0. Where all their floors are 0, nodes may be left out as
   * well, by the spread and the channel's variances: the n nodes of least variance are asked. That
   * choice is the same for every policy.
   *
   * <ul>
   *   <li>On {@link Distortion#MODEL}, without overhead, {@link ActiveSet} says how many, under the
   *       largest cap as a common one.
   *   <li>Otherwise, as on {@link Distortion#SHRUNK} a node with one bit costs four times what the
   *       model says, n is the one with the least τ²/(2n) + 1/(2n²)·Σ w_i·d(b_i), b being the
   *       optimum among the n nodes in these portions and under their caps; the largest among
   *       equals. Up to 512 nodes every n is tried. Of more, these are: the model's n, n·2^(j/8)
   *       for whole j, rounded, 1, and as many as the total reaches for.
   * </ul>
   *
   * <p>Among the nodes that are left the optimum in fractional bits is {@link FractionalBits} on
   * {@link Distortion#SHRUNK} and {@link WaterFilling} on {@link Distortion#MODEL}. Baselines are
   * over all nodes whose cap is not 0, each with at least 1 bit.
   *
   * @param total R, bits per coordinate over all nodes, finite
   * @throws IllegalArgumentException if the total does not reach, a bound of a node leaves no bits
   *     that a plan takes, only some floors are 0, or nodes may be left out and the spread is
   *     unknown
   */
  public Split implementable(double total) {
    int[] candidates = IntStream.range(0, names.size()).filter(i -> caps[i] > 0).toArray();
    if (candidates.length == 0) {
      throw new IllegalArgumentException("every node has a cap of 0, so that none is left");
    }
    double[] least = new double[names.size()];
    double[] most = new double[names.size()];
    int droppable = 0;
    for (int i : candidates) {
      least[i] = Math.max(1, whole(Math::ceil, floors[i] - overhead));
      most[i] = whole(Math::floor, Math.min(Levels.MAX_BITS, caps[i]) - overhead);
      double highest = whole(Math::floor, Levels.MAX_BITS - overhead);
      if (least[i] > highest) {
        throw new IllegalArgumentException(
            "floor of node '"
                + names.get(i)
                + "' must be at most "
                + (highest + overhead)
                + " bits per coordinate"
                + beside("them")
                + ", got "
                + floors[i]);
      }
      if (most[i] < least[i]) {
        throw new IllegalArgumentException(
            "cap of node '"
                + names.get(i)
                + "' must be 0, which leaves it out, or at least "
                + (least[i] + overhead)
                + (portions == Portions.WHOLE ? ", in whole bits" : " bits per coordinate")
                + beside("them")
                + ", got "
                + caps[i]);
      }
      droppable += floors[i] == 0 ? 1 : 0;
    }
    if (droppable > 0 && droppable < candidates.length) {
      int other = candidates[0];
      for (int i : candidates) {
        other = floors[i] > 0 ? i : other;
      }
      throw new IllegalArgumentException(
          "floors must be 0 for all nodes, which lets nodes be left out, or for none; that of node '"
              + names.get(other)
              + "' is "
              + floors[other]);
    }
    int[] chosen = candidates;
    if (droppable > 0 && candidates.length > 1) {
      chosen = choose(candidates, least, most, total);
    }
    checkTotal(total, withOverhead(pick(least, chosen)), beside("each node's"));
    double[] codeBits = split(policy, chosen, least, most, total);
    double level = Double.NaN;
    if (policy == Policy.WATER_FILLING
        && distortion == Distortion.MODEL
        && portions == Portions.FRACTIONAL) {
      double[] lo = pick(least, chosen);
      level =
          WaterFilling.waterLevel(
              pick(weights, chosen), lo, pick(most, chosen), forCode(total, lo));
    }
    boolean reaches = sum(withOverhead(pick(least, candidates))) <= total;
    return new Split(
        withOverhead(codeBits),
        codeBits,
        chosen.length,
        term(codeBits),
        reaches ? term(split(Policy.UNIFORM, candidates, least, most, total)) : Double.NaN,
        reaches ? term(split(Policy.INVERSE, candidates, least, most, total)) : Double.NaN,
        level);
  }

  private double whole(DoubleUnaryOperator rounding, double bits) {
    return portions == Portions.WHOLE ? rounding.applyAsDouble(bits) : bits;
  }

  /** What a message about bits adds. */
  private String beside(String whose) {
    return overhead == 0
        ? ""
        : " (" + overhead + " of " + whose + " beside the code, for clip levels)";
  }

  /** [..] bits as a plan has them; none stay none. */
  private double[] withOverhead(double[] codeBits) {
    return Arrays.stream(codeBits).map(b -> b == 0 ? 0 : b + overhead).toArray();
  }

  /** What the total leaves for the codes of nodes that get at least this much. */
  private double forCode(double total, double[] least) {
    return Math.max(sum(least), whole(Math::floor, total - overhead * least.length));
  }

  private int[] choose(int[] candidates, double[] least, double[] most, double total) {
    if (Double.isNaN(spread)) {
      throw new IllegalArgumentException(
          "with a floor of 0 nodes may be left out, but the variance of a logit between nodes, by"
              + " which to choose, is not known");
    }
    double one = 1 + overhead;
    if (!(total >= one && total < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "total must be at least "
              + (overhead == 0
                  ? "1 bit per coordinate"
                  : one + " bits per coordinate" + beside("them"))
              + ", which one node needs, got "
              + total);
    }
    double[] w = pick(variances, candidates);
    int[] set;
    if (distortion == Distortion.MODEL && overhead == 0) {
      set = inTheModel(w, candidates, most, total);
    } else {
      int[] order = ActiveSet.byWeight(w);
      int[] nodes = Arrays.stream(order).map(j -> candidates[j]).toArray();
      int reached = 1;
      for (double sum = one; reached < nodes.length && sum + one <= total; sum += one) {
        reached++;
      }
      int[] sizes =
          nodes.length <= MOST_TRIED
              ? IntStream.rangeClosed(1, reached).toArray()
              : grid(inTheModel(w, candidates, most, total).length, reached);
      int best = 0;
      double cost = Double.POSITIVE_INFINITY;
      for (int n : sizes) {
        double tried = spread / (2.0 * n) + optimum(Arrays.copyOf(nodes, n), least, most, total);
        if (tried <= cost) {
          cost = tried;
          best = n;
        }
      }
      set = Arrays.copyOf(order, best);
      Arrays.sort(set);
    }
    return Arrays.stream(set).map(j -> candidates[j]).toArray();
  }

  private int[] inTheModel(double[] w, int[] candidates, double[] most, double total) {
    double cap = 1;
    for (int i : candidates) {
      cap = Math.max(cap, most[i]);
    }
    double budget = whole(Math::floor, total);
    return ActiveSet.choose(w, budget, 1, cap, spread, 1).nodes();
  }

  /** Ascending: the middle times powers of 2^(1/8), within [1, most], and both ends. */
  private static int[] grid(int middle, int most) {
    IntStream.Builder sizes = IntStream.builder();
    sizes.add(1).add(most);
    for (int j = -8 * 31; j <= 8 * 31; j++) {
      double size = Math.rint(middle * StrictMath.pow(2, j / 8.0));
      if (size >= 1 && size <= most) {
        sizes.add((int) size);
      }
    }
    return sizes.build().sorted().distinct().toArray();
  }

  /** The channel's term ½σ² at its least among some nodes, nats. */
  private double optimum(int[] nodes, double[] least, double[] most, double total) {
    double[] w = pick(variances, nodes);
    double[] lo = pick(least, nodes);
    double[] bits = optimal(w, lo, pick(most, nodes), forCode(total, lo));
    double sum = 0;
    for (int j = 0; j < bits.length; j++) {
      sum += w[j] * distortion.ofBits(bits[j]);
    }
    double n = bits.length;
    return sum / (2 * n * n);
  }

  /**
   * [K] bits of the code: the policy's among some nodes, 0 for the others. With the overhead, their
   * sum in ascending order is at most the total, which the least bits must not exceed.
   */
  private double[] split(Policy how, int[] nodes, double[] least, double[] most, double total) {
    double[] w = pick(weights, nodes);
    double[] lo = pick(least, nodes);
    double[] hi = pick(most, nodes);
    double floor = sum(lo);
    double budget = forCode(total, lo);
    double[] some = split(how, w, lo, hi, budget);
    // Sums with and without the overhead round differently.
    double excess = overhead == 0 ? 0 : sum(withOverhead(some)) - total;
    for (double lower = 0; excess > 0 && budget > floor; ) {
      lower = portions == Portions.WHOLE ? 1 : Math.max(2 * lower, excess);
      budget = Math.max(floor, Math.min(budget - lower, Math.nextDown(budget)));
      some = budget == floor ? lo : split(how, w, lo, hi, budget);
      excess = sum(withOverhead(some)) - total;
    }
    double[] bits = new double[names.size()];
    for (int j = 0; j < nodes.length; j++) {
      bits[nodes[j]] = some[j];
    }
    return bits;
  }

  private double[] split(Policy how, double[] w, double[] lo, double[] hi, double budget) {
    if (how == Policy.WATER_FILLING) {
      return optimal(w, lo, hi, budget);
    }
    double[] bits = how.bits(w, lo, hi, budget);
    if (portions == Portions.WHOLE) {
      makeWhole(bits, budget);
    }
    return bits;
  }

  /** The optimum among nodes that all send, in these portions. */
  private double[] optimal(double[] w, double[] least, double[] most, double budget) {
    if (portions == Portions.WHOLE) {
      int[] whole = WholeBits.greedy(distortion, w, toInts(least), toInts(most), (long) budget);
      return Arrays.stream(whole).asDoubleStream().toArray();
    }
    return distortion == Distortion.SHRUNK
        ? FractionalBits.bits(distortion, w, least, most, budget)
        : WaterFilling.bits(w, least, most, budget);
  }

  /**
   * Cuts to whole bits, then gives what is left, one bit to a node at most, where most was cut.
   * Bounds are whole, so that a node of which something was cut is below its cap.
   */
  private static void makeWhole(double[] bits, double budget) {
    double left = budget;
    double[] parts = new double[bits.length];
    for (int i = 0; i < bits.length; i++) {
      double whole = Math.floor(bits[i]);
      parts[i] = bits[i] - whole;
      bits[i] = whole;
      left -= whole;
    }
    int[] order =
        IntStream.range(0, bits.length)
            .filter(i -> parts[i] > 0)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer i) -> -parts[i]))
            .mapToInt(Integer::intValue)
            .toArray();
    for (int j = 0; j < order.length && left >= 1; j++, left--) {
      bits[order[j]]++;
    }
  }

  /** ½σ² over the nodes with bits, nats; in ascending order. */
  private double term(double[] bits) {
    double sum = 0;
    double active = 0;
    for (int i = 0; i < bits.length; i++) {
      if (bits[i] > 0) {
        sum += variances[i] * distortion.ofBits(bits[i]);
        active++;
      }
    }
    return sum / (2 * active * active);
  }

  private static void checkTotal(double total, double[] least, String beside) {
    if (!(total >= 0 && total < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "total must be in [0, inf) bits per coordinate, got " + total);
    }
    double atFloors = sum(least);
    if (!(atFloors <= total)) {
      throw new IllegalArgumentException(
          "total of "
              + total
              + " bits per coordinate is below "
              + atFloors
              + ", the sum of the least that "
              + (least.length == 1 ? "1 node needs" : least.length + " nodes need")
              + beside);
    }
  }

  private static int[] toInts(double[] values) {
    return Arrays.stream(values).mapToInt(value -> (int) value).toArray();
  }

  private static double[] pick(double[] values, int[] nodes) {
    return Arrays.stream(nodes).mapToDouble(i -> values[i]).toArray();
  }

  private static double sum(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum;
  }
}
