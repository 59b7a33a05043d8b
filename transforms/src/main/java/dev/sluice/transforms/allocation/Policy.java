package dev.sluice.transforms.allocation;

import java.util.Arrays;
import java.util.stream.Collectors;

/** How a budget is divided among nodes: the optimum and its baselines. THEORY 5.2, 5.3 and 5.5. */
public enum Policy {
  /** The optimum, {@link WaterFilling}: Σ w_i·4^{−b_i} as small as it gets. */
  WATER_FILLING("water-filling"),
  /** The same for every node, as far as floors and caps let it. */
  UNIFORM("uniform"),
  /**
   * Bits in proportion to 1/w_i: nodes of large weight get hardly any, however large the budget, so
   * the distortion nearly stands still as it grows. Needs weights &gt; 0.
   */
  INVERSE("inverse"),
  /**
   * Bits in proportion to max(0, total/K − ½·log2(w_i/w̄_g)): the closed form with its sign turned,
   * cut off at 0 and rescaled. Decays like the optimum, by a constant behind it. Needs weights &gt;
   * 0.
   */
  INVERSE_TILT("inverse-tilt");

  private final String label;

  Policy(String label) {
    this.label = label;
  }

  /** Its name. */
  public String label() {
    return label;
  }

  /**
   * The policy with this label.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static Policy of(String label) {
    for (Policy policy : values()) {
      if (policy.label.equals(label)) {
        return policy;
      }
    }
    throw new IllegalArgumentException(
        "policy must be one of "
            + Arrays.stream(values()).map(Policy::label).collect(Collectors.joining(", "))
            + "; got '"
            + label
            + "'");
  }

  /**
   * The split. Arguments and guarantees are those of {@link WaterFilling#bits}. A baseline with
   * shares s_i is clip(c·s_i, floor_i, cap_i), c such that the total is used up or every cap
   * reached.
   */
  public double[] bits(double[] weights, double[] floors, double[] caps, double total) {
    if (this == WATER_FILLING) {
      return WaterFilling.bits(weights, floors, caps, total);
    }
    int nodes = WaterFilling.check(weights, floors, caps, total);
    double[] shares = new double[nodes];
    switch (this) {
      case UNIFORM -> Arrays.fill(shares, 1);
      case INVERSE -> {
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < nodes; i++) {
          if (!(weights[i] > 0)) {
            throw new IllegalArgumentException(
                "weight of node " + i + " must be above 0 for policy 'inverse', got " + weights[i]);
          }
          least = Math.min(least, weights[i]);
        }
        for (int i = 0; i < nodes; i++) {
          shares[i] = least / weights[i];
        }
      }
      default -> {
        double[] optimum = WaterFilling.unconstrained(weights, total);
        for (int i = 0; i < nodes; i++) {
          shares[i] = Math.max(0, 2 * total / nodes - optimum[i]);
        }
      }
    }
    return proportional(shares, floors, caps, total);
  }

  /** clip(c·s_i, floor_i, cap_i), the sum in ascending order being at most the total. */
  private static double[] proportional(
      double[] shares, double[] floors, double[] caps, double total) {
    int nodes = shares.length;
    double[] bits = new double[nodes];
    double atFloors = apply(shares, floors, caps, 0, bits);
    if (!(atFloors <= total)) {
      throw new IllegalArgumentException(
          "the floors of "
              + nodes
              + " nodes sum to "
              + atFloors
              + " bits per coordinate, more than the total of "
              + total);
    }
    double[] leaves = new double[nodes];
    double[] saturates = new double[nodes];
    int positive = 0;
    int capped = 0;
    double most = 0;
    for (int i = 0; i < nodes; i++) {
      most += shares[i] > 0 ? caps[i] : floors[i];
      if (shares[i] > 0) {
        leaves[positive++] = floors[i] / shares[i];
        if (caps[i] < Double.POSITIVE_INFINITY) {
          saturates[capped++] = caps[i] / shares[i];
        }
      }
    }
    if (most <= total) {
      for (int i = 0; i < nodes; i++) {
        bits[i] = shares[i] > 0 ? caps[i] : floors[i];
      }
      return bits;
    }
    Arrays.sort(leaves, 0, positive);
    Arrays.sort(saturates, 0, capped);
    // Between which breakpoints the factor is, by bisection: the sum is monotone in it, rounding
    // included. Then the sum is linear.
    double[] breaks = new double[positive + capped];
    System.arraycopy(leaves, 0, breaks, 0, positive);
    System.arraycopy(saturates, 0, breaks, positive, capped);
    Arrays.sort(breaks);
    int low = -1;
    int high = breaks.length;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (apply(shares, floors, caps, breaks[middle], bits) <= total) {
        low = middle;
      } else {
        high = middle;
      }
    }
    double factor = low < 0 ? 0 : breaks[low];
    double ceiling = high < breaks.length ? breaks[high] : Double.POSITIVE_INFINITY;
    double slope = 0;
    for (int i = 0; i < nodes; i++) {
      if (shares[i] > 0 && floors[i] / shares[i] <= factor && caps[i] / shares[i] >= ceiling) {
        slope += shares[i];
      }
    }
    double used = apply(shares, floors, caps, factor, bits);
    if (slope > 0) {
      double best = factor;
      double tried = Math.min(ceiling, factor + (total - used) / slope);
      double excess = apply(shares, floors, caps, tried, bits) - total;
      for (double lower = 0; excess > 0 && tried > best; ) {
        lower = Math.max(2 * lower, 2 * excess / slope);
        tried = Math.max(best, Math.min(tried - lower, Math.nextDown(tried)));
        excess = apply(shares, floors, caps, tried, bits) - total;
      }
    }
    return bits;
  }

  private static double apply(
      double[] shares, double[] floors, double[] caps, double factor, double[] bits) {
    double sum = 0;
    for (int i = 0; i < shares.length; i++) {
      double share = shares[i] > 0 ? factor * shares[i] : 0;
      bits[i] = Math.min(caps[i], Math.max(floors[i], share));
      sum += bits[i];
    }
    return sum;
  }
}
