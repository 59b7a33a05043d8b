package dev.sluice.transforms.channel.codebook;

import dev.sluice.transforms.channel.Dither;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Makes the codebooks of {@link FibCodebook}: words for a block of k coordinates of a uniformly
 * random unit vector of 128 dimensions, times sqrt(128).
 *
 * <p>Where the words start: word n of N has a radius at quantile (n + 1/2)/N of the law whose
 * density is the block's to the power k/(k + 2) (Bennett and Gersho's), radius^2/d of which has a
 * Beta law; and direction n of a spiral by the golden angle for k = 2, of a Fibonacci sphere for k
 * = 3, and for others of Roberts's sequence n/g, n/g^2, ... mod 1, g^(k+1) = g + 1, taken to
 * normals in pairs by Box and Muller and from there to the sphere. Further starts are drawn from
 * the block's own law, keyed.
 *
 * <p>Each start is refined by Lloyd's iterations on a keyed sample. The best one on another sample
 * is refined on larger ones, at last of 1000 vectors to a word: enough that its error on fresh
 * vectors is within 1 % of that on the sample.
 *
 * <p>Lee and Kim, FibQuant, arXiv 2605.11478; Linde, Buzo and Gray, IEEE Trans. Comm. 28(1), 1980.
 */
public final class FibCodebookDesign {
  /** The dimension for which words are optimised. */
  static final int DIMENSION = 128;

  /** Vectors to a word in each stage, at least so many in all, and iterations. */
  private static final int[] VECTORS = {32, 200, 1000};

  private static final int[] LEAST_VECTORS = {1 << 14, 1 << 16, 1 << 18};
  private static final int[] ITERATIONS = {30, 10, 3};
  private static final int RADIUS_CELLS = 1 << 14;

  private FibCodebookDesign() {}

  /**
   * Writes every codebook: {@code java ... FibCodebookDesign DIRECTORY}. A quarter of an hour.
   *
   * @param arguments the directory, which exists
   */
  public static void main(String[] arguments) throws IOException {
    Path directory = Path.of(arguments[0]);
    for (int block : FibCodebook.blocks()) {
      for (int bits = 1; bits <= FibCodebook.longestAddress(block); bits++) {
        float[] words = design(block, bits);
        ByteBuffer bytes = ByteBuffer.allocate(4 * words.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(words);
        Files.write(directory.resolve(FibCodebook.file(block, bits)), bytes.array());
      }
    }
  }

  /** The words of a codebook, one after another, in increasing order of their first coordinates. */
  static float[] design(int block, int bits) {
    int count = 1 << bits;
    long key = key(block, bits);
    float[] first = stage(0, block, count, key);
    float[] test = sample(block, first.length / block, key + 10);
    float[] best = null;
    double least = Double.POSITIVE_INFINITY;
    int starts = Math.max(2, Math.min(8, 1024 / count));
    for (int start = 0; start < starts; start++) {
      float[] from =
          start == 0 ? radialAngular(block, count) : sample(block, count, key + 10 + start);
      float[] words = refine(NearestWord.sorted(from, block), block, first, ITERATIONS[0]);
      double error = error(words, block, test);
      if (error < least) {
        least = error;
        best = words;
      }
    }
    for (int i = 1; i < VECTORS.length; i++) {
      best = refine(best, block, stage(i, block, count, key), ITERATIONS[i]);
    }
    return best;
  }

  /** The sample that a stage refines words on. */
  static float[] stage(int stage, int block, int count, long key) {
    int vectors = Math.max(LEAST_VECTORS[stage], VECTORS[stage] * count);
    return sample(block, vectors, key + 1 + stage);
  }

  /** Where the draws for a codebook start. */
  static long key(int block, int bits) {
    return Dither.mix(block * 100L + bits);
  }

  /** Mean squared error per coordinate. */
  static double error(float[] words, int block, float[] sample) {
    NearestWord nearest = new NearestWord(words, block);
    double error = 0;
    for (int at = 0; at < sample.length; at += block) {
      int word = nearest.of(sample, at, block);
      for (int j = 0; j < block; j++) {
        double difference = sample[at + j] - words[word * block + j];
        error += difference * difference;
      }
    }
    return error / sample.length;
  }

  private static float[] refine(float[] words, int block, float[] sample, int iterations) {
    int count = words.length / block;
    float[] now = words;
    for (int iteration = 0; iteration < iterations; iteration++) {
      NearestWord nearest = new NearestWord(now, block);
      double[] sums = new double[words.length];
      double[] errors = new double[count];
      int[] members = new int[count];
      for (int at = 0; at < sample.length; at += block) {
        int word = nearest.of(sample, at, block);
        members[word]++;
        for (int j = 0; j < block; j++) {
          double difference = sample[at + j] - now[word * block + j];
          errors[word] += difference * difference;
          sums[word * block + j] += sample[at + j];
        }
      }
      for (int word = 0; word < count; word++) {
        for (int j = 0; j < block; j++) {
          sums[word * block + j] /= Math.max(1, members[word]);
        }
      }
      for (int word = 0; word < count; word++) {
        if (members[word] == 0) {
          splitWorst(sums, block, errors, word);
        }
      }
      float[] next = new float[sums.length];
      for (int i = 0; i < sums.length; i++) {
        next[i] = (float) sums[i];
      }
      next = NearestWord.sorted(next, block);
      if (Arrays.equals(next, now)) {
        break;
      }
      now = next;
    }
    return now;
  }

  /** Puts a word that nothing is nearest to beside the one with the most error. */
  private static void splitWorst(double[] words, int block, double[] errors, int empty) {
    int worst = 0;
    for (int word = 1; word < errors.length; word++) {
      worst = errors[word] > errors[worst] ? word : worst;
    }
    for (int j = 0; j < block; j++) {
      words[empty * block + j] = words[worst * block + j] * (1 + 1e-3) + 1e-3;
    }
    errors[empty] = errors[worst] /= 2;
  }

  private static float[] radialAngular(int block, int count) {
    double[] radii = compandedRadii(block, count);
    float[] words = new float[count * block];
    double[] direction = new double[block];
    double golden = (1 + StrictMath.sqrt(5)) / 2;
    for (int n = 0; n < count; n++) {
      int rank = n;
      if (block == 2) {
        circle(direction, 2 * StrictMath.PI * n / golden);
      } else if (block == 3) {
        double height = 1 - (2.0 * n + 1) / count;
        circle(direction, 2 * StrictMath.PI * n / golden);
        double across = StrictMath.sqrt(1 - height * height);
        direction[0] *= across;
        direction[1] *= across;
        direction[2] = height;
        // The sphere is walked from pole to pole: ranks are spread along the way.
        rank = (int) (fraction((n + 0.5) * StrictMath.sqrt(2)) * count);
      } else {
        roberts(direction, n);
      }
      for (int j = 0; j < block; j++) {
        words[n * block + j] = (float) (radii[rank] * direction[j]);
      }
    }
    return words;
  }

  private static void circle(double[] direction, double angle) {
    direction[0] = StrictMath.cos(angle);
    direction[1] = StrictMath.sin(angle);
  }

  private static void roberts(double[] direction, int n) {
    int block = direction.length;
    double generalised = 1;
    for (int i = 0; i < 100; i++) {
      generalised = StrictMath.pow(1 + generalised, 1.0 / (block + 1));
    }
    double step = 1;
    double norm = 0;
    for (int j = 0; j < block; j += 2) {
      step /= generalised;
      double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - fraction(0.5 + (n + 1) * step)));
      step /= generalised;
      double angle = 2 * StrictMath.PI * fraction(0.5 + (n + 1) * step);
      direction[j] = radius * StrictMath.cos(angle);
      direction[j + 1] = radius * StrictMath.sin(angle);
      norm += radius * radius;
    }
    for (int j = 0; j < block; j++) {
      direction[j] /= StrictMath.sqrt(norm);
    }
  }

  private static double fraction(double x) {
    return x - Math.floor(x);
  }

  /**
   * Quantiles of the radius where radius^2/d is Beta(k/2, b), b = 1 + ((d - k)/2 - 1) k/(k + 2). By
   * radius = sqrt(d) sin t the density is sin^(k-1) t cos^(2b-1) t.
   */
  private static double[] compandedRadii(int block, int count) {
    double b = 1 + ((DIMENSION - block) / 2.0 - 1) * block / (block + 2);
    double[] below = new double[RADIUS_CELLS + 1];
    double cell = StrictMath.PI / 2 / RADIUS_CELLS;
    for (int i = 0; i < RADIUS_CELLS; i++) {
      double t = (i + 0.5) * cell;
      below[i + 1] =
          below[i]
              + StrictMath.pow(StrictMath.sin(t), block - 1)
                  * StrictMath.pow(StrictMath.cos(t), 2 * b - 1);
    }
    double[] radii = new double[count];
    int i = 0;
    for (int n = 0; n < count; n++) {
      double quantile = (n + 0.5) / count * below[RADIUS_CELLS];
      while (below[i + 1] < quantile) {
        i++;
      }
      double t = (i + (quantile - below[i]) / (below[i + 1] - below[i])) * cell;
      radii[n] = StrictMath.sqrt(DIMENSION) * StrictMath.sin(t);
    }
    return radii;
  }

  /**
   * Blocks of random unit vectors times sqrt(d), a function of the key: k normals over the norm of
   * d normals, the squares of the others drawn together, in pairs as exponentials.
   */
  static float[] sample(int block, int count, long key) {
    float[] sample = new float[Math.multiplyExact(block, count)];
    Draws draws = new Draws(key);
    int pairs = (DIMENSION - block) / 2;
    boolean odd = (DIMENSION - block) % 2 != 0;
    double[] normals = new double[block + 2];
    for (int i = 0; i < count; i++) {
      double norm = 0;
      for (int j = 0; j < block + (odd ? 1 : 0); j += 2) {
        double radius = StrictMath.sqrt(-2 * StrictMath.log(draws.next()));
        double angle = 2 * StrictMath.PI * draws.next();
        normals[j] = radius * StrictMath.cos(angle);
        normals[j + 1] = radius * StrictMath.sin(angle);
        norm += radius * radius;
      }
      double product = 1;
      for (int pair = 0; pair < pairs; pair++) {
        product *= draws.next();
      }
      norm -= 2 * StrictMath.log(product);
      double scale = StrictMath.sqrt(DIMENSION / norm);
      for (int j = 0; j < block; j++) {
        sample[i * block + j] = (float) (normals[j] * scale);
      }
    }
    return sample;
  }

  /** Numbers uniform in (0, 1), by counter. */
  private static final class Draws {
    private long counter;

    Draws(long key) {
      counter = Dither.mix(key);
    }

    double next() {
      counter += Dither.GAMMA;
      return ((Dither.mix(counter) >>> 12) + 0.5) * 0x1p-52;
    }
  }
}
