package dev.sluice.runners;

import dev.sluice.schemas.Moments;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;

final class MomentsRunner {
  static Moments measure(PlannedRound round, RoundDirectory directory) throws IOException {
    throw new IOException("not here yet");
  }
}
