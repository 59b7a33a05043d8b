package dev.sluice.transforms.report;

import java.util.ArrayList;
import java.util.List;

/**
 * A chart. Where the axis that is given has categories it stands upright, so that names can be
 * read; else it lies at the foot.
 *
 * @param id its id in the page, unique: letters, digits and '-'
 * @param title what is shown
 * @param caption a sentence or two that say what to see in it, and what its bars mean
 * @param at the axis that is given
 * @param value the axis of what was found
 * @param series at least one
 * @param targets values to hold the others against
 */
public record Chart(
    String id,
    String title,
    String caption,
    Axis at,
    Axis value,
    List<Series> series,
    List<Target> targets) {
  /**
   * A value to hold the others against, drawn across the chart.
   *
   * @param name what it is
   * @param value where it lies on the axis of what was found
   */
  public record Target(String name, double value) {}

  public Chart {
    if (!id.matches("[a-zA-Z0-9-]+")) {
      throw new IllegalArgumentException(
          "a chart's id must be letters, digits and '-', got '" + id + "'");
    }
    if (value.scale() == Axis.Scale.CATEGORY) {
      throw new IllegalArgumentException("categories are given, not found, in chart " + id);
    }
  }

  /** A chart without series yet. */
  public static Chart of(String id, String title, String caption, Axis at, Axis value) {
    return new Chart(id, title, caption, at, value, new ArrayList<>(), new ArrayList<>());
  }

  /** Adds a series, unless it has no points. */
  public Chart add(Series one) {
    if (!one.points().isEmpty()) {
      series.add(one);
    }
    return this;
  }

  /** Adds a value to hold the others against. */
  public Chart target(String name, double where) {
    targets.add(new Target(name, where));
    return this;
  }
}
