package dev.sluice.transforms.report;

import java.util.ArrayList;
import java.util.List;

/**
 * A page, as plain text throughout.
 *
 * @param kind what it reports on, above the title
 * @param title of the page
 * @param lead the result in a sentence or two
 * @param notices what deserves attention; usually none
 * @param facts the headline figures
 * @param sections in order
 * @param colophon where the numbers come from, at the foot
 */
public record Page(
    String kind,
    String title,
    String lead,
    List<String> notices,
    List<Fact> facts,
    List<Section> sections,
    List<Fact> colophon) {
  /**
   * A figure with its name.
   *
   * @param name what it is
   * @param value the figure, with its unit
   * @param note what it means, in words; may be empty
   */
  public record Fact(String name, String value, String note) {}

  /**
   * A section.
   *
   * @param id its id in the page, unique
   * @param title its heading
   * @param text paragraphs
   * @param charts after the text
   * @param tables after the charts
   */
  public record Section(
      String id, String title, List<String> text, List<Chart> charts, List<Table> tables) {
    /** A section without content yet. */
    public static Section of(String id, String title) {
      return new Section(id, title, new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    }

    /** Adds a paragraph. */
    public Section say(String paragraph) {
      text.add(paragraph);
      return this;
    }

    /** Adds a chart. */
    public Section show(Chart chart) {
      charts.add(chart);
      return this;
    }

    /** Adds a table. */
    public Section show(Table table) {
      tables.add(table);
      return this;
    }
  }

  /** A page with nothing in it yet. */
  public static Page of(String kind, String title, String lead) {
    return new Page(
        kind,
        title,
        lead,
        new ArrayList<>(),
        new ArrayList<>(),
        new ArrayList<>(),
        new ArrayList<>());
  }

  /** Adds something that deserves attention. */
  public Page notice(String sentence) {
    notices.add(sentence);
    return this;
  }

  /** Adds a headline figure. */
  public Page fact(String name, String value, String note) {
    facts.add(new Fact(name, value, note));
    return this;
  }

  /** Adds a section. */
  public Page add(Section section) {
    sections.add(section);
    return this;
  }

  /** Adds a line to the foot. */
  public Page source(String name, String value) {
    colophon.add(new Fact(name, value, ""));
    return this;
  }
}
