package dev.sluice.transforms.channel;

/** A node's end of the channel: centred logits of one block to codes. FORMAT 3.3 to 3.6 and 4.2. */
public final class BlockEncoder {
  private BlockEncoder() {}

  /**
   * A block's codes and what they could not say.
   *
   * @param codes {@link BlockShape#payloadBytes()} bytes
   * @param clipped coordinates moved to +-L
   * @param masked coordinates of -infinity, sent as -L
   */
  // The array is the point of the record; it is handed over, not shared.
  @SuppressWarnings("ArrayRecordComponent")
  public record Encoded(byte[] codes, long clipped, long masked) {}

  /**
   * Encodes plane 0 of one block.
   *
   * @param quantizer that of the shape
   * @param block block index, from 0
   * @param firstProbe of the block, counted in the whole round
   * @param centred [p, V], in logits, from {@link Centring#centre}; not changed
   * @param clips p levels L, in logits, finite and at least 2^-24; binary16 numbers if the shape
   *     has a clip per probe
   * @throws IllegalArgumentException if the arguments contradict the shape, at NaN and at a clip
   *     level out of range
   */
  public static Encoded encode(
      BlockShape shape,
      Quantizer quantizer,
      ChannelKey key,
      int block,
      long firstProbe,
      double[] centred,
      double[] clips) {
    checkShape(shape, quantizer, centred, clips);
    if (shape.plane() != 0) {
      throw new IllegalArgumentException("plane " + shape.plane() + " is NestedDigits' to encode");
    }
    int n = shape.coordinates();
    int vocabulary = shape.vocabulary();
    int start = key.start(0, block, n);
    int[] symbols = new int[n];
    long clipped = 0;
    long masked = 0;
    for (int j = 0; j < n; ) {
      int c = start + j < n ? start + j : start + j - n;
      int probe = c / vocabulary;
      int v = c % vocabulary;
      boolean finer = j < shape.finer();
      int run = Math.min(vocabulary - v, (finer ? shape.finer() : n) - j);
      double clip = clips[probe];
      double step = shape.step(clip, finer);
      int last = shape.symbols() - (finer ? 0 : 1);
      long row = Dither.row(key.dither(), vocabulary, firstProbe + probe);
      long word = 0;
      for (int i = 0; i < run; i++) {
        double x = centred[c + i];
        if (!(Math.abs(x) <= clip)) {
          if (x == Double.NEGATIVE_INFINITY) {
            masked++;
          } else if (Double.isNaN(x)) {
            throw notANumber(c + i);
          } else {
            clipped++;
          }
          x = x > 0 ? clip : -clip;
        }
        double z = (x + clip) / step;
        if (quantizer.isDithered()) {
          if (i == 0 || ((v + i) & 1) == 0) {
            word = Dither.mix(row + ((v + i) >>> 1) * Dither.GAMMA);
          }
          z += Dither.offset(((v + i) & 1) == 0 ? word & 0xffffffffL : word >>> 32);
        }
        symbols[j + i] = Math.min((int) z, last);
      }
      j += run;
    }
    return new Encoded(pack(shape, symbols, clips), clipped, masked);
  }

  static byte[] pack(BlockShape shape, int[] symbols, double[] clips) {
    byte[] codes = new byte[shape.payloadBytes()];
    if (shape.clipPerProbe()) {
      for (int probe = 0; probe < shape.probes(); probe++) {
        short bits = Centring.clipUp(clips[probe]);
        if (Centring.clipOf(bits) != clips[probe]) {
          throw new IllegalArgumentException(
              "the clip level of probe "
                  + probe
                  + " must be a binary16 number, got "
                  + clips[probe]);
        }
        codes[2 * probe] = (byte) bits;
        codes[2 * probe + 1] = (byte) (bits >>> 8);
      }
    }
    shape.code().encode(symbols, codes, shape.clipBytes());
    return codes;
  }

  static void checkShape(BlockShape shape, Quantizer quantizer, double[] centred, double[] clips) {
    if (quantizer != shape.quantizer()) {
      throw new IllegalArgumentException(
          "quantizer must be the shape's, " + shape.quantizer() + ", got " + quantizer);
    }
    if (centred.length < shape.coordinates() || clips.length < shape.probes()) {
      throw new IllegalArgumentException(
          "need "
              + shape.coordinates()
              + " logits and "
              + shape.probes()
              + " clip levels, got "
              + centred.length
              + " and "
              + clips.length);
    }
    for (int probe = 0; probe < shape.probes(); probe++) {
      if (!(clips[probe] >= Centring.MIN_CLIP && clips[probe] <= BlockDecoder.MAX_CLIP)) {
        throw new IllegalArgumentException(
            "the clip level of probe "
                + probe
                + " must be in [2^-24, 2^19] logits, got "
                + clips[probe]);
      }
    }
  }

  static IllegalArgumentException notANumber(int coordinate) {
    return new IllegalArgumentException("coordinate " + coordinate + " of the block is NaN");
  }
}
