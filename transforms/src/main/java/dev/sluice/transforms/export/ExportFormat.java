package dev.sluice.transforms.export;

import java.util.Arrays;
import java.util.stream.Collectors;

/** What a teacher is exported as: one file for each of its shards. FORMAT.md 13. */
public enum ExportFormat {
  /** Log-probabilities, float32, m × V. The logits themselves are the teacher's own .npy files. */
  NPY("npy", "log-probabilities"),
  /** The k likeliest tokens of each probe, their log-probabilities, and the mass of the others. */
  PARQUET("parquet", "top-k log-probabilities"),
  /** The logits, float32, m × V, bit by bit those of the teacher. */
  SAFETENSORS("safetensors", "logits");

  private final String label;
  private final String holds;

  ExportFormat(String label, String holds) {
    this.label = label;
    this.holds = holds;
  }

  /** Its name, which its files end in. */
  public String label() {
    return label;
  }

  /** What its files hold. */
  public String holds() {
    return holds;
  }

  /**
   * The format with this label.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static ExportFormat of(String label) {
    for (ExportFormat format : ExportFormat.values()) {
      if (format.label.equals(label)) {
        return format;
      }
    }
    throw new IllegalArgumentException(
        "format must be one of "
            + Arrays.stream(ExportFormat.values())
                .map(ExportFormat::label)
                .collect(Collectors.joining(", "))
            + "; got '"
            + label
            + "'");
  }
}
