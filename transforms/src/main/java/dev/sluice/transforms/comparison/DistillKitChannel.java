package dev.sluice.transforms.comparison;

import dev.sluice.transforms.comparison.DistillKitPayload.Configuration;

/** What DistillKit stores, in the best of several configurations: {@link DistillKitPayload}. */
final class DistillKitChannel implements ComparedChannel {
  @Override
  public String name() {
    return "distillkit";
  }

  @Override
  public String what() {
    return "DistillKit's payload: the k likeliest tokens, log-probabilities fitted by their place,"
        + " residuals quantised; the best of "
        + ways()
        + " configurations; what is left of the mass evenly over all others";
  }

  @Override
  public boolean isUnbiased() {
    return false;
  }

  @Override
  public boolean hasErrorLaw() {
    return false;
  }

  @Override
  public int ways() {
    return DistillKitPayload.CONFIGURATIONS.size();
  }

  @Override
  public Transmission open(int way, ProbeSet probes, long bitsPerProbe) throws TooFewBitsException {
    Configuration configuration = DistillKitPayload.CONFIGURATIONS.get(way);
    int k = configuration.largest(probes.bitsPerRow(bitsPerProbe), probes.vocabulary());
    if (k == 0) {
      throw new TooFewBitsException(
          "one token takes " + 8 * configuration.bytes(1, probes.vocabulary()) + " bits");
    }
    return new Sending(
        probes, configuration, new DistillKitPayload(configuration, k, probes.vocabulary()));
  }

  private static final class Sending extends SparseTransmission {
    private final Configuration configuration;
    private final DistillKitPayload payload;

    Sending(ProbeSet probes, Configuration configuration, DistillKitPayload payload) {
      super(probes, payload.k(), Tail.EVEN);
      this.configuration = configuration;
      this.payload = payload;
    }

    @Override
    public String setting() {
      return "k = " + payload.k() + ", " + configuration.name();
    }

    @Override
    long rowBits() {
      return 8L * payload.bytes();
    }

    @Override
    void write(double[] row, byte[] out, int place) {
      payload.write(row, out, place * payload.bytes());
    }

    @Override
    void read(byte[] in, int place, int[] ids, double[] logs) {
      payload.read(in, place * payload.bytes(), ids, logs);
    }
  }
}
