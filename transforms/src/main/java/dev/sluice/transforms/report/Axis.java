package dev.sluice.transforms.report;

import java.util.Arrays;
import java.util.List;

/**
 * An axis of a chart.
 *
 * @param name what it measures
 * @param unit its unit; empty for counts and names
 * @param scale how values lie along it
 * @param categories names of positions 0, 1, …; empty unless the scale is {@link Scale#CATEGORY}
 */
public record Axis(String name, String unit, Scale scale, List<String> categories) {
  /** A range that spans at least this factor is shown in logarithms. */
  private static final double LOG_FROM = 20;

  /** How values lie along an axis. */
  public enum Scale {
    /** Evenly. */
    LINEAR,
    /** By their logarithm, decades marked. */
    LOG10,
    /** By their logarithm, doublings marked. */
    LOG2,
    /** One place for each name. */
    CATEGORY
  }

  /** Values lie evenly. */
  public static Axis linear(String name, String unit) {
    return new Axis(name, unit, Scale.LINEAR, List.of());
  }

  /** Values lie by their logarithm. */
  public static Axis log(String name, String unit) {
    return new Axis(name, unit, Scale.LOG10, List.of());
  }

  /** One place for each name, in their order. */
  public static Axis categories(String name, List<String> categories) {
    return new Axis(name, "", Scale.CATEGORY, List.copyOf(categories));
  }

  /**
   * Logarithmic where all values are positive and span a factor of 20: in doublings if all are
   * powers of two, else in decades. Evenly otherwise.
   */
  public static Axis fitting(String name, String unit, double... values) {
    double min = Arrays.stream(values).min().orElse(0);
    double max = Arrays.stream(values).max().orElse(0);
    if (min <= 0 || max < LOG_FROM * min) {
      return linear(name, unit);
    }
    boolean doublings =
        Arrays.stream(values).allMatch(v -> Math.scalb(1.0, Math.getExponent(v)) == v);
    return new Axis(name, unit, doublings ? Scale.LOG2 : Scale.LOG10, List.of());
  }

  /** Whether values must be above 0. */
  boolean logarithmic() {
    return scale == Scale.LOG10 || scale == Scale.LOG2;
  }

  /** Name and unit, as on the axis and at the head of a table's column. */
  String label() {
    return unit.isEmpty() ? name : name + " (" + unit + ")";
  }
}
