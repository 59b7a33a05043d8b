package dev.sluice.transforms.round;

import java.io.Serializable;

/** Paths of the round directory, on any Beam filesystem. FORMAT.md 1. */
public record RoundDirectory(String root) implements Serializable {
  /** How the name of a directory begins where one attempt writes before it commits. */
  public static final String ATTEMPT = ".attempt-";

  /** The page for people, within the directory. */
  public static final String REPORT = "report/index.html";

  public RoundDirectory {
    if (root.isEmpty() || root.chars().anyMatch(c -> "*?[]{}".indexOf(c) >= 0)) {
      throw new IllegalArgumentException(
          "a round directory needs a name without any of *?[]{}, got '" + root + "'");
    }
    while (root.length() > 1 && root.endsWith("/")) {
      root = root.substring(0, root.length() - 1);
    }
  }

  public String plan() {
    return root + "/plan.json";
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
    return "codes-" + fiveDigits(shard) + ".avro";
  }

  private static String fiveDigits(int n) {
    String digits = Integer.toString(n);
    return "0".repeat(Math.max(0, 5 - digits.length())) + digits;
  }
}
