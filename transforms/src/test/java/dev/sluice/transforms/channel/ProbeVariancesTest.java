package dev.sluice.transforms.channel;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each probe's own mean error variance, where the finer arcs of its block lie. */
class ProbeVariancesTest {
  private static final int VOCABULARY = 37;

  private static List<BlockShape> planes(int probes, double... bits) {
    List<BlockShape> planes = new ArrayList<>();
    for (double b : bits) {
      planes.add(
          BlockShape.ofPlane(
              planes.size(),
              Quantizer.DITHER,
              false,
              VOCABULARY,
              probes,
              b,
              (long) Math.floor(b * VOCABULARY)));
    }
    return planes;
  }

  @ParameterizedTest
  @CsvSource({
    "1, 3, 0, 0",
    "7, 3.3, 0, 0",
    "8, 2.5, 1.4, 0",
    "9, 1.3, 2.7, 1.9",
    "1, 2.6, 0, 0",
    "2, 8, 8, 0"
  })
  void theyAreThoseOfEveryCoordinate(int probes, double first, double second, double third) {
    double[] bits = Arrays.stream(new double[] {first, second, third}).filter(b -> b > 0).toArray();
    List<BlockShape> planes = planes(probes, bits);
    int n = probes * VOCABULARY;
    double[] clips = new double[probes];
    Arrays.setAll(clips, probe -> 1.5 + probe);
    for (int block = 0; block < 20; block++) {
      ChannelKey key = ChannelKey.of(5, "r", "node-" + block);
      double[] expected = new double[probes];
      for (int c = 0; c < n; c++) {
        double width = 1;
        for (int t = 0; t < planes.size(); t++) {
          BlockShape plane = planes.get(t);
          boolean finer = Math.floorMod(c - key.start(t, block, n), n) < plane.finer();
          width *=
              t == 0
                  ? plane.step(clips[c / VOCABULARY], finer)
                  : 1.0 / (finer ? plane.symbols() + 1 : plane.symbols());
        }
        expected[c / VOCABULARY] += width * width / 12 / VOCABULARY;
      }
      double[] found = new double[probes];
      NestedDigits.probeVariances(planes, key, block, clips, found);
      for (int probe = 0; probe < probes; probe++) {
        assertThat(found[probe], closeTo(expected[probe], 1e-13 * expected[probe]));
      }
    }
  }

  /** At one clip level their mean is the block's; that they differ shows that arcs are seen. */
  @ParameterizedTest
  @CsvSource({"3.3, 0", "2.5, 1.4"})
  void theirMeanIsThatOfTheBlock(double first, double second) {
    List<BlockShape> planes = second == 0 ? planes(9, first) : planes(9, first, second);
    double[] clips = new double[9];
    Arrays.fill(clips, 4.25);
    ChannelKey key = ChannelKey.of(5, "r", "node");
    for (int block = 0; block < 20; block++) {
      double[] found = new double[9];
      NestedDigits.probeVariances(planes, key, block, clips, found);
      double expected = NestedDigits.meanVariance(planes, key, block, 4.25);
      assertThat(Arrays.stream(found).sum() / 9, closeTo(expected, 1e-14 * expected));
      double least = Arrays.stream(found).min().orElseThrow();
      assertThat(Arrays.stream(found).max().orElseThrow(), greaterThan(least * 1.05));
    }
  }
}
