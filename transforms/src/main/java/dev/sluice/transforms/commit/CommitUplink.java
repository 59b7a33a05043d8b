package dev.sluice.transforms.commit;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.EncodedFile;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.HexFormat;
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
 * Moves a node's uplink files into place once all of them are written, and deletes those of an
 * earlier encoding that the new one does not have. Running it twice does no harm.
 *
 * <p>Digits that refine a round are digits of the logits which that round was sent: where the same
 * encoding of these logits would not have given what was sent then, nothing is moved.
 */
@AutoValue
public abstract class CommitUplink extends PTransform<PCollection<EncodedFile>, PDone> {
  abstract PlannedRound round();

  abstract int node();

  abstract String target();

  /**
   * Commits to a node's directory.
   *
   * @param node index in the plan
   */
  public static CommitUplink to(String uplinkDirectory, PlannedRound round, int node) {
    return new AutoValue_CommitUplink(round, node, uplinkDirectory);
  }

  @Override
  public PDone expand(PCollection<EncodedFile> files) {
    files
        .apply("OneKey", WithKeys.of(0))
        .setCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(EncodedFile.class)))
        .apply("Gather", GroupByKey.create())
        .apply("MoveIntoPlace", ParDo.of(new MoveFn(round(), node(), target())));
    return PDone.in(files.getPipeline());
  }

  private static class MoveFn extends DoFn<KV<Integer, Iterable<EncodedFile>>, Void> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;
    private final int node;
    private final String target;

    MoveFn(PlannedRound round, int node, String target) {
      this.round = round;
      this.node = node;
      this.target = target;
    }

    @ProcessElement
    public void move(@Element KV<Integer, Iterable<EncodedFile>> encoded) throws IOException {
      List<EncodedFile> files = new ArrayList<>();
      encoded.getValue().forEach(files::add);
      files.sort(Comparator.comparingInt(EncodedFile::getShard));
      checkFrozen(files);
      Set<ResourceId> placed = new HashSet<>();
      for (EncodedFile file : files) {
        placed.add(
            Storage.moveOnce(
                file.getAside(), target + "/" + RoundDirectory.uplinkFile(file.getShard())));
      }
      Storage.deleteOthers(target + "/codes-*.avro", placed);
    }

    /** THEORY 4.4: the next digits of other logits are no digits of what was sent. */
    private void checkFrozen(List<EncodedFile> files) throws IOException {
      for (int plane = 0; plane < round.plane(node); plane++) {
        RefinedRound earlier = round.refined().get(round.earlierRounds(node).get(plane));
        if (earlier.getBlocks().get(node) != round.blocks()) {
          continue; // the digest covers the blocks that came, and which those were is not known
          // here
        }
        MessageDigest digests = CodeBlocks.sha256();
        for (EncodedFile file : files) {
          digests.update(file.getEarlier().get(plane).bytes());
        }
        String found = HexFormat.of().formatHex(digests.digest());
        String expected = earlier.getDigests().get(node);
        if (!found.equals(expected)) {
          throw new BadInputException(
              "node '"
                  + round.nodes().get(node).getName()
                  + "': these logits are not those of round '"
                  + earlier.getId()
                  + "', which "
                  + round.source()
                  + " refines: they would have been sent as "
                  + found
                  + ", and what was sent is "
                  + expected
                  + ". Further digits are of the same logits; for other logits, plan a round that"
                  + " refines nothing");
        }
      }
    }
  }
}
