package dev.sluice.runners;

import dev.sluice.pipelines.EstimateRound;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.TeacherShard;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.schemas.npy.NpyWriter;
import dev.sluice.transforms.aggregation.CommittedTeacher;
import dev.sluice.transforms.channel.BadLogitException;
import dev.sluice.transforms.estimation.ProbeFeatures;
import dev.sluice.transforms.reference.ReferenceBlock;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.ReferenceRows;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.beam.sdk.io.fs.ResourceId;

/**
 * The references of a round: taken at planning from a file, or from what a committed round taught,
 * and put beside plan.json; held against the plan's digests before they are used. A buffer, or a
 * block of rows, at a time.
 */
final class PublicReference {
  /** Principal axes of the reference by which probes are told apart. */
  private static final int AXES = 16;

  private static final int BUFFER_BYTES = 1 << 18;

  private final String aside;
  private final String sha256;
  private final Map<String, String> own; // SHA-256 by node, of those that have one
  private final long probes;
  private final int vocabulary;

  private PublicReference(
      String aside, String sha256, Map<String, String> own, long probes, int vocabulary) {
    this.aside = aside;
    this.sha256 = sha256;
    this.own = own;
    this.probes = probes;
    this.vocabulary = vocabulary;
  }

  /** Writes references into a directory, and tells which nodes have one of their own. */
  private interface Source {
    Set<String> write(String aside) throws IOException;
  }

  /**
   * Copies a reference aside.
   *
   * @param typed a .npy file of m × V logits, or the directory of a committed round
   * @param directory the round that it is for
   * @throws IOException if it is none, with what and where; nothing is left then
   */
  static PublicReference copy(String typed, RoundDirectory directory) throws IOException {
    return written(
        typed,
        directory,
        aside -> {
          String file = aside + "/" + RoundDirectory.REFERENCE;
          if (Locations.isLocalDirectory(Locations.of(typed))) {
            copyTeacher(Locations.round(typed), file);
          } else {
            copyFile(Locations.existing(typed).resourceId().toString(), file);
          }
          return Set.of();
        });
  }

  /**
   * Estimates each node of a committed round of the reference channel; the public reference is the
   * mean of the estimates.
   *
   * @param typed the round's directory
   * @param directory the round that they are for
   * @throws IOException if it is no such round; nothing is left then
   */
  static PublicReference perNode(String typed, RoundDirectory directory) throws IOException {
    return written(typed, directory, aside -> estimate(Locations.round(typed), aside));
  }

  private static PublicReference written(String typed, RoundDirectory directory, Source source)
      throws IOException {
    String aside = directory.aside(UUID.randomUUID().toString());
    try {
      Set<String> nodes = source.write(aside);
      Map<String, String> own = new HashMap<>();
      for (String node : nodes) {
        own.put(node, FileDigest.of(aside + "/" + RoundDirectory.ownReference(node)));
      }
      String file = aside + "/" + RoundDirectory.REFERENCE;
      String name = Locations.of(typed);
      try (NpyRows rows = open(file, name)) {
        check(rows, name);
        return new PublicReference(aside, FileDigest.of(file), own, rows.rows(), rows.columns());
      }
    } catch (IOException | RuntimeException e) {
      Attempt.delete(aside);
      throw e;
    }
  }

  private static Set<String> estimate(RoundDirectory from, String aside) throws IOException {
    PlannedRound planned = RoundRunner.plan(from);
    CommittedRound committed = CommittedRound.read(planned, from);
    if (!planned.isRelative()) {
      throw new BadInputException(
          planned.source()
              + ": its channel is 'logits'; what is known of each node is taken from a round of the"
              + " reference channel. Without --per-node its teacher can be the reference");
    }
    verify(planned, from);
    try (ReferenceRows rows = new ReferenceRows(planned, from)) {
      ProbeFeatures features = ProbeFeatures.of(blocks(planned, rows), planned.vocabulary(), AXES);
      Engines.run(
          RoundRunner.withinHeap(planned, RoundRunner.choose(RunnerChoice.auto(), from).runner()),
          "sluice-estimate " + from.root(),
          pipeline -> EstimateRound.build(pipeline, planned, from, features, aside));
    } catch (RuntimeException e) {
      throw new BadInputException(Failures.badInput(e).orElseThrow(() -> e), e);
    }
    Set<String> nodes = new TreeSet<>();
    for (NodeAccount node : committed.manifest().getNodes()) {
      if (node.getBlocks() > 0) {
        nodes.add(node.getName());
      }
    }
    average(aside, nodes, planned.plan().getProbes(), planned.vocabulary());
    return nodes;
  }

  private static ProbeFeatures.Rows blocks(PlannedRound planned, ReferenceRows rows) {
    return new ProbeFeatures.Rows() {
      @Override
      public int blocks() {
        return planned.blocks();
      }

      @Override
      public int rows(int block) {
        return planned.probesIn(block);
      }

      @Override
      public double[] read(int block) throws IOException {
        rows.read(block);
        return rows.logits();
      }
    };
  }

  /**
   * Writes the mean of nodes' estimates, which are logits up to a constant as their reference is.
   */
  private static void average(String aside, Set<String> nodes, long probes, int vocabulary)
      throws IOException {
    int atOnce = PlanDraft.maxProbesPerBlock(vocabulary, false);
    double[] sums = new double[atOnce * vocabulary];
    double[] logits = new double[sums.length];
    float[] floats = new float[sums.length];
    String file = aside + "/" + RoundDirectory.REFERENCE;
    try (NpyWriter out = NpyWriter.open(Storage.create(file), file, probes, vocabulary)) {
      for (long from = 0; from < probes; from += atOnce) {
        int count = (int) Math.min(atOnce, probes - from);
        Arrays.fill(sums, 0);
        for (String node : nodes) {
          String own = aside + "/" + RoundDirectory.ownReference(node);
          try (NpyRows rows = open(own, own)) {
            rows.read(from, from + count, logits, 0);
          }
          for (int c = 0; c < count * vocabulary; c++) {
            sums[c] += logits[c];
          }
        }
        for (int c = 0; c < count * vocabulary; c++) {
          floats[c] = (float) (sums[c] / nodes.size());
        }
        out.write(floats, 0, count * vocabulary);
      }
    }
  }

  private static NpyRows open(String file, String name) throws IOException {
    return NpyRows.open(Storage.open(Storage.resource(file)), name);
  }

  private static void copyFile(String file, String aside) throws IOException {
    try (InputStream in = Channels.newInputStream(Storage.open(Storage.resource(file)));
        WritableByteChannel out = Storage.create(aside)) {
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
        Storage.writeFully(out, ByteBuffer.wrap(buffer, 0, got));
      }
    }
  }

  private static void copyTeacher(RoundDirectory round, String aside) throws IOException {
    CommittedRound committed = CommittedRound.read(RoundRunner.plan(round), round);
    int vocabulary = committed.round().vocabulary();
    long probes = committed.round().plan().getProbes();
    int atOnce = PlanDraft.maxProbesPerBlock(vocabulary, false);
    double[] logits = new double[atOnce * vocabulary];
    float[] floats = new float[logits.length];
    try (NpyWriter out = NpyWriter.open(Storage.create(aside), aside, probes, vocabulary)) {
      int shard = 0;
      for (TeacherShard ignored : committed.manifest().getTeacher()) {
        try (NpyRows rows = CommittedTeacher.open(round, committed.manifest(), shard++)) {
          for (long from = 0; from < rows.rows(); from += atOnce) {
            int count = (int) Math.min(atOnce, rows.rows() - from);
            rows.read(from, from + count, logits, 0);
            for (int c = 0; c < count * vocabulary; c++) {
              floats[c] = (float) logits[c];
            }
            out.write(floats, 0, count * vocabulary);
          }
        }
      }
    }
  }

  private static void check(NpyRows rows, String name) throws IOException {
    int vocabulary = rows.columns();
    if (vocabulary > PlannedRound.MAX_VOCABULARY) {
      return; // which the plan's own check says
    }
    int atOnce = PlanDraft.maxProbesPerBlock(vocabulary, false);
    double[] logits = new double[atOnce * vocabulary];
    ReferenceBlock block = new ReferenceBlock(atOnce, vocabulary);
    for (long from = 0; from < rows.rows(); from += atOnce) {
      int count = (int) Math.min(atOnce, rows.rows() - from);
      rows.read(from, from + count, logits, 0);
      try {
        block.derive(logits, count);
      } catch (BadLogitException e) {
        throw new BadInputException(ReferenceRows.message(name, from + e.row(), e), e);
      }
    }
  }

  /** Hexadecimal SHA-256 of the file. */
  String sha256() {
    return sha256;
  }

  /** m. */
  long probes() {
    return probes;
  }

  /** V. */
  int vocabulary() {
    return vocabulary;
  }

  /** SHA-256 of the own references of some nodes, null for one without; null where none has one. */
  List<String> own(List<String> nodes) {
    return nodes.stream().noneMatch(own::containsKey)
        ? null
        : nodes.stream().map(own::get).collect(Collectors.toCollection(ArrayList::new));
  }

  /** Puts those of the plan's nodes beside the plan. */
  void commit(PlannedRound planned, RoundDirectory directory) throws IOException {
    Storage.move(aside + "/" + RoundDirectory.REFERENCE, directory.reference());
    for (int node = 0; node < planned.nodes().size(); node++) {
      String name = planned.nodes().get(node).getName();
      if (planned.ownReferenceSha256(node).isPresent()) {
        String file = aside + "/" + RoundDirectory.ownReference(name);
        Storage.move(file, directory.reference(name));
      }
    }
  }

  /** Deletes what is left of the copy. */
  void discard() {
    Attempt.delete(aside);
  }

  /** Deletes references that are not of a plan. */
  static void deleteOthers(PlannedRound planned, RoundDirectory directory) throws IOException {
    Set<ResourceId> keep = new HashSet<>();
    if (planned.referenceSha256().isPresent()) {
      keep.add(Storage.resource(directory.reference()));
    }
    for (int node = 0; node < planned.nodes().size(); node++) {
      if (planned.ownReferenceSha256(node).isPresent()) {
        keep.add(Storage.resource(directory.reference(planned.nodes().get(node).getName())));
      }
    }
    Storage.deleteOthers(directory.root() + "/reference*.npy", keep);
  }

  /**
   * Holds the references beside a plan against the plan, those of all nodes.
   *
   * @throws IOException if the plan names one, and this is another, or there is none
   */
  static void verify(PlannedRound round, RoundDirectory directory) throws IOException {
    verify(round.referenceSha256(), directory.reference());
    for (int node = 0; node < round.nodes().size(); node++) {
      if (round.nodes().get(node).getBitsPerProbe() > 0) {
        verifyOwn(round, directory, node);
      }
    }
  }

  /** The same of the public one and one node's. */
  static void verify(PlannedRound round, RoundDirectory directory, int node) throws IOException {
    verify(round.referenceSha256(), directory.reference());
    verifyOwn(round, directory, node);
  }

  private static void verifyOwn(PlannedRound round, RoundDirectory directory, int node)
      throws IOException {
    String name = round.nodes().get(node).getName();
    verify(round.ownReferenceSha256(node), directory.reference(name));
  }

  private static void verify(Optional<String> sha256, String file) throws IOException {
    if (sha256.isEmpty()) {
      return;
    }
    if (Storage.find(file).isEmpty()) {
      throw new BadInputException(
          file
              + ": no such file; logits are sent relative to it. The hub's 'sluice plan' put it"
              + " beside plan.json, and both ends need it");
    }
    String found = FileDigest.of(file);
    if (!found.equals(sha256.get())) {
      throw new BadInputException(
          file
              + ": another reference than the plan's: found SHA-256 "
              + found
              + ", expected "
              + sha256.get());
    }
  }
}
