package dev.sluice.transforms.scores;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * Queries that are to be answered by a threshold, and what is known of how the two fit.
 *
 * @param threshold as calibrated
 * @param queries the channel of the calibrated nodes that scored them
 * @param mismatch how that differs from the calibrated one; none unless it was allowed
 * @param overlapChecked whether all calibration queries are there to be compared with
 * @param minNodes fewest nodes that must have answered a query
 */
public record ServedSwarm(
    CalibratedThreshold threshold,
    SwarmChannel queries,
    ArrayList<String> mismatch,
    boolean overlapChecked,
    int minNodes)
    implements Serializable {
  public ServedSwarm {
    int most = queries.nodes().size();
    if (minNodes < 1 || minNodes > most) {
      throw new IllegalArgumentException(
          "minNodes must be in [1, " + most + "], the nodes of the queries, got " + minNodes);
    }
    if (!threshold.hasCandidatesOf(queries)) {
      throw new IllegalArgumentException("queries must have the candidates of the threshold");
    }
  }

  /** Where the queries are. */
  public ScoreDirectory directory() {
    return queries.directory();
  }

  /** Nodes that a query of the calibrated channel has at least, as far as they are here at all. */
  int usualNodes() {
    return Math.min(threshold.document().getMinNodes(), queries.nodes().size());
  }

  /** The differences, queries that lack nodes among them. */
  List<String> mismatch(long fewerNodes) {
    List<String> all = new ArrayList<>(mismatch);
    if (fewerNodes > 0) {
      all.add(
          fewerNodes
              + (fewerNodes == 1 ? " query was" : " queries were")
              + " answered by fewer than the "
              + usualNodes()
              + " nodes that calibration asked for");
    }
    return all;
  }

  /** Name of the file aside that says how an attempt ended. */
  public static String outcome(String aside) {
    return aside + "/outcome.json";
  }
}
