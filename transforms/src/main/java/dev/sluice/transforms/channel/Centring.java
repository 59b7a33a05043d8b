package dev.sluice.transforms.channel;

import dev.sluice.transforms.channel.format.FloatFormat;

/**
 * Midrange centring of logit rows, and the clip level as a binary16 number. FORMAT 3.2.
 *
 * <p>Softmax does not see a row's shift, so it costs nothing; the midrange makes the largest
 * magnitude, and with it the step, as small as a shift can (THEORY 1).
 */
public final class Centring {
  /** The least clip level, in logits: the smallest positive binary16 number. */
  public static final double MIN_CLIP = 0x1p-24;

  /** The largest clip level of a probe, in logits: the largest binary16 number. */
  public static final double MAX_PROBE_CLIP = 65504;

  private Centring() {}

  /** What to do with a logit of -infinity. */
  public enum Masking {
    /** It is an error. */
    FORBIDDEN,
    /** It is left where it is, without a say in the midrange, and counted. */
    ALLOWED
  }

  /**
   * What centring found.
   *
   * @param maxMagnitude largest |x| over all rows, in logits; 0 without rows
   * @param masked number of -infinity
   */
  public record Centred(double maxMagnitude, long masked) {}

  /**
   * Takes each row's midrange {@code (max + min)*0.5} from its finite logits, in place.
   *
   * @param logits [rows, vocabulary], natural-log units; on failure rows before the bad one are
   *     already centred
   * @param rowMagnitudes length rows at least: receives each row's largest |x|; must not be logits
   * @throws BadLogitException at NaN, +infinity, a forbidden -infinity, a row without a finite
   *     logit, or a midrange beyond the range of float64
   */
  public static Centred centre(
      double[] logits, int rows, int vocabulary, Masking masking, double[] rowMagnitudes)
      throws BadLogitException {
    double largest = 0;
    long masked = 0;
    for (int row = 0; row < rows; row++) {
      int at = row * vocabulary;
      double max = Double.NEGATIVE_INFINITY;
      double min = Double.POSITIVE_INFINITY;
      long here = 0;
      for (int v = 0; v < vocabulary; v++) {
        double value = logits[at + v];
        if (!Double.isFinite(value)) {
          if (value != Double.NEGATIVE_INFINITY || masking == Masking.FORBIDDEN) {
            throw new BadLogitException(
                row,
                v,
                value,
                masking == Masking.FORBIDDEN ? "a finite logit" : "a finite logit or -Infinity");
          }
          here++;
        } else {
          max = Math.max(max, value);
          min = Math.min(min, value);
        }
      }
      if (here == vocabulary) {
        throw new BadLogitException(
            row, 0, Double.NEGATIVE_INFINITY, "at least one finite logit in the row");
      }
      double middle = (max + min) * 0.5;
      if (!Double.isFinite(middle)) {
        int v = 0;
        while (logits[at + v] != max) {
          v++;
        }
        throw new BadLogitException(row, v, max, "a row whose max + min is finite");
      }
      for (int v = 0; v < vocabulary; v++) {
        logits[at + v] -= middle;
      }
      // Rounding is monotone: no |x| between the ends is larger than at one of them.
      rowMagnitudes[row] = Math.max(Math.abs(max - middle), Math.abs(min - middle));
      largest = Math.max(largest, rowMagnitudes[row]);
      masked += here;
    }
    return new Centred(largest, masked);
  }

  /**
   * The least binary16 number that is at least {@code clip} and at least 2^-24.
   *
   * @param clip in logits, in [0, 65504]
   * @return its bits
   * @throws IllegalArgumentException outside that range, and for NaN
   */
  public static short clipUp(double clip) {
    if (!(clip >= 0 && clip <= MAX_PROBE_CLIP)) {
      throw new IllegalArgumentException(
          "a probe's clip level must be in [0, " + MAX_PROBE_CLIP + "] logits, got " + clip);
    }
    // Subnormals, and all of [2^-14, 2^-13), count in units of 2^-24; a carry moves into the
    // exponent by itself.
    int exponent = Math.max(-14, Math.getExponent(clip));
    int units = (int) Math.ceil(Math.scalb(clip, 10 - exponent));
    return (short) Math.max(1, ((exponent + 14) << 10) + units);
  }

  /** The value of a binary16 number; exact, NaN and the infinities included. */
  public static double clipOf(short bits) {
    return FloatFormat.BINARY16.decode(bits & 0xffff);
  }
}
