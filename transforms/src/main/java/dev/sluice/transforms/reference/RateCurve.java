package dev.sluice.transforms.reference;

import java.util.Arrays;
import java.util.List;

/**
 * Bits of a node's codes, and what its error costs, by water level; linear between the points.
 *
 * @param levels ascending
 * @param bits for a probe, not descending
 * @param noise of what is sent, nats for a probe
 * @param unsent cost of what is not, nats for a probe
 */
// Arrays are handed over, not shared.
@SuppressWarnings("ArrayRecordComponent")
public record RateCurve(double[] levels, double[] bits, double[] noise, double[] unsent) {
  /** Levels between points. */
  public static final int STEP = 32;

  /** Points of the longest curve. */
  public static final int POINTS = Lattice.MAX_LEVEL / STEP + 1;

  private static final int HALVINGS = 60;

  /**
   * How bits are divided.
   *
   * @param level common to all nodes: their curves have the same slope there
   * @param bits of each node for a probe
   * @param predicted KL of the teacher, nats
   */
  @SuppressWarnings("ArrayRecordComponent")
  public record Split(double level, double[] bits, double predicted) {}

  /** The finest level. */
  public double finest() {
    return levels[levels.length - 1];
  }

  /** Bits at a level, which may be between points. */
  public double bitsAt(double level) {
    return at(levels, bits, level);
  }

  /** The level at which bits are as many; the coarsest or finest where they never are. */
  public double levelAt(double bitsPerProbe) {
    return at(bits, levels, bitsPerProbe);
  }

  /** Linear between points, constant beyond; of equal abscissae the last counts. */
  private static double at(double[] x, double[] y, double where) {
    int above = 0;
    while (above < x.length && x[above] <= where) {
      above++;
    }
    if (above == 0 || above == x.length) {
      return y[Math.min(above, y.length - 1)];
    }
    double share = (where - x[above - 1]) / (x[above] - x[above - 1]);
    return y[above - 1] + share * (y[above] - y[above - 1]);
  }

  /**
   * Divides bits so that all nodes have one level: a bit more is worth the same at each of them.
   *
   * @param total bits for a probe, summed over nodes
   * @return the finest split that does not exceed the total, at most that of the shortest curve
   */
  public static Split equalSlope(List<RateCurve> curves, double total) {
    double low = 0;
    double high = curves.stream().mapToDouble(RateCurve::finest).min().orElseThrow();
    for (int i = 0; i < HALVINGS; i++) {
      double middle = (low + high) / 2;
      if (sum(curves, middle) <= total) {
        low = middle;
      } else {
        high = middle;
      }
    }
    double level = sum(curves, high) <= total ? high : low;
    double[] levels = new double[curves.size()];
    Arrays.fill(levels, level);
    double[] bits = curves.stream().mapToDouble(curve -> curve.bitsAt(level)).toArray();
    return new Split(level, bits, predicted(curves, levels));
  }

  /** Bits of all nodes at one level. */
  public static double sum(List<RateCurve> curves, double level) {
    double sum = 0;
    for (RateCurve curve : curves) {
      sum += curve.bitsAt(level);
    }
    return sum;
  }

  /**
   * What curves predict for the teacher: noises are independent, so that of their mean is their sum
   * over K²; what nodes do not send they have in common, at worst, so that it is their mean.
   *
   * @param at the level of each node
   */
  public static double predicted(List<RateCurve> curves, double[] at) {
    double nodes = curves.size();
    double nats = 0;
    for (int i = 0; i < at.length; i++) {
      RateCurve curve = curves.get(i);
      nats += at(curve.levels, curve.noise, at[i]) / (nodes * nodes);
      nats += at(curve.levels, curve.unsent, at[i]) / nodes;
    }
    return nats;
  }
}
