package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.ScoreChannel;
import dev.sluice.schemas.ScoreFile;
import dev.sluice.schemas.ScoresWritten;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
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
 * Moves a node's scores into place once all of them are written, and its true answers to where it
 * keeps them; deletes what an earlier scoring had there; writes channel.json last. Running it twice
 * does no harm. FORMAT.md 10.
 *
 * <p>While files are moved there is no channel.json, without which a node has not answered.
 */
@AutoValue
public abstract class CommitScores extends PTransform<PCollection<ScoresWritten>, PDone> {
  abstract NodeChannel channel();

  abstract ScoreDirectory directory();

  abstract ScoreDirectory labels();

  /** Commits to a directory of scores, true answers included. */
  public static CommitScores to(ScoreDirectory directory, NodeChannel channel) {
    return new AutoValue_CommitScores(channel, directory, directory);
  }

  /** Where true answers go; what an earlier scoring left beside the scores is deleted. */
  public CommitScores withLabels(ScoreDirectory labels) {
    return new AutoValue_CommitScores(channel(), directory(), labels);
  }

  @Override
  public PDone expand(PCollection<ScoresWritten> parts) {
    parts
        .apply("OneKey", WithKeys.of(0))
        .setCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(ScoresWritten.class)))
        .apply("Gather", GroupByKey.create())
        .apply("MoveIntoPlace", ParDo.of(new MoveFn(this)));
    return PDone.in(parts.getPipeline());
  }

  private static class MoveFn extends DoFn<KV<Integer, Iterable<ScoresWritten>>, Void> {
    private static final long serialVersionUID = 1L;
    private final NodeChannel channel;
    private final ScoreDirectory directory;
    private final ScoreDirectory labelled;

    MoveFn(CommitScores commit) {
      this.channel = commit.channel();
      this.directory = commit.directory();
      this.labelled = commit.labels();
    }

    @ProcessElement
    public void move(@Element KV<Integer, Iterable<ScoresWritten>> written) throws IOException {
      List<ScoresWritten> parts = new ArrayList<>();
      written.getValue().forEach(parts::add);
      parts.sort(Comparator.comparingInt(ScoresWritten::getShard));
      String node = channel.name();
      String scores = directory.scores(node);
      String labels = labelled.labels(node);
      Storage.deleteIfExists(directory.channel(node));
      Set<ResourceId> placed = new HashSet<>();
      List<ScoreFile> files = new ArrayList<>();
      ScoreChannel document = ScoreChannel.newBuilder(channel.document()).setFiles(files).build();
      int label = 0;
      for (ScoresWritten part : parts) {
        // A part that no query falls into has no file: numbers follow each other.
        String name = ScoreDirectory.part("scores", files.size());
        placed.add(Storage.moveOnce(part.getScores(), scores + "/" + name));
        files.add(new ScoreFile(name, part.getQueries(), part.getSha256()));
        if (part.getLabels() != null) {
          String to = labels + "/" + ScoreDirectory.part("labels", label++);
          placed.add(Storage.moveOnce(part.getLabels(), to));
        }
        document.setQueries(document.getQueries() + part.getQueries());
        document.setLabelled(document.getLabelled() + part.getLabelled());
        document.setClipped(document.getClipped() + part.getClipped());
      }
      Storage.deleteOthers(scores + "/scores-*.avro", placed);
      Storage.deleteOthers(labels + "/labels-*.avro", placed);
      Storage.deleteOthers(directory.labels(node) + "/labels-*.avro", placed);
      Storage.replace(directory.channel(node), PlainJson.write(document));
    }
  }
}
