package dev.sluice.runners;

import dev.sluice.schemas.MomentCertificate;
import dev.sluice.schemas.Moments;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.schemas.NodePlan;
import dev.sluice.transforms.allocation.Distortion;
import dev.sluice.transforms.allocation.MomentBound;
import dev.sluice.transforms.allocation.SplitCertificate;
import dev.sluice.transforms.allocation.Weighting;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.channel.Quantizer;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * One warm-up round, or several over the same nodes, and what they say about every node. THEORY 6.
 *
 * <p><b>Several rounds.</b> Over the same probes, moments are means over rounds, and there are as
 * many samples as the round with fewest probes has: fresh dither is no fresh context. The mean of
 * the rounds' sample variances is not below that of the mean over rounds, a variance being convex.
 * Where every round drew its own probes, moments are means over all of them, their variance is that
 * of all of them together, and samples add up.
 */
final class WarmUp {
  /**
   * An estimated second moment counts as at least this share of the largest raw one: 10 bits below
   * the widest node, as a debiased estimate may be negative.
   */
  private static final double LEAST_SHARE = 0x1p-20;

  /** The least weight where all that was decoded is 0. */
  private static final double LEAST_WEIGHT = 0x1p-60;

  /** Whose clip levels an allocation is made for. */
  enum Clips {
    /** As far as the warm-up's reconstructions reach, and half a step, within the level. */
    RANGE,
    /** The levels that were planned. */
    PLAN
  }

  private record Round(PlannedRound planned, Map<String, NodeMoments> nodes, Double spread) {
    String id() {
      return planned.plan().getId();
    }
  }

  /**
   * What is known of a node.
   *
   * @param secondMoment debiased, logits²
   * @param rawSecondMoment logits²
   * @param blockVariance logits⁴; null for one probe
   * @param samples effective sample size
   */
  private record Node(
      double secondMoment,
      double rawSecondMoment,
      Double blockVariance,
      long samples,
      double min,
      double max,
      long clipped,
      double maxClip,
      double meanSquareClip,
      double maxStep) {}

  private final List<Round> rounds;
  private final List<Node> nodes; // null where a node had no bits in any round, or no moments
  private final List<String> missing; // the first round that lacks a node's moments, or null

  private WarmUp(List<Round> rounds, MomentBound.Probes probes) {
    this.rounds = rounds;
    this.nodes = new ArrayList<>();
    this.missing = new ArrayList<>();
    for (int i = 0; i < first().nodes().size(); i++) {
      String name = first().nodes().get(i).getName();
      List<NodeMoments> some = new ArrayList<>();
      String lacks = null;
      for (Round round : rounds) {
        NodeMoments moments = round.nodes().get(name);
        if (moments != null) {
          some.add(moments);
        } else if (round.planned().nodes().get(i).getBitsPerProbe() > 0 && lacks == null) {
          lacks = round.id();
        }
      }
      missing.add(lacks);
      nodes.add(some.isEmpty() ? null : combined(some, probes));
    }
  }

  /** Reads the rounds' plans and moments, and checks that they go together. */
  static WarmUp of(List<RoundDirectory> directories, MomentBound.Probes probes) throws IOException {
    List<Round> rounds = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (RoundDirectory directory : directories) {
      PlannedRound planned = RoundRunner.plan(directory);
      if (!planned.quantizer().isDithered()) {
        throw new BadInputException(
            planned.source()
                + ": quantizer '"
                + planned.plan().getQuantizer()
                + "' has no error law, so that nothing can be predicted of a split; a warm-up needs"
                + " dither");
      }
      if (planned.trim() > 0) {
        throw new BadInputException(
            planned.source()
                + ": its average is a trimmed mean, and what is predicted of a split is the error of"
                + " a mean; a warm-up is averaged by the mean ('sluice plan --average trimmed-mean'"
                + " can still be said of the round that follows)");
      }
      if (!rounds.isEmpty()) {
        checkLike(rounds.get(0).planned(), planned);
      }
      if (!seen.add(planned.digestHex())) {
        throw new BadInputException(
            planned.source() + ": round '" + planned.plan().getId() + "' is there twice");
      }
      Moments moments = MomentsRunner.moments(directory, planned);
      Map<String, NodeMoments> nodes = new HashMap<>();
      for (NodeMoments node : moments.getNodes()) {
        nodes.put(node.getName(), node);
      }
      rounds.add(new Round(planned, nodes, moments.getSpread()));
    }
    return new WarmUp(rounds, probes);
  }

  private static void checkLike(PlannedRound first, PlannedRound other) throws BadInputException {
    checkSame(first, other, "nodes", names(first), names(other));
    checkSame(first, other, "vocabulary", "" + first.vocabulary(), "" + other.vocabulary());
    checkSame(first, other, "quantizer", first.plan().getQuantizer(), other.plan().getQuantizer());
    checkSame(
        first,
        other,
        "clip.policy",
        first.plan().getClip().getPolicy(),
        other.plan().getClip().getPolicy());
  }

  private static void checkSame(
      PlannedRound first, PlannedRound other, String field, String expected, String found)
      throws BadInputException {
    if (!found.equals(expected)) {
      throw new BadInputException(
          other.source()
              + ": field '"
              + field
              + "': found "
              + shortened(found)
              + ", expected "
              + shortened(expected)
              + " as in "
              + first.source());
    }
  }

  private static String shortened(String text) {
    return text.length() <= 200 ? text : text.substring(0, 197) + "...";
  }

  private static String names(PlannedRound round) {
    return round.nodes().stream().map(NodePlan::getName).collect(Collectors.joining(","));
  }

  private static Node combined(List<NodeMoments> rounds, MomentBound.Probes probes) {
    boolean redrawn = probes == MomentBound.Probes.REDRAWN;
    double weights = 0;
    double second = 0;
    double raw = 0;
    double square = 0;
    long samples = redrawn ? 0 : Long.MAX_VALUE;
    double min = Double.POSITIVE_INFINITY;
    double max = Double.NEGATIVE_INFINITY;
    long clipped = 0;
    double maxClip = 0;
    double maxStep = 0;
    for (NodeMoments round : rounds) {
      double weight = redrawn ? round.getProbes() : 1;
      weights += weight;
      second += weight * round.getSecondMoment();
      raw += weight * round.getRawSecondMoment();
      square += weight * round.getMeanSquareClip();
      samples =
          redrawn
              ? Math.addExact(samples, round.getProbes())
              : Math.min(samples, round.getProbes());
      min = Math.min(min, round.getMin());
      max = Math.max(max, round.getMax());
      clipped += round.getClippedCoordinates();
      maxClip = Math.max(maxClip, round.getMaxClip());
      maxStep = Math.max(maxStep, round.getMaxStep());
    }
    return new Node(
        second / weights,
        raw / weights,
        redrawn ? pooled(rounds, raw / weights, samples) : meanVariance(rounds),
        samples,
        min,
        max,
        clipped,
        maxClip,
        square / weights,
        maxStep);
  }

  private static Double meanVariance(List<NodeMoments> rounds) {
    double sum = 0;
    for (NodeMoments round : rounds) {
      if (round.getBlockVariance() == null) {
        return null;
      }
      sum += round.getBlockVariance();
    }
    return sum / rounds.size();
  }

  /** The sample variance of all rounds' probes together, by within and between rounds. */
  private static Double pooled(List<NodeMoments> rounds, double mean, long samples) {
    if (samples < 2) {
      return null;
    }
    double sum = 0;
    for (NodeMoments round : rounds) {
      double off = round.getRawSecondMoment() - mean;
      double variance = round.getBlockVariance() == null ? 0 : round.getBlockVariance();
      sum += (round.getProbes() - 1.0) * variance + round.getProbes() * off * off;
    }
    return sum / (samples - 1.0);
  }

  /** The first round's plan. */
  PlannedRound first() {
    return rounds.get(0).planned();
  }

  /** Where it comes from, for messages. */
  String source() {
    return first().source();
  }

  String ids() {
    return rounds.stream().map(Round::id).collect(Collectors.joining(","));
  }

  String planDigests() {
    return rounds.stream()
        .map(round -> round.planned().digestHex())
        .collect(Collectors.joining(","));
  }

  /**
   * Bits per coordinate of a node's budget that carry clip levels, not codes: 16 a probe under clip
   * policy 'probe' (FORMAT 3.4), up to the next multiple of 2^-40, with which a node that has one
   * bit beside has ⌊bV⌋ ≥ V + 16. None for 'dither-paper', whose symbols do not come from the
   * budget.
   */
  double clipBits() {
    return first().clipPerProbe() && first().quantizer() != Quantizer.DITHER_PAPER
        ? Math.ceil(0x1p44 / first().vocabulary()) * 0x1p-40
        : 0;
  }

  /** What the quantiser makes of bits. */
  Distortion distortion() {
    return first().quantizer() == Quantizer.DITHER ? Distortion.SHRUNK : Distortion.MODEL;
  }

  /** Mean over the rounds that have it, logits²; NaN where none has. */
  double spread() {
    return rounds.stream()
        .filter(round -> round.spread() != null)
        .mapToDouble(Round::spread)
        .average()
        .orElse(Double.NaN);
  }

  /** Whether a node had bits in any round. */
  boolean spoke(int node) {
    return rounds.stream()
        .anyMatch(round -> round.planned().nodes().get(node).getBitsPerProbe() > 0);
  }

  /** A node that shall have bits must have been averaged in every round that gave it some. */
  void checkKnown(int node) throws BadInputException {
    if (missing.get(node) != null) {
      String name = first().nodes().get(node).getName();
      throw new BadInputException(
          source()
              + ": node '"
              + name
              + "' has no moments: none of its blocks were averaged in round '"
              + missing.get(node)
              + "' (its uplink was rejected or missing); leave it out with --cap "
              + name
              + "=0");
    }
  }

  /** A clip level for the next round, logits. */
  double clip(int node, Clips clips) {
    Node moments = nodes.get(node);
    double level =
        switch (first().plan().getClip().getPolicy()) {
          case "probe" -> Math.sqrt(moments.meanSquareClip());
          case "fixed" ->
              clips == Clips.PLAN || moments.clipped() > 0
                  ? moments.maxClip()
                  : Math.min(
                      moments.maxClip(),
                      Math.max(Math.abs(moments.min()), Math.abs(moments.max()))
                          + moments.maxStep() / 2);
          default -> moments.maxClip();
        };
    return Math.max(Centring.MIN_CLIP, level);
  }

  /** Second moments as weights, logits²; see {@link #LEAST_SHARE}. */
  double[] secondMoments(int[] among, Estimate estimate) {
    double[] estimates = new double[among.length];
    double most = 0;
    for (int j = 0; j < among.length; j++) {
      Node moments = nodes.get(among[j]);
      estimates[j] = estimate.of(moments);
      most = Math.max(most, moments.rawSecondMoment());
    }
    return Weighting.fromSecondMoments(
        estimates, most > 0 ? Math.max(Double.MIN_NORMAL, LEAST_SHARE * most) : LEAST_WEIGHT);
  }

  /** Which second moment. */
  enum Estimate {
    /** Without the known variance of the dither. */
    DEBIASED,
    /** As published. */
    RAW;

    private double of(Node node) {
      return this == RAW ? node.rawSecondMoment() : node.secondMoment();
    }
  }

  /**
   * How far second moments may be off. Sample sizes are the least of the nodes'.
   *
   * <p>The bounds need a range that was known before looking: a fixed clip level. Under 'auto' and
   * 'probe' the range is the sample's own, and says nothing of contexts that were not drawn: then
   * the half-widths are those of the range seen, and every verdict is that they are vacuous.
   *
   * @param optimal whether the split minimises its weighted distortion, of which the lemma speaks
   * @param model whether that distortion is 4^-b, in fractions of bits, of which Specht's ratio
   *     does
   */
  MomentCertificate certificate(
      int[] among, Estimate estimate, double delta, boolean optimal, boolean model) {
    boolean given = first().plan().getClip().getPolicy().equals("fixed");
    long samples = Long.MAX_VALUE;
    for (int i : among) {
      samples = Math.min(samples, nodes.get(i).samples());
    }
    double[] hoeffding = hoeffding(among, estimate, samples, delta);
    double[] bernstein = bernstein(among, estimate, samples, delta);
    // The smaller of two bounds holds if both do.
    double smaller =
        Math.min(
            hoeffding(among, estimate, samples, delta / 2)[1],
            bernstein(among, estimate, samples, delta / 2)[1]);
    MomentCertificate certificate = new MomentCertificate();
    certificate.setDelta(delta);
    certificate.setSamples(samples);
    certificate.setHoeffding(hoeffding[0]);
    if (!given) {
      hoeffding[1] = Double.POSITIVE_INFINITY;
      bernstein[1] = Double.POSITIVE_INFINITY;
      smaller = Double.POSITIVE_INFINITY;
    }
    certificate.setHoeffdingEpsilon(finite(hoeffding[1]));
    certificate.setHoeffdingVerdict(verdict(hoeffding[1]));
    certificate.setBernstein(finite(bernstein[0]));
    certificate.setBernsteinEpsilon(finite(bernstein[1]));
    certificate.setBernsteinVerdict(verdict(bernstein[1]));
    certificate.setLemma(optimal ? finite(SplitCertificate.lemma(smaller)) : null);
    certificate.setSharp(optimal && model ? finite(SplitCertificate.sharp(smaller)) : null);
    return certificate;
  }

  /** Largest half-width, and largest relative error. */
  private double[] hoeffding(int[] among, Estimate estimate, long samples, double delta) {
    double[] most = new double[2];
    for (int i : among) {
      Node node = nodes.get(i);
      double range = MomentBound.range(node.maxClip(), node.maxStep());
      double half = MomentBound.hoeffding(range, among.length, samples, delta);
      most[0] = Math.max(most[0], half);
      most[1] = Math.max(most[1], MomentBound.relativeToEstimate(half, estimate.of(node)));
    }
    return most;
  }

  private double[] bernstein(int[] among, Estimate estimate, long samples, double delta) {
    double[] most = new double[2];
    for (int i : among) {
      Node node = nodes.get(i);
      double range = MomentBound.range(node.maxClip(), node.maxStep());
      double half =
          node.blockVariance() == null
              ? Double.POSITIVE_INFINITY
              : MomentBound.empiricalBernstein(
                  node.blockVariance(), range, among.length, samples, delta);
      most[0] = Math.max(most[0], half);
      most[1] = Math.max(most[1], MomentBound.relativeToEstimate(half, estimate.of(node)));
    }
    return most;
  }

  private static Double finite(double value) {
    return Double.isFinite(value) ? value : null;
  }

  private static String verdict(double epsilon) {
    return switch (MomentBound.Verdict.of(epsilon)) {
      case INFORMATIVE -> "informative";
      case LINEAR_VACUOUS -> "linear-vacuous";
      case VACUOUS -> "vacuous";
    };
  }
}
