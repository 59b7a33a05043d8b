package dev.sluice.runners;

import dev.sluice.schemas.Moments;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;

/** What a committed round says about its nodes' logits. */
final class MomentsRunner {
  private MomentsRunner() {}

  /**
   * The moments of a round.
   *
   * @throws IOException if there are none, or none of this plan
   */
  static Moments moments(RoundDirectory directory, PlannedRound round) throws IOException {
    String file = directory.root() + "/moments.json";
    byte[] json;
    try {
      json = Storage.read(file, PlainJson.MAX_BYTES);
    } catch (FileNotFoundException e) {
      throw new BadInputException(
          file + ": no such file: the moments of round '" + round.plan().getId() + "'", e);
    }
    Moments moments = PlainJson.read(Moments.class, Moments.getClassSchema(), json, file);
    if (!moments.getPlanDigest().equals(round.digestHex())) {
      throw new BadInputException(
          file
              + ": field 'planDigest': found "
              + moments.getPlanDigest()
              + ", expected "
              + round.digestHex()
              + ", that of "
              + round.source());
    }
    return moments;
  }

  static Moments measure(PlannedRound round, RoundDirectory directory) throws IOException {
    return moments(directory, round);
  }
}
