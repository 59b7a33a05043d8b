package dev.sluice.transforms.comparison;

import dev.sluice.transforms.channel.BitFields;

/** The likeliest tokens in binary16, as many as fit: {@link TopKPayload}. */
final class TopKChannel implements ComparedChannel {
  private final String name;
  private final Tail tail;

  TopKChannel(String name, Tail tail) {
    this.name = name;
    this.tail = tail;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String what() {
    return "the k likeliest tokens, ids and binary16 log-probabilities; what is left of the mass "
        + (tail == Tail.EVEN
            ? "evenly over all others"
            : "over all others in proportion to the reference");
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
  public boolean needsReference() {
    return tail == Tail.REFERENCE;
  }

  @Override
  public Transmission open(int way, ProbeSet probes, long bitsPerProbe) throws TooFewBitsException {
    int k = TopKPayload.largest(probes.bitsPerRow(bitsPerProbe), probes.vocabulary());
    if (k == 0) {
      throw new TooFewBitsException(
          "one token takes " + new TopKPayload(1, probes.vocabulary()).bits() + " bits");
    }
    return new Sending(probes, new TopKPayload(k, probes.vocabulary()), tail);
  }

  private static final class Sending extends SparseTransmission {
    private final TopKPayload payload;

    Sending(ProbeSet probes, TopKPayload payload, Tail tail) {
      super(probes, payload.k(), tail);
      this.payload = payload;
    }

    @Override
    public String setting() {
      return "k = " + payload.k();
    }

    @Override
    long rowBits() {
      return payload.bits();
    }

    @Override
    void write(double[] row, byte[] out, int place) {
      payload.write(row, new BitFields(out, place * rowBits()));
    }

    @Override
    void read(byte[] in, int place, int[] ids, double[] logs) {
      payload.read(new BitFields(in, place * rowBits()), ids, logs);
    }
  }
}
