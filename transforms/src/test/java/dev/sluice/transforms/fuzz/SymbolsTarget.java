package dev.sluice.transforms.fuzz;

import dev.sluice.transforms.channel.Accumulator;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.NestedDigits;
import dev.sluice.transforms.channel.Quantizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Codes of shapes of all kinds, by the first byte: the plain decoder and the one that adds agree on
 * what they are.
 */
final class SymbolsTarget implements FuzzTarget {
  private static final int VOCABULARY = 21;
  private static final int PROBES = 3;
  private static final ChannelKey KEY = ChannelKey.of(1, "r", "n0");

  private final List<List<BlockShape>> shapes = new ArrayList<>();

  SymbolsTarget() {
    for (Quantizer quantizer : Quantizer.values()) {
      for (double bits : new double[] {1, 2.7, 8, 11.3, 16}) {
        for (boolean perProbe : new boolean[] {false, true}) {
          BlockShape first =
              BlockShape.of(
                  quantizer,
                  perProbe,
                  VOCABULARY,
                  PROBES,
                  bits,
                  (long) Math.floor(bits * VOCABULARY) + (perProbe ? 16 : 0));
          shapes.add(List.of(first));
          if (bits < 8) {
            BlockShape next =
                BlockShape.ofPlane(1, quantizer, perProbe, VOCABULARY, PROBES, 2.2, 46);
            shapes.add(List.of(first, next));
          }
        }
      }
    }
  }

  /** How many kinds of shape there are. */
  int kinds() {
    return shapes.size();
  }

  List<BlockShape> shape(int kind) {
    return shapes.get(kind);
  }

  static ChannelKey key() {
    return KEY;
  }

  @Override
  public boolean accepts(byte[] input) {
    if (input.length == 0) {
      return false;
    }
    List<BlockShape> planes = shapes.get((input[0] & 0xff) % shapes.size());
    List<byte[]> codes = new ArrayList<>();
    int at = 1;
    for (BlockShape plane : planes.subList(1, planes.size())) {
      int end = Math.min(input.length, at + plane.payloadBytes());
      codes.add(Arrays.copyOfRange(input, at, end));
      at = end;
    }
    codes.add(0, Arrays.copyOfRange(input, at, input.length)); // the longest last, to grow
    double[] y = new double[VOCABULARY * PROBES];
    boolean decoded = true;
    try {
      NestedDigits.decode(planes, KEY, 0, 0, 3, codes, y, new double[PROBES]);
    } catch (BadCodesException e) {
      decoded = false;
    }
    Accumulator sums = new Accumulator(PROBES, VOCABULARY);
    sums.reset(PROBES);
    boolean added = true;
    try {
      sums.add(planes, KEY, 0, 0, 3, 1, codes);
    } catch (BadCodesException e) {
      added = false;
    }
    if (added != decoded) {
      throw new AssertionError("decoded: " + decoded + ", added: " + added);
    }
    if (added) {
      float[] mean = new float[y.length];
      sums.mean(1, mean);
      for (int c = 0; c < y.length; c++) {
        if (mean[c] != (float) ((y[c] + 0x1.8p22) - 0x1.8p22)) {
          throw new AssertionError("coordinate " + c + ": " + mean[c] + ", expected " + y[c]);
        }
      }
    }
    return added;
  }
}
