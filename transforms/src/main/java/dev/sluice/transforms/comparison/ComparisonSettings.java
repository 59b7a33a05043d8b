package dev.sluice.transforms.comparison;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * What a comparison is asked for.
 *
 * @param logits files of m × V logits, one for each node
 * @param reference such a file, or null
 * @param nextTokens a file of m token ids, or null
 * @param probes m
 * @param vocabulary V
 * @param seed of the dither
 * @param budgets bits a probe and node, ascending
 * @param channels names, in the order of tables
 */
public record ComparisonSettings(
    List<ReadFile> logits,
    ReadFile reference,
    ReadFile nextTokens,
    long probes,
    int vocabulary,
    long seed,
    List<Long> budgets,
    List<String> channels)
    implements Serializable {
  /** The widest vocabulary: a row of it is a block. */
  public static final int MAX_VOCABULARY = 1 << 20;

  /** The largest budget, bits a probe and node. */
  public static final long MAX_BUDGET = 1 << 24;

  /** Bytes of a coordinate of a block while it is measured: some ten float64 arrays. */
  private static final long BYTES_A_COORDINATE = 100;

  /**
   * A file.
   *
   * @param path where it lies
   * @param name without directories
   * @param sha256 hexadecimal
   */
  public record ReadFile(String path, String name, String sha256) implements Serializable {}

  public ComparisonSettings {
    logits = new ArrayList<>(logits); // serialisable, whatever the caller's is
    budgets = new ArrayList<>(budgets.stream().sorted().distinct().toList());
    channels = new ArrayList<>(channels);
  }

  /** Memory that one cell takes while it is measured, bytes. */
  public long bytesOfACell() {
    long coordinates = Math.max(ReferenceChannel.BLOCK_BYTES / 4, vocabulary);
    return BYTES_A_COORDINATE * Math.min(coordinates, probes * vocabulary);
  }
}
