package dev.sluice.transforms.comparison;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.ComparedCell;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What holds of every channel, whatever it does. */
@Tag("long")
class ComparedChannelsTest {
  private static final int PROBES = 67;
  private static final int VOCABULARY = 300;
  private static final int NODES = 3;
  private static final MadeUpRows ROWS = new MadeUpRows(8, PROBES, VOCABULARY, NODES);

  static List<String> names() {
    return ComparedChannels.all().stream()
        .filter(channel -> !(channel instanceof VectorChannel))
        .map(ComparedChannel::name)
        .toList();
  }

  static List<String> vectorCodes() {
    return ComparedChannels.all().stream()
        .filter(channel -> channel instanceof VectorChannel && !channel.isCostly())
        .map(ComparedChannel::name)
        .toList();
  }

  private static ComparedCell measure(String name, long budget) throws IOException {
    return CellDraft.measure(ComparedChannels.find(name).orElseThrow(), budget, ROWS.set(1), ROWS);
  }

  private static double divergence(double[] p, double[] q) {
    double logP = logSumExp(p);
    double logQ = logSumExp(q);
    return IntStream.range(0, p.length)
        .mapToDouble(v -> Math.exp(p[v] - logP) * ((p[v] - logP) - (q[v] - logQ)))
        .sum();
  }

  private static double logSumExp(double[] row) {
    double max = Arrays.stream(row).max().orElseThrow();
    return max + Math.log(Arrays.stream(row).map(x -> Math.exp(x - max)).sum());
  }

  @Test
  void namesAreDifferent() {
    List<String> all = ComparedChannels.all().stream().map(ComparedChannel::name).toList();
    assertThat(all.stream().distinct().count(), is((long) all.size()));
    assertThat(all.contains(ComparedChannels.NOTHING.name()), is(false));
  }

  /** Files are within the budget, and a channel that sends more does not do worse by much. */
  @ParameterizedTest
  @MethodSource("names")
  void aBudgetIsAPromiseAndBitsAreWorthSomething(String name) throws IOException {
    double before = Double.POSITIVE_INFINITY;
    int present = 0;
    for (long budget : new long[] {1, 17, 100, 333, 700, 1501, 4800, 40_000}) {
      ComparedCell cell = measure(name, budget);
      if (cell.getKl() == null) {
        assertThat(cell.getReason(), notNullValue());
        assertThat(cell.getBits(), nullValue());
        assertThat("absent, once it was there", present, is(0));
        continue;
      }
      present++;
      assertThat(cell.getReason(), nullValue());
      assertThat(cell.getBits(), lessThanOrEqualTo((double) budget));
      assertThat(cell.getOverheadBits(), lessThan(cell.getBits()));
      assertThat(name + " at " + budget, cell.getKl(), lessThan(1.05 * before));
      before = cell.getKl();
    }
    assertThat(present, greaterThan(2));
    assertThat(before, lessThan(0.01));
  }

  /** Codes for vectors have rates of their own; what they send is within the budget. */
  @ParameterizedTest
  @MethodSource("vectorCodes")
  void aCodeForVectorsKeepsTheBudgetToo(String name) throws IOException {
    int present = 0;
    for (long budget : new long[] {17, 700, 1700, 2880}) {
      ComparedCell cell = measure(name, budget);
      if (cell.getKl() == null) {
        assertThat(cell.getReason(), containsString("no rate of it fits"));
        assertThat("absent, once it was there", present, is(0));
        continue;
      }
      present++;
      assertThat(cell.getBits(), lessThanOrEqualTo((double) budget));
      assertThat(cell.getOverheadBits(), is(0.0));
      assertThat(cell.getUpper(), nullValue());
      assertThat(Double.isFinite(cell.getKl()), is(true));
    }
    assertThat(present, greaterThan(0));
  }

  /** At 9.6 bits a coordinate all channels that do not stop at 16 have spent what they got. */
  @ParameterizedTest
  @CsvSource({
    "reference, 0.94",
    "dither, 0.99",
    "dither-centred, 0.99",
    "midrise, 0.99",
    "top-k-even, 0.99",
    "distillkit, 0.95"
  })
  void aBudgetIsUsed(String name, double share) throws IOException {
    assertThat(measure(name, 2880).getBits(), greaterThan(share * 2880));
  }

  /** By the definition, in float64, of probabilities. */
  @Test
  void whatNothingIsWorthIsTheReferencesDivergence() throws IOException {
    ComparedCell cell = CellDraft.measure(ComparedChannels.NOTHING, 0, ROWS.set(1), ROWS);
    double kl = 0;
    double squares = 0;
    double loss = 0;
    double exactLoss = 0;
    for (int probe = 0; probe < PROBES; probe++) {
      double[] exact = ROWS.exact(probe);
      double[] reference = ROWS.reference(probe);
      double one = divergence(exact, reference);
      kl += one / PROBES;
      squares += one * one / PROBES;
      loss += logSumExp(reference) - reference[ROWS.nextToken(probe)];
      exactLoss += logSumExp(exact) - exact[ROWS.nextToken(probe)];
    }
    assertThat(cell.getBits(), is(0.0));
    assertThat(cell.getKl(), closeTo(kl, 1e-6));
    assertThat(
        cell.getKlStandardError(), closeTo(Math.sqrt((squares - kl * kl) / (PROBES - 1)), 1e-6));
    assertThat(cell.getPerplexity(), closeTo(Math.exp(loss / PROBES), 1e-3));
    assertThat(cell.getPerplexity() - cell.getTax(), closeTo(Math.exp(exactLoss / PROBES), 1e-6));
  }

  /**
   * The bound is on an expectation, which it may meet as bits grow: the mean over seeds is below it
   * but for three standard errors.
   */
  @ParameterizedTest
  @CsvSource({
    "reference, 300",
    "reference, 1000",
    "reference, 3000",
    "dither, 700",
    "dither, 3000",
    "dither-centred, 700",
    "dither-paper, 3000"
  })
  void measuredIsBelowTheBound(String name, long budget) throws IOException {
    int seeds = 12;
    double sum = 0;
    double squares = 0;
    for (int seed = 1; seed <= seeds; seed++) {
      ComparedCell cell =
          CellDraft.measure(
              ComparedChannels.find(name).orElseThrow(), budget, ROWS.set(seed), ROWS);
      double relative = cell.getKl() / cell.getUpper() - 1;
      sum += relative;
      squares += relative * relative;
    }
    double mean = sum / seeds;
    double standardError = Math.sqrt((squares / seeds - mean * mean) / (seeds - 1));
    assertThat(mean, lessThan(3 * standardError));
    assertThat(standardError, lessThan(0.03));
  }

  @ParameterizedTest
  @MethodSource("names")
  void onlyAnErrorLawHasABound(String name) throws IOException {
    boolean law = ComparedChannels.find(name).orElseThrow().hasErrorLaw();
    assertThat(measure(name, 3000).getUpper() != null, is(law));
  }

  @ParameterizedTest
  @MethodSource("names")
  void theSeedIsThatOfOurChannels(String name) throws IOException {
    ComparedChannel channel = ComparedChannels.find(name).orElseThrow();
    ComparedCell cell = CellDraft.measure(channel, 1500, ROWS.set(1), ROWS);
    assertThat(CellDraft.measure(channel, 1500, ROWS.set(1), ROWS), is(cell));
    boolean same = CellDraft.measure(channel, 1500, ROWS.set(2), ROWS).getKl().equals(cell.getKl());
    assertThat(same, is(cell.getOverheadBits() == 0)); // of midrise, which coordinates are finer
  }

  /** A few of 64 coordinates, each many times what it was: some tokens are left no probability. */
  @Test
  void aPerplexityBeyondAllNumbersIsNone() throws IOException {
    MadeUpRows wide =
        new MadeUpRows(8, 5, 64, 1) {
          @Override
          public void node(int node, long firstProbe, int probes, double[] into) {
            super.node(node, firstProbe, probes, into);
            for (int c = 0; c < probes * 64; c++) {
              into[c] = (float) (300 * into[c]);
            }
          }
        };
    ComparedCell cell =
        CellDraft.measure(ComparedChannels.find("random-k").orElseThrow(), 48, wide.set(1), wide);
    assertThat(Double.isFinite(cell.getKl()), is(true));
    assertThat(cell.getKl(), greaterThan(1000.0));
    assertThat(cell.getPerplexity(), nullValue());
    assertThat(cell.getTax(), nullValue());
  }

  /** Beyond 40 logits the published clip clips, which is counted, and no bound is shown. */
  @Test
  void whatIsClippedIsCounted() throws IOException {
    MadeUpRows wide =
        new MadeUpRows(8, 5, 64, 1) {
          @Override
          public void node(int node, long firstProbe, int probes, double[] into) {
            super.node(node, firstProbe, probes, into);
            for (int probe = 0; probe < probes; probe++) {
              into[probe * 64 + 3] = 50;
              into[probe * 64 + 9] = -40; // centred by 5: 45 either way
            }
          }
        };
    ComparedCell cell =
        CellDraft.measure(
            ComparedChannels.find("dither-paper").orElseThrow(), 4000, wide.set(1), wide);
    assertThat(cell.getClipped(), is(10L));
    assertThat(cell.getUpper(), nullValue());
  }

  /** Several blocks, the last of them short: V = 2^17 leaves 8 probes to one of 4 MiB. */
  @ParameterizedTest
  @CsvSource({"reference, 5000", "dither, 140000", "top-k-even, 5001"})
  void manyBlocksAreWithinTheBudgetToo(String name, long budget) throws IOException {
    MadeUpRows rows = new MadeUpRows(2, 11, 1 << 17, 1);
    ComparedCell cell =
        CellDraft.measure(ComparedChannels.find(name).orElseThrow(), budget, rows.set(1), rows);
    assertThat(cell.getBits(), lessThanOrEqualTo((double) budget));
    assertThat(cell.getBits(), greaterThan(0.9 * budget));
  }

  @Test
  void whatIsAbsentSaysWhatItWouldNeed() throws IOException {
    assertThat(
        measure("dither", 314).getReason(),
        containsString("2 symbols a coordinate take 316 bits a probe, and headers leave "));
    assertThat(measure("top-k-even", 24).getReason(), is("one token takes 25 bits"));
    assertThat(measure("distillkit", 31).getReason(), is("one token takes 32 bits"));
    assertThat(
        measure("reference", 20).getReason(),
        containsString("bits a probe: found 20, expected at least "));
    assertThat(
        measure("midrise", 20).getReason(),
        containsString(" bytes without any codes, and 67 probes of 20 bits are 167"));
  }
}
