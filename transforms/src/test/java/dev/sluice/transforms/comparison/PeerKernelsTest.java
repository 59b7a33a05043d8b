package dev.sluice.transforms.comparison;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.comparison.DistillKitPayload.Configuration;
import dev.sluice.transforms.comparison.RankPolynomial.Term;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What other projects send: golden bytes, round trips, and the largest k that fits. */
class PeerKernelsTest {
  private static double[] logits(long seed, int vocabulary) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] row = new double[vocabulary];
    Arrays.setAll(row, v -> (float) (3 * random.nextGaussian()));
    return row;
  }

  private static double logSumExp(double[] row) {
    double max = Arrays.stream(row).max().orElseThrow();
    return max + Math.log(Arrays.stream(row).map(x -> Math.exp(x - max)).sum());
  }

  /** Ids by falling logit, equal ones by id. */
  private static int[] ranks(double[] row) {
    return IntStream.range(0, row.length)
        .boxed()
        .sorted((a, b) -> row[a] == row[b] ? Integer.compare(a, b) : Double.compare(row[b], row[a]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  // ---- fields ----

  /** As {@code pack_to_bytes} of DistillKit lays them: 001 010 011, then zeros to the byte. */
  @Test
  void fieldsBeginWithTheHighestBit() {
    byte[] bytes = new byte[2];
    BitFields out = new BitFields(bytes, 0);
    out.write(1, 3);
    out.write(2, 3);
    out.write(3, 3);
    assertThat(HexFormat.of().formatHex(bytes), is("2980"));
  }

  @Property(tries = 200)
  void fieldsAreReadAsWritten(@ForAll long seed, @ForAll @IntRange(max = 20) int first) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] widths = random.ints(50, 1, 33).toArray();
    int[] values = random.ints(50).toArray();
    byte[] bytes = new byte[(first + Arrays.stream(widths).sum() + 7) / 8];
    BitFields out = new BitFields(bytes, first);
    BitFields in = new BitFields(bytes, first);
    for (int i = 0; i < 50; i++) {
      out.write(values[i], widths[i]);
    }
    for (int i = 0; i < 50; i++) {
      assertThat(
          in.read(widths[i]), is(widths[i] == 32 ? values[i] : values[i] & ((1 << widths[i]) - 1)));
    }
  }

  // ---- tails ----

  private static double[] completed(Tail tail, int[] ids, double[] logs, double[] reference) {
    int vocabulary = reference.length;
    double[] out = new double[vocabulary + 2];
    double[] shifted = new double[vocabulary + 2];
    System.arraycopy(reference, 0, shifted, 1, vocabulary);
    tail.complete(ids, logs, ids.length, shifted, out, 1, vocabulary, new double[vocabulary]);
    assertThat(out[0], is(0.0));
    assertThat(out[vocabulary + 1], is(0.0));
    return Arrays.copyOfRange(out, 1, vocabulary + 1);
  }

  @ParameterizedTest
  @CsvSource({"EVEN, 1", "EVEN, 7", "EVEN, 99", "REFERENCE, 1", "REFERENCE, 7", "REFERENCE, 99"})
  void massesAddUpToOne(Tail tail, int k) {
    double[] row = logits(5, 100);
    double normaliser = logSumExp(row);
    int[] ids = Arrays.copyOf(ranks(row), k);
    double[] logs = Arrays.stream(ids).mapToDouble(id -> row[id] - normaliser).toArray();
    double[] out = completed(tail, ids, logs, logits(6, 100));
    assertThat(Arrays.stream(out).map(Math::exp).sum(), closeTo(1, 1e-8));
    for (int i = 0; i < k; i++) {
      assertThat(out[ids[i]], is(logs[i]));
    }
  }

  @Test
  void whatIsLeftIsEvenOrInProportion() {
    int[] ids = {2, 0};
    double[] logs = {Math.log(0.5), Math.log(0.2)};
    double[] reference = {5, Math.log(1) + 9, 5, Math.log(3) + 9, Math.log(2) + 9};
    double[] even = completed(Tail.EVEN, ids, logs, reference);
    double[] proportional = completed(Tail.REFERENCE, ids, logs, reference);
    for (int v : new int[] {1, 3, 4}) {
      assertThat(Math.exp(even[v]), closeTo(0.1, 1e-9));
    }
    assertThat(Math.exp(proportional[1]), closeTo(0.05, 1e-9));
    assertThat(Math.exp(proportional[3]), closeTo(0.15, 1e-9));
    assertThat(Math.exp(proportional[4]), closeTo(0.1, 1e-9));
  }

  /** A reference that is all but certain of what was sent has a tail all the same. */
  @Test
  void aTailNeedsNoMassInTheReference() {
    double[] reference = {600, 1, 0, -1};
    double[] out =
        completed(Tail.REFERENCE, new int[] {0}, new double[] {Math.log(0.9)}, reference);
    assertThat(Math.exp(out[1]) + Math.exp(out[2]) + Math.exp(out[3]), closeTo(0.1, 1e-9));
    assertThat(out[1] - out[3], closeTo(2, 1e-12));
  }

  @Test
  void whereRoundingLeavesNothingTheLeastIsGiven() {
    double[] out = completed(Tail.EVEN, new int[] {1}, new double[] {0}, new double[3]);
    assertThat(Math.exp(out[0]), closeTo(Tail.LEAST, 1e-16));
    assertThat(
        completed(Tail.EVEN, new int[] {1, 0}, new double[] {-1, -2}, new double[2]),
        is(new double[] {-2, -1}));
  }

  // ---- top k ----

  /**
   * Probabilities 1/8, 1/2, 1/8, 1/4; k = 2. Ids 1 and 3 in 2 bits each; log 2 and log 4 are 1419.6
   * of 2^-11 and of 2^-10, so b98c and bd8c: 01 1011100110001100 11 1011110110001100.
   */
  @Test
  void topKGoldenBytes() {
    double[] row = {Math.log(0.125), Math.log(0.5), Math.log(0.125), Math.log(0.25)};
    TopKPayload payload = new TopKPayload(2, 4);
    assertThat(payload.bits(), is(36L));
    byte[] bytes = new byte[5];
    payload.write(row, new BitFields(bytes, 0));
    assertThat(HexFormat.of().formatHex(bytes), is("6e633bd8c0"));
    int[] ids = new int[2];
    double[] logs = new double[2];
    payload.read(new BitFields(bytes, 0), ids, logs);
    assertThat(ids, is(new int[] {1, 3}));
    assertThat(logs, is(new double[] {-1420.0 / 2048, -1420.0 / 1024}));
  }

  @ParameterizedTest
  @CsvSource({"1, 2", "1, 100", "7, 100", "99, 100", "100, 100", "64, 65"})
  void topKIsReadAsWritten(int k, int vocabulary) {
    TopKPayload payload = new TopKPayload(k, vocabulary);
    byte[] bytes = new byte[(int) BitFields.bytes(3 * payload.bits())];
    for (int row = 0; row < 3; row++) {
      payload.write(logits(row, vocabulary), new BitFields(bytes, row * payload.bits()));
    }
    int[] ids = new int[k];
    double[] logs = new double[k];
    for (int row = 0; row < 3; row++) {
      payload.read(new BitFields(bytes, row * payload.bits()), ids, logs);
      double[] logits = logits(row, vocabulary);
      int[] ranks = ranks(logits);
      for (int i = 0; i < k; i++) {
        assertThat(ids[i], is(k == vocabulary ? i : ranks[i]));
        double exact = logits[ids[i]] - logSumExp(logits);
        assertThat(logs[i], closeTo(exact, Math.abs(exact) * 0x1p-11 + 1e-7));
      }
    }
  }

  @Property(tries = 500)
  void theLargestKFitsAndTheNextDoesNot(
      @ForAll @DoubleRange(min = 0, max = 5000) double bits,
      @ForAll @IntRange(min = 2, max = 300) int vocabulary) {
    int k = TopKPayload.largest(bits, vocabulary);
    assertThat(k == 0 || new TopKPayload(k, vocabulary).bits() <= bits, is(true));
    assertThat(k == vocabulary || new TopKPayload(k + 1, vocabulary).bits() > bits, is(true));
    for (Configuration configuration : DistillKitPayload.CONFIGURATIONS) {
      int least =
          configuration.terms().isEmpty() && configuration.residualBits() == 0
              ? 1
              : configuration.exact() + Math.max(1, configuration.terms().size());
      int most = configuration.largest(bits, vocabulary);
      assertThat(most == 0 || 8 * configuration.bytes(most, vocabulary) <= bits, is(true));
      assertThat(most == 0 || most >= least, is(true));
      int next = Math.max(least, most + 1);
      assertThat(next > vocabulary || 8 * configuration.bytes(next, vocabulary) > bits, is(true));
    }
  }

  // ---- DistillKit ----

  /** The README of DistillKit says 114 bytes for its budget pick, whose ids then have 16 bits. */
  @Test
  void sizesAreDistillKits() {
    assertThat(configuration("budget pick").bytes(50, 1 << 16), is(114L));
    assertThat(configuration("recommended").bytes(128, 128_256), is(328L));
    assertThat(TopKPayload.idBits(128_256), is(17));
    assertThat(configuration("exact").bytes(2, 8192), is(8L));
    // 16 values, 6 terms, a scale and 112 half bytes, ids
    assertThat(
        configuration("recommended, 4-bit residuals").bytes(128, 8192),
        is(32L + 24 + 2 + 56 + 208));
  }

  private static Configuration configuration(String name) {
    return DistillKitPayload.CONFIGURATIONS.stream()
        .filter(configuration -> configuration.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** As in the test of top k: -log 2 and -log 4 are bf31 and bfb1, low byte first; ids 01 11. */
  @Test
  void distillKitGoldenBytes() {
    double[] row = {Math.log(0.125), Math.log(0.5), Math.log(0.125), Math.log(0.25)};
    DistillKitPayload payload = new DistillKitPayload(configuration("exact"), 2, 4);
    byte[] bytes = new byte[payload.bytes()];
    payload.write(row, bytes, 0);
    assertThat(HexFormat.of().formatHex(bytes), is("31bfb1bf70"));
  }

  /**
   * How far a fit without residuals may be off at its ends is its own affair: 2 nats is a curve.
   */
  @ParameterizedTest
  @CsvSource({
    "exact, 40, 0.004",
    "recommended, 60, 2",
    "budget pick, 60, 2",
    "'recommended, 4-bit residuals', 60, 0.05",
    "'recommended, 8-bit residuals', 60, 0.02",
    "8-bit log-probabilities, 60, 0.04"
  })
  void distillKitIsReadAsWritten(String name, int k, double tolerance) {
    int vocabulary = 100;
    DistillKitPayload payload = new DistillKitPayload(configuration(name), k, vocabulary);
    byte[] bytes = new byte[2 * payload.bytes()];
    for (int row = 0; row < 2; row++) {
      payload.write(logits(row, vocabulary), bytes, row * payload.bytes());
    }
    int[] ids = new int[k];
    double[] logs = new double[k];
    for (int row = 0; row < 2; row++) {
      payload.read(bytes, row * payload.bytes(), ids, logs);
      double[] logits = logits(row, vocabulary);
      int[] ranks = ranks(logits);
      double normaliser = logSumExp(logits);
      for (int i = 0; i < k; i++) {
        assertThat(ids[i], is(ranks[i]));
        double exact = logits[ids[i]] - normaliser;
        assertThat(
            name + " at " + i, logs[i], closeTo(exact, Math.max(tolerance, -exact * 0x1p-8)));
      }
    }
  }

  /**
   * Log-probabilities that fall evenly are a line over their places: nothing is lost but digits.
   */
  @Test
  void whatIsAPolynomialIsFittedExactly() {
    double[] row = new double[64];
    Arrays.setAll(row, v -> -0.125 * v);
    DistillKitPayload payload = new DistillKitPayload(configuration("recommended"), 64, 64);
    byte[] bytes = new byte[payload.bytes()];
    payload.write(row, bytes, 0);
    int[] ids = new int[64];
    double[] logs = new double[64];
    payload.read(bytes, 0, ids, logs);
    for (int i = 16; i < 64; i++) {
      assertThat(logs[i], closeTo(row[i] - logSumExp(row), 1e-5));
    }
  }

  /** The residual of a fit is orthogonal to every term, and no other fit is nearer. */
  @Property(tries = 50)
  void fitsAreLeastSquares(@ForAll long seed, @ForAll @IntRange(min = 6, max = 400) int points) {
    double[] values = logits(seed, points + 3);
    Term[] terms = Term.values();
    RankPolynomial polynomial = new RankPolynomial(points, terms);
    double[] coefficients = new double[terms.length];
    polynomial.fit(values, 3, coefficients);
    for (Term term : terms) {
      double along = 0;
      for (int t = 0; t < points; t++) {
        along +=
            term.at((double) t / (points - 1)) * (values[3 + t] - polynomial.at(t, coefficients));
      }
      assertThat(term + " of " + points, along, closeTo(0, 1e-8 * points));
    }
  }

  @Test
  void residualsAreWithinHalfAStep() {
    double[] row = logits(3, 500);
    int k = 400;
    int[] ids = new int[k];
    double[] plain = new double[k];
    double[] refined = new double[k];
    for (String name : new String[] {"recommended", "recommended, 8-bit residuals"}) {
      DistillKitPayload payload = new DistillKitPayload(configuration(name), k, 500);
      byte[] bytes = new byte[payload.bytes()];
      payload.write(row, bytes, 0);
      payload.read(bytes, 0, ids, name.equals("recommended") ? plain : refined);
    }
    double normaliser = logSumExp(row);
    double largest = 0;
    double left = 0;
    for (int i = 16; i < k; i++) {
      double exact = row[ids[i]] - normaliser;
      largest = Math.max(largest, Math.abs(exact - plain[i]));
      left = Math.max(left, Math.abs(exact - refined[i]));
    }
    // The scale is the largest over 128, as a binary16 number; the largest itself, if it is above,
    // is 127 of it.
    assertThat(left, lessThanOrEqualTo(largest / 128 * (1 + 128 * 0x1p-11)));
    assertThat(largest, greaterThan(10 * left));
  }
}
