package dev.sluice.runners;

import dev.sluice.schemas.Audit;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.npy.NpyWriter;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.synthetic.BigramSites;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code sluice quickstart}. */
@Command(
    name = "quickstart",
    description = {
      "Four made-up sites, eight rounds, one table: what each bit per coordinate buys.",
      "",
      "Draws a bigram language over 256 tokens, gives each of four sites its own 3000 pairs of it,"
          + " and runs the whole of a round (plan, encode at each site, aggregate, audit) at 1 to 8"
          + " bits per coordinate. The table holds the measured KL divergence to the teacher that no"
          + " quantisation would give, between its bounds. Leaves the logits and the rounds behind,"
          + " to look at and to try the other commands on."
    })
final class QuickstartCommand extends SluiceCommand {
  private static final int NODES = 4;
  private static final int VOCABULARY = 256;
  private static final int PROBES = 4096;
  private static final int PAIRS = 3000;
  private static final double SMOOTHING = 0.5;
  private static final int MOST_BITS = 8;

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description =
          "Where to write; what an earlier quickstart wrote there is replaced. Default:"
              + " sluice-quickstart, with --splits sluice-quickstart/splits.")
  private String dir;

  @Option(
      names = "--seed",
      defaultValue = "1",
      description = "Seed of the language, of the sites and of the dither. Default: 1.")
  private long seed;

  @Option(
      names = "--splits",
      description = "Compare splits of a budget among unequal sites instead.")
  private boolean splits;

  @Option(
      names = "--answers",
      description =
          "Compare what calibration summaries of conformal answer sets cost in set size instead."
              + " Writes nothing.")
  private boolean answers;

  @Override
  public Integer call() throws IOException {
    if (splits && answers) {
      throw usage("--splits and --answers are two things; ask for one");
    }
    if (splits) {
      return splits();
    }
    if (answers) {
      return answers();
    }
    if (dir == null) {
      dir = "sluice-quickstart";
    }
    String root = Locations.of(dir);
    Map<String, String> logits = new LinkedHashMap<>();
    out()
        .printf(
            "Four sites, each with %d pairs of a bigram language over %d tokens; %d public probes.%n%n",
            PAIRS, VOCABULARY, PROBES);
    BigramSites sites = BigramSites.of(VOCABULARY, NODES, PAIRS, PROBES, SMOOTHING, seed);
    int[] probes = sites.probes();
    for (int node = 0; node < NODES; node++) {
      String file = root + "/n" + node + ".npy";
      writeLogits(sites.site(node), probes, file);
      logits.put("n" + node, file);
    }
    out()
        .println(
            "  bits per    bits per probe   --------------- KL from the unquantised teacher, nats"
                + " ---------------");
    out()
        .println(
            "coordinate   sent, overhead   lower bound     measured +- s.e.       upper bound"
                + "    worst case");
    boolean bracketed = true;
    for (int bits = 1; bits <= MOST_BITS; bits++) {
      Audit audit = round(new RoundDirectory(root + "/bits-" + bits), bits, logits);
      double slack = 3 * audit.getKlStandardError();
      boolean inside =
          audit.getKl() >= audit.getLower() - slack && audit.getKl() <= audit.getUpper() + slack;
      bracketed &= inside;
      out()
          .printf(
              Locale.ROOT,
              "%10d %8.0f, %5.2f %%   %11.4e   %11.4e +- %7.1e   %11.4e   %11.4e%s%n",
              bits,
              audit.getNodes().get(0).getPayloadBitsPerProbe(),
              100 * audit.getNodes().get(0).getOverhead(),
              audit.getLower(),
              audit.getKl(),
              audit.getKlStandardError(),
              audit.getUpper(),
              audit.getWorstCase(),
              inside ? "" : "  outside its bounds by more than 3 standard errors");
    }
    out()
        .printf(
            "%nThe bounds hold the expectation over dither and rotation; measured is one draw, averaged over the"
                + " probes, and may%nstray by its standard error.%n"
                + "Everything is under %s. Try next:%n"
                + "  ./sluice inspect %s/bits-4%n"
                + "  ./sluice audit --round %s/bits-4 --logits n0=%s/n0.npy,n1=%s/n1.npy,n2=%s/n2.npy,"
                + "n3=%s/n3.npy%n"
                + "  ./sluice plan --help%n",
            root, dir, dir, dir, dir, dir, dir);
    return bracketed ? 0 : 1;
  }

  private int splits() throws IOException {
    String typed = dir == null ? "sluice-quickstart/splits" : dir;
    String root = Locations.of(typed);
    List<SplitsReport.Table> tables = SplitsReport.to(out()).print(root, seed);
    out()
        .printf(
            "Everything is under %s. Try next:%n"
                + "  ./sluice inspect %s/ratio-4.00.dither-paper/3-water-filling%n"
                + "  ./sluice allocate --round %s/ratio-4.00.dither-paper/warm-up --clips plan"
                + " --total-bits-per-coordinate 12 --curve%n",
            root, typed, typed);
    return tables.stream().anyMatch(SplitsReport.Table::clipped) ? ExitCodes.FAILED : ExitCodes.OK;
  }

  private int answers() {
    AnswersExperiment experiment = new AnswersExperiment(20, 20_000, seed);
    out()
        .printf(
            Locale.ROOT,
            "Answer sets at alpha .1: %d sites, %d candidates, a query's scores in %d bits of each"
                + " site;%n20 repetitions of 20000 test queries. 'bits' are those of a site's whole"
                + " summary%n(the published rule's 2^B_cal values as float32).%n",
            AnswersExperiment.NODES,
            AnswersExperiment.CANDIDATES,
            AnswersExperiment.QUERY_BITS);
    boolean held = true;
    for (int n : new int[] {100, 3000}) {
      out().printf("%n%d calibration scores a site%n", n);
      out()
          .println(
              "summary               bits         coverage +- s.e.   set size +- s.e.   /pooled");
      for (AnswersExperiment.Row row : experiment.run(n)) {
        boolean falls = row.coverage() < 0.9 - 3 * row.coverageError();
        held &= !falls || row.rule().startsWith("published");
        out()
            .printf(
                Locale.ROOT,
                "%-18s %7d   %7.4f +- %.4f   %7.4f +- %.4f   %7.4f%s%n",
                row.rule(),
                row.bits(),
                row.coverage(),
                row.coverageError(),
                row.setSize(),
                row.setSizeError(),
                row.ratio(),
                falls ? "   falls short" : "");
        out().flush();
      }
    }
    return held ? ExitCodes.OK : ExitCodes.FAILED;
  }

  private Audit round(RoundDirectory directory, int bits, Map<String, String> logits)
      throws IOException {
    PlanDraft draft = new PlanDraft("bits-" + bits, PROBES, VOCABULARY).withSeed(seed);
    logits.keySet().forEach(node -> draft.withNode(node, bits));
    PlannedRound round = draft.finish(directory.plan());
    Storage.replace(directory.plan(), round.json());
    RoundRunner runner = new RoundRunner();
    for (int node = 0; node < NODES; node++) {
      runner.encode(round, directory, node, logits.get("n" + node), Centring.Masking.FORBIDDEN);
    }
    Outcome outcome = runner.aggregate(round, directory, NODES, RunnerChoice.direct());
    if (!outcome.getComplete() || outcome.getRejects() > 0) {
      throw new IOException(
          directory.root() + ": the round did not come out whole: " + outcome.getDetails());
    }
    return AuditRunner.audit(round, directory, logits, RunnerChoice.direct());
  }

  private static void writeLogits(BigramSites.Site site, int[] probes, String file)
      throws IOException {
    float[] row = new float[VOCABULARY];
    String aside = file + ".part";
    try (NpyWriter writer = NpyWriter.open(Storage.create(aside), file, PROBES, VOCABULARY)) {
      for (int probe : probes) {
        double[] logits = site.logits(probe);
        for (int v = 0; v < VOCABULARY; v++) {
          row[v] = (float) logits[v];
        }
        writer.write(row, 0, VOCABULARY);
      }
    }
    Storage.move(aside, file);
  }
}
