package dev.sluice.transforms.conformal;

import dev.sluice.transforms.channel.BadCodesException;
import java.math.BigInteger;
import java.util.Arrays;

/**
 * One node's calibration scores in the bits of a {@link CalibrationPlan}: order statistics at the
 * plan's ranks, rounded up to its grid. No value is below the score that it stands for.
 *
 * <p>Bytes are, low bit first, n_i less the plan's fewest scores and the number of the multiset of
 * symbols; spare bits are 0. A silent plan's summary has no bytes and no n_i.
 *
 * <p>Immutable.
 */
public final class CalibrationSummary {
  private final CalibrationPlan plan;
  private final CalibrationPlan.Shape shape;
  private final int[] symbols;

  private CalibrationSummary(CalibrationPlan plan, CalibrationPlan.Shape shape, int[] symbols) {
    this.plan = plan;
    this.shape = shape;
    this.symbols = symbols;
  }

  /**
   * The summary of a node's scores.
   *
   * @param scores in nats, any order, +infinity allowed; not changed
   * @throws IllegalArgumentException if one is NaN, or their number is none of the plan's
   */
  public static CalibrationSummary of(CalibrationPlan plan, double[] scores) {
    return of(plan, plan.shape(scores.length), scores);
  }

  /** As {@link #of(CalibrationPlan, double[])} with a shape that the caller has kept. */
  static CalibrationSummary of(CalibrationPlan plan, CalibrationPlan.Shape shape, double[] scores) {
    double[] sorted = scores.clone();
    Arrays.sort(sorted);
    ConformalRank.checkNumbers(sorted);
    int[] symbols = new int[shape.ranks().length];
    for (int j = 0; j < symbols.length; j++) {
      symbols[j] = plan.symbolAbove(sorted[shape.ranks()[j] - 1], shape.levels());
    }
    return new CalibrationSummary(plan, shape, symbols);
  }

  /**
   * The summary of scores of which only the symbols of the shape's grid were kept.
   *
   * @param symbols {@link CalibrationPlan#symbolAbove} of each score, one for each of the shape's
   *     scores; rounding up and sorting commute
   */
  public static CalibrationSummary of(
      CalibrationPlan plan, CalibrationPlan.Shape shape, SymbolCounts symbols) {
    if (symbols.total() != shape.scores()) {
      throw new IllegalArgumentException(
          "symbols of " + symbols.total() + " scores, expected " + shape.scores());
    }
    return new CalibrationSummary(plan, shape, symbols.atRanks(shape.ranks()));
  }

  /** At most ceil(B/8) bytes. */
  public byte[] encode() {
    if (plan.isSilent()) {
      return new byte[0];
    }
    BigInteger bits =
        SubsetCode.number(apart(symbols), shape.levels() + symbols.length)
            .shiftLeft(plan.countBits())
            .or(BigInteger.valueOf(shape.scores() - plan.minScores()));
    byte[] bytes = new byte[(payloadBits() + 7) >>> 3];
    SubsetCode.toBytes(bits, bytes);
    return bytes;
  }

  /**
   * The summary that bytes spell. A silent plan's says nothing: its n_i is taken to be the fewest,
   * and {@link PooledThreshold} does not use it.
   *
   * @throws BadCodesException if no scores have these bytes
   */
  public static CalibrationSummary decode(CalibrationPlan plan, byte[] bytes)
      throws BadCodesException {
    BigInteger bits = SubsetCode.ofBytes(bytes);
    if (plan.isSilent()) {
      checkLength(bytes, 0);
      return new CalibrationSummary(
          plan, new CalibrationPlan.Shape(plan.minScores(), new int[0], 0, 0), new int[0]);
    }
    BigInteger more = bits.mod(BigInteger.ONE.shiftLeft(plan.countBits()));
    if (more.longValueExact() > plan.maxScores() - plan.minScores()) {
      throw new BadCodesException(
          "calibration summary: "
              + plan.minScores()
              + " + "
              + more
              + " scores, expected at most "
              + plan.maxScores());
    }
    CalibrationPlan.Shape shape = plan.shape(plan.minScores() + more.intValueExact());
    checkLength(bytes, (plan.countBits() + shape.pointBits() + 7) >>> 3);
    int points = shape.ranks().length;
    BigInteger number = bits.shiftRight(plan.countBits());
    BigInteger count = SubsetCode.count(shape.levels() + points, points);
    if (number.compareTo(count) >= 0) {
      throw new BadCodesException(
          "calibration summary: multiset " + number + ", expected below " + count);
    }
    int[] symbols = SubsetCode.subset(number, shape.levels() + points, points);
    for (int j = 0; j < points; j++) {
      symbols[j] -= j;
    }
    return new CalibrationSummary(plan, shape, symbols);
  }

  private static void checkLength(byte[] bytes, int expected) throws BadCodesException {
    if (bytes.length != expected) {
      throw new BadCodesException(
          "calibration summary: " + bytes.length + " bytes, expected " + expected);
    }
  }

  private static int[] apart(int[] monotone) {
    int[] subset = new int[monotone.length];
    for (int j = 0; j < subset.length; j++) {
      subset[j] = monotone[j] + j;
    }
    return subset;
  }

  /** The bits used, n_i's among them; at most B. */
  public int payloadBits() {
    return plan.isSilent() ? 0 : plan.countBits() + shape.pointBits();
  }

  /** The plan. */
  public CalibrationPlan plan() {
    return plan;
  }

  /** n_i. */
  public int scores() {
    return shape.scores();
  }

  /** r. */
  public int points() {
    return symbols.length;
  }

  /** L of the grid that values are on; 0 where nothing is reported. */
  public int levels() {
    return shape.levels();
  }

  /** R_j for j in [0, r), from 1, ascending. */
  public int rank(int j) {
    return shape.ranks()[j];
  }

  /** A value that is at least the R_j-th smallest score, in nats, or +infinity. */
  public double value(int j) {
    return symbols[j] == shape.levels()
        ? Double.POSITIVE_INFINITY
        : plan.value(symbols[j], shape.levels());
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CalibrationSummary that
        && shape.scores() == that.shape.scores()
        && Arrays.equals(shape.ranks(), that.shape.ranks())
        && shape.levels() == that.shape.levels()
        && Arrays.equals(symbols, that.symbols);
  }

  @Override
  public int hashCode() {
    return 31 * shape.scores() + Arrays.hashCode(symbols);
  }
}
