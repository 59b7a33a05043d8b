package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.CoverageCount;
import dev.sluice.schemas.SwarmQuery;
import dev.sluice.transforms.conformal.Coverage;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.CoderRegistry;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.Combine;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.windowing.GlobalWindow;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;

/**
 * Counts how the sets of queries with a known answer fare: for each alpha, over all queries, within
 * each group, and by the nodes that scored the true answer. Counts are added up where queries are,
 * and are all that is shuffled.
 *
 * <p>A cell's key is the alpha's index, or {@link #OF_ALL} where it is no matter of alpha, and one
 * of {@link CoverageCells}' names.
 */
@AutoValue
public abstract class MeasureCoverage
    extends PTransform<
        PCollection<SwarmQuery>, PCollection<KV<KV<Integer, String>, CoverageCount>>> {
  /** In the place of an alpha's index. */
  static final int OF_ALL = -1;

  private static final int MOST_CELLS = 10_000;

  abstract ServedSwarm served();

  /** Counts by the threshold of a swarm. */
  public static MeasureCoverage of(ServedSwarm served) {
    return new AutoValue_MeasureCoverage(served);
  }

  @Override
  public PCollection<KV<KV<Integer, String>, CoverageCount>> expand(
      PCollection<SwarmQuery> queries) {
    return queries
        .apply("CountInBundle", ParDo.of(new CountFn(served())))
        .setCoder(coder())
        .apply("AddUp", Combine.perKey(new SumFn()))
        .setCoder(coder());
  }

  static KvCoder<KV<Integer, String>, CoverageCount> coder() {
    return KvCoder.of(
        KvCoder.of(VarIntCoder.of(), StringUtf8Coder.of()), AvroCoder.of(CoverageCount.class));
  }

  private static class CountFn extends DoFn<SwarmQuery, KV<KV<Integer, String>, CoverageCount>> {
    private static final long serialVersionUID = 1L;
    private final ServedSwarm served;
    private transient Map<KV<Integer, String>, Coverage> cells;
    private transient Map<String, Long> others;

    CountFn(ServedSwarm served) {
      this.served = served;
    }

    @StartBundle
    public void start() {
      cells = new HashMap<>();
      others = new HashMap<>();
    }

    @ProcessElement
    public void count(
        @Element SwarmQuery query, OutputReceiver<KV<KV<Integer, String>, CoverageCount>> out) {
      if (query.getNodes() < served.usualNodes()) {
        others.merge(CoverageCells.FEWER_NODES, 1L, Long::sum);
      }
      if (query.getAnswer() < 0) {
        others.merge(CoverageCells.UNLABELLED, 1L, Long::sum);
        return;
      }
      double[] scores = AnswerSets.scores(query);
      String group = CoverageCells.group(query.getGroup());
      String nodes = CoverageCells.nodes(query.getCounts().get(query.getAnswer()));
      for (int a = 0; a < served.threshold().alphas().size(); a++) {
        double threshold = served.threshold().threshold(query.getGroup(), a);
        for (String cell : new String[] {CoverageCells.ALL, group, nodes}) {
          cells
              .computeIfAbsent(KV.of(a, cell), key -> new Coverage())
              .add(scores, threshold, query.getAnswer());
        }
      }
      if (cells.size() > MOST_CELLS) {
        cells.forEach((key, coverage) -> out.output(KV.of(key, CoverageCells.count(coverage))));
        cells.clear();
      }
    }

    @FinishBundle
    public void finish(FinishBundleContext context) {
      cells.forEach((key, coverage) -> output(context, KV.of(key, CoverageCells.count(coverage))));
      others.forEach(
          (cell, n) ->
              output(
                  context, KV.of(KV.of(OF_ALL, cell), new CoverageCount(n, 0L, 0L, 0L, 0L, 0L))));
    }

    private static void output(
        DoFn<SwarmQuery, KV<KV<Integer, String>, CoverageCount>>.FinishBundleContext context,
        KV<KV<Integer, String>, CoverageCount> count) {
      context.output(count, GlobalWindow.INSTANCE.maxTimestamp(), GlobalWindow.INSTANCE);
    }
  }

  /** Sums of counts, which have one value in any order. */
  static class SumFn extends Combine.CombineFn<CoverageCount, CoverageCount, CoverageCount> {
    private static final long serialVersionUID = 1L;

    @Override
    public CoverageCount createAccumulator() {
      return new CoverageCount(0L, 0L, 0L, 0L, 0L, 0L);
    }

    @Override
    public CoverageCount addInput(CoverageCount sum, CoverageCount more) {
      sum.setQueries(sum.getQueries() + more.getQueries());
      sum.setCovered(sum.getCovered() + more.getCovered());
      sum.setAnswers(sum.getAnswers() + more.getAnswers());
      sum.setSingletons(sum.getSingletons() + more.getSingletons());
      sum.setEmpty(sum.getEmpty() + more.getEmpty());
      sum.setInfiniteThreshold(sum.getInfiniteThreshold() + more.getInfiniteThreshold());
      return sum;
    }

    @Override
    public CoverageCount mergeAccumulators(Iterable<CoverageCount> parts) {
      Iterator<CoverageCount> it = parts.iterator();
      CoverageCount sum = it.hasNext() ? it.next() : createAccumulator();
      while (it.hasNext()) {
        sum = addInput(sum, it.next());
      }
      return sum;
    }

    @Override
    public CoverageCount extractOutput(CoverageCount sum) {
      return sum;
    }

    @Override
    public Coder<CoverageCount> getAccumulatorCoder(
        CoderRegistry registry, Coder<CoverageCount> input) {
      return AvroCoder.of(CoverageCount.class);
    }

    @Override
    public Coder<CoverageCount> getDefaultOutputCoder(
        CoderRegistry registry, Coder<CoverageCount> input) {
      return AvroCoder.of(CoverageCount.class);
    }
  }
}
