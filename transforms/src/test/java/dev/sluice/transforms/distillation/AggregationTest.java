package dev.sluice.transforms.distillation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.is;

import org.junit.jupiter.api.Test;

class AggregationTest {
  private static double[] target(Aggregation aggregation, double[]... logits) {
    double[] target = new double[logits[0].length];
    aggregation.target(logits, target);
    return target;
  }

  private static double[] logs(double... weights) {
    double[] logs = new double[weights.length];
    for (int v = 0; v < logs.length; v++) {
      logs[v] = StrictMath.log(weights[v]);
    }
    return logs;
  }

  private static void close(double[] found, double... expected) {
    for (int v = 0; v < expected.length; v++) {
      assertThat(found[v], closeTo(expected[v], 1e-8));
    }
  }

  /**
   * Geometric means of (.8, .2) and (.2, .8) are equal, and so are arithmetic ones; not so below.
   */
  @Test
  void logitsAverageGeometricallyAndProbabilitiesArithmetically() {
    double[] one = logs(0.9, 0.1);
    double[] two = logs(0.5, 0.5);
    close(target(Aggregation.FEDDF, one, two), 0.7, 0.3);
    close(target(Aggregation.NONE, one, two), 0.75, 0.25); // sqrt(9) : 1
    close(target(Aggregation.FPLD, one, two), 0.75, 0.25);
  }

  @Test
  void nodesThatAgreeAreTheTeacher() {
    double[] row = logs(0.5, 0.3, 0.2);
    for (Aggregation aggregation : Aggregation.values()) {
      close(target(aggregation, row), 0.5, 0.3, 0.2);
      close(target(aggregation, row, row, row), 0.5, 0.3, 0.2);
    }
  }

  @Test
  void aShiftOfANodesRowChangesNothing() {
    double[] one = logs(0.6, 0.3, 0.1);
    double[] two = logs(0.2, 0.2, 0.6);
    double[] shifted = {two[0] + 5, two[1] + 5, two[2] + 5};
    for (Aggregation aggregation : Aggregation.values()) {
      close(target(aggregation, one, shifted), target(aggregation, one, two));
    }
  }

  @Test
  void onlyOneIsQuantised() {
    assertThat(Aggregation.FPLD.isQuantised(), is(true));
    assertThat(Aggregation.NONE.isQuantised(), is(false));
    assertThat(Aggregation.FEDDF.isQuantised(), is(false));
    assertThat(Aggregation.FEDDF.label(), is("feddf"));
  }
}
