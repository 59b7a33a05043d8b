package dev.sluice.transforms.channel;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The error's law, at M = 4e5 dithers of one logit through encoder and decoder. Seed 314159. Mean
 * within 5 sd of 0: false alarm 6e-7. Variance within 1 %: its sd is sqrt(0.8/M) = 0.14 %, so 7 sd,
 * 2e-12. Kolmogorov's distance below 2.2/sqrt(M): false alarm 2*exp(-2*2.2^2) = 1.2e-4, for each of
 * 74 cases; at this seed all hold.
 */
class QuantizerLawTest {
  private static final int M = 400_000;
  private static final double CLIP = 6;
  private static final double[] LOGITS = {-CLIP, -0.7 * CLIP, 0, CLIP};
  private static final ChannelKey KEY = ChannelKey.of(314159, "law", "node");

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 16, 256})
  void aDitheredErrorIsUniformWhateverTheLogit(int radix) throws BadCodesException {
    long bits = RadixCode.bits(radix, 0, M);
    BlockShape shape = BlockShape.of(Quantizer.DITHER, false, M, 1, 0, bits);
    assertThat(shape.symbols(), is(radix));
    // At most two coordinates more fit into the code's slack of a bit.
    assertThat(shape.finer(), lessThan(3));
    for (double x : LOGITS) {
      checkUniform(errors(shape, x), shape.step(CLIP, false));
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {1, 2, 2.5, 3, 8})
  void theOneMoreSymbolGivesThePublishedVariance(double b) throws BadCodesException {
    BlockShape shape = BlockShape.of(Quantizer.DITHER_PAPER, false, M, 1, b, 0);
    double published = CLIP * CLIP / 3 * Math.pow(4, -b);
    // 2^b is rounded to 2^-20 for b that is not whole.
    assertThat(shape.meanVariance(CLIP), closeTo(published, b % 1 == 0 ? 0 : 1e-6 * published));
    for (double x : LOGITS) {
      checkUniform(errors(shape, x), 2 * CLIP / Math.pow(2, b));
    }
  }

  @ParameterizedTest
  @CsvSource({"2, 0", "4, 0", "9, 100000", "16, 7"})
  void withoutDitherTheErrorIsHalfAStepAtMost(int radix, int finer) throws BadCodesException {
    BlockShape shape =
        BlockShape.of(Quantizer.MIDRISE, false, M, 1, 0, RadixCode.bits(radix, finer, M));
    double[] x = new double[M];
    for (int v = 0; v < M; v++) {
      x[v] = CLIP * (2.0 * v / (M - 1) - 1);
    }
    double[] y = decode(shape, encode(shape, x).codes());
    double coarse = shape.step(CLIP, false);
    int over = 0;
    double worst = 0;
    for (int v = 0; v < M; v++) {
      worst = Math.max(worst, Math.abs(y[v] - x[v]));
      over += Math.abs(y[v] - x[v]) > shape.step(CLIP, true) / 2 * (1 + 1e-9) ? 1 : 0;
    }
    assertThat(worst, lessThanOrEqualTo(coarse / 2 * (1 + 1e-9)));
    // Over a grid that fills every cell evenly, the share above the finer half step is that of the
    // coarser cells' rims.
    double share = 1 - shape.step(CLIP, true) / coarse;
    assertThat((double) over, closeTo((M - shape.finer()) * share, 0.02 * M));
    assertThat(encode(shape, x).codes(), equalTo(encode(shape, x).codes()));
  }

  @Test
  void finerCoordinatesHaveFinerErrors() throws BadCodesException {
    BlockShape shape = BlockShape.of(Quantizer.DITHER, false, M, 1, 3.3, M * 33L / 10);
    double[] errors = errors(shape, 1.2345);
    int start = KEY.start(0, 0, M);
    double[] fine = new double[shape.finer()];
    double[] coarse = new double[M - shape.finer()];
    for (int j = 0; j < M; j++) {
      double e = errors[(start + j) % M];
      if (j < fine.length) {
        fine[j] = e;
      } else {
        coarse[j - fine.length] = e;
      }
    }
    checkUniform(fine, shape.step(CLIP, true));
    checkUniform(coarse, shape.step(CLIP, false));
    // sd of the mean square of a mixture of two close steps: as above, within 1 %.
    assertThat(
        meanSquare(errors), closeTo(shape.meanVariance(CLIP), 0.01 * shape.meanVariance(CLIP)));
  }

  /** THEORY 11, item 2: the law holds for every prefix of planes, with mixed radices. */
  @ParameterizedTest
  @ValueSource(strings = {"DITHER", "DITHER_PAPER"})
  void everyPrefixOfPlanesIsUniform(Quantizer quantizer) throws BadCodesException {
    List<BlockShape> planes =
        List.of(
            BlockShape.ofPlane(0, quantizer, false, M, 1, 2, 2L * M),
            BlockShape.ofPlane(1, quantizer, false, M, 1, 0, RadixCode.bits(3, 0, M)),
            BlockShape.ofPlane(2, quantizer, false, M, 1, 0, 13L * M / 10),
            BlockShape.ofPlane(3, quantizer, false, M, 1, 0, 8L * M));
    for (double x : LOGITS) {
      double[] row = new double[M];
      Arrays.fill(row, x);
      List<byte[]> codes = new ArrayList<>();
      for (int t = 0; t < planes.size(); t++) {
        List<BlockShape> prefix = planes.subList(0, t + 1);
        codes.add(NestedDigits.encode(prefix, KEY, 0, 0, row, new double[] {CLIP}).codes());
        double[] y = new double[M];
        NestedDigits.decode(prefix, KEY, 0, 0, CLIP, codes, y, new double[1]);
        double variance = NestedDigits.meanVariance(prefix, KEY, 0, CLIP);
        // In units of each coordinate's own cell all are alike.
        double[] unit = new double[M];
        double square = 0;
        for (int c = 0; c < M; c++) {
          double width = width(prefix, c);
          unit[c] = (y[c] - x) / width;
          square += width * width / 12;
        }
        checkUniform(unit, 1);
        assertThat(variance, closeTo(square / M, 1e-9 * variance));
      }
    }
  }

  private static double width(List<BlockShape> planes, int c) {
    int radix = planes.get(0).radixAt(c, KEY.start(0, 0, M));
    double width = planes.get(0).step(CLIP, radix > planes.get(0).symbols());
    for (int t = 1; t < planes.size(); t++) {
      width /= planes.get(t).radixAt(c, KEY.start(t, 0, M));
    }
    return width;
  }

  @Test
  void onePlaneIsTheMainPath() throws BadCodesException {
    for (Quantizer quantizer : Quantizer.values()) {
      BlockShape shape = BlockShape.of(quantizer, true, 65, 3, 3.3, 231);
      double[] x = new double[195];
      for (int c = 0; c < 195; c++) {
        x[c] = 5 * Math.sin(c);
      }
      x[7] = Double.NEGATIVE_INFINITY;
      x[8] = 99;
      double[] clips = {6, 5.5, 4};
      BlockEncoder.Encoded main = BlockEncoder.encode(shape, quantizer, KEY, 2, 6, x, clips);
      BlockEncoder.Encoded nested = NestedDigits.encode(List.of(shape), KEY, 2, 6, x, clips);
      assertThat(nested.codes(), equalTo(main.codes()));
      assertThat(nested.clipped(), is(main.clipped()));
      assertThat(nested.masked(), is(main.masked()));
      assertThat(main.masked(), is(1L));
      double[] y = new double[195];
      double[] yNested = new double[195];
      BlockDecoder.decode(shape, quantizer, KEY, 2, 6, 0, main.codes(), y, new double[3]);
      NestedDigits.decode(
          List.of(shape), KEY, 2, 6, 0, List.of(main.codes()), yNested, new double[3]);
      assertThat(yNested, equalTo(y));
      Accumulator sums = new Accumulator(3, 65);
      sums.reset(3);
      sums.add(List.of(shape), KEY, 2, 6, 0, 1, List.of(main.codes()));
      Accumulator same = new Accumulator(3, 65);
      same.reset(3);
      same.add(shape, quantizer, KEY, 2, 6, 0, 1, main.codes());
      assertThat(sums.sums(), equalTo(same.sums()));
    }
  }

  @Test
  void clippedAndMaskedCoordinatesGoToTheEnds() throws BadCodesException {
    BlockShape shape = BlockShape.of(Quantizer.DITHER, false, 64, 1, 8, 512);
    double[] x = new double[64];
    x[0] = 7;
    x[1] = -7;
    x[2] = Double.NEGATIVE_INFINITY;
    x[3] = CLIP;
    x[4] = Double.POSITIVE_INFINITY;
    BlockEncoder.Encoded encoded = encode(shape, x);
    assertThat(encoded.clipped(), is(3L));
    assertThat(encoded.masked(), is(1L));
    double[] y = decode(shape, encoded.codes());
    double half = shape.step(CLIP, false) / 2 * (1 + 1e-9);
    assertThat(y[0], closeTo(CLIP, half));
    assertThat(y[1], closeTo(-CLIP, half));
    assertThat(y[2], closeTo(-CLIP, half));
    assertThat(y[4], closeTo(CLIP, half));
    x[5] = Double.NaN;
    assertThrows(IllegalArgumentException.class, () -> encode(shape, x));
    assertThrows(
        IllegalArgumentException.class,
        () -> NestedDigits.encode(List.of(shape), KEY, 0, 0, x, new double[] {CLIP}));
  }

  @Test
  void clipLevelsOutOfRangeAreRefused() {
    BlockShape shape = BlockShape.of(Quantizer.DITHER, true, 64, 1, 8, 528);
    for (double clip : new double[] {0, -1, 0x1p-25, 0x1p20, Double.NaN, 6.001}) {
      assertThrows(
          IllegalArgumentException.class,
          () ->
              BlockEncoder.encode(
                  shape, Quantizer.DITHER, KEY, 0, 0, new double[64], new double[] {clip}));
    }
  }

  private static BlockEncoder.Encoded encode(BlockShape shape, double[] x) {
    return BlockEncoder.encode(shape, shape.quantizer(), KEY, 0, 0, x, new double[] {CLIP});
  }

  private static double[] decode(BlockShape shape, byte[] codes) throws BadCodesException {
    double[] y = new double[shape.coordinates()];
    BlockDecoder.decode(shape, shape.quantizer(), KEY, 0, 0, CLIP, codes, y, new double[1]);
    return y;
  }

  private static double[] errors(BlockShape shape, double x) throws BadCodesException {
    double[] row = new double[M];
    Arrays.fill(row, x);
    BlockEncoder.Encoded encoded = encode(shape, row);
    assertThat(encoded.clipped(), is(0L));
    double[] errors = decode(shape, encoded.codes());
    for (int v = 0; v < M; v++) {
      errors[v] -= x;
    }
    return errors;
  }

  private static double meanSquare(double[] errors) {
    return Arrays.stream(errors).map(e -> e * e).sum() / errors.length;
  }

  /** Errors uniform on (-width/2, width/2]. */
  private static void checkUniform(double[] errors, double width) {
    int m = errors.length;
    double[] sorted = errors.clone();
    Arrays.sort(sorted);
    double tolerance = width / 2 * (1 + 1e-9);
    assertThat(-sorted[0], lessThanOrEqualTo(tolerance));
    assertThat(sorted[m - 1], lessThanOrEqualTo(tolerance));
    double mean = Arrays.stream(errors).sum() / m;
    assertThat(mean, closeTo(0, 5 * width / Math.sqrt(12.0 * m)));
    double variance = width * width / 12;
    assertThat(meanSquare(errors), closeTo(variance, 7 * Math.sqrt(0.8 / m) * variance));
    double distance = 0;
    for (int i = 0; i < m; i++) {
      double cdf = sorted[i] / width + 0.5;
      distance = Math.max(distance, Math.max(cdf - (double) i / m, (i + 1.0) / m - cdf));
    }
    assertThat(distance, lessThan(2.2 / Math.sqrt(m)));
  }
}
