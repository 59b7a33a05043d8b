package dev.sluice.transforms.conformal;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.channel.Quantizer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@link ScoreBudget}, {@link ScoreQuantizer} and {@link SwarmScore}. */
class ScoreQuantizerTest {
  private static final double S = 20;
  private static final ScoreQuantizer CHANNEL =
      ScoreQuantizer.of(314159, "node", S, OutOfRange.REFUSE);

  /** Every budget of 1 to 64 bits, every list of 2 to 16 and every number of candidates wanted. */
  @Test
  void noPacketIsLongerThanItsBudget() throws BadCodesException {
    SplittableRandom random = new SplittableRandom(161803);
    for (int bits = 1; bits <= 64; bits++) {
      for (int list = 2; list <= 16; list++) {
        for (int wanted = 1; wanted <= list; wanted++) {
          int sent = payable(bits, list, wanted);
          int[] arguments = {bits, list, wanted};
          if (sent == 0) {
            assertThat(
                refusal(() -> ScoreBudget.of(arguments[0], arguments[1], arguments[2])),
                containsString("names and scores not one of " + list));
            continue;
          }
          ScoreBudget budget = ScoreBudget.of(bits, list, wanted);
          assertThat(budget.sent(), is(sent));
          assertThat(budget.packetBits(), lessThanOrEqualTo(bits));
          int left = bits - budget.identityBits();
          if (sent > 1) {
            BlockShape shape = BlockShape.of(Quantizer.DITHER, false, sent, 1, 0, left);
            assertThat(budget.symbols(), is(shape.symbols()));
            assertThat(budget.finer(), is(shape.finer()));
          } else {
            assertThat(budget.symbols(), is(1 << Math.min(left, 16)));
          }
          double[] scores = random.doubles(list, 0, S).toArray();
          String query = "q" + random.nextInt();
          ScoreQuantizer.Packet packet = CHANNEL.encode(budget, query, scores);
          assertThat(packet.bytes().length, is((budget.packetBits() + 7) / 8));
          ScoreQuantizer.Scored scored = CHANNEL.decode(budget, query, packet.bytes());
          assertThat(scored.candidates(), equalTo(likeliest(scores, sent)));
          assertThat(scored.units(), equalTo(CHANNEL.reconstruct(budget, query, scores).units()));
          for (int j = 0; j < sent; j++) {
            double error = scored.units()[j] * 0x1p-30 - scores[scored.candidates()[j]];
            assertThat(Math.abs(error), lessThanOrEqualTo(S * budget.widestStep() / 2 + 0x1p-30));
            assertThat(
                scored.units()[j] * 0x1p-30, lessThanOrEqualTo(CHANNEL.maxReconstruction(budget)));
          }
        }
      }
    }
  }

  /** The most candidates up to those wanted that a bit each and their identities leave room for. */
  private static int payable(int bits, int list, int wanted) {
    for (int k = wanted; k >= 1; k--) {
      long subsets = 1;
      for (int i = 1; i <= k; i++) {
        subsets = subsets * (list - k + i) / i;
      }
      if (64 - Long.numberOfLeadingZeros(subsets - 1) + k <= bits) {
        return k;
      }
    }
    return 0;
  }

  private static int[] likeliest(double[] scores, int k) {
    return IntStream.range(0, scores.length)
        .boxed()
        .sorted((a, b) -> Double.compare(scores[a], scores[b]))
        .limit(k)
        .mapToInt(y -> y)
        .sorted()
        .toArray();
  }

  /** Naming 15 of 16 costs 4 bits, naming all none. */
  @Test
  void allMayBeCheaperThanMost() {
    assertThat(ScoreBudget.of(16, 16, 16).sent(), is(16));
    assertThat(ScoreBudget.of(16, 16, 15).sent(), is(4));
    assertThat(ScoreBudget.of(15, 16, 16).sent(), is(4));
    assertThat(ScoreBudget.of(1, 1, 1).packetBits(), is(1));
    assertThat(ScoreBudget.of(100_000, 4096, 4096).symbols(), is(1 << 16));
    assertThat(ScoreBudget.of(100, 4096, 4096).sent(), is(payableOf(100, 4096)));
  }

  private static int payableOf(int bits, int list) {
    int k = bits;
    while (SubsetCode.bits(list, k) + k > bits) {
      k--;
    }
    return k;
  }

  /**
   * The error is uniform on a step and independent of the score. Seed 314159, M = 40000 queries.
   * False alarms of each of 13 candidates: mean beyond 5 sd 6e-7, mean square beyond 6 sd 2e-9,
   * Kolmogorov's distance above 2.6/sqrt(M) 3e-6; 5e-5 in all.
   */
  @ParameterizedTest
  @CsvSource({"3, 2", "6, 2", "8, 3", "12, 3", "30, 3"})
  void theErrorIsUniformWhateverTheScore(int bits, int list) {
    int m = 40_000;
    ScoreBudget budget = ScoreBudget.of(bits, list, list);
    double[] scores = {0, 0.37 * S, S};
    scores = list == 2 ? new double[] {0, S} : scores;
    double[][] errors = new double[list][m];
    for (int query = 0; query < m; query++) {
      long[] units = CHANNEL.reconstruct(budget, "q" + query, scores).units();
      int start = CHANNEL.key("q" + query).start(0, 0, list);
      for (int y = 0; y < list; y++) {
        boolean finer = Math.floorMod(y - start, list) < budget.finer();
        double step = S / (budget.symbols() - (finer ? 0 : 1));
        errors[y][query] = (units[y] * 0x1p-30 - scores[y]) / step;
      }
    }
    for (double[] e : errors) {
      checkUniform(e);
    }
    double product = 0;
    for (int i = 0; i < m; i++) {
      product += errors[0][i] * errors[1][i];
    }
    // sd of the mean product of independent errors is (1/12)/sqrt(M).
    assertThat(product / m, closeTo(0, 5.0 / 12 / Math.sqrt(m)));
  }

  private static void checkUniform(double[] errors) {
    int m = errors.length;
    double[] sorted = errors.clone();
    Arrays.sort(sorted);
    assertThat(-sorted[0], lessThanOrEqualTo(0.5 * (1 + 1e-6)));
    assertThat(sorted[m - 1], lessThanOrEqualTo(0.5 * (1 + 1e-6)));
    double mean = Arrays.stream(errors).sum() / m;
    double square = Arrays.stream(errors).map(e -> e * e).sum() / m;
    assertThat(mean, closeTo(0, 5 / Math.sqrt(12.0 * m)));
    assertThat(square, closeTo(1 / 12.0, 6 * Math.sqrt(0.8 / m) / 12));
    double distance = 0;
    for (int i = 0; i < m; i++) {
      double cdf = sorted[i] + 0.5;
      distance = Math.max(distance, Math.max(cdf - (double) i / m, (i + 1.0) / m - cdf));
    }
    assertThat(distance, lessThan(2.6 / Math.sqrt(m)));
  }

  /** FORMAT 10.1. */
  @Test
  void vector() throws BadCodesException {
    ScoreQuantizer channel = ScoreQuantizer.of(1, "n0", 20, OutOfRange.REFUSE);
    ScoreBudget budget = ScoreBudget.of(16, 5, 3);
    byte[] packet = channel.encode(budget, "q7", new double[] {9.5, 0.25, 3, 20, 1.75}).bytes();
    assertThat(HexFormat.of().formatHex(packet), is("0612"));
    ScoreQuantizer.Scored scored = channel.decode(budget, "q7", packet);
    assertThat(scored.candidates(), equalTo(new int[] {1, 2, 4}));
    assertThat(scored.units(), equalTo(new long[] {408157426L, 2569440926L, 1532372947L}));
  }

  @Test
  void theDitherIsDocumented() {
    ScoreBudget budget = ScoreBudget.of(10, 1, 1);
    int[] r = new int[1];
    for (String query : new String[] {"q0", "q1", "7|node", "Größe"}) {
      ChannelKey key = ChannelKey.of(314159, "scores/" + query, "node");
      Dither.fill(key.dither(), 4096, 0, 0, 1, r, 0);
      double offset = (Integer.toUnsignedLong(r[0]) + 0.5) * 0x1p-32;
      double step = S / 1023;
      double expected = (Math.floor(7 / step + offset) + 0.5 - offset) * step;
      long[] units = CHANNEL.reconstruct(budget, query, new double[] {7}).units();
      assertThat(units[0], is(Math.round(expected * 0x1p30)));
    }
  }

  @Test
  void nodesAndQueriesHaveDitherOfTheirOwn() {
    ScoreBudget budget = ScoreBudget.of(40, 4, 4);
    double[] scores = {1, 2, 3, 4};
    long[] here = CHANNEL.reconstruct(budget, "q5", scores).units();
    assertThat(CHANNEL.reconstruct(budget, "q5", scores).units(), equalTo(here));
    assertThat(CHANNEL.reconstruct(budget, "q6", scores).units(), not(equalTo(here)));
    for (ScoreQuantizer other :
        new ScoreQuantizer[] {
          ScoreQuantizer.of(314159, "other", S, OutOfRange.REFUSE),
          ScoreQuantizer.of(314160, "node", S, OutOfRange.REFUSE)
        }) {
      assertThat(other.reconstruct(budget, "q5", scores).units(), not(equalTo(here)));
    }
    assertThat(CHANNEL.key("q5"), not(equalTo(ChannelKey.of(314159, "q5", "node"))));
  }

  @Test
  void whatIsOutsideTheRange() {
    ScoreBudget budget = ScoreBudget.of(64, 4, 2);
    for (double bad : new double[] {-1e-9, 20.000001, Double.NaN, Double.NEGATIVE_INFINITY}) {
      assertThat(
          refusal(() -> CHANNEL.encode(budget, "q3", new double[] {1, bad, 2, 3})),
          containsString("score of candidate 1 of query q3 must be in [0, 20.0], got " + bad));
    }
    ScoreQuantizer clipping = ScoreQuantizer.of(314159, "node", S, OutOfRange.CLIP);
    ScoreQuantizer.Packet clipped =
        clipping.encode(budget, "q3", new double[] {Double.NaN, -3, 1e9, 5});
    assertThat(clipped.clipped(), is(3));
    ScoreQuantizer.Packet within = CHANNEL.encode(budget, "q3", new double[] {S, 0, S, 5});
    assertThat(within.clipped(), is(0));
    assertThat(clipped.bytes(), equalTo(within.bytes()));
    // -0 is in the range.
    assertThat(
        CHANNEL.encode(budget, "q3", new double[] {S, -0.0, S, 5}).bytes(),
        equalTo(within.bytes()));
  }

  @Test
  void whatIsNotScoredIsNotSent() {
    ScoreBudget budget = ScoreBudget.of(64, 4, 2);
    double none = ScoreQuantizer.NOT_SCORED;
    assertThat(sent(budget, none, S, none, S), equalTo(new int[] {1, 3}));
    ScoreQuantizer clipping = ScoreQuantizer.of(314159, "node", S, OutOfRange.CLIP);
    assertThat(clipping.encode(budget, "q", new double[] {none, S, none, S}).clipped(), is(0));
    assertThat(
        refusal(() -> CHANNEL.encode(budget, "q3", new double[] {none, none, none, 1})),
        containsString("query q3 has scores of 1 candidates, expected at least the 2"));
  }

  @Test
  void theFirstOfEqualScoresIsSent() {
    ScoreBudget budget = ScoreBudget.of(64, 5, 2);
    assertThat(sent(budget, 1, 1, 1, 1, 1), equalTo(new int[] {0, 1}));
    assertThat(sent(budget, 3, 2, 9, 2, 2), equalTo(new int[] {1, 3}));
    assertThat(sent(budget, 3, 2, 9, 1, 2), equalTo(new int[] {1, 3}));
  }

  private static int[] sent(ScoreBudget budget, double... scores) {
    return CHANNEL.reconstruct(budget, "q0", scores).candidates();
  }

  @Test
  void packetsThatNoScoresHave() {
    ScoreBudget budget = ScoreBudget.of(12, 5, 2); // 10 subsets in 4 bits, 8 bits for 2 scores
    assertThat(budget.packetBits(), is(12));
    assertThat(bad(budget, new byte[1]), containsString("1 bytes, expected 2"));
    assertThat(bad(budget, new byte[] {0, 16}), containsString("spare bits"));
    assertThat(bad(budget, new byte[] {10, 0}), containsString("subset 10, expected below 10"));
    ScoreBudget radix = ScoreBudget.of(4, 2, 2);
    assertThat(radix.symbols(), is(4));
    ScoreBudget mixed = ScoreBudget.of(5, 2, 2); // 5*6 of 32 states
    assertThat(mixed.symbols() + mixed.finer(), is(6));
    bad(mixed, new byte[] {31});
  }

  private static String bad(ScoreBudget budget, byte[] packet) {
    return assertThrows(BadCodesException.class, () -> CHANNEL.decode(budget, "q0", packet))
        .getMessage();
  }

  @Test
  void refusals() {
    assertThat(refusal(() -> ScoreBudget.of(9, 0, 1)), containsString("got 0"));
    assertThat(refusal(() -> ScoreBudget.of(9, 4097, 1)), containsString("got 4097"));
    assertThat(refusal(() -> ScoreBudget.of(9, 4, 5)), containsString("[1, 4], got 5"));
    assertThat(refusal(() -> ScoreBudget.of(2, 4, 4)), containsString("at least 3 are needed"));
    for (double s : new double[] {0, -1, Double.NaN, 0x1p21, Double.POSITIVE_INFINITY}) {
      assertThat(
          refusal(() -> ScoreQuantizer.of(1, "n0", s, OutOfRange.CLIP)),
          containsString("got " + s));
    }
    assertThat(
        refusal(() -> CHANNEL.encode(ScoreBudget.of(9, 4, 4), "q2", new double[3])),
        containsString("query q2 has 3 scores"));
  }

  @Test
  void swarmScoresHaveOneValue() {
    SplittableRandom random = new SplittableRandom(57721);
    ScoreBudget budget = ScoreBudget.of(40, 9, 4);
    int nodes = 17;
    ScoreQuantizer.Scored[] scored = new ScoreQuantizer.Scored[nodes];
    for (int i = 0; i < nodes; i++) {
      ScoreQuantizer channel = ScoreQuantizer.of(1, "n" + i, S, OutOfRange.REFUSE);
      scored[i] =
          channel.reconstruct(budget, "q0", random.doubles(9, 0, i % 3 == 0 ? 1 : S).toArray());
    }
    SwarmScore forward = new SwarmScore(9);
    SwarmScore backward = new SwarmScore(9);
    SwarmScore even = new SwarmScore(9);
    SwarmScore merged = new SwarmScore(9);
    for (int i = 0; i < nodes; i++) {
      forward.add(scored[i]);
      backward.add(scored[nodes - 1 - i]);
      (i % 2 == 0 ? even : merged).add(scored[i]);
    }
    merged.add(even);
    assertThat(backward, equalTo(forward));
    assertThat(merged, equalTo(forward));
    assertThat(merged.hashCode(), is(forward.hashCode()));
    int total = 0;
    for (int y = 0; y < 9; y++) {
      double sum = 0;
      int count = 0;
      for (ScoreQuantizer.Scored s : scored) {
        int at = Arrays.binarySearch(s.candidates(), y);
        sum += at >= 0 ? s.units()[at] : 0;
        count += at >= 0 ? 1 : 0;
      }
      assertThat(forward.nodes(y), is(count));
      assertThat(
          forward.score(y), is(count == 0 ? Double.POSITIVE_INFINITY : sum / count * 0x1p-30));
      total += count;
    }
    assertThat(total, is(4 * nodes));
  }

  @Test
  void aCandidateThatNoNodeScoredIsInfinite() {
    SwarmScore swarm = new SwarmScore(3);
    swarm.add(new ScoreQuantizer.Scored(new int[] {1}, new long[] {3L << 29}));
    assertThat(
        swarm.scores(),
        equalTo(new double[] {Double.POSITIVE_INFINITY, 1.5, Double.POSITIVE_INFINITY}));
    assertThat(swarm.nodes(1), is(1));
    assertThat(
        refusal(() -> swarm.add(new SwarmScore(2))), containsString("2 candidates, expected 3"));
    assertThat(refusal(() -> new SwarmScore(0)), containsString("got 0"));
  }

  private static String refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }
}
