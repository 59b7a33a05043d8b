package dev.sluice.transforms.conformal;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.Dither;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.Objects;

/**
 * The score channel of one node: its likeliest k' candidates and their scores, in the bits that a
 * {@link ScoreBudget} buys. THEORY 2.2, option A on [0, S], and 7.2.
 *
 * <pre>
 * k = min(floor(s/step + o), N-1)   step = S/(N-1)   o = (r + 1/2)*2^-32
 * reconstruction = (k + 1/2 - o)*step, to the grid of 2^-30 nats (as FORMAT 5)
 * </pre>
 *
 * <p>For every s in [0, S] the reconstruction's error is uniform on (-step/2, step/2] and
 * independent of s, to 2^-32 of a step and 2^-31 nats. Of a query's scores n1 have N+1 symbols,
 * those from a keyed start on, counted in candidate order.
 *
 * <p>Dither is r of {@link Dither} for the key of (seed, query, node), at the candidate's index in
 * its list: independent of the scores and so of which candidates are sent, and no two queries of a
 * node share any, wherever and in whatever order they are asked. Asking a query twice gives the
 * same dither twice, which is why calibration and test queries need different names.
 *
 * <p>A packet is, low bit first, the number of the subset ({@link SubsetCode}; no bits if all are
 * sent) and the symbols in the order of FORMAT 3.6; spare bits are 0.
 *
 * <p>Immutable.
 */
public final class ScoreQuantizer {
  /** The largest score range: sums of 4096 nodes on the grid of 2^-30 fit 63 bits. */
  public static final double MAX_RANGE = 0x1p20;

  /** In place of a score that a node does not have. */
  public static final double NOT_SCORED = Double.POSITIVE_INFINITY;

  /** The smallest: a step of 2^-16 of it is still wide on the grid. */
  public static final double MIN_RANGE = 0x1p-8;

  private final long seed;
  private final String node;
  private final double maxScore;
  private final OutOfRange outOfRange;

  /**
   * A packet and what was done to make it.
   *
   * @param clipped scores of the list that were outside the range
   */
  public record Packet(byte[] bytes, int clipped) {}

  /**
   * What a node says of a query.
   *
   * @param candidates indices in the list, strictly ascending
   * @param units their scores in units of 2^-30 nats
   */
  public record Scored(int[] candidates, long[] units) {}

  private ScoreQuantizer(long seed, String node, double maxScore, OutOfRange outOfRange) {
    this.seed = seed;
    this.node = node;
    this.maxScore = maxScore;
    this.outOfRange = outOfRange;
  }

  /**
   * A channel.
   *
   * @param node name, without '|'
   * @param maxScore S in nats, in [2^-8, 2^20]
   */
  public static ScoreQuantizer of(long seed, String node, double maxScore, OutOfRange outOfRange) {
    Objects.requireNonNull(node, "node");
    Objects.requireNonNull(outOfRange, "outOfRange");
    if (!(maxScore >= MIN_RANGE && maxScore <= MAX_RANGE)) {
      throw new IllegalArgumentException(
          "the score range must be in [2^-8, 2^20] nats, got " + maxScore);
    }
    return new ScoreQuantizer(seed, node, maxScore, outOfRange);
  }

  /**
   * The key of a query's scores: {@link ChannelKey} with dither round "scores/" + query, so that no
   * probe of a round shares their dither's key.
   */
  ChannelKey key(String query) {
    return ChannelKey.of(seed, "scores/" + query, node);
  }

  /** S. */
  public double maxScore() {
    return maxScore;
  }

  /** The largest reconstruction, S + step/2 at the widest step, rounded up to the grid. */
  public double maxReconstruction(ScoreBudget budget) {
    double top = maxScore * (1 + budget.widestStep() / 2);
    return Math.ceil(top * 0x1p30 + 1) * 0x1p-30;
  }

  /**
   * A query's packet.
   *
   * @param query its name
   * @param scores [Y] in nats, {@link #NOT_SCORED} where the node has none; the k' smallest are
   *     sent, the first of equal ones; not changed
   * @throws IllegalArgumentException if a score is refused, or fewer than k' are there
   */
  public Packet encode(ScoreBudget budget, String query, double[] scores) {
    double[] clipped = new double[budget.listSize()];
    int moved = clip(budget, query, scores, clipped);
    int[] candidates = smallest(clipped, budget.sent());
    byte[] stream = new byte[budget.code().bytes()];
    budget.code().encode(symbols(budget, key(query), clipped, candidates), stream, 0);
    BigInteger packet = SubsetCode.ofBytes(stream).shiftLeft(budget.identityBits());
    if (budget.identityBits() > 0) {
      packet = packet.or(SubsetCode.number(candidates, budget.listSize()));
    }
    byte[] bytes = new byte[budget.packetBytes()];
    SubsetCode.toBytes(packet, bytes);
    return new Packet(bytes, moved);
  }

  /**
   * What a packet says.
   *
   * @throws BadCodesException if no scores have this packet
   */
  public Scored decode(ScoreBudget budget, String query, byte[] packet) throws BadCodesException {
    if (packet.length != budget.packetBytes()) {
      throw new BadCodesException(
          "packet of query "
              + query
              + ": "
              + packet.length
              + " bytes, expected "
              + budget.packetBytes());
    }
    BigInteger bits = SubsetCode.ofBytes(packet);
    if (bits.bitLength() > budget.packetBits()) {
      throw new BadCodesException("packet of query " + query + ": spare bits are set, expected 0");
    }
    int[] candidates;
    if (budget.identityBits() == 0) {
      candidates = all(budget.sent());
    } else {
      BigInteger number = bits.mod(BigInteger.ONE.shiftLeft(budget.identityBits()));
      BigInteger count = SubsetCode.count(budget.listSize(), budget.sent());
      if (number.compareTo(count) >= 0) {
        throw new BadCodesException(
            "packet of query " + query + ": subset " + number + ", expected below " + count);
      }
      candidates = SubsetCode.subset(number, budget.listSize(), budget.sent());
    }
    byte[] stream = new byte[budget.code().bytes()];
    SubsetCode.toBytes(bits.shiftRight(budget.identityBits()), stream);
    int[] symbols = new int[budget.sent()];
    budget.code().decode(stream, 0, symbols);
    return scored(budget, key(query), candidates, symbols);
  }

  /** What the packet of these scores would say, without packing it. */
  public Scored reconstruct(ScoreBudget budget, String query, double[] scores) {
    double[] clipped = new double[budget.listSize()];
    clip(budget, query, scores, clipped);
    int[] candidates = smallest(clipped, budget.sent());
    ChannelKey key = key(query);
    return scored(budget, key, candidates, symbols(budget, key, clipped, candidates));
  }

  private int clip(ScoreBudget budget, String query, double[] scores, double[] clipped) {
    if (scores.length != budget.listSize()) {
      throw new IllegalArgumentException(
          "query "
              + query
              + " has "
              + scores.length
              + " scores, expected one for each of "
              + budget.listSize()
              + " candidates");
    }
    int moved = 0;
    int scored = 0;
    for (int y = 0; y < scores.length; y++) {
      double s = scores[y];
      scored += s == NOT_SCORED ? 0 : 1;
      if (s == NOT_SCORED) {
        clipped[y] = s;
        continue;
      }
      if (s >= 0 && s <= maxScore) {
        clipped[y] = s;
        continue;
      }
      if (outOfRange == OutOfRange.REFUSE) {
        throw new IllegalArgumentException(
            "score of candidate "
                + y
                + " of query "
                + query
                + " must be in [0, "
                + maxScore
                + "], got "
                + s);
      }
      clipped[y] = s < 0 ? 0 : maxScore;
      moved++;
    }
    if (scored < budget.sent()) {
      throw new IllegalArgumentException(
          "query "
              + query
              + " has scores of "
              + scored
              + " candidates, expected at least the "
              + budget.sent()
              + " that are sent");
    }
    return moved;
  }

  /** The k smallest, the first of equal ones, in ascending order of index. */
  private static int[] smallest(double[] scores, int k) {
    if (k == scores.length) {
      return all(k);
    }
    double[] sorted = scores.clone();
    Arrays.sort(sorted);
    double last = sorted[k - 1];
    int ties = 0;
    for (int j = k - 1; j >= 0 && sorted[j] == last; j--) {
      ties++;
    }
    int[] chosen = new int[k];
    int used = 0;
    for (int y = 0; used < k; y++) {
      if (scores[y] < last || (scores[y] == last && ties-- > 0)) {
        chosen[used++] = y;
      }
    }
    return chosen;
  }

  private static int[] all(int k) {
    int[] indices = new int[k];
    Arrays.setAll(indices, y -> y);
    return indices;
  }

  /** Symbol j is that of candidate (start + j) mod k'. */
  private int[] symbols(ScoreBudget budget, ChannelKey key, double[] scores, int[] candidates) {
    int k = budget.sent();
    int start = key.start(0, 0, k);
    int[] r = new int[1];
    int[] symbols = new int[k];
    for (int j = 0; j < k; j++) {
      int y = candidates[(start + j) % k];
      int radix = j < budget.finer() ? budget.symbols() + 1 : budget.symbols();
      double step = maxScore / (radix - 1);
      symbols[j] = (int) Math.min(Math.floor(scores[y] / step + offset(key, y, r)), radix - 1.0);
    }
    return symbols;
  }

  private Scored scored(ScoreBudget budget, ChannelKey key, int[] candidates, int[] symbols) {
    int k = budget.sent();
    int start = key.start(0, 0, k);
    int[] r = new int[1];
    long[] units = new long[k];
    for (int j = 0; j < k; j++) {
      int at = (start + j) % k;
      int radix = j < budget.finer() ? budget.symbols() + 1 : budget.symbols();
      double step = maxScore / (radix - 1);
      double bracket = (symbols[j] + 0.5) - offset(key, candidates[at], r);
      units[at] = (long) Math.rint(bracket * step * 0x1p30);
    }
    return new Scored(candidates, units);
  }

  private static double offset(ChannelKey key, int candidate, int[] r) {
    Dither.fill(key.dither(), ScoreBudget.MAX_LIST, 0, candidate, candidate + 1, r, 0);
    return ((r[0] & 0xffffffffL) + 0.5) * 0x1p-32;
  }
}
