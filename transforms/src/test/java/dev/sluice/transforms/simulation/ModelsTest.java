package dev.sluice.transforms.simulation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.both;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;

import dev.sluice.schemas.AuditShare;
import dev.sluice.transforms.channel.Dither;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Sites' models, the channel between them and a hub, and questions. */
class ModelsTest {
  private static final int VOCABULARY = 6;

  private static double[] base() {
    return new double[] {0.1, 0.1, 0.2, 0.3, 0.2, 0.1};
  }

  private static int[] text(int words, long seed) {
    int[] text = new int[Corpus.PAD + words];
    Arrays.fill(text, 0, Corpus.PAD, Corpus.END_OF_LINE);
    for (int i = Corpus.PAD; i < text.length; i++) {
      text[i] = (int) Math.floorMod(Dither.mix(seed * 100_000 + i), VOCABULARY - 1L); // never 5
    }
    return text;
  }

  @Test
  void everyContextsPredictionSumsToOne() {
    NgramModel model = NgramModel.of(VOCABULARY, List.of(text(40, 1), text(20, 2)));
    double[] logits = new double[VOCABULARY];
    for (int u = 0; u < VOCABULARY; u++) {
      for (int v = 0; v < VOCABULARY; v++) {
        model.predict(u, v, base(), logits);
        double sum = 0;
        for (int w = 0; w < VOCABULARY; w++) {
          double p = StrictMath.exp(logits[w]);
          assertThat(model.probability(u, v, w, base()[w]), closeTo(p, 1e-12));
          sum += p;
        }
        assertThat(sum, closeTo(1, 1e-12));
      }
    }
  }

  @Test
  void whereNothingWasSeenTheBaseIsAllThereIs() {
    NgramModel model = NgramModel.of(VOCABULARY, List.of(text(40, 1)));
    double[] logits = new double[VOCABULARY];
    model.predict(2, 5, base(), logits);
    for (int w = 0; w < VOCABULARY; w++) {
      assertThat(StrictMath.exp(logits[w]), closeTo(base()[w], 1e-15));
    }
  }

  /** Words 2 3 2 3 2: after 2 there is 3 twice; D2 = D3 = .1 where nothing was seen just once. */
  @Test
  void countsAreDiscountedAsWritten() {
    int[] text = {1, 1, 1, 2, 3, 2, 3, 2};
    NgramModel model = NgramModel.of(VOCABULARY, List.of(text));
    // Pairs 12 once, 23 and 32 twice: D2 = 1/(1 + 4). Triples 112, 123 once, 232 twice, 323 once:
    // D3 = 3/(3 + 2).
    double d2 = 0.2;
    double d3 = 0.6;
    double p1 = (2 + 1) / (5.0 + VOCABULARY);
    double p2 = (2 - d2) / 2 + d2 * 1 / 2 * p1;
    double p3 = (1 - d3) / 1 + d3 * 1 / 1 * p2;
    double lambda = 2 / (2.0 + 1);
    double expected = (1 - lambda) * 0.3 + lambda * p3;
    assertThat(model.probability(3, 2, 3, 0.3), closeTo(expected, 1e-15));
  }

  /** Three nodes of random logits. */
  private static final ChannelRound.Sites SITES =
      (context, rows) -> {
        for (int node = 0; node < rows.length; node++) {
          for (int v = 0; v < rows[node].length; v++) {
            long hash = Dither.mix((context * 64L + node) * 4096 + v);
            rows[node][v] = 6 * ((hash >>> 11) * 0x1p-53) + context;
          }
        }
      };

  @Test
  void aRoundIsUnbiasedWithinItsStepAndItsBounds() throws Exception {
    int contexts = 700;
    int vocabulary = 500; // more than one block
    double[][] rows = new double[3][vocabulary];
    double[] mean = new double[vocabulary];
    double[] worst = new double[1];
    for (double bits : new double[] {2, 4.5, 8}) {
      ChannelRound round = new ChannelRound("r", 5, contexts, vocabulary, 3, bits);
      worst[0] = 0;
      AuditShare audit =
          round.audited(
              SITES,
              (context, means, from) -> {
                SITES.predict(context, rows);
                double low = Double.POSITIVE_INFINITY;
                double high = Double.NEGATIVE_INFINITY;
                for (int v = 0; v < vocabulary; v++) {
                  mean[v] = means[from + v] - (rows[0][v] + rows[1][v] + rows[2][v]) / 3;
                  low = Math.min(low, mean[v]);
                  high = Math.max(high, mean[v]);
                }
                worst[0] = Math.max(worst[0], high - low);
              });
      double step = 6 / (Math.floor(Math.pow(2, bits)) - 1); // of the coarse coordinates
      assertThat(worst[0], lessThan(step * 1.001));
      double m = contexts;
      double error = 4 * Math.sqrt(audit.getKlSquares()) / m;
      assertThat(
          audit.getKl() / m,
          is(
              both(greaterThan(audit.getLower() / m - error))
                  .and(lessThan(audit.getUpper() / m + error))));
      assertThat((double) round.uplinkBits(), lessThan(contexts * vocabulary * bits + 1));
      assertThat((double) round.uplinkBits(), greaterThan(contexts * vocabulary * bits * 0.99));
    }
  }

  @Test
  void theRoundsNameAndTheSeedDecideTheDither() throws Exception {
    float[][] means = new float[4][500];
    String[] ids = {"r", "r", "s", "r"};
    for (int i = 0; i < 4; i++) {
      float[] into = means[i];
      new ChannelRound(ids[i], i == 3 ? 6 : 5, 2, 500, 3, 4)
          .play(SITES, (context, row, from) -> System.arraycopy(row, from, into, 0, 500));
    }
    assertThat(means[1], is(means[0]));
    assertThat(means[2], is(not(means[0])));
    assertThat(means[3], is(not(means[0])));
  }

  @Test
  void questionsHaveTheTrueWordOnceAmongDifferentOnes() {
    int[] text = new int[Corpus.PAD + 500];
    for (int i = Corpus.PAD; i < text.length; i++) {
      text[i] = (int) Math.floorMod(Dither.mix(i), 40L);
    }
    List<ClozeQuestions.Question> questions = ClozeQuestions.of(text, text, 300, 9);
    assertThat(questions.size(), is(300));
    Set<Integer> places = new HashSet<>();
    int[] truths = new int[ClozeQuestions.CANDIDATES];
    for (ClozeQuestions.Question question : questions) {
      assertThat(places.add(question.at()), is(true));
      assertThat(question.candidates()[question.truth()], is(text[question.at()]));
      assertThat(Arrays.stream(question.candidates()).distinct().count(), is(8L));
      assertThat(Arrays.stream(question.candidates()).min().orElseThrow(), greaterThan(1));
      truths[question.truth()]++;
    }
    // Binomial(300, 1/8) has sd 5.7; beyond 5 of them once in 2e5 such tests.
    for (int truth : truths) {
      assertThat((double) truth, closeTo(37.5, 5 * 5.73));
    }
    int[] poor = {1, 1, 1, 2, 3, 4, 5, 2, 3, 4, 5};
    assertThat(ClozeQuestions.of(text, poor, 300, 9), is(List.of()));
  }

  /**
   * Values of Clopper and Pearson's interval: 1 − .975^(1/n) form at the ends, 5 of 10 from tables.
   */
  @Test
  void intervalsAreClopperAndPearsons() {
    assertThat(Questioned.low(0, 10), is(0.0));
    assertThat(Questioned.low(10, 10), closeTo(Math.pow(0.025, 0.1), 1e-6));
    assertThat(Questioned.low(5, 10), closeTo(0.187086, 1e-6));
    assertThat(Questioned.low(1, 10), closeTo(1 - Math.pow(0.975, 0.1), 1e-6));
  }

  @Test
  void aDeviationIsThatOfTheMean() {
    Deviation deviation = Deviation.of(new double[] {1, 2, 3, 6});
    assertThat(deviation.mean(), is(3.0));
    assertThat(deviation.standardError(), closeTo(Math.sqrt(14 / 3.0 / 4), 1e-15));
    assertThat(Deviation.of(new double[] {5}).standardError(), is(0.0));
  }
}
