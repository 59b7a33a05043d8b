package dev.sluice.transforms.scores;

import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.apache.beam.sdk.io.fs.MatchResult;

/**
 * The channels of all nodes that answer the queries of a directory, by name: the same candidates,
 * range and scorer for all, bits for each.
 *
 * <p>Immutable.
 */
public final class SwarmChannel implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Most nodes of a swarm: sums of their scores stay exact. */
  public static final int MAX_NODES = 4096;

  private final ScoreDirectory directory;
  private final ArrayList<NodeChannel> nodes;

  private SwarmChannel(ScoreDirectory directory, ArrayList<NodeChannel> nodes) {
    this.directory = directory;
    this.nodes = nodes;
  }

  /** Names of the nodes that have a directory of scores, ascending. */
  public static List<String> present(ScoreDirectory directory) throws IOException {
    Set<String> names = new TreeSet<>();
    if (Storage.isLocal(directory.root())) {
      for (MatchResult.Metadata entry : Storage.list(directory.scores())) {
        String name = entry.resourceId().getFilename();
        if (entry.sizeBytes() < 0 && PlannedRound.isName(name)) {
          names.add(name);
        }
      }
    } else {
      for (MatchResult.Metadata file :
          Storage.match(directory.scores() + "/*/channel.json")) { // no directories to list
        names.add(Storage.directoryName(file.resourceId()));
      }
    }
    return List.copyOf(names);
  }

  /**
   * Reads the channels of nodes.
   *
   * @param names at least one
   * @throws IOException if one has none, or they do not agree on candidates, range or scorer
   */
  public static SwarmChannel read(ScoreDirectory directory, List<String> names) throws IOException {
    if (names.isEmpty() || names.size() > MAX_NODES) {
      throw new BadInputException(
          directory.scores()
              + ": found scores of "
              + names.size()
              + " nodes, expected 1 to "
              + MAX_NODES
              + "; 'sluice score' writes them at the sites");
    }
    ArrayList<NodeChannel> nodes = new ArrayList<>();
    for (String name : new TreeSet<>(names)) {
      NodeChannel node = NodeChannel.read(directory, name);
      if (!nodes.isEmpty()) {
        agree(nodes.get(0), node);
      }
      nodes.add(node);
    }
    return new SwarmChannel(directory, nodes);
  }

  private static void agree(NodeChannel first, NodeChannel node) throws BadInputException {
    same(
        first,
        node,
        "candidates",
        first.document().getCandidates(),
        node.document().getCandidates());
    same(first, node, "maxScore", first.document().getMaxScore(), node.document().getMaxScore());
    same(first, node, "scorer", first.document().getScorer(), node.document().getScorer());
  }

  private static void same(
      NodeChannel first, NodeChannel node, String field, Object expected, Object found)
      throws BadInputException {
    if (!found.equals(expected)) {
      throw new BadInputException(
          first.source()
              + " and "
              + node.source()
              + " disagree: "
              + field
              + ": found "
              + NodeChannel.shown("" + expected)
              + " and "
              + NodeChannel.shown("" + found)
              + ", expected the same: scores of different "
              + (field.equals("scorer") ? "scorers" : "questions")
              + " cannot be averaged; --nodes picks those that belong together");
    }
  }

  /** Where the scores are. */
  public ScoreDirectory directory() {
    return directory;
  }

  /** By name. Treat as immutable. */
  public List<NodeChannel> nodes() {
    return nodes;
  }

  /** The answers, in order. */
  public List<String> candidates() {
    return nodes.get(0).document().getCandidates();
  }

  /** S, nats. */
  public double maxScore() {
    return nodes.get(0).document().getMaxScore();
  }

  /** What made the scores. */
  public String scorer() {
    return nodes.get(0).document().getScorer();
  }

  /** The largest finite swarm score, nats. */
  public double maxSwarmScore() {
    double largest = 0;
    for (NodeChannel node : nodes) {
      ScoreQuantizer quantizer = node.quantizer(OutOfRange.REFUSE);
      largest = Math.max(largest, quantizer.maxReconstruction(node.budget()));
    }
    return largest;
  }

  /** Packets that the nodes say they sent, at the node with most. */
  public long mostQueries() {
    return nodes.stream().mapToLong(node -> node.document().getQueries()).max().orElse(0);
  }

  /**
   * Whether every node sends all candidates, none of them clipped, as the published slack needs.
   */
  public boolean isWhole() {
    return nodes.stream()
        .allMatch(
            node ->
                node.budget().sent() == candidates().size() && node.document().getClipped() == 0);
  }

  /** Names of the nodes that know true answers. */
  public List<String> owners() {
    return nodes.stream()
        .filter(node -> node.document().getLabelled() > 0)
        .map(NodeChannel::name)
        .toList();
  }
}
