package dev.sluice.transforms.allocation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.allocation.PlugInSplit.Portions;
import dev.sluice.transforms.allocation.PlugInSplit.Split;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class PlugInSplitTest {
  private static final double INF = Double.POSITIVE_INFINITY;

  private static List<String> names(int nodes) {
    return IntStream.range(0, nodes).mapToObj(i -> "n" + i).toList();
  }

  private static PlugInSplit among(double[] weights, double floor, double cap) {
    int nodes = weights.length;
    return PlugInSplit.among(
        names(nodes),
        weights,
        WaterFillingTest.filled(nodes, floor),
        WaterFillingTest.filled(nodes, cap));
  }

  /** THEORY 8.7, mean 3: the model's optimum is whole bits by itself, and half of uniform. */
  @Test
  void wideAndNarrowClips() {
    double[] weights = Weighting.fromClips(new double[] {8, 8, 2, 2});
    Split model = among(weights, 1, INF).withDistortion(Distortion.MODEL).implementable(12);
    for (int i = 0; i < 4; i++) {
      assertThat(model.bits()[i], closeTo(i < 2 ? 4 : 2, 1e-12));
    }
    assertThat(model.uniform() / model.thisSplit(), closeTo(2.125, 1e-12));
    assertThat(model.waterLevel(), closeTo(64.0 / 3 / 256, 1e-12));
    Split formula = among(weights, 0, INF).formula(12);
    assertThat(formula.thisSplit(), closeTo(model.thisSplit(), 1e-15));
    assertThat(formula.uniform(), closeTo(model.uniform(), 1e-15));
    Split whole = among(weights, 1, 16).withPortions(Portions.WHOLE).implementable(12.9);
    assertThat(whole.bits(), equalTo(new double[] {4, 4, 2, 2}));
    assertThat(whole.spent(), is(12.0));
    assertThat(whole.thisSplit(), closeTo((2 * 64.0 / 3 / 225 + 2 * 4.0 / 3 / 9) / 32, 1e-15));
    // No better than with fractions of bits, which may spend 12.9.
    Split fractional = among(weights, 1, 16).implementable(12);
    assertThat(fractional.thisSplit(), lessThanOrEqualTo(whole.thisSplit()));
    assertThat(Double.isNaN(fractional.waterLevel()), is(true));
  }

  /** Row 1 of THEORY 8.7: by the formula narrow nodes have no bits and count as noise. */
  @Test
  void nodesWithoutBitsAreNoiseOnlyByTheFormula() {
    double[] weights = Weighting.fromClips(new double[] {8, 8, 2, 2});
    Split formula = among(weights, 0, INF).formula(4);
    assertThat(formula.bits()[0], closeTo(2, 1e-12));
    assertThat(formula.bits()[2], closeTo(0, 1e-12));
    assertThat(formula.active(), is(4));
    assertThat(formula.thisSplit(), closeTo(4 * (4.0 / 3) / 32, 1e-12));
    Split plan =
        PlugInSplit.among(names(4), weights, new double[4], new double[] {9, 9, 0, 0})
            .withSpread(1e9)
            .implementable(4);
    assertThat(plan.active(), is(2));
    assertThat(plan.bits()[2], is(0.0));
    assertThat(plan.thisSplit(), closeTo(2 * (64.0 / 3) / 9 / 8, 1e-12));
    assertThat(plan.uniform(), closeTo(plan.thisSplit(), 1e-12));
  }

  @Property(tries = 400, seed = "271828")
  void keepsToBoundsAndBudgetAndBeatsBaselines(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 12) int nodes,
      @ForAll Distortion distortion,
      @ForAll Portions portions,
      @ForAll Policy policy) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] weights = new double[nodes];
    double[] floors = new double[nodes];
    double[] caps = new double[nodes];
    boolean mayDrop = random.nextBoolean();
    double least = 1;
    for (int i = 0; i < nodes; i++) {
      weights[i] = Math.pow(2, 12 * random.nextDouble() - 6);
      floors[i] = mayDrop ? 0 : 0.5 + 2 * random.nextDouble();
      caps[i] =
          random.nextInt(4) == 0
              ? INF
              : Math.ceil(Math.max(1, floors[i])) + 6 * random.nextDouble();
      if (i > 0 && random.nextInt(6) == 0) {
        floors[i] = 0;
        caps[i] = 0;
      }
      least += mayDrop ? 0 : Math.ceil(floors[i]);
    }
    double total = least + 5 * nodes * random.nextDouble();
    Split split =
        PlugInSplit.among(names(nodes), weights, floors, caps)
            .withPolicy(policy)
            .withPortions(portions)
            .withDistortion(distortion)
            .withSpread(random.nextDouble())
            .implementable(total);
    double[] bits = split.bits();
    int active = 0;
    for (int i = 0; i < nodes; i++) {
      assertThat(bits[i] == 0 || (bits[i] >= 1 && bits[i] <= 16), is(true));
      assertThat(bits[i], lessThanOrEqualTo(caps[i]));
      if (portions == Portions.WHOLE) {
        assertThat(bits[i], is(Math.rint(bits[i])));
      }
      if (!mayDrop && caps[i] > 0) {
        assertThat(bits[i], greaterThanOrEqualTo(floors[i]));
        assertThat(bits[i], greaterThanOrEqualTo(1.0));
      }
      active += bits[i] > 0 ? 1 : 0;
    }
    assertThat(split.active(), is(active));
    assertThat(split.spent(), lessThanOrEqualTo(total));
    assertThat(split.spent(), is(Arrays.stream(bits).reduce(0, Double::sum)));
    if (policy == Policy.WATER_FILLING && !mayDrop) {
      assertThat(split.thisSplit(), lessThanOrEqualTo(split.uniform() * (1 + 1e-12)));
      assertThat(split.thisSplit(), lessThanOrEqualTo(split.inverse() * (1 + 1e-12)));
    }
    if (policy == Policy.UNIFORM && !mayDrop) {
      assertThat(split.thisSplit(), is(split.uniform()));
    }
    if (policy == Policy.INVERSE && !mayDrop) {
      assertThat(split.thisSplit(), is(split.inverse()));
    }
  }

  /** What is cut from baselines goes where most was cut, the lowest index first. */
  @Test
  void baselinesInWholeBits() {
    PlugInSplit even = among(new double[] {1, 2, 4}, 1, 16).withPortions(Portions.WHOLE);
    assertThat(
        even.withPolicy(Policy.UNIFORM).implementable(8).bits(), equalTo(new double[] {3, 3, 2}));
    // In proportion 4 : 2 : 1, that is 6.86, 3.43 and 1.71 of 12.
    assertThat(
        even.withPolicy(Policy.INVERSE).implementable(12).bits(), equalTo(new double[] {7, 3, 2}));
    assertThat(
        even.withPolicy(Policy.UNIFORM).implementable(99).bits(),
        equalTo(new double[] {16, 16, 16}));
  }

  @Test
  void spreadDecidesWhoIsLeftOut() {
    double[] weights = {1000, 0.1, 0.1, 0.1};
    PlugInSplit split = among(weights, 0, 16);
    assertThat(split.withSpread(0.5).implementable(8).bits()[0], is(0.0));
    assertThat(split.withSpread(0.5).implementable(8).active(), is(3));
    assertThat(split.withSpread(1e6).implementable(8).active(), is(4));
    assertThat(split.withSpread(0.5).implementable(3).uniform(), is(Double.NaN));
    // One node is no choice.
    assertThat(among(new double[] {3}, 0, 16).implementable(5).bits(), equalTo(new double[] {5}));
  }

  /** As built, four nodes with a bit each cost .0184, and two with two bits .0109. */
  @Test
  void activeNodesAreChosenOnTheDistortionInUse() {
    double[] weights = WaterFillingTest.filled(4, 0.1166);
    PlugInSplit split = among(weights, 0, 16).withSpread(0.0307);
    for (Portions portions : Portions.values()) {
      Split built = split.withPortions(portions).implementable(4);
      assertThat(built.bits(), equalTo(new double[] {2, 2, 0, 0}));
      assertThat(0.0307 / 4 + built.thisSplit(), closeTo(0.0109, 5e-5));
      assertThat(0.0307 / 8 + built.uniform(), closeTo(0.0184, 5e-5));
    }
    Split model = split.withDistortion(Distortion.MODEL).implementable(4);
    assertThat(model.bits(), equalTo(new double[] {1, 1, 1, 1}));
  }

  @Property(tries = 200, seed = "141421")
  void noNumberOfActiveNodesIsBetter(
      @ForAll long seed,
      @ForAll @IntRange(min = 2, max = 9) int nodes,
      @ForAll Distortion distortion,
      @ForAll Portions portions) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] weights = new double[nodes];
    double[] caps = new double[nodes];
    for (int i = 0; i < nodes; i++) {
      weights[i] = Math.pow(2, 8 * random.nextDouble() - 4);
      caps[i] = random.nextBoolean() ? INF : 2 + random.nextInt(5);
    }
    double total = 1 + 3 * nodes * random.nextDouble();
    double spread = Math.pow(2, 10 * random.nextDouble() - 8);
    PlugInSplit split =
        PlugInSplit.among(names(nodes), weights, new double[nodes], caps)
            .withDistortion(distortion)
            .withPortions(portions)
            .withSpread(spread);
    Split chosen = split.implementable(total);
    int[] order =
        IntStream.range(0, nodes)
            .boxed()
            .sorted(java.util.Comparator.comparingDouble((Integer i) -> weights[i]))
            .mapToInt(i -> i)
            .toArray();
    if (distortion == Distortion.MODEL) {
      double cap = Math.min(16, Arrays.stream(caps).max().orElseThrow());
      double budget = portions == Portions.WHOLE ? Math.floor(total) : total;
      int[] set = ActiveSet.choose(weights, budget, 1, cap, spread, 1).nodes();
      int[] active = IntStream.range(0, nodes).filter(i -> chosen.bits()[i] > 0).toArray();
      assertThat(active, equalTo(set));
      return;
    }
    double best = INF;
    for (int n = 1; n <= Math.min(nodes, total); n++) {
      double[] only = new double[nodes];
      double[] floors = new double[nodes];
      for (int j = 0; j < n; j++) {
        only[order[j]] = caps[order[j]];
        floors[order[j]] = 1;
      }
      Split all =
          PlugInSplit.among(names(nodes), weights, floors, only)
              .withPortions(portions)
              .implementable(total);
      best = Math.min(best, spread / (2 * n) + all.thisSplit());
    }
    double cost = spread / (2 * chosen.active()) + chosen.thisSplit();
    assertThat(cost, closeTo(best, 1e-12 * best));
  }

  /** Of many nodes some numbers are tried: never worse than the model's, equal ones the most. */
  @Test
  void manyNodes() {
    int nodes = 3000;
    double[] even = WaterFillingTest.filled(nodes, 0.1166);
    PlugInSplit split = among(even, 0, 16);
    Split built = split.withSpread(0.0307).implementable(nodes);
    assertThat(built.active() < nodes, is(true));
    double cost = 0.0307 / 2 / built.active() + built.thisSplit();
    assertThat(cost, lessThanOrEqualTo(0.0307 / 2 / nodes + built.uniform()));
    assertThat(split.withSpread(1e6).implementable(nodes).active(), is(nodes));
  }

  @Test
  void predictedTermsAreTheChannels() {
    double[] estimates = {1, 4};
    double[] channel = {30, 30};
    Split split = among(estimates, 1, 16).withChannel(channel).implementable(9);
    double[] bits = split.bits();
    assertThat(
        split.thisSplit(),
        closeTo(
            30 * (Distortion.SHRUNK.ofBits(bits[0]) + Distortion.SHRUNK.ofBits(bits[1])) / 8,
            1e-15));
    assertThat(bits[1] > bits[0], is(true));
  }

  /** With and without overhead, a split of the codes is the same. */
  @Property(tries = 300, seed = "577215")
  void overheadIsBesideTheCode(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 12) int nodes,
      @ForAll @IntRange(min = 2, max = 2000) int vocabulary,
      @ForAll Portions portions,
      @ForAll Policy policy,
      @ForAll boolean mayDrop) {
    SplittableRandom random = new SplittableRandom(seed);
    double overhead = Math.ceil(0x1p44 / vocabulary) * 0x1p-40;
    double[] weights = new double[nodes];
    Arrays.setAll(weights, i -> Math.pow(2, 8 * random.nextDouble() - 4));
    double floor = mayDrop ? 0 : 1 + random.nextDouble();
    double cap = Math.min(16, 2 + overhead + 6 * random.nextDouble());
    double least = Math.max(1, Math.ceil(floor - overhead)) + overhead;
    double total = least * nodes + (random.nextInt(4) == 0 ? 0 : 5 * nodes * random.nextDouble());
    PlugInSplit plain =
        among(weights, floor, cap).withPolicy(policy).withPortions(portions).withSpread(0.1);
    Split split = plain.withOverhead(overhead).implementable(total);
    assertThat(split.spent(), lessThanOrEqualTo(total));
    double distortions = 0;
    double[] bits = split.bits();
    double[] codeBits = split.codeBits();
    for (int i = 0; i < nodes; i++) {
      if (bits[i] == 0) {
        assertThat(mayDrop && codeBits[i] == 0, is(true));
        continue;
      }
      assertThat(bits[i], is(codeBits[i] + overhead));
      assertThat(bits[i], lessThanOrEqualTo(cap));
      assertThat(bits[i], greaterThanOrEqualTo(floor));
      assertThat(Levels.bitsPerProbe(bits[i], vocabulary), greaterThanOrEqualTo(vocabulary + 16L));
      if (portions == Portions.WHOLE) {
        assertThat(codeBits[i], is(Math.rint(codeBits[i])));
      }
      distortions += weights[i] * Distortion.SHRUNK.ofBits(codeBits[i]);
    }
    double n = split.active();
    assertThat(split.thisSplit(), closeTo(distortions / (2 * n * n), 1e-12 * distortions));
    if (!mayDrop) {
      double forCode = Math.max(nodes * (least - overhead), total - nodes * overhead);
      Split codes =
          among(weights, Math.max(1, floor - overhead), cap - overhead)
              .withPolicy(policy)
              .withPortions(portions)
              .implementable(forCode + 1e-9);
      assertThat(split.thisSplit(), closeTo(codes.thisSplit(), 1e-6 * codes.thisSplit()));
    }
  }

  @Test
  void overheadIsInTheTermsOfBoundsAndTotal() {
    PlugInSplit split = among(new double[] {1, 1}, 1, 16).withOverhead(0.25);
    assertThat(split.implementable(2.5).bits(), equalTo(new double[] {1.25, 1.25}));
    assertThat(split.implementable(99).bits(), equalTo(new double[] {16, 16}));
    assertThat(
        split.withPortions(Portions.WHOLE).implementable(99).bits(),
        equalTo(new double[] {15.25, 15.25}));
    assertThat(
        refusal(() -> split.implementable(2.4)),
        containsString(
            "total of 2.4 bits per coordinate is below 2.5, the sum of the least that 2 nodes need"
                + " (0.25 of each node's beside the code, for clip levels)"));
    assertThat(
        refusal(() -> among(new double[] {1}, 1, 1).withOverhead(0.25).implementable(9)),
        containsString("at least 1.25 bits per coordinate (0.25 of them beside the code"));
    assertThat(
        refusal(
            () ->
                among(new double[] {1}, 16, 16)
                    .withOverhead(0.25)
                    .withPortions(Portions.WHOLE)
                    .implementable(99)),
        containsString("floor of node 'n0' must be at most 15.25 bits per coordinate (0.25 of"));
    // A node that is left out has no overhead either.
    PlugInSplit some = among(new double[] {1, 1}, 0, 16).withOverhead(0.25).withSpread(0.01);
    assertThat(some.implementable(3).bits(), equalTo(new double[] {3, 0}));
    assertThat(
        refusal(() -> some.implementable(1.2)),
        containsString("total must be at least 1.25 bits per coordinate (0.25 of them"));
    for (double bad : new double[] {-1, 16, 0.1, Double.NaN}) {
      assertThat(refusal(() -> some.withOverhead(bad)), containsString("overhead must be"));
    }
  }

  @Test
  void refusals() {
    double[] w = {1, 1};
    double[] z = {0, 0};
    assertThat(
        refusal(() -> PlugInSplit.among(List.of(), new double[0], new double[0], new double[0])),
        containsString("at least 1, got none"));
    assertThat(
        refusal(() -> PlugInSplit.among(List.of("a", "a"), w, z, w)),
        containsString("node 'a' is there twice"));
    for (double bad : new double[] {0, -1, Double.NaN, INF}) {
      assertThat(
          refusal(() -> PlugInSplit.among(names(2), new double[] {1, bad}, z, w)),
          containsString("weight of node 'n1' must be in (0, inf) logits^2, got " + bad));
    }
    assertThat(
        refusal(() -> PlugInSplit.among(names(2), w, new double[] {0, 2}, w)),
        containsString("cap of node 'n1' must be at least its floor of 2.0"));
    assertThat(
        refusal(() -> PlugInSplit.among(names(2), w, new double[] {0, -2}, w)),
        containsString("floor of node 'n1' must be in [0, inf)"));
    assertThat(
        refusal(() -> among(w, 1.5, 9).formula(2.5)),
        containsString("total of 2.5 bits per coordinate is below 3.0"));
    assertThat(
        refusal(() -> among(w, 1, 9).implementable(1.5)),
        containsString("total of 1.5 bits per coordinate is below 2.0"));
    assertThat(
        refusal(() -> among(w, 1, 9).withPortions(Portions.WHOLE).implementable(1.9)),
        containsString("total of 1.9"));
    assertThat(refusal(() -> among(w, 0, 9).implementable(4)), containsString("is not known"));
    assertThat(
        refusal(() -> among(w, 0, 9).withSpread(1).implementable(0.5)),
        containsString("at least 1 bit per coordinate, which one node needs, got 0.5"));
    assertThat(
        refusal(() -> among(w, 0, 0.5).implementable(4)),
        containsString("cap of node 'n0' must be 0, which leaves it out, or at least 1"));
    assertThat(
        refusal(() -> among(w, 17, 20).implementable(40)),
        containsString("floor of node 'n0' must be at most 16"));
    assertThat(refusal(() -> among(w, 0, 0).implementable(4)), containsString("cap of 0"));
    assertThat(
        refusal(
            () ->
                PlugInSplit.among(names(2), w, new double[] {0, 2}, new double[] {9, 9})
                    .withSpread(1)
                    .implementable(8)),
        containsString("that of node 'n1' is 2.0"));
    assertThat(refusal(() -> among(w, 0, 9).formula(INF)), containsString("total"));
    assertThat(refusal(() -> among(w, 1, 9).implementable(Double.NaN)), containsString("NaN"));
  }

  private static String refusal(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }
}
