package dev.sluice.transforms.report;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.io.CharacterEscapes;
import com.fasterxml.jackson.core.io.SerializedString;
import com.samskivert.mustache.Escapers;
import com.samskivert.mustache.Mustache;
import com.samskivert.mustache.Template;
import dev.sluice.schemas.avro.CodeBlocks;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * A page as one HTML file, with its style, its script and the chart library inside, under a policy
 * that allows those scripts by their digests and no network at all.
 */
public final class PageRenderer {
  private static final String ECHARTS = "/META-INF/resources/webjars/echarts/5.5.0/echarts.min.js";

  /** A table of more rows is folded away. */
  private static final int LONG = 24;

  /** A cell of more characters breaks into lines. */
  private static final int SENTENCE = 48;

  /** Characters that show as nothing or as something else: controls, direction marks, halves. */
  private static final Pattern UNPRINTABLE =
      Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}\\p{Cn}\u2028\u2029]");

  private PageRenderer() {}

  /** What is the same in all pages; read once. */
  private static final class Parts {
    static final String LIBRARY = resource(ECHARTS);
    static final String SCRIPT = resource("page.js");
    static final String STYLE = resource("page.css");
    static final String POLICY =
        "default-src 'none'; script-src "
            + source(LIBRARY)
            + " "
            + source(SCRIPT)
            + "; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    static final Template TEMPLATE =
        Mustache.compiler()
            .withEscaper(text -> Escapers.HTML.escape(printable(text)))
            .emptyStringIsFalse(true)
            .withLoader(name -> new StringReader(resource(name + ".mustache")))
            .compile(resource("page.mustache"));

    private Parts() {}

    private static String resource(String name) {
      try (InputStream in = PageRenderer.class.getResourceAsStream(name)) {
        if (in == null) {
          throw new FileNotFoundException(name + " is not in this build");
        }
        return new String(in.readAllBytes(), StandardCharsets.UTF_8);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static String source(String script) {
      byte[] digest = CodeBlocks.sha256().digest(script.getBytes(StandardCharsets.UTF_8));
      return "'sha256-" + Base64.getEncoder().encodeToString(digest) + "'";
    }
  }

  /**
   * Writes a page.
   *
   * @return UTF-8
   * @throws IllegalArgumentException if two parts of the page have the same id
   */
  public static byte[] render(Page page) {
    Set<String> ids = new HashSet<>();
    List<Chart> charts = new ArrayList<>();
    List<Map<String, Object>> sections = new ArrayList<>();
    for (Page.Section section : page.sections()) {
      unique(ids, section.id());
      List<Map<String, Object>> figures = new ArrayList<>();
      for (Chart chart : section.charts()) {
        unique(ids, chart.id());
        charts.add(chart);
        figures.add(figure(chart));
      }
      sections.add(
          Map.of(
              "id", section.id(),
              "title", section.title(),
              "text", section.text(),
              "many", figures.size() > 1,
              "figures", figures,
              "tables", section.tables().stream().map(PageRenderer::table).toList()));
    }
    Map<String, Object> context = new HashMap<>();
    context.put("policy", Parts.POLICY);
    context.put("style", Parts.STYLE);
    context.put("library", Parts.LIBRARY);
    context.put("script", Parts.SCRIPT);
    context.put("page", page);
    context.put("attention", !page.notices().isEmpty());
    context.put("sections", sections);
    context.put("charts", json(charts));
    return Parts.TEMPLATE.execute(context).getBytes(StandardCharsets.UTF_8);
  }

  private static void unique(Set<String> ids, String id) {
    if (!ids.add(id)) {
      throw new IllegalArgumentException("two parts of the page have the id '" + id + "'");
    }
  }

  private static Map<String, Object> figure(Chart chart) {
    List<Map<String, Object>> key = new ArrayList<>();
    for (Series series : chart.series()) {
      Look look = Look.of(series.look());
      boolean band = series.kind() == Series.Kind.BAND;
      boolean bar = series.kind() == Series.Kind.BAR;
      boolean joined = series.kind() == Series.Kind.LINE || series.kind() == Series.Kind.LEVEL;
      boolean symbol = series.kind() == Series.Kind.LINE || series.kind() == Series.Kind.SCATTER;
      key.add(
          Map.of(
              "name",
              series.name(),
              "colour",
              look.colour(),
              "area",
              band || bar,
              "opacity",
              band ? "0.3" : "1",
              "line",
              joined,
              "dash",
              String.join(" ", look.dash().stream().map(Object::toString).toList()),
              "symbol",
              symbol ? look.path() : ""));
    }
    return Map.of(
        "id", chart.id(),
        "title", chart.title(),
        "caption", chart.caption(),
        "key", key,
        "targets", chart.targets(),
        "height", height(chart),
        "data", table(ChartTable.of(chart)));
  }

  /** Pixels. */
  private static int height(Chart chart) {
    return chart.at().scale() == Axis.Scale.CATEGORY
        ? 84 + 26 * chart.at().categories().size()
        : 320;
  }

  private static Map<String, Object> table(Table whole) {
    Table table = whole.withoutEmptyColumns();
    List<Map<String, Object>> headings = new ArrayList<>();
    for (int i = 0; i < table.headings().size(); i++) {
      int column = i;
      boolean numeric =
          table.rows().stream().allMatch(row -> row.get(column).numeric())
              && !table.rows().isEmpty();
      headings.add(Map.of("text", table.headings().get(i), "class", numeric ? "n" : ""));
    }
    List<Map<String, Object>> rows = new ArrayList<>();
    for (List<Table.Cell> row : table.rows()) {
      List<Map<String, Object>> cells = new ArrayList<>();
      for (Table.Cell cell : row.subList(1, row.size())) {
        cells.add(cell(cell));
      }
      rows.add(Map.of("head", cell(row.get(0)), "cells", cells));
    }
    return Map.of(
        "caption",
        table.caption(),
        "headings",
        headings,
        "rows",
        rows,
        "long",
        rows.size() > LONG,
        "note",
        table.note());
  }

  private static Map<String, Object> cell(Table.Cell cell) {
    String words = cell.text().length() > SENTENCE ? "w" : "";
    return Map.of(
        "text", cell.text(), "exact", cell.exact(), "class", cell.numeric() ? "n" : words);
  }

  /** The charts for the script: JSON in which nothing can end the element that it stands in. */
  private static String json(List<Chart> charts) {
    StringWriter text = new StringWriter();
    JsonFactory factory =
        JsonFactory.builder()
            // Shortest decimals by Jackson's own code: Double.toString differs between JDKs.
            .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
            .build()
            .setCharacterEscapes(new InScript());
    try (JsonGenerator json = factory.createGenerator(text)) {
      json.writeStartArray();
      for (Chart chart : charts) {
        json.writeStartObject();
        json.writeStringField("id", chart.id());
        axis(json, "at", chart.at());
        axis(json, "value", chart.value());
        json.writeArrayFieldStart("series");
        for (Series series : chart.series()) {
          series(json, series);
        }
        json.writeEndArray();
        json.writeArrayFieldStart("targets");
        for (Chart.Target target : chart.targets()) {
          json.writeStartObject();
          json.writeStringField("name", printable(target.name()));
          json.writeNumberField("value", target.value());
          json.writeEndObject();
        }
        json.writeEndArray();
        json.writeEndObject();
      }
      json.writeEndArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }

  private static void axis(JsonGenerator json, String field, Axis axis) throws IOException {
    json.writeObjectFieldStart(field);
    json.writeStringField("label", printable(axis.label()));
    json.writeStringField("scale", axis.scale().name());
    json.writeArrayFieldStart("categories");
    for (String name : axis.categories()) {
      json.writeString(printable(name));
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private static void series(JsonGenerator json, Series series) throws IOException {
    Look look = Look.of(series.look());
    json.writeStartObject();
    json.writeStringField("name", printable(series.name()));
    json.writeStringField("kind", series.kind().name());
    json.writeNumberField("colour", look.colour());
    json.writeStringField("symbol", look.symbol());
    json.writeArrayFieldStart("dash");
    for (int length : look.dash()) {
      json.writeNumber(length);
    }
    json.writeEndArray();
    json.writeArrayFieldStart("points");
    for (Series.Point point : series.points()) {
      json.writeStartArray();
      json.writeNumber(point.at());
      number(json, point.value());
      number(json, point.low());
      number(json, point.high());
      json.writeEndArray();
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private static void number(JsonGenerator json, Double value) throws IOException {
    if (value == null || !Double.isFinite(value)) {
      json.writeNull();
    } else {
      json.writeNumber(value);
    }
  }

  private static String printable(String text) {
    return UNPRINTABLE.matcher(text).replaceAll("\ufffd");
  }

  /** Escapes what HTML or old JavaScript would take for its own. */
  private static final class InScript extends CharacterEscapes {
    private static final long serialVersionUID = 1L;

    private final int[] ascii = CharacterEscapes.standardAsciiEscapesForJSON();

    InScript() {
      for (char c : new char[] {'<', '>', '&', '\''}) {
        ascii[c] = CharacterEscapes.ESCAPE_STANDARD;
      }
    }

    @Override
    public int[] getEscapeCodesForAscii() {
      return ascii.clone();
    }

    @Override
    public SerializableString getEscapeSequence(int c) {
      return c == 0x2028 || c == 0x2029
          ? new SerializedString("\\u" + Integer.toHexString(c))
          : null;
    }
  }
}
