package dev.sluice.transforms.simulation;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.Simulation;
import dev.sluice.schemas.SimulationPart;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.report.SimulationPage;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PDone;

/**
 * Gathers the arms of a simulation and writes its page and simulation.json. Doing it twice does no
 * harm.
 */
@AutoValue
public abstract class CommitSimulation extends PTransform<PCollection<SimulationPart>, PDone> {
  /** Name of the file that says that all is written. */
  public static final String DONE = "done";

  abstract SimulationSettings settings();

  abstract String directory();

  abstract String aside();

  /**
   * Writes a simulation into a directory.
   *
   * @param aside directory that gets a file of one byte, {@link #DONE}, when that is done
   */
  public static CommitSimulation of(SimulationSettings settings, String directory, String aside) {
    return new AutoValue_CommitSimulation(settings, directory, aside);
  }

  /** Where a simulation's document is. */
  public static String document(String directory) {
    return directory + "/simulation.json";
  }

  /** Where its page is. */
  public static String page(String directory) {
    return directory + "/" + RoundDirectory.REPORT;
  }

  @Override
  public PDone expand(PCollection<SimulationPart> parts) {
    parts
        .apply("OneKey", WithKeys.of(0))
        .apply("Gather", GroupByKey.create())
        .apply("WriteSimulation", ParDo.of(new WriteFn(settings(), directory(), aside())));
    return PDone.in(parts.getPipeline());
  }

  private static class WriteFn extends DoFn<KV<Integer, Iterable<SimulationPart>>, Void> {
    private static final long serialVersionUID = 1L;
    private final SimulationSettings settings;
    private final String directory;
    private final String aside;

    WriteFn(SimulationSettings settings, String directory, String aside) {
      this.settings = settings;
      this.directory = directory;
      this.aside = aside;
    }

    @ProcessElement
    public void write(@Element KV<Integer, Iterable<SimulationPart>> all) throws IOException {
      commit(SimulationDraft.of(Corpus.read(settings), settings, all.getValue()));
      PlayArms.mark(aside + "/" + DONE);
    }

    /** The document last: where it is, everything is. */
    private void commit(Simulation simulation) throws IOException {
      Storage.replace(page(directory), SimulationPage.html(simulation));
      Storage.replace(document(directory), PlainJson.write(simulation));
    }
  }
}
