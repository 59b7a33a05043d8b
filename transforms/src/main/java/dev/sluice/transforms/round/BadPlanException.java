package dev.sluice.transforms.round;

import java.io.IOException;

/** A plan that no round can follow. The message names the document, the field and the range. */
public final class BadPlanException extends IOException {
  private static final long serialVersionUID = 1L;

  private final String field;
  private final String detail;

  BadPlanException(String source, String field, String detail) {
    super(source + ": field '" + field + "': " + detail);
    this.field = field;
    this.detail = detail;
  }

  /** Path of the field in the plan, as in {@code nodes[1].bitsPerCoordinate}. */
  public String field() {
    return field;
  }

  /** What was found and what was expected, without where. */
  public String detail() {
    return detail;
  }
}
