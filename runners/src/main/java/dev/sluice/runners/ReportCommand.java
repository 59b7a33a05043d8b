package dev.sluice.runners;

import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.Simulation;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.report.ReproductionPage;
import dev.sluice.transforms.report.SimulationPage;
import dev.sluice.transforms.reproduction.CommitReproductions;
import dev.sluice.transforms.reproduction.Experiment;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.simulation.CommitSimulation;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.avro.Schema;
import org.apache.avro.specific.SpecificRecord;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code sluice report}. */
@Command(
    name = "report",
    description = {
      "Writes a page for people, one file that opens in any browser without a network.",
      "",
      "Of a reproduction (e1.json and the like) or a simulation (simulation.json) it writes"
          + " report/index.html anew. A round has that page since it was committed, and its"
          + " manifest holds the page's digest; what is known by now (moments.json, an audit) goes"
          + " to report/full.html, and the committed page is left as it is."
    },
    footer = {
      "",
      "Example:",
      "  sluice audit --round rounds/r1 --logits n0=n0.npy,n1=n1.npy --json > rounds/r1/audit.json",
      "  sluice report rounds/r1"
    })
final class ReportCommand extends SluiceCommand {
  @Parameters(paramLabel = "DIR", description = "A round, a reproduction or a simulation.")
  private String path;

  @Option(
      names = "--audit",
      paramLabel = "FILE",
      description =
          "What 'sluice audit --json' printed of this round. Default: audit.json of the round or"
              + " its version.")
  private String audit;

  @Override
  public Integer call() throws IOException {
    RoundDirectory directory = Locations.round(path);
    List<Reproduction> experiments =
        CommitReproductions.documents(directory.root(), EnumSet.allOf(Experiment.class));
    String simulation = CommitSimulation.document(directory.root());
    boolean isRound = exists(directory.plan());
    if (audit != null && !isRound) {
      throw usage("--audit goes with a round, and " + directory.plan() + " does not exist");
    }
    if (isRound) {
      round(directory);
    } else if (!experiments.isEmpty()) {
      write(
          directory.report(),
          FullReport.drawn(directory, () -> ReproductionPage.html(experiments)));
    } else if (exists(simulation)) {
      Simulation played = read(Simulation.class, Simulation.getClassSchema(), simulation);
      write(directory.report(), FullReport.drawn(directory, () -> SimulationPage.html(played)));
    } else {
      throw new BadInputException(
          directory.root()
              + ": found none of plan.json, "
              + Arrays.stream(Experiment.values())
                  .map(experiment -> experiment.label() + ".json")
                  .collect(Collectors.joining(", "))
              + " and simulation.json; expected a round, a reproduction or a simulation");
    }
    return ExitCodes.OK;
  }

  private void round(RoundDirectory directory) throws IOException {
    if (audit != null) {
      Locations.existing(audit);
    }
    String beside = directory.outputs() + "/audit.json";
    String measured =
        audit != null
            ? Locations.of(audit)
            : exists(beside) ? beside : directory.root() + "/audit.json";
    byte[] page =
        FullReport.of(
            RoundRunner.plan(directory),
            directory,
            measured,
            audit != null,
            line -> err().println("sluice: " + line));
    write(directory.fullReport(), page);
  }

  private static boolean exists(String file) throws IOException {
    return Storage.find(file).isPresent();
  }

  private static <T extends SpecificRecord> T read(Class<T> type, Schema schema, String file)
      throws IOException {
    return PlainJson.read(type, schema, Storage.read(file, PlainJson.MAX_BYTES), file);
  }

  private void write(String file, byte[] page) throws IOException {
    Storage.replace(file, page);
    out().println("written to " + file);
  }
}
