package dev.sluice.transforms.round;

import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Revocations;
import dev.sluice.schemas.RevokedKey;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/** Keys of a plan that the hub has taken back before the next: revoked.json. FORMAT.md 2.1. */
public final class KeyRevocations {
  /** Value of the document's field 'format'. */
  public static final String FORMAT = "sluice-revocations-1";

  /** The order of the document, and of the manifest. */
  public static final Comparator<RevokedKey> ORDER =
      Comparator.comparing(RevokedKey::getNode).thenComparing(RevokedKey::getKey);

  private KeyRevocations() {}

  /**
   * A round as its directory has it, without the keys that are revoked there.
   *
   * @throws IOException if the document is of another round, or names a key that the plan has not:
   *     a revocation is never passed over. Only of an earlier version, which may have another plan,
   *     keys that its plan has not are of no concern
   */
  public static PlannedRound applied(PlannedRound round, RoundDirectory directory)
      throws IOException {
    String file = directory.revocations();
    if (Storage.find(file).isEmpty()) {
      return round;
    }
    Revocations found = read(file);
    if (!directory.outputs().equals(directory.root())) {
      return round.withRevoked(
          found.getKeys().stream().filter(key -> isOfPlan(round, key)).sorted(ORDER).toList());
    }
    if (!found.getRound().equals(round.plan().getId())) {
      throw new BadInputException(
          file
              + ": field 'round': found '"
              + found.getRound().replaceAll("\\p{Cntrl}", "?")
              + "', expected '"
              + round.plan().getId()
              + "'");
    }
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < found.getKeys().size(); i++) {
      RevokedKey key = found.getKeys().get(i);
      if (!isOfPlan(round, key) || !seen.add(key.getKey())) {
        throw new BadInputException(
            file
                + ": field 'keys["
                + i
                + "]': found node '"
                + key.getNode().replaceAll("\\p{Cntrl}", "?")
                + "' with a key that "
                + (isOfPlan(round, key) ? "is here twice" : round.source() + " does not give it")
                + ", expected keys of the plan, each once");
      }
    }
    return round.withRevoked(found.getKeys().stream().sorted(ORDER).toList());
  }

  /** Whether a plan gives a node a key. */
  public static boolean isOfPlan(PlannedRound round, RevokedKey key) {
    OptionalInt index = round.indexOf(key.getNode());
    if (index.isEmpty()) {
      return false;
    }
    NodePlan node = round.nodes().get(index.getAsInt());
    return node.getKeys() != null && node.getKeys().contains(key.getKey());
  }

  /** The document as it is, held against no plan. */
  public static Revocations read(String file) throws IOException {
    Revocations found =
        PlainJson.read(
            Revocations.class,
            Revocations.getClassSchema(),
            Storage.read(file, PlainJson.MAX_BYTES),
            file);
    if (!found.getFormat().equals(FORMAT)) {
      throw new BadInputException(
          file + ": field 'format': found another, expected '" + FORMAT + "'");
    }
    return found;
  }

  /**
   * Writes a round's revocations, in order.
   *
   * @param keys of its plan, each once
   */
  public static void write(PlannedRound round, RoundDirectory directory, List<RevokedKey> keys)
      throws IOException {
    List<RevokedKey> sorted = keys.stream().sorted(ORDER).toList();
    Storage.replace(
        directory.revocations(),
        PlainJson.write(new Revocations(FORMAT, round.plan().getId(), sorted)));
  }
}
