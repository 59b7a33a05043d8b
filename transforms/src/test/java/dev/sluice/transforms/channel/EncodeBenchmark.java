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
 * A node's work for one block. Read {@code coordinates}, in coordinates per second on one core.
 * What comes back is checked to be within half a step.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 2, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class EncodeBenchmark {
  private static final ChannelKey KEY = ChannelKey.of(1, "bench", "node");
  private static final double CLIP = 40;

  /** Coordinates encoded. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Coordinates {
    /** Counted by each operation. */
    public long coordinates;
  }

  /** One block of an odd vocabulary. */
  @State(Scope.Thread)
  public static class Input {
    @Param({"8", "3.3"})
    double bits;

    @Param({"50257"})
    int vocabulary;

    @Param({"5"}) // what a block holds at this vocabulary
    int probes;

    BlockShape shape;
    double[] x;
    double[] clips;

    /** Draws logits. */
    @Setup
    public void draw() {
      shape =
          BlockShape.of(
              Quantizer.DITHER,
              false,
              vocabulary,
              probes,
              bits,
              (long) Math.ceil(bits * vocabulary));
      clips = new double[probes];
      Arrays.fill(clips, CLIP);
      x = new SplittableRandom(1).doubles(shape.coordinates(), -CLIP, CLIP).toArray();
    }

    /** Reads a block back. */
    @TearDown
    public void check() throws BadCodesException {
      double[] y = new double[x.length];
      BlockDecoder.decode(
          shape, Quantizer.DITHER, KEY, 5, 80, CLIP, encode(), y, new double[probes]);
      for (int c = 0; c < y.length; c++) {
        if (Math.abs(y[c] - x[c]) > shape.step(CLIP, false) / 2 * (1 + 1e-9)) {
          throw new IllegalStateException("coordinate " + c + ": " + x[c] + " came as " + y[c]);
        }
      }
    }

    byte[] encode() {
      return BlockEncoder.encode(shape, Quantizer.DITHER, KEY, 5, 80, x, clips).codes();
    }
  }

  @Benchmark
  public byte[] encode(Input in, Coordinates done) {
    done.coordinates += in.x.length;
    return in.encode();
  }

  /** The formula in place, one byte at a time, without rotation. */
  @Benchmark
  public byte[] naive(Input in, Coordinates done) {
    done.coordinates += in.x.length;
    byte[] codes = new byte[in.x.length];
    for (int c = 0; c < codes.length; c++) {
      long row = Dither.row(KEY.dither(), in.vocabulary, 80 + c / in.vocabulary);
      double o = (Dither.numerator(row, c % in.vocabulary) + 0.5) * 0x1p-32;
      codes[c] = (byte) Math.min(Math.floor((in.x[c] + CLIP) / (2 * CLIP / 255) + o), 255);
    }
    return codes;
  }
}
