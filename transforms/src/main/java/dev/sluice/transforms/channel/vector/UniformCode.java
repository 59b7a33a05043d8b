package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.codebook.OptimalUniform;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The nearest of 2^b evenly spaced levels, whose step and offset come from the vector's own
 * statistics: {@code offset + step·(q − (2^b − 1)/2)}. Step and offset as float32, then d fields.
 */
final class UniformCode extends FieldCode {
  /** The family's source. */
  static final String STATQAT =
      "Aktukmak, Huang and Ding, \"StatQAT: Statistical Quantizer Optimization for Deep Networks\","
          + " arXiv:2605.17745";

  private static final int MAX_BITS = 8;
  private static final int MAX_ROUNDS = 100;

  /** The step that is the best for N(0, 1), by the bits of a coordinate. */
  private static final double[] GAUSSIAN_STEPS =
      IntStream.rangeClosed(0, MAX_BITS)
          .mapToDouble(bits -> bits == 0 ? 0 : OptimalUniform.step(1 << bits))
          .toArray();

  /** Starts of {@link Fit#ITERATIVE} around the mean, as parts of the range's step. */
  private static final double[] STARTS = {0.5, 0.25, 0.125};

  /** Where step and offset come from. */
  enum Fit {
    /**
     * Least squares: the nearest levels given step and offset and the best step and offset given
     * the levels, in turn until both stay, from several starts, the range's and the Gaussian's
     * among them; those of least error.
     */
    ITERATIVE,

    /** The step that is the best for N(0, 1) times the standard deviation, about the mean. */
    GAUSSIAN
  }

  private final Fit fit;
  private final int width;
  private final double middle;
  private final double gaussianStep;

  // What a fit is about to send.
  private float step;
  private float offset;

  UniformCode(Fit fit, int width, int dimension) {
    super(
        dimension,
        2L * Float.SIZE + (long) dimension * width,
        (1 << width) + " levels, float32 step and offset");
    this.fit = fit;
    this.width = width;
    this.middle = ((1 << width) - 1) / 2.0;
    this.gaussianStep = GAUSSIAN_STEPS[width];
  }

  /** StatQAT's integers. */
  static VectorQuantizer quantizer(String name, Fit fit) {
    return new WholeBitCodes(
        name,
        fit == Fit.ITERATIVE
            ? "2^b even levels, step and offset by alternating least squares on the vector"
            : "2^b even levels, the step that is the best for N(0, 1) times the standard deviation,"
                + " about the mean",
        new Declaration(
            Declaration.Bias.BIASED,
            Optional.empty(),
            "64 bits a vector: step and offset",
            "none",
            STATQAT),
        1,
        MAX_BITS,
        (bits, dimension) -> new UniformCode(fit, bits, dimension));
  }

  @Override
  void write(float[] x, int from, long key, BitFields out) {
    fit(x, from);
    writeFloat(step, out);
    writeFloat(offset, out);
    for (int i = 0; i < dimension(); i++) {
      out.write(level(x[from + i], step, offset), width);
    }
  }

  @Override
  void read(BitFields in, long key, float[] out, int to) throws BadCodesException {
    double step = readFloat(in, "step", 0);
    double offset = readFloat(in, "offset", -Float.MAX_VALUE);
    for (int i = 0; i < dimension(); i++) {
      out[to + i] = nearest(offset + step * (in.read(width) - middle));
    }
  }

  private int level(double value, double step, double offset) {
    if (step == 0) {
      return 0;
    }
    double level = Math.floor((value - offset) / step + middle + 0.5);
    return (int) Math.max(0, Math.min(2 * middle, level));
  }

  private void fit(float[] x, int from) {
    int d = dimension();
    double sum = 0;
    double min = x[from];
    double max = x[from];
    for (int i = 0; i < d; i++) {
      sum += x[from + i];
      min = Math.min(min, x[from + i]);
      max = Math.max(max, x[from + i]);
    }
    double mean = sum / d;
    double square = 0;
    for (int i = 0; i < d; i++) {
      square += (x[from + i] - mean) * (x[from + i] - mean);
    }
    double analytic = gaussianStep * Math.sqrt(square / d);
    if (fit == Fit.GAUSSIAN) {
      step = nearest(analytic);
      offset = nearest(mean);
      return;
    }
    double range = (max - min) / (2 * middle);
    double least = Double.POSITIVE_INFINITY;
    least = descend(x, from, range, (max + min) / 2, least);
    least = descend(x, from, analytic, mean, least);
    for (double part : STARTS) {
      least = descend(x, from, part * range, mean, least);
    }
  }

  /** Keeps step and offset if their error is below the least, and returns the lower of both. */
  private double descend(float[] x, int from, double step, double offset, double least) {
    int d = dimension();
    double slope = step;
    double centre = offset;
    for (int round = 0; round < MAX_ROUNDS; round++) {
      double sumX = 0;
      double sumY = 0;
      double sumXy = 0;
      double sumYy = 0;
      for (int i = 0; i < d; i++) {
        // Around the centre, lest an offset far from 0 takes the digits.
        double value = x[from + i] - centre;
        double y = level(x[from + i], slope, centre) - middle;
        sumX += value;
        sumY += y;
        sumXy += value * y;
        sumYy += y * y;
      }
      double spread = sumYy - sumY * sumY / d;
      double next = spread > 0 ? (sumXy - sumX * sumY / d) / spread : slope;
      double shift = (sumX - next * sumY) / d;
      if (next == slope && centre + shift == centre) {
        break;
      }
      slope = next;
      centre += shift;
    }
    float sentStep = nearest(slope);
    float sentOffset = nearest(centre);
    double error = 0;
    for (int i = 0; i < d; i++) {
      double y = level(x[from + i], sentStep, sentOffset) - middle;
      double miss = x[from + i] - nearest(sentOffset + sentStep * y);
      error += miss * miss;
    }
    if (error < least) {
      this.step = sentStep;
      this.offset = sentOffset;
      return error;
    }
    return least;
  }
}
