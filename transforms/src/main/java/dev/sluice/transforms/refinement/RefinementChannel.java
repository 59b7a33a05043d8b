package dev.sluice.transforms.refinement;

/**
 * What every node sends through in every round: N symbols per coordinate, at first over [-L, L].
 *
 * @param clip L, in (0, 2^19] logits
 * @param symbols N, in [2, 65536]: log2 N bits per coordinate and round
 */
public record RefinementChannel(double clip, int symbols) {
  /** Checks both. */
  public RefinementChannel {
    if (!(clip > 0 && clip <= 0x1p19)) {
      throw new IllegalArgumentException("clip must be in (0, 2^19] logits, got " + clip);
    }
    if (symbols < 2 || symbols > 1 << 16) {
      throw new IllegalArgumentException("symbols must be in [2, 65536], got " + symbols);
    }
  }

  /**
   * The step 2R/(N-1), in logits, that covers [-R, R] for any dither.
   *
   * @param range R, in logits
   */
  public double step(double range) {
    return 2.0 * range / (symbols - 1);
  }
}
