package dev.sluice.transforms.synthetic;

import java.util.Arrays;
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
 * q̂_i = (C[x, y] + β)/(C[x] + βV), C its counts. Probes are m uniform contexts. With a drift δ a
 * node draws y from P_i(·|x) = softmax(ℓ*[x, ·] + δ·ε_i[x, ·]) instead, ε_i a matrix of independent
 * N(0, 1) of its own. THEORY 8.2.
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

  /** Node i's drift has this stream less i; -3 is {@link SharedRowSites}'. */
  private static final long DRIFT_STREAM = -4;

  private final int vocabulary;
  private final int nodes;
  private final int samplesPerNode;
  private final int probes;
  private final double smoothing;
  private final long seed;
  private final double drift;

  /** log P*, V×V, row x for context x. */
  private final double[] logTruth;

  private final SharedStateDiscreteSampler[] nextToken;

  private BigramSites(
      int vocabulary,
      int nodes,
      int samplesPerNode,
      int probes,
      double smoothing,
      long seed,
      double drift,
      double[] logTruth,
      SharedStateDiscreteSampler[] nextToken) {
    this.vocabulary = vocabulary;
    this.nodes = nodes;
    this.samplesPerNode = samplesPerNode;
    this.probes = probes;
    this.smoothing = smoothing;
    this.seed = seed;
    this.drift = drift;
    this.logTruth = logTruth;
    this.nextToken = nextToken;
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
    double[] logTruth = new double[vocabulary * vocabulary];
    UniformRandomProvider random = generator(seed, TRUTH_STREAM);
    fillNormal(random, logTruth);
    return new BigramSites(
        vocabulary,
        nodes,
        samplesPerNode,
        probes,
        smoothing,
        seed,
        0,
        logTruth,
        samplers(random, logTruth, vocabulary));
  }

  /**
   * The same truth and probes, with nodes that have truths of their own.
   *
   * @param deviation δ, in [0, inf) logits; at 0 nodes draw what they draw without
   */
  public BigramSites withDrift(double deviation) {
    if (!(deviation >= 0 && deviation < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("drift must be in [0, inf) logits, got " + deviation);
    }
    return new BigramSites(
        vocabulary, nodes, samplesPerNode, probes, smoothing, seed, deviation, logTruth, nextToken);
  }

  /** Makes log-probabilities of rows of logits, in place, and a sampler of each. */
  private static SharedStateDiscreteSampler[] samplers(
      UniformRandomProvider random, double[] logits, int vocabulary) {
    SharedStateDiscreteSampler[] samplers = new SharedStateDiscreteSampler[vocabulary];
    double[] probabilities = new double[vocabulary];
    for (int x = 0; x < vocabulary; x++) {
      int row = x * vocabulary;
      double sum = 0;
      for (int y = 0; y < vocabulary; y++) {
        sum += StrictMath.exp(logits[row + y]);
      }
      double logZ = StrictMath.log(sum);
      for (int y = 0; y < vocabulary; y++) {
        logits[row + y] -= logZ;
        probabilities[y] = StrictMath.exp(logits[row + y]);
      }
      samplers[x] = AliasMethodDiscreteSampler.of(random, probabilities);
    }
    return samplers;
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

  /** Draws the pairs of one node, 0 to K − 1; the same at every call. Keep it: it is n draws. */
  public Site site(int node) {
    Objects.checkIndex(node, nodes);
    UniformRandomProvider random = generator(seed, node);
    double[] own = logTruth;
    SharedStateDiscreteSampler[] of = nextToken;
    if (drift > 0) {
      UniformRandomProvider drifting = generator(seed, DRIFT_STREAM - node);
      own = new double[vocabulary * vocabulary];
      fillNormal(drifting, own);
      for (int i = 0; i < own.length; i++) {
        own[i] = logTruth[i] + drift * own[i];
      }
      of = samplers(drifting, own, vocabulary);
    }
    SharedStateDiscreteSampler[] samplers = new SharedStateDiscreteSampler[vocabulary];
    int[] contexts = new int[samplesPerNode];
    int[] tokens = new int[samplesPerNode];
    int[] from = new int[vocabulary + 1];
    for (int i = 0; i < samplesPerNode; i++) {
      int x = random.nextInt(vocabulary);
      if (samplers[x] == null) {
        samplers[x] = of[x].withUniformRandomProvider(random);
      }
      contexts[i] = x;
      tokens[i] = samplers[x].sample();
      from[x + 1]++;
    }
    for (int x = 0; x < vocabulary; x++) {
      from[x + 1] += from[x];
    }
    int[] next = from.clone();
    int[] byContext = new int[samplesPerNode];
    for (int i = 0; i < samplesPerNode; i++) {
      byContext[next[contexts[i]]++] = tokens[i];
    }
    return new Site(vocabulary, smoothing, own, from, byContext);
  }

  /** What one node learnt. Immutable. */
  public static final class Site {
    private final int vocabulary;
    private final double smoothing;
    private final double[] logTruth;

    /** The tokens seen in context x are {@code tokens[from[x] .. from[x + 1])}. */
    private final int[] from;

    private final int[] tokens;

    private Site(int vocabulary, double smoothing, double[] logTruth, int[] from, int[] tokens) {
      this.vocabulary = vocabulary;
      this.smoothing = smoothing;
      this.logTruth = logTruth;
      this.from = from;
      this.tokens = tokens;
    }

    /** Pairs (context, token) seen. */
    public int count(int context, int token) {
      Objects.checkIndex(context, vocabulary);
      Objects.checkIndex(token, vocabulary);
      int count = 0;
      for (int i = from[context]; i < from[context + 1]; i++) {
        count += tokens[i] == token ? 1 : 0;
      }
      return count;
    }

    /** Writes log P_i(·|context), of which the pairs were drawn, to {@code into[at .. at + V)}. */
    public void truth(int context, double[] into, int at) {
      Objects.checkIndex(context, vocabulary);
      System.arraycopy(logTruth, context * vocabulary, into, at, vocabulary);
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
      int seen = from[context + 1] - from[context];
      Arrays.fill(into, at, at + vocabulary, 0);
      for (int i = from[context]; i < from[context + 1]; i++) {
        into[at + tokens[i]]++;
      }
      double logTotal = StrictMath.log(seen + smoothing * vocabulary);
      double unseen = StrictMath.log(smoothing) - logTotal;
      for (int y = 0; y < vocabulary; y++) {
        double count = into[at + y];
        into[at + y] = count == 0 ? unseen : StrictMath.log(count + smoothing) - logTotal;
      }
    }
  }

  /** Two words of SplitMix64 from a place that (seed, stream) hashes to. */
  public static UniformRandomProvider generator(long seed, long stream) {
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
  public static void fillNormal(UniformRandomProvider random, double[] into) {
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
