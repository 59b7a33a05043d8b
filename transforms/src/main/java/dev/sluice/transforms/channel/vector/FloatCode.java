package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.codebook.GaussianScale;
import dev.sluice.transforms.channel.format.FloatFormat;
import java.util.Arrays;
import java.util.Optional;

/**
 * Every coordinate a narrow floating-point number, nearest and saturating, times one float32 scale
 * of the vector. A float32 scale and d codes.
 */
final class FloatCode extends FieldCode {
  /** Where the scale comes from. */
  enum Scale {
    /** The largest magnitude is the format's largest number. */
    PEAK,

    /**
     * Least squares: the nearest numbers given the scale and the best scale given the numbers, in
     * turn until the scale stays, from several starts; the one of least error.
     */
    ITERATIVE,

    /** The best for N(0, 1), times the root mean square. */
    GAUSSIAN
  }

  /** Starts of {@link Scale#ITERATIVE}, as parts of the largest magnitude's scale. */
  private static final double[] STARTS = {1, 0.75, 0.5, 0.35, 0.25, 0.125};

  private static final int MAX_ROUNDS = 100;

  private final FloatFormat format;
  private final Scale rule;
  private final double gaussianScale;

  private FloatCode(FloatFormat format, Scale rule, double gaussianScale, int dimension) {
    super(dimension, Float.SIZE + (long) dimension * format.bits(), format + ", float32 scale");
    this.format = format;
    this.rule = rule;
    this.gaussianScale = gaussianScale;
  }

  private static double gaussianScale(FloatFormat format) {
    double[] levels = new double[1 << (format.bits() - 1)];
    int finite = 0;
    while (finite < levels.length && Double.isFinite(format.decode(finite))) {
      levels[finite] = format.decode(finite);
      finite++;
    }
    return GaussianScale.of(Arrays.copyOf(levels, finite));
  }

  /** A format with its scale from the largest magnitude. */
  static VectorQuantizer quantizer(String name, FloatFormat format, String source) {
    return family(
        name,
        "Floating-point "
            + format
            + ", one float32 scale that takes the largest magnitude to the format's largest number",
        format,
        Scale.PEAK,
        source);
  }

  /** E2M1 as StatQAT scales it. */
  static VectorQuantizer statQat(String name, Scale rule) {
    return family(
        name,
        rule == Scale.ITERATIVE
            ? "Floating-point E2M1, scale by alternating least squares on the vector"
            : "Floating-point E2M1, scale that is the best for N(0, 1) times the root mean square",
        FloatFormat.E2M1,
        rule,
        UniformCode.STATQAT);
  }

  private static VectorQuantizer family(
      String name, String what, FloatFormat format, Scale rule, String source) {
    double gaussianScale = rule == Scale.PEAK ? 0 : gaussianScale(format);
    Declaration declaration =
        new Declaration(
            Declaration.Bias.BIASED,
            Optional.empty(),
            "32 bits a vector: its scale",
            "none",
            source);
    return new WholeBitCodes(
        name,
        what,
        declaration,
        format.bits(),
        format.bits(),
        (bits, dimension) -> new FloatCode(format, rule, gaussianScale, dimension));
  }

  @Override
  void write(float[] x, int from, long key, BitFields out) {
    float scale = scale(x, from);
    writeFloat(scale, out);
    for (int i = 0; i < dimension(); i++) {
      out.write(scale == 0 ? 0 : format.encode(x[from + i] / (double) scale), format.bits());
    }
  }

  @Override
  void read(BitFields in, long key, float[] out, int to) throws BadCodesException {
    float scale = readFloat(in, "scale", 0);
    for (int i = 0; i < dimension(); i++) {
      double value = format.decode(in.read(format.bits()));
      if (!Double.isFinite(value)) {
        throw new BadCodesException("coordinate " + i + " is " + value + ", expected a number");
      }
      out[to + i] = nearest(value * scale);
    }
  }

  /** Above 0 where a coordinate is not 0, also where the quotient is below float32's numbers. */
  private float scale(float[] x, int from) {
    double peak = magnitude(x, from, dimension()) / format.max();
    if (peak == 0) {
      return 0;
    }
    double scale =
        switch (rule) {
          case PEAK -> peak;
          case GAUSSIAN -> gaussian(x, from);
          case ITERATIVE -> iterative(x, from, peak);
        };
    return Math.max(Float.MIN_VALUE, nearest(scale));
  }

  private double gaussian(float[] x, int from) {
    double square = 0;
    for (int i = 0; i < dimension(); i++) {
      square += (double) x[from + i] * x[from + i];
    }
    return gaussianScale * Math.sqrt(square / dimension());
  }

  private double iterative(float[] x, int from, double peak) {
    double best = 0;
    double most = 0;
    for (int start = 0; start <= STARTS.length; start++) {
      double scale = start < STARTS.length ? STARTS[start] * peak : gaussian(x, from);
      // What the numbers explain of the vector's squares: the larger, the smaller the error.
      double explained = 0;
      for (int round = 0; round < MAX_ROUNDS; round++) {
        double product = 0;
        double square = 0;
        for (int i = 0; i < dimension(); i++) {
          double level = format.decode(format.encode(x[from + i] / scale));
          product += level * x[from + i];
          square += level * level;
        }
        double next = product / square;
        explained = product * next;
        if (next == scale) {
          break;
        }
        scale = next;
      }
      if (explained > most) {
        most = explained;
        best = scale;
      }
    }
    return best;
  }
}
