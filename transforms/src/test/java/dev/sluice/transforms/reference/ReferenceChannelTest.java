package dev.sluice.transforms.reference;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BadLogitException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Encoder and decoder together: the error's law, the budget's promise, and what is no codes. */
class ReferenceChannelTest {
  private static final double LIMIT = 1e5;

  /**
   * More than 10^6 coordinates. The mean's z below 4 (false alarm 6e-5), Kolmogorov's distance
   * below 2.2/sqrt(n) (1.2e-4); fixed seed.
   */
  @ParameterizedTest
  @ValueSource(ints = {900, 3000, 12_000, 40_000})
  void theErrorOfWhatIsSentIsUniformOnItsStep(int bitsPerProbe) throws Exception {
    int count = 0;
    double[] errors = new double[3 << 20];
    for (int seed = 0; count < 1_000_000; seed++) {
      Synthetic block = new Synthetic(31 + seed, 64, 4096, 1, 2.5, 0.5, 0.7);
      byte[] codes = block.encode(0, 1, 64 * bitsPerProbe / 8).codes();
      ReferenceDecoder decoder = new ReferenceDecoder();
      double[] y = new double[block.rows.length];
      decoder.decode(block.reference, Synthetic.key(0), 7, codes, LIMIT, y);
      double[] r = block.residual(0);
      for (int c = 0; c < y.length; c++) {
        int h = block.reference.classes()[c] & 0xff;
        if (decoder.lattice().sent()[h]) {
          errors[count++] = (y[c] - r[c]) / decoder.lattice().laws()[h].step;
        }
      }
    }
    double[] sorted = Arrays.copyOf(errors, count);
    Arrays.sort(sorted);
    assertThat(sorted[0], greaterThan(-0.5 - 1e-6));
    assertThat(sorted[count - 1], lessThan(0.5 + 1e-6));
    double sum = 0;
    double distance = 0;
    for (int i = 0; i < count; i++) {
      sum += sorted[i];
      double uniform = sorted[i] + 0.5;
      distance =
          Math.max(
              distance,
              Math.max(
                  Math.abs(uniform - (double) i / count), Math.abs(uniform - (i + 1.0) / count)));
    }
    assertThat(sum / Math.sqrt(count / 12.0), closeTo(0, 4));
    assertThat(distance, lessThan(2.2 / Math.sqrt(count)));
  }

  /**
   * What is not sent is one number a probe, and the mass that it stands for is right on average.
   */
  @Test
  void theRestSharesACorrectionThatKeepsItsMass() throws Exception {
    Synthetic block = new Synthetic(5, 256, 1024, 1, 2.5, 0.5, 0.7);
    byte[] codes = block.encode(0, 1, 256 * 400 / 8).codes();
    ReferenceDecoder decoder = new ReferenceDecoder();
    double[] y = new double[block.rows.length];
    decoder.decode(block.reference, Synthetic.key(0), 7, codes, LIMIT, y);
    NodeTerms terms = decoder.terms();
    double[] r = block.residual(0);
    double z = 0;
    for (int probe = 0; probe < block.probes; probe++) {
      double mass = 0;
      double tilted = 0;
      for (int c = probe * 1024; c < (probe + 1) * 1024; c++) {
        if (!decoder.lattice().sent()[block.reference.classes()[c] & 0xff]) {
          assertThat(y[c], is(terms.rests()[probe]));
          mass += block.reference.probability()[c];
          tilted += block.reference.probability()[c] * Math.exp(r[c]);
        }
      }
      double error = (terms.rests()[probe] - Math.log(tilted / mass)) / terms.restSteps()[probe];
      assertThat(error, closeTo(0, 0.5 + 1e-6));
      z += error;
    }
    assertThat(z / Math.sqrt(256 / 12.0), closeTo(0, 4));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 50257, 40",
    "1, 50257, 100000",
    "3, 2, 120",
    "16, 1000, 60",
    "16, 1000, 999",
    "64, 512, 2000"
  })
  void aBudgetIsAPromise(int probes, int vocabulary, int bitsPerProbe) throws Exception {
    Synthetic block = new Synthetic(77, probes, vocabulary, 1, 3, 0, 1);
    int budget = probes * bitsPerProbe / 8 + 40;
    ReferenceEncoder.Encoded encoded = block.encode(0, 1, budget);
    assertThat(encoded.codes().length, lessThanOrEqualTo(budget));
    double[] y = new double[block.rows.length];
    new ReferenceDecoder().decode(block.reference, Synthetic.key(0), 7, encoded.codes(), LIMIT, y);
  }

  /** What an encoder has encoded before leaves nothing behind, also where octaves are empty. */
  @Test
  void theCodesAreThoseOfTheBlockAlone() throws Exception {
    ReferenceEncoder worn = new ReferenceEncoder(8, 40, 1);
    for (int trial = 0; trial < 200; trial++) {
      Synthetic block = new Synthetic(trial, 1 + trial % 8, 40, 1, 3, 0.5, 0.7);
      int budget = 40 + trial % 7 * 20;
      byte[] codes =
          worn.encode(block.reference, block.rows, block.sites[0], Synthetic.key(0), 7, budget)
              .codes();
      assertThat("trial " + trial, codes, is(block.encode(0, 1, budget).codes()));
    }
  }

  @Test
  void aLargerBudgetIsUsed() throws Exception {
    Synthetic block = new Synthetic(3, 32, 4096, 1, 2.5, 0.5, 0.7);
    for (int bits = 200; bits < 60_000; bits = bits * 5 / 4) {
      int budget = 32 * bits / 8;
      int used = block.encode(0, 1, budget).codes().length;
      // What a level is worth, a class more or less, and a word.
      assertThat("at " + bits, used + 4, greaterThan((int) (0.985 * budget)));
    }
  }

  /**
   * Laws that nobody has: a few logits far from all others, all but one alike, two values. Whatever
   * is expected of costs, the budget is kept, and every error within half a step.
   */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void aBudgetIsKeptWhateverTheLaw(int law) throws Exception {
    Synthetic block = new Synthetic(55, 8, 700, 1, 3, 0, 0);
    SplittableRandom random = new SplittableRandom(law);
    for (int c = 0; c < block.rows.length; c++) {
      double r =
          switch (law) {
            case 0 -> random.nextInt(300) == 0 ? 1e4 : 1e-3 * random.nextGaussian();
            case 1 -> c == 1234 ? -30 : 0;
            case 2 -> random.nextInt(2);
            default -> Math.tan(1.5707 * (2 * random.nextDouble() - 1));
          };
      block.sites[0][c] = block.rows[c] + r;
    }
    double[] exact = block.residual(0);
    double[] y = new double[exact.length];
    ReferenceDecoder decoder = new ReferenceDecoder();
    for (int budget = 80; budget < 30_000; budget = budget * 3 / 2) {
      byte[] codes = block.encode(0, 1, budget).codes();
      assertThat(codes.length, lessThanOrEqualTo(budget));
      decoder.decode(block.reference, Synthetic.key(0), 7, codes, LIMIT, y);
      for (int c = 0; c < y.length; c++) {
        double step = decoder.terms().steps()[block.reference.classes()[c] & 0xff];
        if (step > 0) {
          assertThat(Math.abs(y[c] - exact[c]), lessThanOrEqualTo(step / 2 * (1 + 1e-9) + 1e-8));
        }
      }
    }
  }

  @Test
  void aLogitOutOfAllProportionIsRefused() throws Exception {
    Synthetic block = new Synthetic(3, 2, 100, 1, 1, 0, 1);
    block.sites[0][7] = 1e30;
    IllegalArgumentException thrown =
        assertThrows(IllegalArgumentException.class, () -> block.encode(0, 1, 1000));
    assertThat(thrown.getMessage(), containsString(" from where its octave's are"));
  }

  /**
   * To the byte, on any JVM: the codes, what they are decoded to, and the bound, which is all that
   * a round keeps of them.
   */
  @ParameterizedTest
  @CsvSource({
    "300, 1, 1d567b2c2b4764a2c362d783e1c9ef66de0255d1e8e5003ca14e6f4da082c526",
    "3000, 1, 69936414c32ce1d5f2162a5cbf7851e1a8b6b5e1787280fb81a2258389039e70",
    "3000, 4, c9e19cc573c05d3e1006480bddf9654c8406f24539c46aa761e36ccca2f0f170",
    "40000, 1, ed5bb464c3957606d01ce6385984e685209d7b100761970b34021c10f10b1a4c"
  })
  void codesAreTheseOnAnyJvm(int bitsPerProbe, double kappa, String golden) throws Exception {
    Synthetic block = new Synthetic(41, 3, 3001, 1);
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    byte[] codes = block.encode(0, kappa, 3 * bitsPerProbe / 8).codes();
    digest.update(codes);
    double[] y = new double[block.rows.length];
    ReferenceDecoder decoder = new ReferenceDecoder();
    decoder.decode(block.reference, Synthetic.key(0), 7, codes, LIMIT, y);
    float[] teacher = new float[y.length];
    ByteBuffer values = ByteBuffer.allocate(8 * y.length + 8);
    for (int c = 0; c < y.length; c++) {
      values.putDouble(y[c]);
      teacher[c] = (float) (block.rows[c] + y[c]);
    }
    ReferenceCertificate certificate = new ReferenceCertificate(List.of(decoder.terms()));
    for (int probe = 0; probe < block.probes; probe++) {
      certificate.add(block.reference, probe, block.rows, teacher);
    }
    values.putDouble(certificate.upper());
    digest.update(values.array());
    assertThat(HexFormat.of().formatHex(digest.digest()), is(golden));
  }

  @Test
  void aBudgetBelowTheTermsIsRefused() throws Exception {
    Synthetic block = new Synthetic(3, 4, 100, 1, 1, 0, 1);
    IllegalArgumentException thrown =
        assertThrows(IllegalArgumentException.class, () -> block.encode(0, 1, 10));
    assertThat(thrown.getMessage().startsWith("a block of 4 probes needs "), is(true));
  }

  @Test
  void equalLogitsCostNextToNothing() throws Exception {
    Synthetic block = new Synthetic(3, 8, 4096, 1, 2, 0, 0);
    ReferenceEncoder.Encoded encoded = block.encode(0, 1, 4096);
    double[] y = new double[block.rows.length];
    new ReferenceDecoder().decode(block.reference, Synthetic.key(0), 7, encoded.codes(), LIMIT, y);
    for (double value : y) {
      assertThat(value, closeTo(0, 1e-3));
    }
  }

  @Test
  void maskedLogitsAreTheirRowsLeast() throws Exception {
    Synthetic block = new Synthetic(3, 2, 64, 1, 1, 0, 1);
    block.sites[0][5] = Double.NEGATIVE_INFINITY;
    block.sites[0][64 + 9] = Double.NEGATIVE_INFINITY;
    ReferenceEncoder.Encoded encoded = block.encode(0, 1, 4096);
    assertThat(encoded.masked(), is(2L));
    double[] y = new double[block.rows.length];
    new ReferenceDecoder().decode(block.reference, Synthetic.key(0), 7, encoded.codes(), LIMIT, y);
    double[] logits = new double[64];
    Arrays.setAll(logits, v -> block.rows[v] + y[v]);
    assertThat(logits[5], closeTo(Arrays.stream(logits).min().orElseThrow(), 0.02));
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY, -800})
  void aReferenceIsFinite(double found) {
    double[] rows = {0, 1, 2, 3, 0, found, 1, 2};
    BadLogitException thrown =
        assertThrows(BadLogitException.class, () -> new ReferenceBlock(2, 4).derive(rows, 2));
    assertThat(thrown.row(), is(1));
  }

  /** Every byte, changed in three ways: either no codes, or codes within bounds; never a crash. */
  @Test
  void damagedCodesAreRejectedOrBounded() throws Exception {
    Synthetic block = new Synthetic(9, 4, 128, 1, 2, 0.3, 0.5);
    byte[] codes = block.encode(0, 1, 200).codes();
    double[] y = new double[block.rows.length];
    ReferenceDecoder decoder = new ReferenceDecoder();
    int rejected = 0;
    for (int at = 0; at < codes.length; at++) {
      for (int flip : new int[] {1, 0x80, 0xff}) {
        byte[] damaged = codes.clone();
        damaged[at] ^= (byte) flip;
        try {
          decoder.decode(block.reference, Synthetic.key(0), 7, damaged, 50, y);
          for (double value : y) {
            assertThat(Math.abs(value), lessThanOrEqualTo(50 + 1e-6));
          }
        } catch (BadCodesException e) {
          rejected++;
        }
      }
    }
    assertThat(rejected, greaterThan(2 * codes.length));
    for (int length = 0; length < codes.length; length++) {
      byte[] cut = Arrays.copyOf(codes, length);
      assertThrows(
          BadCodesException.class,
          () -> decoder.decode(block.reference, Synthetic.key(0), 7, cut, 50, y));
    }
  }

  @Test
  void anotherReferencesCodesAreNoCodesAsARule() throws Exception {
    Synthetic block = new Synthetic(9, 16, 512, 1, 2, 0.3, 0.5);
    byte[] codes = block.encode(0, 1, 2000).codes();
    ReferenceBlock other = new ReferenceBlock(16, 512);
    double[] rows = block.rows.clone();
    rows[100] += 1;
    other.derive(rows, 16);
    double[] y = new double[rows.length];
    assertThrows(
        BadCodesException.class,
        () -> new ReferenceDecoder().decode(other, Synthetic.key(0), 7, codes, LIMIT, y));
  }
}
