package dev.sluice.transforms.channel;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.theory.KlBounds;
import dev.sluice.transforms.theory.Softmax;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class TrimmedMeanTest {
  private static final int BLOCK = 3;
  private static final int FIRST_PROBE = 12;

  /** One node's digits of a block, with the clipped logits behind them. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Node(
      List<BlockShape> planes,
      ChannelKey key,
      double[] clips,
      double[] clipped,
      List<byte[]> codes) {
    void addTo(Accumulator sums, int nodes) {
      double clip = planes.get(0).clipPerProbe() ? 0 : clips[0];
      try {
        sums.add(planes, key, BLOCK, FIRST_PROBE, clip, nodes, codes);
      } catch (BadCodesException e) {
        throw new AssertionError(e);
      }
    }

    /** y', plainly. */
    double[] gridded() {
      double[] y = new double[clipped.length];
      double clip = planes.get(0).clipPerProbe() ? 0 : clips[0];
      double[] read = new double[clips.length];
      try {
        NestedDigits.decode(planes, key, BLOCK, FIRST_PROBE, clip, codes, y, read);
      } catch (BadCodesException e) {
        throw new AssertionError(e);
      }
      for (int c = 0; c < y.length; c++) {
        y[c] = (y[c] + 0x1.8p22) - 0x1.8p22;
      }
      return y;
    }

    StepLaw law() {
      return NestedDigits.law(planes);
    }
  }

  private static Node node(SplittableRandom random, int index, int vocabulary, int probes) {
    Quantizer quantizer = Quantizer.values()[random.nextInt(Quantizer.values().length)];
    double bits = new double[] {1, 1, 2, 3.3, 8, 8, 12.5}[random.nextInt(7)];
    boolean perProbe = random.nextBoolean();
    long budget = (long) Math.ceil(bits * vocabulary) + (perProbe ? 16 : 0);
    List<BlockShape> planes = new ArrayList<>();
    planes.add(BlockShape.of(quantizer, perProbe, vocabulary, probes, bits, budget));
    if (random.nextInt(3) == 0) {
      planes.add(
          BlockShape.ofPlane(1, quantizer, perProbe, vocabulary, probes, 2.4, 3L * vocabulary));
    }
    ChannelKey key = ChannelKey.of(random.nextLong(), "r", "node-" + index);
    double[] clips = new double[probes];
    double level = 2 + 3 * random.nextDouble();
    for (int p = 0; p < probes; p++) {
      clips[p] = perProbe ? Centring.clipOf(Centring.clipUp(2 + 3 * random.nextDouble())) : level;
    }
    double[] x = new double[vocabulary * probes];
    double[] clipped = new double[x.length];
    for (int c = 0; c < x.length; c++) {
      x[c] = random.nextInt(-6, 7); // ties between nodes
      double clip = clips[c / vocabulary];
      clipped[c] = Math.max(-clip, Math.min(clip, x[c]));
    }
    List<byte[]> codes = new ArrayList<>();
    for (int t = 1; t <= planes.size(); t++) {
      codes.add(
          NestedDigits.encode(planes.subList(0, t), key, BLOCK, FIRST_PROBE, x, clips).codes());
    }
    return new Node(planes, key, clips, clipped, codes);
  }

  private static List<Node> nodes(SplittableRandom random, int count, int vocabulary, int probes) {
    List<Node> nodes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      nodes.add(node(random, i, vocabulary, probes));
    }
    return nodes;
  }

  /** By sorting: what FORMAT 5 says, as plainly as it can be said. */
  private static double[] reference(List<double[]> rows, int trim) {
    double[] mean = new double[rows.get(0).length];
    for (int c = 0; c < mean.length; c++) {
      int at = c;
      double[] sorted = rows.stream().mapToDouble(row -> row[at]).sorted().toArray();
      double sum = 0;
      for (int i = trim; i < sorted.length - trim; i++) {
        sum += sorted[i];
      }
      mean[c] = sum / (sorted.length - 2 * trim);
    }
    return mean;
  }

  private static float[] trimmed(List<Node> nodes, int trim, AveragingKernel kernel) {
    BlockShape shape = nodes.get(0).planes().get(0);
    Accumulator sums = new Accumulator(shape.probes(), shape.vocabulary(), trim, kernel);
    float[] mean = new float[shape.coordinates()];
    for (int again = 0; again < 2; again++) { // a reset leaves nothing behind
      sums.reset(shape.probes());
      nodes.forEach(node -> node.addTo(sums, nodes.size()));
      sums.mean(nodes.size(), mean);
    }
    return mean;
  }

  private static float[] floats(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  /** F = 0 among them: then it is the mean. */
  @Property(tries = 150)
  void itIsTheSortedOneToTheBitInAnyOrderAndByEitherKernel(
      @ForAll @IntRange(min = 0, max = 4) int trim,
      @ForAll @IntRange(min = 1, max = 6) int more,
      @ForAll @IntRange(min = 2, max = 70) int vocabulary,
      @ForAll @IntRange(min = 1, max = 3) int probes,
      @ForAll long seed) {
    List<Node> nodes = nodes(new SplittableRandom(seed), 2 * trim + more, vocabulary, probes);
    float[] expected = floats(reference(nodes.stream().map(Node::gridded).toList(), trim));
    assertThat(trimmed(nodes, trim, new ScalarKernel()), equalTo(expected));
    Collections.shuffle(nodes, new Random(seed));
    assertThat(trimmed(nodes, trim, new VectorKernel()), equalTo(expected));
  }

  @Property(tries = 100)
  void whateverFOfTheNodesSendNoLogitLeavesTheRangeOfTheOthers(
      @ForAll @IntRange(min = 1, max = 3) int trim,
      @ForAll @IntRange(min = 0, max = 3) int more,
      @ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int vocabulary = 33;
    int count = 2 * trim + 1 + more;
    List<Node> honest = nodes(random, count - trim, vocabulary, 2);
    List<Node> all = new ArrayList<>(honest);
    double most = 0x1p19 / count;
    for (int liar = 0; liar < trim; liar++) {
      BlockShape shape = BlockShape.of(Quantizer.DITHER, false, vocabulary, 2, 8, 8L * vocabulary);
      byte[] codes = new byte[shape.payloadBytes()];
      switch (random.nextInt(3)) {
        case 0 -> Arrays.fill(codes, (byte) -1);
        case 1 -> random.nextBytes(codes);
        default -> {} // all zero
      }
      double clip = random.nextBoolean() ? most : 0x1p-24;
      all.add(
          new Node(
              List.of(shape),
              ChannelKey.of(seed, "r", "liar-" + liar),
              new double[] {clip, clip},
              new double[2 * vocabulary],
              List.of(codes)));
    }
    Collections.shuffle(all, new Random(seed));
    float[] mean = trimmed(all, trim, AveragingKernel.BEST);
    List<double[]> rows = honest.stream().map(Node::gridded).toList();
    for (int c = 0; c < mean.length; c++) {
      int at = c;
      double low = rows.stream().mapToDouble(row -> row[at]).min().orElseThrow();
      double high = rows.stream().mapToDouble(row -> row[at]).max().orElseThrow();
      assertThat(mean[c], greaterThanOrEqualTo((float) low));
      assertThat(mean[c], lessThanOrEqualTo((float) high));
    }
  }

  @Property(tries = 100)
  void theWorstCaseHolds(
      @ForAll @IntRange(min = 0, max = 3) int trim,
      @ForAll @IntRange(min = 1, max = 4) int more,
      @ForAll long seed) {
    int vocabulary = 19;
    int probes = 2;
    List<Node> nodes = nodes(new SplittableRandom(seed), 2 * trim + more, vocabulary, probes);
    double[] teacher = new double[vocabulary * probes];
    float[] decoded = trimmed(nodes, trim, AveragingKernel.BEST);
    Arrays.setAll(teacher, c -> decoded[c]);
    double[] truth = reference(nodes.stream().map(Node::clipped).toList(), trim);
    List<StepLaw> laws = nodes.stream().map(Node::law).toList();
    for (int probe = 0; probe < probes; probe++) {
      int l = probe;
      double[] clips = nodes.stream().mapToDouble(node -> node.clips()[l]).toArray();
      double range = KlBounds.meanStep(laws, clips, trim);
      int from = probe * vocabulary;
      for (int c = from; c < from + vocabulary; c++) {
        // float32 and the grid: below 2^-20 at logits of this size
        assertThat(Math.abs(teacher[c] - truth[c]), lessThanOrEqualTo(range / 2 + 0x1p-20));
      }
      assertThat(
          Softmax.kl(truth, from, teacher, from, vocabulary),
          lessThanOrEqualTo(KlBounds.worstCase(range) + 0x1p-20));
      double largest = 0;
      for (int i = 0; i < clips.length; i++) {
        largest = Math.max(largest, laws.get(i).width(0, clips[i]));
      }
      assertThat(range, lessThanOrEqualTo(largest * (1 + 0x1p-50)));
      if (nodes.size() == 2 * trim + 1) {
        assertThat(range, is(largest));
      }
    }
  }

  /** Ties, and zeros of both signs, with nothing but extremes and a sum. */
  @Property(tries = 300)
  void whatPassesIsTheMiddle(
      @ForAll @IntRange(min = 0, max = 4) int trim,
      @ForAll @IntRange(min = 1, max = 5) int more,
      @ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int n = 9;
    double[] palette = {-0.0, 0.0, 1, -1, 1, 2.5, -0x1p20, 0x1p20};
    List<double[]> rows = new ArrayList<>();
    for (int i = 0; i < 2 * trim + more; i++) {
      rows.add(random.ints(n, 0, palette.length).mapToDouble(k -> palette[k]).toArray());
    }
    Extremes extremes = new Extremes(trim, n + 2);
    double[] sums = new double[n];
    extremes.reset();
    for (double[] row : rows) {
      double[] values = new double[n + 1];
      System.arraycopy(row, 0, values, 1, n);
      extremes.next();
      extremes.exchange(values, 1, 4, 2); // in two runs
      extremes.exchange(values, 5, n - 4, 6);
      for (int c = 0; c < n; c++) {
        sums[c] += values[1 + c];
      }
    }
    double[] mean = reference(rows, trim);
    for (int c = 0; c < n; c++) {
      assertThat(sums[c] / (rows.size() - 2 * trim), is(mean[c]));
    }
  }

  @Test
  void tooFewNodesHaveNoTrimmedMean() {
    Accumulator sums = new Accumulator(1, 4, 2);
    sums.reset(1);
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> sums.mean(4, new float[4]));
    assertThat(e.getMessage(), is("activeNodes must be at least 5, got 4"));
    assertThrows(IllegalArgumentException.class, () -> new Accumulator(1, 4, -1));
    BlockShape shape = BlockShape.of(Quantizer.DITHER, false, 4, 1, 2, 8);
    List<StepLaw> laws = List.of(shape.law(), shape.law());
    assertThrows(
        IllegalArgumentException.class, () -> KlBounds.meanStep(laws, new double[] {1, 1}, 1));
  }

  /**
   * What it costs where everybody is honest: the variance of the error of 4-bit nodes beside that
   * of their mean, on logits that differ between nodes by more than a step and by less. It is at
   * least the mean's and at most that of a single node: an order statistic discards the others.
   */
  @Test
  void itsErrorIsAboveTheMeansAndBelowANodes() {
    for (int[] setting : new int[][] {{4, 1}, {16, 1}, {16, 3}}) {
      for (double spread : new double[] {0, 0.1, 1}) {
        double ratio = Variance.ratio(setting[0], setting[1], spread);
        assertThat(ratio, greaterThanOrEqualTo(0.97));
        assertThat(ratio, lessThan((double) setting[0]));
      }
    }
  }

  /** The mean squared error of a trimmed mean over that of the mean, both of their own truth. */
  static final class Variance {
    private Variance() {}

    /**
     * @param spread standard deviation of a logit between nodes, in logits; the step is about 0.93
     */
    static double ratio(int count, int trim, double spread) {
      SplittableRandom random = new SplittableRandom(7);
      int vocabulary = 2000;
      double clip = 7;
      BlockShape shape = BlockShape.of(Quantizer.DITHER, false, vocabulary, 1, 4, 4L * vocabulary);
      double[] errors = new double[2];
      for (int draw = 0; draw < 20; draw++) {
        double[] common = random.doubles(vocabulary, -4, 4).toArray();
        List<double[]> truth = new ArrayList<>();
        List<Node> nodes = new ArrayList<>();
        for (int i = 0; i < count; i++) {
          double[] x = common.clone();
          for (int v = 0; v < vocabulary; v++) {
            // uniform, of this deviation
            x[v] += spread * Math.sqrt(12) * (random.nextDouble() - 0.5);
          }
          ChannelKey key = ChannelKey.of(random.nextLong(), "r", "n" + i);
          double[] clips = {clip};
          byte[] codes =
              BlockEncoder.encode(shape, Quantizer.DITHER, key, BLOCK, FIRST_PROBE, x, clips)
                  .codes();
          truth.add(x);
          nodes.add(new Node(List.of(shape), key, clips, x, List.of(codes)));
        }
        for (int f : new int[] {0, trim}) {
          float[] mean = trimmed(nodes, f, AveragingKernel.BEST);
          double[] expected = reference(truth, f);
          for (int v = 0; v < vocabulary; v++) {
            double e = mean[v] - expected[v];
            errors[f == 0 ? 0 : 1] += e * e;
          }
        }
      }
      return errors[1] / errors[0];
    }
  }
}
