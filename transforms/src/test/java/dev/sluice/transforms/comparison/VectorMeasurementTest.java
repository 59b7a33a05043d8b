package dev.sluice.transforms.comparison;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.nullValue;

import dev.sluice.schemas.AveragedVectors;
import dev.sluice.schemas.VectorCell;
import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.channel.vector.Declaration;
import dev.sluice.transforms.channel.vector.VectorCode;
import dev.sluice.transforms.channel.vector.VectorQuantizer;
import dev.sluice.transforms.theory.EstimationFloor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What is measured of codes whose error is known. */
class VectorMeasurementTest {
  private static final int DIMENSION = 200;

  /** Decodes to {@code share} of the vector, plus or minus {@code noise} by the key. */
  private record Known(double share, double noise) implements VectorQuantizer {
    @Override
    public String name() {
      return "known";
    }

    @Override
    public String what() {
      return "a code of known error";
    }

    @Override
    public Declaration declaration() {
      return new Declaration(
          Declaration.Bias.BIASED, Optional.empty(), "nothing", "none", "this test");
    }

    @Override
    public Optional<VectorCode> at(double rate, int dimension) {
      return rate == 32 ? Optional.of(new Code(dimension)) : Optional.empty();
    }

    @Override
    public Optional<VectorCode> within(long bits, int dimension) {
      return at(32, dimension);
    }

    private final class Code implements VectorCode {
      private final int dimension;

      Code(int dimension) {
        this.dimension = dimension;
      }

      @Override
      public int dimension() {
        return dimension;
      }

      @Override
      public String setting() {
        return "all of it";
      }

      @Override
      public long bits() {
        return 32L * dimension + 64;
      }

      @Override
      public long encode(float[] x, int from, long key, byte[] out, int at) {
        for (int c = 0; c < dimension; c++) {
          if (x[from + c] > 1e6) {
            throw new IllegalArgumentException("coordinate " + c + " is above 1e6");
          }
          ByteBuffer.wrap(out).putFloat(at + 4 * c, x[from + c]);
        }
        return 32L * dimension;
      }

      @Override
      public long decode(byte[] in, int at, long key, float[] out, int to) {
        for (int c = 0; c < dimension; c++) {
          boolean up = (Dither.mix(key + c) & 1) == 0;
          double x = ByteBuffer.wrap(in).getFloat(at + 4 * c);
          out[to + c] = (float) (share * x + (up ? noise : -noise));
        }
        return 32L * dimension;
      }
    }
  }

  private static VectorSettings settings(double spread, Integer... nodes) {
    return new VectorSettings(
        VectorSource.GAUSSIAN,
        null,
        DIMENSION,
        20,
        spread,
        3,
        List.of(nodes),
        List.of(32.0),
        List.of("known"));
  }

  private static VectorCell measure(Known code, double rate, VectorSettings settings)
      throws IOException {
    try (Vectors vectors = Vectors.open(settings)) {
      return VectorMeasurement.of(code, rate, settings, vectors);
    }
  }

  @Test
  void whatLosesNothingHasNoError() throws IOException {
    VectorCell cell = measure(new Known(1, 0), 32, settings(0, 1, 4));
    assertThat(cell.getVnmse(), is(0.0));
    assertThat(cell.getBiasSquared(), is(0.0));
    assertThat(cell.getBits(), is(32.0));
    assertThat(cell.getMostBits(), is(32 + 64.0 / DIMENSION));
    assertThat(cell.getAverages().get(1).getError(), is(0.0));
    assertThat(cell.getAverages().get(1).getEstimation(), nullValue());
  }

  /**
   * Half of every vector is lost, whatever the key: a quarter of its square, and no less of means.
   */
  @Test
  void biasStays() throws IOException {
    VectorCell cell = measure(new Known(.5, 0), 32, settings(0, 1, 4, 16));
    assertThat(cell.getVnmse(), closeTo(.25, 1e-6));
    assertThat(cell.getBiasSquared(), closeTo(.25, 1e-6));
    for (AveragedVectors average : cell.getAverages()) {
      assertThat(average.getError(), closeTo(.25, 1e-6));
    }
  }

  /** Signs of a unit are N(0, I)'s own square: the error is E d/|x|² = d/(d − 2), less by K. */
  @Test
  void noiseAveragesOut() throws IOException {
    VectorCell cell = measure(new Known(1, 1), 32, settings(0, 1, 4, 16));
    double one = DIMENSION / (DIMENSION - 2.0);
    assertThat(cell.getVnmse(), closeTo(one, 4 * cell.getVnmseStandardError()));
    assertThat(cell.getVnmseStandardError(), lessThan(.04));
    assertThat(cell.getBiasSquared(), closeTo(0, 4 * cell.getBiasSquaredStandardError()));
    assertThat(cell.getBiasSquaredStandardError(), lessThan(.01));
    for (AveragedVectors average : cell.getAverages()) {
      assertThat(
          average.getError(),
          closeTo(one / average.getNodes(), 4 * average.getErrorStandardError()));
      assertThat(average.getErrorStandardError(), lessThan(.1 * one / average.getNodes()));
    }
  }

  /** Nodes that differ: a code that loses nothing leaves σ²/K, which is above the floor. */
  @Test
  void spreadIsErrorAboutWhatIsCommon() throws IOException {
    VectorCell cell = measure(new Known(1, 0), 32, settings(2, 1, 4, 16));
    for (AveragedVectors average : cell.getAverages()) {
      assertThat(average.getError(), is(0.0));
      double expected = 4.0 / average.getNodes();
      assertThat(
          average.getEstimation(), closeTo(expected, 4 * average.getEstimationStandardError()));
      double floor =
          EstimationFloor.meanSquaredError(
                  DIMENSION, 4, average.getNodes(), 32 * DIMENSION, DIMENSION)
              / DIMENSION;
      assertThat(floor, lessThan(expected));
    }
  }

  @Test
  void oneNodeHasNoBiasToSee() throws IOException {
    VectorCell cell = measure(new Known(.5, 0), 32, settings(0, 1));
    assertThat(cell.getVnmse(), closeTo(.25, 1e-6));
    assertThat(cell.getBiasSquared(), nullValue());
  }

  @Test
  void whatCannotBeSaidHasAReason() throws IOException {
    assertThat(
        measure(new Known(1, 0), 31, settings(0, 1)).getReason(),
        is("no such rate in this dimension"));
    VectorCell cell = measure(new Known(1, 0), 32, settings(1e9, 1));
    assertThat(cell.getVnmse(), nullValue());
    assertThat(cell.getReason(), containsString("vector 0: coordinate "));
  }

  @Test
  void drawnVectorsAreWhatTheyAreCalled() {
    float[] x = new float[100_000];
    VectorSource.GAUSSIAN.draw(1, 0, x);
    assertThat(moment(x, 1), closeTo(0, 4 / Math.sqrt(x.length)));
    assertThat(moment(x, 2), closeTo(1, 4 * Math.sqrt(2.0 / x.length)));
    assertThat(moment(x, 4), closeTo(3, 4 * Math.sqrt(96.0 / x.length)));
    VectorSource.LOGNORMAL.draw(1, 0, x);
    double variance = (Math.E - 1) * Math.E;
    assertThat(moment(x, 1), closeTo(Math.exp(.5), 4 * Math.sqrt(variance / x.length)));
    VectorSource.SPARSE.draw(1, 0, x);
    int others = 0;
    for (float v : x) {
      others += v != 0 ? 1 : 0;
    }
    assertThat(others, is(x.length / 32));
    float[] one = new float[5];
    VectorSource.SPARSE.draw(1, 0, one);
    assertThat(moment(one, 2) > 0, is(true));
  }

  private static double moment(float[] x, int power) {
    double sum = 0;
    for (float v : x) {
      sum += Math.pow(v, power);
    }
    return sum / x.length;
  }
}
