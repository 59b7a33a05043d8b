package dev.sluice.transforms.allocation;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
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

/** The hub's work for one split. The naive baseline is the level by bisection. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class AllocationBenchmark {
  /** Nodes with floors and caps that bind. */
  @State(Scope.Thread)
  public static class Input {
    @Param({"1000", "100000"})
    int nodes;

    double[] weights;
    double[] floors;
    double[] caps;
    int[] ones;
    int[] wholeCaps;
    int[] twos;
    int[] symbolCaps;
    double total;

    /** Draws weights and caps. */
    @Setup
    public void draw() {
      SplittableRandom random = new SplittableRandom(1);
      weights = new double[nodes];
      floors = new double[nodes];
      caps = new double[nodes];
      ones = new int[nodes];
      wholeCaps = new int[nodes];
      twos = new int[nodes];
      symbolCaps = new int[nodes];
      for (int i = 0; i < nodes; i++) {
        weights[i] = Math.pow(2, 20 * random.nextDouble());
        floors[i] = 1;
        caps[i] = 4 + 12 * random.nextDouble();
      }
      Arrays.fill(ones, 1);
      Arrays.fill(wholeCaps, 16);
      Arrays.fill(twos, 2);
      Arrays.fill(symbolCaps, 65536);
      total = 6.0 * nodes;
    }

    /** Compares with bisection. */
    @TearDown
    public void check() {
      double[] exact = WaterFilling.bits(weights, floors, caps, total);
      double[] near = bisected();
      double sum = 0;
      for (int i = 0; i < nodes; i++) {
        sum += exact[i];
        if (Math.abs(exact[i] - near[i]) > 1e-9) {
          throw new IllegalStateException("node " + i + ": " + exact[i] + " and " + near[i]);
        }
      }
      if (sum > total) {
        throw new IllegalStateException("used " + sum + " of " + total);
      }
    }

    double[] bisected() {
      double low = -60;
      double high = 60;
      double[] bits = new double[nodes];
      for (int step = 0; step < 60; step++) {
        double middle = 0.5 * (low + high);
        double sum = 0;
        for (int i = 0; i < nodes; i++) {
          double free = 0.5 * (StrictMath.log(weights[i]) / StrictMath.log(2) - middle);
          bits[i] = Math.min(caps[i], Math.max(floors[i], free));
          sum += bits[i];
        }
        if (sum > total) {
          low = middle;
        } else {
          high = middle;
        }
      }
      return bits;
    }
  }

  @Benchmark
  public double[] waterFilling(Input in) {
    return WaterFilling.bits(in.weights, in.floors, in.caps, in.total);
  }

  @Benchmark
  public double[] naive(Input in) {
    return in.bisected();
  }

  @Benchmark
  public int[] wholeBits(Input in) {
    return WholeBits.greedy(Distortion.SHRUNK, in.weights, in.ones, in.wholeCaps, (long) in.total);
  }

  @Benchmark
  public int[] levels(Input in) {
    return Levels.greedy(Distortion.SHRUNK, in.weights, in.twos, in.symbolCaps, in.total);
  }

  @Benchmark
  public double[] fractionalBits(Input in) {
    return FractionalBits.bits(Distortion.SHRUNK, in.weights, in.floors, in.caps, in.total);
  }

  @Benchmark
  public ActiveSet activeSet(Input in) {
    return ActiveSet.choose(in.weights, in.total, 1, 16, 1, 0.9);
  }
}
