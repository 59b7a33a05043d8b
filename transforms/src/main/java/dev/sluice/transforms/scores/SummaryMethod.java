package dev.sluice.transforms.scores;

import java.util.Arrays;
import java.util.List;

/** How a node says what its calibration scores are. FORMAT.md 10.3. */
public enum SummaryMethod {
  /** Order statistics near the quantile, rounded up: coverage never falls short. THEORY 7.6. */
  CONSERVATIVE("conservative"),

  /** 2^B equispaced order statistics, as recovered from the published numbers. THEORY 8.3. */
  PAPER("paper"),

  /** A KLL sketch, for comparison where sites already keep one. */
  KLL("kll");

  private final String label;

  SummaryMethod(String label) {
    this.label = label;
  }

  /** The word used in files and on the command line. */
  public String label() {
    return label;
  }

  /** All labels. */
  public static List<String> labels() {
    return Arrays.stream(values()).map(SummaryMethod::label).toList();
  }

  /**
   * The method of a label.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static SummaryMethod of(String label) {
    return Arrays.stream(values())
        .filter(method -> method.label.equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "method: found '" + label + "', expected one of " + labels()));
  }
}
