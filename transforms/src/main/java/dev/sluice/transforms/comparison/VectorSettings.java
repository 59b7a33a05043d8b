package dev.sluice.transforms.comparison;

import dev.sluice.transforms.comparison.ComparisonSettings.ReadFile;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * What a comparison of codes for vectors is asked for.
 *
 * @param source where vectors come from
 * @param file of m × d vectors, one a trial; null unless the source is {@link VectorSource#FILE}
 * @param dimension d
 * @param trials vectors
 * @param spread of what nodes have of their own, in root mean squares of the vector in common
 * @param seed of vectors and keys
 * @param nodes K, ascending
 * @param rates bits a coordinate before side information, ascending
 * @param quantizers names, in the order of tables
 */
public record VectorSettings(
    VectorSource source,
    ReadFile file,
    int dimension,
    int trials,
    double spread,
    long seed,
    List<Integer> nodes,
    List<Double> rates,
    List<String> quantizers)
    implements Serializable {
  /** The longest vector. */
  public static final int MAX_DIMENSION = 1 << 20;

  /** The most nodes that are averaged. */
  public static final int MAX_NODES = 1 << 16;

  /** The most vectors. */
  public static final int MAX_TRIALS = 1 << 20;

  /** The highest rate, bits a coordinate. */
  public static final double MAX_RATE = 32;

  public VectorSettings {
    nodes = new ArrayList<>(nodes.stream().sorted().distinct().toList());
    rates = new ArrayList<>(rates.stream().sorted().distinct().toList());
    quantizers = new ArrayList<>(quantizers);
  }

  /** How many nodes send each vector. */
  public int senders() {
    return nodes.get(nodes.size() - 1);
  }

  /** Memory that one cell takes while it is measured, bytes: its vectors and its code's tables. */
  public long bytesOfACell() {
    return (1L << 24) + (64L + 8L * nodes.size()) * dimension;
  }
}
