package dev.sluice.runners;

import dev.sluice.pipelines.PredictQueries;
import dev.sluice.schemas.GroupThreshold;
import dev.sluice.schemas.PredictionSet;
import dev.sluice.schemas.Predictions;
import dev.sluice.schemas.ScoreFile;
import dev.sluice.schemas.SetSizes;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.scores.CalibratedThreshold;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.List;
import java.util.Locale;
import org.apache.avro.file.DataFileStream;
import org.apache.avro.specific.SpecificDatumReader;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code sluice predict}. */
@Command(
    name = "predict",
    description = {
      "Answers queries by a calibrated threshold: a set of candidates for each query and alpha.",
      "",
      "The nodes' scores are averaged query by query; a candidate is in the set if its mean is at"
          + " most the threshold. Sets go to sets/ of the queries' directory, predictions.json last."
          + " Of queries like those calibrated with, scored over the same channel, a share of at"
          + " least 1 - alpha has the true answer in its set, on average over calibration sets.",
      "Queries that were calibrated with get no sets: they would prove nothing."
    },
    footerHeading = "%nExit codes%n",
    footer = {
      "  0   done",
      "  3   bad input, another channel than was calibrated, or no query left to answer",
      "  4   done, and something was rejected",
      "",
      "Example:",
      "  sluice predict --round rounds/c1 --queries rounds/t1"
    })
final class PredictCommand extends ServingCommand {
  @Option(
      names = "--json",
      description = "Print one JSON object for each query, one a line, and nothing else.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    Served served = served();
    ScoreDirectory directory = served.swarm().directory();
    Predictions done =
        attempt(
            "predict", served, PredictQueries::build, Predictions.class, directory.predictions());
    String rejects = directory.rejects("predict");
    if (done.getQueries() == 0) {
      throw nothingLeft("no query is left to answer", done.getRejects(), served, rejects);
    }
    if (json) {
      lines(done, directory);
    } else {
      forPeople(done, directory, served.swarm().threshold());
    }
    out().flush();
    return rejected(done.getRejects(), served, rejects);
  }

  private void lines(Predictions done, ScoreDirectory directory) throws IOException {
    for (ScoreFile file : done.getFiles()) {
      String path = directory.sets() + "/" + file.getName();
      try (DataFileStream<PredictionSet> sets =
          new DataFileStream<>(
              Channels.newInputStream(Storage.open(Storage.resource(path))),
              new SpecificDatumReader<>(PredictionSet.class))) {
        while (sets.hasNext()) {
          out().print(PlainJson.line(sets.next()) + "\n");
        }
      }
    }
  }

  private void forPeople(
      Predictions done, ScoreDirectory directory, CalibratedThreshold threshold) {
    Texts.Table table =
        new Texts.Table(
            "alpha", "threshold", "mean set size", "singletons", "empty", "infinite threshold");
    for (SetSizes sizes : done.getSizes()) {
      table.row(
          sizes.getAlpha(),
          threshold(threshold, sizes.getAlpha()),
          String.format(Locale.ROOT, "%.3f", (double) sizes.getAnswers() / done.getQueries()),
          "" + sizes.getSingletons(),
          "" + sizes.getEmpty(),
          "" + sizes.getInfiniteThreshold());
    }
    out()
        .println(
            Texts.queries(done.getQueries())
                + ", "
                + Texts.count(threshold.candidates().size(), "candidate")
                + ", "
                + Texts.count(threshold.nodes().size(), "calibrated node")
                + "; thresholds in nats");
    out().print(table);
    out()
        .println(
            "written to "
                + directory.sets()
                + ": "
                + Texts.count(done.getFiles().size(), "file")
                + " of sets, and predictions.json");
  }

  /** One threshold, or the range over groups. */
  static String threshold(CalibratedThreshold threshold, String alpha) {
    Alpha value = Alpha.of(alpha);
    List<Double> finite =
        threshold.document().getThresholds().stream()
            .filter(row -> Alpha.of(row.getAlpha()).equals(value) && row.getThreshold() != null)
            .map(GroupThreshold::getThreshold)
            .sorted()
            .toList();
    if (finite.isEmpty()) {
      return "infinite";
    }
    String least = Texts.number(finite.get(0));
    return threshold.grouped()
        ? least + " to " + Texts.number(finite.get(finite.size() - 1)) + " by group"
        : least;
  }
}
