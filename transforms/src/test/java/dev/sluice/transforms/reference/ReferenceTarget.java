package dev.sluice.transforms.reference;

import dev.sluice.transforms.channel.Accumulator;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BadLogitException;
import dev.sluice.transforms.fuzz.FuzzTarget;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Codes of blocks of several shapes relative to a reference, by the first byte: values within the
 * limit and a certificate, or no codes.
 */
public final class ReferenceTarget implements FuzzTarget {
  private static final double LIMIT = 500;

  private final List<Synthetic> blocks = new ArrayList<>();
  private final ReferenceDecoder decoder = new ReferenceDecoder();

  /** Blocks from one probe of two tokens to four of a hundred. */
  public ReferenceTarget() {
    for (int[] shape : new int[][] {{1, 2}, {3, 21}, {4, 100}}) {
      for (double spread : new double[] {0, 2, 40}) {
        try {
          blocks.add(new Synthetic(blocks.size(), shape[0], shape[1], 1, spread, 0.3, 0.7));
        } catch (BadLogitException e) {
          throw new IllegalStateException("a normal logit is finite", e);
        }
      }
    }
  }

  /** How many blocks there are. */
  public int kinds() {
    return blocks.size();
  }

  /** An input that is accepted. */
  public byte[] good(int kind, int bitsPerCoordinate) {
    Synthetic block = blocks.get(kind);
    int budget = 100 + block.rows.length * bitsPerCoordinate / 8;
    byte[] codes = block.encode(0, 1, budget).codes();
    byte[] input = new byte[1 + codes.length];
    input[0] = (byte) kind;
    System.arraycopy(codes, 0, input, 1, codes.length);
    return input;
  }

  @Override
  public boolean accepts(byte[] input) {
    if (input.length == 0) {
      return false;
    }
    Synthetic block = blocks.get((input[0] & 0xff) % blocks.size());
    byte[] codes = Arrays.copyOfRange(input, 1, input.length);
    double[] y = new double[block.rows.length];
    try {
      decoder.decode(block.reference, Synthetic.key(0), 7, codes, LIMIT, y);
    } catch (BadCodesException e) {
      return false;
    }
    float[] teacher = new float[y.length];
    for (int c = 0; c < y.length; c++) {
      if (!(Math.abs(y[c]) <= LIMIT) || Accumulator.onGrid(y[c]) != y[c]) {
        throw new AssertionError("coordinate " + c + ": " + y[c]);
      }
      teacher[c] = (float) (block.rows[c] + y[c]);
    }
    ReferenceCertificate certificate = new ReferenceCertificate(List.of(decoder.terms()));
    for (int probe = 0; probe < block.probes; probe++) {
      certificate.add(block.reference, probe, block.rows, teacher);
    }
    if (!(certificate.noise() >= 0 && certificate.unsent() >= 0)) {
      throw new AssertionError(certificate.noise() + " and " + certificate.unsent() + " nats");
    }
    return true;
  }
}
