package dev.sluice.transforms.uplink;

/** Why something that came in an uplink was not used. FORMAT.md 6.1. */
public enum Reason {
  NOT_AVRO("not-avro"),
  CORRUPT_CONTAINER("corrupt-container"),
  OVERSIZED("oversized"),
  CORRUPT_RECORD("corrupt-record"),
  CHECKSUM("checksum"),
  WRONG_ROUND("wrong-round"),
  WRONG_PLAN("wrong-plan"),
  UNKNOWN_NODE("unknown-node"),
  WRONG_NODE("wrong-node"),
  SILENT_NODE("silent-node"),
  BAD_HEADER("bad-header"),
  BAD_CODES("bad-codes"),
  UNSIGNED("unsigned"),
  BAD_SIGNATURE("bad-signature"),
  REVOKED_KEY("revoked-key"),
  CONFLICT("conflict"),
  OUT_OF_ORDER("out-of-order"),
  TOO_MANY("too-many"),
  UNREADABLE("unreadable");

  private final String label;

  Reason(String label) {
    this.label = label;
  }

  /** The word used in files. */
  public String label() {
    return label;
  }
}
