package dev.sluice.transforms.comparison;

import dev.sluice.transforms.channel.Accumulator;
import dev.sluice.transforms.theory.Softmax;
import java.io.IOException;
import java.util.Arrays;
import java.util.OptionalDouble;

/**
 * Sends all logits through a channel, and holds the softmax of the decoded mean over nodes against
 * that of the exact one: KL(exact‖decoded) in nats, THEORY 3.1, and the negative log-likelihood of
 * the tokens that followed under both, to 3e-9 nats. The decoded mean is made as a round's teacher
 * is (FORMAT 5). Holds one block; sums run in the order of probes.
 */
final class ChannelMeasurement {
  private final long probes;
  private final double[] row;
  private final double[] scratch;
  private double kl;
  private double klSquares;
  private double upper;
  private boolean bounded = true;
  private double loss;
  private double exactLoss;

  private ChannelMeasurement(long probes, int vocabulary) {
    this.probes = probes;
    this.row = new double[vocabulary];
    this.scratch = new double[vocabulary];
  }

  /** Sends everything. */
  static ChannelMeasurement of(Transmission transmission, ProbeSet set, LogitRows rows)
      throws TooFewBitsException, IOException {
    ChannelMeasurement measurement = new ChannelMeasurement(set.probes(), set.vocabulary());
    int most = transmission.probesPerBlock();
    int vocabulary = set.vocabulary();
    double[] reference = new double[most * vocabulary];
    double[] logits = new double[most * vocabulary];
    double[] decoded = new double[most * vocabulary];
    double[] exact = new double[most * vocabulary];
    double[] sums = new double[most * vocabulary];
    float[] teacher = new float[most * vocabulary];
    for (int block = 0; (long) block * most < set.probes(); block++) {
      long first = (long) block * most;
      int count = (int) Math.min(most, set.probes() - first);
      rows.reference(first, count, reference);
      transmission.begin(block, count, reference);
      Arrays.fill(exact, 0);
      Arrays.fill(sums, 0);
      for (int node = 0; node < set.nodes(); node++) {
        rows.node(node, first, count, logits);
        for (int c = 0; c < count * vocabulary; c++) {
          exact[c] += logits[c];
        }
        transmission.send(node, logits, decoded);
        for (int c = 0; c < count * vocabulary; c++) {
          sums[c] += Accumulator.onGrid(decoded[c]);
        }
      }
      for (int c = 0; c < count * vocabulary; c++) {
        exact[c] /= set.nodes();
        teacher[c] = (float) (sums[c] / set.nodes());
      }
      measurement.bound(transmission.end(teacher));
      for (int probe = 0; probe < count; probe++) {
        measurement.add(exact, teacher, probe * vocabulary, vocabulary);
        if (rows.hasNextTokens()) {
          measurement.predict(
              exact, teacher, probe * vocabulary, vocabulary, rows.nextToken(first + probe));
        }
      }
    }
    return measurement;
  }

  private void bound(OptionalDouble block) {
    bounded &= block.isPresent();
    upper += block.orElse(0);
  }

  private void add(double[] exact, float[] teacher, int from, int vocabulary) {
    double divergence = Softmax.kl(exact, from, teacher, from, vocabulary);
    kl += divergence;
    klSquares += divergence * divergence;
  }

  private void predict(double[] exact, float[] teacher, int from, int vocabulary, int token) {
    exactLoss +=
        Softmax.probabilities(exact, from, from + vocabulary, scratch) - exact[from + token];
    for (int v = 0; v < vocabulary; v++) {
      row[v] = teacher[from + v];
    }
    loss += Softmax.probabilities(row, 0, vocabulary, scratch) - row[token];
  }

  /** Nats, mean over probes. */
  double kl() {
    return kl / probes;
  }

  /** Its standard error over probes; empty with one probe. */
  OptionalDouble klStandardError() {
    if (probes < 2) {
      return OptionalDouble.empty();
    }
    double variance = Math.max(0, klSquares - kl * kl / probes) / (probes - 1);
    return OptionalDouble.of(Math.sqrt(variance / probes));
  }

  /** Nats, mean over probes; empty where a block had none. */
  OptionalDouble upper() {
    return bounded ? OptionalDouble.of(upper / probes) : OptionalDouble.empty();
  }

  /** Perplexity of the decoded teacher on the tokens that followed. */
  double perplexity() {
    return StrictMath.exp(loss / probes);
  }

  /** Perplexity of the exact teacher on the same. */
  double exactPerplexity() {
    return StrictMath.exp(exactLoss / probes);
  }
}
