package dev.sluice.transforms.conformal;

/**
 * How prediction sets fared on test queries: counts, added in any order, and what follows from
 * them.
 */
public final class Coverage {
  private long queries;
  private long covered;
  private long members;
  private long singletons;
  private long empty;
  private long infinite;

  /** An interval of proportions. */
  public record Interval(double low, double high) {}

  /**
   * Adds the set {@code {y: scores[y] <= threshold}} of one query.
   *
   * @param scores [Y] in nats, +infinity for a candidate that no node scored, none NaN
   * @param threshold in nats; +infinity gives the whole list
   * @param label the true candidate, in [0, Y)
   */
  public void add(double[] scores, double threshold, int label) {
    if (Double.isNaN(threshold)) {
      throw new IllegalArgumentException("threshold must be a number, got NaN");
    }
    int size = 0;
    for (int y = 0; y < scores.length; y++) {
      if (Double.isNaN(scores[y])) {
        throw new IllegalArgumentException("score of candidate " + y + " must not be NaN");
      }
      size += scores[y] <= threshold ? 1 : 0;
    }
    queries++;
    covered += scores[label] <= threshold ? 1 : 0;
    members += size;
    singletons += size == 1 ? 1 : 0;
    empty += size == 0 ? 1 : 0;
    infinite += threshold == Double.POSITIVE_INFINITY ? 1 : 0;
  }

  /** Adds another's counts. The other is not changed. */
  public void add(Coverage other) {
    queries += other.queries;
    covered += other.covered;
    members += other.members;
    singletons += other.singletons;
    empty += other.empty;
    infinite += other.infinite;
  }

  /** Test queries. */
  public long queries() {
    return queries;
  }

  /** Candidates in all sets. */
  public long members() {
    return members;
  }

  /** Queries whose label is in its set. */
  public long covered() {
    return covered;
  }

  /** Sets of one candidate. */
  public long singletons() {
    return singletons;
  }

  /** Sets of no candidate. */
  public long empty() {
    return empty;
  }

  /** Sets whose threshold was +infinity. */
  public long infinite() {
    return infinite;
  }

  /** covered/queries, NaN before the first. */
  public double rate() {
    return (double) covered / queries;
  }

  /** Mean number of candidates of a set, NaN before the first. */
  public double meanSize() {
    return (double) members / queries;
  }

  /**
   * Wilson's interval for the coverage; [0, 1] before the first query.
   *
   * @param confidence two-sided, in [2^-20, 1 - 2^-40]
   */
  public Interval wilson(double confidence) {
    return wilson(covered, queries, confidence);
  }

  /**
   * Wilson's score interval, {@code (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²))/(1 + z²/n)}, for
   * independent trials. Wilson, JASA 22, 1927.
   *
   * @param hits at most n
   * @param trials n, at least 0
   * @param confidence two-sided, in [2^-20, 1 - 2^-40]
   */
  public static Interval wilson(long hits, long trials, double confidence) {
    if (hits < 0 || trials < hits) {
      throw new IllegalArgumentException(
          "hits must be in [0, trials = " + trials + "], got " + hits);
    }
    double z = normalDeviate(confidence);
    if (trials == 0) {
      return new Interval(0, 1);
    }
    double n = trials;
    double p = hits / n;
    double scale = 1 + z * z / n;
    double centre = (p + z * z / (2 * n)) / scale;
    double half = z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale;
    return new Interval(
        hits == 0 ? 0 : Math.max(0, centre - half),
        hits == trials ? 1 : Math.min(1, centre + half));
  }

  /**
   * z with {@code P(|Z| <= z) = confidence} for a standard normal Z, the probability to some 1e-15.
   * Bisection on Marsaglia's series, Journal of Statistical Software 11(4), 2004.
   */
  static double normalDeviate(double confidence) {
    if (!(confidence >= 0x1p-20 && confidence <= 1 - 0x1p-40)) {
      throw new IllegalArgumentException(
          "confidence must be in [2^-20, 1 - 2^-40], got " + confidence);
    }
    double low = 0;
    double high = 8;
    for (int i = 0; i < 60; i++) {
      double middle = (low + high) / 2;
      if (within(middle) < confidence) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return (low + high) / 2;
  }

  /** P(|Z| <= x) = 2·pdf(x)·(x + x³/3 + x⁵/(3·5) + ...), all terms positive. */
  private static double within(double x) {
    double sum = x;
    double term = x;
    for (int i = 3; sum + term != sum || i == 3; i += 2) {
      term *= x * x / i;
      sum += term;
    }
    return 2 * 0.3989422804014327 * Math.exp(-x * x / 2) * sum;
  }
}
