package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.CalibrationTerms;
import dev.sluice.schemas.NodeSummary;
import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.SummaryShare;
import dev.sluice.schemas.SwarmQuery;
import dev.sluice.transforms.conformal.CalibrationPlan;
import dev.sluice.transforms.conformal.CalibrationSummary;
import dev.sluice.transforms.conformal.PaperSummary;
import dev.sluice.transforms.conformal.SwarmScore;
import dev.sluice.transforms.conformal.SymbolCounts;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import java.util.stream.StreamSupport;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.CoderRegistry;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.coders.VarLongCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.Combine;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Sum;
import org.apache.beam.sdk.transforms.View;
import org.apache.beam.sdk.transforms.windowing.GlobalWindow;
import org.apache.beam.sdk.util.VarInt;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.PCollectionView;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;
import org.joda.time.Instant;

/**
 * From what the swarm said of labelled queries to what each owner says of its scores: the scores of
 * true answers, counted by node and group, then rounded up to the grid that so many scores and bits
 * have, and only how often each value occurs is kept. A node's scores are nowhere together, except
 * with the published rule, which interpolates between them (8 bytes a score).
 */
@AutoValue
public abstract class SummarizeScores
    extends PTransform<PCollection<SwarmQuery>, PCollectionTuple> {
  /** One for each node and group that has a calibration score. */
  public static final TupleTag<NodeSummary> SUMMARIES = new TupleTag<>() {};

  /** Queries that were labelled, and whose label is not there. */
  public static final TupleTag<ScoreReject> REJECTED = new TupleTag<>() {};

  private static final TupleTag<KV<KV<Integer, String>, double[]>> SCORES = new TupleTag<>() {};

  /** One or more: their sum is the number of queries. */
  public static final TupleTag<Long> QUERIES = new TupleTag<>() {};

  private static final int BATCH = 1 << 16;
  private static final KvCoder<Integer, String> PLACE =
      KvCoder.of(VarIntCoder.of(), StringUtf8Coder.of());

  abstract SwarmChannel swarm();

  abstract CalibrationTerms terms();

  /** Summaries under terms. */
  public static SummarizeScores of(SwarmChannel swarm, CalibrationTerms terms) {
    return new AutoValue_SummarizeScores(swarm, terms);
  }

  @Override
  public PCollectionTuple expand(PCollection<SwarmQuery> queries) {
    PCollectionTuple labelled =
        queries.apply(
            "ScoresOfTrueAnswers",
            ParDo.of(new TrueScoreFn(swarm(), terms().getGrouped()))
                .withOutputTags(SCORES, TupleTagList.of(REJECTED).and(QUERIES)));
    PCollection<KV<KV<Integer, String>, double[]>> scores =
        labelled.get(SCORES).setCoder(KvCoder.of(PLACE, DoublesCoder.INSTANCE));
    PCollectionView<Map<KV<Integer, String>, SummaryShare>> shares =
        scores
            .apply("CountBatch", ParDo.of(new CountBatchFn()))
            .setCoder(KvCoder.of(PLACE, VarLongCoder.of()))
            .apply("CountScores", Sum.longsPerKey())
            .apply("ByNode", ParDo.of(new ByNodeFn()))
            .apply("GroupsOfNode", GroupByKey.create())
            .apply("ShareBits", ParDo.of(new ShareFn(terms())))
            .setCoder(KvCoder.of(PLACE, AvroCoder.of(SummaryShare.class)))
            .apply("Shares", View.asMap());
    PCollection<NodeSummary> summaries;
    if (SummaryMethod.of(terms().getMethod()) == SummaryMethod.PAPER) {
      summaries =
          scores
              .apply("GatherScores", GroupByKey.create())
              .apply("PaperSummary", ParDo.of(new PaperFn(swarm(), terms())));
    } else {
      summaries =
          scores
              .apply(
                  "RoundUp",
                  ParDo.of(new RoundUpFn(terms(), shares)).withSideInputs(List.of(shares)))
              .setCoder(KvCoder.of(PLACE, CountsCoder.INSTANCE))
              .apply("CountSymbols", Combine.perKey(new CountFn()))
              .apply(
                  "Summarize",
                  ParDo.of(new SummarizeFn(swarm(), terms(), shares))
                      .withSideInputs(List.of(shares)));
    }
    return PCollectionTuple.of(SUMMARIES, summaries.setCoder(AvroCoder.of(NodeSummary.class)))
        .and(REJECTED, labelled.get(REJECTED).setCoder(AvroCoder.of(ScoreReject.class)))
        .and(QUERIES, labelled.get(QUERIES).setCoder(VarLongCoder.of()));
  }

  /** Scores leave in batches, so that a runner moves few elements. */
  private static class TrueScoreFn extends DoFn<SwarmQuery, KV<KV<Integer, String>, double[]>> {
    private static final long serialVersionUID = 1L;
    private final SwarmChannel swarm;
    private final boolean grouped;
    private transient Map<KV<Integer, String>, DoubleStream.Builder> held;
    private transient int scores;
    private transient long queries;

    TrueScoreFn(SwarmChannel swarm, boolean grouped) {
      this.swarm = swarm;
      this.grouped = grouped;
    }

    @StartBundle
    public void begin() {
      held = new HashMap<>();
      scores = 0;
      queries = 0;
    }

    @ProcessElement
    public void score(@Element SwarmQuery query, MultiOutputReceiver out) {
      queries++;
      if (query.getOwner() < 0) {
        return; // nobody's calibration score: a query to be answered
      }
      if (query.getAnswer() < 0) {
        out.get(REJECTED)
            .output(
                new ScoreReject(
                    swarm.nodes().get(query.getOwner()).name(),
                    query.getQuery(),
                    ScoreReason.NO_LABEL.label(),
                    "marked as labelled, but no labels file has its true answer",
                    null));
        return;
      }
      int answer = query.getAnswer();
      String group = grouped && query.getGroup() != null ? query.getGroup() : "";
      held.computeIfAbsent(KV.of(query.getOwner(), group), place -> DoubleStream.builder())
          .add(SwarmScore.mean(query.getSums().get(answer), query.getCounts().get(answer)));
      if (++scores == BATCH) {
        held.forEach((place, some) -> out.get(SCORES).output(KV.of(place, some.build().toArray())));
        held.clear();
        scores = 0;
      }
    }

    @FinishBundle
    public void finish(FinishBundleContext context) {
      Instant end = GlobalWindow.INSTANCE.maxTimestamp();
      held.forEach(
          (place, some) ->
              context.output(
                  SCORES, KV.of(place, some.build().toArray()), end, GlobalWindow.INSTANCE));
      context.output(QUERIES, queries, end, GlobalWindow.INSTANCE);
    }
  }

  private static class CountBatchFn
      extends DoFn<KV<KV<Integer, String>, double[]>, KV<KV<Integer, String>, Long>> {
    private static final long serialVersionUID = 1L;

    @ProcessElement
    public void count(
        @Element KV<KV<Integer, String>, double[]> batch,
        OutputReceiver<KV<KV<Integer, String>, Long>> out) {
      out.output(KV.of(batch.getKey(), (long) batch.getValue().length));
    }
  }

  private static class ByNodeFn
      extends DoFn<KV<KV<Integer, String>, Long>, KV<Integer, KV<String, Long>>> {
    private static final long serialVersionUID = 1L;

    @ProcessElement
    public void key(
        @Element KV<KV<Integer, String>, Long> count,
        OutputReceiver<KV<Integer, KV<String, Long>>> out) {
      out.output(
          KV.of(count.getKey().getKey(), KV.of(count.getKey().getValue(), count.getValue())));
    }
  }

  private static class ShareFn
      extends DoFn<KV<Integer, Iterable<KV<String, Long>>>, KV<KV<Integer, String>, SummaryShare>> {
    private static final long serialVersionUID = 1L;
    private final CalibrationTerms terms;

    ShareFn(CalibrationTerms terms) {
      this.terms = terms;
    }

    @ProcessElement
    public void share(
        @Element KV<Integer, Iterable<KV<String, Long>>> node,
        OutputReceiver<KV<KV<Integer, String>, SummaryShare>> out) {
      List<KV<String, Long>> groups = new ArrayList<>();
      node.getValue().forEach(groups::add);
      groups.sort(Comparator.comparing(KV::getKey));
      for (int i = 0; i < groups.size(); i++) {
        String group = groups.get(i).getKey();
        out.output(
            KV.of(
                KV.of(node.getKey(), group),
                new SummaryShare(
                    node.getKey(),
                    group,
                    CalibrationPlans.share(terms, groups.size(), i),
                    groups.get(i).getValue())));
      }
    }
  }

  /**
   * What a share comes to.
   *
   * @param shape null of a summary that has none
   * @param levels L of the grid that scores are rounded up to, 0 where none will be reported
   */
  private record Grid(CalibrationPlan plan, CalibrationPlan.Shape shape, int levels) {}

  /** Grids, each worked out once for a number of scores and bits. */
  private static final class Grids {
    private record Place(int bits, long scores) {}

    private final CalibrationTerms terms;
    private final Map<Place, Grid> grids = new HashMap<>();

    Grids(CalibrationTerms terms) {
      this.terms = terms;
    }

    Grid of(SummaryShare share) {
      return grids.computeIfAbsent(new Place(share.getBits(), share.getScores()), this::grid);
    }

    private Grid grid(Place place) {
      CalibrationPlan plan = CalibrationPlans.of(terms, place.bits, place.scores);
      if (SummaryMethod.of(terms.getMethod()) == SummaryMethod.KLL) {
        return new Grid(plan, null, CalibrationPlan.MAX_LEVELS);
      }
      CalibrationPlan.Shape shape = plan.shape(Math.toIntExact(place.scores));
      return new Grid(plan, shape, shape.levels());
    }
  }

  private static class RoundUpFn
      extends DoFn<KV<KV<Integer, String>, double[]>, KV<KV<Integer, String>, SymbolCounts>> {
    private static final long serialVersionUID = 1L;
    private final CalibrationTerms terms;
    private final PCollectionView<Map<KV<Integer, String>, SummaryShare>> shares;
    private transient Grids grids;

    RoundUpFn(
        CalibrationTerms terms, PCollectionView<Map<KV<Integer, String>, SummaryShare>> shares) {
      this.terms = terms;
      this.shares = shares;
    }

    @Setup
    public void begin() {
      grids = new Grids(terms);
    }

    @ProcessElement
    public void round(ProcessContext context) {
      KV<KV<Integer, String>, double[]> batch = context.element();
      SummaryShare share = context.sideInput(shares).get(batch.getKey());
      Grid grid = grids.of(share);
      SymbolCounts symbols = new SymbolCounts();
      for (double score : batch.getValue()) {
        symbols.add(grid.levels == 0 ? 0 : grid.plan.symbolAbove(score, grid.levels));
      }
      context.output(KV.of(batch.getKey(), symbols));
    }
  }

  private static class SummarizeFn
      extends DoFn<KV<KV<Integer, String>, SymbolCounts>, NodeSummary> {
    private static final long serialVersionUID = 1L;
    private final SwarmChannel swarm;
    private final CalibrationTerms terms;
    private final PCollectionView<Map<KV<Integer, String>, SummaryShare>> shares;
    private transient Grids grids;

    SummarizeFn(
        SwarmChannel swarm,
        CalibrationTerms terms,
        PCollectionView<Map<KV<Integer, String>, SummaryShare>> shares) {
      this.swarm = swarm;
      this.terms = terms;
      this.shares = shares;
    }

    @Setup
    public void begin() {
      grids = new Grids(terms);
    }

    @ProcessElement
    public void summarize(ProcessContext context) {
      KV<KV<Integer, String>, SymbolCounts> symbols = context.element();
      SummaryShare share = context.sideInput(shares).get(symbols.getKey());
      Grid grid = grids.of(share);
      byte[] payload;
      long bits;
      if (SummaryMethod.of(terms.getMethod()) == SummaryMethod.KLL) {
        payload =
            KllSummary.of(
                grid.plan,
                swarm.nodes().get(share.getNode()).name(),
                share.getGroup(),
                symbols.getValue());
        bits = 8L * payload.length;
      } else {
        CalibrationSummary summary =
            CalibrationSummary.of(grid.plan, grid.shape, symbols.getValue());
        payload = summary.encode();
        bits = summary.payloadBits();
      }
      context.output(summary(swarm, terms, share, bits, payload));
    }
  }

  private static class PaperFn
      extends DoFn<KV<KV<Integer, String>, Iterable<double[]>>, NodeSummary> {
    private static final long serialVersionUID = 1L;
    private final SwarmChannel swarm;
    private final CalibrationTerms terms;

    PaperFn(SwarmChannel swarm, CalibrationTerms terms) {
      this.swarm = swarm;
      this.terms = terms;
    }

    @ProcessElement
    public void summarize(
        @Element KV<KV<Integer, String>, Iterable<double[]>> element,
        OutputReceiver<NodeSummary> out) {
      double[] scores =
          StreamSupport.stream(element.getValue().spliterator(), false)
              .flatMapToDouble(Arrays::stream)
              .toArray();
      double[] values = PaperSummary.of(scores, terms.getBitsCal());
      ByteBuffer payload = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
      for (double value : values) {
        payload.putDouble(value);
      }
      SummaryShare share =
          new SummaryShare(
              element.getKey().getKey(),
              element.getKey().getValue(),
              terms.getBitsCal(),
              (long) scores.length);
      out.output(summary(swarm, terms, share, 64L * values.length, payload.array()));
    }
  }

  private static NodeSummary summary(
      SwarmChannel swarm, CalibrationTerms terms, SummaryShare share, long bits, byte[] payload) {
    return NodeSummary.newBuilder()
        .setNode(swarm.nodes().get(share.getNode()).name())
        .setGroup(terms.getGrouped() && !share.getGroup().isEmpty() ? share.getGroup() : null)
        .setBits(share.getBits())
        .setScores(share.getScores())
        .setPayloadBits(bits)
        .setPayload(ByteBuffer.wrap(payload))
        .build();
  }

  private static class CountFn extends Combine.CombineFn<SymbolCounts, SymbolCounts, SymbolCounts> {
    private static final long serialVersionUID = 1L;

    @Override
    public SymbolCounts createAccumulator() {
      return new SymbolCounts();
    }

    @Override
    public SymbolCounts addInput(SymbolCounts counts, SymbolCounts more) {
      counts.add(more);
      return counts;
    }

    @Override
    public SymbolCounts mergeAccumulators(Iterable<SymbolCounts> parts) {
      SymbolCounts all = new SymbolCounts();
      parts.forEach(all::add);
      return all;
    }

    @Override
    public SymbolCounts extractOutput(SymbolCounts counts) {
      return counts;
    }

    @Override
    public Coder<SymbolCounts> getAccumulatorCoder(
        CoderRegistry registry, Coder<SymbolCounts> input) {
      return CountsCoder.INSTANCE;
    }

    @Override
    public Coder<SymbolCounts> getDefaultOutputCoder(
        CoderRegistry registry, Coder<SymbolCounts> input) {
      return CountsCoder.INSTANCE;
    }
  }

  /** Distinct symbols as differences, each with its count. */
  private static final class CountsCoder extends AtomicCoder<SymbolCounts> {
    private static final long serialVersionUID = 1L;
    static final CountsCoder INSTANCE = new CountsCoder();

    @Override
    public void encode(SymbolCounts counts, OutputStream out) throws IOException {
      VarInt.encode(counts.size(), out);
      int last = 0;
      for (int i = 0; i < counts.size(); i++) {
        VarInt.encode(counts.symbol(i) - last, out);
        VarInt.encode(counts.count(i), out);
        last = counts.symbol(i);
      }
    }

    @Override
    public SymbolCounts decode(InputStream in) throws IOException {
      int size = VarInt.decodeInt(in);
      int[] symbols = new int[size];
      long[] counts = new long[size];
      int last = 0;
      for (int i = 0; i < size; i++) {
        last += VarInt.decodeInt(in);
        symbols[i] = last;
        counts[i] = VarInt.decodeLong(in);
      }
      return SymbolCounts.of(symbols, counts);
    }

    private Object readResolve() {
      return INSTANCE;
    }
  }

  /** A batch of scores. */
  private static final class DoublesCoder extends AtomicCoder<double[]> {
    private static final long serialVersionUID = 1L;
    static final DoublesCoder INSTANCE = new DoublesCoder();

    @Override
    public void encode(double[] values, OutputStream out) throws IOException {
      VarInt.encode(values.length, out);
      ByteBuffer bytes = ByteBuffer.allocate(8 * values.length);
      bytes.asDoubleBuffer().put(values);
      out.write(bytes.array());
    }

    @Override
    public double[] decode(InputStream in) throws IOException {
      double[] values = new double[VarInt.decodeInt(in)];
      ByteBuffer.wrap(in.readNBytes(8 * values.length)).asDoubleBuffer().get(values);
      return values;
    }

    private Object readResolve() {
      return INSTANCE;
    }
  }
}
