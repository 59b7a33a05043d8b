package dev.sluice.transforms.comparison;

/** No uplinks at all: the teacher is the reference. What every channel starts from. */
final class NothingSent implements ComparedChannel {
  @Override
  public String name() {
    return "nothing";
  }

  @Override
  public String what() {
    return "the reference alone";
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
  public Transmission open(int way, ProbeSet probes, long bitsPerProbe) {
    return new SparseTransmission(probes, 0, Tail.REFERENCE) {
      @Override
      public String setting() {
        return "";
      }

      @Override
      long rowBits() {
        return 0;
      }

      @Override
      void write(double[] row, byte[] out, int place) {}

      @Override
      void read(byte[] in, int place, int[] ids, double[] logs) {}
    };
  }
}
