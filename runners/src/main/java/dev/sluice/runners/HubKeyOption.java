package dev.sluice.runners;

import dev.sluice.transforms.round.PlanSeal;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import picocli.CommandLine.Option;

/** Whose plan it must be. */
final class HubKeyOption {
  @Option(
      names = "--hub-key",
      paramLabel = "FILE",
      description =
          "The hub's public key, known from elsewhere than the round. A plan.json that this key"
              + " has not signed in plan.sig is refused. Default: any plan is taken.")
  private String hubKey;

  /** Refuses a plan that is not the hub's, where the hub was named. */
  void check(PlannedRound round, RoundDirectory directory) throws IOException {
    if (hubKey != null) {
      PlanSeal.check(round, directory, KeyFiles.publicKey(hubKey));
    }
  }
}
