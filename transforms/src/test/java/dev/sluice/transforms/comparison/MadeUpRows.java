package dev.sluice.transforms.comparison;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Nodes that differ from a reference and from each other by normal residuals, in memory. */
class MadeUpRows implements LogitRows {
  private final int vocabulary;
  private final double[] reference;
  private final double[][] nodes;
  private final int[] nextTokens;

  MadeUpRows(long seed, int probes, int vocabulary, int nodes) {
    SplittableRandom random = new SplittableRandom(seed);
    this.vocabulary = vocabulary;
    this.reference = new double[probes * vocabulary];
    Arrays.setAll(reference, c -> (float) (2.5 * random.nextGaussian()));
    this.nodes = new double[nodes][probes * vocabulary];
    double[] common = new double[probes * vocabulary];
    Arrays.setAll(common, c -> 0.5 * random.nextGaussian());
    for (double[] node : this.nodes) {
      Arrays.setAll(
          node, c -> (float) (reference[c] + common[c] + 0.5 * random.nextGaussian() + 1));
    }
    this.nextTokens = random.ints(probes, 0, vocabulary).toArray();
  }

  ProbeSet set(long seed) {
    List<Double> magnitudes = new ArrayList<>();
    for (double[] node : nodes) {
      double largest = 0;
      for (int from = 0; from < node.length; from += vocabulary) {
        double[] row = Arrays.copyOfRange(node, from, from + vocabulary);
        double max = Arrays.stream(row).max().orElseThrow();
        double min = Arrays.stream(row).min().orElseThrow();
        largest = Math.max(largest, (max - min) / 2);
      }
      magnitudes.add(largest);
    }
    return new ProbeSet(nextTokens.length, vocabulary, magnitudes, seed);
  }

  /** One row of the exact mean. */
  double[] exact(int probe) {
    double[] row = new double[vocabulary];
    for (double[] node : nodes) {
      for (int v = 0; v < vocabulary; v++) {
        row[v] += node[probe * vocabulary + v] / nodes.length;
      }
    }
    return row;
  }

  double[] reference(int probe) {
    return Arrays.copyOfRange(reference, probe * vocabulary, (probe + 1) * vocabulary);
  }

  @Override
  public void node(int node, long firstProbe, int probes, double[] into) {
    System.arraycopy(nodes[node], (int) firstProbe * vocabulary, into, 0, probes * vocabulary);
  }

  @Override
  public void reference(long firstProbe, int probes, double[] into) {
    System.arraycopy(reference, (int) firstProbe * vocabulary, into, 0, probes * vocabulary);
  }

  @Override
  public boolean hasNextTokens() {
    return true;
  }

  @Override
  public int nextToken(long probe) {
    return nextTokens[(int) probe];
  }
}
