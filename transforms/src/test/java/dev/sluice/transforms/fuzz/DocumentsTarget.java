package dev.sluice.transforms.fuzz;

import dev.sluice.schemas.Allocation;
import dev.sluice.schemas.CurrentVersion;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.Moments;
import dev.sluice.schemas.RecomputeIndex;
import dev.sluice.schemas.RecomputePolicy;
import dev.sluice.schemas.ScoreChannel;
import dev.sluice.schemas.Threshold;
import dev.sluice.schemas.WeightsFile;
import dev.sluice.schemas.json.JsonDocumentException;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.KeyRevocations;
import dev.sluice.transforms.round.PlanSeal;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.scores.CalibratedThreshold;
import dev.sluice.transforms.scores.NodeChannel;
import dev.sluice.transforms.scores.ScoreDirectory;
import java.io.IOException;
import java.util.Arrays;
import org.apache.avro.specific.SpecificRecordBase;

/** The other documents that are read, the first byte saying which. */
final class DocumentsTarget implements FuzzTarget {
  /** What a document of some kind goes through. */
  private interface Reader {
    void read(byte[] json) throws IOException;
  }

  private final PlannedRound signed = FuzzRounds.round("rounds/signed.json");
  private final RoundDirectory round = new RoundDirectory(Scratch.directory() + "/round");
  private final ScoreDirectory scores = new ScoreDirectory(Scratch.directory() + "/answers");

  private final Reader[] readers = {
    json -> plain(Moments.class, json),
    json -> plain(Allocation.class, json),
    json -> plain(WeightsFile.class, json),
    json -> plain(Manifest.class, json),
    json -> {
      plain(Threshold.class, json);
      CalibratedThreshold.parse(json, "threshold.json");
    },
    json -> {
      plain(ScoreChannel.class, json);
      Scratch.file("answers/scores/n0/channel.json", json);
      NodeChannel.read(scores, "n0");
    },
    json -> {
      Scratch.file("round/plan.sig", json);
      PlanSeal.signer(signed, round);
    },
    json -> {
      Scratch.file("round/revoked.json", json);
      KeyRevocations.applied(signed, round);
    },
    json -> plain(RecomputePolicy.class, json),
    json -> plain(RecomputeIndex.class, json),
    json -> plain(CurrentVersion.class, json)
  };

  private static <T extends SpecificRecordBase> void plain(Class<T> type, byte[] json)
      throws JsonDocumentException {
    T read = PlainJson.read(type, schema(type), json, "document");
    T again = PlainJson.read(type, schema(type), PlainJson.write(read), "again");
    if (!again.equals(read)) {
      throw new AssertionError("read " + read + ", written and read again " + again);
    }
  }

  private static org.apache.avro.Schema schema(Class<?> type) {
    return org.apache.avro.specific.SpecificData.get().getSchema(type);
  }

  @Override
  public boolean accepts(byte[] input) throws IOException {
    if (input.length == 0) {
      return false;
    }
    try {
      readers[Math.floorMod(input[0] - 'a', readers.length)].read(
          Arrays.copyOfRange(input, 1, input.length));
      return true;
    } catch (IOException e) {
      return false; // all that these promise: a file that is too long is no BadInputException
    }
  }
}
