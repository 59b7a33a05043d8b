package dev.sluice.transforms.reference;

import java.util.Arrays;
import java.util.List;

/**
 * An upper bound on the expected divergence of one block's decoded teacher from the exact one, over
 * the nodes that were averaged. FORMAT 15.6. Not thread-safe.
 *
 * <p>By THEORY 3.2 the divergence is that of what was not sent, and that of the noise, exactly. The
 * noise: (U) of THEORY 3.3, each coordinate weighted by its probability under the teacher without
 * noise; the decoded teacher bounds those weights, as no error is beyond half its step. What was
 * not sent: {@code KL <= sum p e^(r - d) (1 + (d - 1)e^d)}, with d the mean over nodes of how far
 * each logit is from its correction, by convexity at most the mean of what each node has measured
 * of its own, times the largest {@code e^(r - d)} of the decoded teacher.
 */
public final class ReferenceCertificate {
  private final List<NodeTerms> nodes;
  private final double[] sentLogSinhcs = new double[ReferenceBlock.CLASSES]; // over who send it
  private final double[] sentReach = new double[ReferenceBlock.CLASSES];
  private final boolean[] all = new boolean[ReferenceBlock.CLASSES]; // whether all nodes send it
  private final double[] logSinhcs = new double[ReferenceBlock.CLASSES]; // of log(sinh(a)/a)
  private final double[] reach = new double[ReferenceBlock.CLASSES]; // of a = step / 2K
  private final double[] mass = new double[ReferenceBlock.CLASSES];
  private final double[] means = new double[ReferenceBlock.CLASSES]; // sums of p y
  private final double[] largest = new double[ReferenceBlock.CLASSES];
  private final double[] values = new double[ReferenceBlock.CLASSES];
  private final double[] stretch = new double[ReferenceBlock.CLASSES]; // e^reach
  private final double[][] factors;
  private int probes;
  private double noise;
  private double unsent;

  /** For a block over some nodes. */
  public ReferenceCertificate(List<NodeTerms> nodes) {
    this.nodes = List.copyOf(nodes);
    this.factors = new double[nodes.size()][Unsent.SLOTS];
    Arrays.fill(all, true);
    for (NodeTerms node : nodes) {
      for (int h = 0; h < ReferenceBlock.CLASSES; h++) {
        double a = node.steps()[h] / (2 * nodes.size());
        sentLogSinhcs[h] += logSinhc(a);
        sentReach[h] += a;
        all[h] &= a > 0;
      }
    }
  }

  /**
   * Adds one probe.
   *
   * @param reference the derived block of the reference
   * @param rows [p, V] logits of the reference
   * @param teacher [p, V] decoded logits
   */
  public void add(ReferenceBlock reference, int probe, double[] rows, float[] teacher) {
    laws(probe);
    int from = probe * reference.vocabulary();
    int to = from + reference.vocabulary();
    double max = Double.NEGATIVE_INFINITY;
    for (int c = from; c < to; c++) {
      if (teacher[c] > max) {
        max = teacher[c];
      }
    }
    Arrays.fill(mass, 0);
    Arrays.fill(means, 0);
    Arrays.fill(largest, Double.NEGATIVE_INFINITY);
    weigh(reference, from, to, rows, teacher, max);
    probes++;
    noise += StrictMath.log1p(worstMean());
    double logPartition = logPartition(reference, probe, max);
    double[] most = new double[ReferenceBlock.CLASSES]; // e^r over the partition, at most
    for (int h = 0; h < most.length; h++) {
      if (largest[h] > Double.NEGATIVE_INFINITY) { // somebody is there
        double e = StrictMath.exp(largest[h] + reach[h] - logPartition);
        most[h] = Math.max(Double.MIN_NORMAL, e);
      }
    }
    for (int node = 0; node < factors.length; node++) {
      factor(node, probe, most);
    }
  }

  private void laws(int probe) {
    System.arraycopy(sentLogSinhcs, 0, logSinhcs, 0, logSinhcs.length);
    System.arraycopy(sentReach, 0, reach, 0, reach.length);
    for (NodeTerms node : nodes) {
      double a = node.restSteps()[probe] / (2 * nodes.size());
      double logSinhc = logSinhc(a);
      for (int h = 0; h < logSinhcs.length; h++) {
        if (node.steps()[h] == 0) {
          logSinhcs[h] += logSinhc;
          reach[h] += a;
        }
      }
    }
  }

  private static double logSinhc(double a) {
    if (a < 1e-2) {
      return a * a / 6;
    }
    return a > 20 ? a - StrictMath.log(2 * a) : StrictMath.log(StrictMath.sinh(a) / a);
  }

  private void weigh(
      ReferenceBlock reference, int from, int to, double[] rows, float[] teacher, double max) {
    byte[] classes = reference.classes();
    double[] probability = reference.probability();
    for (int c = from; c < to; c++) {
      int h = classes[c] & 0xff;
      double y = teacher[c] - rows[c];
      mass[h] += Exp.of(teacher[c] - max);
      means[h] += probability[c] * y;
      if (y > largest[h]) {
        largest[h] = y;
      }
    }
  }

  /**
   * The largest mean of e^logSinhcs - 1 over all weights within e^(+-reach) of the decoded
   * teacher's: those above the mean at their most, those below at their least (Dinkelbach's
   * iteration).
   */
  private double worstMean() {
    for (int h = 0; h < mass.length; h++) {
      if (mass[h] > 0) {
        values[h] = StrictMath.expm1(logSinhcs[h]);
        stretch[h] = StrictMath.exp(reach[h]);
      }
    }
    double mean = 0;
    while (true) {
      double above = 0;
      double all = 0;
      for (int h = 0; h < mass.length; h++) {
        if (mass[h] > 0) {
          double weight = values[h] > mean ? mass[h] * stretch[h] : mass[h] / stretch[h];
          above += weight * values[h];
          all += weight;
        }
      }
      double next = above / all;
      if (Double.isNaN(next)) {
        return Double.POSITIVE_INFINITY; // steps beyond all measure
      }
      if (next <= mean) {
        return mean;
      }
      mean = next;
    }
  }

  private void factor(int node, int probe, double[] most) {
    NodeTerms terms = nodes.get(node);
    double[] worst = new double[Unsent.SLOTS];
    for (int h = 0; h < most.length; h++) {
      if (terms.steps()[h] == 0) {
        int slot = Unsent.slot(h, terms.last());
        worst[slot] = Math.max(worst[slot], most[h]);
      }
    }
    double correction = StrictMath.exp(terms.restSteps()[probe] / 2 - terms.rests()[probe]);
    for (int slot = 0; slot < worst.length; slot++) {
      if (terms.byProbe()) {
        double cost = terms.unsent()[slot][probe];
        unsent += product(worst[slot], cost);
      } else {
        factors[node][slot] = Math.max(factors[node][slot], product(worst[slot], correction));
      }
    }
  }

  /**
   * At least the logarithm of the sum of p e^r, r the exact mean over nodes: term by term where all
   * nodes send; for the others together by Jensen's inequality, as the weighted mean of all r is 0.
   *
   * @param max of the teacher, which masses are relative to
   */
  private double logPartition(ReferenceBlock reference, int probe, double max) {
    double sum = 0;
    double mean = 0;
    for (int h = 0; h < mass.length; h++) {
      if (all[h] && mass[h] > 0) {
        sum += mass[h] / stretch[h];
        mean += means[h] + reference.mass(probe, h) * reach[h];
      }
    }
    double sent = StrictMath.log(sum) + max - reference.logSum(probe);
    double left = reference.unsent(probe, all);
    double others = left > 0 ? StrictMath.log(left) - mean / left : Double.NEGATIVE_INFINITY;
    double larger = Math.max(0, Math.max(sent, others)); // it is at least 0, by the same
    double log = StrictMath.log(StrictMath.exp(sent - larger) + StrictMath.exp(others - larger));
    return Math.max(0, larger + log);
  }

  /** The noise's share of the bound, nats, the sum over the probes. */
  public double noise() {
    return noise;
  }

  /** The share of what was not sent, nats, the sum over the probes. */
  public double unsent() {
    double sum = unsent;
    for (int node = 0; node < factors.length; node++) {
      for (int slot = 0; slot < Unsent.SLOTS; slot++) {
        double cost = nodes.get(node).byProbe() ? 0 : nodes.get(node).unsent()[slot][0];
        sum += product(factors[node][slot], cost) * probes;
      }
    }
    return sum / factors.length;
  }

  /** Where one is nothing, so is this, whatever the other. */
  private static double product(double a, double b) {
    return a == 0 || b == 0 ? 0 : a * b;
  }

  /** The bound, nats, the sum over the probes. */
  public double upper() {
    return noise() + unsent();
  }
}
