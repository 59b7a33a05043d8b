package dev.sluice.transforms.round;

import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Revocations;
import dev.sluice.schemas.RevokedKey;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.trust.BadKeyException;
import dev.sluice.transforms.trust.VerifyingKey;
import java.io.IOException;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
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
   * <p>Keys that the plan does not have are those of a plan that it took the place of; they stay,
   * for whoever puts that one back.
   *
   * @throws IOException if the document is of another round, has what is no key, or one that the
   *     plan gives another node, or keys of a round that is not signed: a revocation that was meant
   *     is never passed over
   */
  public static PlannedRound applied(PlannedRound round, RoundDirectory directory)
      throws IOException {
    String file = directory.revocations();
    if (Storage.find(file).isEmpty()) {
      return round;
    }
    Revocations found = read(file);
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
      boolean once = seen.add(key.getKey());
      Optional<String> wrong = once ? wrong(round, key) : Optional.of("is here twice");
      if (wrong.isPresent()) {
        throw new BadInputException(
            file
                + ": field 'keys["
                + i
                + "]': found node '"
                + key.getNode().replaceAll("\\p{Cntrl}", "?")
                + "' with a key that "
                + wrong.get()
                + ", expected keys of the round's nodes, each once");
      }
    }
    return round.withRevoked(
        found.getKeys().stream().filter(key -> isOfPlan(round, key)).sorted(ORDER).toList());
  }

  /** What is wrong with a revocation; empty for one of this plan, or of one before it. */
  private static Optional<String> wrong(PlannedRound round, RevokedKey key) {
    if (isOfPlan(round, key)) {
      return Optional.empty();
    }
    boolean another =
        round.nodes().stream()
            .anyMatch(node -> node.getKeys() != null && node.getKeys().contains(key.getKey()));
    if (!round.isSigned() || another || !PlannedRound.isName(key.getNode())) {
      return Optional.of(round.source() + " does not give it");
    }
    try {
      VerifyingKey.of(key.getKey());
      return Optional.empty();
    } catch (BadKeyException e) {
      return Optional.of("is none: " + e.getMessage());
    }
  }

  /**
   * What was ever revoked in a round's directory; nothing where there is no such document.
   *
   * @throws IOException if it cannot be used
   */
  public static List<RevokedKey> all(RoundDirectory directory) throws IOException {
    return Storage.find(directory.revocations()).isEmpty()
        ? List.of()
        : read(directory.revocations()).getKeys();
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
   * @param keys of its plan and of those before it, each once
   */
  public static void write(PlannedRound round, RoundDirectory directory, List<RevokedKey> keys)
      throws IOException {
    List<RevokedKey> sorted = keys.stream().sorted(ORDER).toList();
    Storage.replace(
        directory.revocations(),
        PlainJson.write(new Revocations(FORMAT, round.plan().getId(), sorted)));
  }
}
