package dev.sluice.transforms.comparison;

import java.util.List;
import java.util.stream.IntStream;

/**
 * What channels know of the logits before the first is sent.
 *
 * @param probes m
 * @param vocabulary V
 * @param magnitudes by node: how far its logits reach from the midrange of their row, logits
 * @param seed of the dither
 */
public record ProbeSet(long probes, int vocabulary, List<Double> magnitudes, long seed) {
  /** A name on the wire as short as any. */
  static final String ROUND = "r";

  public ProbeSet {
    magnitudes = List.copyOf(magnitudes);
  }

  /** K. */
  public int nodes() {
    return magnitudes.size();
  }

  /** Names on the wire: n0, n1, and so on. */
  List<String> names() {
    return IntStream.range(0, nodes()).mapToObj(node -> "n" + node).toList();
  }

  /** Bits of a row where rows follow one another and a node's file ends with a whole byte. */
  double bitsPerRow(long bitsPerProbe) {
    return 8.0 * bytes(bitsPerProbe) / probes;
  }

  /** Most whole bytes of a node's files. */
  long bytes(long bitsPerProbe) {
    return Math.multiplyExact(probes, bitsPerProbe) / 8;
  }
}
