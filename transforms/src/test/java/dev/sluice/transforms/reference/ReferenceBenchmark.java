package dev.sluice.transforms.reference;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BadLogitException;
import java.util.ArrayList;
import java.util.List;
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
 * The work for one block of the reference channel, at a node and at the hub. Read {@code
 * coordinates}, in coordinates per second on one core; those that are not sent count. What comes
 * back is checked to be within half a step.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class ReferenceBenchmark {
  private static final double LIMIT = 1e5;

  /** Coordinates done. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Coordinates {
    /** Counted by each operation. */
    public long coordinates;
  }

  /** One block of the reference. */
  @State(Scope.Thread)
  public static class Reference {
    @Param({"50257"})
    int vocabulary;

    @Param({"5"}) // what a block holds at this vocabulary
    int probes;

    Synthetic block;

    /** Draws logits, those of four nodes too. */
    @Setup
    public void draw() throws Exception {
      block = new Synthetic(5, probes, vocabulary, 4);
    }
  }

  /** What the nodes have sent of it. */
  @State(Scope.Thread)
  public static class Uplinks {
    @Param({"256", "1024", "4096", "16384", "65536"})
    int bits;

    ReferenceEncoder encoder;
    ReferenceDecoder decoder;
    byte[] codes;
    double[] y;
    List<NodeTerms> terms;
    float[] teacher;

    /** Encodes and decodes. */
    @Setup
    public void send(Reference in) throws BadCodesException {
      encoder = new ReferenceEncoder(in.probes, in.vocabulary, 1);
      decoder = new ReferenceDecoder();
      y = new double[in.block.rows.length];
      terms = new ArrayList<>();
      double[] sums = new double[y.length];
      for (int node = 3; node >= 0; node--) {
        codes = encode(in, node).codes();
        decoder.decode(in.block.reference, Synthetic.key(node), 7, codes, LIMIT, y);
        terms.add(decoder.terms());
        for (int c = 0; c < y.length; c++) {
          sums[c] += y[c];
        }
      }
      teacher = new float[y.length];
      for (int c = 0; c < y.length; c++) {
        teacher[c] = (float) (in.block.rows[c] + sums[c] / 4);
      }
    }

    /** Reads the block of the first node back. */
    @TearDown
    public void check(Reference in) throws BadCodesException {
      double[] r = in.block.residual(0);
      decoder.decode(in.block.reference, Synthetic.key(0), 7, encode(in, 0).codes(), LIMIT, y);
      for (int c = 0; c < y.length; c++) {
        double step = decoder.terms().steps()[in.block.reference.classes()[c] & 0xff];
        if (step > 0 && Math.abs(y[c] - r[c]) > step / 2 * (1 + 1e-6)) {
          throw new IllegalStateException("coordinate " + c + ": " + r[c] + " came as " + y[c]);
        }
      }
    }

    ReferenceEncoder.Encoded encode(Reference in, int node) {
      Synthetic block = in.block;
      int budget = in.probes * bits / 8;
      return encoder.encode(
          block.reference, block.rows, block.sites[node], Synthetic.key(node), 7, budget);
    }
  }

  @Benchmark
  public ReferenceBlock derive(Reference in, Coordinates done) throws BadLogitException {
    done.coordinates += in.block.rows.length;
    in.block.reference.derive(in.block.rows, in.probes);
    return in.block.reference;
  }

  @Benchmark
  public byte[] encode(Reference in, Uplinks uplinks, Coordinates done) {
    done.coordinates += in.block.rows.length;
    return uplinks.encode(in, 0).codes();
  }

  @Benchmark
  public double[] decode(Reference in, Uplinks uplinks, Coordinates done) throws BadCodesException {
    done.coordinates += in.block.rows.length;
    uplinks.decoder.decode(
        in.block.reference, Synthetic.key(0), 7, uplinks.codes, LIMIT, uplinks.y);
    return uplinks.y;
  }

  /** Of four nodes together. */
  @Benchmark
  public double certificate(Reference in, Uplinks uplinks, Coordinates done) {
    done.coordinates += in.block.rows.length;
    ReferenceCertificate certificate = new ReferenceCertificate(uplinks.terms);
    for (int probe = 0; probe < in.probes; probe++) {
      certificate.add(in.block.reference, probe, in.block.rows, uplinks.teacher);
    }
    return certificate.upper();
  }
}
