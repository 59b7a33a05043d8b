package dev.sluice.transforms.scores;

import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.CalibrationPlan;
import dev.sluice.transforms.conformal.ConformalRank;
import dev.sluice.transforms.conformal.SymbolCounts;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.apache.datasketches.kll.KllDoublesSketch;
import org.apache.datasketches.kll.KllSketch;
import org.apache.datasketches.quantilescommon.QuantileSearchCriteria;
import org.apache.datasketches.quantilescommon.QuantilesDoublesSketchIterator;

/**
 * Calibration scores as a KLL sketch (Karnin, Lang, Liberty, FOCS 2016; DataSketches'), after
 * rounding up to a grid of 65535 values, and the threshold of merged sketches.
 *
 * <p>The library states, from experiments, that a sketch's ranks are off by more than a share eps
 * of n in 1 % of draws of its coins, so the threshold is the value of rank k/n + eps: that it is
 * not below the pooled one is likely, not certain. The largest score is kept exactly, so that a
 * rank beyond n asks for that.
 *
 * <p>The library tosses its coins with one generator for the whole process; it is seeded here
 * before every sketch, and nobody else uses it meanwhile, so that the same scores make the same
 * bytes.
 */
final class KllSummary {
  private static final int MIN_K = 8;
  private static final int MAX_K = 4096;
  private static final VarHandle COINS = coins();

  private KllSummary() {}

  private static VarHandle coins() {
    try {
      return MethodHandles.privateLookupIn(KllSketch.class, MethodHandles.lookup())
          .findStaticVarHandle(KllSketch.class, "random", Random.class);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("another DataSketches than this was built with", e);
    }
  }

  private static <T> T seeded(long seed, Supplier<T> work) {
    synchronized (COINS) {
      ((Random) COINS.get()).setSeed(seed);
      return work.get();
    }
  }

  /** The largest parameter whose sketches of n scores fit the bits; 0 for none. */
  static int parameter(int bits, long scores) {
    int low = MIN_K - 1;
    int high = MAX_K + 1;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      long bytes =
          KllSketch.getMaxSerializedSizeBytes(
              middle, scores, KllSketch.SketchType.DOUBLES_SKETCH, false);
      if (8 * bytes <= bits) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low < MIN_K ? 0 : low;
  }

  /**
   * A sketch of scores on a plan's grid of 65535.
   *
   * @param symbols by {@link CalibrationPlan#symbolAbove} with {@link CalibrationPlan#MAX_LEVELS}
   * @param node and group, whose coins are their own
   * @return no bytes where the bits do not pay for a sketch
   */
  static byte[] of(CalibrationPlan plan, String node, String group, SymbolCounts symbols) {
    int k = parameter(plan.bits(), symbols.total());
    if (k == 0) {
      return new byte[0];
    }
    return seeded(
        ChannelKey.of(symbols.total(), "kll/" + group, node).dither(),
        () -> {
          KllDoublesSketch sketch = KllDoublesSketch.newHeapInstance(k);
          for (int i = 0; i < symbols.size(); i++) {
            sketch.update(value(plan, symbols.symbol(i)), symbols.count(i));
          }
          return bytes(sketch);
        });
  }

  /**
   * The largest score, then level by level how many scores of weight 2^level there are and which:
   * little-endian, shorter than the library's own form, which needs a library of memory that knows
   * only some Java versions.
   */
  private static byte[] bytes(KllDoublesSketch sketch) {
    Map<Long, List<Double>> levels = new TreeMap<>();
    for (QuantilesDoublesSketchIterator item = sketch.iterator(); item.next(); ) {
      levels.computeIfAbsent(item.getWeight(), weight -> new ArrayList<>()).add(item.getQuantile());
    }
    int most = Long.numberOfTrailingZeros(sketch.isEmpty() ? 1 : Collections.max(levels.keySet()));
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + 4 * (most + 1) + 8 * sketch.getNumRetained())
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.putDouble(sketch.getMaxItem());
    for (int level = 0; level <= most; level++) {
      List<Double> values = levels.getOrDefault(1L << level, List.of());
      bytes.putInt(values.size());
      values.stream().sorted().forEach(bytes::putDouble);
    }
    return bytes.array();
  }

  private static double value(CalibrationPlan plan, int symbol) {
    return symbol == CalibrationPlan.MAX_LEVELS
        ? Double.POSITIVE_INFINITY
        : plan.value(symbol, CalibrationPlan.MAX_LEVELS);
  }

  /**
   * The threshold of merged sketches.
   *
   * @param parameter the smallest of the sketches, whose error is that of all
   * @param sketches in one order; those without bytes make it infinite
   * @param scores n over all nodes
   */
  static double threshold(Alpha alpha, int parameter, List<byte[]> sketches, long scores) {
    long rank = ConformalRank.of(alpha, scores);
    if (rank > scores || sketches.stream().anyMatch(bytes -> bytes.length == 0)) {
      return Double.POSITIVE_INFINITY;
    }
    return seeded(
        scores,
        () -> {
          KllDoublesSketch merged = KllDoublesSketch.newHeapInstance(MAX_K);
          double largest = Double.NEGATIVE_INFINITY;
          for (byte[] sketch : sketches) {
            ByteBuffer bytes = ByteBuffer.wrap(sketch).order(ByteOrder.LITTLE_ENDIAN);
            largest = Math.max(largest, bytes.getDouble());
            for (int level = 0; bytes.hasRemaining(); level++) {
              for (int left = bytes.getInt(); left > 0; left--) {
                merged.update(bytes.getDouble(), 1L << level);
              }
            }
          }
          double error = KllDoublesSketch.getNormalizedRankError(parameter, false);
          double share = (double) rank / scores + error;
          return share >= 1 ? largest : merged.getQuantile(share, QuantileSearchCriteria.INCLUSIVE);
        });
  }
}
