package dev.sluice.transforms.simulation;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.SimulationPart;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;

/** Plays arms of a simulation, each from the text to its last round. */
@AutoValue
public abstract class PlayArms
    extends PTransform<PCollection<Integer>, PCollection<SimulationPart>> {
  abstract SimulationSettings settings();

  abstract String aside();

  /**
   * Plays arms by index.
   *
   * @param aside directory that gets a file of one byte for every round that is done
   */
  public static PlayArms of(SimulationSettings settings, String aside) {
    return new AutoValue_PlayArms(settings, aside);
  }

  @Override
  public PCollection<SimulationPart> expand(PCollection<Integer> arms) {
    return arms.apply("PlayArm", ParDo.of(new PlayFn(settings(), aside())))
        .setCoder(AvroCoder.of(SimulationPart.class));
  }

  /** Writes a file of one byte. */
  static void mark(String file) throws IOException {
    try (WritableByteChannel done = Storage.create(file)) {
      Storage.writeFully(done, ByteBuffer.wrap(new byte[1]));
    }
  }

  private static class PlayFn extends DoFn<Integer, SimulationPart> {
    private static final long serialVersionUID = 1L;
    private final SimulationSettings settings;
    private final String aside;

    PlayFn(SimulationSettings settings, String aside) {
      this.settings = settings;
      this.aside = aside;
    }

    @ProcessElement
    public void play(@Element Integer arm, OutputReceiver<SimulationPart> out) throws IOException {
      out.output(
          PlayedArm.play(
              Corpus.read(settings),
              settings,
              settings.arms().get(arm),
              round -> mark(aside + "/" + arm + "-" + round)));
    }
  }
}
