package dev.sluice.transforms.report;

import java.util.ArrayList;
import java.util.List;

/**
 * One series of a chart.
 *
 * @param name as in the key; unique within the chart
 * @param kind how it is drawn
 * @param look which colour, symbol and dash, {@link Look#of}
 * @param points in the order in which they are joined
 */
public record Series(String name, Kind kind, int look, List<Point> points) {
  /** How a series is drawn. */
  public enum Kind {
    /** Symbols joined by a line, with error bars where points have them. */
    LINE,
    /** Symbols, with error bars where points have them. */
    SCATTER,
    /** Bars from 0. */
    BAR,
    /** The area between low and high. */
    BAND,
    /** A line without symbols: what does not depend on the other axis. */
    LEVEL
  }

  /**
   * One point.
   *
   * @param at where on the axis that is given: a number, or a category's index
   * @param value what was found there; null for a band's
   * @param low lower end of its error bar or of the band, or null
   * @param high upper end, or null
   */
  public record Point(double at, Double value, Double low, Double high) {
    /** Beyond this no scale can be drawn, and no quantity of ours goes. */
    private static final double LARGEST = 1e100;

    public Point {
      if (!(Math.abs(at) <= LARGEST) || !fits(value) || !fits(low) || !fits(high)) {
        throw new IllegalArgumentException(
            "a chart's numbers must be within +-"
                + LARGEST
                + ", got "
                + at
                + ": "
                + value
                + " ["
                + low
                + ", "
                + high
                + "]");
      }
    }

    private static boolean fits(Double number) {
      return number == null || Math.abs(number) <= LARGEST;
    }
  }

  /** An empty series. */
  public static Series of(String name, Kind kind, int look) {
    return new Series(name, kind, look, new ArrayList<>());
  }

  /** Adds a value. */
  public Series add(double at, double value) {
    points.add(new Point(at, value, null, null));
    return this;
  }

  /** Adds a value with an error bar; without one where an end is null. */
  public Series add(double at, double value, Double low, Double high) {
    points.add(new Point(at, value, low, high));
    return this;
  }

  /** Adds a part of a band. */
  public Series addRange(double at, double low, double high) {
    points.add(new Point(at, null, low, high));
    return this;
  }

  boolean hasValues() {
    return kind != Kind.BAND;
  }

  boolean hasRanges() {
    return points.stream().anyMatch(point -> point.low() != null);
  }
}
