package dev.sluice.runners;

import dev.sluice.pipelines.Uplinks;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Where the rounds that a round refines are, and whether they are what its plan says. */
final class RefinedRounds {
  private RefinedRounds() {}

  /**
   * The uplinks of the rounds that a round refines, in order; none where it stands alone.
   *
   * @throws IOException if one is not there, or its plan is not the one that was refined
   */
  static List<Uplinks> of(PlannedRound round, RoundDirectory directory) throws IOException {
    List<Uplinks> refined = new ArrayList<>();
    for (RefinedRound earlier : round.refined()) {
      RoundDirectory there = Locations.round(resolve(directory.root(), earlier.getDirectory()));
      if (Storage.find(there.plan()).isEmpty()) {
        throw new BadInputException(
            there.plan()
                + ": no such file, expected the plan of round '"
                + earlier.getId()
                + "', which "
                + round.source()
                + " refines as '"
                + earlier.getDirectory()
                + "': put that round back there");
      }
      PlannedRound planned = RoundRunner.plan(there);
      check(round, earlier, planned);
      refined.add(Uplinks.of(planned, there));
    }
    return refined;
  }

  /**
   * Where the rounds are that a round's plan refines, of those on this machine's filesystem;
   * nothing is said of what is there.
   *
   * @throws IOException if the plan cannot be read
   */
  static List<Path> named(Path round) throws IOException {
    Path plan = round.resolve("plan.json");
    RoundPlan found =
        PlainJson.read(
            RoundPlan.class, RoundPlan.getClassSchema(), Files.readAllBytes(plan), plan.toString());
    List<Path> named = new ArrayList<>();
    for (RefinedRound earlier :
        found.getRefines() == null ? List.<RefinedRound>of() : found.getRefines()) {
      String there = resolve(round.toString(), earlier.getDirectory());
      try {
        if (Storage.isLocal(there)) {
          named.add(Path.of(there).normalize());
        }
      } catch (InvalidPathException e) {
        throw new BadInputException(plan + ": field 'refines': " + e.getMessage(), e);
      }
    }
    return named;
  }

  private static void check(PlannedRound round, RefinedRound earlier, PlannedRound planned)
      throws BadInputException {
    if (!planned.digestHex().equals(earlier.getPlanDigest())) {
      throw new BadInputException(
          planned.source()
              + ": found a plan of digest "
              + planned.digestHex()
              + ", expected "
              + earlier.getPlanDigest()
              + " of round '"
              + earlier.getId()
              + "', which "
              + round.source()
              + " refines: the plan was replaced, or it is another round's");
    }
    List<String> names = round.nodes().stream().map(NodePlan::getName).toList();
    boolean same =
        planned.nodes().stream().map(NodePlan::getName).toList().equals(names)
            && planned.nodes().stream()
                .map(NodePlan::getBitsPerCoordinate)
                .toList()
                .equals(earlier.getBitsPerCoordinate())
            && planned.plan().getLayout().equals(round.plan().getLayout())
            && planned.plan().getProbes() == round.plan().getProbes()
            && planned.vocabulary() == round.vocabulary()
            && planned.quantizer() == round.quantizer()
            && planned.plan().getClip().equals(round.plan().getClip());
    if (!same) {
      throw new BadInputException(
          round.source()
              + ": says of round '"
              + earlier.getId()
              + "' what "
              + planned.source()
              + " does not: nodes, bits, layout, shape, quantizer and clip must be the same");
    }
  }

  /** A round directory as a plan names it, seen from the plan's own. */
  static String resolve(String from, String there) {
    if (there.startsWith("/") || there.contains("://")) {
      return there;
    }
    if (from.startsWith("/")) {
      return Path.of(from).resolve(there).normalize().toString();
    }
    String base = from;
    String rest = there;
    while (rest.startsWith("../")) {
      base = base.substring(0, Math.max(0, base.lastIndexOf('/')));
      rest = rest.substring(3);
    }
    return base + "/" + rest;
  }

  /** How a plan names another round's directory: relative to its own where they have a parent. */
  static String relative(String from, String there) {
    if (from.startsWith("/") && there.startsWith("/")) {
      return Path.of(from).relativize(Path.of(there)).toString();
    }
    int parent = from.lastIndexOf('/') + 1;
    return parent > 0 && there.startsWith(from.substring(0, parent))
        ? "../" + there.substring(parent)
        : there;
  }
}
