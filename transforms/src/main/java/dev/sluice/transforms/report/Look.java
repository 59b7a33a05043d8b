package dev.sluice.transforms.report;

import java.util.List;

/**
 * How a series looks: series differ by colour, by symbol and by dash at once.
 *
 * @param colour index of the page's colours --c0 … --c7
 * @param symbol the chart library's name of a symbol
 * @param path the same as an SVG path about (14, 6), for keys
 * @param dash lengths of dashes and gaps, pixels; empty for a solid line
 */
record Look(int colour, String symbol, String path, List<Integer> dash) {
  private static final String CIRCLE = "M10.5 6a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z";
  private static final String RECT = "M11 3h6v6h-6z";
  private static final String TRIANGLE = "M14 2l4 7.5h-8z";
  private static final String DIAMOND = "M14 1.5l4 4.5l-4 4.5l-4 -4.5z";

  private static final List<Look> LOOKS =
      List.of(
          new Look(0, "circle", CIRCLE, List.of()),
          new Look(1, "rect", RECT, List.of(7, 4)),
          new Look(2, "triangle", TRIANGLE, List.of(2, 3)),
          new Look(3, "diamond", DIAMOND, List.of(9, 3, 2, 3)),
          new Look(4, "circle", CIRCLE, List.of(4, 2)),
          new Look(5, "rect", RECT, List.of(12, 4)),
          new Look(6, "triangle", TRIANGLE, List.of(1, 3)),
          new Look(7, "diamond", DIAMOND, List.of(6, 2, 1, 2)));

  /** The look of an index, from 0; after the last, the first again. */
  static Look of(int index) {
    return LOOKS.get(index % LOOKS.size());
  }
}
