package dev.sluice.transforms.commit;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.EncodedFile;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.HashSet;
import java.util.Set;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.ResourceId;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PDone;

/**
 * Moves a node's uplink files into place once all of them are written, and deletes those of an
 * earlier encoding that the new one does not have. Running it twice does no harm.
 */
@AutoValue
public abstract class CommitUplink extends PTransform<PCollection<EncodedFile>, PDone> {
  abstract String target();

  /** Commits to a node's directory. */
  public static CommitUplink to(String uplinkDirectory) {
    return new AutoValue_CommitUplink(uplinkDirectory);
  }

  @Override
  public PDone expand(PCollection<EncodedFile> files) {
    files
        .apply("OneKey", WithKeys.of(0))
        .setCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(EncodedFile.class)))
        .apply("Gather", GroupByKey.create())
        .apply("MoveIntoPlace", ParDo.of(new MoveFn(target())));
    return PDone.in(files.getPipeline());
  }

  private static class MoveFn extends DoFn<KV<Integer, Iterable<EncodedFile>>, Void> {
    private static final long serialVersionUID = 1L;
    private final String target;

    MoveFn(String target) {
      this.target = target;
    }

    @ProcessElement
    public void move(@Element KV<Integer, Iterable<EncodedFile>> files) throws IOException {
      Set<ResourceId> placed = new HashSet<>();
      for (EncodedFile file : files.getValue()) {
        placed.add(
            Storage.moveOnce(
                file.getAside(), target + "/" + RoundDirectory.uplinkFile(file.getShard())));
      }
      for (MatchResult.Metadata file : Storage.match(target + "/codes-*.avro")) {
        if (!placed.contains(file.resourceId())) {
          Storage.deleteIfExists(file.resourceId().toString());
        }
      }
    }
  }
}
