package dev.sluice.transforms.channel.vector;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.codebook.SphereLloydMax;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FibQuantTest {
  private static final VectorQuantizer BEST = VectorQuantizers.find("fibquant").orElseThrow();

  @Test
  void errorsAreWithinThreePerCentOfTheBoundsOfKMeans() throws BadCodesException {
    Object[][] rows = {
      {"fibquant-4", 1.0, 0.339},
      {"fibquant-8", 1.0, 0.3216},
      {"fibquant-2", 2.0, 0.1066},
      {"fibquant-4", 2.0, 0.0970},
      {"fibquant-2", 3.0, 0.0296},
      {"fibquant-8", 0.5, 0.6005},
      {"fibquant", 0.5, 0.6005},
      {"fibquant", 1.0, 0.3216},
      {"fibquant", 2.0, 0.0970}
    };
    for (Object[] row : rows) {
      VectorCode code = CodeLaws.code((String) row[0], (double) row[1], 128);
      CodeLaws.Measured measured = CodeLaws.measure(code, 2500, 17);
      assertThat(row[0] + " at " + row[1], measured.error(), lessThan(1.03 * (double) row[2]));
    }
  }

  @Test
  void blocksAreBetterThanTheScalarCodeAtTheSameRate() throws BadCodesException {
    for (int bits = 1; bits <= 3; bits++) {
      double scalar = SphereLloydMax.of(1 << bits, 128).mse();
      for (String name : new String[] {"fibquant-2", "fibquant-3", "fibquant-4", "fibquant"}) {
        VectorCode code = CodeLaws.code(name, bits, 128);
        CodeLaws.Measured measured = CodeLaws.measure(code, 2500, 18);
        // A standard error is about 0.2 %. Four words in the plane are the scalar code's.
        double most = name.equals("fibquant-2") && bits == 1 ? 1.01 : 0.985;
        assertThat(name + " at " + bits, measured.error(), lessThan(most * scalar));
      }
    }
  }

  @Test
  void tablesOfOneDimensionServeOthers() throws BadCodesException {
    // The law of a block tends to the normal one, whose bounds these are.
    for (int d : new int[] {1024, 8192}) {
      CodeLaws.Measured measured =
          CodeLaws.measure(CodeLaws.code("fibquant-4", 2, d), d == 1024 ? 500 : 60, 19);
      assertThat(measured.error(), lessThan(1.03 * 0.0981));
    }
  }

  @Test
  void everyBlockIsFoundAtItsOwnAddress() throws BadCodesException {
    for (int d : new int[] {3, 8, 64, 77}) {
      FibQuantCode code = new FibQuantCode(4, 7, d);
      byte[] bytes = new byte[CodeLaws.bytes(code)];
      code.encode(CodeLaws.vector(d, 5), 0, 6, bytes, 0);
      float[] whole = new float[d];
      code.decode(bytes, 0, 6, whole, 0);
      for (int i = 0; 4 * i < d; i++) {
        // Only the bits of this address, and the others' inverted.
        byte[] alone = new byte[bytes.length];
        Arrays.fill(alone, (byte) 0xff);
        for (int bit = 32 + 7 * i; bit < 39 + 7 * i; bit++) {
          int mask = 0x80 >>> (bit & 7);
          alone[bit >>> 3] = (byte) ((alone[bit >>> 3] & ~mask) | (bytes[bit >>> 3] & mask));
        }
        float[] fromAll = new float[4];
        float[] fromOne = new float[4];
        code.rotatedBlock(bytes, 0, i, fromAll, 0);
        code.rotatedBlock(alone, 0, i, fromOne, 0);
        assertThat(fromOne, is(fromAll));
      }
    }
  }

  @Test
  void theScaleIsTheOneOfLeastError() throws BadCodesException {
    float[] x = CodeLaws.vector(100, 3);
    for (int block : new int[] {2, 3, 4, 8}) {
      FibQuantCode code = new FibQuantCode(block, 6, 100);
      byte[] bytes = new byte[CodeLaws.bytes(code)];
      code.encode(x, 0, 6, bytes, 0);
      float[] y = new float[100];
      code.decode(bytes, 0, 6, y, 0);
      double least = CodeLaws.relative(x, y);
      for (float factor : new float[] {0.98f, 1.02f}) {
        float[] other = new float[100];
        for (int j = 0; j < 100; j++) {
          other[j] = y[j] * factor;
        }
        assertThat(least, lessThan(CodeLaws.relative(x, other)));
      }
    }
  }

  @Test
  void ratesAreAddressBitsOverBlockAndTheLongestBlockIsTaken() {
    assertThat(CodeLaws.code("fibquant", 0.125, 64).setting(), is("2 words for blocks of 8"));
    assertThat(CodeLaws.code("fibquant", 1.0 / 3, 64).setting(), is("2 words for blocks of 3"));
    assertThat(CodeLaws.code("fibquant", 1.375, 64).setting(), is("2048 words for blocks of 8"));
    assertThat(CodeLaws.code("fibquant", 1.5, 64).setting(), is("64 words for blocks of 4"));
    assertThat(CodeLaws.code("fibquant", 2, 64).setting(), is("256 words for blocks of 4"));
    assertThat(CodeLaws.code("fibquant", 4, 64).setting(), is("4096 words for blocks of 3"));
    assertThat(CodeLaws.code("fibquant", 6, 64).setting(), is("4096 words for blocks of 2"));
    for (double rate : new double[] {0, 0.1, 6.5, 8, -1, Double.NaN}) {
      assertThat(BEST.at(rate, 64), is(Optional.empty()));
    }
    assertThat(VectorQuantizers.find("fibquant-3").orElseThrow().at(0.5, 64), is(Optional.empty()));
  }

  @Test
  void sideInformationAndTheLastBlockAreCounted() {
    assertThat(CodeLaws.code("fibquant-4", 2, 128).bits(), is(32L + 256));
    assertThat(CodeLaws.code("fibquant-4", 2, 129).bits(), is(32L + 256 + 8));
    assertThat(BEST.within(32 + 256, 128).orElseThrow().setting(), is("256 words for blocks of 4"));
    assertThat(BEST.within(32 + 255, 128).orElseThrow().bits() <= 32 + 255, is(true));
    assertThat(BEST.within(32 + 16, 128).orElseThrow().setting(), is("2 words for blocks of 8"));
    assertThat(BEST.within(32 + 15, 128), is(Optional.empty()));
  }

  @Test
  void edges() throws BadCodesException {
    CodeLaws.checkEdges(BEST, new double[] {0.5, 1, 2, 6});
    CodeLaws.checkEdges(VectorQuantizers.find("fibquant-3").orElseThrow(), new double[] {1});
  }

  @Test
  void hostileBytesDecodeToFiniteVectorsOrAreRefused() {
    CodeLaws.checkHostile(BEST, new double[] {0.5, 2, 6}, 200);
  }

  @Test
  void codesAreTheSameEverywhere() throws BadCodesException {
    assertThat(CodeLaws.checksum(BEST, new double[] {0.5, 1, 2, 4, 6}), is("91deac5a"));
  }
}
