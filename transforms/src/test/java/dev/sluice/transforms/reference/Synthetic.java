package dev.sluice.transforms.reference;

import dev.sluice.transforms.channel.BadLogitException;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** References, and sites that differ from them and from each other by normal residuals. */
final class Synthetic {
  final int probes;
  final int vocabulary;
  final double[] rows;
  final double[][] sites;
  final ReferenceBlock reference;

  /**
   * A block.
   *
   * @param spread standard deviation of the reference's logits
   * @param common of what all sites differ by
   * @param own of what each differs by
   */
  Synthetic(
      long seed, int probes, int vocabulary, int nodes, double spread, double common, double own)
      throws BadLogitException {
    SplittableRandom random = new SplittableRandom(seed);
    this.probes = probes;
    this.vocabulary = vocabulary;
    this.rows = normals(random, probes * vocabulary, spread);
    double[] shared = normals(random, probes * vocabulary, common);
    this.sites = new double[nodes][];
    for (int node = 0; node < nodes; node++) {
      sites[node] = normals(random, probes * vocabulary, own);
      for (int c = 0; c < rows.length; c++) {
        sites[node][c] = (float) (sites[node][c] + rows[c] + shared[c] + 1);
      }
    }
    this.reference = new ReferenceBlock(probes, vocabulary);
    reference.derive(rows, probes);
  }

  /**
   * A block as of language models: tokens by a law of Zipf's that each probe changes, and a few of
   * them much; residuals that grow by 0.05 logits with each nat of surprisal, from 0.25.
   */
  Synthetic(long seed, int probes, int vocabulary, int nodes) throws BadLogitException {
    SplittableRandom random = new SplittableRandom(seed);
    this.probes = probes;
    this.vocabulary = vocabulary;
    int[] ranks = IntStream.range(0, vocabulary).toArray();
    for (int v = vocabulary - 1; v > 0; v--) {
      int other = random.nextInt(v + 1);
      int rank = ranks[v];
      ranks[v] = ranks[other];
      ranks[other] = rank;
    }
    this.rows = normals(random, probes * vocabulary, 1.8);
    for (int c = 0; c < rows.length; c++) {
      double raise = random.nextInt(2000) == 0 ? 4 * random.nextDouble() : 0;
      rows[c] = (float) (rows[c] + raise - 1.05 * StrictMath.log(ranks[c % vocabulary] + 2.7));
    }
    this.reference = new ReferenceBlock(probes, vocabulary);
    reference.derive(rows, probes);
    this.sites = new double[nodes][rows.length];
    for (double[] site : sites) {
      for (int c = 0; c < rows.length; c++) {
        double surprisal = -StrictMath.log(reference.probability()[c]);
        site[c] = (float) (rows[c] + 2 + (0.25 + 0.05 * surprisal) * random.nextGaussian());
      }
    }
  }

  /** A block of given logits. */
  Synthetic(int probes, double[] rows, double[][] sites) throws BadLogitException {
    this.probes = probes;
    this.vocabulary = rows.length / probes;
    this.rows = rows;
    this.sites = sites;
    this.reference = new ReferenceBlock(probes, vocabulary);
    reference.derive(rows, probes);
  }

  private static double[] normals(SplittableRandom random, int count, double deviation) {
    double[] normals = new double[count];
    for (int c = 0; c < count; c++) {
      normals[c] = (float) (deviation * random.nextGaussian());
    }
    return normals;
  }

  static long key(int node) {
    return 0x5DEECE66DL * (node + 1);
  }

  ReferenceEncoder.Encoded encode(int node, double kappa, int budget) {
    return new ReferenceEncoder(probes, vocabulary, kappa)
        .encode(reference, rows, sites[node], key(node), 7, budget);
  }

  /** A site's logits less the reference's, their mean under the reference 0: [p, V]. */
  double[] residual(int node) {
    double[] residual = new double[rows.length];
    for (int probe = 0; probe < probes; probe++) {
      double mean = 0;
      for (int c = probe * vocabulary; c < (probe + 1) * vocabulary; c++) {
        residual[c] = sites[node][c] - rows[c];
        mean += reference.probability()[c] * residual[c];
      }
      for (int c = probe * vocabulary; c < (probe + 1) * vocabulary; c++) {
        residual[c] -= mean;
      }
    }
    return residual;
  }
}
