package dev.sluice.transforms.comparison;

import dev.sluice.schemas.AveragedVectors;
import dev.sluice.schemas.VectorCell;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.vector.VectorCode;
import dev.sluice.transforms.channel.vector.VectorQuantizer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Sends vectors through one code at one rate, each by as many nodes as are averaged at most, with
 * keys of their own: the error of one, the part of it that all keys have in common, and the error
 * of means over K nodes, over disjoint groups of them. Sums run in the order of nodes and trials.
 */
final class VectorMeasurement {
  /** A mean over trials and its standard error. */
  private static final class Estimate {
    private double sum;
    private double squares;
    private int count;

    void add(double value) {
      sum += value;
      squares += value * value;
      count++;
    }

    double mean() {
      return sum / count;
    }

    Double standardError() {
      return count < 2
          ? null
          : (Double) Math.sqrt(Math.max(0, squares - sum * sum / count) / (count - 1) / count);
    }
  }

  /** A vector for which the code has no numbers. */
  private static final class UnsayableVectorException extends Exception {
    private static final long serialVersionUID = 1L;

    UnsayableVectorException(String message) {
      super(message);
    }
  }

  /** Means over groups of K nodes, one group after another. */
  private final class Groups {
    private final int size;
    private final double[] decodedSum = new double[settings.dimension()];
    private final double[] heldSum = new double[settings.dimension()];
    private final Estimate error = new Estimate();
    private final Estimate estimation = new Estimate();
    private double errors;
    private double estimations;

    Groups(int size) {
      this.size = size;
    }

    void add(int node, float[] held, float[] decoded, float[] common) {
      int place = node % size;
      if (place == 0) {
        Arrays.fill(decodedSum, 0);
        Arrays.fill(heldSum, 0);
      }
      for (int c = 0; c < decoded.length; c++) {
        decodedSum[c] += decoded[c];
        heldSum[c] += held[c];
      }
      if (place == size - 1) {
        for (int c = 0; c < decoded.length; c++) {
          double mean = decodedSum[c] / size;
          double off = mean - heldSum[c] / size;
          errors += off * off;
          double away = mean - common[c];
          estimations += away * away;
        }
      }
    }

    void end(double energy) {
      double groups = settings.senders() / size;
      error.add(errors / groups / energy);
      estimation.add(estimations / groups / energy);
      errors = 0;
      estimations = 0;
    }

    AveragedVectors result() {
      boolean spread = settings.spread() > 0;
      return new AveragedVectors(
          size,
          error.mean(),
          error.standardError(),
          spread ? estimation.mean() : null,
          spread ? estimation.standardError() : null);
    }
  }

  private final VectorSettings settings;
  private final VectorCode code;
  private final List<Groups> groups = new ArrayList<>();
  private final Estimate vnmse = new Estimate();
  private final Estimate bias = new Estimate();
  private long bits;

  private VectorMeasurement(VectorSettings settings, VectorCode code) {
    this.settings = settings;
    this.code = code;
    settings.nodes().forEach(size -> groups.add(new Groups(size)));
  }

  /** The cell of a code at a rate. */
  static VectorCell of(
      VectorQuantizer quantizer, double rate, VectorSettings settings, Vectors vectors)
      throws IOException {
    VectorCell.Builder cell = VectorCell.newBuilder().setQuantizer(quantizer.name()).setRate(rate);
    Optional<VectorCode> code = quantizer.at(rate, settings.dimension());
    if (code.isEmpty()) {
      return cell.setReason("no such rate in this dimension").build();
    }
    try {
      return new VectorMeasurement(settings, code.get()).measure(vectors, cell);
    } catch (UnsayableVectorException e) {
      return cell.setReason(e.getMessage()).build();
    }
  }

  private VectorCell measure(Vectors vectors, VectorCell.Builder cell)
      throws UnsayableVectorException, IOException {
    int dimension = settings.dimension();
    float[] decoded = new float[dimension];
    byte[] codes = new byte[Math.toIntExact(BitFields.bytes(code.bits()))];
    double[] errorSum = new double[dimension];
    for (int trial = 0; trial < settings.trials(); trial++) {
      float[] common = vectors.trial(trial);
      Arrays.fill(errorSum, 0);
      double errors = 0;
      double relative = 0;
      for (int node = 0; node < settings.senders(); node++) {
        float[] held = vectors.node(node);
        send(held, trial, node, codes, decoded);
        double error = 0;
        double energy = 0;
        for (int c = 0; c < dimension; c++) {
          double off = (double) decoded[c] - held[c];
          error += off * off;
          energy += (double) held[c] * held[c];
          errorSum[c] += off;
        }
        errors += error;
        relative += error / energy;
        for (Groups group : groups) {
          group.add(node, held, decoded, common);
        }
      }
      vnmse.add(relative / settings.senders());
      if (settings.senders() > 1) {
        bias.add(biasSquared(errorSum, errors) / vectors.energy());
      }
      groups.forEach(group -> group.end(vectors.energy()));
    }
    double sent = (double) settings.trials() * settings.senders() * dimension;
    return cell.setBits(bits / sent)
        .setMostBits((double) code.bits() / dimension)
        .setSetting(code.setting())
        .setVnmse(vnmse.mean())
        .setVnmseStandardError(vnmse.standardError())
        .setBiasSquared(settings.senders() > 1 ? bias.mean() : null)
        .setBiasSquaredStandardError(settings.senders() > 1 ? bias.standardError() : null)
        .setAverages(groups.stream().map(Groups::result).toList())
        .build();
  }

  private long key(int trial, int node) {
    return ChannelKey.of(settings.seed(), "vectors", trial + "/" + node).dither();
  }

  private void send(float[] held, int trial, int node, byte[] codes, float[] decoded)
      throws UnsayableVectorException {
    long key = key(trial, node);
    Arrays.fill(codes, (byte) 0);
    long sent;
    try {
      sent = code.encode(held, 0, key, codes, 0);
    } catch (IllegalArgumentException e) {
      throw new UnsayableVectorException("vector " + trial + ": " + e.getMessage());
    }
    bits += sent;
    try {
      long read = code.decode(codes, 0, key, decoded, 0);
      if (read != sent) {
        throw new IllegalStateException("a code of " + sent + " bits is read as " + read);
      }
    } catch (BadCodesException e) {
      throw new IllegalStateException("a code that was just written does not decode", e);
    }
  }

  /**
   * |mean error|² less what sampling adds to it, the sum of the coordinates' variances over n:
   * unbiased.
   *
   * @param sum [d] of n errors
   * @param errors sum of their squared lengths
   */
  private double biasSquared(double[] sum, double errors) {
    double n = settings.senders();
    double mean = 0;
    for (double s : sum) {
      mean += s / n * (s / n);
    }
    return mean - (errors - n * mean) / (n - 1) / n;
  }
}
