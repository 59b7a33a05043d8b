package dev.sluice.transforms.simulation;

import dev.sluice.schemas.AuditShare;
import dev.sluice.transforms.audit.ShardAudit;
import dev.sluice.transforms.channel.Accumulator;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BadLogitException;
import dev.sluice.transforms.channel.BlockEncoder;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.util.Arrays;

/**
 * A round of K nodes in one process: the plan, the blocks, the codes and their average are those of
 * rounds between sites; only files are left out. Clips are 'auto': a node's largest magnitude after
 * centring. FORMAT 3 to 5.
 */
final class ChannelRound {
  private final PlannedRound round;

  /** The nodes' logits, context by context. Asked twice, they are the same. */
  interface Sites {
    /** Writes V logits of each of the K nodes. */
    void predict(int context, double[][] logits);
  }

  /** Takes what the hub has averaged. */
  interface Hub {
    /** Mean logits of a context, V from {@code from} on; not to be kept. */
    void take(int context, float[] means, int from);
  }

  /**
   * A round with fresh dither.
   *
   * @param id which the dither is keyed by, with the seed
   * @param contexts m
   */
  ChannelRound(String id, long seed, int contexts, int vocabulary, int nodes, double bits)
      throws IOException {
    PlanDraft draft = new PlanDraft(id, contexts, vocabulary).withSeed(seed);
    for (int node = 0; node < nodes; node++) {
      draft.withNode("n" + node, bits);
    }
    round = draft.finish("the simulated round '" + id + "'");
  }

  /** Bits of codes that each node sends. */
  long uplinkBits() {
    long bits = 0;
    for (int block = 0; block < round.blocks(); block++) {
      bits += round.shape(0, block).payloadBits();
    }
    return bits;
  }

  /** Plays the round, and holds the teacher against the logits behind it. */
  AuditShare audited(Sites sites, Hub hub) {
    ShardAudit audit =
        new ShardAudit(0, round.hasErrorLaw(), round.trim(), round.probesIn(0), round.vocabulary());
    play(sites, hub, audit);
    return audit.sums();
  }

  /** Plays the round. */
  void play(Sites sites, Hub hub) {
    play(sites, hub, null);
  }

  private void play(Sites sites, Hub hub, ShardAudit audit) {
    int nodes = round.nodes().size();
    int vocabulary = round.vocabulary();
    int most = round.probesIn(0);
    double[] clips = clips(sites);
    double[][] rows = new double[nodes][vocabulary];
    double[][] blocks = new double[nodes][most * vocabulary];
    float[] means = new float[most * vocabulary];
    double[] taught = new double[most * vocabulary];
    Accumulator sum = new Accumulator(most, vocabulary);
    for (int block = 0; block < round.blocks(); block++) {
      int probes = round.probesIn(block);
      long first = round.firstProbe(block);
      for (int probe = 0; probe < probes; probe++) {
        sites.predict((int) first + probe, rows);
        for (int node = 0; node < nodes; node++) {
          System.arraycopy(rows[node], 0, blocks[node], probe * vocabulary, vocabulary);
        }
      }
      sum.reset(probes);
      if (audit != null) {
        audit.begin(probes, nodes);
      }
      for (int node = 0; node < nodes; node++) {
        BlockShape shape = round.shape(node, block);
        centre(blocks[node], probes, vocabulary, new double[probes]);
        double[] levels = new double[probes];
        Arrays.fill(levels, clips[node]);
        byte[] codes =
            BlockEncoder.encode(
                    shape, round.quantizer(), round.key(node), block, first, blocks[node], levels)
                .codes();
        add(sum, shape, node, block, clips[node], codes);
        if (audit != null) {
          audit.add(node, shape.law(), blocks[node], levels);
        }
      }
      sum.mean(nodes, means);
      if (audit != null) {
        for (int c = 0; c < probes * vocabulary; c++) {
          taught[c] = means[c];
        }
        audit.end(taught);
      }
      for (int probe = 0; probe < probes; probe++) {
        hub.take((int) first + probe, means, probe * vocabulary);
      }
    }
  }

  private void add(
      Accumulator sum, BlockShape shape, int node, int block, double clip, byte[] codes) {
    try {
      sum.add(
          shape,
          round.quantizer(),
          round.key(node),
          block,
          round.firstProbe(block),
          clip,
          round.nodes().size(),
          codes);
    } catch (BadCodesException e) {
      throw new IllegalStateException("codes that were encoded here do not decode", e);
    }
  }

  /** The largest magnitude of each node over all contexts. */
  private double[] clips(Sites sites) {
    int vocabulary = round.vocabulary();
    double[][] rows = new double[round.nodes().size()][vocabulary];
    double[] clips = new double[rows.length];
    Arrays.fill(clips, Centring.MIN_CLIP);
    for (int context = 0; context < round.plan().getProbes(); context++) {
      sites.predict(context, rows);
      for (int node = 0; node < rows.length; node++) {
        clips[node] = Math.max(clips[node], centre(rows[node], 1, vocabulary, new double[1]));
      }
    }
    return clips;
  }

  private static double centre(double[] rows, int count, int vocabulary, double[] magnitudes) {
    try {
      return Centring.centre(rows, count, vocabulary, Centring.Masking.FORBIDDEN, magnitudes)
          .maxMagnitude();
    } catch (BadLogitException e) {
      throw new IllegalStateException("a model gave a logit that is none", e);
    }
  }
}
