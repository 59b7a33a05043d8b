package dev.sluice.transforms.refinement;

import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.Dither;
import java.util.function.DoubleUnaryOperator;

/**
 * The schemes' arithmetic, plainly: symbols are not packed, but all that passes from node to hub is
 * what symbols and keys determine. Sums over nodes are in node order.
 */
final class RefinementKernel {
  /** The largest double below 1: where a digit was clamped, what is left stays inside its cell. */
  private static final double BELOW_ONE = 0x1.fffffffffffffp-1;

  private RefinementKernel() {}

  /** {@link RefinementScheme#VANILLA}. Arguments and result of all: {@link #check}. */
  static double[][] vanilla(RefinementChannel channel, double[][] logits, ChannelKey[][] keys) {
    int n = check(channel, logits, keys);
    int[] dither = new int[n];
    double[][] means = new double[keys.length][n];
    for (int t = 0; t < keys.length; t++) {
      for (int i = 0; i < logits.length; i++) {
        Dither.fill(keys[t][i].dither(), n, 0, 0, n, dither, 0);
        for (int c = 0; c < n; c++) {
          means[t][c] += reconstruct(channel, channel.clip(), logits[i][c], dither[c]);
        }
      }
      divide(means[t], logits.length);
    }
    return means;
  }

  /** {@link RefinementScheme#VANILLA_AVERAGED}. */
  static double[][] vanillaAveraged(
      RefinementChannel channel, double[][] logits, ChannelKey[][] keys) {
    double[][] means = vanilla(channel, logits, keys);
    for (int c = 0; c < logits[0].length; c++) {
      double sum = 0;
      for (int t = 0; t < means.length; t++) {
        sum += means[t][c];
        means[t][c] = sum / (t + 1);
      }
    }
    return means;
  }

  /**
   * {@link RefinementScheme#BROADCAST_RESIDUAL}, for any sequence of ranges.
   *
   * @param nextRange from a round's step to the next one's range, both in logits
   */
  static double[][] broadcastResidual(
      RefinementChannel channel,
      double[][] logits,
      ChannelKey[][] keys,
      DoubleUnaryOperator nextRange) {
    int n = check(channel, logits, keys);
    int[] dither = new int[n];
    double[] broadcast = new double[n];
    double[][] means = new double[keys.length][n];
    double range = channel.clip();
    for (int t = 0; t < keys.length; t++) {
      for (int i = 0; i < logits.length; i++) {
        Dither.fill(keys[t][i].dither(), n, 0, 0, n, dither, 0);
        for (int c = 0; c < n; c++) {
          means[t][c] += reconstruct(channel, range, logits[i][c] - broadcast[c], dither[c]);
        }
      }
      divide(means[t], logits.length);
      for (int c = 0; c < n; c++) {
        means[t][c] += broadcast[c];
      }
      broadcast = means[t];
      range = nextRange.applyAsDouble(channel.step(range));
    }
    return means;
  }

  /** {@link RefinementScheme#BROADCAST_RESIDUAL_SAFE}. */
  static double[][] safeBroadcastResidual(
      RefinementChannel channel, double[][] logits, ChannelKey[][] keys) {
    check(channel, logits, keys);
    double spread = spread(logits);
    return broadcastResidual(channel, logits, keys, step -> safeRange(spread, step));
  }

  /** {@link RefinementScheme#OWN_RESIDUAL}. */
  static double[][] ownResidual(RefinementChannel channel, double[][] logits, ChannelKey[][] keys) {
    int n = check(channel, logits, keys);
    int[] dither = new int[n];
    double[] sums = new double[n];
    double[][] residuals = new double[logits.length][];
    for (int i = 0; i < logits.length; i++) {
      residuals[i] = logits[i].clone();
    }
    double[][] means = new double[keys.length][];
    double range = channel.clip();
    for (int t = 0; t < keys.length; t++) {
      for (int i = 0; i < logits.length; i++) {
        Dither.fill(keys[t][i].dither(), n, 0, 0, n, dither, 0);
        for (int c = 0; c < n; c++) {
          double sent = reconstruct(channel, range, residuals[i][c], dither[c]);
          residuals[i][c] -= sent;
          sums[c] += sent;
        }
      }
      means[t] = sums.clone();
      divide(means[t], logits.length);
      range = channel.step(range) / 2;
    }
    return means;
  }

  /** {@link RefinementScheme#NESTED_DIGITS}. For one node, bit for bit what the channel decodes. */
  static double[][] nestedDigits(
      RefinementChannel channel, double[][] logits, ChannelKey[][] keys) {
    int n = check(channel, logits, keys);
    int nodes = logits.length;
    int[] dither = new int[n];
    double step = channel.step(channel.clip());
    // What the hub makes of keys, and of digits.
    double[] offsets = new double[n];
    double[] places = new double[n];
    double[][] rests = new double[nodes][n];
    double[][] means = new double[keys.length][n];
    double cell = 1;
    for (int t = 0; t < keys.length; t++) {
      for (int i = 0; i < nodes; i++) {
        if (t == 0) {
          Dither.fill(keys[0][i].dither(), n, 0, 0, n, dither, 0);
        }
        for (int c = 0; c < n; c++) {
          double z;
          if (t == 0) {
            double offset = offset(dither[c]);
            offsets[c] += offset;
            z = (logits[i][c] + channel.clip()) / step + offset;
          } else {
            z = rests[i][c] * channel.symbols();
          }
          int digit = Math.min((int) z, channel.symbols() - 1);
          rests[i][c] = Math.min(z - digit, BELOW_ONE);
          places[c] += digit * cell;
        }
      }
      for (int c = 0; c < n; c++) {
        means[t][c] =
            ((places[c] + nodes * (cell * 0.5)) - offsets[c]) / nodes * step - channel.clip();
      }
      cell /= channel.symbols();
    }
    return means;
  }

  /** S. From node 0, so that it is exactly 0 where all nodes are the same. */
  static double spread(double[][] logits) {
    int n = checkShape(logits);
    double spread = 0;
    for (int c = 0; c < n; c++) {
      double sum = 0;
      for (double[] x : logits) {
        sum += x[c] - logits[0][c];
      }
      double mean = sum / logits.length;
      for (double[] x : logits) {
        spread = Math.max(spread, Math.abs(x[c] - logits[0][c] - mean));
      }
    }
    return spread;
  }

  /** S + max(S, step/2), in logits. */
  static double safeRange(double spread, double step) {
    return spread + Math.max(spread, step / 2);
  }

  /**
   * Q_R(x): {@code ((k + 1/2) - o)*step - R}, {@code k = floor((x + R)/step + o)}, o the offset; x
   * beyond ±R counts as ±R. FORMAT 3.3.
   *
   * @param range R, in logits
   * @param x in logits
   * @param r dither, 32 bits, unsigned
   */
  static double reconstruct(RefinementChannel channel, double range, double x, int r) {
    double step = channel.step(range);
    double offset = offset(r);
    double inRange = Math.max(-range, Math.min(range, x));
    int symbol = Math.min((int) ((inRange + range) / step + offset), channel.symbols() - 1);
    return ((symbol + 0.5) - offset) * step - range;
  }

  /** (r + 1/2)*2^-32, exact. */
  private static double offset(int r) {
    return ((r & 0xffffffffL) + 0.5) * 0x1p-32;
  }

  private static void divide(double[] sums, int nodes) {
    for (int c = 0; c < sums.length; c++) {
      sums[c] /= nodes;
    }
  }

  /**
   * Shapes and values.
   *
   * @param logits [K][n], in logits, within ±L
   * @param keys [T][K]
   * @return n
   */
  private static int check(RefinementChannel channel, double[][] logits, ChannelKey[][] keys) {
    int n = checkShape(logits);
    int nodes = logits.length;
    for (int i = 0; i < nodes; i++) {
      for (int c = 0; c < n; c++) {
        if (!(Math.abs(logits[i][c]) <= channel.clip())) {
          throw new IllegalArgumentException(
              "node "
                  + i
                  + ", coordinate "
                  + c
                  + ": logit must be in [-"
                  + channel.clip()
                  + ", "
                  + channel.clip()
                  + "], got "
                  + logits[i][c]);
        }
      }
    }
    for (int t = 0; t < keys.length; t++) {
      if (keys[t].length != nodes) {
        throw new IllegalArgumentException(
            "round " + (t + 1) + ": " + keys[t].length + " keys for " + nodes + " nodes");
      }
    }
    return n;
  }

  /** n. */
  private static int checkShape(double[][] logits) {
    if (logits.length < 1 || logits[0].length < 1) {
      throw new IllegalArgumentException("at least one node and one coordinate are needed");
    }
    int n = logits[0].length;
    for (int i = 0; i < logits.length; i++) {
      if (logits[i].length != n) {
        throw new IllegalArgumentException(
            "node " + i + ": " + logits[i].length + " logits, expected " + n + " as of node 0");
      }
    }
    return n;
  }
}
