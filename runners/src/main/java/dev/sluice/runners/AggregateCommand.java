package dev.sluice.runners;

import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Outcome;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.ListUplinks;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.beam.sdk.io.fs.MatchResult;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The hub's second step. */
@Command(
    name = "aggregate",
    description = {
      "Average the sites' uplinks to a teacher with a certificate, and commit the round.",
      "Every block of every node that came is read and checked; what does not count is kept in"
          + " rejects/ with its reason. manifest.json is written last: without it the round is not"
          + " done. The teacher does not depend on the runner, on parallelism, or on file names."
    },
    footerHeading = "%nExit codes%n",
    footer = {
      "  0   complete",
      "  3   not complete: some blocks lack nodes (an earlier commit is left as it was), or bad"
          + " input",
      "  4   complete, and something was rejected"
    })
final class AggregateCommand extends SluiceCommand {
  @Option(
      names = "--round",
      required = true,
      paramLabel = "DIR",
      description = "Round directory with plan.json and the sites' uplink/NODE/.")
  private String round;

  @Option(
      names = "--min-nodes",
      paramLabel = "K",
      description =
          "Fewest nodes over which a block is averaged. With fewer anywhere the round is not"
              + " complete and nothing is committed. In a refinement: fewest that sent this round's"
              + " digits; the others count with those they sent before. Default: all nodes that"
              + " have bits in the plan.")
  private Integer minNodes;

  @Mixin private HubKeyOption hub;

  @Mixin private RunnerOptions runner;

  @Override
  public Integer call() throws IOException {
    RunnerChoice choice = runner.choice();
    RoundDirectory directory = Locations.inputs(round);
    Versions.checkNone(directory.root(), "aggregate");
    PlannedRound planned = RoundRunner.plan(directory);
    hub.check(planned, directory);
    int least = minNodes == null ? planned.speakingNodes() : minNodes;
    if (least < planned.leastMinNodes() || least > planned.speakingNodes()) {
      throw usage(
          "--min-nodes must be "
              + planned.leastMinNodes()
              + (planned.leastMinNodes() > 1
                  ? " (of a trimmed mean "
                      + planned.trim()
                      + " are left out at either end, and one must be left)"
                  : "")
              + " to "
              + planned.speakingNodes()
              + ", the nodes with bits in the plan; got "
              + least);
    }
    reportAttempts(directory);
    RoundRunner.Chosen chosen = RoundRunner.choose(choice, directory);
    err()
        .println(
            "sluice: "
                + chosen.runner().label()
                + ", parallelism "
                + chosen.runner().parallelism()
                + " ("
                + chosen.reason()
                + ")");
    err().flush();
    Outcome outcome =
        new RoundRunner(progress()).aggregate(planned, directory, least, chosen.runner());
    if (!outcome.getComplete()) {
      incomplete(planned, directory, least, outcome);
      return ExitCodes.BAD_INPUT;
    }
    Manifest manifest = RoundRunner.manifest(directory);
    out().println("round      " + manifest.getRound() + ", complete");
    out().print(Reports.manifest(manifest));
    out().println("written to " + directory.manifest());
    out().println("to look at " + directory.report());
    if (outcome.getRejects() > 0) {
      err()
          .println(
              "sluice: "
                  + Texts.count(outcome.getRejects(), "record")
                  + " rejected, with reasons in "
                  + directory.rejects());
      return ExitCodes.DONE_WITH_REJECTS;
    }
    return ExitCodes.OK;
  }

  private void incomplete(
      PlannedRound planned, RoundDirectory directory, int least, Outcome outcome)
      throws IOException {
    if (!outcome.getRefusals().isEmpty()) {
      refused(planned, directory, outcome);
      return;
    }
    err()
        .println(
            "sluice: round "
                + planned.plan().getId()
                + " is not complete: "
                + outcome.getShortBlocks()
                + " of "
                + Texts.count(planned.blocks(), "block")
                + " have fewer than "
                + Texts.count(least, "node")
                + (planned.refined().isEmpty() ? "" : " with digits of this round"));
    List<String> absent = absent(planned, directory);
    if (!absent.isEmpty()) {
      err().println("  no uplink files from " + names(absent));
    }
    outcome.getDetails().forEach(detail -> err().println("  " + Texts.printable(detail)));
    long shown = outcome.getDetails().stream().filter(d -> d.startsWith("block ")).count();
    if (outcome.getShortBlocks() > shown) {
      err().println("  ... and " + (outcome.getShortBlocks() - shown) + " more blocks");
    }
    boolean committed = Storage.find(directory.manifest()).isPresent();
    if (outcome.getRejects() > 0 && !committed) {
      err().println("  rejects, with reasons, are in " + directory.rejects());
    }
    if (!planned.refined().isEmpty()
        && outcome.getDetails().stream()
            .anyMatch(d -> d.endsWith("out-of-order") || d.endsWith("bad-header"))) {
      err()
          .println(
              "  digits were refused because those before them are missing or others: see that the"
                  + " uplinks of the refined rounds are as they were");
    }
    err()
        .println(
            "  wait for the missing uplinks and run it again, or accept fewer nodes with"
                + " --min-nodes"
                + (planned.refined().isEmpty()
                    ? "; "
                    : " (the others count with the digits that they sent before); ")
                + (committed ? "the earlier commit is as it was" : "nothing is committed"));
  }

  private void refused(PlannedRound planned, RoundDirectory directory, Outcome outcome)
      throws IOException {
    err()
        .println(
            "sluice: round "
                + planned.plan().getId()
                + " cannot be committed: what it refines is not what it was");
    outcome.getRefusals().forEach(refusal -> err().println("  " + Texts.printable(refusal)));
    err()
        .println(
            "  put the earlier uplinks back, or plan the refinement anew; "
                + (Storage.find(directory.manifest()).isPresent()
                    ? "the earlier commit is as it was"
                    : "nothing is committed"));
  }

  /** Nodes with bits that sent no file at all. */
  private static List<String> absent(PlannedRound planned, RoundDirectory directory)
      throws IOException {
    Set<String> present = new HashSet<>();
    for (MatchResult.Metadata file : ListUplinks.everything(directory)) {
      present.add(Storage.directoryName(file.resourceId()));
    }
    return planned.nodes().stream()
        .filter(node -> node.getBitsPerProbe() > 0 && !present.contains(node.getName()))
        .map(NodePlan::getName)
        .toList();
  }
}
