package dev.sluice.runners;

import dev.sluice.pipelines.AuditRound;
import dev.sluice.schemas.Audit;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.LogitBlock;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.Map;
import java.util.UUID;

/** Measures a committed round against the raw logits of its nodes, in this process. */
final class AuditRunner {
  private AuditRunner() {}

  /**
   * Audits a round.
   *
   * @param logits .npy files of m × V by node
   * @throws IOException if the round is not committed, or logits are missing or unusable
   */
  static Audit audit(
      PlannedRound round, RoundDirectory directory, Map<String, String> logits, RunnerChoice choice)
      throws IOException {
    Manifest manifest = CommittedRound.read(round, directory).manifest();
    for (Map.Entry<String, String> node : logits.entrySet()) {
      if (round.indexOf(node.getKey()).isEmpty()) {
        throw new BadInputException("no node '" + node.getKey() + "' in " + round.source());
      }
      // Says what is wrong with the file's shape.
      new LogitBlock(round, Centring.Masking.ALLOWED).open(node.getValue()).close();
    }
    // A cluster writes where this process can read; a site that audits need not write to the round.
    String aside = directory.aside(UUID.randomUUID().toString());
    String output =
        choice.flinkMaster().isPresent()
            ? aside + "/audit.json"
            : Files.createTempFile("sluice-audit-", ".json").toString();
    try {
      Engines.run(
          choice,
          "sluice-audit " + directory.root(),
          pipeline -> {
            try {
              AuditRound.build(pipeline, round, manifest, directory, logits, output);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
      return PlainJson.read(
          Audit.class,
          Audit.getClassSchema(),
          Storage.read(output, PlainJson.MAX_BYTES),
          "the audit's own output");
    } catch (RuntimeException e) {
      throw new BadInputException(Failures.badInput(e).orElseThrow(() -> e), e);
    } finally {
      Storage.deleteIfExists(output);
      Attempt.delete(aside);
    }
  }
}
