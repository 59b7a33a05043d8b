package dev.sluice.transforms.channel;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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

class AccumulatorTest {
  private static final int NODES = 7;

  /** One node's block: a shape of its own, a key, a clip level and codes. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Block(BlockShape shape, ChannelKey key, double clip, byte[] codes) {
    void addTo(Accumulator sums) {
      try {
        sums.add(shape, shape.quantizer(), key, 3, 12, clip, NODES, codes);
      } catch (BadCodesException e) {
        throw new AssertionError(e);
      }
    }

    double[] decode() {
      double[] y = new double[shape.coordinates()];
      try {
        BlockDecoder.decode(
            shape, shape.quantizer(), key, 3, 12, clip, codes, y, new double[shape.probes()]);
      } catch (BadCodesException e) {
        throw new AssertionError(e);
      }
      return y;
    }
  }

  private static double[] logits(SplittableRandom random, int n) {
    double[] x = new double[n];
    for (int i = 0; i < n; i++) {
      x[i] = 12 * random.nextDouble() - 6;
    }
    return x;
  }

  private static Block block(
      SplittableRandom random, int node, Quantizer q, int vocabulary, int probes, double bits) {
    boolean perProbe = random.nextBoolean();
    long perProbeBits = (long) Math.ceil(bits * vocabulary) + (perProbe ? 16 : 0);
    BlockShape shape = BlockShape.of(q, perProbe, vocabulary, probes, bits, perProbeBits);
    ChannelKey key = ChannelKey.of(random.nextLong(), "r", "node-" + node);
    double[] clips = new double[probes];
    double clip = 5 + random.nextDouble();
    for (int p = 0; p < probes; p++) {
      clips[p] = perProbe ? Centring.clipOf(Centring.clipUp(5 + random.nextDouble())) : clip;
    }
    byte[] codes =
        BlockEncoder.encode(shape, q, key, 3, 12, logits(random, vocabulary * probes), clips)
            .codes();
    return new Block(shape, key, clip, codes);
  }

  private static List<Block> blocks(SplittableRandom random, int vocabulary, int probes) {
    double[] bits = {8, 8, 1, 3.3, 12.5, 4, 16};
    Quantizer[] quantizers = Quantizer.values();
    List<Block> blocks = new ArrayList<>();
    for (int node = 0; node < NODES; node++) {
      blocks.add(
          block(
              random,
              node,
              quantizers[random.nextInt(quantizers.length)],
              vocabulary,
              probes,
              bits[node]));
    }
    return blocks;
  }

  @Property(tries = 200)
  void theMeanIsAFunctionOfTheSet(
      @ForAll @IntRange(min = 2, max = 70) int vocabulary,
      @ForAll @IntRange(min = 1, max = 5) int probes,
      @ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Block> blocks = blocks(random, vocabulary, probes);
    int n = vocabulary * probes;
    Accumulator sums = new Accumulator(probes, vocabulary);
    sums.reset(probes);
    blocks.forEach(b -> b.addTo(sums));
    float[] mean = new float[n];
    sums.mean(NODES, mean);
    double[] expected = sums.sums();

    // The formula, in floating point: within K*2^-31 of the exact sum and its own rounding.
    double[] plain = new double[n];
    for (Block b : blocks) {
      double[] y = b.decode();
      for (int c = 0; c < n; c++) {
        plain[c] += y[c];
      }
    }
    for (int c = 0; c < n; c++) {
      assertThat(expected[c], closeTo(plain[c], NODES * 0x1p-31 + 1e-12));
      assertThat(expected[c] * 0x1p30, is(Math.rint(expected[c] * 0x1p30)));
    }

    // Any order, and any grouping into partial sums.
    Collections.shuffle(blocks, new Random(seed));
    Accumulator left = new Accumulator(probes + 1, vocabulary);
    Accumulator right = new Accumulator(probes, vocabulary);
    left.reset(probes);
    right.reset(probes);
    int cut = random.nextInt(NODES + 1);
    blocks.subList(0, cut).forEach(b -> b.addTo(left));
    blocks.subList(cut, NODES).forEach(b -> b.addTo(right));
    double[] total = left.sums();
    for (int c = 0; c < n; c++) {
      total[c] += right.sums()[c];
    }
    assertThat(total, equalTo(expected));
    right.reset(probes);
    blocks.forEach(b -> b.addTo(right));
    float[] again = new float[n];
    right.mean(NODES, again);
    assertThat(again, equalTo(mean));
  }

  @Property(tries = 300)
  void theVectorKernelGivesTheScalarsBits(
      @ForAll @IntRange(min = 2, max = 4200) int vocabulary,
      @ForAll @IntRange(min = 1, max = 3) int probes,
      @ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Accumulator scalar = new Accumulator(probes, vocabulary, 0, new ScalarKernel());
    // Not AveragingKernel.BEST, which is the scalar one where vectors have 128 bits.
    Accumulator vector = new Accumulator(probes, vocabulary, 0, new VectorKernel());
    scalar.reset(probes);
    vector.reset(probes);
    for (Block b : blocks(random, vocabulary, probes)) {
      b.addTo(scalar);
      b.addTo(vector);
    }
    assertThat(vector.sums(), equalTo(scalar.sums()));
  }

  @Test
  void wideVectorsAreUsed() {
    assumeTrue(new VectorKernel().lanes() >= 4, "vectors are narrow here: the scalar kernel runs");
    assertThat(AveragingKernel.BEST.label(), startsWith("vector-"));
  }

  @Test
  void bothKernelsAreTheFormulaAtEverySizeAndAlignment() {
    SplittableRandom random = new SplittableRandom(1);
    byte[] bytes = new byte[5000];
    random.nextBytes(bytes);
    int[] ints = random.ints(5000, 0, 65537).toArray();
    double clip = 7.3;
    double step = 0.0573;
    for (AveragingKernel kernel : new AveragingKernel[] {new ScalarKernel(), new VectorKernel()}) {
      for (int count : new int[] {0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1023, 1025, 2500}) {
        for (int from : new int[] {0, 1, 2, 3, 17}) {
          long row = Dither.row(random.nextLong(), 5000, 3);
          double[] sums = logits(random, 3000);
          double[] byInts = sums.clone();
          double[] expected = sums.clone();
          double[] expectedInts = sums.clone();
          for (int i = 0; i < count; i++) {
            double o = (Dither.numerator(row, from + i) + 0.5) * 0x1p-32;
            double y = (((bytes[5 + i] & 255) + 0.5) - o) * step - clip;
            expected[9 + i] += (y + 0x1.8p22) - 0x1.8p22;
            y = ((ints[5 + i] + 0.5) - o) * step - clip;
            expectedInts[9 + i] += (y + 0x1.8p22) - 0x1.8p22;
          }
          kernel.addBytes(bytes, 5, row, from, from + count, step * 0x1p-33, clip, sums, 9);
          kernel.addInts(ints, 5, row, from, from + count, step * 0x1p-33, clip, byInts, 9);
          assertThat(kernel.label() + count, sums, equalTo(expected));
          assertThat(kernel.label() + count, byInts, equalTo(expectedInts));
        }
      }
    }
  }

  @Test
  void aFailedAddLeavesTheSums() {
    SplittableRandom random = new SplittableRandom(4);
    int vocabulary = 65;
    Accumulator sums = new Accumulator(2, vocabulary);
    sums.reset(2);
    block(random, 0, Quantizer.DITHER, vocabulary, 2, 8).addTo(sums);
    double[] before = sums.sums();
    ChannelKey key = ChannelKey.of(1, "r", "n");
    BlockShape fields = BlockShape.of(Quantizer.DITHER, false, vocabulary, 2, 8, 8 * 65);
    BlockShape radices = BlockShape.of(Quantizer.DITHER, false, vocabulary, 2, 3.3, 215);
    BlockShape clips = BlockShape.of(Quantizer.DITHER, true, vocabulary, 2, 8, 8 * 65 + 16);
    byte[] full = new byte[radices.payloadBytes()];
    Arrays.fill(full, (byte) -1);
    // All ones in the tail too: at or above its bound, which is no power of two.
    full[full.length - 1] = (byte) ((1 << (radices.payloadBits() & 7)) - 1);
    refused(sums, radices, key, 6, full, "state");
    refused(sums, fields, key, 6, new byte[129], "129 bytes, expected 130 = ceil(1040 bits / 8)");
    refused(sums, fields, key, 6, new byte[131], "131 bytes");
    for (double clip : new double[] {0, -1, Double.NaN, 1 / 0.0, 0x1p-25, 0x1.0001p19 / NODES}) {
      refused(
          sums, fields, key, clip, new byte[130], "clip level of probe 0 of the block: " + clip);
    }
    for (int bits : new int[] {0, 0x8001, 0xc400, 0x7c00, 0xfc00, 0x7e00}) {
      byte[] codes = new byte[134];
      codes[0] = 1;
      codes[2] = (byte) bits;
      codes[3] = (byte) (bits >> 8);
      refused(sums, clips, key, 0, codes, "clip level of probe 1");
    }
    assertThat(sums.sums(), equalTo(before));
  }

  private static void refused(
      Accumulator sums, BlockShape shape, ChannelKey key, double clip, byte[] codes, String why) {
    BadCodesException e =
        assertThrows(
            BadCodesException.class,
            () -> sums.add(shape, shape.quantizer(), key, 0, 0, clip, NODES, codes));
    assertThat(e.getMessage(), containsString(why));
  }

  @Test
  void theLargestLevelsOfTheMostNodesStayExact() throws BadCodesException {
    // K*L = 2^19 at N = 2, where a reconstruction reaches 2L.
    int nodes = 64;
    BlockShape shape = BlockShape.of(Quantizer.DITHER, false, 64, 1, 1, 64);
    byte[] top = new byte[8];
    Arrays.fill(top, (byte) -1);
    Accumulator up = new Accumulator(1, 64);
    Accumulator down = new Accumulator(1, 64);
    up.reset(1);
    down.reset(1);
    for (int i = 0; i < nodes; i++) {
      ChannelKey key = ChannelKey.of(1, "r", "n" + i);
      ChannelKey mirror = ChannelKey.of(1, "r", "n" + (nodes - 1 - i));
      up.add(shape, Quantizer.DITHER, key, 0, 0, 0x1p19 / nodes, nodes, top);
      down.add(shape, Quantizer.DITHER, mirror, 0, 0, 0x1p19 / nodes, nodes, top);
    }
    assertThat(up.sums(), equalTo(down.sums()));
  }

  @Test
  void argumentsThatContradictEachOtherAreRefused() {
    Accumulator sums = new Accumulator(2, 65);
    BlockShape shape = BlockShape.of(Quantizer.DITHER, false, 65, 2, 8, 8 * 65);
    ChannelKey key = ChannelKey.of(1, "r", "n");
    byte[] codes = new byte[130];
    assertThrows(
        IllegalArgumentException.class,
        () -> sums.add(shape, Quantizer.DITHER, key, 0, 0, 1, 1, codes));
    sums.reset(2);
    assertThrows(
        IllegalArgumentException.class,
        () -> sums.add(shape, Quantizer.MIDRISE, key, 0, 0, 1, 1, codes));
    assertThrows(
        IllegalArgumentException.class,
        () -> sums.add(shape, Quantizer.DITHER, key, 0, 0, 1, 0, codes));
    assertThrows(IllegalArgumentException.class, () -> sums.reset(3));
    assertThrows(IllegalArgumentException.class, () -> sums.reset(0));
    assertThrows(IllegalArgumentException.class, () -> sums.mean(0, new float[130]));
    assertThrows(IllegalArgumentException.class, () -> sums.mean(1, new float[129]));
    assertThrows(IllegalArgumentException.class, () -> new Accumulator(1 << 10, 1 << 11));
  }
}
