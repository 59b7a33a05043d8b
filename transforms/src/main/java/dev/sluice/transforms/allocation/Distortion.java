package dev.sluice.transforms.allocation;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The error's variance at a coordinate, as a multiple of w = L²/3 logits², L the clip level. THEORY
 * 2.2 and 5.4. Convex and decreasing in b, and in log2 N.
 */
public enum Distortion {
  /**
   * The quantiser 'dither': N symbols, step 2L/(N − 1), so Δ²/12 = w/(N − 1)². Fewer than two
   * symbols say nothing: b ≥ 1.
   */
  SHRUNK("shrunk") {
    @Override
    public double ofSymbols(int symbols) {
      checkSymbols(symbols);
      return 1.0 / ((symbols - 1.0) * (symbols - 1.0));
    }

    @Override
    public double ofBits(double bits) {
      return mixed(bits);
    }
  },
  /**
   * The published model, w·4^−b, which is w/N² at N = 2^b. The quantiser 'dither-paper' attains it
   * with a symbol more than b bits pay for.
   */
  MODEL("model") {
    @Override
    public double ofSymbols(int symbols) {
      checkSymbols(symbols);
      return 1.0 / ((double) symbols * symbols);
    }

    @Override
    public double ofBits(double bits) {
      if (!(bits > 0 && bits <= Levels.MAX_BITS)) {
        throw new IllegalArgumentException(
            "bits per coordinate must be in (0, " + Levels.MAX_BITS + "], got " + bits);
      }
      return StrictMath.pow(2, -2 * bits);
    }
  };

  private final String label;

  Distortion(String label) {
    this.label = label;
  }

  /** Its name. */
  public String label() {
    return label;
  }

  /**
   * Variance / w with N symbols.
   *
   * @param symbols N, in [2, 65537]
   */
  public abstract double ofSymbols(int symbols);

  /**
   * Variance / w with b bits per coordinate; for {@link #SHRUNK}, the mean over coordinates, of
   * which {@link Levels#finerShare} have N + 1 symbols and the others N. A block realises the share
   * to the length of its code: a bit, and 3·10^-6 of its length (FORMAT 3.6).
   *
   * @param bits b, in [1, 16]; for {@link #MODEL}, in (0, 16]
   */
  public abstract double ofBits(double bits);

  /**
   * The distortion with this label.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static Distortion of(String label) {
    for (Distortion distortion : values()) {
      if (distortion.label.equals(label)) {
        return distortion;
      }
    }
    throw new IllegalArgumentException(
        "distortion must be one of "
            + Arrays.stream(values()).map(Distortion::label).collect(Collectors.joining(", "))
            + "; got '"
            + label
            + "'");
  }

  /**
   * Variance / w where {@link Levels#finerShare} of the coordinates have N + 1 symbols and the
   * others N = {@link Levels#symbols}.
   *
   * @param bits b, in [1, 16]
   */
  double mixed(double bits) {
    int symbols = Levels.symbols(bits);
    double share = Levels.finerShare(bits);
    return share == 0
        ? ofSymbols(symbols)
        : share * ofSymbols(symbols + 1) + (1 - share) * ofSymbols(symbols);
  }

  private static void checkSymbols(int symbols) {
    if (symbols < 2 || symbols > Levels.MAX_SYMBOLS + 1) {
      throw new IllegalArgumentException(
          "symbols must be in [2, " + (Levels.MAX_SYMBOLS + 1) + "], got " + symbols);
    }
  }
}
