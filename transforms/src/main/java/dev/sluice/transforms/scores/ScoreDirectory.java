package dev.sluice.transforms.scores;

import dev.sluice.transforms.round.RoundDirectory;
import java.io.Serializable;

/**
 * Paths of a directory of scores, on any Beam filesystem: calibration queries in one, test queries
 * in another. FORMAT.md 10.
 *
 * @param root where scores and labels are
 * @param outputs where thresholds and what comes with them are: the same, or for a calibration that
 *     is recomputed, one of its versions. FORMAT.md 14
 */
public record ScoreDirectory(String root, String outputs) implements Serializable {
  public ScoreDirectory {
    root = RoundDirectory.checked("a directory of scores", root);
    outputs = RoundDirectory.checked("a directory of scores", outputs);
  }

  /** A directory that has everything in one place. */
  public ScoreDirectory(String root) {
    this(root, root);
  }

  /** Where the nodes' directories are. */
  public String scores() {
    return root + "/scores";
  }

  /** What a node sent: packets and channel.json. */
  public String scores(String node) {
    return scores() + "/" + node;
  }

  /** How a node's packets are to be read. */
  public String channel(String node) {
    return scores(node) + "/channel.json";
  }

  /** What a node knows of the truth, if it says so here. */
  public String labels(String node) {
    return root + "/labels/" + node;
  }

  /** What a node says of its calibration scores. */
  public String summaries() {
    return outputs + "/summaries";
  }

  /** From which score on a candidate is left out. */
  public String threshold() {
    return outputs + "/threshold.json";
  }

  /** Answer sets. */
  public String sets() {
    return root + "/sets";
  }

  /** What the answer sets came to. */
  public String predictions() {
    return sets() + "/predictions.json";
  }

  /** How the sets fared. */
  public String coverage() {
    return root + "/coverage.json";
  }

  /** What a calibration did not use. */
  public String calibrationRejects() {
    return outputs + "/score-rejects/calibrate.avro";
  }

  /** What another command did not use, by its name. */
  public String rejects(String command) {
    return root + "/score-rejects/" + command + ".avro";
  }

  /** Where one attempt writes before it commits. */
  public String aside(String attempt) {
    return root + "/" + RoundDirectory.ATTEMPT + attempt;
  }

  /** Name of a part, such as scores-00000.avro. */
  public static String part(String what, int index) {
    return RoundDirectory.part(what, index);
  }
}
