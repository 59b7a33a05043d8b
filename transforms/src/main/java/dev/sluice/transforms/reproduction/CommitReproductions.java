package dev.sluice.transforms.reproduction;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.Trial;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.report.ReproductionPage;
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

  abstract long seed();

  /**
   * Commits to a directory.
   *
   * @param seed of the first repetition
   */
  public static CommitReproductions into(String directory, long seed) {
    return new AutoValue_CommitReproductions(directory, seed);
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
        documents.add(
            PlainJson.read(
                Reproduction.class,
                Reproduction.getClassSchema(),
                Storage.read(file, PlainJson.MAX_BYTES),
                file));
      }
    }
    return documents;
  }

  @Override
  public PDone expand(PCollection<Trial> trials) {
    trials
        .apply("OneKey", WithKeys.of(0))
        .apply("Gather", GroupByKey.create())
        .apply("WriteDocuments", ParDo.of(new CommitFn(directory(), seed())));
    return PDone.in(trials.getPipeline());
  }

  private static class CommitFn extends DoFn<KV<Integer, Iterable<Trial>>, Void> {
    private static final long serialVersionUID = 1L;
    private final String directory;
    private final long seed;

    CommitFn(String directory, long seed) {
      this.directory = directory;
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
      List<Reproduction> documents = new ArrayList<>();
      for (Map.Entry<Experiment, List<Trial>> of : trials.entrySet()) {
        documents.add(of.getKey().reproduction(seed, results(of.getKey(), of.getValue())));
      }
      write(documents);
    }

    /** All of them are known before the first is written. */
    private void write(List<Reproduction> documents) throws IOException {
      for (Reproduction document : documents) {
        Experiment experiment = Experiment.find(document.getExperiment()).orElseThrow();
        Storage.replace(file(directory, experiment), PlainJson.write(document));
      }
      Storage.replace(
          page(directory),
          ReproductionPage.html(documents(directory, EnumSet.allOf(Experiment.class))));
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
