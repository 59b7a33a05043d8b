package dev.sluice.runners;

import dev.sluice.schemas.Audit;
import dev.sluice.schemas.NodeAudit;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.Predicted;
import dev.sluice.schemas.npy.NpyWriter;
import dev.sluice.transforms.allocation.Policy;
import dev.sluice.transforms.allocation.Weighting;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.channel.Quantizer;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.synthetic.SharedRowSites;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What dividing bits by water-filling buys over dividing them evenly, or inversely to the weights,
 * where sites have different clip levels: measured on whole rounds. THEORY 5 and 8.7.
 *
 * <p>Four sites share a row of logits for every probe, up to noise ({@link SharedRowSites}), and
 * none reaches the narrowest clip level, so that levels change steps and nothing else. For every
 * quantiser and every set of levels there is a warm-up round; {@code sluice allocate} divides a
 * budget by its moments, a round follows with that split, and its teacher is audited against the
 * raw logits. Every round has an id, so dither, of its own.
 */
final class SplitsExperiment {
  static final int NODES = 4;
  static final int VOCABULARY = 64;

  /** Variance of a site's own noise, logits². */
  static final double NOISE_VARIANCE = 0.01;

  /**
   * Largest common logit. A range of 3, and the noise's largest deviations at both of its ends,
   * stay within ±2 of the midrange: both would have to be above 5 standard deviations.
   */
  static final double LIMIT = 1.5;

  private static final double WARM_UP_BITS = 2;

  private final String root;
  private final int probes;
  private final long seed;
  private final Map<String, String> logits;

  private SplitsExperiment(String root, int probes, long seed, Map<String, String> logits) {
    this.root = root;
    this.probes = probes;
    this.seed = seed;
    this.logits = logits;
  }

  /**
   * Draws the sites and writes their logits.
   *
   * @param root directory; what an earlier experiment wrote there is replaced
   * @param probes m
   * @param seed of logits and dither
   */
  static SplitsExperiment in(String root, int probes, long seed) throws IOException {
    SharedRowSites sites = SharedRowSites.of(VOCABULARY, LIMIT, NOISE_VARIANCE, seed);
    Map<String, String> logits = new LinkedHashMap<>();
    double[] row = new double[VOCABULARY];
    float[] narrow = new float[VOCABULARY];
    for (int node = 0; node < NODES; node++) {
      String file = root + "/n" + node + ".npy";
      String aside = file + ".part";
      SharedRowSites.Rows rows = sites.rows(node);
      try (NpyWriter writer = NpyWriter.open(Storage.create(aside), file, probes, VOCABULARY)) {
        for (int probe = 0; probe < probes; probe++) {
          rows.next(row);
          for (int v = 0; v < VOCABULARY; v++) {
            narrow[v] = (float) row[v];
          }
          writer.write(narrow, 0, VOCABULARY);
        }
      }
      Storage.move(aside, file);
      logits.put("n" + node, file);
    }
    return new SplitsExperiment(root, probes, seed, Collections.unmodifiableMap(logits));
  }

  /**
   * Two wide sites and two narrow ones under one quantiser; runs the warm-up round.
   *
   * @param name of their directory
   * @param wide clip level of n0 and n1, logits
   * @param narrow clip level of n2 and n3, logits
   */
  Channel warmUp(String name, double wide, double narrow, Quantizer quantizer) throws IOException {
    List<Double> clips = List.of(wide, wide, narrow, narrow);
    String base = name + "." + quantizer.label();
    RoundDirectory directory = new RoundDirectory(root + "/" + base + "/warm-up");
    PlanDraft draft =
        new PlanDraft(base + ".warm-up", probes, VOCABULARY)
            .withSeed(seed)
            .withQuantizer(quantizer.label())
            .withClip(PlanDraft.fixedClips(clips));
    logits.keySet().forEach(node -> draft.withNode(node, WARM_UP_BITS));
    PlannedRound round = draft.finish(directory.plan());
    run(round, directory);
    MomentsRunner.moments(directory, round);
    return new Channel(this, base, directory, clips);
  }

  /** Encodes and aggregates; a round that is not whole is a failure. */
  private void run(PlannedRound round, RoundDirectory directory) throws IOException {
    Storage.replace(directory.plan(), round.json());
    RoundRunner runner = new RoundRunner();
    runner.encode(round, directory, logits, Centring.Masking.FORBIDDEN);
    Outcome outcome =
        runner.aggregate(round, directory, round.speakingNodes(), RunnerChoice.direct());
    if (!outcome.getComplete() || outcome.getRejects() > 0) {
      throw new IOException(
          directory.root() + ": the round did not come out whole: " + outcome.getDetails());
    }
  }

  /** A quantiser and clip levels, with their warm-up round. */
  static final class Channel {
    private final SplitsExperiment experiment;
    private final String base;
    private final RoundDirectory warmUp;
    private final List<Double> clips;

    private Channel(
        SplitsExperiment experiment, String base, RoundDirectory warmUp, List<Double> clips) {
      this.experiment = experiment;
      this.base = base;
      this.warmUp = warmUp;
      this.clips = clips;
    }

    /** Arithmetic mean of the weights L²/3 over their geometric mean. */
    double meansRatio() {
      double[] weights =
          Weighting.fromClips(clips.stream().mapToDouble(Double::doubleValue).toArray());
      double sum = 0;
      double logs = 0;
      for (double weight : weights) {
        sum += weight;
        logs += Math.log(weight);
      }
      return sum / NODES / Math.exp(logs / NODES);
    }

    /**
     * Three rounds with the same budget.
     *
     * @param meanBits bits per coordinate, mean over the nodes
     */
    Row row(int meanBits) throws IOException {
      return new Row(
          meanBits,
          measure(meanBits, Policy.WATER_FILLING),
          measure(meanBits, Policy.UNIFORM),
          measure(meanBits, Policy.INVERSE));
    }

    private Measured measure(int meanBits, Policy policy) throws IOException {
      return measure(meanBits + "-" + policy.label(), meanBits, policy);
    }

    /**
     * A round with one split.
     *
     * @param name of the round
     * @param options further ones of {@code sluice allocate}
     */
    Measured measure(String name, int meanBits, Policy policy, String... options)
        throws IOException {
      RoundDirectory directory = new RoundDirectory(experiment.root + "/" + base + "/" + name);
      String allocation = directory.root() + "/allocation.json";
      List<String> words =
          new ArrayList<>(
              List.of("allocate", "--round", warmUp.root(), "--out", allocation, "--clips=plan"));
      words.add("--policy=" + policy.label());
      words.add("--total-bits-per-coordinate=" + NODES * meanBits);
      words.addAll(List.of(options));
      StringWriter complaints = new StringWriter();
      int code =
          Sluice.run(
              new PrintWriter(Writer.nullWriter()),
              new PrintWriter(complaints),
              words.toArray(new String[0]));
      if (code != ExitCodes.OK) {
        throw new IOException("sluice " + String.join(" ", words) + ": " + complaints);
      }
      PlannedRound round =
          SuccessorPlan.allocated(warmUp, directory, allocation, base + "." + name)
              .draft()
              .finish(directory.plan());
      experiment.run(round, directory);
      Audit audit = AuditRunner.audit(round, directory, experiment.logits, RunnerChoice.direct());
      return new Measured(
          round.nodes().stream().map(NodePlan::getBitsPerCoordinate).toList(),
          round.plan().getSplit().getPredicted(),
          audit);
    }
  }

  /**
   * One round.
   *
   * @param bits per coordinate, by node
   * @param predicted upper bounds on the expected KL, nats
   */
  record Measured(List<Double> bits, Predicted predicted, Audit audit) {
    /** KL(mean of clipped logits ‖ teacher), mean over the probes, nats. */
    double kl() {
      return audit.getKl();
    }

    double standardError() {
      return audit.getKlStandardError();
    }

    /** Whether any logit of any node was clipped. */
    boolean clipped() {
      return audit.getNodes().stream().mapToDouble(NodeAudit::getClippedFraction).max().orElse(0)
              > 0
          || audit.getClipKl() != 0;
    }
  }

  /** The rounds of one budget. */
  record Row(int meanBits, Measured waterFilling, Measured uniform, Measured inverse) {
    /** KL of the uniform split over that of water-filling. */
    double ratio() {
      return uniform.kl() / waterFilling.kl();
    }

    /**
     * Standard error of the ratio, to first order (delta method), the two rounds' errors being
     * independent: r·√((s_u/u)² + (s_w/w)²). Those of the audit hold the scatter of the probes as
     * well, which both rounds share and which is small beside that of the dither: over 150 seeds
     * the ratio spread by 0.98 to 1.09 of this.
     */
    double ratioStandardError() {
      return ratio()
          * Math.hypot(
              uniform.standardError() / uniform.kl(),
              waterFilling.standardError() / waterFilling.kl());
    }

    /** The ratio of the bounds ½σ² that the allocation predicts. */
    double predictedRatio() {
      return waterFilling.predicted().getUniform() / waterFilling.predicted().getThisSplit();
    }

    /**
     * The ratio of the bounds (U) of the rounds as sent. From {@link #predictedRatio} it differs by
     * what whole symbols and whole bits a probe took from the splits, and at large steps by what a
     * sum of log(sinh a/a) falls short of its quadratic term, as the expected KL itself does.
     */
    double boundsRatio() {
      return uniform.audit().getUpper() / waterFilling.audit().getUpper();
    }

    /** KL of the inverse split over that of water-filling. */
    double inverseRatio() {
      return inverse.kl() / waterFilling.kl();
    }

    boolean clipped() {
      return waterFilling.clipped() || uniform.clipped() || inverse.clipped();
    }
  }
}
