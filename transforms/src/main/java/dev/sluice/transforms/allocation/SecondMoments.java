package dev.sluice.transforms.allocation;

import java.io.Serializable;
import java.math.BigInteger;
import java.util.Objects;

/**
 * What a warm-up round says about one node's logits: the second moment and what bounds its error,
 * from the reconstructions that the hub decodes. THEORY 6.1 and 6.3.
 *
 * <p><b>Exact in any order.</b> The unit that is added is a probe: its averages of y² and y are
 * float64 sums over its coordinates in ascending order, so they have one value. Over probes, the
 * averages, and the square of that of y², are added in 256-bit fixed point ({@link ExactSum}):
 * without rounding above 2^-76 logits² (or logits, or logits⁴), and cut to 2^-128 below. An
 * accumulator is thus a function of the set of probes, whatever order and grouping they came in,
 * and each result is one division of integers. Range: |y| ≤ 2^20, which option A's L + Δ/2 ≤ 2L
 * with L ≤ 2^19 cannot exceed, makes the squares at most 2^80 each, so 2^46 probes fit.
 *
 * <p>Mutable; one thread at a time. Serialisable between workers of one version.
 */
public final class SecondMoments implements Serializable {
  private static final long serialVersionUID = 1L;

  /** The largest magnitude of a reconstruction, in logits. */
  public static final double MAX_MAGNITUDE = 0x1p20;

  private static final long MAX_PROBES = 1L << 46;

  private final ExactSum squares = new ExactSum();
  private final ExactSum squaredSquares = new ExactSum();
  private final ExactSum values = new ExactSum();
  private final ExactSum ditherVariances = new ExactSum();
  private double min = Double.POSITIVE_INFINITY;
  private double max = Double.NEGATIVE_INFINITY;
  private long clipped;
  private long masked;
  private long probes;
  private int coordinates;

  /**
   * The results.
   *
   * @param probes m: probes added; what is independent among them, and so n_eff, if each was drawn
   *     independently ({@link MomentBound#effectiveSamples})
   * @param coordinates of each probe
   * @param rawSecondMoment mean of y², logits²: the published estimate, E x² + the dither's
   *     variance
   * @param ditherVariance mean over coordinates of Δ²/12, logits²
   * @param secondMoment raw less dither variance, logits²: unbiased for the mean of x²; may be
   *     negative
   * @param mean of y, logits
   * @param min of y, logits
   * @param max of y, logits
   * @param clipped coordinates that the node clipped
   * @param masked coordinates of −inf, which were sent as −L and count as such in every moment
   * @param blockVariance sample variance over probes (divisor m − 1) of the probe's mean of y²,
   *     logits⁴; NaN for one probe
   */
  public record Moments(
      long probes,
      int coordinates,
      double rawSecondMoment,
      double ditherVariance,
      double secondMoment,
      double mean,
      double min,
      double max,
      long clipped,
      long masked,
      double blockVariance) {}

  /**
   * Adds one probe: all that the node sent for it. If the warm-up's rounds share their probes, that
   * is the rows of all rounds, one after the other: only then is the variance that of independent
   * blocks.
   *
   * @param y reconstructions, logits, |y| ≤ 2^20; only read
   * @param from first coordinate
   * @param to after the last; to − from is the same for every probe
   * @param ditherVariance mean over these coordinates of Δ²/12, logits², in [0, 2^40); 0 without
   *     dither. Of mixed steps, by the number of coordinates that have each: known to the hub, not
   *     estimated
   * @param clipped coordinates of the probe that the node clipped, ≥ 0; where a header has the
   *     count of a whole block, it goes with one of its probes
   * @param masked as {@code clipped}
   * @throws IllegalArgumentException outside these ranges, NaN included; nothing is then added
   */
  public void add(double[] y, int from, int to, double ditherVariance, long clipped, long masked) {
    Objects.checkFromToIndex(from, to, y.length);
    int here = to - from;
    if (here < 1 || (probes > 0 && here != coordinates)) {
      throw new IllegalArgumentException(
          "coordinates of a probe must be "
              + (probes > 0 ? "those of the others, " + coordinates : "at least 1")
              + ", got "
              + here);
    }
    if (!(ditherVariance >= 0 && ditherVariance < 0x1p40)) {
      throw new IllegalArgumentException(
          "dither variance must be in [0, 2^40) logits², got " + ditherVariance);
    }
    if (clipped < 0 || masked < 0) {
      throw new IllegalArgumentException(
          "counts must be at least 0, got " + clipped + " clipped and " + masked + " masked");
    }
    if (probes == MAX_PROBES) {
      throw new IllegalArgumentException("probes must be at most 2^46");
    }
    double sumOfSquares = 0;
    double sum = 0;
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (int c = from; c < to; c++) {
      double value = y[c];
      sumOfSquares += value * value;
      sum += value;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    // NaN among the values is NaN in both.
    if (!(low >= -MAX_MAGNITUDE && high <= MAX_MAGNITUDE)) {
      throw new IllegalArgumentException(
          "reconstructions must be in [-2^20, 2^20] logits, got [" + low + ", " + high + "]");
    }
    long clippedInAll = Math.addExact(this.clipped, clipped);
    long maskedInAll = Math.addExact(this.masked, masked);
    double square = sumOfSquares / here;
    squares.add(square);
    squaredSquares.addSquare(square);
    values.add(sum / here);
    ditherVariances.add(ditherVariance);
    // -0.0 and 0.0 are one number, and are to be one bit pattern.
    min = Math.min(min, low + 0.0);
    max = Math.max(max, high + 0.0);
    this.clipped = clippedInAll;
    this.masked = maskedInAll;
    coordinates = here;
    probes++;
  }

  /**
   * Adds another's probes, which are others than this one's; it is not changed.
   *
   * @throws IllegalArgumentException if its probes have another number of coordinates
   */
  public void merge(SecondMoments other) {
    if (other.probes == 0) {
      return;
    }
    if (probes > 0 && other.coordinates != coordinates) {
      throw new IllegalArgumentException(
          "coordinates of a probe must be those of the others, "
              + coordinates
              + ", got "
              + other.coordinates);
    }
    if (probes + other.probes > MAX_PROBES) {
      throw new IllegalArgumentException(
          "probes must be at most 2^46, got " + (probes + other.probes));
    }
    long clippedInAll = Math.addExact(clipped, other.clipped);
    long maskedInAll = Math.addExact(masked, other.masked);
    squares.add(other.squares);
    squaredSquares.add(other.squaredSquares);
    values.add(other.values);
    ditherVariances.add(other.ditherVariances);
    min = Math.min(min, other.min);
    max = Math.max(max, other.max);
    clipped = clippedInAll;
    masked = maskedInAll;
    coordinates = other.coordinates;
    probes += other.probes;
  }

  /** Probes added. */
  public long probes() {
    return probes;
  }

  /**
   * The moments of the probes added so far.
   *
   * @throws IllegalStateException if there are none
   */
  public Moments result() {
    if (probes == 0) {
      throw new IllegalStateException("no probe has been added");
    }
    BigInteger m = BigInteger.valueOf(probes);
    BigInteger total = squares.units();
    BigInteger dither = ditherVariances.units();
    double variance = Double.NaN;
    if (probes > 1) {
      // (m·ΣZ² − (ΣZ)²)/(m(m − 1)), in units of 2^-256; cut squares may leave a little below 0.
      BigInteger spread =
          squaredSquares.units().shiftLeft(128).multiply(m).subtract(total.multiply(total));
      variance =
          ExactSum.quotient(spread.max(BigInteger.ZERO), 2, m.multiply(m.subtract(BigInteger.ONE)));
    }
    return new Moments(
        probes,
        coordinates,
        ExactSum.quotient(total, 1, m),
        ExactSum.quotient(dither, 1, m),
        ExactSum.quotient(total.subtract(dither), 1, m),
        ExactSum.quotient(values.units(), 1, m),
        min,
        max,
        clipped,
        masked,
        variance);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SecondMoments that
        && squares.equals(that.squares)
        && squaredSquares.equals(that.squaredSquares)
        && values.equals(that.values)
        && ditherVariances.equals(that.ditherVariances)
        && Double.doubleToLongBits(min) == Double.doubleToLongBits(that.min)
        && Double.doubleToLongBits(max) == Double.doubleToLongBits(that.max)
        && clipped == that.clipped
        && masked == that.masked
        && probes == that.probes
        && coordinates == that.coordinates;
  }

  @Override
  public int hashCode() {
    return Objects.hash(squares, squaredSquares, values, ditherVariances, probes, coordinates);
  }
}
