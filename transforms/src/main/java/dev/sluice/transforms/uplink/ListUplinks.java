package dev.sluice.transforms.uplink;

import com.google.auto.value.AutoValue;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.MetadataCoderV2;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.values.PCollection;

/**
 * From nodes' names to what lies in their uplink directories, one level deep; and, for {@link
 * #STRANGERS}, to everything under uplink/ that lies in no node's directory.
 */
@AutoValue
public abstract class ListUplinks
    extends PTransform<PCollection<String>, PCollection<MatchResult.Metadata>> {
  /** No node's name: stands for what belongs to none. */
  public static final String STRANGERS = "";

  abstract PlannedRound round();

  abstract RoundDirectory directory();

  /** Lists uplinks of a round. */
  public static ListUplinks of(PlannedRound round, RoundDirectory directory) {
    return new AutoValue_ListUplinks(round, directory);
  }

  /** Everything under uplink/: files in directories, and files beside them. */
  public static List<MatchResult.Metadata> everything(RoundDirectory directory) throws IOException {
    List<MatchResult.Metadata> files = new ArrayList<>();
    for (MatchResult.Metadata entry : Storage.list(directory.uplinks())) {
      if (entry.sizeBytes() >= 0) {
        files.add(entry); // beside the nodes' directories
      } else {
        files.addAll(node(entry.resourceId().toString()));
      }
    }
    if (!Storage.isLocal(directory.uplinks())) {
      files.addAll(Storage.match(directory.uplinks() + "/*/*")); // no directories to list
    }
    return files;
  }

  /**
   * What lies in a node's directory; of one that cannot be read, that something is there, of size
   * -1, and of what is no directory itself.
   */
  private static List<MatchResult.Metadata> node(String directory) throws IOException {
    try {
      List<MatchResult.Metadata> files = Storage.list(directory);
      return files.isEmpty() && Storage.isLocal(directory) && !Files.isDirectory(Path.of(directory))
          ? List.of(Storage.entry(directory, -1))
          : files;
    } catch (AccessDeniedException e) {
      return List.of(Storage.entry(directory + "/" + UplinkScan.UNREAD, -1));
    }
  }

  @Override
  public PCollection<MatchResult.Metadata> expand(PCollection<String> nodes) {
    return nodes
        .apply("List", ParDo.of(new ListFn(round(), directory())))
        .setCoder(MetadataCoderV2.of())
        .apply("Spread", Reshuffle.viaRandomKey());
  }

  private static class ListFn extends DoFn<String, MatchResult.Metadata> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;
    private final RoundDirectory directory;

    ListFn(PlannedRound round, RoundDirectory directory) {
      this.round = round;
      this.directory = directory;
    }

    /** How long after the plan a file of a node's was written, for people. */
    private static void lag(String node, MatchResult.Metadata plan, MatchResult.Metadata file) {
      if (file.sizeBytes() >= 0) {
        Metrics.distribution("lagSeconds", node)
            .update((file.lastModifiedMillis() - plan.lastModifiedMillis()) / 1000);
      }
    }

    private List<MatchResult.Metadata> filesOf(String node) throws IOException {
      String uplink = directory.uplink(node);
      boolean absent = Storage.isLocal(uplink) && Files.notExists(Path.of(uplink));
      return absent ? List.of() : node(uplink);
    }

    @ProcessElement
    public void list(@Element String node, OutputReceiver<MatchResult.Metadata> out)
        throws IOException {
      if (Storage.isLocal(directory.root()) && Storage.find(directory.root()).isEmpty()) {
        throw new BadInputException(
            directory.root()
                + ": not to be seen from "
                + InetAddress.getLocalHost().getHostName()
                + "; every machine must see the round directory under this path");
      }
      if (!node.equals(STRANGERS)) {
        Optional<MatchResult.Metadata> plan = Storage.find(directory.plan());
        for (MatchResult.Metadata file : filesOf(node)) {
          plan.ifPresent(asked -> lag(node, asked, file));
          out.output(file);
        }
        return;
      }
      for (MatchResult.Metadata file : everything(directory)) {
        if (round.indexOf(Storage.directoryName(file.resourceId())).isEmpty()) {
          out.output(file);
        }
      }
    }
  }
}
