package dev.sluice.transforms.simulation;

import dev.sluice.transforms.distillation.Aggregation;
import dev.sluice.transforms.distillation.StudentSettings;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * What a simulation is asked for.
 *
 * @param texts locations, read one after the other as one text
 * @param nodes K, in [1, 64]
 * @param bits per coordinate of the uplinks, ascending, each in [1, 16]
 * @param rounds T, at least 1
 * @param vocabulary V at most, in [3, 65536]
 * @param probes m, at least 1
 * @param heldOut most held-out words that perplexity is over, at least 1
 * @param student how it is fitted in each round
 * @param order longest n-gram that is a feature of the student, in [0, 3]
 */
public record SimulationSettings(
    List<String> texts,
    int nodes,
    List<Double> bits,
    int rounds,
    int vocabulary,
    int probes,
    int heldOut,
    long seed,
    StudentSettings student,
    int order)
    implements Serializable {
  /** The widest vocabulary; a row of it is a block. */
  public static final int MAX_VOCABULARY = 1 << 16;

  /** Most nodes. */
  public static final int MAX_NODES = 64;

  /** Bits of the student's features: at some thousand of them few share one. */
  static final int FEATURE_BITS = 26;

  public SimulationSettings {
    check("nodes", nodes, 1, MAX_NODES);
    check("rounds", rounds, 1, 1000);
    check("vocab", vocabulary, 3, MAX_VOCABULARY);
    check("probes", probes, 1, 1 << 20);
    check("held-out", heldOut, 2, 1 << 24);
    for (double b : bits) {
      if (!(b >= 1 && b <= 16)) {
        throw new IllegalArgumentException("bits must be in [1, 16] per coordinate, got " + b);
      }
    }
    texts = new ArrayList<>(texts); // serialisable, whatever the caller's is
    bits = new ArrayList<>(bits.stream().sorted().distinct().toList());
  }

  private static void check(String name, int value, int least, int most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          name + " must be in [" + least + ", " + most + "], got " + value);
    }
  }

  /**
   * One run of Algorithm 1, or what it is compared to. All runs draw the same probes, orders and
   * questions: what they differ by is what is named here.
   *
   * @param index in the list of arms
   * @param aggregation null for the models that need no round: the base, each node alone, all
   *     shards in one place
   * @param bits per coordinate; null where nothing is quantised
   */
  record Arm(int index, Aggregation aggregation, Double bits) {
    boolean isReference() {
      return aggregation == null;
    }
  }

  /** References first, then ascending bits, then what is not quantised. */
  List<Arm> arms() {
    List<Arm> arms = new ArrayList<>();
    arms.add(new Arm(0, null, null));
    for (double b : bits) {
      arms.add(new Arm(arms.size(), Aggregation.FPLD, b));
    }
    arms.add(new Arm(arms.size(), Aggregation.NONE, null));
    arms.add(new Arm(arms.size(), Aggregation.FEDDF, null));
    return arms;
  }

  /** How many arms there are: parts that can run at once. */
  public int armCount() {
    return bits.size() + 3;
  }

  /**
   * What an arm holds at its widest, roughly, in bytes: targets, and a weight and a sum of squares
   * for each of its features at every word.
   */
  public long bytesOfAnArm() {
    long rows = probes + 2L * Math.max(0, order - 1) * probes + 2L * Math.min(probes, vocabulary);
    return 4L * vocabulary * rows;
  }
}
