package dev.sluice.runners;

import dev.sluice.schemas.NodePlan;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** What the commands have in common: where they write, and how they refuse. */
abstract class SluiceCommand implements Callable<Integer> {
  private static final int NAMES_SHOWN = 10;

  @Spec private CommandSpec spec;

  /** Results, and nothing else. */
  final PrintWriter out() {
    return spec.commandLine().getOut();
  }

  /** Everything else. */
  final PrintWriter err() {
    return spec.commandLine().getErr();
  }

  /** Whether an option that all commands have was given. */
  final boolean wasGiven(String option) {
    return spec.commandLine().getParseResult().hasMatchedOption(option);
  }

  /** A command line that cannot be meant. */
  final CommandLine.ParameterException usage(String message) {
    return new CommandLine.ParameterException(spec.commandLine(), message);
  }

  /** A bar for a person at a terminal. */
  final Progress progress() {
    return ConsoleProgress.onTerminal();
  }

  /**
   * Says so where attempts of the past have left files in the round, which only a process that was
   * killed does. They are not deleted: one of them may be another process at its work.
   */
  final void reportAttempts(RoundDirectory directory) throws IOException {
    if (!Storage.isLocal(directory.root())) {
      return; // no directories to be listed
    }
    long attempts =
        Storage.list(directory.root()).stream()
            .map(entry -> entry.resourceId().getFilename())
            .filter(name -> name != null && name.startsWith(RoundDirectory.ATTEMPT))
            .count();
    if (attempts > 0) {
      err()
          .println(
              "sluice: "
                  + (attempts == 1 ? "1 other attempt has" : attempts + " other attempts have")
                  + " files in this round: still running, or killed. If nothing runs here: rm -r "
                  + Texts.shellWord(directory.root())
                  + "/"
                  + RoundDirectory.ATTEMPT
                  + "*");
      err().flush();
    }
  }

  /** Index of a node that must be in the plan. */
  static int nodeIndex(PlannedRound round, String name) throws BadInputException {
    OptionalInt index = round.indexOf(name);
    if (index.isEmpty()) {
      throw new BadInputException(
          round.source()
              + ": no node '"
              + name
              + "' in the plan; it has "
              + names(round.nodes().stream().map(NodePlan::getName).toList()));
    }
    return index.getAsInt();
  }

  /** The first few names. */
  static String names(List<String> names) {
    return names.stream().limit(NAMES_SHOWN).map(Texts::printable).collect(Collectors.joining(", "))
        + (names.size() > NAMES_SHOWN ? " and " + (names.size() - NAMES_SHOWN) + " more" : "");
  }
}
