package dev.sluice.transforms.comparison;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.vector.VectorCode;
import dev.sluice.transforms.channel.vector.VectorQuantizer;
import dev.sluice.transforms.channel.vector.VectorQuantizers;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

/**
 * A code for vectors, given each probe's logits less the reference's as one vector. The vector's
 * mean is taken off and not sent, which softmax does not see and squared error does. Rows follow
 * one another from whole byte to whole byte, without any headers.
 */
final class VectorChannel implements ComparedChannel {
  private final VectorQuantizer quantizer;

  VectorChannel(VectorQuantizer quantizer) {
    this.quantizer = quantizer;
  }

  @Override
  public String name() {
    return quantizer.name();
  }

  @Override
  public String what() {
    return quantizer.what();
  }

  @Override
  public String family() {
    return VectorQuantizers.family(quantizer);
  }

  @Override
  public boolean isUnbiased() {
    return quantizer.declaration().bias().averagesOut();
  }

  @Override
  public boolean isCostly() {
    return quantizer.isCostly();
  }

  @Override
  public boolean hasErrorLaw() {
    return false; // none from which a bound on the divergence follows
  }

  @Override
  public Transmission open(int way, ProbeSet probes, long bitsPerProbe) throws TooFewBitsException {
    long bytes = (long) (probes.bitsPerRow(bitsPerProbe) / 8);
    VectorCode code =
        quantizer
            .within(8 * bytes, probes.vocabulary())
            .orElseThrow(
                () ->
                    new TooFewBitsException(
                        "no rate of it fits a vector of "
                            + probes.vocabulary()
                            + " coordinates into "
                            + 8 * bytes
                            + " bits"));
    return new Sending(probes, code);
  }

  private static final class Sending implements Transmission {
    private final ProbeSet probes;
    private final VectorCode code;
    private final float[] row;
    private final byte[] bytes;
    private final List<String> names;
    private double[] reference;
    private long firstProbe;
    private int count;
    private long sent;

    Sending(ProbeSet probes, VectorCode code) {
      this.probes = probes;
      this.code = code;
      this.row = new float[probes.vocabulary()];
      this.names = probes.names();
      this.bytes = new byte[Math.toIntExact((code.bits() + 7) / 8)];
    }

    @Override
    public int probesPerBlock() {
      return SparseTransmission.probesPerBlock(probes);
    }

    @Override
    public String setting() {
      return code.setting();
    }

    @Override
    public void begin(int block, int count, double[] reference) {
      this.firstProbe = (long) block * probesPerBlock();
      this.count = count;
      this.reference = reference;
    }

    @Override
    public void send(int node, double[] logits, double[] decoded) throws TooFewBitsException {
      int vocabulary = probes.vocabulary();
      for (int probe = 0; probe < count; probe++) {
        int from = probe * vocabulary;
        double sum = 0;
        for (int v = 0; v < vocabulary; v++) {
          sum += logits[from + v] - reference[from + v];
        }
        double mean = sum / vocabulary;
        for (int v = 0; v < vocabulary; v++) {
          row[v] = (float) (logits[from + v] - reference[from + v] - mean);
        }
        code(key(node, firstProbe + probe));
        for (int v = 0; v < vocabulary; v++) {
          decoded[from + v] = reference[from + v] + row[v];
        }
      }
    }

    /** Sends the row, and puts what is decoded in its place. */
    private void code(long key) throws TooFewBitsException {
      Arrays.fill(bytes, (byte) 0);
      try {
        sent += (code.encode(row, 0, key, bytes, 0) + 7) / 8;
      } catch (IllegalArgumentException e) {
        throw new TooFewBitsException(e.getMessage());
      }
      try {
        code.decode(bytes, 0, key, row, 0);
      } catch (BadCodesException e) {
        throw new IllegalStateException("a code that was just written does not decode", e);
      }
    }

    private long key(int node, long probe) {
      return ChannelKey.of(probes.seed(), ProbeSet.ROUND, names.get(node) + "/" + probe).dither();
    }

    @Override
    public OptionalDouble end(float[] teacher) {
      return OptionalDouble.empty();
    }

    @Override
    public long bytes() {
      return sent;
    }

    @Override
    public long overheadBytes() {
      return 0;
    }

    @Override
    public long clipped() {
      return 0;
    }
  }
}
