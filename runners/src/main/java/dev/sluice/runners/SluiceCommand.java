package dev.sluice.runners;

import dev.sluice.schemas.NodePlan;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
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

  /** A command line that cannot be meant. */
  final CommandLine.ParameterException usage(String message) {
    return new CommandLine.ParameterException(spec.commandLine(), message);
  }

  /** A bar for a person at a terminal. */
  final Progress progress() {
    return ConsoleProgress.onTerminal();
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
