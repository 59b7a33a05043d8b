package dev.sluice.transforms.uplink;

import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.channel.Accumulator;
import dev.sluice.transforms.channel.BadLogitException;
import dev.sluice.transforms.reference.ReferenceBlock;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.Closeable;
import java.io.IOException;

/**
 * The references of a round, one block at a time: read, held against the plan's shape, and derived.
 * The public one is uniform where the plan names no file. Holds one block of it, and one of a
 * node's own. Not thread-safe.
 */
public final class ReferenceRows implements Closeable {
  private final PlannedRound round;
  private final RoundDirectory directory;
  private final double[] logits;
  private final ReferenceBlock derived;
  private double[] own = new double[0]; // room for a node's, once one is asked for
  private NpyRows rows; // null until it is needed, and for the uniform reference
  private int at = -1;

  /**
   * Room for a block.
   *
   * @param round in the reference channel
   * @param directory where its references lie
   */
  public ReferenceRows(PlannedRound round, RoundDirectory directory) {
    this.round = round;
    this.directory = directory;
    int probes = round.probesIn(0);
    this.logits = new double[probes * round.vocabulary()];
    this.derived = new ReferenceBlock(probes, round.vocabulary());
  }

  /**
   * Reads and derives a block, unless it is the one that was read last.
   *
   * @throws IOException if there is no such file, or it is no such reference; the message says why
   */
  public void read(int block) throws IOException {
    if (block == at) {
      return;
    }
    at = -1;
    long first = round.firstProbe(block);
    int probes = round.probesIn(block);
    if (round.referenceSha256().isPresent()) {
      if (rows == null) {
        rows = open(directory.reference());
      }
      rows.read(first, first + probes, logits, 0);
      for (int probe = 0; probe < probes; probe++) {
        shift(probe * round.vocabulary());
      }
    }
    try {
      derived.derive(logits, probes);
    } catch (BadLogitException e) {
      throw new BadInputException(message(directory.reference(), first + e.row(), e), e);
    }
    at = block;
  }

  /** What is wrong with a logit of a reference. */
  public static String message(String file, long probe, BadLogitException found) {
    return file
        + ": probe "
        + probe
        + ", coordinate "
        + found.coordinate()
        + ": found "
        + found.value()
        + ", expected a finite logit at most 700 below its row's largest: nodes may have mass there";
  }

  /** Lets a row's largest logit be 0, so that a teacher in float32 does not lose by an offset. */
  private void shift(int from) {
    int to = from + round.vocabulary();
    double max = Double.NEGATIVE_INFINITY;
    for (int c = from; c < to; c++) {
      max = Math.max(max, logits[c]);
    }
    if (Double.isFinite(max)) { // else what is wrong is said of the logits as they are
      for (int c = from; c < to; c++) {
        logits[c] -= max;
      }
    }
  }

  private NpyRows open(String file) throws IOException {
    NpyRows found =
        NpyRows.open(
            Storage.openIfExists(file)
                .orElseThrow(
                    () ->
                        new BadInputException(
                            file
                                + ": no such file; the plan's logits are relative to it, and 'sluice"
                                + " plan' wrote it beside plan.json")),
            file);
    if (found.rows() != round.plan().getProbes() || found.columns() != round.vocabulary()) {
      found.close();
      throw new BadInputException(
          file
              + ": found shape ("
              + found.rows()
              + ", "
              + found.columns()
              + "), expected ("
              + round.plan().getProbes()
              + ", "
              + round.vocabulary()
              + "), as the plan has probes and tokens");
    }
    return found;
  }

  /** The public reference's logits of the block, p × V. Owned by this. */
  public double[] logits() {
    return logits;
  }

  /** What both ends derive of the block. Owned by this. */
  public ReferenceBlock derived() {
    return derived;
  }

  /**
   * Adds to a node's logits of the block, relative to its own reference, what that is above the
   * public one: multiples of 2^-30 whose weighted mean is 0. Nothing for a node without its own.
   *
   * @param relative p × V
   */
  public void addOwn(int node, double[] relative) throws IOException {
    if (readOwn(node)) {
      for (int c = 0; c < derived.probes() * round.vocabulary(); c++) {
        relative[c] += own[c];
      }
    }
  }

  /**
   * What a node's logits of the block are sent relative to, p × V: its own reference, or the public
   * one. Owned by this.
   */
  double[] base(int node) throws IOException {
    if (!readOwn(node)) {
      return logits;
    }
    for (int c = 0; c < derived.probes() * round.vocabulary(); c++) {
      own[c] += logits[c];
    }
    return own;
  }

  /** Reads a node's own reference, less the public one and what that is on the mean. */
  private boolean readOwn(int node) throws IOException {
    if (round.ownReferenceSha256(node).isEmpty()) {
      return false;
    }
    if (own.length == 0) {
      own = new double[logits.length];
    }
    String file = directory.reference(round.nodes().get(node).getName());
    long first = round.firstProbe(at);
    int probes = derived.probes();
    // Opened for each block: how many nodes there are must not matter.
    try (NpyRows found = open(file)) {
      found.read(first, first + probes, own, 0);
    }
    int vocabulary = round.vocabulary();
    for (int probe = 0; probe < probes; probe++) {
      double mean = 0;
      for (int c = probe * vocabulary; c < (probe + 1) * vocabulary; c++) {
        own[c] -= logits[c];
        mean += derived.probabilityAt(c) * own[c];
      }
      double most = PlannedRound.MAX_NODES_TIMES_CLIP / round.nodes().size();
      for (int c = probe * vocabulary; c < (probe + 1) * vocabulary; c++) {
        own[c] = Accumulator.onGrid(own[c] - mean);
        if (!(Math.abs(own[c]) <= most)) {
          throw new BadInputException(
              file
                  + ": probe "
                  + (first + probe)
                  + ", coordinate "
                  + (c - probe * vocabulary)
                  + ": found "
                  + own[c]
                  + " beside the public reference, expected at most "
                  + most);
        }
      }
    }
    return true;
  }

  @Override
  public void close() throws IOException {
    at = -1;
    if (rows != null) {
      rows.close();
      rows = null;
    }
  }
}
