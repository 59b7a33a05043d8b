package dev.sluice.transforms.synthetic;

import java.util.Objects;
import org.apache.commons.rng.UniformRandomProvider;
import org.apache.commons.rng.sampling.distribution.AliasMethodDiscreteSampler;
import org.apache.commons.rng.sampling.distribution.SharedStateDiscreteSampler;
import org.apache.commons.rng.simple.RandomSource;

/**
 * Sites that each saw some pairs (context, next token) of one random bigram model. THEORY 8.1.
 *
 * <p>The truth is P*(·|x) = softmax(ℓ*[x, ·]), ℓ* a V×V matrix of independent N(0, 1). Node i draws
 * n pairs, x uniform on the V contexts and y from P*(·|x), and its logits are log q̂_i(y|x) with
 * q̂_i = (C[x, y] + β)/(C[x] + βV), C its counts. Probes are m uniform contexts.
 *
 * <p>Truth, each node and the probes have generators of their own, keyed by (seed, stream), so a
 * node's data depend on neither the number of nodes nor the order in which they are made. Integer
 * generator (XoRoShiRo128++), StrictMath and plain IEEE arithmetic: the same numbers on every JVM.
 * Immutable; contexts and tokens count from 0.
 */
public final class BigramSites {
  /**
   * 2^64 divided by the golden ratio, to odd: SplitMix64's increment (Steele, Lea and Flood 2014).
   */
  private static final long GAMMA = 0x9E3779B97F4A7C15L;

  private static final long TRUTH_STREAM = -1;
  private static final long PROBE_STREAM = -2;

  private final int vocabulary;
  private final int nodes;
  private final int samplesPerNode;
  private final int probes;
  private final double smoothing;
  private final long seed;

  /** log P*, V×V, row x for context x. */
  private final double[] logTruth;

  private final SharedStateDiscreteSampler[] nextToken;

  private BigramSites(
      int vocabulary, int nodes, int samplesPerNode, int probes, double smoothing, long seed) {
    this.vocabulary = vocabulary;
    this.nodes = nodes;
    this.samplesPerNode = samplesPerNode;
    this.probes = probes;
    this.smoothing = smoothing;
    this.seed = seed;
    this.logTruth = new double[vocabulary * vocabulary];
    this.nextToken = new SharedStateDiscreteSampler[vocabulary];
    UniformRandomProvider random = generator(seed, TRUTH_STREAM);
    fillNormal(random, logTruth);
    double[] probabilities = new double[vocabulary];
    for (int x = 0; x < vocabulary; x++) {
      int row = x * vocabulary;
      double sum = 0;
      for (int y = 0; y < vocabulary; y++) {
        sum += StrictMath.exp(logTruth[row + y]);
      }
      double logZ = StrictMath.log(sum);
      for (int y = 0; y < vocabulary; y++) {
        logTruth[row + y] -= logZ;
        probabilities[y] = StrictMath.exp(logTruth[row + y]);
      }
      nextToken[x] = AliasMethodDiscreteSampler.of(random, probabilities);
    }
  }

  /** The published experiment: (V, K, n, m, β) = (256, 4, 3000, 3000, 1/2). */
  public static BigramSites published(long seed) {
    return of(256, 4, 3000, 3000, 0.5, seed);
  }

  /**
   * Draws the truth.
   *
   * @param vocabulary V, 2 to 4096: contexts, and tokens
   * @param nodes K, at least 1
   * @param samplesPerNode n, at least 0
   * @param probes m, at least 1
   * @param smoothing Laplace's β, in (0, inf)
   */
  public static BigramSites of(
      int vocabulary, int nodes, int samplesPerNode, int probes, double smoothing, long seed) {
    if (vocabulary < 2 || vocabulary > 4096) {
      throw new IllegalArgumentException("vocabulary must be in [2, 4096], got " + vocabulary);
    }
    if (nodes < 1) {
      throw new IllegalArgumentException("nodes must be at least 1, got " + nodes);
    }
    if (samplesPerNode < 0) {
      throw new IllegalArgumentException(
          "samplesPerNode must be at least 0, got " + samplesPerNode);
    }
    if (probes < 1) {
      throw new IllegalArgumentException("probes must be at least 1, got " + probes);
    }
    if (!(smoothing > 0 && smoothing < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("smoothing must be in (0, inf), got " + smoothing);
    }
    return new BigramSites(vocabulary, nodes, samplesPerNode, probes, smoothing, seed);
  }

  public int vocabulary() {
    return vocabulary;
  }

  public int nodes() {
    return nodes;
  }

  /** log P*(·|context), V nats; softmax of it is the truth. */
  public double[] truth(int context) {
    double[] row = new double[vocabulary];
    truth(context, row, 0);
    return row;
  }

  /** Writes log P*(·|context) to {@code into[at .. at + V)}. */
  public void truth(int context, double[] into, int at) {
    Objects.checkIndex(context, vocabulary);
    System.arraycopy(logTruth, context * vocabulary, into, at, vocabulary);
  }

  /** The contexts that are asked about, m of them, uniform and independent. */
  public int[] probes() {
    UniformRandomProvider random = generator(seed, PROBE_STREAM);
    int[] contexts = new int[probes];
    for (int i = 0; i < probes; i++) {
      contexts[i] = random.nextInt(vocabulary);
    }
    return contexts;
  }

  /**
   * Draws the pairs of one node, 0 to K − 1; the same at every call. Keep it: it is n draws and V²
   * counts.
   */
  public Site site(int node) {
    Objects.checkIndex(node, nodes);
    UniformRandomProvider random = generator(seed, node);
    SharedStateDiscreteSampler[] samplers = new SharedStateDiscreteSampler[vocabulary];
    int[] counts = new int[vocabulary * vocabulary];
    for (int i = 0; i < samplesPerNode; i++) {
      int x = random.nextInt(vocabulary);
      if (samplers[x] == null) {
        samplers[x] = nextToken[x].withUniformRandomProvider(random);
      }
      counts[x * vocabulary + samplers[x].sample()]++;
    }
    return new Site(vocabulary, smoothing, counts);
  }

  /** What one node learnt. Immutable. */
  public static final class Site {
    private final int vocabulary;
    private final double smoothing;
    private final int[] counts;

    private Site(int vocabulary, double smoothing, int[] counts) {
      this.vocabulary = vocabulary;
      this.smoothing = smoothing;
      this.counts = counts;
    }

    /** Pairs (context, token) seen. */
    public int count(int context, int token) {
      Objects.checkIndex(context, vocabulary);
      Objects.checkIndex(token, vocabulary);
      return counts[context * vocabulary + token];
    }

    /** log q̂(·|context), V nats. */
    public double[] logits(int context) {
      double[] row = new double[vocabulary];
      logits(context, row, 0);
      return row;
    }

    /** Writes log q̂(·|context) to {@code into[at .. at + V)}. */
    public void logits(int context, double[] into, int at) {
      Objects.checkIndex(context, vocabulary);
      Objects.checkFromIndexSize(at, vocabulary, into.length);
      int row = context * vocabulary;
      long seen = 0;
      for (int y = 0; y < vocabulary; y++) {
        seen += counts[row + y];
      }
      double logTotal = StrictMath.log(seen + smoothing * vocabulary);
      for (int y = 0; y < vocabulary; y++) {
        into[at + y] = StrictMath.log(counts[row + y] + smoothing) - logTotal;
      }
    }
  }

  /** Two words of SplitMix64 from a place that (seed, stream) hashes to. */
  static UniformRandomProvider generator(long seed, long stream) {
    long key = mix(mix(seed + GAMMA) + stream * GAMMA);
    return RandomSource.XO_RO_SHI_RO_128_PP.create(
        new long[] {mix(key + GAMMA), mix(key + GAMMA + GAMMA)});
  }

  private static long mix(long word) {
    long z = (word ^ (word >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /**
   * N(0, 1) by Marsaglia's polar method, SIAM Review 6(3), 1964, with StrictMath: the library's
   * samplers use Math.
   */
  static void fillNormal(UniformRandomProvider random, double[] into) {
    for (int i = 0; i < into.length; i += 2) {
      double x;
      double y;
      double square;
      do {
        x = 2 * random.nextDouble() - 1;
        y = 2 * random.nextDouble() - 1;
        square = x * x + y * y;
      } while (square >= 1 || square == 0);
      double scale = Math.sqrt(-2 * StrictMath.log(square) / square);
      into[i] = x * scale;
      if (i + 1 < into.length) {
        into[i + 1] = y * scale;
      }
    }
  }
}
