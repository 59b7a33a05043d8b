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
  private final double[] logSinhcs; // by class: sum over nodes of log(sinh(a)/a), a = step / 2K
  private final double[] reach; // by class: sum over nodes of step / 2K
  private final double[] mass = new double[ReferenceBlock.CLASSES];
  private final double[] largest = new double[ReferenceBlock.CLASSES];
  private final double[][] factors;
  private final boolean[] all = new boolean[ReferenceBlock.CLASSES]; // whether all nodes send it
  private int probes;
  private double noise;
  private double unsent;

  /** For a block over some nodes. */
  public ReferenceCertificate(List<NodeTerms> nodes) {
    this.nodes = List.copyOf(nodes);
    this.logSinhcs = new double[ReferenceBlock.CLASSES];
    this.reach = new double[ReferenceBlock.CLASSES];
    for (int h = 0; h < all.length; h++) {
      all[h] = true;
      for (NodeTerms node : nodes) {
        all[h] &= node.steps()[h] > 0;
      }
    }
    this.factors = new double[nodes.size()][Unsent.SLOTS];
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
    int vocabulary = reference.vocabulary();
    int from = probe * vocabulary;
    byte[] classes = reference.classes();
    Arrays.fill(mass, 0);
    Arrays.fill(largest, Double.NEGATIVE_INFINITY);
    double max = Double.NEGATIVE_INFINITY;
    for (int c = from; c < from + vocabulary; c++) {
      max = Math.max(max, teacher[c]);
    }
    double sum = 0;
    for (int c = from; c < from + vocabulary; c++) {
      int h = classes[c] & 0xff;
      double e = Exp.of(teacher[c] - max);
      mass[h] += e;
      sum += e;
      largest[h] = Math.max(largest[h], teacher[c] - rows[c]);
    }
    for (int h = 0; h < mass.length; h++) {
      mass[h] /= sum;
    }
    probes++;
    noise += StrictMath.log1p(worstMean());
    double partition = partition(reference, probe, rows, teacher);
    for (int node = 0; node < factors.length; node++) {
      factor(node, probe, partition);
    }
  }

  private void laws(int probe) {
    Arrays.fill(logSinhcs, 0);
    Arrays.fill(reach, 0);
    for (NodeTerms node : nodes) {
      for (int h = 0; h < logSinhcs.length; h++) {
        double step = node.steps()[h] > 0 ? node.steps()[h] : node.restSteps()[probe];
        double a = step / (2 * nodes.size());
        logSinhcs[h] += logSinhc(a);
        reach[h] += a;
      }
    }
  }

  private static double logSinhc(double a) {
    if (a < 1e-2) {
      return a * a / 6;
    }
    return a > 20 ? a - StrictMath.log(2 * a) : StrictMath.log(StrictMath.sinh(a) / a);
  }

  /**
   * The largest mean of e^logSinhcs - 1 over all weights within e^(+-reach) of the decoded
   * teacher's: those above the mean at their most, those below at their least (Dinkelbach's
   * iteration).
   */
  private double worstMean() {
    double mean = 0;
    while (true) {
      double above = 0;
      double all = 0;
      for (int h = 0; h < mass.length; h++) {
        if (mass[h] > 0) {
          double value = StrictMath.expm1(logSinhcs[h]);
          double weight = mass[h] * StrictMath.exp(value > mean ? reach[h] : -reach[h]);
          above += weight * value;
          all += weight;
        }
      }
      double next = above / all;
      if (!(next > mean)) {
        return mean;
      }
      mean = next;
    }
  }

  private void factor(int node, int probe, double partition) {
    NodeTerms terms = nodes.get(node);
    double[] most = new double[Unsent.SLOTS];
    for (int h = 0; h < mass.length; h++) {
      if (mass[h] > 0 && terms.steps()[h] == 0) {
        int slot = Unsent.slot(h, terms.last());
        most[slot] = Math.max(most[slot], StrictMath.exp(largest[h] + reach[h]) / partition);
      }
    }
    double correction = StrictMath.exp(terms.restSteps()[probe] / 2 - terms.rests()[probe]);
    for (int slot = 0; slot < most.length; slot++) {
      if (terms.byProbe()) {
        double cost = terms.unsent()[slot][probe];
        unsent += cost == 0 ? 0 : most[slot] * cost;
      } else {
        factors[node][slot] = Math.max(factors[node][slot], most[slot] * correction);
      }
    }
  }

  /**
   * At least the sum of p e^r, r the exact mean over nodes: term by term where all nodes send; for
   * the others together by Jensen's inequality, as the weighted mean of all r is 0.
   */
  private double partition(ReferenceBlock reference, int probe, double[] rows, float[] teacher) {
    double sum = 0;
    double mean = 0;
    double left = 0;
    byte[] classes = reference.classes();
    int vocabulary = reference.vocabulary();
    for (int c = probe * vocabulary; c < (probe + 1) * vocabulary; c++) {
      int h = classes[c] & 0xff;
      double p = reference.probability()[c];
      if (all[h]) {
        double y = teacher[c] - rows[c];
        sum += p * Exp.of(y - reach[h]);
        mean += p * (y + reach[h]);
      } else {
        left += p;
      }
    }
    if (left > 0) {
      sum += left * StrictMath.exp(-mean / left);
    }
    return Math.max(1, sum);
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
        if (cost > 0) {
          sum += factors[node][slot] * cost * probes;
        }
      }
    }
    return sum / factors.length;
  }

  /** The bound, nats, the sum over the probes. */
  public double upper() {
    return noise() + unsent();
  }
}
