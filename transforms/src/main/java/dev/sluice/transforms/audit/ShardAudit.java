package dev.sluice.transforms.audit;

import dev.sluice.schemas.AuditShare;
import dev.sluice.schemas.AuditedLogits;
import dev.sluice.transforms.channel.Extremes;
import dev.sluice.transforms.channel.StepLaw;
import dev.sluice.transforms.theory.KlBounds;
import dev.sluice.transforms.theory.Softmax;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Holds a decoded teacher against the logits it was made from, probe by probe. Add every active
 * node's centred logits to a block, then close the block against the teacher's. Not thread-safe.
 */
public final class ShardAudit {
  private final boolean errorLaw;
  private final int vocabulary;
  private final double[] mean;
  private final double[] clippedMean;
  private final Extremes extremes;
  private final Extremes clippedExtremes;
  private final double[] row;
  private final double[] clippedRow;
  private final SortedMap<Integer, AuditedLogits> logits = new TreeMap<>();
  private final AuditShare sums;

  private final List<StepLaw> laws = new ArrayList<>();
  private double[][] clips = new double[0][];
  private double[] probeClips = new double[0];
  private int probes;
  private int added;

  /**
   * An empty audit of one shard.
   *
   * @param errorLaw whether the teacher's error has a law
   * @param trim nodes left out at either end of each coordinate, in the teacher and here
   * @param maxProbes most probes of a block
   */
  public ShardAudit(int shard, boolean errorLaw, int trim, int maxProbes, int vocabulary) {
    this.errorLaw = errorLaw;
    this.vocabulary = vocabulary;
    this.mean = new double[maxProbes * vocabulary];
    this.clippedMean = new double[maxProbes * vocabulary];
    this.extremes = new Extremes(trim, mean.length);
    this.clippedExtremes = new Extremes(trim, mean.length);
    this.row = new double[vocabulary];
    this.clippedRow = new double[vocabulary];
    this.sums =
        AuditShare.newBuilder()
            .setShard(shard)
            .setProbes(0)
            .setKl(0)
            .setKlSquares(0)
            .setClipKl(0)
            .setError(0)
            .setSquaredError(0)
            .setUpper(0)
            .setLower(0)
            .setWorstCase(0)
            .setNodes(new ArrayList<>())
            .build();
  }

  /** Begins a block averaged over some nodes. */
  public void begin(int probes, int nodes) {
    this.probes = probes;
    laws.clear();
    added = 0;
    clips = new double[nodes][];
    probeClips = new double[nodes];
    java.util.Arrays.fill(mean, 0, probes * vocabulary, 0);
    java.util.Arrays.fill(clippedMean, 0, probes * vocabulary, 0);
    extremes.reset();
    clippedExtremes.reset();
  }

  /**
   * Adds one node.
   *
   * @param node index in the plan; ascending within a block
   * @param law of the node's widths in this block
   * @param centred p × V, −∞ where masked; not kept
   * @param nodeClips the clip of each probe, logits; kept
   */
  public void add(int node, StepLaw law, double[] centred, double[] nodeClips) {
    laws.add(law);
    add(node, centred, nodeClips);
  }

  /**
   * Adds one node whose steps differ by coordinate, so that there are no bounds here.
   *
   * @param floors what each probe's masked logits are, negated; no other is beyond
   */
  public void add(int node, double[] centred, double[] floors) {
    AuditedLogits own =
        logits.computeIfAbsent(node, index -> new AuditedLogits(index, 0L, 0.0, 0.0));
    clips[added++] = floors;
    extremes.next();
    clippedExtremes.next();
    for (int probe = 0; probe < probes; probe++) {
      double clip = floors[probe];
      double squares = 0;
      int from = probe * vocabulary;
      for (int v = 0; v < vocabulary; v++) {
        double x = centred[from + v];
        // A masked token is at the floor in both means: masking is the site's choice, not an error.
        row[v] = x == Double.NEGATIVE_INFINITY ? -clip : x;
        double clipped = Math.min(clip, Math.max(-clip, x));
        clippedRow[v] = clipped;
        squares += clipped * clipped;
      }
      extremes.exchange(row, 0, vocabulary, from);
      clippedExtremes.exchange(clippedRow, 0, vocabulary, from);
      for (int v = 0; v < vocabulary; v++) {
        mean[from + v] += row[v];
        clippedMean[from + v] += clippedRow[v];
      }
      own.setProbes(own.getProbes() + 1);
      own.setSquares(own.getSquares() + squares);
      own.setClipSquares(own.getClipSquares() + clip * clip);
    }
  }

  /**
   * Ends a block.
   *
   * @param teacher p × V, as decoded
   */
  public void end(double[] teacher) {
    if (added != clips.length) {
      throw new IllegalStateException("block of " + clips.length + " nodes ended with " + added);
    }
    int averaged = clips.length - 2 * extremes.trim();
    for (int probe = 0; probe < probes; probe++) {
      int from = probe * vocabulary;
      int to = from + vocabulary;
      double error = 0;
      double squares = 0;
      for (int c = from; c < to; c++) {
        mean[c] /= averaged;
        clippedMean[c] /= averaged;
      }
      if (laws.isEmpty()) {
        align(teacher, from, to);
      }
      for (int c = from; c < to; c++) {
        double e = teacher[c] - clippedMean[c];
        error += e;
        squares += e * e;
      }
      double kl = Softmax.kl(clippedMean, from, teacher, from, vocabulary);
      sums.setProbes(sums.getProbes() + 1);
      sums.setKl(sums.getKl() + kl);
      sums.setKlSquares(sums.getKlSquares() + kl * kl);
      sums.setClipKl(sums.getClipKl() + Softmax.kl(mean, from, clippedMean, from, vocabulary));
      sums.setError(sums.getError() + error);
      sums.setSquaredError(sums.getSquaredError() + squares);
      bounds(probe, from, to);
    }
  }

  /** Relative logits have no constant of their own: gives the means the teacher's. */
  private void align(double[] teacher, int from, int to) {
    double apart = 0;
    for (int c = from; c < to; c++) {
      apart += (teacher[c] - clippedMean[c]) / vocabulary;
    }
    for (int c = from; c < to; c++) {
      mean[c] += apart;
      clippedMean[c] += apart;
    }
  }

  private void bounds(int probe, int from, int to) {
    if (laws.isEmpty()) {
      return;
    }
    for (int i = 0; i < clips.length; i++) {
      probeClips[i] = clips[i][probe];
    }
    double step = KlBounds.meanStep(laws, probeClips, extremes.trim());
    sums.setWorstCase(sums.getWorstCase() + KlBounds.worstCase(step));
    if (errorLaw) {
      double variance = KlBounds.variance(laws, probeClips);
      double spread = Softmax.oneMinusSquaredNorm(clippedMean, from, to);
      sums.setUpper(sums.getUpper() + KlBounds.upper(laws, probeClips));
      sums.setLower(sums.getLower() + KlBounds.lower(variance, step, spread));
    }
  }

  /** The sums of the blocks ended so far. */
  public AuditShare sums() {
    sums.setNodes(new ArrayList<>(logits.values()));
    return sums;
  }
}
