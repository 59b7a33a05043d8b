package dev.sluice.transforms.estimation;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.npy.NpyWriter;
import dev.sluice.transforms.aggregation.Quorum;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.reference.ReferenceBlock;
import dev.sluice.transforms.reference.ReferenceCodes;
import dev.sluice.transforms.reference.ReferenceDecoder;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.RangeReader;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.ClaimCodes;
import dev.sluice.transforms.uplink.ReferenceRows;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * One node's logits as its codes and a regression over its probes let them be known. What it sent
 * is known up to a noise whose variance is {@code step²/12}, what a linear function of the probe's
 * features says, up to one that is measured, class by class; each counts by the other's variance.
 * What it did not send is what the features say. With too few probes to learn from, it is what was
 * decoded.
 *
 * <p>An estimate is no teacher: it is biased towards the features. As a reference it may be
 * anything.
 */
final class NodeEstimate implements Closeable {
  private static final double LEAST_VARIANCE = 1e-9;

  private final PlannedRound round;
  private final int node;
  private final ProbeFeatures features;
  private final Map<Integer, BlockClaim> claims = new HashMap<>(); // by block
  private final RangeReader reader = new RangeReader();
  private final ClaimCodes codes;
  private final ReferenceRows reference;
  private final ReferenceDecoder decoder = new ReferenceDecoder();
  private final int vocabulary;
  private final double[] residuals; // of a block, relative to the reference
  private final double[] row;
  private final double[] predicted;

  NodeEstimate(
      PlannedRound round,
      RoundDirectory directory,
      int node,
      List<BlockClaim> claims,
      ProbeFeatures features) {
    this.round = round;
    this.node = node;
    this.features = features;
    this.codes = new ClaimCodes(round, reader);
    this.reference = new ReferenceRows(round, directory);
    this.vocabulary = round.vocabulary();
    this.residuals = new double[round.probesIn(0) * vocabulary];
    this.row = new double[features.count()];
    this.predicted = new double[vocabulary];
    // The average of the round has said what is rejected.
    for (int shard = 0; shard < round.shards(); shard++) {
      int own = shard;
      List<BlockClaim> of =
          claims.stream()
              .filter(claim -> round.shardOf(claim.getHeader().getBlock()) == own)
              .toList();
      Quorum quorum = Quorum.of(round, shard, of, reject -> {});
      for (int block = round.firstBlock(shard); block < round.endBlock(shard); block++) {
        for (Quorum.Seat seat : quorum.seats(block)) {
          this.claims.put(block, seat.claim());
        }
      }
    }
  }

  /** Reads and decodes a block; false where there is none, and then all residuals are 0. */
  private boolean decode(int block) throws IOException {
    reference.read(block);
    BlockClaim claim = claims.get(block);
    if (claim != null) {
      try {
        decoder.decode(
            reference.derived(),
            round.key(node).dither(),
            round.firstProbe(block),
            ReferenceCodes.unwrap(reference.derived(), codes.read(claim, 0)),
            PlannedRound.MAX_NODES_TIMES_CLIP / round.nodes().size(),
            residuals);
        reference.addOwn(node, residuals);
        return true;
      } catch (BadCodesException e) {
        claims.remove(block); // the average has rejected it
      }
    }
    Arrays.fill(residuals, 0);
    return false;
  }

  /** Writes the m × V estimate as float32. */
  void write(String file) throws IOException {
    ResidualRegression regression = new ResidualRegression(features.count(), vocabulary);
    long learnt = 0;
    for (int block = 0; block < round.blocks(); block++) {
      if (decode(block)) {
        for (int probe = 0; probe < round.probesIn(block); probe++) {
          features.of(reference.logits(), probe * vocabulary, row);
          regression.add(row, residuals, probe * vocabulary);
          learnt++;
        }
      }
    }
    boolean learns = ResidualRegression.canLearn(learnt, features.count());
    double[] variances = new double[ReferenceBlock.CLASSES];
    if (learns) {
      regression.solve();
      measure(regression, variances);
    }
    float[] floats = new float[residuals.length];
    try (WritableByteChannel out = Storage.create(file);
        NpyWriter npy = NpyWriter.open(out, file, round.plan().getProbes(), vocabulary)) {
      for (int block = 0; block < round.blocks(); block++) {
        boolean sent = decode(block);
        double[] steps = sent ? decoder.terms().steps() : new double[ReferenceBlock.CLASSES];
        for (int probe = 0; probe < round.probesIn(block); probe++) {
          if (learns) {
            shrink(regression, probe, steps, variances);
          }
        }
        int count = round.probesIn(block) * vocabulary;
        for (int c = 0; c < count; c++) {
          floats[c] = (float) (reference.logits()[c] + residuals[c]);
        }
        npy.write(floats, 0, count);
      }
    }
  }

  /** By class, the mean square of what features do not say of what was sent. */
  private void measure(ResidualRegression regression, double[] variances) throws IOException {
    long[] counts = new long[variances.length];
    for (int block = 0; block < round.blocks(); block++) {
      if (!decode(block)) {
        continue;
      }
      double[] steps = decoder.terms().steps();
      for (int probe = 0; probe < round.probesIn(block); probe++) {
        int from = probe * vocabulary;
        features.of(reference.logits(), from, row);
        regression.predict(row, predicted, 0);
        for (int v = 0; v < vocabulary; v++) {
          int h = reference.derived().classAt(from + v);
          if (steps[h] > 0) {
            double apart = residuals[from + v] - predicted[v];
            variances[h] += apart * apart - steps[h] * steps[h] / 12;
            counts[h]++;
          }
        }
      }
    }
    for (int h = 0; h < variances.length; h++) {
      double mean = counts[h] == 0 ? 0 : variances[h] / counts[h];
      variances[h] = Math.max(LEAST_VARIANCE, mean * regression.shortfall());
    }
  }

  /** Leaves of a probe's residuals what is likeliest. */
  private void shrink(
      ResidualRegression regression, int probe, double[] steps, double[] variances) {
    int from = probe * vocabulary;
    features.of(reference.logits(), from, row);
    regression.predict(row, predicted, 0);
    for (int v = 0; v < vocabulary; v++) {
      int h = reference.derived().classAt(from + v);
      double noise = steps[h] * steps[h] / 12;
      double weight = steps[h] > 0 ? noise / (noise + variances[h]) : 1;
      residuals[from + v] += weight * (predicted[v] - residuals[from + v]);
    }
  }

  @Override
  public void close() throws IOException {
    reader.close();
    reference.close();
  }
}
