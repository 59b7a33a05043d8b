package dev.sluice.transforms.scores;

import dev.sluice.schemas.CalibrationTerms;
import dev.sluice.schemas.ChannelNode;
import dev.sluice.schemas.GroupThreshold;
import dev.sluice.schemas.Slack;
import dev.sluice.schemas.Threshold;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.ConformalRank;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Thresholds as a calibration would write them, with values of the test's choice. */
public final class ThresholdFixture {
  private ThresholdFixture() {}

  /** A threshold of no group. */
  public static GroupThreshold row(String alpha, long scores, Double threshold) {
    return row(null, alpha, scores, threshold);
  }

  /**
   * A group's threshold.
   *
   * @param threshold null for +infinity
   */
  public static GroupThreshold row(String group, String alpha, long scores, Double threshold) {
    Alpha level = Alpha.of(alpha);
    long rank = ConformalRank.of(level, scores);
    return GroupThreshold.newBuilder()
        .setGroup(group)
        .setAlpha(alpha)
        .setScores(scores)
        .setRank(rank)
        .setThreshold(threshold)
        .setCertified(threshold == null ? 0 : rank)
        .setCoverage(threshold == null ? 1 : ConformalRank.coverage(level, scores))
        .setWhy(threshold != null ? null : rank > scores ? "too-few-scores" : "too-few-bits")
        .setSlack(
            Slack.newBuilder()
                .setFederated(0.1)
                .setChannel(0.1)
                .setTraining(null)
                .setMaxDensity(null)
                .setLowerBound(null)
                .build())
        .build();
  }

  /** The document of a swarm's channel; grouped where a row has a group. */
  public static Threshold of(SwarmChannel swarm, GroupThreshold... rows) {
    List<ChannelNode> nodes = new ArrayList<>();
    for (NodeChannel node : swarm.nodes()) {
      nodes.add(
          ChannelNode.newBuilder()
              .setName(node.name())
              .setBitsPerQuery(node.document().getBitsPerQuery())
              .setTop(node.document().getTop())
              .setChannelDigest(node.digestHex())
              .setQueries(node.document().getQueries())
              .setClipped(0)
              .setOwned(0)
              .setSummaryBits(0)
              .build());
    }
    List<String> alphas =
        Arrays.stream(rows)
            .map(GroupThreshold::getAlpha)
            .distinct()
            .sorted((one, other) -> Alpha.of(one).compareTo(Alpha.of(other)))
            .toList();
    return Threshold.newBuilder()
        .setFormat(CalibratedThreshold.FORMAT)
        .setCandidates(new ArrayList<>(swarm.candidates()))
        .setMaxScore(swarm.maxScore())
        .setScorer(swarm.scorer())
        .setNodes(nodes)
        .setMinNodes(nodes.size())
        .setTerms(
            CalibrationTerms.newBuilder()
                .setMethod("conservative")
                .setAlphas(alphas)
                .setBitsCal(256)
                .setNodes(nodes.size())
                .setMaxScore(swarm.maxSwarmScore())
                .setMinCell(1)
                .setMaxLevels(65535)
                .setDensity(1)
                .setGrouped(Arrays.stream(rows).anyMatch(row -> row.getGroup() != null))
                .build())
        .setDelta(0.05)
        .setQueries(100_000)
        .setCalibrated(100_000)
        .setThresholds(List.of(rows))
        .setRejects(List.of())
        .build();
  }

  /** Calibrates a directory of scores. */
  public static CalibratedThreshold write(ScoreDirectory directory, GroupThreshold... rows)
      throws IOException {
    SwarmChannel swarm = SwarmChannel.read(directory, SwarmChannel.present(directory));
    Files.write(Path.of(directory.threshold()), PlainJson.write(of(swarm, rows)));
    return CalibratedThreshold.read(directory);
  }
}
