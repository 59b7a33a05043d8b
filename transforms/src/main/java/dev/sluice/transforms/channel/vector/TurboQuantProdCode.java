package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.channel.codebook.ScalarLevels;
import dev.sluice.transforms.channel.codebook.SphereLloydMax;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;

/**
 * TurboQuant for inner products: b - 1 bits a coordinate as in {@link TurboQuantMseCode}, then one
 * for the residual e, in one of two ways.
 *
 * <p><b>Dense</b>, as published (QJL): the signs s of S e and the norm of e, S a keyed d x d matrix
 * of independent normals. Decoded to {@code e' = sqrt(pi/2)/d |e| S^T s}. For a row g of S, E[g
 * sign(g.e)] = sqrt(2/pi) e/|e|, so that the mean of e' over S is e: unbiased for every vector and
 * whatever the rotation is. E|e' - e|^2 = (pi/2 - 1/d) |e|^2. It takes d^2 normals for each vector,
 * either way.
 *
 * <p><b>Hadamard</b>, ours: the signs of u = R e under a second rotation R, of a key of its own,
 * and the scale c = |e|^2/|u|_1. Decoded to {@code e' = c R^T sign(u)}, so that {@code <e, e'> =
 * |e|^2} whatever R is; and over a uniform R the mean of e' is a multiple of e, hence e itself.
 * E|e' - e|^2 is near to (pi/2 - 1) |e|^2.
 *
 * <p>The code: 32 bits as in {@link ScaledRotation}; 32 bits, for |e| as a float32 in units of the
 * scale, or for the rounds of R and c in the same units; then b bits a coordinate, the sign last.
 */
final class TurboQuantProdCode implements VectorCode {
  /** The most bits a coordinate. */
  static final int MAX_BITS = 8;

  /** The largest dimension of the dense one: 16.8 million normals a vector. */
  static final int MAX_DENSE_DIMENSION = 1 << 12;

  private static final String SOURCE =
      "Zandieh, Daliri, Hadian and Mirrokni, TurboQuant, arXiv 2504.19874";

  /** As published. */
  static final VectorQuantizer DENSE =
      new IntegerRates(
          "turboquant-prod",
          "TurboQuant for inner products: one bit less of turboquant-mse, and signs of the residual"
              + " under a dense matrix of normals",
          new Declaration(
              Declaration.Bias.NONE,
              Optional.of(
                  "vNMSE is pi/2 - 1/d times that of turboquant-mse at one bit less, for every"
                      + " vector under a uniform rotation"),
              "norm and rounds of the rotation, norm of the residual: 64 bits",
              "none",
              SOURCE),
          MAX_BITS,
          MAX_DENSE_DIMENSION,
          true,
          TurboQuantProdCode::size,
          (bits, dimension) -> new TurboQuantProdCode(bits, dimension, true));

  /** With a rotation in place of the matrix. */
  static final VectorQuantizer HADAMARD =
      new IntegerRates(
          "turboquant-prod-hadamard",
          "One bit less of turboquant-mse, and signs of the residual under a second rotation with an"
              + " unbiased scale",
          new Declaration(
              Declaration.Bias.NONE_BY_ROTATION,
              Optional.of(
                  "vNMSE is near to pi/2 - 1 times that of turboquant-mse at one bit less for large"
                      + " d, for every vector under uniform rotations"),
              "norm and rounds of the rotation, scale of the residual and rounds of its own: 64"
                  + " bits",
              "none",
              SOURCE + "; the residual's scale as in DRIVE, arXiv 2105.08339"),
          MAX_BITS,
          Integer.MAX_VALUE,
          false,
          TurboQuantProdCode::size,
          (bits, dimension) -> new TurboQuantProdCode(bits, dimension, false));

  /** Places of the key's words: those below are for rotations. */
  private static final int MATRIX_STREAM = 8;

  private static final int SECOND_ROTATION = 9;

  private final int bits;
  private final int dimension;
  private final boolean dense;
  private final ScalarLevels levels;
  private final ScaledRotation vector;
  private final ScaledRotation residual;
  private final float[] errors;
  private final int[] symbols;
  private final double largestError;

  TurboQuantProdCode(int bits, int dimension, boolean dense) {
    this.bits = bits;
    this.dimension = dimension;
    this.dense = dense;
    this.levels =
        bits == 1 ? null : ScalarLevels.of(SphereLloydMax.of(1 << (bits - 1), dimension).levels());
    double reach = levels == null ? 0 : levels.reach();
    double root = StrictMath.sqrt(dimension);
    // |e| is at most that much, by the triangle inequality; and so is c, as |u|_1 is at least |e|.
    this.largestError = (2 + reach) * root;
    // Of norm at most sqrt(d) c; or, every normal being below 10, 10 sqrt(d pi/2) |e|.
    double signs = dense ? 10 * StrictMath.sqrt(StrictMath.PI / 2) : 1;
    this.vector = new ScaledRotation(dimension, reach + signs * largestError);
    this.residual = new ScaledRotation(dimension, 1);
    this.errors = new float[dimension];
    this.symbols = new int[dimension];
  }

  private static long size(int bits, int dimension) {
    return 2L * ScaledRotation.SIDE_BITS + (long) bits * dimension;
  }

  @Override
  public int dimension() {
    return dimension;
  }

  @Override
  public String setting() {
    return (levels == null ? "" : levels.size() + " levels and ") + "signs";
  }

  @Override
  public long bits() {
    return size(bits, dimension);
  }

  @Override
  public long encode(float[] x, int from, long key, byte[] out, int at) {
    if (!vector.load(x, from, key)) {
      return bits();
    }
    float[] rotated = vector.rotated();
    double deviation = vector.deviation();
    int word = vector.wordAbove(deviation);
    // The residual is of what is decoded, so that the scale's rounding is in it.
    double ratio = deviation / ScaledRotation.scaleOf(word);
    if (levels != null) {
      levels.nearest(rotated, 0, dimension, symbols);
    }
    for (int i = 0; i < dimension; i++) {
      double sent = levels == null ? 0 : levels.level(symbols[i]);
      errors[i] = (float) (rotated[i] * ratio - sent);
    }
    BitFields fields = new BitFields(out, 8L * at);
    fields.write(word, ScaledRotation.SIDE_BITS);
    float[] signs = dense ? project(key, fields) : rotate(key, fields);
    for (int i = 0; i < dimension; i++) {
      int sign = signs[i] > 0 ? 1 : 0;
      fields.write(symbols[i] << 1 | sign, bits);
    }
    return bits();
  }

  /** Writes |e|; S e. */
  private float[] project(long key, BitFields fields) {
    double energy = 0;
    for (float error : errors) {
      energy += (double) error * error;
    }
    fields.write(Float.floatToRawIntBits((float) Math.sqrt(energy)), Float.SIZE);
    float[] signs = new float[dimension];
    float[] row = new float[dimension];
    Normals normals = new Normals(key);
    for (int i = 0; i < dimension; i++) {
      normals.fill(row);
      double sum = 0;
      for (int j = 0; j < dimension; j++) {
        sum += (double) row[j] * errors[j];
      }
      signs[i] = sum > 0 ? 1 : -1;
    }
    return signs;
  }

  /** Writes R's rounds and c; u. */
  private float[] rotate(long key, BitFields fields) {
    if (!residual.load(errors, 0, second(key))) {
      fields.write(0, ScaledRotation.SIDE_BITS);
      return errors;
    }
    float[] signs = residual.rotated();
    double sum = 0;
    for (float u : signs) {
      sum += Math.abs(u);
    }
    fields.write(
        residual.wordNear(residual.deviation() * dimension / sum), ScaledRotation.SIDE_BITS);
    return signs;
  }

  @Override
  public long decode(byte[] in, int at, long key, float[] out, int to) throws BadCodesException {
    Objects.checkFromIndexSize(to, dimension, out.length);
    BitFields fields = new BitFields(in, 8L * at);
    int word = fields.read(ScaledRotation.SIDE_BITS);
    if (word == 0) {
      Arrays.fill(out, to, to + dimension, 0);
      return bits();
    }
    vector.check(word);
    int residualWord = fields.read(ScaledRotation.SIDE_BITS);
    float length =
        dense ? Float.intBitsToFloat(residualWord) : ScaledRotation.scaleOf(residualWord);
    if (!(length >= 0 && length <= largestError)) {
      throw new BadCodesException(
          "a residual's scale of " + length + ", expected at least 0 and at most " + largestError);
    }
    if (!dense && residualWord != 0) {
      residual.check(residualWord);
    }
    for (int i = 0; i < dimension; i++) {
      int symbol = fields.read(bits);
      out[to + i] = levels == null ? 0 : levels.level(symbol >>> 1);
      errors[i] = (symbol & 1) != 0 ? 1 : -1;
    }
    if (dense) {
      addProjected(key, length, out, to);
    } else if (residualWord != 0) {
      residual.unload(residualWord, second(key), errors, 0);
      for (int i = 0; i < dimension; i++) {
        out[to + i] += errors[i];
      }
    }
    vector.unload(word, key, out, to);
    return bits();
  }

  private void addProjected(long key, float length, float[] out, int to) {
    double scale = StrictMath.sqrt(StrictMath.PI / 2) / dimension * length;
    double[] sums = new double[dimension];
    float[] row = new float[dimension];
    Normals normals = new Normals(key);
    for (int i = 0; i < dimension; i++) {
      normals.fill(row);
      float sign = errors[i];
      for (int j = 0; j < dimension; j++) {
        sums[j] += sign * row[j];
      }
    }
    for (int j = 0; j < dimension; j++) {
      out[to + j] += (float) (scale * sums[j]);
    }
  }

  private static long second(long key) {
    return Dither.word(key, SECOND_ROTATION);
  }

  /**
   * Standard normals, by counter: Marsaglia and Bray's polar method, from pairs of 32 bits of keyed
   * words. SIAM Review 6(3), 1964.
   */
  private static final class Normals {
    private long counter;

    Normals(long key) {
      counter = Dither.word(key, MATRIX_STREAM);
    }

    void fill(float[] row) {
      for (int j = 0; j < row.length; j += 2) {
        double a;
        double b;
        double square;
        do {
          counter += Dither.GAMMA;
          long word = Dither.mix(counter);
          a = ((int) word + 0.5) * 0x1p-31;
          b = ((int) (word >> 32) + 0.5) * 0x1p-31;
          square = a * a + b * b;
        } while (square >= 1);
        double factor = Math.sqrt(-2 * StrictMath.log(square) / square);
        row[j] = (float) (a * factor);
        if (j + 1 < row.length) {
          row[j + 1] = (float) (b * factor);
        }
      }
    }
  }
}
