package dev.sluice.transforms.reproduction;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.Trial;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.report.ReproductionPage;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PDone;

/**
 * Gathers the repetitions, a few numbers each, and writes a document for every experiment once all
 * of them are there, then the page of all documents in the directory. Doing it twice does no harm.
 */
@AutoValue
public abstract class CommitReproductions extends PTransform<PCollection<Trial>, PDone> {
  abstract String directory();

  abstract String aside();

  abstract long seed();

  /**
   * Commits to a directory.
   *
   * @param aside directory where everything is written first
   * @param seed of the first repetition
   */
  public static CommitReproductions into(String directory, String aside, long seed) {
    return new AutoValue_CommitReproductions(directory, aside, seed);
  }

  /** The document of an experiment. */
  public static String file(String directory, Experiment experiment) {
    return directory + "/" + experiment.label() + ".json";
  }

  /** Where the page of all documents of a directory is. */
  public static String page(String directory) {
    return directory + "/" + RoundDirectory.REPORT;
  }

  /**
   * The documents in a directory, in the experiments' order.
   *
   * @param experiments whose are looked for
   * @throws IOException if one cannot be read, or is none
   */
  public static List<Reproduction> documents(String directory, Set<Experiment> experiments)
      throws IOException {
    List<Reproduction> documents = new ArrayList<>();
    for (Experiment experiment : new TreeSet<>(experiments)) {
      String file = file(directory, experiment);
      if (Storage.find(file).isPresent()) {
        Reproduction document =
            PlainJson.read(
                Reproduction.class,
                Reproduction.getClassSchema(),
                Storage.read(file, PlainJson.MAX_BYTES),
                file);
        if (!document.getExperiment().equals(experiment.label())) {
          throw new BadInputException(
              file
                  + ": found experiment '"
                  + document.getExperiment()
                  + "', expected '"
                  + experiment.label()
                  + "'");
        }
        documents.add(document);
      }
    }
    return documents;
  }

  @Override
  public PDone expand(PCollection<Trial> trials) {
    trials
        .apply("OneKey", WithKeys.of(0))
        .apply("Gather", GroupByKey.create())
        .apply("WriteDocuments", ParDo.of(new CommitFn(directory(), aside(), seed())));
    return PDone.in(trials.getPipeline());
  }

  private static class CommitFn extends DoFn<KV<Integer, Iterable<Trial>>, Void> {
    private static final long serialVersionUID = 1L;
    private final String directory;
    private final String aside;
    private final long seed;

    CommitFn(String directory, String aside, long seed) {
      this.directory = directory;
      this.aside = aside;
      this.seed = seed;
    }

    @ProcessElement
    public void commit(@Element KV<Integer, Iterable<Trial>> all) throws IOException {
      Map<Experiment, List<Trial>> trials = new EnumMap<>(Experiment.class);
      for (Trial trial : all.getValue()) {
        trials
            .computeIfAbsent(
                Experiment.find(trial.getExperiment()).orElseThrow(), e -> new ArrayList<>())
            .add(trial);
      }
      Map<Experiment, Reproduction> shown = new EnumMap<>(Experiment.class);
      Set<Experiment> kept = EnumSet.allOf(Experiment.class);
      kept.removeAll(trials.keySet());
      for (Reproduction document : documents(directory, kept)) {
        shown.put(Experiment.find(document.getExperiment()).orElseThrow(), document);
      }
      for (Map.Entry<Experiment, List<Trial>> of : trials.entrySet()) {
        Experiment experiment = of.getKey();
        Reproduction document = experiment.reproduction(seed, results(experiment, of.getValue()));
        shown.put(experiment, document);
        Storage.replace(file(aside, experiment), PlainJson.write(document));
      }
      Storage.replace(page(aside), ReproductionPage.html(List.copyOf(shown.values())));
      for (Experiment experiment : trials.keySet()) {
        Storage.move(file(aside, experiment), file(directory, experiment));
      }
      Storage.move(page(aside), page(directory));
    }

    /** [setting][repetition][quantity]; whatever order they came in. */
    private static double[][][] results(Experiment experiment, List<Trial> trials) {
      int repetitions = trials.size() / experiment.settings();
      double[][][] results = new double[experiment.settings()][repetitions][];
      for (Trial trial : trials) {
        results[trial.getSetting()][trial.getRepetition()] =
            trial.getValues().stream().mapToDouble(Double::doubleValue).toArray();
      }
      return results;
    }
  }
}
