package dev.sluice.transforms.channel;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The hub's work for one block: symbols, dither and sums. Read {@code coordinates}, in coordinates
 * per second on one core. The sums are checked against the plain decoder's.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 2, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class DecodeBenchmark {
  private static final ChannelKey KEY = ChannelKey.of(1, "bench", "node");
  private static final double CLIP = 40;

  /** Coordinates decoded. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Coordinates {
    /** Counted by each operation. */
    public long coordinates;
  }

  /** One block: an odd vocabulary, so that rows begin in the middle of a vector. */
  @State(Scope.Thread)
  public static class Input {
    @Param({"8", "3.3", "4", "12.7"})
    double bits;

    @Param({"50257"})
    int vocabulary;

    @Param({"5"}) // what a block holds at this vocabulary
    int probes;

    BlockShape shape;
    byte[] codes;
    Accumulator scalar;
    Accumulator vector;
    double[] expected;

    /** Encodes a block. */
    @Setup
    public void encode() throws BadCodesException {
      shape =
          BlockShape.of(
              Quantizer.DITHER,
              false,
              vocabulary,
              probes,
              bits,
              (long) Math.ceil(bits * vocabulary));
      int n = shape.coordinates();
      double[] clips = new double[probes];
      Arrays.fill(clips, CLIP);
      double[] x = new SplittableRandom(1).doubles(n, -CLIP, CLIP).toArray();
      codes = BlockEncoder.encode(shape, Quantizer.DITHER, KEY, 5, 80, x, clips).codes();
      scalar = new Accumulator(probes, vocabulary, 0, new ScalarKernel());
      vector = new Accumulator(probes, vocabulary, 0, AveragingKernel.BEST);
      expected = new double[n];
      BlockDecoder.decode(
          shape, Quantizer.DITHER, KEY, 5, 80, CLIP, codes, expected, new double[probes]);
    }

    /** Sums of one node are that node's reconstructions. */
    @TearDown
    public void check() throws BadCodesException {
      for (Accumulator sums : new Accumulator[] {scalar, vector}) {
        double[] actual = add(sums).sums();
        for (int c = 0; c < expected.length; c++) {
          if (actual[c] != (expected[c] + 0x1.8p22) - 0x1.8p22) {
            throw new IllegalStateException("coordinate " + c + " differs");
          }
        }
      }
    }

    double[] naive() {
      double[] sums = new double[expected.length];
      double step = shape.step(CLIP, false);
      for (int c = 0; c < sums.length; c++) {
        long row = Dither.row(KEY.dither(), vocabulary, 80 + c / vocabulary);
        double o = (Dither.numerator(row, c % vocabulary) + 0.5) * 0x1p-32;
        int at = c - KEY.start(0, 5, sums.length);
        int k = codes[at < 0 ? at + sums.length : at] & 0xff;
        double y = ((k + 0.5) - o) * step - CLIP;
        sums[c] += (y + 0x1.8p22) - 0x1.8p22;
      }
      return sums;
    }

    Accumulator add(Accumulator sums) throws BadCodesException {
      sums.reset(probes);
      sums.add(shape, Quantizer.DITHER, KEY, 5, 80, CLIP, 4, codes);
      return sums;
    }
  }

  /** A block of bytes, for the baseline. */
  @State(Scope.Thread)
  public static class Bytes {
    Input in = new Input();

    /** As {@link Input}, at 8 bits. */
    @Setup
    public void encode() throws BadCodesException {
      in.bits = 8;
      in.vocabulary = 50257;
      in.probes = 16;
      in.encode();
    }
  }

  @Benchmark
  public Accumulator scalar(Input in, Coordinates done) throws BadCodesException {
    done.coordinates += in.expected.length;
    return in.add(in.scalar);
  }

  @Benchmark
  public Accumulator best(Input in, Coordinates done) throws BadCodesException {
    done.coordinates += in.expected.length;
    return in.add(in.vector);
  }

  /** The formula, one coordinate at a time. */
  @Benchmark
  public double[] naive(Bytes in, Coordinates done) {
    done.coordinates += in.in.expected.length;
    return in.in.naive();
  }
}
