package dev.sluice.transforms.comparison;

import java.io.IOException;

/** A way to send logits within a budget, to be held against others. Stateless. */
public interface ComparedChannel {
  /** Its name on the command line and in documents. */
  String name();

  /** What it is, for people: a sentence. */
  String what();

  /** Which others it is drawn with. */
  default String family() {
    return "channels and payloads";
  }

  /** Whether the mean of what is decoded is what was sent, wherever something is sent. */
  boolean isUnbiased();

  /** Whether its error has a law, from which an upper bound on the divergence follows. */
  boolean hasErrorLaw();

  /** Whether without a reference it would be another channel under a second name. */
  default boolean needsReference() {
    return false;
  }

  /** Whether it is compared only where it is named. */
  default boolean isCostly() {
    return false;
  }

  /**
   * How many ways it has to spend a budget of which only trying tells the best. All are tried, and
   * the best is shown.
   */
  default int ways() {
    return 1;
  }

  /**
   * Plans what K nodes send.
   *
   * @param way in [0, {@link #ways})
   * @param bitsPerProbe most bits a probe and node, headers and all
   * @throws TooFewBitsException if nothing can be sent for so few; the message says why
   */
  Transmission open(int way, ProbeSet probes, long bitsPerProbe)
      throws TooFewBitsException, IOException;
}
