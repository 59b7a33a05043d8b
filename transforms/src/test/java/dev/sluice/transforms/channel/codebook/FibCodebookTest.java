package dev.sluice.transforms.channel.codebook;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("long")
class FibCodebookTest {
  private static float[] words(FibCodebook codebook) {
    int block = codebook.block();
    float[] words = new float[block << codebook.addressBits()];
    for (int i = 0; i < words.length; i++) {
      words[i] = codebook.coordinate(i / block, i % block);
    }
    return words;
  }

  @Test
  void tablesAreWhatTheDesignMakes() {
    for (int[] shape : new int[][] {{2, 3}, {3, 2}, {4, 4}, {8, 3}}) {
      assertThat(
          words(FibCodebook.of(shape[0], shape[1])),
          is(FibCodebookDesign.design(shape[0], shape[1])));
    }
  }

  @Test
  void everyTableIsThereAndBetterThanTheOneOfAShorterAddress() {
    for (int block : FibCodebook.blocks()) {
      float[] sample = FibCodebookDesign.sample(block, 4000, 31);
      double previous = 1;
      for (int bits = 1; bits <= FibCodebook.longestAddress(block); bits++) {
        FibCodebook codebook = FibCodebook.of(block, bits);
        assertThat(codebook.block(), is(block));
        assertThat(codebook.addressBits(), is(bits));
        double error = FibCodebookDesign.error(words(codebook), block, sample);
        assertThat(error, lessThan(previous));
        previous = error;
      }
    }
  }

  @Test
  void theErrorOnFreshVectorsIsWithinOnePerCentOfTheOneOnTheSample() {
    for (int[] shape : new int[][] {{2, 6}, {4, 8}, {8, 8}}) {
      float[] words = words(FibCodebook.of(shape[0], shape[1]));
      long key = FibCodebookDesign.key(shape[0], shape[1]);
      float[] trained = FibCodebookDesign.stage(2, shape[0], 1 << shape[1], key);
      float[] fresh = FibCodebookDesign.sample(shape[0], trained.length / shape[0], 77);
      double sampleError = FibCodebookDesign.error(words, shape[0], trained);
      // Two samples of 2^18 blocks: their own spread is below 0.25 % in all.
      assertThat(
          FibCodebookDesign.error(words, shape[0], fresh),
          closeTo(sampleError, 0.01 * sampleError));
    }
  }

  @Test
  void samplesHaveTheSecondAndFourthMomentsOfASphere() {
    for (int block : FibCodebook.blocks()) {
      int count = 200_000;
      float[] sample = FibCodebookDesign.sample(block, count, 5);
      double squares = 0;
      double fourths = 0;
      for (int at = 0; at < sample.length; at += block) {
        double square = 0;
        for (int j = 0; j < block; j++) {
          square += (double) sample[at + j] * sample[at + j];
        }
        squares += square / count;
        fourths += square * square / count;
      }
      // radius^2/d is Beta(k/2, (d-k)/2): mean k/d, second moment k(k+2)/(d(d+2)).
      double d = FibCodebookDesign.DIMENSION;
      double second = block * (block + 2) * d / (d + 2);
      double spread = Math.sqrt((second - block * block) / count);
      assertThat(squares, closeTo(block, 5 * spread));
      // The eighth moment of a normal vector bounds the spread of the fourth.
      double eighth = block * (block + 2.0) * (block + 4) * (block + 6);
      assertThat(fourths, closeTo(second, 5 * Math.sqrt((eighth - second * second) / count)));
    }
  }

  @Test
  void theNearestWordIsTheNearest() {
    for (int[] shape : new int[][] {{2, 1}, {2, 9}, {3, 7}, {4, 12}, {8, 8}}) {
      FibCodebook codebook = FibCodebook.of(shape[0], shape[1]);
      NearestWord nearest = codebook.nearest();
      float[] x = FibCodebookDesign.sample(shape[0], 300, 9);
      x[0] = 100;
      x[shape[0]] = -100;
      for (int at = 0; at < x.length; at += shape[0]) {
        int length = 1 + at / shape[0] % shape[0];
        double least = Double.POSITIVE_INFINITY;
        for (int word = 0; word < 1 << shape[1]; word++) {
          least = Math.min(least, distance(codebook, word, x, at, length));
        }
        int found = nearest.of(x, at, length);
        assertThat(distance(codebook, found, x, at, length), closeTo(least, 1e-5 * least + 1e-12));
      }
    }
  }

  private static double distance(FibCodebook codebook, int word, float[] x, int at, int length) {
    double sum = 0;
    for (int j = 0; j < length; j++) {
      double difference = x[at + j] - codebook.coordinate(word, j);
      sum += difference * difference;
    }
    return sum;
  }

  @Test
  void refusesOtherShapes() {
    assertThrows(IllegalArgumentException.class, () -> FibCodebook.of(5, 3));
    assertThrows(IllegalArgumentException.class, () -> FibCodebook.of(4, 0));
    assertThrows(IllegalArgumentException.class, () -> FibCodebook.of(4, 13));
    assertThrows(IllegalArgumentException.class, () -> FibCodebook.of(8, 12));
    assertThrows(
        IllegalArgumentException.class, () -> new NearestWord(new float[] {1, 0, 0, 0}, 2));
  }
}
