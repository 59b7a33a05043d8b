package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.CalibrationTerms;
import dev.sluice.schemas.ChannelNode;
import dev.sluice.schemas.GroupThreshold;
import dev.sluice.schemas.NodeSummary;
import dev.sluice.schemas.ScoreChannel;
import dev.sluice.schemas.ScoreRejects;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.Threshold;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.beam.sdk.io.fs.ResourceId;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.transforms.join.CoGbkResult;
import org.apache.beam.sdk.transforms.join.CoGroupByKey;
import org.apache.beam.sdk.transforms.join.KeyedPCollectionTuple;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.PDone;
import org.apache.beam.sdk.values.TupleTag;

/**
 * Ends a calibration: summaries and rejects are put in place, threshold.json is written last. Where
 * nothing could be calibrated with, an earlier threshold is as it was. Doing it twice does no harm.
 */
@AutoValue
public abstract class CommitThreshold extends PTransform<PCollectionTuple, PDone> {
  /** By group and alpha. */
  public static final TupleTag<GroupThreshold> THRESHOLDS = new TupleTag<>() {};

  /** By node and group. */
  public static final TupleTag<NodeSummary> SUMMARIES = new TupleTag<>() {};

  /** One: queries that nodes enough answered. */
  public static final TupleTag<Long> QUERIES = new TupleTag<>() {};

  /** At most one. */
  public static final TupleTag<ScoreRejects> REJECTS = new TupleTag<>() {};

  abstract SwarmChannel swarm();

  abstract CalibrationTerms terms();

  abstract int minNodes();

  abstract double delta();

  abstract String directory();

  /**
   * Commits into the swarm's directory.
   *
   * @param minNodes as averaged with
   * @param delta for the slack terms, as thresholds were made with
   * @param aside where to write first
   */
  public static CommitThreshold of(
      SwarmChannel swarm, CalibrationTerms terms, int minNodes, double delta, String aside) {
    return new AutoValue_CommitThreshold(swarm, terms, minNodes, delta, aside);
  }

  @Override
  public PDone expand(PCollectionTuple parts) {
    KeyedPCollectionTuple.of(
            THRESHOLDS, parts.get(THRESHOLDS).apply("OneKeyForThresholds", WithKeys.of(0)))
        .and(SUMMARIES, parts.get(SUMMARIES).apply("OneKeyForSummaries", WithKeys.of(0)))
        .and(QUERIES, parts.get(QUERIES).apply("OneKeyForQueries", WithKeys.of(0)))
        .and(REJECTS, parts.get(REJECTS).apply("OneKeyForRejects", WithKeys.of(0)))
        .apply("Gather", CoGroupByKey.create())
        .apply("WriteThreshold", ParDo.of(new WriteFn(this)));
    return PDone.in(parts.getPipeline());
  }

  private static class WriteFn extends DoFn<KV<Integer, CoGbkResult>, Void> {
    private static final long serialVersionUID = 1L;
    private final SwarmChannel swarm;
    private final CalibrationTerms terms;
    private final int minNodes;
    private final double delta;
    private final String aside;

    WriteFn(CommitThreshold commit) {
      this.swarm = commit.swarm();
      this.terms = commit.terms();
      this.minNodes = commit.minNodes();
      this.delta = commit.delta();
      this.aside = commit.directory();
    }

    @ProcessElement
    public void write(@Element KV<Integer, CoGbkResult> all) throws IOException {
      CoGbkResult parts = all.getValue();
      List<GroupThreshold> thresholds = sorted(parts.getAll(THRESHOLDS), BY_GROUP_AND_ALPHA);
      List<NodeSummary> summaries = sorted(parts.getAll(SUMMARIES), BY_NODE_AND_GROUP);
      List<ScoreRejects> rejects = new ArrayList<>();
      parts.getAll(REJECTS).forEach(rejects::add);
      long queries = parts.getOnly(QUERIES);
      ScoreDirectory directory = swarm.directory();
      if (thresholds.isEmpty()) {
        WriteScoreRejects.place(rejects, directory.calibrationRejects());
        throw new BadInputException(
            directory.root()
                + ": no query has both scores of "
                + minNodes
                + " nodes and a true answer, so there is nothing to calibrate with ("
                + queries
                + " queries answered by so many; rejected: "
                + WriteScoreRejects.counts(rejects).stream()
                    .map(count -> count.getCount() + " " + count.getReason())
                    .collect(Collectors.joining(", "))
                + ")");
      }
      writeSummaries(summaries);
      Storage.deleteIfExists(directory.threshold());
      placeSummaries(summaries);
      WriteScoreRejects.place(rejects, directory.calibrationRejects());
      Storage.replace(
          directory.threshold(),
          PlainJson.write(document(thresholds, summaries, queries, rejects)));
    }

    private static final Comparator<String> NULL_FIRST =
        Comparator.nullsFirst(Comparator.<String>naturalOrder());
    private static final Comparator<GroupThreshold> BY_GROUP_AND_ALPHA =
        Comparator.comparing(GroupThreshold::getGroup, NULL_FIRST)
            .thenComparing(threshold -> Alpha.of(threshold.getAlpha()));
    private static final Comparator<NodeSummary> BY_NODE_AND_GROUP =
        Comparator.comparing(NodeSummary::getNode).thenComparing(NodeSummary::getGroup, NULL_FIRST);

    private static <T> List<T> sorted(Iterable<T> items, Comparator<T> order) {
      List<T> list = new ArrayList<>();
      items.forEach(list::add);
      list.sort(order);
      return list;
    }

    private void writeSummaries(List<NodeSummary> summaries) throws IOException {
      DataFileWriter<NodeSummary> writer = null;
      String node = null;
      try {
        for (NodeSummary summary : summaries) {
          if (!summary.getNode().equals(node)) {
            if (writer != null) {
              writer.close();
            }
            node = summary.getNode();
            writer = new DataFileWriter<>(new SpecificDatumWriter<>(NodeSummary.class));
            writer.create(
                NodeSummary.getClassSchema(),
                Channels.newOutputStream(Storage.create(aside + "/" + node + ".avro")),
                CodeBlocks.syncMarker(new Sha256(new byte[32]), "summaries/" + node, 0));
          }
          writer.append(summary);
        }
      } finally {
        if (writer != null) {
          writer.close();
        }
      }
    }

    private void placeSummaries(List<NodeSummary> summaries) throws IOException {
      String target = swarm.directory().summaries();
      Set<ResourceId> placed = new HashSet<>();
      for (String node : summaries.stream().map(NodeSummary::getNode).distinct().toList()) {
        placed.add(Storage.moveOnce(aside + "/" + node + ".avro", target + "/" + node + ".avro"));
      }
      Storage.deleteOthers(target + "/*.avro", placed);
    }

    private Threshold document(
        List<GroupThreshold> thresholds,
        List<NodeSummary> summaries,
        long queries,
        List<ScoreRejects> rejects) {
      List<ChannelNode> nodes = new ArrayList<>();
      Map<String, Long> owned = new HashMap<>();
      Map<String, Long> bits = new HashMap<>();
      for (NodeSummary summary : summaries) {
        owned.merge(summary.getNode(), summary.getScores(), Long::sum);
        bits.merge(summary.getNode(), summary.getPayloadBits(), Long::sum);
      }
      for (NodeChannel node : swarm.nodes()) {
        ScoreChannel channel = node.document();
        nodes.add(
            ChannelNode.newBuilder()
                .setName(node.name())
                .setBitsPerQuery(channel.getBitsPerQuery())
                .setTop(channel.getTop())
                .setChannelDigest(node.digestHex())
                .setQueries(channel.getQueries())
                .setClipped(channel.getClipped())
                .setOwned(owned.getOrDefault(node.name(), 0L))
                .setSummaryBits(bits.getOrDefault(node.name(), 0L))
                .build());
      }
      return Threshold.newBuilder()
          .setFormat(CalibratedThreshold.FORMAT)
          .setCandidates(swarm.candidates())
          .setMaxScore(swarm.maxScore())
          .setScorer(swarm.scorer())
          .setNodes(nodes)
          .setMinNodes(minNodes)
          .setTerms(terms)
          .setDelta(delta)
          .setQueries(queries)
          .setCalibrated(summaries.stream().mapToLong(NodeSummary::getScores).sum())
          .setThresholds(thresholds)
          .setRejects(WriteScoreRejects.counts(rejects))
          .build();
    }
  }
}
