package dev.sluice.transforms.report;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import dev.sluice.schemas.Certificate;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.ReasonCount;
import dev.sluice.schemas.RejectFile;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RoundPageTest {
  private static final Certificate CERTIFICATE =
      new Certificate("uniform", .02, .015, null, .07, .04, 0.0);

  private static PlannedRound round(int nodes, String quantizer) throws IOException {
    PlanDraft draft = new PlanDraft("r1", 10, 16).withQuantizer(quantizer);
    for (int node = 0; node < nodes; node++) {
      draft = draft.withNode("n" + node, 3);
    }
    return draft.finish("plan.json");
  }

  private static NodeAccount account(String name, int missing, long rejects, double clipped) {
    return new NodeAccount(
        name,
        10 - missing,
        missing,
        0,
        rejects,
        10L - missing,
        3.0,
        48L,
        48.0,
        60.0,
        .25,
        clipped,
        (long) (clipped * 1000),
        0L,
        4.0,
        4.0,
        1.1,
        "",
        List.of(10 - missing));
  }

  private static Manifest manifest(
      PlannedRound round, List<NodeAccount> nodes, Certificate certificate, RejectFile... rejects) {
    return new Manifest(
        "sluice-manifest-1",
        "r1",
        round.digestHex(),
        1,
        nodes,
        List.of(),
        certificate,
        List.of(),
        List.of(rejects),
        null,
        null,
        null,
        null);
  }

  private static List<NodeAccount> healthy(int nodes) {
    List<NodeAccount> accounts = new ArrayList<>();
    for (int node = 0; node < nodes; node++) {
      accounts.add(account("n" + node, 0, 0, 0));
    }
    return accounts;
  }

  @Test
  void aRoundWithoutFaultHasNoNotices() throws IOException {
    PlannedRound round = round(3, "dither");
    Page page = RoundPage.of(round.plan(), manifest(round, healthy(3), CERTIFICATE)).page();
    assertThat(page.notices(), equalTo(List.of()));
    assertThat(page.lead(), containsString("3 of 3\u00a0nodes"));
    assertThat(page.lead(), containsString("0.015\u00a0nats at least and 0.02\u00a0nats at most"));
    assertThat(page.facts().stream().map(Page.Fact::value).toList(), hasItem("0.02\u00a0nats"));
    assertThat(
        page.sections().stream().map(Page.Section::id).toList(),
        equalTo(List.of("certificate", "allocation", "nodes")));
  }

  @Test
  void whatDeservesAttentionIsSaidInWords() throws IOException {
    PlannedRound round = round(3, "midrise");
    List<NodeAccount> nodes =
        List.of(account("n0", 0, 0, .01), account("n1", 4, 7, 0), account("n2", 10, 0, 0));
    Page page =
        RoundPage.of(
                round.plan(),
                manifest(
                    round,
                    nodes,
                    new Certificate("none", null, null, null, .07, null, .004),
                    new RejectFile(
                        "<b>n1</b>",
                        7L,
                        List.of(new ReasonCount("bad-codes", 2L), new ReasonCount("checksum", 5L)),
                        "")))
            .page();
    assertThat(page.notices().size(), is(4));
    assertThat(page.notices().get(0), containsString("no error law"));
    assertThat(page.notices().get(1), containsString("7\u00a0records were rejected"));
    assertThat(page.notices().get(1), containsString("2 bad-codes, 5 checksum"));
    assertThat(
        page.notices().get(2), containsString("2\u00a0nodes did not send every block: n1, n2"));
    assertThat(page.notices().get(3), containsString("0.4\u2009% of the coordinates"));
    assertThat(page.lead(), containsString("2 of 3\u00a0nodes"));
    String html = new String(PageRenderer.render(page), StandardCharsets.UTF_8);
    String markup = html.replaceAll("(?s)<script.*?</script>", "");
    assertThat(markup.contains("&lt;b&gt;n1&lt;/b&gt;"), is(true));
    assertThat(markup.contains("<b>"), is(false));
  }

  @Test
  void aVacuousBoundIsSaidToBeOne() throws IOException {
    PlannedRound round = round(1, "dither");
    Certificate wide = new Certificate("uniform", 3.0, .1, null, 9.0, 6.0, 0.0);
    Page page = RoundPage.of(round.plan(), manifest(round, healthy(1), wide)).page();
    assertThat(page.notices().get(0), containsString("promises nothing"));
  }

  @Test
  void ofManyNodesThoseThatLackMostAreShown() throws IOException {
    int nodes = 2000;
    PlannedRound round = round(nodes, "dither");
    List<NodeAccount> accounts = healthy(nodes);
    accounts.set(1999, account("n1999", 3, 0, 0));
    accounts.set(1500, account("n1500", 9, 0, 0));
    accounts.set(1000, account("n1000", 0, 0, .5));
    accounts.set(700, account("n700", 0, 2, 0));
    Page page = RoundPage.of(round.plan(), manifest(round, accounts, CERTIFICATE)).page();
    Page.Section health = page.sections().get(2);
    List<String> names = health.charts().get(0).at().categories();
    assertThat(names.size(), is(RoundPage.IN_CHART));
    assertThat(names.subList(0, 5), equalTo(List.of("n1500", "n1999", "n700", "n1000", "n0")));
    assertThat(health.charts().get(0).caption(), containsString("40 of 2000 nodes are shown"));
    assertThat(health.tables().get(0).rows().size(), is(RoundPage.IN_TABLE));
    // 1 MB of it are the chart library.
    assertThat(PageRenderer.render(page).length, lessThan(1_250_000));
  }

  @Test
  void thePageDoesNotKnowItsOwnDigest() throws IOException {
    PlannedRound round = round(2, "dither");
    Manifest manifest = manifest(round, healthy(2), CERTIFICATE);
    byte[] first = RoundPage.of(round.plan(), manifest).html();
    manifest.setReport(new dev.sluice.schemas.ReportFile("report/index.html", "x", 3L));
    assertThat(RoundPage.of(round.plan(), manifest).html(), equalTo(first));
  }
}
