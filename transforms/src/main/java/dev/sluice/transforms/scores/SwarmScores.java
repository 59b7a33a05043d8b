package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.SwarmPart;
import dev.sluice.schemas.SwarmParts;
import dev.sluice.schemas.SwarmQuery;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.conformal.SwarmScore;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * Mean scores of each query over the nodes, {@link SwarmScore}, with what is known of its truth. A
 * query that not all nodes answered has other scores than those calibrated with, and is a reject.
 *
 * <p>Queries meet in buckets of some ten thousand packets, by a hash of their names, as a runner's
 * work for a key may be far more than that for a query. Holds one bucket.
 *
 * <p>Where several nodes tell the truth, the query is the calibration score of one of them, which
 * one being a function of the query's name: it counts once, and nobody's budget carries all.
 */
@AutoValue
public abstract class SwarmScores
    extends PTransform<PCollection<KV<Integer, SwarmParts>>, PCollectionTuple> {
  /** Out: one for each query that counts. */
  public static final TupleTag<SwarmQuery> QUERIES = new TupleTag<>() {};

  /** Out: the others. */
  public static final TupleTag<ScoreReject> REJECTED = new TupleTag<>() {};

  abstract SwarmChannel swarm();

  abstract int minNodes();

  /** Averages over a swarm, all of whose nodes must have answered. */
  public static SwarmScores of(SwarmChannel swarm) {
    return new AutoValue_SwarmScores(swarm, swarm.nodes().size());
  }

  /** Takes queries that so many nodes answered. Their scores are not exchangeable with others'. */
  public SwarmScores withMinNodes(int minNodes) {
    return new AutoValue_SwarmScores(swarm(), minNodes);
  }

  /**
   * Averages.
   *
   * @param parts by bucket of queries: packets, true answers, and queries that were calibrated with
   *     and are not to be tested on
   */
  @Override
  public PCollectionTuple expand(PCollection<KV<Integer, SwarmParts>> parts) {
    PCollectionTuple swarm =
        parts
            .apply("GroupByBucket", GroupByKey.create())
            .apply(
                "Average",
                ParDo.of(new AverageFn(swarm(), minNodes()))
                    .withOutputTags(QUERIES, TupleTagList.of(REJECTED)));
    swarm.get(QUERIES).setCoder(AvroCoder.of(SwarmQuery.class));
    swarm.get(REJECTED).setCoder(AvroCoder.of(ScoreReject.class));
    return swarm;
  }

  private static class AverageFn extends DoFn<KV<Integer, Iterable<SwarmParts>>, SwarmQuery> {
    private static final long serialVersionUID = 1L;

    private final Counter queries = Metrics.counter(SwarmScores.class, "queries");
    private final SwarmChannel swarm;
    private final int minNodes;
    private transient ScoreQuantizer[] quantizers;

    AverageFn(SwarmChannel swarm, int minNodes) {
      this.swarm = swarm;
      this.minNodes = minNodes;
    }

    @Setup
    public void quantizers() {
      quantizers =
          swarm.nodes().stream()
              .map(node -> node.quantizer(OutOfRange.REFUSE))
              .toArray(ScoreQuantizer[]::new);
    }

    @ProcessElement
    public void average(
        @Element KV<Integer, Iterable<SwarmParts>> bucket, MultiOutputReceiver out) {
      Map<String, List<SwarmPart>> byQuery = new HashMap<>();
      for (SwarmParts some : bucket.getValue()) {
        for (SwarmPart part : some.getParts()) {
          byQuery.computeIfAbsent(part.getQuery(), query -> new ArrayList<>(2)).add(part);
        }
      }
      byQuery.forEach((query, parts) -> average(query, parts, out));
    }

    private void average(String query, List<SwarmPart> parts, MultiOutputReceiver out) {
      Map<Integer, SwarmPart> packets = new TreeMap<>();
      Map<Integer, Integer> answers = new TreeMap<>();
      boolean calibrated = false;
      for (SwarmPart part : parts) {
        calibrated |= part.getNode() < 0;
        if (part.getPacket() != null && packets.put(part.getNode(), part) != null) {
          reject(out, part.getNode(), query, ScoreReason.DUPLICATE, "the node sent it twice");
          return;
        }
        if (part.getAnswer() >= 0 && answers.put(part.getNode(), part.getAnswer()) != null) {
          reject(out, part.getNode(), query, ScoreReason.DUPLICATE, "the node labelled it twice");
          return;
        }
      }
      for (int node : List.copyOf(answers.keySet())) {
        if (!packets.containsKey(node) || !packets.get(node).getLabelled()) {
          answers.remove(node); // it costs itself, not what others said
          reject(
              out,
              node,
              query,
              ScoreReason.STRAY_LABEL,
              packets.containsKey(node)
                  ? "a true answer of a query that the node did not mark as labelled"
                  : "a true answer of a query that the node did not score");
        }
      }
      if (packets.isEmpty()) {
        return; // calibrated with, and not asked again
      }
      if (calibrated) {
        reject(
            out,
            null,
            query,
            ScoreReason.IN_CALIBRATION,
            "the threshold was calibrated with this query; a set for it would prove nothing");
        return;
      }
      if (packets.size() < minNodes) {
        reject(out, null, query, ScoreReason.MISSING_NODES, missing(packets));
        return;
      }
      if (agree(query, packets, answers, out)) {
        swarm(query, packets, answers, out);
      }
    }

    private String missing(Map<Integer, SwarmPart> packets) {
      List<String> missing = new ArrayList<>();
      for (int node = 0; node < swarm.nodes().size() && missing.size() < 10; node++) {
        if (!packets.containsKey(node)) {
          missing.add(swarm.nodes().get(node).name());
        }
      }
      return "answered by "
          + packets.size()
          + " of "
          + swarm.nodes().size()
          + " nodes; missing "
          + String.join(", ", missing);
    }

    private boolean agree(
        String query,
        Map<Integer, SwarmPart> packets,
        Map<Integer, Integer> answers,
        MultiOutputReceiver out) {
      SwarmPart first = packets.values().iterator().next();
      for (SwarmPart packet : packets.values()) {
        if (!Objects.equals(first.getGroup(), packet.getGroup())) {
          reject(
              out,
              packet.getNode(),
              query,
              ScoreReason.CONFLICTING_GROUPS,
              "group "
                  + packet.getGroup()
                  + ", but "
                  + first.getGroup()
                  + " at node '"
                  + swarm.nodes().get(first.getNode()).name()
                  + "'");
          return false;
        }
      }
      if (answers.values().stream().distinct().count() > 1) {
        reject(
            out,
            null,
            query,
            ScoreReason.CONFLICTING_TRUTHS,
            "nodes know different true answers: "
                + answers.entrySet().stream()
                    .limit(10)
                    .map(
                        e ->
                            swarm.nodes().get(e.getKey()).name()
                                + "="
                                + swarm.candidates().get(e.getValue()))
                    .toList());
        return false;
      }
      return true;
    }

    private void swarm(
        String query,
        Map<Integer, SwarmPart> packets,
        Map<Integer, Integer> answers,
        MultiOutputReceiver out) {
      int list = swarm.candidates().size();
      SwarmScore score = new SwarmScore(list);
      List<Integer> labelled = new ArrayList<>();
      String group = null;
      for (SwarmPart packet : packets.values()) {
        int node = packet.getNode();
        ByteBuffer view = packet.getPacket().duplicate();
        byte[] bytes = new byte[view.remaining()];
        view.get(bytes);
        try {
          score.add(quantizers[node].decode(swarm.nodes().get(node).budget(), query, bytes));
        } catch (BadCodesException e) {
          reject(out, node, query, ScoreReason.BAD_PACKET, e.getMessage());
          return;
        }
        if (packet.getLabelled()) {
          labelled.add(node);
        }
        group = packet.getGroup();
      }
      List<Long> sums = new ArrayList<>(list);
      List<Integer> counts = new ArrayList<>(list);
      for (int y = 0; y < list; y++) {
        sums.add(score.sum(y));
        counts.add(score.nodes(y));
      }
      queries.inc();
      out.get(QUERIES)
          .output(
              SwarmQuery.newBuilder()
                  .setQuery(query)
                  .setGroup(group)
                  .setNodes(packets.size())
                  .setOwner(
                      owner(query, answers.isEmpty() ? labelled : List.copyOf(answers.keySet())))
                  .setAnswer(answers.isEmpty() ? -1 : answers.values().iterator().next())
                  .setSums(sums)
                  .setCounts(counts)
                  .build());
    }

    private void reject(
        MultiOutputReceiver out, Integer node, String query, ScoreReason reason, String detail) {
      Metrics.counter("score-rejects", reason.label()).inc();
      out.get(REJECTED)
          .output(
              new ScoreReject(
                  node == null ? null : swarm.nodes().get(node).name(),
                  query,
                  reason.label(),
                  detail,
                  null));
    }
  }

  /** Which of the nodes that know a query's truth owns it, -1 for none. FORMAT.md 10.2. */
  static int owner(String query, List<Integer> labelled) {
    if (labelled.size() < 2) {
      return labelled.isEmpty() ? -1 : labelled.get(0);
    }
    byte[] digest =
        CodeBlocks.sha256().digest(("sluice-owner-1|" + query).getBytes(StandardCharsets.UTF_8));
    BigInteger number = new BigInteger(1, digest);
    return labelled.get(number.mod(BigInteger.valueOf(labelled.size())).intValueExact());
  }
}
