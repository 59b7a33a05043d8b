package dev.sluice.transforms.comparison;

import dev.sluice.transforms.synthetic.BigramSites;
import java.util.Arrays;
import java.util.Locale;
import org.apache.commons.rng.UniformRandomProvider;

/** Where vectors come from. Drawn ones are a function of the seed and the trial. */
public enum VectorSource {
  /** Independent N(0, 1). */
  GAUSSIAN("independent normal coordinates"),
  /** exp of independent N(0, 1): all positive, a few large. */
  LOGNORMAL("exponentials of independent normal coordinates"),
  /** One coordinate in 32, at random places and at least one, is N(0, 1); the others are 0. */
  SPARSE("one coordinate in 32 normal, the others 0"),
  /** Rows of a file. */
  FILE("rows of a file");

  private static final int SPARSITY = 32;

  private final String what;

  VectorSource(String what) {
    this.what = what;
  }

  /** Its name on the command line and in documents. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** What its vectors are, for people. */
  public String what() {
    return what;
  }

  /**
   * Draws a vector.
   *
   * @param seed of the comparison
   * @param trial from 0
   * @param vector receives d coordinates
   * @throws IllegalStateException if vectors are read, not drawn
   */
  void draw(long seed, long trial, float[] vector) {
    UniformRandomProvider random = BigramSites.generator(seed, trial);
    double[] normal = new double[vector.length];
    BigramSites.fillNormal(random, normal);
    switch (this) {
      case GAUSSIAN -> {
        for (int c = 0; c < vector.length; c++) {
          vector[c] = (float) normal[c];
        }
      }
      case LOGNORMAL -> {
        for (int c = 0; c < vector.length; c++) {
          vector[c] = (float) StrictMath.exp(normal[c]);
        }
      }
      case SPARSE -> {
        Arrays.fill(vector, 0);
        for (int left = Math.max(1, vector.length / SPARSITY); left > 0; left--) {
          int place = random.nextInt(vector.length);
          while (vector[place] != 0) {
            place = random.nextInt(vector.length);
          }
          vector[place] = (float) normal[place];
        }
      }
      case FILE -> throw new IllegalStateException("rows of a file are read");
    }
  }
}
