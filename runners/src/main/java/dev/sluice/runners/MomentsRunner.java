package dev.sluice.runners;

import dev.sluice.pipelines.MomentsRound;
import dev.sluice.pipelines.Uplinks;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.Moments;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.schemas.json.JsonDocumentException;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.channel.BlockDecoder;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.commit.CommitMoments;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** Takes the moments of a committed round's nodes, in this process, where it has none yet. */
final class MomentsRunner {
  private MomentsRunner() {}

  /** The moments of a round, on the runner that its size asks for. */
  static Moments moments(RoundDirectory directory, PlannedRound round) throws IOException {
    return moments(round, directory, RunnerChoice.auto());
  }

  /**
   * The moments of a round. Those in its moments.json are used if they are of its plan and manifest
   * as they are now; else they are taken from the uplinks and written there.
   *
   * @throws IOException if the round is not committed, or its uplinks, the digits that it refines
   *     or its teacher are no longer those that it was aggregated from and to; an earlier
   *     moments.json is then as it was
   */
  static Moments moments(PlannedRound round, RoundDirectory directory, RunnerChoice choice)
      throws IOException {
    CommittedRound committed = CommittedRound.read(round, directory);
    Optional<Moments> known = known(committed);
    return known.isPresent() ? known.get() : take(committed, choice);
  }

  /**
   * The moments of a round, taken from its uplinks whatever its moments.json says: so that they,
   * and the digits that they refine, are known to be what was aggregated.
   *
   * @throws IOException as {@link #moments(PlannedRound, RoundDirectory, RunnerChoice)}
   */
  static Moments measure(PlannedRound round, RoundDirectory directory) throws IOException {
    return take(CommittedRound.read(round, directory), RunnerChoice.auto());
  }

  /** The same from uplinks that may have been scanned before. */
  static Moments measure(Uplinks own, RunnerChoice choice) throws IOException {
    return take(CommittedRound.read(own.round(), own.directory()), own, choice);
  }

  /** Moments of logits say what bits do in the channel that clips them. */
  static void checkClipped(PlannedRound round) throws BadInputException {
    if (round.isRelative()) {
      throw new BadInputException(
          round.source()
              + ": its channel is 'reference', where bits do not follow the second moments of"
              + " logits: this is for rounds whose logits are sent as they are");
    }
  }

  private static Moments take(CommittedRound committed, RunnerChoice choice) throws IOException {
    return take(committed, Uplinks.of(committed.round(), committed.directory()), choice);
  }

  private static Moments take(CommittedRound committed, Uplinks own, RunnerChoice choice)
      throws IOException {
    PlannedRound round = committed.round();
    checkClipped(round);
    RoundDirectory directory = committed.directory();
    List<Uplinks> refined = RefinedRounds.of(round, directory);
    RunnerChoice runner = RoundRunner.choose(choice, directory).runner();
    try {
      Engines.run(
          runner,
          "sluice-moments " + directory.root(),
          pipeline -> MomentsRound.build(pipeline, committed, own, refined));
    } catch (RuntimeException e) {
      throw new BadInputException(Failures.badInput(e).orElseThrow(() -> e), e);
    }
    return known(committed)
        .orElseThrow(
            () ->
                new IOException(
                    directory.root()
                        + ": the runner ended without moments (out of memory? a larger heap:"
                        + " SLUICE_JAVA_OPTS=-Xmx2g); run it again"));
  }

  /** Whether a document is of the nodes that were averaged, with numbers that can be theirs. */
  private static boolean isSound(Moments moments, Manifest manifest) {
    List<String> averaged =
        manifest.getNodes().stream()
            .filter(node -> node.getPrefixes().stream().anyMatch(blocks -> blocks > 0))
            .map(NodeAccount::getName)
            .toList();
    return moments.getNodes().stream().map(NodeMoments::getName).toList().equals(averaged)
        && (moments.getSpread() == null || moments.getSpread() >= 0)
        && moments.getNodes().stream()
            .allMatch(
                node ->
                    node.getProbes() > 0
                        && node.getMaxClip() >= Centring.MIN_CLIP
                        && node.getMaxClip() <= BlockDecoder.MAX_CLIP
                        && node.getMeanSquareClip() > 0
                        && node.getMeanSquareClip()
                            <= (1 + 1e-9) * node.getMaxClip() * node.getMaxClip()
                        && node.getMaxStep() > 0);
  }

  /** Those written down, if they are of this plan and manifest. */
  private static Optional<Moments> known(CommittedRound committed) throws IOException {
    String file = committed.directory().moments();
    if (Storage.find(file).isEmpty()) {
      return Optional.empty();
    }
    Moments moments;
    try {
      moments =
          PlainJson.read(
              Moments.class,
              Moments.getClassSchema(),
              Storage.read(file, PlainJson.MAX_BYTES),
              file);
    } catch (JsonDocumentException e) {
      return Optional.empty(); // it is derived, and can be derived again
    }
    boolean current =
        moments.getFormat().equals(CommitMoments.FORMAT)
            && moments.getPlanDigest().equals(committed.round().digestHex())
            && moments.getManifestDigest().equals(committed.manifestDigestHex())
            && isSound(moments, committed.manifest());
    return current ? Optional.of(moments) : Optional.empty();
  }
}
