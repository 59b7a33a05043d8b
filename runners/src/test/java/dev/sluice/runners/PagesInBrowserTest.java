package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.transforms.report.ComparisonPage;
import dev.sluice.transforms.report.ReproductionPage;
import dev.sluice.transforms.report.Samples;
import dev.sluice.transforms.report.SimulationPage;
import dev.sluice.transforms.report.VectorComparisonPage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.logging.Level;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LoggingPreferences;

/** What a browser makes of the pages. Needs Debian's chromium and chromium-driver. */
@Tag("long")
class PagesInBrowserTest {
  private static final Path BROWSER = Path.of("/usr/bin/chromium");
  private static final Path DRIVER = Path.of("/usr/bin/chromedriver");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String WHITE = "rgb(255, 255, 255)";

  @TempDir static Path directory;
  private static ChromeDriver browser;

  @BeforeAll
  static void open() throws IOException {
    assumeTrue(
        Files.isExecutable(BROWSER) && Files.isExecutable(DRIVER),
        "no " + BROWSER + " and " + DRIVER + ": pages are not looked at in a browser");
    Path round = Site.sent(directory, "a", "b", "c");
    Files.delete(round.resolve("uplink/b/codes-00001.avro"));
    Files.writeString(round.resolve("uplink/c/notes.txt.avro"), "no container");
    assertThat(Cli.run("aggregate", "--round", round.toString(), "--min-nodes", "2").code(), is(4));
    Files.copy(round.resolve("report/index.html"), directory.resolve("round.html"));
    Files.write(
        directory.resolve("reproduction.html"),
        ReproductionPage.html(
            List.of(
                Samples.reproduction(),
                Samples.coverage("</script><img src=x onerror=\"throw 1\">"))));
    Files.write(directory.resolve("simulation.html"), SimulationPage.html(Samples.simulation()));
    Files.write(directory.resolve("comparison.html"), ComparisonPage.html(Samples.comparison()));
    Files.write(directory.resolve("vectors.html"), VectorComparisonPage.html(Samples.vectors()));

    ChromeOptions options = new ChromeOptions();
    options.setBinary(BROWSER.toFile());
    options.addArguments(
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--user-data-dir=" + directory.resolve("profile"));
    LoggingPreferences logs = new LoggingPreferences();
    logs.enable("browser", Level.ALL);
    logs.enable("performance", Level.ALL);
    options.setCapability("goog:loggingPrefs", logs);
    browser =
        new ChromeDriver(
            new ChromeDriverService.Builder()
                .usingDriverExecutable(DRIVER.toFile())
                .usingAnyFreePort()
                .build(),
            options);
    browser.manage().timeouts().scriptTimeout(Duration.ofSeconds(20));
  }

  @AfterAll
  static void close() {
    if (browser != null) {
      browser.quit();
    }
  }

  private static Object js(String script, Object... arguments) {
    return browser.executeScript("return " + script, arguments);
  }

  private static double number(String script, Object... arguments) {
    return ((Number) js(script, arguments)).doubleValue();
  }

  /** Until what was changed is laid out and drawn. */
  private static void settle() {
    browser.executeAsyncScript(
        "const done = arguments[0];"
            + "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30)));");
  }

  private static void width(int pixels) {
    browser.executeCdpCommand(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", pixels, "height", 900, "deviceScaleFactor", 1, "mobile", pixels < 600));
    settle();
  }

  private static void media(String media, String scheme) {
    browser.executeCdpCommand(
        "Emulation.setEmulatedMedia",
        Map.of(
            "media",
            media,
            "features",
            List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
    settle();
  }

  private static String load(String page) {
    return load(page, "");
  }

  private static String load(String page, String query) {
    media("", "light");
    width(1280);
    browser.manage().logs().get("browser");
    browser.manage().logs().get("performance");
    String url = directory.resolve(page + ".html").toUri() + query;
    browser.get(url);
    settle();
    return url;
  }

  private static JsonNode charts() throws IOException {
    return JSON.readTree((String) js("document.getElementById('charts').textContent"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"round", "reproduction", "simulation", "comparison", "vectors"})
  void nothingIsComplainedOfAndNothingLoaded(String page) throws IOException {
    String url = load(page);
    List<String> complaints = new ArrayList<>();
    for (LogEntry entry : browser.manage().logs().get("browser")) {
      complaints.add(entry.getMessage());
    }
    assertThat(complaints, is(List.of()));
    List<String> requests = new ArrayList<>();
    for (LogEntry entry : browser.manage().logs().get("performance")) {
      JsonNode message = JSON.readTree(entry.getMessage()).get("message");
      if (message.get("method").textValue().equals("Network.requestWillBeSent")) {
        requests.add(message.at("/params/request/url").textValue());
      }
    }
    requests.removeIf(request -> request.startsWith("data:"));
    assertThat(requests, is(List.of(url)));
    assertThat(js("document.querySelectorAll('img, iframe, link, object').length"), is(0L));
    assertThat(js("document.querySelectorAll('script').length"), is(3L));
  }

  /** Symbols, bars and areas by colour: as many as the data has points. */
  private static Map<Integer, Integer> expectedMarks(JsonNode chart) {
    Map<Integer, Integer> marks = new TreeMap<>();
    boolean upright = chart.at("/at/scale").textValue().equals("CATEGORY");
    for (JsonNode series : chart.get("series")) {
      int points = series.get("points").size();
      int drawn =
          switch (series.get("kind").textValue()) {
            case "LEVEL" -> 0;
            case "BAND" -> upright ? points : 1;
            default -> points;
          };
      marks.merge(series.get("colour").intValue(), drawn, Integer::sum);
    }
    return marks;
  }

  @ParameterizedTest
  @ValueSource(strings = {"round", "reproduction", "simulation", "comparison", "vectors"})
  void everyChartIsDrawnFromItsDataAndHasItAsATable(String page) throws IOException {
    load(page);
    JsonNode charts = charts();
    assertThat(charts.size(), greaterThan(2));
    assertThat(
        js("document.querySelectorAll('figure .plot > div > svg').length"),
        is((long) charts.size()));
    for (JsonNode chart : charts) {
      String id = chart.get("id").textValue();
      String figure = "document.getElementById('" + id + "')";
      for (Map.Entry<Integer, Integer> marks : expectedMarks(chart).entrySet()) {
        String fill = ".plot path[fill=\"var(--c" + marks.getKey() + ")\"]";
        double drawn = number(figure + ".querySelectorAll(arguments[0]).length", fill);
        assertThat(id + " " + fill, drawn, is((double) marks.getValue()));
      }
      for (JsonNode series : chart.get("series")) {
        String kind = series.get("kind").textValue();
        if (kind.equals("LINE") || kind.equals("LEVEL")) {
          String stroke = ".plot path[stroke=\"var(--c" + series.get("colour") + ")\"]";
          assertThat(
              id,
              number(figure + ".querySelectorAll(arguments[0]).length", stroke),
              greaterThan(0.0));
        }
      }
      String text = ((String) js(figure + ".querySelector('.plot svg').textContent"));
      String all = text.replaceAll("\\s", "");
      assertThat(id, all, containsString(plain(chart.at("/value/label"))));
      if (chart.at("/at/categories").isEmpty()) {
        assertThat(id, all, containsString(plain(chart.at("/at/label"))));
      }
      for (JsonNode name : chart.at("/at/categories")) {
        assertThat(id, all, containsString(plain(name)));
      }
      Set<Double> inTable = new HashSet<>();
      for (Object value :
          (List<?>)
              js("Array.from(" + figure + ".querySelectorAll('td data, th data'), d => d.value)")) {
        inTable.add(Double.valueOf((String) value));
      }
      for (JsonNode series : chart.get("series")) {
        for (JsonNode point : series.get("points")) {
          for (int i = 1; i < 4; i++) {
            if (!point.get(i).isNull()) {
              assertThat(id, inTable, hasItems(point.get(i).doubleValue()));
            }
          }
        }
      }
      assertThat(
          (String) js(figure + ".querySelector('.plot').getAttribute('aria-label')"),
          allOf(containsString("Chart. "), not(containsString("undefined"))));
      assertThat(text, allOf(not(containsString("NaN")), not(containsString("undefined"))));
    }
    assertThat(
        (List<?>)
            js(
                "Array.from(document.querySelectorAll('table'), t => t.caption && t.querySelectorAll('th[scope=col]').length > 0)"),
        everyItem(is((Object) true)));
  }

  private static String plain(JsonNode text) {
    return text.textValue().replaceAll("\\s", "");
  }

  @ParameterizedTest
  @ValueSource(strings = {"round", "reproduction", "simulation", "comparison", "vectors"})
  void lightAndDarkChangeWhileItIsOpenAndPaperIsLight(String page) {
    load(page);
    String paper = "getComputedStyle(document.body).backgroundColor";
    String label = "getComputedStyle(document.querySelector('.plot svg text')).fill";
    String mark =
        "getComputedStyle(document.querySelector('.plot svg path[fill^=\"var(--c\"]')).fill";
    assertThat(js(paper), is(WHITE));
    List<Object> light = List.of(js(label), js(mark));
    assertThat(light.get(0), not(is("rgb(0, 0, 0)"))); // a colour of the page, not a default
    media("", "dark");
    assertThat(js(paper), is("rgb(21, 23, 26)"));
    assertThat(js(label), not(is(light.get(0))));
    assertThat(js(mark), not(is(light.get(1))));
    media("print", "dark");
    assertThat(js(paper), is(WHITE));
    assertThat(List.of(js(label), js(mark)), is(light));
    media("", "light");
    assertThat(List.of(js(label), js(mark)), is(light));
  }

  @ParameterizedTest
  @ValueSource(strings = {"round", "reproduction", "simulation", "comparison", "vectors"})
  void noWidthScrollsThePageSideways(String page) {
    load(page);
    for (int pixels : new int[] {360, 768, 1280}) {
      width(pixels);
      browser.executeScript("document.querySelectorAll('details').forEach(d => d.open = true)");
      settle();
      assertThat(
          pixels + " pixels",
          number("document.scrollingElement.scrollWidth"),
          lessThanOrEqualTo(number("innerWidth")));
      assertThat(
          pixels + " pixels",
          (List<?>)
              js(
                  "Array.from(document.querySelectorAll('.plot'), p =>"
                      + " p.querySelector('svg').getBoundingClientRect().width === p.clientWidth)"),
          everyItem(is((Object) true)));
    }
  }

  @Test
  void onPaperTablesAreOpenAndChartsFit() {
    load("simulation");
    String open = "document.querySelectorAll('details[open]').length";
    browser.executeScript("dispatchEvent(new Event('beforeprint'))");
    media("print", "light");
    width(700);
    assertThat(js(open), is(js("document.querySelectorAll('details').length")));
    assertThat(
        (List<?>)
            js(
                "Array.from(document.querySelectorAll('.plot svg'), s =>"
                    + " s.getBoundingClientRect().right <= innerWidth)"),
        everyItem(is((Object) true)));
    browser.executeScript("dispatchEvent(new Event('afterprint'))");
    assertThat(js(open), is(0L));
    media("", "light");
    width(1280);
    Object pdf = browser.executeCdpCommand("Page.printToPDF", Map.of()).get("data");
    assertThat(((String) pdf).length(), greaterThan(50_000));
  }

  @ParameterizedTest
  @ValueSource(strings = {"?only=kl-bits", "#only=kl-bits"})
  void oneChartAloneIsAPicture(String query) {
    load("simulation", query);
    media("", "dark");
    assertThat(js("getComputedStyle(document.body).backgroundColor"), is(WHITE));
    assertThat(
        (List<?>)
            js(
                "Array.from(document.querySelectorAll('figure'))"
                    + ".filter(f => f.checkVisibility()).map(f => f.id)"),
        is(List.of("kl-bits")));
    assertThat(js("document.querySelector('h1').checkVisibility()"), is(false));
    assertThat(number("document.querySelector('#kl-bits .plot').clientWidth"), is(896.0));
  }
}
