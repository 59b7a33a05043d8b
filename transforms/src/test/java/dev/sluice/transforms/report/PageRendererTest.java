package dev.sluice.transforms.report;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.schemas.Comparison;
import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.ReproductionCell;
import dev.sluice.schemas.SimulatedAnswers;
import dev.sluice.schemas.Simulation;
import dev.sluice.schemas.VectorComparison;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.report.Page.Section;
import dev.sluice.transforms.report.Series.Kind;
import dev.sluice.transforms.report.Table.Cell;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class PageRendererTest {
  private static final String HOSTILE =
      "</script><script>alert(1)</script><img src=x onerror=alert(2)> \" ' & {{title}} \u202e\u2028";

  private static String html(Page page) {
    return new String(PageRenderer.render(page), StandardCharsets.UTF_8);
  }

  /** What the browser runs or reads as data: the contents of script elements, in order. */
  private static List<String> scripts(String html) {
    List<String> scripts = new ArrayList<>();
    Matcher matcher = Pattern.compile("<script[^>]*>(.*?)</script>", Pattern.DOTALL).matcher(html);
    while (matcher.find()) {
      scripts.add(matcher.group(1));
    }
    return scripts;
  }

  private static Page hostile() {
    Chart chart =
        Chart.of(
                "c",
                HOSTILE,
                HOSTILE,
                Axis.categories(HOSTILE, List.of(HOSTILE)),
                Axis.linear(HOSTILE, HOSTILE))
            .add(Series.of(HOSTILE, Kind.SCATTER, 0).add(0, 1.5))
            .target(HOSTILE, 2);
    Table table = Table.of(HOSTILE, HOSTILE, HOSTILE, HOSTILE);
    table.row(Cell.text(HOSTILE), Cell.number(0.25));
    return Page.of(HOSTILE, HOSTILE, HOSTILE)
        .notice(HOSTILE)
        .fact(HOSTILE, HOSTILE, HOSTILE)
        .source(HOSTILE, HOSTILE)
        .add(Section.of("s", HOSTILE).say(HOSTILE).show(chart).show(table));
  }

  @Test
  void whatComesFromOutsideIsNeverMarkupOrScript() throws Exception {
    String html = html(hostile());
    List<String> scripts = scripts(html);
    assertThat(scripts.size(), is(3));
    String markup = html.replace(scripts.get(1), "").replace(scripts.get(2), "");
    assertThat(markup.contains("<img"), is(false));
    assertThat(markup.contains("\u202e"), is(false));
    assertThat(scripts.get(0).contains("<"), is(false));
    JsonNode chart = new ObjectMapper().readTree(scripts.get(0)).get(0);
    String shown = HOSTILE.replaceAll("[\u202e\u2028]", "\ufffd");
    assertThat(chart.at("/at/categories/0").textValue(), equalTo(shown));
    assertThat(chart.at("/series/0/name").textValue(), equalTo(shown));
    assertThat(chart.at("/targets/0/name").textValue(), equalTo(shown));
    assertThat(markup.contains("{{title}}"), is(true)); // as it came
  }

  @Test
  void thePolicyNamesTheScriptsByTheirDigestsAndAllowsNothingElse() {
    String html = html(Page.of("k", "t", "l"));
    List<String> scripts = scripts(html);
    StringBuilder sources = new StringBuilder();
    for (String script : scripts.subList(1, 3)) {
      byte[] digest = CodeBlocks.sha256().digest(script.getBytes(StandardCharsets.UTF_8));
      sources.append(" 'sha256-").append(Base64.getEncoder().encodeToString(digest)).append('\'');
    }
    assertThat(
        html.replace("&#39;", "'").replace("&#x3D;", "="),
        containsString(
            "default-src 'none'; script-src"
                + sources
                + "; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\""));
    assertThat(scripts.get(1).contains("Licensed to the Apache Software Foundation"), is(true));
    String own = html.replace(scripts.get(1), "");
    assertThat(own.contains("http:"), is(false));
    assertThat(own.contains("https:"), is(false));
  }

  @Test
  void aChartsTableHoldsItsNumbers() {
    Chart chart =
        Chart.of("c", "Title", "Caption", Axis.linear("bits", "b"), Axis.log("KL", "nats"))
            .add(Series.of("bounds", Kind.BAND, 0).addRange(2, .1, .4).addRange(4, .01, .03))
            .add(Series.of("measured", Kind.LINE, 0).add(2, 1 / 3.0, .3, .36).add(2, .5))
            .target("goal", .2);
    Table table = ChartTable.of(chart);
    assertThat(
        table.headings(),
        equalTo(
            List.of(
                "bits (b)",
                "bounds, low",
                "bounds, high",
                "measured",
                "measured, low",
                "measured, high")));
    assertThat(
        table.rows().stream().map(row -> row.stream().map(Cell::text).toList()).toList(),
        equalTo(
            List.of(
                List.of("2", "0.1", "0.4", "0.3333", "0.3", "0.36"),
                List.of("2", "–", "–", "0.5", "–", "–"),
                List.of("4", "0.01", "0.03", "–", "–", "–"))));
    assertThat(table.rows().get(0).get(3).exact(), equalTo("0.3333333333333333"));
    assertThat(table.note(), equalTo("Lines: goal at 0.2."));
    String html = html(Page.of("k", "t", "l").add(Section.of("s", "S").show(chart)));
    assertThat(html.contains("<data value=\"0.3333333333333333\">0.3333</data>"), is(true));
  }

  @Test
  void columnsWithoutAnythingAreLeftOut() {
    Table table = Table.of("c", "", "a", "b", "d");
    table.row(Cell.text("x"), Cell.number(null), Cell.count(3));
    table.row(Cell.text("y"), Cell.number(null), Cell.number(null));
    assertThat(table.withoutEmptyColumns().headings(), equalTo(List.of("a", "d")));
  }

  @Test
  void anAxisIsLogarithmicWhereValuesSpanAFactorOfTwenty() {
    assertThat(Axis.fitting("x", "", 1, 2, 256).scale(), is(Axis.Scale.LOG2));
    assertThat(Axis.fitting("x", "", 100, 300, 1e5).scale(), is(Axis.Scale.LOG10));
    assertThat(Axis.fitting("x", "", 1, 19.9).scale(), is(Axis.Scale.LINEAR));
    assertThat(Axis.fitting("x", "", 0, 1, 1e9).scale(), is(Axis.Scale.LINEAR));
    assertThat(Axis.fitting("x", "").scale(), is(Axis.Scale.LINEAR));
  }

  @Test
  void numbersForPeople() {
    assertThat(Decimals.of(0), equalTo("0"));
    assertThat(Decimals.of(-0.000123449), equalTo("−0.0001234"));
    assertThat(Decimals.of(0.000099996), equalTo("1\u2009×\u200910⁻⁴"));
    assertThat(Decimals.of(3.4567e-12), equalTo("3.457\u2009×\u200910⁻¹²"));
    assertThat(Decimals.of(1234567), equalTo("1.235\u2009×\u200910⁶"));
    assertThat(Decimals.of(12345), equalTo("12\u2009345"));
    assertThat(Decimals.of(999999.7), equalTo("1000000"));
    assertThat(Decimals.of(Double.POSITIVE_INFINITY), equalTo("∞"));
    assertThat(Decimals.count(-1234567), equalTo("−1\u2009234\u2009567"));
    assertThat(Decimals.percent(.12345), equalTo("12.3\u2009%"));
    assertThat(Decimals.exact(2e-44), equalTo("2.0E-44"));
    assertThat(Decimals.exact(4), equalTo("4"));
  }

  @Test
  void idsAreUnique() {
    Page page = Page.of("k", "t", "l").add(Section.of("s", "S")).add(Section.of("s", "S"));
    assertThrows(IllegalArgumentException.class, () -> PageRenderer.render(page));
    assertThrows(
        IllegalArgumentException.class,
        () -> Chart.of("a b", "", "", Axis.linear("", ""), Axis.linear("", "")));
  }

  @Test
  void theSameDocumentsGiveTheSameBytes() {
    List<byte[]> pages = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      pages.add(ReproductionPage.html(List.of(Samples.reproduction(), Samples.coverage("c"))));
      pages.add(SimulationPage.html(Samples.simulation()));
      pages.add(ComparisonPage.html(Samples.comparison()));
    }
    assertThat(pages.get(0), equalTo(pages.get(3)));
    assertThat(pages.get(1), equalTo(pages.get(4)));
    assertThat(pages.get(2), equalTo(pages.get(5)));
  }

  @Test
  void aReproductionSaysWhatWasMetAndWhatWasNot() {
    Page page = ReproductionPage.page(List.of(Samples.reproduction(), Samples.coverage("c")));
    assertThat(page.lead(), containsString("16 of 17"));
    // 2, 4 and 8 stand on both axes of the sample as one setting
    assertThat(page.lead(), containsString("of 14\u00a0distinct settings"));
    assertThat(page.notices().size(), is(1));
    assertThat(page.notices().get(0), containsString("B_cal = 1, paper (z 3.4)"));
    List<Chart> charts = page.sections().stream().flatMap(s -> s.charts().stream()).toList();
    assertThat(
        charts.stream().map(Chart::id).toList(),
        equalTo(List.of("z-overview", "e1-K", "e1-n-bits", "e2-B-cal")));
    // K: standard errors of published and ours, two to either side.
    Series published =
        charts.get(1).series().stream().filter(s -> s.name().equals("published")).findAny().get();
    double error = 2 * .003 / Math.sqrt(40);
    Series.Point first = published.points().get(0);
    assertThat(first.high(), equalTo(first.value() + error));
    assertThat(charts.get(2).value().scale(), is(Axis.Scale.LOG10));
    assertThat(charts.get(3).targets().get(0).value(), is(.9));
    Series predicted = charts.get(3).series().get(charts.get(3).series().size() - 1);
    assertThat(predicted.name(), is("predicted"));
    assertThat(predicted.points().size(), is(2));
    assertThat(charts.get(3).caption(), containsString("no bound"));
  }

  @Test
  void boundsOnAnotherQuantityAreDrawnAndNotHeldAgainstOurs() {
    Reproduction sample = Samples.reproduction();
    for (ReproductionCell cell : sample.getCells()) {
      if (cell.getUpper() != null) {
        cell.setUpper(cell.getOurs() / 2);
        cell.setLower(cell.getOurs() / 4);
      }
    }
    assertThat(ReproductionPage.page(List.of(sample)).notices().size(), is(1));
    for (ReproductionCell cell : sample.getCells()) {
      if (cell.getUpper() != null) {
        cell.setBoundBase(cell.getOurs() / 8);
      }
    }
    Page page = ReproductionPage.page(List.of(sample));
    assertThat(page.notices(), is(List.of()));
    Chart bits = page.sections().get(1).charts().get(1);
    assertThat(bits.series().get(0).name(), is("unquantised mean plus (L), (U), dither"));
    assertThat(bits.caption(), containsString("the bounds are on the excess"));
    assertThat(bits.caption(), not(containsString("on the expectation")));
  }

  @Test
  void aSimulationSaysWhatItIsAndWhereTheStudentStands() {
    Page page = SimulationPage.page(Samples.simulation());
    assertThat(page.lead(), startsWith("Federated distillation on a text. 4"));
    assertThat(
        page.lead(),
        containsString(
            "below every node alone (410 to 455), above the pooled text's model (268), below"
                + " FedDF's student (317.4)."));
    assertThat(page.notices(), is(List.of()));
    Section perplexity = page.sections().get(0);
    assertThat(
        perplexity.text().get(1),
        startsWith(
            "After the last round the student's perplexity does not fall with every step of bits: it"
                + " rises from 8 to 12 bits, by 0.005186 nats"));
    assertThat(perplexity.text().get(1), containsString("less than two standard errors from 6 to"));
    Chart excess = perplexity.charts().get(1);
    assertThat(excess.id(), is("excess-bits"));
    assertThat(excess.series().size(), is(3));
    Series.Point point = excess.series().get(2).points().get(0);
    assertThat(point.high() - point.value(), closeTo(.012, 1e-12));
    assertThat(excess.targets().get(0).value(), is(0.0));
  }

  @Test
  void aComparisonOfCodesDrawsErrorsFloorsAndWarnings() {
    VectorComparison sample = Samples.vectors();
    Page page = VectorComparisonPage.page(sample);
    assertThat(
        page.lead(), is("Least error of one vector: code-0 at 1, code-0 at 2 bits a coordinate."));
    assertThat(page.notices(), equalTo(sample.getWarnings()));
    List<Chart> charts = page.sections().stream().flatMap(s -> s.charts().stream()).toList();
    assertThat(
        charts.stream().map(Chart::id).toList(),
        equalTo(
            List.of(
                "error-pairs-so-to-speak",
                "error-others",
                "nodes-best",
                "nodes-pairs-so-to-speak",
                "nodes-others")));
    // Two codes and the least distortion, 4^-bits; of many nodes the floor, 1/(K + 1).
    List<Series> errors = charts.get(0).series();
    assertThat(errors.size(), is(3));
    assertThat(errors.get(2).points().get(0).value(), closeTo(Math.pow(4, -1.03), 1e-12));
    Chart best = charts.get(2);
    assertThat(
        best.series().stream().map(Series::name).toList(),
        equalTo(List.of("code-0", "code-2", "floor where nodes differ")));
    assertThat(best.series().get(2).points().get(1).value(), closeTo(1 / 17.0, 1e-12));
    sample.setSpread(.5);
    assertThat(VectorComparisonPage.floor(sample, 16, 2), closeTo(1 / (16 / .25 + 1), 1e-12));
    sample.setVectors("file");
    assertThat(VectorComparisonPage.floor(sample, 16, 2), closeTo(.25 / 16, 1e-12));
  }

  @Test
  void aComparisonSaysWhoIsBestAndLeavesOutWhatItLacks() {
    Comparison sample = Samples.comparison();
    Page page = ComparisonPage.page(sample);
    assertThat(
        page.lead(), is("Least divergence from the exact teacher: channel-0 at all 4 budgets."));
    assertThat(page.notices().size(), is(1));
    assertThat(page.notices().get(0), containsString(": channel-2. No bound"));
    List<Chart> charts = page.sections().stream().flatMap(s -> s.charts().stream()).toList();
    assertThat(
        charts.stream().map(Chart::id).toList(),
        equalTo(List.of("kl-bits", "upper-bits", "perplexity-bits")));
    assertThat(charts.get(0).series().size(), is(8));
    assertThat(charts.get(0).series().get(1).points().size(), is(3)); // one is absent
    assertThat(charts.get(0).value().scale(), is(Axis.Scale.LOG10));
    assertThat(charts.get(0).targets().get(0).value(), is(.18));
    assertThat(charts.get(1).series().size(), is(2 * 3));
    // Perplexity is 125 exp(KL), drawn up to 1.2 times 125.
    assertThat(charts.get(2).series().get(0).points().size(), is(4));
    assertThat(charts.get(2).series().get(2).points().size(), is(3));

    sample.getCells().get(0).setKl(5.0);
    sample.getCells().forEach(cell -> cell.setUpper(null));
    sample.getCells().forEach(cell -> cell.setClipped(0));
    sample.setExactPerplexity(null);
    page = ComparisonPage.page(sample);
    assertThat(page.lead(), containsString("channel-2 at 1 of 4 budgets, channel-0 at 3 of 4"));
    assertThat(page.notices(), is(List.of()));
    assertThat(
        page.sections().stream().map(Section::id).toList(),
        equalTo(List.of("divergence", "channels", "cells")));
  }

  /**
   * n = 2000, N = 4000, alpha .1: mean 1800/2001, sd √(.9·.1·(1/2000 + 1/4000)) = .0082; three of
   * them below happens once in 740.
   */
  @Test
  void coverageIsNoticedWhereItIsRareOverCalibrationsToo() {
    BigDecimal alpha = new BigDecimal("0.1");
    // one calibration score: k = 1, any count from 0 to N equally likely
    for (int c = 0; c < 4; c++) {
      assertThat(
          MarginalCoverage.atMost(c, 4, 1, new BigDecimal("0.5")), closeTo((c + 1) / 5.0, 1e-12));
    }
    // two, k = 2: P(count = c) is proportional to c + 1
    assertThat(MarginalCoverage.atMost(1, 3, 2, new BigDecimal("0.4")), closeTo(.3, 1e-12));
    assertThat(MarginalCoverage.atMost(3, 10, 5, alpha), is(1.0)); // rank beyond: no threshold
    assertThat(
        MarginalCoverage.atMost(Math.round(4000 * (.9 - 3 * .00822)), 4000, 2000, alpha),
        closeTo(.00165, .0008));
    Simulation sample = Samples.simulation();
    SimulatedAnswers low = sample.getAnswers().get(0);
    low.setCalibration(2000);
    low.setQueries(4000);
    low.setHigh(.8999); // the interval alone does not decide
    low.setCoverage(.885);
    assertThat(SimulationPage.page(sample).notices(), is(List.of()));
    low.setCoverage(.87);
    assertThat(SimulationPage.page(sample).notices().size(), is(1));
  }
}
