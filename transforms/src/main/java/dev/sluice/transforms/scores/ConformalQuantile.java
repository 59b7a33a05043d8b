package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.CalibrationTerms;
import dev.sluice.schemas.GroupThreshold;
import dev.sluice.schemas.NodeSummary;
import dev.sluice.schemas.Slack;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.CalibrationPlan;
import dev.sluice.transforms.conformal.CalibrationSummary;
import dev.sluice.transforms.conformal.ConformalRank;
import dev.sluice.transforms.conformal.PaperSummary;
import dev.sluice.transforms.conformal.PooledThreshold;
import dev.sluice.transforms.conformal.SlackTerms;
import dev.sluice.transforms.round.BadInputException;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.TypeDescriptors;

/**
 * The hub's thresholds from the nodes' summaries: for each group and each alpha, with what it rests
 * on. Holds the summaries of one group.
 */
@AutoValue
public abstract class ConformalQuantile
    extends PTransform<PCollection<NodeSummary>, PCollection<GroupThreshold>> {
  /**
   * What the slack terms depend on beside the scores.
   *
   * @param delta they fail for calibration sets of this probability
   * @param variances of the score error of each node, nats²; none where the theorem's assumptions
   *     on the channel do not hold
   * @param meanKl of training, nats, or null
   * @param maxDensity f_max, per nat, or null
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record SlackInputs(double delta, double[] variances, Double meanKl, Double maxDensity)
      implements Serializable {}

  abstract CalibrationTerms terms();

  abstract SlackInputs slack();

  /** Thresholds of summaries under terms. */
  public static ConformalQuantile of(CalibrationTerms terms, SlackInputs slack) {
    return new AutoValue_ConformalQuantile(terms, slack);
  }

  @Override
  public PCollection<GroupThreshold> expand(PCollection<NodeSummary> summaries) {
    return summaries
        .apply(
            "KeyByGroup",
            WithKeys.of((NodeSummary s) -> s.getGroup() == null ? "" : s.getGroup())
                .withKeyType(TypeDescriptors.strings()))
        .setCoder(KvCoder.of(StringUtf8Coder.of(), AvroCoder.of(NodeSummary.class)))
        .apply("GroupByGroup", GroupByKey.create())
        .apply("Threshold", ParDo.of(new ThresholdFn(terms(), slack())))
        .setCoder(AvroCoder.of(GroupThreshold.class));
  }

  private static class ThresholdFn extends DoFn<KV<String, Iterable<NodeSummary>>, GroupThreshold> {
    private static final long serialVersionUID = 1L;
    private final CalibrationTerms terms;
    private final SlackInputs slack;

    ThresholdFn(CalibrationTerms terms, SlackInputs slack) {
      this.terms = terms;
      this.slack = slack;
    }

    @ProcessElement
    public void threshold(
        @Element KV<String, Iterable<NodeSummary>> group, OutputReceiver<GroupThreshold> out)
        throws BadInputException {
      List<NodeSummary> nodes = new ArrayList<>();
      group.getValue().forEach(nodes::add);
      nodes.sort(Comparator.comparing(NodeSummary::getNode));
      for (GroupThreshold threshold : thresholds(terms, slack, nodes)) {
        out.output(threshold);
      }
    }
  }

  /**
   * The thresholds of one group, by alpha ascending.
   *
   * @param nodes the group's summaries, by node; at least one
   * @throws BadInputException if a payload is none
   */
  static List<GroupThreshold> thresholds(
      CalibrationTerms terms, SlackInputs slack, List<NodeSummary> nodes) throws BadInputException {
    List<GroupThreshold> thresholds = new ArrayList<>();
    Pool pool = pool(terms, nodes);
    boolean conservative = SummaryMethod.of(terms.getMethod()) == SummaryMethod.CONSERVATIVE;
    long n = nodes.stream().mapToLong(NodeSummary::getScores).sum();
    for (int a = 0; a < terms.getAlphas().size(); a++) {
      Alpha alpha = Alpha.of(terms.getAlphas().get(a));
      double threshold = pool.at(alpha);
      boolean finite = threshold < Double.POSITIVE_INFINITY;
      boolean enough = ConformalRank.isFinite(alpha, n);
      thresholds.add(
          GroupThreshold.newBuilder()
              .setGroup(nodes.get(0).getGroup())
              .setAlpha(terms.getAlphas().get(a))
              .setScores(n)
              .setRank(ConformalRank.of(alpha, n))
              .setThreshold(finite ? (Double) threshold : null)
              .setCertified(pool.certified(threshold))
              .setCoverage(
                  !finite
                      ? (Double) 1.0
                      : conservative ? (Double) ConformalRank.coverage(alpha, n) : null)
              .setWhy(finite ? null : enough ? pool.why(alpha) : "too-few-scores")
              .setSlack(conservative ? slack(slack, alpha, n, pool.gridStep()) : null)
              .build());
    }
    return thresholds;
  }

  /** What the summaries of one group say together. */
  private interface Pool {
    double at(Alpha alpha);

    /** Scores known to be at most t. */
    long certified(double t);

    /** Largest distance that rounding moves a value, nats; where that is known. */
    default double gridStep() {
      return 0;
    }

    /** What makes a threshold infinite, though there are scores enough. */
    default String why(Alpha alpha) {
      return "unscored-answers";
    }
  }

  private static Pool pool(CalibrationTerms terms, List<NodeSummary> nodes)
      throws BadInputException {
    return switch (SummaryMethod.of(terms.getMethod())) {
      case CONSERVATIVE -> conservative(terms, nodes);
      case PAPER -> paper(nodes);
      case KLL -> kll(nodes);
    };
  }

  private static Pool conservative(CalibrationTerms terms, List<NodeSummary> nodes)
      throws BadInputException {
    List<CalibrationSummary> summaries = new ArrayList<>();
    double step = 0;
    for (NodeSummary node : nodes) {
      CalibrationPlan plan = CalibrationPlans.of(terms, node.getBits(), node.getScores());
      try {
        CalibrationSummary summary = CalibrationSummary.decode(plan, payload(node));
        step = Math.max(step, terms.getMaxScore() / Math.max(1, summary.levels()));
        summaries.add(summary);
      } catch (BadCodesException e) {
        throw new BadInputException(
            "summary of node '" + node.getNode() + "': " + e.getMessage(), e);
      }
    }
    PooledThreshold pooled = PooledThreshold.of(summaries);
    double gridStep = step;
    return new Pool() {
      @Override
      public double at(Alpha alpha) {
        return pooled.at(alpha);
      }

      @Override
      public long certified(double t) {
        return pooled.certified(t);
      }

      @Override
      public double gridStep() {
        return gridStep;
      }

      @Override
      public String why(Alpha alpha) {
        long reachable = 0;
        boolean unscored = false;
        for (CalibrationSummary node : summaries) {
          reachable += node.plan().largestRank(node.scores());
          unscored |=
              node.points() > 0 && node.value(node.points() - 1) == Double.POSITIVE_INFINITY;
        }
        return unscored
            ? "unscored-answers"
            : reachable < ConformalRank.of(alpha, pooled.scores()) ? "min-cell" : "too-few-bits";
      }
    };
  }

  private static Pool paper(List<NodeSummary> nodes) {
    List<double[]> values = new ArrayList<>();
    for (NodeSummary node : nodes) {
      ByteBuffer payload = ByteBuffer.wrap(payload(node)).order(ByteOrder.LITTLE_ENDIAN);
      double[] of = new double[payload.remaining() / 8];
      payload.asDoubleBuffer().get(of);
      values.add(of);
    }
    return new Pool() {
      @Override
      public double at(Alpha alpha) {
        return PaperSummary.threshold(alpha, values);
      }

      @Override
      public long certified(double t) {
        return 0; // interpolated values bound nothing
      }
    };
  }

  private static Pool kll(List<NodeSummary> nodes) {
    List<byte[]> sketches = nodes.stream().map(ConformalQuantile::payload).toList();
    int parameter =
        nodes.stream()
            .mapToInt(node -> KllSummary.parameter(node.getBits(), node.getScores()))
            .min()
            .orElseThrow();
    long n = nodes.stream().mapToLong(NodeSummary::getScores).sum();
    return new Pool() {
      @Override
      public double at(Alpha alpha) {
        return KllSummary.threshold(alpha, parameter, sketches, n);
      }

      @Override
      public long certified(double t) {
        return 0; // known with a probability only
      }

      @Override
      public String why(Alpha alpha) {
        return sketches.stream().anyMatch(bytes -> bytes.length == 0)
            ? "too-few-bits"
            : "unscored-answers";
      }
    };
  }

  private static byte[] payload(NodeSummary node) {
    ByteBuffer view = node.getPayload().duplicate();
    byte[] bytes = new byte[view.remaining()];
    view.get(bytes);
    return bytes;
  }

  private static Slack slack(SlackInputs inputs, Alpha alpha, long n, double gridStep) {
    boolean channel = inputs.variances.length > 0;
    SlackTerms unit = SlackTerms.NONE.withFederated(1, inputs.delta, SlackTerms.DKW, n, gridStep);
    if (channel) {
      unit = unit.withChannel(1, inputs.variances);
    }
    if (inputs.meanKl != null) {
      unit = unit.withTraining(1, inputs.meanKl);
    }
    Double density = inputs.maxDensity;
    return Slack.newBuilder()
        .setFederated(unit.federated())
        .setChannel(channel ? (Double) unit.channel() : null)
        .setTraining(inputs.meanKl == null ? null : (Double) unit.training())
        .setMaxDensity(density)
        .setLowerBound(
            density == null || !channel
                ? null
                : (Double)
                    new SlackTerms(
                            density * unit.federated(),
                            density * unit.channel(),
                            density * unit.training())
                        .rawLowerBound(alpha, n))
        .build();
  }
}
