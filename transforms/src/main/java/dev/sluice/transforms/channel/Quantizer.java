package dev.sluice.transforms.channel;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * How a clipped logit becomes a symbol, and which law its error follows. FORMAT 3.3; THEORY 2.2.
 *
 * <p>With {@code L} the clip level in logits, {@code N} the number of symbols and {@code b} the
 * bits of a coordinate, the step is {@code 2L/(N-1)}, {@code 2L/2^b} and {@code 2L/N} respectively.
 */
public enum Quantizer {
  /**
   * N symbols, step 2L/(N-1). The error is uniform on a step and independent of the logit: no bias,
   * no overload.
   */
  DITHER("dither"),
  /**
   * 2^b + 1 symbols, step 2L/2^b: the variance is the published (L^2/3)4^-b, for log2(1 + 2^-b)
   * bits more.
   */
  DITHER_PAPER("dither-paper"),
  /**
   * N symbols, step 2L/N, no dither: the error is deterministic, at most half a step, and biased.
   */
  MIDRISE("midrise");

  private final String label;

  Quantizer(String label) {
    this.label = label;
  }

  /** The name a plan uses. */
  public String label() {
    return label;
  }

  /** Whether node and hub share a random offset. */
  public boolean isDithered() {
    return this != MIDRISE;
  }

  /**
   * The quantiser with this label.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static Quantizer of(String label) {
    for (Quantizer quantizer : values()) {
      if (quantizer.label.equals(label)) {
        return quantizer;
      }
    }
    throw new IllegalArgumentException(
        "quantizer must be one of "
            + Arrays.stream(values()).map(Quantizer::label).collect(Collectors.joining(", "))
            + "; got '"
            + label
            + "'");
  }
}
