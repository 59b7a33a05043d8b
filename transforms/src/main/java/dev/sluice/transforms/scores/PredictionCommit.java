package dev.sluice.transforms.scores;

import dev.sluice.schemas.PredictionPart;
import dev.sluice.schemas.Predictions;
import dev.sluice.schemas.ScoreFile;
import dev.sluice.schemas.ScoreRejects;
import dev.sluice.schemas.SetSizes;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.beam.sdk.io.fs.ResourceId;

/**
 * Puts answer sets that were written aside into place: takes away an earlier predictions.json,
 * moves the files, writes the new one last. Where no query has sets nothing is touched, but that
 * rejects are put into place where there are no earlier predictions. Doing it twice does no harm.
 */
final class PredictionCommit {
  /** Value of the document's field 'format'. */
  static final String FORMAT = "sluice-predictions-1";

  /** The command after which the file of rejects is named. */
  static final String COMMAND = "predict";

  private final ServedSwarm served;

  PredictionCommit(ServedSwarm served) {
    this.served = served;
  }

  /**
   * Commits, where there is something to.
   *
   * @param parts in any order
   * @param rejects at most one
   * @return what it came to
   */
  Predictions commit(List<PredictionPart> parts, List<ScoreRejects> rejects) throws IOException {
    List<PredictionPart> sorted =
        parts.stream().sorted(Comparator.comparingInt(PredictionPart::getShard)).toList();
    Predictions predictions = document(sorted, rejects);
    ScoreDirectory directory = served.directory();
    if (!sorted.isEmpty()) {
      Storage.deleteIfExists(directory.predictions());
      Set<ResourceId> placed = new HashSet<>();
      for (PredictionPart part : sorted) {
        placed.add(
            Storage.moveOnce(
                part.getAside(),
                directory.sets() + "/" + ScoreDirectory.part("sets", part.getShard())));
      }
      Storage.deleteOthers(directory.sets() + "/sets-*.avro", placed);
      WriteScoreRejects.place(rejects, directory.rejects(COMMAND));
      Storage.replace(directory.predictions(), PlainJson.write(predictions));
    } else if (Storage.find(directory.predictions()).isEmpty()) {
      WriteScoreRejects.place(rejects, directory.rejects(COMMAND)); // so that they can be looked at
    }
    return predictions;
  }

  private Predictions document(List<PredictionPart> parts, List<ScoreRejects> rejects) {
    List<ScoreFile> files = new ArrayList<>();
    List<SetSizes> sizes = new ArrayList<>();
    served.threshold().alphas().forEach(alpha -> sizes.add(new SetSizes(alpha, 0L, 0L, 0L, 0L)));
    long queries = 0;
    long fewerNodes = 0;
    for (PredictionPart part : parts) {
      files.add(
          new ScoreFile(
              ScoreDirectory.part("sets", part.getShard()), part.getQueries(), part.getSha256()));
      queries += part.getQueries();
      fewerNodes += part.getFewerNodes();
      for (int a = 0; a < sizes.size(); a++) {
        SetSizes sum = sizes.get(a);
        SetSizes more = part.getSizes().get(a);
        sum.setAnswers(sum.getAnswers() + more.getAnswers());
        sum.setSingletons(sum.getSingletons() + more.getSingletons());
        sum.setEmpty(sum.getEmpty() + more.getEmpty());
        sum.setInfiniteThreshold(sum.getInfiniteThreshold() + more.getInfiniteThreshold());
      }
    }
    return Predictions.newBuilder()
        .setFormat(FORMAT)
        .setThresholdDigest(served.threshold().digestHex())
        .setMismatch(served.mismatch(fewerNodes))
        .setOverlapChecked(served.overlapChecked())
        .setQueries(queries)
        .setSizes(sizes)
        .setFiles(files)
        .setRejects(WriteScoreRejects.counts(rejects))
        .build();
  }
}
