package dev.sluice.transforms.scores;

/** Why something that came with scores was not used. FORMAT.md 10.5. */
public enum ScoreReason {
  DIGEST("digest"),
  NOT_AVRO("not-avro"),
  CORRUPT("corrupt"),
  TOO_MANY("too-many"),
  BAD_RECORD("bad-record"),
  BAD_PACKET("bad-packet"),
  DUPLICATE("duplicate"),
  MISSING_NODES("missing-nodes"),
  CONFLICTING_GROUPS("conflicting-groups"),
  CONFLICTING_TRUTHS("conflicting-truths"),
  UNKNOWN_ANSWER("unknown-answer"),
  NO_LABEL("no-label"),
  STRAY_LABEL("stray-label"),
  IN_CALIBRATION("in-calibration");

  private final String label;

  ScoreReason(String label) {
    this.label = label;
  }

  /** The word used in files. */
  public String label() {
    return label;
  }
}
