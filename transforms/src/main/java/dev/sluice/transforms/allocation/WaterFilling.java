package dev.sluice.transforms.allocation;

import java.util.Arrays;

/**
 * The split of a budget that minimises Σ_i w_i·4^{−b_i} subject to Σ b_i ≤ total and floor_i ≤ b_i
 * ≤ cap_i. THEORY 5.2 and 5.3, in bits per coordinate (a = 1/2).
 *
 * <p><b>Solution.</b> b_i = clip(½(log2 w_i − λ), floor_i, cap_i), where the level λ makes the sum
 * the total. Nodes between their bounds all have the distortion 2^λ; a node at its cap has at least
 * that, one at its floor at most. The sum is continuous, non-increasing and piecewise linear in λ,
 * with at most 2K breakpoints: sorted, they give λ without iteration. Clipping the closed form and
 * sharing out what is left, the obvious recipe, is not optimal when both kinds of bound bind.
 *
 * <p>O(K log K) time, O(K) memory. Logarithms are StrictMath's and relative to the largest weight's
 * binary exponent, so that weights times a power of two give the same bits to the last digit, and
 * no weight overflows or underflows.
 *
 * <p><b>Arguments.</b> {@code weights} (logits², finite, ≥ 0), {@code floors} (finite, ≥ 0) and
 * {@code caps} (≥ floor, +inf allowed), all [K] with K ≥ 1 and only read; {@code total} ≥ 0,
 * finite, the sum over nodes of bits per coordinate.
 */
public final class WaterFilling {
  private static final double LN2 = StrictMath.log(2);

  private WaterFilling() {}

  /**
   * The optimal split.
   *
   * @return [K] bits per coordinate: every b_i within its bounds, and their sum, added up in
   *     ascending order in float64, at most {@code total}. It falls short by rounding alone (some
   *     K·2^-50 of the level's and the total's magnitude), unless caps or zero weights leave budget
   *     unused; a zero weight stays at its floor
   * @throws IllegalArgumentException outside the arguments' ranges, or if the floors, added up in
   *     the same way, exceed {@code total}
   */
  public static double[] bits(double[] weights, double[] floors, double[] caps, double total) {
    double[] bits = new double[weights.length];
    fill(weights, floors, caps, total, bits);
    return bits;
  }

  /**
   * 2^λ, logits²: the distortion of every node between its bounds. 0 where budget is left over
   * (then more of it gains nothing). Where no node is between its bounds, the multiplier is not
   * unique, and this is one that satisfies the optimality conditions.
   */
  public static double waterLevel(double[] weights, double[] floors, double[] caps, double total) {
    return StrictMath.pow(2, fill(weights, floors, caps, total, new double[weights.length]));
  }

  /**
   * As {@link #bits}, into the caller's array.
   *
   * @param bits [K], overwritten; none of the others
   * @return λ, log2 of logits²; -inf where budget is left over
   */
  public static double fill(
      double[] weights, double[] floors, double[] caps, double total, double[] bits) {
    int nodes = check(weights, floors, caps, total);
    if (bits.length < nodes) {
      throw new IllegalArgumentException(
          "bits must hold " + nodes + " nodes, has room for " + bits.length);
    }
    double atFloors = 0;
    for (int i = 0; i < nodes; i++) {
      atFloors += floors[i];
    }
    if (!(atFloors <= total)) {
      throw new IllegalArgumentException(
          "the floors of "
              + nodes
              + " nodes sum to "
              + atFloors
              + " bits per coordinate, more than the total of "
              + total);
    }
    int reference = exponent(max(weights));
    // ---- logs relative to 2^reference; -inf for a weight of zero ----
    double[] logs = new double[nodes];
    double[] leaves = new double[nodes];
    double[] saturates = new double[nodes];
    int positive = 0;
    int capped = 0;
    double most = 0;
    for (int i = 0; i < nodes; i++) {
      logs[i] = log2(weights[i], reference);
      most += weights[i] > 0 ? caps[i] : floors[i];
      if (weights[i] > 0) {
        leaves[positive++] = logs[i] - 2 * floors[i];
        if (caps[i] < Double.POSITIVE_INFINITY) {
          saturates[capped++] = logs[i] - 2 * caps[i];
        }
      }
    }
    if (most <= total) {
      for (int i = 0; i < nodes; i++) {
        bits[i] = weights[i] > 0 ? caps[i] : floors[i];
      }
      return Double.NEGATIVE_INFINITY;
    }
    Arrays.sort(leaves, 0, positive);
    Arrays.sort(saturates, 0, capped);

    // ---- down from the highest breakpoint; slope counts the nodes between their bounds ----
    int leave = positive - 1;
    int saturate = capped - 1;
    double level = leaves[leave];
    double sum = atFloors;
    int slope = 0;
    while (leave >= 0 || saturate >= 0) {
      boolean isLeave = saturate < 0 || (leave >= 0 && leaves[leave] >= saturates[saturate]);
      double next = isLeave ? leaves[leave] : saturates[saturate];
      double gained = 0.5 * slope * (level - next);
      if (sum + gained >= total) {
        break;
      }
      sum += gained;
      level = next;
      if (isLeave) {
        slope++;
        leave--;
      } else {
        slope--;
        saturate--;
      }
    }
    if (total > sum && slope > 0) {
      level -= (total - sum) / (0.5 * slope);
    }

    // Rounding is monotone, so the sum does not increase with the level: raise it until the sum
    // fits.
    double raise = 0;
    while (true) {
      double used = apply(logs, floors, caps, level, bits);
      if (used <= total) {
        break;
      }
      raise = Math.max(2 * raise, 2 * (used - total) / Math.max(1, slope));
      level = Math.max(level + raise, Math.nextUp(level));
    }
    return level + reference;
  }

  private static double apply(
      double[] logs, double[] floors, double[] caps, double level, double[] bits) {
    double sum = 0;
    for (int i = 0; i < logs.length; i++) {
      bits[i] = Math.min(caps[i], Math.max(floors[i], 0.5 * (logs[i] - level)));
      sum += bits[i];
    }
    return sum;
  }

  /**
   * (5.5): b_i = total/K + ½·log2(w_i/w̄_g), w̄_g the weights' geometric mean: the optimum without
   * bounds. May be negative; then it is no split.
   *
   * @param weights [K], K ≥ 1, logits², finite and &gt; 0
   * @param total finite
   */
  public static double[] unconstrained(double[] weights, double total) {
    double meanLog = meanLog2(weights);
    if (!Double.isFinite(total)) {
      throw new IllegalArgumentException("total must be finite, got " + total);
    }
    int nodes = weights.length;
    int reference = exponent(max(weights));
    double[] bits = new double[nodes];
    for (int i = 0; i < nodes; i++) {
      bits[i] = total / nodes + 0.5 * (log2(weights[i], reference) - meanLog);
    }
    return bits;
  }

  /** (5.5): w̄_g·4^{−total/K}, logits², the distortion that every node has without bounds. */
  public static double waterLevel(double[] weights, double total) {
    double meanLog = meanLog2(weights) + exponent(max(weights));
    return StrictMath.pow(2, meanLog - 2 * total / weights.length);
  }

  /** Mean of log2 w relative to the largest weight's exponent, of positive weights. */
  private static double meanLog2(double[] weights) {
    if (weights.length < 1) {
      throw new IllegalArgumentException("nodes must be at least 1, got 0");
    }
    for (int i = 0; i < weights.length; i++) {
      if (!(weights[i] > 0 && weights[i] < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "weight of node " + i + " must be in (0, inf) logits², got " + weights[i]);
      }
    }
    int reference = exponent(max(weights));
    double sum = 0;
    for (double weight : weights) {
      sum += log2(weight, reference);
    }
    return sum / weights.length;
  }

  /**
   * Σ_i w_i·4^{−b_i}, logits², in ascending order: what {@link #bits} minimises.
   *
   * @param weights [K]
   * @param bits [K], bits per coordinate
   */
  public static double distortion(double[] weights, double[] bits) {
    if (weights.length != bits.length) {
      throw new IllegalArgumentException(
          "weights and bits must be of the same nodes, got "
              + weights.length
              + " and "
              + bits.length);
    }
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      sum += weights[i] * StrictMath.pow(2, -2 * bits[i]);
    }
    return sum;
  }

  /** Binary exponent of a weight, subnormal ones included; 0 for zero. */
  static int exponent(double weight) {
    if (weight == 0) {
      return 0;
    }
    return weight < Double.MIN_NORMAL
        ? Math.getExponent(weight * 0x1p54) - 54
        : Math.getExponent(weight);
  }

  /** log2(w·2^-reference), exact for powers of two; -inf for zero. */
  static double log2(double weight, int reference) {
    if (weight == 0) {
      return Double.NEGATIVE_INFINITY;
    }
    int exponent = exponent(weight);
    double scaled = weight < Double.MIN_NORMAL ? weight * 0x1p54 : weight;
    double fraction = Math.scalb(scaled, -Math.getExponent(scaled));
    return (exponent - reference) + StrictMath.log(fraction) / LN2;
  }

  static double max(double[] values) {
    double max = 0;
    for (double value : values) {
      max = Math.max(max, value);
    }
    return max;
  }

  /** That weights, floors and caps are of the same nodes, and there are any. */
  static void checkSizes(int nodes, int floors, int caps) {
    if (nodes < 1 || floors != nodes || caps != nodes) {
      throw new IllegalArgumentException(
          "weights, floors and caps must be of the same nodes, at least 1, got "
              + nodes
              + ", "
              + floors
              + " and "
              + caps);
    }
  }

  static int check(double[] weights, double[] floors, double[] caps, double total) {
    int nodes = weights.length;
    checkSizes(nodes, floors.length, caps.length);
    if (!(total >= 0 && total < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("total must be in [0, inf) bits, got " + total);
    }
    for (int i = 0; i < nodes; i++) {
      WholeBits.checkWeight(weights[i], i);
      if (!(floors[i] >= 0 && floors[i] < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "floor of node " + i + " must be in [0, inf) bits, got " + floors[i]);
      }
      if (!(caps[i] >= floors[i])) {
        throw new IllegalArgumentException(
            "cap of node "
                + i
                + " must be at least its floor of "
                + floors[i]
                + ", got "
                + caps[i]);
      }
    }
    return nodes;
  }
}
