package dev.sluice.transforms.distillation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.both;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.channel.Dither;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class DistillationTest {
  private static final int VOCABULARY = 17;

  /** Rows of logits in (-2, 2). */
  private static TargetTable table(int probes, long key) {
    TargetTable table = new TargetTable(probes, VOCABULARY);
    float[] row = new float[VOCABULARY];
    for (int probe = 0; probe < probes; probe++) {
      for (int v = 0; v < VOCABULARY; v++) {
        row[v] = (float) (4 * uniform(key + probe * 1000L + v) - 2);
      }
      table.setLogits(probe, row, 0);
    }
    return table;
  }

  private static double uniform(long key) {
    return (Dither.mix(key * 0x9E3779B97F4A7C15L) >>> 11) * 0x1p-53;
  }

  private static SoftmaxLinearStudent flat() {
    return SoftmaxLinearStudent.on(new double[VOCABULARY]);
  }

  /** Feature 0 is in all, feature l + 1 in probe l alone. */
  private static int[][] identifying(int probes) {
    int[][] features = new int[probes][];
    Arrays.setAll(features, l -> new int[] {0, l + 1});
    return features;
  }

  @Test
  void whereFeaturesTellContextsApartTheStudentBecomesTheTable() {
    TargetTable targets = table(20, 1);
    SoftmaxLinearStudent student = flat();
    int[][] features = identifying(20);
    double before = Distillation.slack(student, features, targets);
    Distillation.fit(student, features, targets, new StudentSettings(400, 4, 0.5, 0, 1e-3), 7);
    assertThat(before, greaterThan(0.3));
    assertThat(Distillation.slack(student, features, targets), lessThan(1e-5));
    double[] logs = new double[VOCABULARY];
    double[] probabilities = new double[VOCABULARY];
    student.predict(features[3], logs, probabilities);
    for (int v = 0; v < VOCABULARY; v++) {
      assertThat(probabilities[v], closeTo(targets.probability(3, v), 1e-3));
      assertThat(StrictMath.exp(logs[v]), closeTo(probabilities[v], 1e-8));
    }
  }

  @Test
  void whereNothingTellsThemApartItBecomesTheMeanOfTheTargets() {
    TargetTable targets = table(6, 2);
    SoftmaxLinearStudent student = flat();
    int[][] features = new int[6][];
    Arrays.fill(features, new int[] {0});
    Distillation.fit(student, features, targets, new StudentSettings(600, 6, 0.5, 0, 1e-3), 7);
    double[] probabilities = new double[VOCABULARY];
    student.predict(features[0], new double[VOCABULARY], probabilities);
    for (int v = 0; v < VOCABULARY; v++) {
      double mean = 0;
      for (int probe = 0; probe < 6; probe++) {
        mean += targets.probability(probe, v) / 6;
      }
      assertThat(probabilities[v], closeTo(mean, 1e-4));
    }
  }

  /** With ε far above any gradient a step is -rate/ε times it. */
  @Test
  void aStepFollowsTheGradientOfTheMeanDivergence() {
    TargetTable targets = table(3, 3);
    int[][] features = {{0}, {0}, {0}};
    double[] base = new double[VOCABULARY];
    Arrays.setAll(base, v -> 0.3 * uniform(v));
    SoftmaxLinearStudent student = SoftmaxLinearStudent.on(base);
    Distillation.fit(student, features, targets, new StudentSettings(1, 3, 1e6, 0, 1e6), 7);
    double h = 1e-3;
    for (int v = 0; v < VOCABULARY; v++) {
      double slope = (moved(base, v, h, targets) - moved(base, v, -h, targets)) / (2 * h);
      assertThat(student.weight(0, v), closeTo(-slope, 1e-5));
    }
  }

  private static double moved(double[] base, int v, double by, TargetTable targets) {
    double[] other = base.clone();
    other[v] += by;
    return Distillation.slack(SoftmaxLinearStudent.on(other), new int[][] {{0}, {0}, {0}}, targets);
  }

  @Test
  void theDivergenceFallsFromEpochToEpoch() {
    double[] losses =
        Distillation.fit(
            flat(), identifying(50), table(50, 4), new StudentSettings(10, 8, 0.2, 0, 1e-3), 7);
    for (int epoch = 1; epoch < losses.length; epoch++) {
      assertThat(losses[epoch], lessThan(losses[epoch - 1]));
    }
  }

  @Test
  void aPenaltyHoldsWeightsBack() {
    TargetTable targets = table(5, 5);
    double[] sizes = new double[2];
    for (int i = 0; i < 2; i++) {
      SoftmaxLinearStudent student = flat();
      Distillation.fit(
          student, identifying(5), targets, new StudentSettings(50, 5, 0.2, 0.1 * i, 1e-3), 7);
      for (int v = 0; v < VOCABULARY; v++) {
        sizes[i] += Math.abs(student.weight(2, v));
      }
    }
    assertThat(sizes[1], lessThan(0.8 * sizes[0]));
  }

  @Test
  void theSameInputsGiveTheSameBitsAndTheKeyDecidesTheOrder() {
    TargetTable targets = table(30, 6);
    StudentSettings settings = new StudentSettings(3, 4, 0.3, 1e-3, 1e-3);
    double[][] weights = new double[3][VOCABULARY];
    for (int run = 0; run < 3; run++) {
      SoftmaxLinearStudent student = flat();
      Distillation.fit(student, identifying(30), targets, settings, run == 2 ? 8 : 7);
      for (int v = 0; v < VOCABULARY; v++) {
        weights[run][v] = student.weight(0, v);
      }
    }
    assertThat(weights[1], is(weights[0]));
    assertThat(weights[2], is(not(weights[0])));
  }

  @Test
  void anOrderIsAPermutation() {
    for (int n : new int[] {0, 1, 7, 1000}) {
      int[] sorted = Distillation.order(n, 5);
      Arrays.sort(sorted);
      for (int i = 0; i < n; i++) {
        assertThat(sorted[i], is(i));
      }
    }
  }

  @Test
  void sizesMustAgree() {
    assertThrows(
        IllegalArgumentException.class,
        () -> Distillation.slack(flat(), identifying(2), table(3, 1)));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            Distillation.slack(
                SoftmaxLinearStudent.on(new double[5]), identifying(3), table(3, 1)));
    assertThrows(IllegalArgumentException.class, () -> new StudentSettings(1, 1, 0, 0, 1));
    assertThrows(
        IllegalArgumentException.class,
        () -> SoftmaxLinearStudent.on(new double[] {0, Double.NEGATIVE_INFINITY}));
  }

  @Test
  void featuresAreThoseOfTheLastTokens() {
    ContextFeatures features = ContextFeatures.of(2, 20, 3);
    int[] one = features.before(new int[] {9, 4, 5}, 3);
    int[] two = features.before(new int[] {1, 4, 5, 6}, 3);
    int[] three = features.before(new int[] {4, 3, 5}, 3);
    assertThat(one, is(two));
    assertThat(three[1], is(one[1]));
    assertThat(three[2], is(not(one[2])));
    assertThat(one[0], is(0));
    assertThat(one[1], is(both(greaterThan(0)).and(lessThanOrEqualTo(1 << 20))));
    assertThat(one[2], is(both(greaterThan(1 << 20)).and(lessThanOrEqualTo(2 << 20))));
    assertThat(ContextFeatures.of(2, 20, 4).before(new int[] {4, 5}, 2), is(not(one)));
    assertThat(ContextFeatures.of(0, 20, 3).before(new int[0], 0), is(new int[] {0}));
  }
}
