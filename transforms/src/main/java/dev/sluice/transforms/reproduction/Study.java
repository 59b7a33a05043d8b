package dev.sluice.transforms.reproduction;

import dev.sluice.schemas.Reproduction;

/** An experiment's settings, what one repetition of one of them measures, and its table. */
interface Study {
  /** Settings that are run by themselves. */
  int settings();

  /**
   * Measures one repetition. Pure.
   *
   * @param setting in [0, settings)
   * @return the same quantities in the same order for all repetitions of a setting
   */
  double[] run(int setting, long seed);

  /**
   * The table, all but format, experiment, seed and seeds.
   *
   * @param results [setting][repetition][quantity]
   */
  Reproduction.Builder table(double[][][] results);
}
