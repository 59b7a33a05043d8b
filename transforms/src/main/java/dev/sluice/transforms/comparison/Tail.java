package dev.sluice.transforms.comparison;

import dev.sluice.transforms.theory.Softmax;

/** Where the probability goes that a sparse payload leaves over. */
enum Tail {
  /** The same to every token that was not sent. */
  EVEN,

  /** To the tokens that were not sent, in proportion to the reference. */
  REFERENCE;

  /**
   * The least that the tokens not sent have on average: rounding may leave nothing over, or less.
   * That of DistillKit's {@code densify}; see {@link DistillKitPayload}.
   */
  static final double LEAST = 1e-8;

  /**
   * Completes a distribution.
   *
   * @param ids tokens that were sent, none twice
   * @param logs their log-probabilities, nats
   * @param count of tokens that were sent, at most V
   * @param reference [V] finite logits from {@code from} on; not read where the tail is even
   * @param out receives [V] log-probabilities from {@code from} on, nats; their masses add up to 1,
   *     but for what {@link #LEAST} adds
   * @param vocabulary V
   * @param scratch [V]
   */
  void complete(
      int[] ids,
      double[] logs,
      int count,
      double[] reference,
      double[] out,
      int from,
      int vocabulary,
      double[] scratch) {
    double sent = 0;
    for (int i = 0; i < count; i++) {
      sent += StrictMath.exp(logs[i]);
    }
    int others = vocabulary - count;
    if (others > 0) {
      double rest = StrictMath.log(Math.max(1 - sent, others * LEAST));
      for (int v = 0; v < vocabulary; v++) {
        out[from + v] = this == EVEN ? 0 : reference[from + v];
      }
      for (int i = 0; i < count; i++) {
        out[from + ids[i]] = -Double.MAX_VALUE;
      }
      double share =
          this == EVEN
              ? StrictMath.log(others)
              : Softmax.probabilities(out, from, from + vocabulary, scratch);
      for (int v = 0; v < vocabulary; v++) {
        out[from + v] += rest - share;
      }
    }
    for (int i = 0; i < count; i++) {
      out[from + ids[i]] = logs[i];
    }
  }
}
