package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.rotation.Hadamard;
import dev.sluice.transforms.channel.rotation.Rotation;
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
 * The transform of a Gaussian vector, a round of its rotation, and EDEN's codes of it. Read {@code
 * coordinates}, in coordinates per second on one core. What comes back is checked against the
 * error's law.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class EdenBenchmark {
  /** Coordinates done. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Coordinates {
    /** Counted by each operation. */
    public long coordinates;
  }

  /** A vector. */
  @State(Scope.Thread)
  public static class Input {
    @Param({"65536", "50257", "1024"})
    int dimension;

    float[] x;
    float[] y;
    Rotation rotation;
    final Hadamard hadamard = new Hadamard();

    /** Draws it. */
    @Setup
    public void draw() {
      SplittableRandom random = new SplittableRandom(1);
      x = new float[dimension];
      for (int i = 0; i < dimension; i++) {
        x[i] = (float) random.nextGaussian();
      }
      y = x.clone();
      rotation = Rotation.of(dimension);
    }
  }

  /** What is sent of it. */
  @State(Scope.Thread)
  public static class Codes {
    @Param({"1", "2", "4"})
    int bits;

    VectorCode code;
    byte[] sent;
    byte[] bytes;

    /** Encodes once. */
    @Setup
    public void send(Input in) {
      code = EdenQuantizer.EDEN.at(bits, in.dimension).orElseThrow();
      sent = new byte[(int) BitFields.bytes(code.bits())];
      bytes = new byte[sent.length];
      code.encode(in.x, 0, 1, sent, 0);
    }

    /** Reads it back. */
    @TearDown
    public void check(Input in) throws BadCodesException {
      code.decode(sent, 0, 1, in.y, 0);
      double error = 0;
      double energy = 0;
      for (int i = 0; i < in.dimension; i++) {
        error += Math.pow(in.y[i] - in.x[i], 2);
        energy += Math.pow(in.x[i], 2);
      }
      if (error / energy > new double[] {0, 0.7, 0.2, 0, 0.02}[bits]) {
        throw new IllegalStateException("error " + error / energy + " at " + bits + " bits");
      }
    }
  }

  /** The longest power of two within the vector, from a fresh copy. */
  @Benchmark
  public float[] hadamard(Input in, Coordinates done) {
    int n = Integer.highestOneBit(in.dimension);
    done.coordinates += n;
    System.arraycopy(in.x, 0, in.y, 0, n);
    in.hadamard.transform(in.y, 0, n);
    return in.y;
  }

  /** One round. */
  @Benchmark
  public float[] rotation(Input in, Coordinates done) {
    done.coordinates += in.dimension;
    in.rotation.forward(in.y, 0, 1, 1);
    return in.y;
  }

  @Benchmark
  public byte[] encode(Input in, Codes codes, Coordinates done) {
    done.coordinates += in.dimension;
    Arrays.fill(codes.bytes, (byte) 0);
    codes.code.encode(in.x, 0, 1, codes.bytes, 0);
    return codes.bytes;
  }

  @Benchmark
  public float[] decode(Input in, Codes codes, Coordinates done) throws BadCodesException {
    done.coordinates += in.dimension;
    codes.code.decode(codes.sent, 0, 1, in.y, 0);
    return in.y;
  }
}
