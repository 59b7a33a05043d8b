package dev.sluice.transforms.channel;

/**
 * The hub's end of the channel, plainly: the codes of one block to its reconstruction, by the
 * formula of FORMAT 3.3. What {@link Accumulator} adds is this, on a grid.
 */
public final class BlockDecoder {
  /** The largest L, for one node: K*L is at most 2^19, so that sums are exact. */
  public static final double MAX_CLIP = 0x1p19;

  private BlockDecoder() {}

  /**
   * Decodes plane 0 of one block.
   *
   * @param quantizer that of the shape
   * @param block block index, from 0
   * @param firstProbe of the block, counted in the whole round
   * @param clip L, in logits; not read if the shape has a clip per probe
   * @param codes {@link BlockShape#payloadBytes()} bytes
   * @param y receives [p, V] reconstructions, in logits; undefined on failure
   * @param clips receives the p clip levels, in logits
   * @throws BadCodesException if the codes are none of this shape
   * @throws IllegalArgumentException if the arguments contradict the shape
   */
  public static void decode(
      BlockShape shape,
      Quantizer quantizer,
      ChannelKey key,
      int block,
      long firstProbe,
      double clip,
      byte[] codes,
      double[] y,
      double[] clips)
      throws BadCodesException {
    checkPlaneZero(shape, quantizer);
    int n = shape.coordinates();
    int vocabulary = shape.vocabulary();
    int[] symbols = new int[n];
    readClips(shape, clip, 1, codes, clips);
    shape.code().decode(codes, shape.clipBytes(), symbols);
    int start = key.start(0, block, n);
    for (int j = 0; j < n; j++) {
      int c = start + j < n ? start + j : start + j - n;
      int probe = c / vocabulary;
      double level = clips[probe];
      double offset =
          quantizer.isDithered()
              ? Dither.offset(
                  Dither.numerator(
                      Dither.row(key.dither(), vocabulary, firstProbe + probe), c % vocabulary))
              : 0;
      y[c] = ((symbols[j] + 0.5) - offset) * shape.step(level, j < shape.finer()) - level;
    }
  }

  static void checkPlaneZero(BlockShape shape, Quantizer quantizer) {
    if (quantizer != shape.quantizer() || shape.plane() != 0) {
      throw new IllegalArgumentException(
          "need plane 0 of "
              + quantizer
              + ", got plane "
              + shape.plane()
              + " of "
              + shape.quantizer());
    }
  }

  /** Checks the length of the codes and every clip level, and writes the p levels to clips. */
  static void readClips(BlockShape shape, double clip, int nodes, byte[] codes, double[] clips)
      throws BadCodesException {
    checkLength(shape, codes);
    double most = MAX_CLIP / nodes;
    for (int probe = 0; probe < shape.probes(); probe++) {
      double level = clip;
      if (shape.clipPerProbe()) {
        level =
            Centring.clipOf(
                (short) ((codes[2 * probe] & 0xff) | (codes[2 * probe + 1] & 0xff) << 8));
      }
      if (!(level >= Centring.MIN_CLIP && level <= most)) {
        throw new BadCodesException(
            "clip level of probe "
                + probe
                + " of the block: "
                + level
                + ", expected [2^-24, 2^19/"
                + nodes
                + " nodes]");
      }
      clips[probe] = level;
    }
  }

  static void checkLength(BlockShape shape, byte[] codes) throws BadCodesException {
    if (codes.length != shape.payloadBytes()) {
      throw new BadCodesException(
          codes.length
              + " bytes, expected "
              + shape.payloadBytes()
              + " = ceil("
              + shape.payloadBits()
              + " bits / 8)");
    }
  }
}
