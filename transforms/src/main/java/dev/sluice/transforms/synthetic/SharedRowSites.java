package dev.sluice.transforms.synthetic;

import org.apache.commons.rng.UniformRandomProvider;

/**
 * Sites that agree on every probe up to a little noise. THEORY 8.7.
 *
 * <p>Probe l has a row of V independent N(0, 1), each moved to [−limit, limit]; node i's logits are
 * that row and independent N(0, variance). So no site has a larger range than another but by its
 * noise: half of it is at most limit plus the mean of its two largest deviations, and a clip level
 * a few standard deviations above the limit clips nothing after centring by the midrange.
 *
 * <p>The common rows and each node have generators of their own, keyed by (seed, stream), as in
 * {@link BigramSites}: the same numbers on every JVM, and for a node whatever the others are.
 * Immutable.
 */
public final class SharedRowSites {
  private static final long COMMON_STREAM = -3;

  private final int vocabulary;
  private final double limit;
  private final double deviation;
  private final long seed;

  private SharedRowSites(int vocabulary, double limit, double deviation, long seed) {
    this.vocabulary = vocabulary;
    this.limit = limit;
    this.deviation = deviation;
    this.seed = seed;
  }

  /**
   * Sites to draw rows of.
   *
   * @param vocabulary V, at least 2
   * @param limit largest magnitude of a common logit, &gt; 0, logits
   * @param variance of the noise, in [0, inf), logits²
   */
  public static SharedRowSites of(int vocabulary, double limit, double variance, long seed) {
    if (vocabulary < 2) {
      throw new IllegalArgumentException("vocabulary must be at least 2, got " + vocabulary);
    }
    if (!(limit > 0)) {
      throw new IllegalArgumentException("limit must be above 0 logits, got " + limit);
    }
    if (!(variance >= 0 && variance < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("variance must be in [0, inf) logits^2, got " + variance);
    }
    return new SharedRowSites(vocabulary, limit, Math.sqrt(variance), seed);
  }

  /** A node's rows from the first probe on; the same at every call. */
  public Rows rows(int node) {
    if (node < 0) {
      throw new IllegalArgumentException("node must be at least 0, got " + node);
    }
    return new Rows(this, node);
  }

  /** One probe after the other. Not thread-safe. */
  public static final class Rows {
    private final SharedRowSites sites;
    private final UniformRandomProvider common;
    private final UniformRandomProvider own;
    private final double[] noise;

    private Rows(SharedRowSites sites, int node) {
      this.sites = sites;
      this.common = BigramSites.generator(sites.seed, COMMON_STREAM);
      this.own = BigramSites.generator(sites.seed, node);
      this.noise = new double[sites.vocabulary];
    }

    /**
     * Writes the next probe's logits.
     *
     * @param row [V]
     */
    public void next(double[] row) {
      if (row.length != noise.length) {
        throw new IllegalArgumentException(
            "row must have " + noise.length + " logits, got " + row.length);
      }
      BigramSites.fillNormal(common, row);
      BigramSites.fillNormal(own, noise);
      for (int v = 0; v < row.length; v++) {
        double agreed = Math.max(-sites.limit, Math.min(sites.limit, row[v]));
        row[v] = agreed + sites.deviation * noise[v];
      }
    }
  }
}
