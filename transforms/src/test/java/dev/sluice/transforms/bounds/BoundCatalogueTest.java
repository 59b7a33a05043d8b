package dev.sluice.transforms.bounds;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The catalogue as a whole, and its bounds beside each other. */
class BoundCatalogueTest {
  private static PlannedRound plan(String quantizer, double[] clips, double... bits)
      throws IOException {
    PlanDraft draft = new PlanDraft("r", 1000, 50).withQuantizer(quantizer);
    for (int i = 0; i < bits.length; i++) {
      draft.withNode("n" + i, bits[i]);
    }
    if (clips.length > 0) {
      draft.withClip(PlanDraft.fixedClips(Arrays.stream(clips).boxed().toList()));
    }
    return draft.finish("plan.json");
  }

  private static Map<Input, Double> everything() {
    Map<Input, Double> inputs = new EnumMap<>(Input.class);
    for (Input input : Input.values()) {
      inputs.put(
          input,
          switch (input) {
            case ALPHA, DELTA, EXCESS -> 0.1;
            case ROUNDS, WARM_UP -> 3.0;
            case SAMPLES, N_CAL -> 1e6;
            case SPREAD, PHI, QUANTILE_ERROR, DRIFT_LOGITS, C_REM -> 0.001;
            case C1, C2, F_MAX, MEAN_KL -> 0.01;
            case SCORE_BITS -> 8.0;
            case DIMENSION -> 50.0;
            case ETA0 -> 0.5;
            default -> 1.0;
          });
    }
    return inputs;
  }

  private static Bound.Result at(Setting setting, String id) {
    return BoundCatalogue.of(id).orElseThrow().in(setting);
  }

  private static double value(Setting setting, String id) {
    Bound.Result result = at(setting, id);
    return result.value().orElseThrow(() -> new AssertionError(id + ": " + result));
  }

  private static void assertNone(Setting setting, String id, String note) {
    assertThat(id, at(setting, id).value().isPresent(), is(false));
    assertThat(id, at(setting, id).note(), containsString(note));
  }

  @Test
  void everyBoundIsDocumentedAndHasAnIdOfItsOwn() {
    Set<String> ids = new HashSet<>();
    for (Bound bound : BoundCatalogue.all()) {
      assertThat(bound.id(), ids.add(bound.id()), is(true));
      for (String text : List.of(bound.name(), bound.source(), bound.section(), bound.formula())) {
        assertThat(bound.id(), text, not(equalTo("")));
      }
      assertThat(bound.id(), bound.assumptions().size(), greaterThan(0));
      assertThat(BoundCatalogue.of(bound.id().toLowerCase()).orElseThrow(), is(bound));
    }
    assertThat(
        ids.containsAll(
            List.of(
                "U", "L", "worst", "P2-3.1", "P1-A", "P1-B", "P2-4.2", "P2-4.3", "P1-4.4", "P2-5.4",
                "P2-5.5", "P2-5.6", "P1-5.5", "P1-5.6", "P1-5.7", "P1-6.8")),
        is(true));
  }

  /** Nothing is invented: without inputs, what needs them has no value and says what it needs. */
  @Test
  void constantsThatNobodySaidAreAskedFor() throws IOException {
    Setting bare = Setting.of(plan("dither", new double[0], 4, 4), Map.of());
    for (Bound bound : BoundCatalogue.all()) {
      Bound.Result result = bound.in(bare);
      boolean free = bound.options().isEmpty();
      if (bound.id().equals("P1-train") || bound.id().equals("P1-6.8")) {
        free = false;
      }
      assertThat(bound.id(), result.value().isPresent(), is(free));
      assertThat(bound.id(), result.needs(), is(bound.options()));
    }
    Setting told = Setting.of(plan("dither", new double[] {4, 4}, 4, 4), everything());
    for (Bound bound : BoundCatalogue.all()) {
      Bound.Result result = bound.in(told);
      boolean identicalNodesOnly = bound.id().equals("R1");
      assertThat(bound.id() + result, result.value().isPresent(), is(!identicalNodesOnly));
    }
    assertThat(at(told, "R1").note(), containsString("biased"));
  }

  @Test
  void lowerBoundsAreBelowUpperOnes() throws IOException {
    for (String quantizer : List.of("dither", "dither-paper")) {
      for (double b : new double[] {3, 3.7, 8}) {
        Setting s = Setting.of(plan(quantizer, new double[] {8, 8, 8}, b, b, b), everything());
        assertThat(value(s, "L"), lessThan(value(s, "U")));
        assertThat(value(s, "U"), lessThanOrEqualTo(value(s, "U2") * (1 + 1e-12)));
        assertThat(value(s, "U2"), lessThan(value(s, "any-law")));
        assertThat(value(s, "U"), lessThan(value(s, "worst")));
        assertThat(value(s, "P2-4.2"), lessThan(value(s, "P2-3.1")));
        assertThat(value(s, "P2-3.1"), equalTo(value(s, "P2-5.4")));
        assertThat(value(s, "P1-A"), closeTo(25 * value(s, "P2-3.1"), 1e-12));
        assertThat(value(s, "no-averaging"), closeTo(3 * value(s, "P2-3.1"), 1e-12));
        assertThat(value(s, "R3"), lessThan(value(s, "R2")));
        assertThat(value(s, "R2"), lessThan(value(s, "R0-mean")));
        assertThat(value(s, "R0-mean"), lessThan(value(s, "R0")));
        assertThat(value(s, "P1-6.8"), lessThan(value(s, "P1-5.5")));
        assertThat(value(s, "P1-5.5"), lessThan(value(s, "coverage")));
      }
    }
  }

  /** THEORY 2.2 and 4.2: what a symbol of 2^b is short costs (1 − 2^−b)^−2. */
  @Test
  void theQuantiserAsItIsAndThePapers() throws IOException {
    double[] clips = {5, 5};
    Setting ours = Setting.of(plan("dither", clips, 4, 4), everything());
    Setting theirs = Setting.of(plan("dither-paper", clips, 4, 4), everything());
    double penalty = Math.pow(1 - 1.0 / 16, -2);
    assertThat(value(theirs, "U2"), closeTo(value(theirs, "P2-3.1"), 1e-15));
    assertThat(value(ours, "U2"), closeTo(penalty * value(ours, "P2-3.1"), 1e-15));
    assertThat(value(ours, "R3"), closeTo(penalty * value(ours, "P2-4.3"), 1e-15));
    assertThat(at(ours, "P2-3.1").note(), containsString("U2"));
    for (Bound bound : BoundCatalogue.all()) {
      boolean published =
          Set.of(
                  "P2-3.1",
                  "P2-4.3",
                  "P2-5.4",
                  "P2-5.5",
                  "P2-5.5-uniform",
                  "P2-5.5-ratio",
                  "P1-A",
                  "P1-B",
                  "no-averaging",
                  "risk-paper")
              .contains(bound.id());
      assertThat(
          bound.id(), bound.in(ours).note().contains("does not hold for this plan"), is(published));
      assertThat(
          bound.id(), bound.in(theirs).note(), not(containsString("does not hold for this plan")));
    }
    assertThat(value(ours, "R0"), closeTo(value(ours, "U2"), 1e-15));
  }

  /** THEORY 6.4's examples. */
  @ParameterizedTest
  @CsvSource({"0.1, 46570, 187", "0.01, 4656925, 1863"})
  void sampleSizes(double excess, double paper, double sharp) throws IOException {
    Map<Input, Double> inputs = new EnumMap<>(Input.class);
    inputs.put(Input.W_MIN, 12.0); // uniform on ±6
    inputs.put(Input.DELTA, 0.05);
    inputs.put(Input.EXCESS, excess);
    Setting s = Setting.of(plan("dither-paper", new double[] {6, 6, 6, 6}, 4, 4, 4, 4), inputs);
    assertThat(value(s, "P2-5.6-samples-paper"), equalTo(paper));
    assertThat(value(s, "P2-5.6-samples"), equalTo(sharp));
  }

  @Test
  void heterogeneousBudgets() throws IOException {
    double[] clips = {8, 8, 2, 2};
    Setting best = Setting.of(plan("dither", clips, 5, 5, 3, 3), Map.of());
    Setting uniform = Setting.of(plan("dither", clips, 4, 4, 4, 4), Map.of());
    assertThat(value(best, "P2-5.4"), closeTo(value(best, "P2-5.5"), 1e-15));
    assertThat(value(uniform, "P2-5.4"), closeTo(value(uniform, "P2-5.5-uniform"), 1e-15));
    assertThat(value(uniform, "P2-5.5"), closeTo(value(best, "P2-5.5"), 1e-15));
    assertThat(
        value(uniform, "P2-5.4") / value(best, "P2-5.4"),
        closeTo(value(uniform, "P2-5.5-ratio"), 1e-12));
    assertThat(value(best, "P2-5.5-ratio"), closeTo(2.125, 1e-12));
    assertThat(at(best, "P2-3.1").note(), containsString("P2-5.4"));
    Setting scarce = Setting.of(plan("dither", clips, 1, 1, 1, 0), Map.of());
    assertThat(scarce.nodes(), is(3));
    assertThat(at(scarce, "P2-5.5").note(), containsString("less than 0 bits"));
    Setting attained = Setting.of(plan("dither-paper", clips, 5, 5, 3, 3), Map.of());
    assertThat(at(attained, "P2-5.5").note(), equalTo(""));
    assertThat(at(attained, "P2-5.5-uniform").note(), containsString("another split"));
    for (String id : List.of("P2-5.4", "P2-5.5", "P2-5.5-uniform", "P2-5.5-ratio")) {
      assertThat(at(best, id).bound().assumptions().toString(), containsString("left out of K"));
    }
    assertNone(
        Setting.of(plan("midrise", clips, 5, 5, 3, 3), Map.of()), "P2-5.5-ratio", "no dither");
  }

  /** Printed and right forms differ where THEORY 9 says so. */
  @Test
  void thePapersFormsStandBeside() throws IOException {
    Map<Input, Double> inputs = everything();
    inputs.put(Input.LAMBDA_MAX, 2.0);
    Setting s = Setting.of(plan("dither-paper", new double[] {4, 4}, 4, 4), inputs);
    assertThat(
        value(s, "risk-paper") - value(s, "risk"),
        closeTo(value(s, "P2-3.1") - value(s, "U"), 1e-12));
    assertThat(value(s, "trace"), equalTo(1 - 1.0 / 50));
    assertThat(value(s, "trace-paper"), equalTo(1.0));
    assertThat(
        value(s, "B.9") / value(s, "B.9-paper"), closeTo(Math.sqrt(3), 1e-12)); // m, not m T0
    assertThat(value(s, "P1-4.4"), closeTo(value(s, "risk") + 1, 1e-12));
  }

  @Test
  void vacuousOnesSaySo() throws IOException {
    Map<Input, Double> inputs = everything();
    Setting wide = Setting.of(plan("dither", new double[] {400}, 1), inputs);
    assertThat(at(wide, "U").vacuous(), containsString("log V"));
    assertThat(at(wide, "risk").vacuous(), containsString("log V"));
    assertThat(at(wide, "B.9").vacuous(), containsString("nothing is promised"));
    assertThat(at(wide, "P2-5.6").vacuous(), equalTo("infinite"));
    Setting narrow = Setting.of(plan("dither", new double[] {0.1}, 1), inputs);
    assertThat(at(narrow, "P1-A").vacuous(), containsString("L^2/2"));
    assertThat(at(narrow, "U").vacuous(), equalTo(""));
    inputs.put(Input.F_MAX, 1e3);
    Setting dense = Setting.of(plan("dither", new double[] {4}, 4), inputs);
    Bound.Result chain = at(dense, "P1-6.8");
    assertThat(chain.vacuous(), equalTo("not above 0"));
    assertThat(chain.value().orElseThrow(), lessThan(0.0));
    assertThat(chain.shown().orElseThrow(), equalTo(0.0));
    assertThat(at(dense, "P1-5.7").vacuous(), containsString("number of candidates"));
    Setting coarse = Setting.of(plan("midrise", new double[] {4}, 4), inputs);
    assertThat(at(coarse, "U").note(), containsString("no dither"));
    assertThat(at(coarse, "worst").value().isPresent(), is(true));
    Setting large = Setting.of(plan("dither", new double[] {8}, 2), inputs);
    assertThat(at(large, "P2-4.2").note(), containsString("(SE')"));
  }

  /** KL is in [0, W²/8]; a mean over one probe within more than that is no news. */
  @Test
  void deviationIsVacuousFromTheWorstCaseOn() throws IOException {
    Map<Input, Double> inputs = new EnumMap<>(Input.class);
    PlannedRound few =
        new PlanDraft("r", 1, 50)
            .withNode("n0", 4)
            .withClip(PlanDraft.fixedClips(List.of(4.0)))
            .finish("plan.json");
    inputs.put(Input.DELTA, 0.05); // √(log 40/2) = 1.36
    assertThat(at(Setting.of(few, inputs), "deviation").vacuous(), containsString("worst case"));
    inputs.put(Input.DELTA, 0.5); // √(log 4/2) = 0.83
    assertThat(at(Setting.of(few, inputs), "deviation").vacuous(), equalTo(""));
    assertThat(at(Setting.of(few, inputs), "trace-paper").vacuous(), containsString("every p"));
    assertThat(at(Setting.of(few, inputs), "trace").vacuous(), equalTo(""));
  }

  /** THEORY 4.2: the residual is the mean's error, whose range a coarse node widens for all. */
  @Test
  void broadcastResidualsNeedOneChannel() throws IOException {
    Map<Input, Double> inputs = new EnumMap<>(Input.class);
    inputs.put(Input.ROUNDS, 2.0);
    inputs.put(Input.SPREAD, 0.0);
    Setting alike = Setting.of(plan("dither", new double[] {4, 4}, 2, 2), inputs);
    assertThat(value(alike, "R1"), closeTo(value(alike, "R2"), 1e-15));
    assertThat(value(alike, "R1-safe"), closeTo(value(alike, "R2"), 1e-15));
    for (Setting differ :
        List.of(
            Setting.of(plan("dither", new double[] {4, 4}, 8, 2), inputs),
            Setting.of(plan("dither", new double[] {4, 2}, 2, 2), inputs))) {
      assertNone(differ, "R1", "nodes differ in clip or symbols");
      assertNone(differ, "R1-safe", "nodes differ in clip or symbols");
      assertThat(at(differ, "R2").value().isPresent(), is(true));
    }
  }

  /** Of two nodes at ±L each is L from the mean; what does not read the spread does not mind it. */
  @Test
  void aSpreadThatNoLogitsHave() throws IOException {
    Map<Input, Double> inputs = new EnumMap<>(Input.class);
    inputs.put(Input.ROUNDS, 2.0);
    inputs.put(Input.SPREAD, 4.0);
    Setting most = Setting.of(plan("dither", new double[] {4, 4}, 2, 2), inputs);
    assertThat(at(most, "R1-safe").value().isPresent(), is(true));
    inputs.put(Input.SPREAD, 4.5);
    Setting more = Setting.of(plan("dither", new double[] {4, 4}, 2, 2), inputs);
    assertNone(more, "R1", "2L(1 - 1/K) = 4.0");
    assertNone(more, "R1-safe", "2L(1 - 1/K) = 4.0");
    inputs.put(Input.SPREAD, 5.0);
    Setting wide = Setting.of(plan("dither", new double[] {8, 2}, 2, 2), inputs);
    for (String id : List.of("R0", "R0-mean", "R2", "R3")) {
      assertThat(id, at(more, id).value().isPresent(), is(true));
      assertThat(id, at(wide, id).value().isPresent(), is(true));
    }
  }

  @ParameterizedTest
  @CsvSource({"2, 0.5", "50, 0.98", "256, 0.99609375"})
  void concentrationIsAtMostThatOfTheUniform(int vocabulary, double most) throws IOException {
    PlannedRound round = new PlanDraft("r", 10, vocabulary).withNode("n0", 4).finish("plan.json");
    Setting.of(round, Map.of(Input.ETA0, most));
    Exception refused =
        assertThrows(
            IllegalArgumentException.class,
            () -> Setting.of(round, Map.of(Input.ETA0, Math.nextUp(most))));
    assertThat(refused.getMessage(), containsString("--eta0"));
    assertThat(refused.getMessage(), containsString("1 - 1/V"));
  }

  /**
   * What is said of one plan agrees: no upper bound is below a lower one, but for those whose note
   * says that they are not this plan's.
   */
  @Property(tries = 300)
  void upperBoundsOfAPlanAreAboveLowerOnes(
      @ForAll("quantizers") String quantizer,
      @ForAll @IntRange(min = 2, max = 5000) int vocabulary,
      @ForAll @Size(min = 1, max = 5) List<@DoubleRange(min = 1, max = 9) Double> bits,
      @ForAll @DoubleRange(min = 0.05, max = 12) double clip,
      @ForAll @DoubleRange(min = 1, max = 6) double ratio,
      @ForAll boolean wholeBits,
      @ForAll boolean oneClip)
      throws IOException {
    PlanDraft draft = new PlanDraft("r", 100, vocabulary).withQuantizer(quantizer);
    List<Double> clips = new ArrayList<>();
    for (int i = 0; i < bits.size(); i++) {
      draft.withNode("n" + i, wholeBits ? Math.rint(bits.get(i)) : bits.get(i));
      clips.add(oneClip || i % 2 == 0 ? clip : clip / ratio);
    }
    Map<Input, Double> inputs = new EnumMap<>(Input.class);
    inputs.put(Input.ETA0, 1 - 1.0 / vocabulary);
    inputs.put(Input.C_REM, 0.0);
    inputs.put(Input.ROUNDS, 1.0);
    inputs.put(Input.SPREAD, 0.0);
    inputs.put(Input.DRIFT_LOGITS, 0.0);
    Setting s = Setting.of(draft.withClip(PlanDraft.fixedClips(clips)).finish("plan.json"), inputs);
    for (Bound.Result above : all(s, Bound.Kind.BANDWIDTH_ABOVE)) {
      for (Bound.Result below : all(s, Bound.Kind.BANDWIDTH_BELOW)) {
        if (above.value().isPresent()
            && below.value().isPresent()
            && !above.note().contains(Bound.NOT_THIS_PLAN)) {
          assertThat(
              above.bound().id() + " above " + below.bound().id(),
              above.value().getAsDouble(),
              greaterThanOrEqualTo(below.value().getAsDouble()));
        }
      }
    }
  }

  @Provide
  Arbitrary<String> quantizers() {
    return Arbitraries.of("dither", "dither-paper");
  }

  private static List<Bound.Result> all(Setting setting, Bound.Kind kind) {
    return BoundCatalogue.all().stream()
        .filter(bound -> bound.kind() == kind)
        .map(bound -> bound.in(setting))
        .toList();
  }

  /** Corollary 6.8 takes the risk's bound where no divergence is given. */
  @Test
  void theChainTakesTheRisk() throws IOException {
    Map<Input, Double> inputs = everything();
    inputs.remove(Input.MEAN_KL);
    inputs.put(Input.C2, 0.0);
    Setting s = Setting.of(plan("dither", new double[] {4, 4}, 6, 6), inputs);
    double risk = value(s, "risk");
    assertThat(value(s, "P1-train"), closeTo(0.01 * (risk + Math.sqrt(2 * risk)), 1e-12));
    assertThat(at(s, "P1-train").note(), containsString("KL by the bound 'risk'"));
    inputs.remove(Input.C1);
    Setting less = Setting.of(plan("dither", new double[] {4, 4}, 6, 6), inputs);
    assertThat(at(less, "P1-train").note(), containsString("--mean-kl"));
  }

  @Test
  void moreBitsAndMoreNodesCostLess() throws IOException {
    List<Double> byBits = new ArrayList<>();
    for (double b = 1; b <= 16; b += 0.5) {
      byBits.add(value(Setting.of(plan("dither", new double[] {4, 4}, b, b), Map.of()), "U"));
    }
    for (int i = 1; i < byBits.size(); i++) {
      assertThat(byBits.get(i), lessThan(byBits.get(i - 1)));
    }
    double one = value(Setting.of(plan("dither", new double[] {4}, 4), Map.of()), "P2-5.4");
    double two = value(Setting.of(plan("dither", new double[] {4, 4}, 4, 4), Map.of()), "P2-5.4");
    assertThat(one / two, closeTo(2, 1e-12));
  }
}
