package dev.sluice.transforms.channel;

import java.util.Arrays;
import java.util.List;

/**
 * Successive refinement: dither once, then send further digits of the same cell. FORMAT 3.5; THEORY
 * 4.2, variant R3.
 *
 * <p>With {@code f_0 = z - k} and {@code g = f_{t-1}*N_t}, plane t's digit is {@code min(floor(g),
 * N_t - 1)} and {@code f_t} the rest. Any prefix decodes to the middle of its sub-cell, with an
 * error uniform on {@code step/(N_1 ... N_t)} and independent of the logit: no plane is wasted, and
 * each may have its own radices. The step is plane 0's.
 */
public final class NestedDigits {
  private NestedDigits() {}

  /**
   * Encodes the last of these planes; the digits of those before are computed again, from the same
   * logits.
   *
   * @param planes shapes of planes 0, 1, ..., t
   * @param block block index, from 0
   * @param firstProbe of the block, counted in the whole round
   * @param centred [p, V], in logits, as for plane 0
   * @param clips p levels, in logits, as for plane 0
   * @throws IllegalArgumentException if these are not planes of one block, and as {@link
   *     BlockEncoder#encode}
   */
  public static BlockEncoder.Encoded encode(
      List<BlockShape> planes,
      ChannelKey key,
      int block,
      long firstProbe,
      double[] centred,
      double[] clips) {
    checkPlanes(planes);
    BlockShape first = planes.get(0);
    BlockShape last = planes.get(planes.size() - 1);
    Quantizer quantizer = first.quantizer();
    BlockEncoder.checkShape(first, quantizer, centred, clips);
    int n = first.coordinates();
    int vocabulary = first.vocabulary();
    int[] starts = starts(planes, key, block);
    int[] symbols = new int[n];
    long clipped = 0;
    long masked = 0;
    for (int c = 0; c < n; c++) {
      double clip = clips[c / vocabulary];
      double x = centred[c];
      if (!(Math.abs(x) <= clip)) {
        if (x == Double.NEGATIVE_INFINITY) {
          masked++;
        } else if (Double.isNaN(x)) {
          throw BlockEncoder.notANumber(c);
        } else {
          clipped++;
        }
        x = x > 0 ? clip : -clip;
      }
      int radix = first.radixAt(c, starts[0]);
      double z =
          (x + clip) / first.step(clip, radix > first.symbols())
              + offset(quantizer, key, vocabulary, firstProbe, c);
      int digit = Math.min((int) z, radix - 1);
      double rest = Math.min(z - digit, BELOW_ONE);
      for (int t = 1; t < planes.size(); t++) {
        radix = planes.get(t).radixAt(c, starts[t]);
        double g = rest * radix;
        digit = Math.min((int) g, radix - 1);
        rest = g - digit;
      }
      int j = c - starts[starts.length - 1];
      symbols[j < 0 ? j + n : j] = digit;
    }
    return new BlockEncoder.Encoded(BlockEncoder.pack(last, symbols, clips), clipped, masked);
  }

  /** The largest double below 1: where k was clamped, what is left stays inside its cell. */
  private static final double BELOW_ONE = 0x1.fffffffffffffp-1;

  /**
   * Decodes a prefix of planes: {@code y = ((a + s/2) - o)*step - L}, a the digits so far in cells
   * of plane 0 and s their sub-cell.
   *
   * @param planes shapes of planes 0, 1, ..., t
   * @param clip L, in logits; not read if plane 0 has a clip per probe
   * @param codes of planes 0, 1, ..., t
   * @param y receives [p, V] reconstructions, in logits; undefined on failure
   * @param clips receives the p clip levels, in logits
   * @throws BadCodesException if some plane's codes are none of its shape
   */
  public static void decode(
      List<BlockShape> planes,
      ChannelKey key,
      int block,
      long firstProbe,
      double clip,
      List<byte[]> codes,
      double[] y,
      double[] clips)
      throws BadCodesException {
    checkPlanes(planes);
    if (codes.size() != planes.size()) {
      throw new IllegalArgumentException(
          "codes of " + codes.size() + " planes for shapes of " + planes.size());
    }
    BlockShape first = planes.get(0);
    int n = first.coordinates();
    int vocabulary = first.vocabulary();
    int[] starts = starts(planes, key, block);
    BlockDecoder.readClips(first, clip, 1, codes.get(0), clips);
    int[][] digits = new int[planes.size()][n];
    for (int t = 0; t < planes.size(); t++) {
      BlockDecoder.checkLength(planes.get(t), codes.get(t));
      planes.get(t).code().decode(codes.get(t), planes.get(t).clipBytes(), digits[t]);
    }
    for (int c = 0; c < n; c++) {
      double level = clips[c / vocabulary];
      int j = c - starts[0];
      j = j < 0 ? j + n : j;
      double cell = 1;
      double place = digits[0][j];
      double step = first.step(level, j < first.finer());
      for (int t = 1; t < digits.length; t++) {
        j = c - starts[t];
        cell /= planes.get(t).radixAt(c, starts[t]);
        place += digits[t][j < 0 ? j + n : j] * cell;
      }
      double offset = offset(first.quantizer(), key, vocabulary, firstProbe, c);
      y[c] = ((place + cell * 0.5) - offset) * step - level;
    }
  }

  /**
   * The law of a coordinate's error width after these planes.
   *
   * @param planes shapes of planes 0, 1, ..., t
   */
  public static StepLaw law(List<BlockShape> planes) {
    checkPlanes(planes);
    StepLaw law = planes.get(0).law();
    for (BlockShape plane : planes.subList(1, planes.size())) {
      law = law.refined(plane);
    }
    return law;
  }

  /**
   * The mean over the block's coordinates of {@code (step*s)^2/12}, in squared logits: the error's
   * variance after these planes, for one clip level. It depends on the block, through where the
   * finer arcs of the planes meet; its mean over their starts is {@code
   * clip^2*law(planes).meanSquare()/12}.
   */
  public static double meanVariance(
      List<BlockShape> planes, ChannelKey key, int block, double clip) {
    checkPlanes(planes);
    BlockShape first = planes.get(0);
    int n = first.coordinates();
    int[] starts = starts(planes, key, block);
    int[] ends = arcEnds(planes, starts);
    double sum = 0;
    for (int i = 0; i + 1 < ends.length; i++) {
      int c = ends[i];
      if (c < ends[i + 1]) {
        double width = width(planes, starts, c, clip);
        sum += (ends[i + 1] - c) * width * width;
      }
    }
    return sum / 12 / n;
  }

  /**
   * The same of each probe by itself: {@code variances[l]} is the mean over the V coordinates of
   * probe l of {@code (step*s)^2/12}, at its own clip level. Where the arcs lie is known, so this
   * is what the dither did to this probe, no mean over what it might have; over the block's probes
   * of one clip level the mean is {@link #meanVariance}. Without dither it is the variance of
   * nothing.
   *
   * @param clips p levels, in logits; only read
   * @param variances receives p values, in squared logits; no overlap with clips
   */
  public static void probeVariances(
      List<BlockShape> planes, ChannelKey key, int block, double[] clips, double[] variances) {
    checkPlanes(planes);
    BlockShape first = planes.get(0);
    int vocabulary = first.vocabulary();
    int[] starts = starts(planes, key, block);
    int[] ends = arcEnds(planes, starts);
    int next = 0;
    for (int probe = 0; probe < first.probes(); probe++) {
      int to = (probe + 1) * vocabulary;
      double sum = 0;
      for (int c = probe * vocabulary; c < to; ) {
        while (ends[next] <= c) {
          next++;
        }
        int end = Math.min(to, ends[next]);
        double width = width(planes, starts, c, clips[probe]);
        sum += (end - c) * width * width;
        c = end;
      }
      variances[probe] = sum / 12 / vocabulary;
    }
  }

  /** Where the planes' finer arcs begin and end, from 0 to n: between two ends nothing changes. */
  private static int[] arcEnds(List<BlockShape> planes, int[] starts) {
    int n = planes.get(0).coordinates();
    int[] ends = new int[2 * starts.length + 2];
    for (int t = 0; t < starts.length; t++) {
      ends[2 * t] = starts[t];
      ends[2 * t + 1] = (starts[t] + planes.get(t).finer()) % n;
    }
    ends[ends.length - 1] = n;
    Arrays.sort(ends);
    return ends;
  }

  /** How wide the error of the coordinate c is after these planes, in logits. */
  private static double width(List<BlockShape> planes, int[] starts, int c, double clip) {
    BlockShape first = planes.get(0);
    double width = first.step(clip, first.radixAt(c, starts[0]) > first.symbols());
    for (int t = 1; t < starts.length; t++) {
      width /= planes.get(t).radixAt(c, starts[t]);
    }
    return width;
  }

  static void checkPlanes(List<BlockShape> planes) {
    if (planes.isEmpty()) {
      throw new IllegalArgumentException("at least plane 0 is needed, got none");
    }
    BlockShape first = planes.get(0);
    for (int t = 0; t < planes.size(); t++) {
      BlockShape shape = planes.get(t);
      if (shape.plane() != t
          || shape.quantizer() != first.quantizer()
          || shape.probes() != first.probes()
          || shape.vocabulary() != first.vocabulary()) {
        throw new IllegalArgumentException(
            "shape " + t + " must be that of plane " + t + " of one block, got " + shape);
      }
    }
  }

  private static int[] starts(List<BlockShape> planes, ChannelKey key, int block) {
    int[] starts = new int[planes.size()];
    for (int t = 0; t < starts.length; t++) {
      starts[t] = key.start(t, block, planes.get(0).coordinates());
    }
    return starts;
  }

  private static double offset(
      Quantizer quantizer, ChannelKey key, int vocabulary, long firstProbe, int c) {
    if (!quantizer.isDithered()) {
      return 0;
    }
    long row = Dither.row(key.dither(), vocabulary, firstProbe + c / vocabulary);
    return Dither.offset(Dither.numerator(row, c % vocabulary));
  }
}
