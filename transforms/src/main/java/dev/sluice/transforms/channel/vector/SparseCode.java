package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BitFields;
import dev.sluice.transforms.channel.Largest;
import dev.sluice.transforms.channel.format.FloatFormat;
import java.util.Arrays;
import java.util.Optional;

/**
 * k coordinates as binary16 numbers, the others 0; a power of two of the vector goes before them,
 * so that its size does not matter.
 */
final class SparseCode {
  private static final FloatFormat VALUE = FloatFormat.BINARY16;

  /** The k largest magnitudes, ids and all. */
  static final VectorQuantizer TOP =
      new Family(
          "top-k",
          "The k largest magnitudes, ids of ⌈log2 d⌉ bits in rising order and binary16 values",
          new Declaration(
              Declaration.Bias.BIASED,
              Optional.empty(),
              "⌈log2 d⌉ bits for each value: its id, within the rate; 8 bits a vector: a power of"
                  + " two",
              "none",
              "Stich, Cordonnier and Jaggi, \"Sparsified SGD with Memory\", NeurIPS 2018,"
                  + " arXiv:1809.07599 (without its memory)")) {
        @Override
        int idBits(int k, int dimension) {
          return k == dimension ? 0 : Integer.SIZE - Integer.numberOfLeadingZeros(dimension - 1);
        }

        @Override
        VectorCode of(int k, int idBits, int dimension) {
          return new Top(k, idBits, dimension);
        }
      };

  /** k drawn by both ends. */
  static final VectorQuantizer RANDOM =
      new Family(
          "random-k",
          "k coordinates drawn by both ends, times d/k, as binary16 values rounded stochastically",
          new Declaration(
              Declaration.Bias.NONE,
              Optional.of(
                  "the sum of variances is (d/k − 1)·‖x‖^2, and at most 2^-21·(d/k)·‖x‖^2 more for"
                      + " the rounding"),
              "8 bits a vector: a power of two",
              "none",
              "Konečný and Richtárik, \"Randomized Distributed Mean Estimation: Accuracy vs"
                  + " Communication\", 2018, arXiv:1611.07555")) {
        @Override
        int idBits(int k, int dimension) {
          return 0;
        }

        @Override
        VectorCode of(int k, int idBits, int dimension) {
          return new Sample(k, dimension);
        }
      };

  private SparseCode() {}

  /** Of any rate that buys a coordinate; from d coordinates on all of them. */
  private abstract static class Family implements VectorQuantizer {
    private final String name;
    private final String what;
    private final Declaration declaration;

    Family(String name, String what, Declaration declaration) {
      this.name = name;
      this.what = what;
      this.declaration = declaration;
    }

    abstract int idBits(int k, int dimension);

    abstract VectorCode of(int k, int idBits, int dimension);

    @Override
    public String name() {
      return name;
    }

    @Override
    public String what() {
      return what;
    }

    @Override
    public Declaration declaration() {
      return declaration;
    }

    @Override
    public Optional<VectorCode> at(double rate, int dimension) {
      return largest((long) Math.floor(rate * dimension), dimension);
    }

    @Override
    public Optional<VectorCode> within(long bits, int dimension) {
      return largest(bits - BinaryScale.BITS, dimension);
    }

    private Optional<VectorCode> largest(long bits, int dimension) {
      FieldCode.checkDimension(dimension);
      int k = dimension;
      if (bits < (long) dimension * VALUE.bits()) {
        k =
            (int)
                Math.min(dimension - 1, Math.max(0, bits) / (idBits(1, dimension) + VALUE.bits()));
      }
      return k == 0 ? Optional.empty() : Optional.of(of(k, idBits(k, dimension), dimension));
    }
  }

  private static double readValue(BitFields in, double scale, int place) throws BadCodesException {
    double value = VALUE.decode(in.read(VALUE.bits()));
    if (!Double.isFinite(value)) {
      throw new BadCodesException("value " + place + " is " + value + ", expected a number");
    }
    return value * scale;
  }

  private static final class Top extends FieldCode {
    private final int idBits;
    private final Largest top;
    private final double[] magnitudes;
    private final int[] ids;

    Top(int k, int idBits, int dimension) {
      super(dimension, BinaryScale.BITS + (long) k * (idBits + VALUE.bits()), "k = " + k);
      this.idBits = idBits;
      this.top = new Largest(k, dimension);
      this.magnitudes = new double[dimension];
      this.ids = new int[k];
    }

    @Override
    void write(float[] x, int from, long key, BitFields out) {
      for (int i = 0; i < dimension(); i++) {
        magnitudes[i] = Math.abs(x[from + i]);
      }
      top.select(magnitudes);
      for (int place = 0; place < ids.length; place++) {
        ids[place] = top.id(place);
      }
      int code = BinaryScale.of((float) magnitudes[ids[0]]);
      double scale = BinaryScale.factor(code);
      Arrays.sort(ids);
      out.write(code, BinaryScale.BITS);
      for (int id : ids) {
        if (idBits > 0) {
          out.write(id, idBits);
        }
        out.write(VALUE.encode(x[from + id] / scale), VALUE.bits());
      }
    }

    @Override
    void read(BitFields in, long key, float[] out, int to) throws BadCodesException {
      double scale = BinaryScale.factor(in.read(BinaryScale.BITS));
      Arrays.fill(out, to, to + dimension(), 0);
      int before = -1;
      for (int place = 0; place < ids.length; place++) {
        int id = idBits > 0 ? in.read(idBits) : place;
        if (id <= before || id >= dimension()) {
          throw new BadCodesException(
              "id "
                  + id
                  + " in place "
                  + place
                  + ", expected "
                  + (before + 1)
                  + " to "
                  + (dimension() - 1));
        }
        out[to + id] = FieldCode.nearest(readValue(in, scale, place));
        before = id;
      }
    }
  }

  private static final class Sample extends FieldCode {
    private final int k;
    private final int[] order;

    Sample(int k, int dimension) {
      super(dimension, BinaryScale.BITS + (long) k * VALUE.bits(), "k = " + k);
      this.k = k;
      this.order = new int[dimension];
    }

    /** The first k of a shuffle: Fisher and Yates. */
    private void draw(long key) {
      Arrays.setAll(order, i -> i);
      long draws = stream(key, 0, dimension());
      for (int i = 0; i < k; i++) {
        int other = i + (int) (uniform(draws, i) * (dimension() - i));
        int id = order[other];
        order[other] = order[i];
        order[i] = id;
      }
    }

    @Override
    void write(float[] x, int from, long key, BitFields out) {
      // Half for the rounding.
      checkAtMost(Float.MAX_VALUE / 2.0 * k / dimension(), x, from, dimension());
      draw(key);
      float largest = 0;
      for (int place = 0; place < k; place++) {
        largest = Math.max(largest, Math.abs(x[from + order[place]]));
      }
      int code = BinaryScale.of(largest);
      double scale = BinaryScale.factor(code);
      out.write(code, BinaryScale.BITS);
      long draws = stream(key, 1, dimension());
      for (int place = 0; place < k; place++) {
        double value = x[from + order[place]] / scale;
        out.write(VALUE.encode(value, uniform(draws, place)), VALUE.bits());
      }
    }

    @Override
    void read(BitFields in, long key, float[] out, int to) throws BadCodesException {
      double scale = BinaryScale.factor(in.read(BinaryScale.BITS));
      Arrays.fill(out, to, to + dimension(), 0);
      draw(key);
      for (int place = 0; place < k; place++) {
        out[to + order[place]] = (float) (readValue(in, scale, place) * dimension() / k);
      }
    }
  }
}
