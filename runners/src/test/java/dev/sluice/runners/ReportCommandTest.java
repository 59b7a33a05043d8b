package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;

import dev.sluice.schemas.Audit;
import dev.sluice.schemas.NodeAudit;
import dev.sluice.schemas.ReportFile;
import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.report.ReproductionPage;
import dev.sluice.transforms.report.Samples;
import dev.sluice.transforms.report.SimulationPage;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportCommandTest {
  @TempDir Path directory;

  private static Audit audit(String round, String manifest, int nodes) {
    NodeAudit node = new NodeAudit("a", 1L, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, null);
    return new Audit(
        round,
        manifest,
        3L,
        .01,
        .001,
        .02,
        .005,
        .004,
        .1,
        0.0,
        .01,
        .01,
        0.0,
        java.util.Collections.nCopies(nodes, node),
        null,
        null);
  }

  @Test
  void ofARoundItTellsWhatIsKnownByNowAndLeavesTheCommittedPage() throws IOException {
    Path round = Site.sent(directory, "a", "b");
    assertThat(Cli.run("report", round.toString()).err(), containsString("manifest.json: no such"));
    Cli.Result aggregated = Cli.run("aggregate", "--round", round.toString());
    assertThat(aggregated.out(), containsString("to look at " + round + "/report/index.html"));
    ReportFile page = RoundRunner.manifest(new RoundDirectory(round.toString())).getReport();
    byte[] committed = Files.readAllBytes(round.resolve("report/index.html"));
    assertThat(
        page.getSha256(), is(HexFormat.of().formatHex(CodeBlocks.sha256().digest(committed))));
    assertThat(
        Cli.run("inspect", round.toString()).out(), containsString("page       report/index.html"));

    Cli.Result nothingNew = Cli.run("report", round.toString());
    assertThat(nothingNew.toString(), nothingNew.code(), is(0));
    assertThat(nothingNew.err(), is(""));
    assertThat(Files.readAllBytes(round.resolve("report/full.html")), is(committed));

    Files.write(round.resolve("audit.json"), PlainJson.write(audit("r1", "00", 2)));
    Cli.Result stale = Cli.run("report", round.toString());
    assertThat(stale.toString(), stale.code(), is(0));
    assertThat(stale.err(), containsString("audit.json is of another manifest: left out"));
    assertThat(Files.readAllBytes(round.resolve("report/full.html")), is(committed));

    Files.write(
        round.resolve("audit.json"), PlainJson.write(audit("r1", manifestDigest(round), 2)));
    assertThat(Cli.run("report", round.toString()).code(), is(0));
    assertThat(
        Files.readString(round.resolve("report/full.html")).contains("Measured KL"), is(true));
    assertThat(Files.readAllBytes(round.resolve("report/index.html")), is(committed));

    Files.writeString(round.resolve("report/index.html"), "edited");
    assertThat(
        Cli.run("report", round.toString()).err(),
        containsString("not the page that the manifest"));
  }

  private static String manifestDigest(Path round) throws IOException {
    byte[] manifest = Files.readAllBytes(round.resolve("manifest.json"));
    return HexFormat.of().formatHex(CodeBlocks.sha256().digest(manifest));
  }

  @Test
  void numbersThatNoScaleHoldsAreRefused() throws IOException {
    for (double extreme : new double[] {1e308, -1e308, 1e101}) {
      Reproduction broken = Samples.coverage("c");
      broken.getCells().get(0).setOurs(extreme);
      Files.write(directory.resolve("e2.json"), PlainJson.write(broken));
      Cli.Result result = Cli.run("report", directory.toString());
      assertThat(result.toString(), result.code(), is(3));
      assertThat(result.err(), containsString("its documents make no page: a chart's numbers"));
    }
    assertThat(Files.exists(directory.resolve("report")), is(false));
  }

  @Test
  void anAuditOfAnotherCommitIsRefused() throws IOException {
    Path round = Site.sent(directory, "a", "b");
    assertThat(Cli.run("aggregate", "--round", round.toString()).code(), is(0));
    Path file = directory.resolve("other.json");
    Files.write(file, PlainJson.write(audit("r1", "00", 2)));
    Cli.Result result = Cli.run("report", round.toString(), "--audit", file.toString());
    assertThat(result.toString(), result.code(), is(3));
    assertThat(
        result.err(),
        allOf(
            containsString("other.json: found an audit of round 'r1'"),
            containsString("expected round 'r1' and " + manifestDigest(round))));
    assertThat(Files.exists(round.resolve("report/full.html")), is(false));
  }

  @Test
  void ofAReproductionAndASimulation() throws IOException {
    Path one = Files.createDirectories(directory.resolve("one"));
    Files.write(one.resolve("e2.json"), PlainJson.write(Samples.coverage("c")));
    Files.write(one.resolve("e1.json"), PlainJson.write(Samples.reproduction()));
    assertThat(Cli.run("report", one.toString()).code(), is(0));
    assertThat(
        Files.readAllBytes(one.resolve("report/index.html")),
        is(ReproductionPage.html(List.of(Samples.reproduction(), Samples.coverage("c")))));
    Path two = Files.createDirectories(directory.resolve("two"));
    Files.write(two.resolve("simulation.json"), PlainJson.write(Samples.simulation()));
    assertThat(Cli.run("report", two.toString()).code(), is(0));
    assertThat(
        Files.readAllBytes(two.resolve("report/index.html")),
        is(SimulationPage.html(Samples.simulation())));
    Cli.Result usage = Cli.run("report", two.toString(), "--audit", "x.json");
    assertThat(usage.toString(), usage.code(), is(2));
  }

  @Test
  void aDirectoryOfNoneOfThemIsRefused() {
    Cli.Result result = Cli.run("report", directory.toString());
    assertThat(result.toString(), result.code(), is(3));
    assertThat(
        result.err(),
        containsString(
            "found none of plan.json, e1.json, e1.5.json, e2.json, refinement.json,"
                + " allocation.json and simulation.json"));
  }
}
