package dev.sluice.transforms.reference;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The bound holds, whatever the reference, the sites and their budgets. */
class ReferenceCertificateTest {
  private record Result(double divergence, double upper) {}

  private static Result measure(Synthetic block, double kappa, int[] bits) throws Exception {
    int n = block.rows.length;
    int vocabulary = block.vocabulary;
    int nodes = block.sites.length;
    double[] exact = new double[n];
    double[] decoded = new double[n];
    double[] y = new double[n];
    List<NodeTerms> terms = new ArrayList<>();
    for (int node = 0; node < nodes; node++) {
      byte[] codes = block.encode(node, kappa, 60 + block.probes * bits[node] / 8).codes();
      ReferenceDecoder decoder = new ReferenceDecoder();
      decoder.decode(block.reference, Synthetic.key(node), 7, codes, 1e5, y);
      terms.add(decoder.terms());
      for (int c = 0; c < n; c++) {
        exact[c] += block.sites[node][c] / nodes;
        decoded[c] += y[c] / nodes;
      }
    }
    float[] teacher = new float[n];
    for (int c = 0; c < n; c++) {
      teacher[c] = (float) (block.rows[c] + decoded[c]);
    }
    ReferenceCertificate certificate = new ReferenceCertificate(terms);
    double divergence = 0;
    for (int probe = 0; probe < block.probes; probe++) {
      certificate.add(block.reference, probe, block.rows, teacher);
      int from = probe * vocabulary;
      double[] p = new double[vocabulary];
      double[] q = new double[vocabulary];
      for (int v = 0; v < vocabulary; v++) {
        p[v] = exact[from + v];
        q[v] = teacher[from + v];
      }
      double logP = logSumExp(p);
      double logQ = logSumExp(q);
      for (int v = 0; v < vocabulary; v++) {
        divergence += Math.exp(p[v] - logP) * ((p[v] - logP) - (q[v] - logQ));
      }
    }
    return new Result(divergence, certificate.upper());
  }

  private static double logSumExp(double[] logits) {
    double max = Double.NEGATIVE_INFINITY;
    for (double logit : logits) {
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (double logit : logits) {
      sum += Math.exp(logit - max);
    }
    return Math.log(sum) + max;
  }

  /**
   * 300 cases of 32 probes: V from 2 to 600, K from 1 to 8, references nearly uniform to nearly
   * certain, sites alike to strangers, budgets from nothing to plenty and unequal. The bound is on
   * an expectation; over 32 probes the noise that exceeds it would have to be far from its mean.
   */
  @Test
  void theBoundHolds() throws Exception {
    SplittableRandom random = new SplittableRandom(2024);
    double tightest = Double.POSITIVE_INFINITY;
    for (int trial = 0; trial < 300; trial++) {
      int vocabulary = 2 + random.nextInt(1 << random.nextInt(1, 10));
      int nodes = 1 + random.nextInt(8);
      Synthetic block =
          new Synthetic(
              random.nextLong(),
              32,
              vocabulary,
              nodes,
              4 * random.nextDouble(),
              2 * random.nextDouble(),
              2 * random.nextDouble());
      int[] bits = new int[nodes];
      for (int node = 0; node < nodes; node++) {
        bits[node] = (int) (vocabulary * Math.exp(6 * random.nextDouble() - 4));
      }
      Result result = measure(block, 1 << random.nextInt(3), bits);
      assertThat(
          "trial " + trial + ", V " + vocabulary + ", K " + nodes,
          result.divergence(),
          lessThanOrEqualTo(result.upper() + 1e-9));
      assertThat(Double.isNaN(result.upper()), is(false));
      tightest = Math.min(tightest, result.upper() / result.divergence());
    }
    assertThat("tightest " + tightest, tightest < 2, is(true));
  }
}
