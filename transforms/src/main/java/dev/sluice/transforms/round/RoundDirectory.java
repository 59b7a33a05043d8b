package dev.sluice.transforms.round;

import java.io.Serializable;

/** Paths of the round directory, on any Beam filesystem. FORMAT.md 1. */
public record RoundDirectory(String root) implements Serializable {
  /** How the name of a directory begins where one attempt writes before it commits. */
  public static final String ATTEMPT = ".attempt-";

  /** The page for people, within the directory. */
  public static final String REPORT = "report/index.html";

  public RoundDirectory {
    root = checked("a round directory", root);
  }

  /**
   * The name of a directory without slashes at its end.
   *
   * @param what it is, for messages
   * @throws IllegalArgumentException if it is empty, or would be a pattern
   */
  public static String checked(String what, String root) {
    if (root.isEmpty() || root.chars().anyMatch(c -> "*?[]{}".indexOf(c) >= 0)) {
      throw new IllegalArgumentException(
          what + " needs a name without any of *?[]{}, got '" + root + "'");
    }
    int end = root.length();
    while (end > 1 && root.charAt(end - 1) == '/') {
      end--;
    }
    return root.substring(0, end);
  }

  public String plan() {
    return root + "/plan.json";
  }

  /** The hub's signature over the plan. */
  public String planSignature() {
    return root + "/plan.sig";
  }

  /** Keys whose signatures no longer count. */
  public String revocations() {
    return root + "/revoked.json";
  }

  public String manifest() {
    return root + "/manifest.json";
  }

  public String moments() {
    return root + "/moments.json";
  }

  /** The page for people. */
  public String report() {
    return root + "/" + REPORT;
  }

  /** The page with what became known after the commit. */
  public String fullReport() {
    return root + "/report/full.html";
  }

  public String uplinks() {
    return root + "/uplink";
  }

  public String uplink(String node) {
    return uplinks() + "/" + node;
  }

  public String teacher() {
    return root + "/teacher";
  }

  public String rejects() {
    return root + "/rejects";
  }

  /** Where one attempt writes before it commits. */
  public String aside(String attempt) {
    return root + "/" + ATTEMPT + attempt;
  }

  /** Name of a teacher shard's files, without extension. */
  public static String teacherShard(int shard) {
    return "teacher-" + fiveDigits(shard);
  }

  /** Name of an uplink file. */
  public static String uplinkFile(int shard) {
    return part("codes", shard);
  }

  /** Name of a part, such as scores-00000.avro. */
  public static String part(String what, int index) {
    return what + "-" + fiveDigits(index) + ".avro";
  }

  private static String fiveDigits(int n) {
    String digits = Integer.toString(n);
    return "0".repeat(Math.max(0, 5 - digits.length())) + digits;
  }
}
