package dev.sluice.runners;

import dev.sluice.schemas.RevokedKey;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.KeyRevocations;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.trust.VerifyingKey;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The hub takes a key back. */
@Command(
    name = "revoke",
    description = {
      "Take a node's key back in a round: what it signed there no longer counts.",
      "Writes revoked.json, which is the hub's own. The round is to be aggregated (again): blocks"
          + " under the key are then rejects (revoked-key). Rounds planned from this one with"
          + " --from or --refines do not take the key over."
    })
final class RevokeCommand extends SluiceCommand {
  private static final int MAX_NOTE = 1000;

  @Option(
      names = "--round",
      required = true,
      paramLabel = "DIR",
      description = "Round directory with a plan.json that has keys.")
  private String round;

  @Option(
      names = "--node",
      required = true,
      paramLabel = "NAME",
      description = "The node whose key it was.")
  private String node;

  @Option(
      names = "--key",
      paramLabel = "FINGERPRINT",
      description =
          "Which of its keys, by the 16 digits that keygen and inspect print. Default: all of them.")
  private String key;

  @Option(
      names = "--note",
      required = true,
      paramLabel = "TEXT",
      description = "Why, for people; it goes in the manifest.")
  private String note;

  @Override
  public Integer call() throws IOException {
    if (note.length() > MAX_NOTE) {
      throw usage("--note: found " + note.length() + " characters, expected at most " + MAX_NOTE);
    }
    RoundDirectory directory = Locations.inputs(round);
    PlannedRound planned = RoundRunner.plan(directory);
    int index = nodeIndex(planned, node);
    if (!planned.isSigned()) {
      throw new BadInputException(planned.source() + ": it has no keys to revoke");
    }
    List<VerifyingKey> chosen = chosen(planned, index);
    List<RevokedKey> keys = new ArrayList<>(KeyRevocations.all(directory));
    List<VerifyingKey> before = planned.keyRing(index).revoked();
    chosen.stream()
        .filter(one -> !before.contains(one))
        .forEach(one -> keys.add(new RevokedKey(node, one.base64(), note)));
    KeyRevocations.write(planned, directory, keys);
    for (VerifyingKey one : chosen) {
      out()
          .println(
              "revoked    "
                  + one
                  + " of "
                  + node
                  + (before.contains(one) ? ", as it was already" : ""));
    }
    out().println("written to " + directory.revocations());
    if (Storage.find(Locations.round(round).manifest()).isPresent()) {
      err()
          .println(
              "sluice: the round is committed as it was before; 'sluice aggregate' or 'sluice"
                  + " recompute' averages it without what the key signed");
    }
    return ExitCodes.OK;
  }

  private List<VerifyingKey> chosen(PlannedRound planned, int index) throws BadInputException {
    List<VerifyingKey> all = new ArrayList<>(planned.keyRing(index).valid());
    all.addAll(planned.keyRing(index).revoked());
    if (key == null) {
      return all;
    }
    List<VerifyingKey> chosen = all.stream().filter(one -> one.fingerprint().equals(key)).toList();
    if (chosen.isEmpty()) {
      throw new BadInputException(
          planned.source()
              + ": node '"
              + node
              + "' has no key "
              + Texts.printable(key)
              + "; it has "
              + all.stream().map(VerifyingKey::fingerprint).collect(Collectors.joining(", ")));
    }
    return chosen;
  }
}
