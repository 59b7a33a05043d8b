package dev.sluice.runners;

import dev.sluice.pipelines.AggregateRound;
import dev.sluice.pipelines.EncodeNode;
import dev.sluice.pipelines.ScanRound;
import dev.sluice.pipelines.Uplinks;
import dev.sluice.runners.RunnerChoice.Engine;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.commit.CommitRound;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.KeyRevocations;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.trust.SigningKey;
import dev.sluice.transforms.uplink.ListUplinks;
import dev.sluice.transforms.uplink.LogitBlock;
import dev.sluice.transforms.uplink.ScanUplinks;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.io.fs.MatchResult;

/**
 * Runs the two ends of a round in this process and waits for them. Every attempt writes below a
 * directory of its own inside the round's, which is gone when the attempt has ended, however it
 * ended.
 */
public final class RoundRunner {
  /** From this many bytes of uplinks on, AUTO chooses Flink. */
  public static final long FLINK_FROM_BYTES = 64L << 20;

  /** What either end of the reference channel holds of a block, for each coordinate. */
  private static final long BYTES_A_COORDINATE = 68;

  private final Progress progress;

  /** A runner that shows no progress. */
  public RoundRunner() {
    this(Progress.NONE);
  }

  /** A runner that tells how far it has come. */
  public RoundRunner(Progress progress) {
    this.progress = progress;
  }

  /**
   * What a node has sent.
   *
   * @param files uplink files
   * @param bytes their size
   * @param blocks code blocks
   * @param probes probes
   * @param payloadBits bits of codes
   * @param clipped coordinates moved to the clip
   * @param masked coordinates that were −∞
   * @param minClip smallest clip level, logits
   * @param maxClip largest clip level, logits
   */
  public record Encoded(
      long files,
      long bytes,
      long blocks,
      long probes,
      long payloadBits,
      long clipped,
      long masked,
      double minClip,
      double maxClip) {}

  /**
   * Which runner a round shall have.
   *
   * @param runner never AUTO
   * @param reason for people
   */
  public record Chosen(RunnerChoice runner, String reason) {}

  /** Reads and checks a round's plan, and takes from it the keys that the hub has revoked. */
  public static PlannedRound plan(RoundDirectory directory) throws IOException {
    return KeyRevocations.applied(planAsSent(directory), directory);
  }

  /** Reads and checks a round's plan as a site does, which knows of no revocations. */
  public static PlannedRound planAsSent(RoundDirectory directory) throws IOException {
    try {
      return PlannedRound.parse(
          Storage.read(directory.plan(), PlainJson.MAX_BYTES), directory.plan());
    } catch (FileNotFoundException e) {
      throw new BadInputException(
          directory.plan() + ": no such file; 'sluice plan' writes it at the hub", e);
    }
  }

  /** Reads a committed round's manifest. */
  public static Manifest manifest(RoundDirectory directory) throws IOException {
    return PlainJson.read(
        Manifest.class,
        Manifest.getClassSchema(),
        Storage.read(directory.manifest(), PlainJson.MAX_BYTES),
        directory.manifest());
  }

  /**
   * Encodes a node's logits into its uplink directory, on the direct runner.
   *
   * @param node index in the plan
   * @param logits .npy file of m × V
   * @throws IOException if the logits cannot be used or the files not written; an earlier encoding
   *     is then as it was
   */
  public Encoded encode(
      PlannedRound round,
      RoundDirectory directory,
      int node,
      String logits,
      Centring.Masking masking)
      throws IOException {
    return encode(round, directory, node, logits, masking, RunnerChoice.direct());
  }

  /** The same on a runner of choice; AUTO is the direct one. */
  public Encoded encode(
      PlannedRound round,
      RoundDirectory directory,
      int node,
      String logits,
      Centring.Masking masking,
      RunnerChoice choice)
      throws IOException {
    return encode(round, directory, node, logits, masking, choice, Optional.empty());
  }

  /**
   * The same with the node's private key, which a signed round needs.
   *
   * @param key empty where the round is not signed
   */
  public Encoded encode(
      PlannedRound round,
      RoundDirectory directory,
      int node,
      String logits,
      Centring.Masking masking,
      RunnerChoice choice,
      Optional<SigningKey> key)
      throws IOException {
    NodePlan who = round.nodes().get(node);
    if (who.getBitsPerProbe() == 0) {
      throw new BadInputException(
          round.source() + ": node '" + who.getName() + "' has no bits in this round");
    }
    new LogitBlock(round, masking).open(logits).close(); // says what is wrong with the file's shape
    PublicReference.verify(round, directory, node);
    RunnerChoice runner =
        choice.engine() == Engine.AUTO
            ? RunnerChoice.direct().withParallelism(choice.parallelism())
            : choice;
    String attempt = UUID.randomUUID().toString();
    double bytesPerProbe = round.maxCodesBytes(node, 0) / (double) round.probesIn(0);
    run(
        withinHeap(round, runner),
        "encode",
        directory,
        attempt,
        round.plan().getProbes(),
        bytesPerProbe,
        pipeline ->
            EncodeNode.build(pipeline, round, directory, node, logits, masking, key, attempt));
    return encoded(directory, who.getName());
  }

  /**
   * Encodes every node that has bits, in one pipeline on the direct runner: for rounds whose sites
   * are all in this process.
   *
   * @param logits .npy files of m × V by node, for all that have bits at least
   * @throws IOException as {@link #encode(PlannedRound, RoundDirectory, int, String,
   *     Centring.Masking)}
   */
  public void encode(
      PlannedRound round,
      RoundDirectory directory,
      Map<String, String> logits,
      Centring.Masking masking)
      throws IOException {
    PublicReference.verify(round, directory);
    List<Integer> speaking = new ArrayList<>();
    double bytesPerProbe = 0;
    for (int node = 0; node < round.nodes().size(); node++) {
      NodePlan who = round.nodes().get(node);
      if (who.getBitsPerProbe() > 0) {
        if (!logits.containsKey(who.getName())) {
          throw new BadInputException(
              round.source() + ": node '" + who.getName() + "' has bits, but no logits here");
        }
        new LogitBlock(round, masking).open(logits.get(who.getName())).close();
        bytesPerProbe += round.maxCodesBytes(node, 0) / (double) round.probesIn(0);
        speaking.add(node);
      }
    }
    String attempt = UUID.randomUUID().toString();
    run(
        RunnerChoice.direct(),
        "encode",
        directory,
        attempt,
        round.plan().getProbes(),
        bytesPerProbe,
        pipeline -> {
          for (int node : speaking) {
            String file = logits.get(round.nodes().get(node).getName());
            EncodeNode.build(pipeline, round, directory, node, file, masking, attempt);
          }
        });
  }

  /**
   * In the reference channel, no more parts at once than half of this process's heap has room for.
   */
  static RunnerChoice withinHeap(PlannedRound round, RunnerChoice choice) {
    if (!round.isRelative() || choice.flinkMaster().isPresent()) {
      return choice;
    }
    long block = BYTES_A_COORDINATE * round.probesIn(0) * round.vocabulary();
    long most = Math.max(1, Runtime.getRuntime().maxMemory() / 2 / block);
    return choice.withParallelism((int) Math.min(choice.parallelism(), most));
  }

  private static Encoded encoded(RoundDirectory directory, String node) throws IOException {
    UplinkSurvey survey = new UplinkSurvey();
    for (MatchResult.Metadata file : Storage.match(directory.uplink(node) + "/codes-*.avro")) {
      survey.add(file);
    }
    return new Encoded(
        survey.files(),
        survey.bytes(),
        survey.blocks(),
        survey.probes(),
        survey.payloadBits(),
        survey.clipped(),
        survey.masked(),
        survey.minClip(),
        survey.maxClip());
  }

  /** Settles AUTO by how much the sites have sent. */
  public static Chosen choose(RunnerChoice choice, RoundDirectory directory) throws IOException {
    if (choice.engine() != Engine.AUTO) {
      return new Chosen(choice, "as asked");
    }
    return choose(choice, bytes(ListUplinks.everything(directory)));
  }

  private static long bytes(List<MatchResult.Metadata> files) {
    return files.stream().mapToLong(file -> Math.max(0, file.sizeBytes())).sum();
  }

  private static Chosen choose(RunnerChoice choice, long bytes) {
    if (choice.engine() != Engine.AUTO) {
      return new Chosen(choice, "as asked");
    }
    Engine engine = bytes < FLINK_FROM_BYTES ? Engine.DIRECT : Engine.FLINK;
    return new Chosen(
        RunnerChoice.of(engine).withParallelism(choice.parallelism()),
        Texts.bytes(bytes)
            + " of uplinks, "
            + (engine == Engine.DIRECT ? "below " : "not below ")
            + Texts.bytes(FLINK_FROM_BYTES));
  }

  /**
   * Averages what has come and, where every block has nodes enough, commits the round.
   *
   * @param minNodes fewest nodes over which a block is averaged, {@link PlannedRound#leastMinNodes}
   *     .. nodes with bits
   * @return how it ended; an earlier commit is as it was unless this one is complete
   * @throws IOException if files cannot be read or written
   */
  public Outcome aggregate(
      PlannedRound round, RoundDirectory directory, int minNodes, RunnerChoice choice)
      throws IOException {
    if (minNodes < round.leastMinNodes() || minNodes > round.speakingNodes()) {
      throw new BadInputException(
          "min-nodes must be in ["
              + round.leastMinNodes()
              + ", "
              + round.speakingNodes()
              + "], the nodes with bits in "
              + round.source()
              + ", got "
              + minNodes);
    }
    String attempt = UUID.randomUUID().toString();
    return aggregate(Uplinks.of(round, directory), minNodes, choice, attempt, Optional.empty());
  }

  /**
   * The same from uplinks that may have been scanned before.
   *
   * @param attempt a name that no other attempt at this round uses
   * @param before the round with the outputs of an earlier version, as {@link AggregateRound} has
   *     it
   */
  Outcome aggregate(
      Uplinks own,
      int minNodes,
      RunnerChoice choice,
      String attempt,
      Optional<RoundDirectory> before)
      throws IOException {
    PlannedRound round = own.round();
    RoundDirectory directory = own.directory();
    PublicReference.verify(round, directory);
    List<Uplinks> refined = RefinedRounds.of(round, directory);
    RunnerChoice runner = withinHeap(round, choose(choice, directory).runner());
    Outcome outcome =
        run(
            runner,
            "aggregate",
            directory,
            attempt,
            round.plan().getProbes(),
            8.0 * round.vocabulary(), // float32, in two formats
            pipeline -> AggregateRound.build(pipeline, own, refined, minNodes, attempt, before));
    if (outcome == null) {
      throw new IOException(
          directory.root()
              + ": the runner ended without a word on how (out of memory? a larger heap:"
              + " SLUICE_JAVA_OPTS=-Xmx2g); nothing is committed, run it again");
    }
    return outcome;
  }

  /**
   * Scans uplink files, each into a file of its own.
   *
   * @param attempt a name that no other attempt at this round uses
   * @param keep takes a file and its scan, which is deleted afterwards
   */
  void scan(
      PlannedRound round,
      RoundDirectory directory,
      List<MatchResult.Metadata> files,
      RunnerChoice choice,
      String attempt,
      ScanConsumer keep)
      throws IOException {
    String aside = directory.aside(attempt);
    new Attempt("scan", directory.root(), List.of(aside))
        .run(
            choose(choice, bytes(files)).runner(),
            progress,
            new Attempt.Work(files.size(), "files", 1 << 16),
            pipeline -> ScanRound.build(pipeline, round, directory, files, aside),
            () -> {
              for (MatchResult.Metadata file : files) {
                String name = file.resourceId().toString();
                keep.accept(name, aside + "/" + ScanUplinks.name(name));
              }
              return null;
            });
  }

  /** Takes the scan of a file. */
  interface ScanConsumer {
    void accept(String file, String scan) throws IOException;
  }

  /** Runs one attempt and clears up after it; null where the attempt leaves no outcome. */
  private Outcome run(
      RunnerChoice runner,
      String what,
      RoundDirectory directory,
      String attempt,
      long probes,
      double bytesPerProbe,
      Consumer<Pipeline> build)
      throws IOException {
    String aside = directory.aside(attempt);
    return new Attempt(what, directory.root(), List.of(aside))
        .run(
            runner,
            progress,
            new Attempt.Work(probes, "probes", bytesPerProbe),
            build,
            () -> outcome(CommitRound.outcome(aside)));
  }

  private static Outcome outcome(String file) throws IOException {
    return Storage.find(file).isEmpty()
        ? null
        : PlainJson.read(
            Outcome.class, Outcome.getClassSchema(), Storage.read(file, PlainJson.MAX_BYTES), file);
  }
}
