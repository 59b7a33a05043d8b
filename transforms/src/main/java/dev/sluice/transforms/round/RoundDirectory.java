package dev.sluice.transforms.round;

import java.io.Serializable;

/**
 * Paths of the round directory, on any Beam filesystem. FORMAT.md 1.
 *
 * @param root where the plan and the uplinks come in
 * @param outputs where the teacher and all that follows from it are: the same, or for a round that
 *     is recomputed, one of its versions. FORMAT.md 14
 */
public record RoundDirectory(String root, String outputs) implements Serializable {
  /** How the name of a directory begins where one attempt writes before it commits. */
  public static final String ATTEMPT = ".attempt-";

  /** Name of the directory of what a recomputation keeps for itself, in a round and a version. */
  public static final String CACHE = ".recompute";

  /** The page for people, within the directory. */
  public static final String REPORT = "report/index.html";

  /** Name of the public reference, beside plan.json. */
  public static final String REFERENCE = "reference.npy";

  public RoundDirectory {
    root = checked("a round directory", root);
    outputs = checked("a round directory", outputs);
  }

  /** A round that has everything in one place. */
  public RoundDirectory(String root) {
    this(root, root);
  }

  /** The same round with its outputs elsewhere. */
  public RoundDirectory withOutputs(String directory) {
    return new RoundDirectory(root, directory);
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

  /** The plan; a version has its own copy. */
  public String plan() {
    return outputs + "/plan.json";
  }

  /** The public reference, in the reference channel. */
  public String reference() {
    return root + "/" + REFERENCE;
  }

  /** What a node's logits are sent relative to, where the plan has that by node. */
  public String reference(String node) {
    return root + "/" + ownReference(node);
  }

  /** The name of that file. */
  public static String ownReference(String node) {
    return "reference-" + node + ".npy";
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
    return outputs + "/manifest.json";
  }

  public String moments() {
    return outputs + "/moments.json";
  }

  /** How the next round's bits are divided, where a recomputation was told to. */
  public String allocation() {
    return outputs + "/allocation.json";
  }

  /** What averaging each shard came to, for a later version. FORMAT.md 14.3. */
  public String rememberedShards() {
    return outputs + "/" + CACHE + "/shards";
  }

  /** The page for people. */
  public String report() {
    return outputs + "/" + REPORT;
  }

  /** The page with what became known after the commit. */
  public String fullReport() {
    return outputs + "/report/full.html";
  }

  public String uplinks() {
    return root + "/uplink";
  }

  public String uplink(String node) {
    return uplinks() + "/" + node;
  }

  public String teacher() {
    return outputs + "/teacher";
  }

  public String rejects() {
    return outputs + "/rejects";
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
