package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BlockDecoder;
import dev.sluice.transforms.channel.BlockEncoder;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.channel.Quantizer;
import dev.sluice.transforms.channel.RadixCode;
import java.util.Arrays;
import java.util.Optional;

/**
 * This project's own channel for one vector: FORMAT 3.3 to 3.6, a block of one probe, the clip
 * level its largest magnitude as a binary16 number rounded up. The vector is sent as it is, not
 * centred. Before it goes a power of two, which takes any magnitude to where binary16 has its
 * digits. A vector of one coordinate has a second one, 0, for a block's least.
 */
final class LatticeCode implements VectorCode {
  private static final int CLIP_BITS = 16;
  private static final int MAX_RATE = 16;

  /** Reconstructions reach twice the clip level, which is rounded up. */
  private static final double MAX_MAGNITUDE = 0x1p126;

  private final int dimension;
  private final BlockShape shape;
  private final double[] scaled;
  private final double[] clip = new double[1];

  private LatticeCode(BlockShape shape, int dimension) {
    this.dimension = dimension;
    this.shape = shape;
    this.scaled = new double[shape.coordinates()];
  }

  /** The family of one of the channel's quantisers. */
  static VectorQuantizer quantizer(Quantizer quantizer) {
    return new Family(quantizer);
  }

  private static Declaration declaration(Quantizer quantizer) {
    return new Declaration(
        quantizer.isDithered() ? Declaration.Bias.NONE : Declaration.Bias.BIASED,
        quantizer.isDithered()
            ? Optional.of(
                "uniform on a step of the coordinate, width twice the clip level over "
                    + (quantizer == Quantizer.DITHER ? "N − 1" : "2^b")
                    + ", independent of the vector given its clip level, and from coordinate to"
                    + " coordinate")
            : Optional.empty(),
        "24 bits a vector: clip level and a power of two",
        "none",
        quantizer == Quantizer.MIDRISE
            ? "this project, FORMAT 3.3; THEORY 2.2"
            : "Gray and Stockham, \"Dithered Quantizers\", IEEE Trans. IT 39(3), 1993; FORMAT 3.3;"
                + " THEORY 2.2");
  }

  private record Family(Quantizer quantizer) implements VectorQuantizer {
    @Override
    public String name() {
      return quantizer.label();
    }

    @Override
    public String what() {
      return switch (quantizer) {
        case DITHER ->
            "Subtractive dither on N levels to the largest magnitude, exact lattice code";
        case DITHER_PAPER -> "Subtractive dither on 2^b + 1 levels to the largest magnitude";
        case MIDRISE -> "N even levels to the largest magnitude without dither, exact lattice code";
      };
    }

    @Override
    public Declaration declaration() {
      return LatticeCode.declaration(quantizer);
    }

    @Override
    public Optional<VectorCode> at(double rate, int dimension) {
      if (!(rate > 0 && rate <= MAX_RATE) || (quantizer == Quantizer.DITHER_PAPER && rate < 1)) {
        return Optional.empty();
      }
      return quantizer == Quantizer.DITHER_PAPER
          ? of(rate, 0, dimension)
          : of(0, (long) Math.floor(rate * dimension), dimension);
    }

    @Override
    public Optional<VectorCode> within(long bits, int dimension) {
      long budget = bits - BinaryScale.BITS - CLIP_BITS;
      if (quantizer != Quantizer.DITHER_PAPER) {
        return of(0, budget, dimension);
      }
      // The most levels: 2^b + 1 of them at any whole 2^b, b from 1 on.
      int coordinates = Math.max(2, dimension);
      int fits = 1;
      int above = (1 << MAX_RATE) + 1;
      while (above - fits > 1) {
        int middle = (fits + above) >>> 1;
        if (RadixCode.bits(middle + 1, 0, coordinates) <= budget) {
          fits = middle;
        } else {
          above = middle;
        }
      }
      return fits < 2
          ? Optional.empty()
          : of(StrictMath.log(fits) / StrictMath.log(2), 0, dimension);
    }

    private Optional<VectorCode> of(double rate, long budget, int dimension) {
      int coordinates = Math.max(2, FieldCode.checkDimension(dimension));
      if (coordinates > BlockShape.MAX_COORDINATES || (rate == 0 && budget < coordinates)) {
        return Optional.empty();
      }
      BlockShape shape = BlockShape.of(quantizer, true, coordinates, 1, rate, budget + CLIP_BITS);
      return Optional.of(new LatticeCode(shape, dimension));
    }
  }

  @Override
  public int dimension() {
    return dimension;
  }

  @Override
  public String setting() {
    return shape.finer() == 0
        ? shape.symbols() + " levels"
        : shape.symbols() + " levels, one more for " + shape.finer() + " coordinates";
  }

  @Override
  public long bits() {
    return BinaryScale.BITS + shape.payloadBits();
  }

  @Override
  public long encode(float[] x, int from, long key, byte[] out, int at) {
    float largest = FieldCode.magnitude(x, from, dimension);
    FieldCode.checkAtMost(MAX_MAGNITUDE, x, from, dimension);
    int code = BinaryScale.of(largest);
    double scale = BinaryScale.factor(code);
    for (int i = 0; i < dimension; i++) {
      scaled[i] = x[from + i] / scale;
    }
    Arrays.fill(scaled, dimension, scaled.length, 0);
    clip[0] = Centring.clipOf(Centring.clipUp(largest / scale));
    byte[] codes =
        BlockEncoder.encode(shape, shape.quantizer(), channelKey(key), 0, 0, scaled, clip).codes();
    out[at] = (byte) code;
    System.arraycopy(codes, 0, out, at + 1, codes.length);
    return bits();
  }

  @Override
  public long decode(byte[] in, int at, long key, float[] out, int to) throws BadCodesException {
    double scale = BinaryScale.factor(in[at] & 0xff);
    byte[] codes = Arrays.copyOfRange(in, at + 1, at + 1 + shape.payloadBytes());
    BlockDecoder.decode(shape, shape.quantizer(), channelKey(key), 0, 0, 0, codes, scaled, clip);
    for (int i = 0; i < dimension; i++) {
      out[to + i] = (float) (scaled[i] * scale);
    }
    FieldCode.checkDecoded(out, to, dimension);
    return bits();
  }

  private static ChannelKey channelKey(long key) {
    return ChannelKey.of(key, "vector", "");
  }
}
